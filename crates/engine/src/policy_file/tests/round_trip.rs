//! What is printed reads back to the same object, for every kind.

use domain::decision::Decision;
use domain::id::Id;
use domain::policy::{
    ApprovalRule, Delay, Exclusion, Freeze, Group, RebootRule, RebootWhen, Ring, RingSet,
    RuleAction, Study, UserPresent,
};
use domain::query::Query;
use domain::window::{CatchUp, ChangeWindow, OpensFor};
use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, ToSpan as _};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn name<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>() -> impl Strategy<Value = T>
{
    "[a-zA-Zäß\"'\\\\# =\\[\\].-]{1,20}".prop_map(|text| text.parse().unwrap())
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zäß\"'\\\\# =\\[\\]\n\t.-]{0,40}[a-z]"
}

fn devices() -> impl Strategy<Value = Query> {
    prop::sample::select(vec![
        "",
        "tag:server",
        "client:\"Acme \\\\ GmbH\" -site:b*",
        "-(tag:a,b os:debian>=12)",
        "device:\"web 1\"",
        "seen<7d",
    ])
    .prop_map(|text| text.parse().unwrap())
}

fn patches() -> impl Strategy<Value = Query> {
    prop::sample::select(vec![
        "",
        "severity>=important kev:yes",
        "-product:\"a b\"",
        "cve:CVE-2024-*",
    ])
    .prop_map(|text| text.parse().unwrap())
}

fn delay() -> impl Strategy<Value = Delay> {
    (0_u32..20_000).prop_map(Delay::from_minutes)
}

fn zone() -> impl Strategy<Value = WindowZone> {
    prop::sample::select(vec!["device", "Europe/Berlin", "UTC"])
        .prop_map(|text| text.parse().unwrap())
}

fn day() -> impl Strategy<Value = jiff::civil::Date> {
    (0_i64..20_000).prop_map(|days| date(2000, 1, 1).checked_add(days.days()).unwrap())
}

fn local() -> impl Strategy<Value = DateTime> {
    (day(), 0_i64..86_400).prop_map(|(day, second)| {
        day.at(0, 0, 0, 0)
            .checked_add(SignedDuration::from_secs(second))
            .unwrap()
    })
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn group() -> impl Strategy<Value = Group> {
    (name(), devices()).prop_map(|(name, devices)| Group {
        id: Id::unsaved(),
        client: None,
        name,
        devices,
    })
}

fn recurrence() -> impl Strategy<Value = Recurrence> {
    prop::sample::select(vec![
        "mon,thu",
        "sun",
        "2 tuesday",
        "last friday + 2 days",
        "1 monday - 3 days",
        "day 31",
        "last day",
        "2026-12-24,2026-12-31",
        "2 days after release",
        "0 days after release",
    ])
    .prop_map(|text| text.parse().unwrap())
}

fn window() -> impl Strategy<Value = ChangeWindow> {
    let catch_up = (1_u32..10_080, any::<bool>(), option::of(1_u32..20_000)).prop_map(
        |(within, not, expires)| CatchUp {
            within: format!("{within}m").parse().unwrap(),
            not: not.then(|| "22:30-06:00".parse().unwrap()),
            expires: expires.map(Delay::from_minutes),
        },
    );
    let minutes = || (1_u32..10_080).prop_map(|count| format!("{count}m").parse().unwrap());
    let days = (option::of(day()), 0_i64..400, any::<bool>());
    let rest = (option::of(minutes()), option::of(catch_up), any::<bool>());
    (
        name(),
        devices(),
        recurrence(),
        0_i8..24,
        0_i8..60,
        minutes(),
        zone(),
        days,
        rest,
    )
        .prop_map(
            |(
                name,
                devices,
                recurrence,
                hour,
                minute,
                duration,
                zone,
                days,
                (reserve, catch_up, reboots),
            )| {
                let (from, after, ends) = days;
                let until = from
                    .filter(|_| ends)
                    .map(|from| from.checked_add(after.days()).unwrap());
                let recurrence = match recurrence {
                    Recurrence::Weekly { days, .. } if from.is_some() => Recurrence::Weekly {
                        days,
                        every_weeks: 3,
                    },
                    other => other,
                };
                ChangeWindow {
                    id: Id::unsaved(),
                    client: None,
                    name,
                    devices,
                    recurrence,
                    start: jiff::civil::time(hour, minute, 0, 0),
                    duration,
                    zone,
                    from,
                    until,
                    reserve: reserve.filter(|reserve| *reserve < duration),
                    catch_up,
                    opens_for: if reboots {
                        OpensFor::Reboots
                    } else {
                        OpensFor::Changes
                    },
                    valid_from: Timestamp::MIN,
                    ended_at: None,
                }
            },
        )
}

fn freeze() -> impl Strategy<Value = Freeze> {
    let times = (local(), 1_i64..4_000_000);
    (
        name(),
        devices(),
        zone(),
        times,
        option::of(text()),
        option::of(text()),
    )
        .prop_map(
            |(name, devices, zone, (from, seconds), reason, exception)| Freeze {
                id: Id::unsaved(),
                client: None,
                name,
                devices,
                zone,
                from,
                until: from
                    .checked_add(SignedDuration::from_secs(seconds))
                    .unwrap(),
                reason: reason.unwrap_or_default(),
                exception,
            },
        )
}

fn rule() -> impl Strategy<Value = ApprovalRule> {
    let study = option::of((text(), delay()).prop_map(|(owner, due)| Study { owner, due }));
    let times = (delay(), option::of(delay()));
    (
        name(),
        option::of(text()),
        patches(),
        devices(),
        0_usize..3,
        times,
        study,
        text(),
    )
        .prop_map(
            |(name, owner, patches, devices, action, (after, kev_after), study, why)| {
                let action = RuleAction::ALL[action];
                ApprovalRule {
                    id: Id::unsaved(),
                    client: None,
                    name,
                    owner: owner.unwrap_or_else(|| OWNER_OF_NO_NAME.to_owned()),
                    patches,
                    devices,
                    action,
                    after,
                    kev_after,
                    windows: vec!["a window".parse().unwrap()],
                    rings: Some("a ring set".parse().unwrap()),
                    study: study.filter(|_| action == RuleAction::Hold),
                    why,
                }
            },
        )
}

fn decision() -> impl Strategy<Value = Decision> {
    let what = (
        0_usize..5,
        0_usize..5,
        option::of(name()),
        option::of(instant()),
    );
    (option::of(name()), patches(), devices(), text(), what).prop_map(
        |(name, patches, devices, reason, (word, level, version, until))| {
            let word = Word::ALL[word];
            let until = until.or((word == Word::AcceptRisk).then_some(Timestamp::UNIX_EPOCH));
            Decision {
                id: Id::unsaved(),
                client: None,
                word,
                name,
                patches,
                version: version.filter(|_| word == Word::Pin),
                devices,
                level: Level::ALL[level],
                reason,
                decided_by: Id::unsaved(),
                decided_by_name: DECIDED_BY_THE_POLICY.to_owned(),
                decided_at: Timestamp::MIN,
                until,
                ended_at: None,
            }
        },
    )
}

fn reboot() -> impl Strategy<Value = RebootRule> {
    let present = (
        prop::collection::btree_set(0_u32..100, 1..4),
        0_u8..=4,
        0_u32..60,
    )
        .prop_map(|(warn, deferrals, step)| UserPresent {
            warn: warn.into_iter().rev().map(Delay::from_minutes).collect(),
            deferrals,
            step: Delay::from_minutes(step),
        });
    let deadline = option::of((240_u32..20_000).prop_map(Delay::from_minutes));
    (
        name(),
        devices(),
        0_usize..3,
        any::<bool>(),
        deadline,
        option::of(present),
    )
        .prop_map(
            |(name, devices, when, window, deadline, user_present)| RebootRule {
                id: Id::unsaved(),
                client: None,
                name,
                devices,
                when: RebootWhen::ALL[when],
                window: window.then(|| "a window".parse().unwrap()),
                deadline,
                user_present,
            },
        )
}

fn rings() -> impl Strategy<Value = RingSet> {
    let ring = (devices(), delay());
    (name(), devices(), prop::collection::vec(ring, 1..5)).prop_map(|(name, devices, rings)| {
        let rings = rings
            .into_iter()
            .enumerate()
            .map(|(at, (devices, soak))| Ring {
                name: format!("ring {at}").parse().unwrap(),
                devices,
                soak,
            })
            .collect();
        RingSet {
            id: Id::unsaved(),
            client: None,
            name,
            devices,
            rings,
        }
    })
}

fn exclusion() -> impl Strategy<Value = Exclusion> {
    (name(), devices(), option::of(instant()), option::of(text())).prop_map(
        |(name, devices, until, reason)| Exclusion {
            id: Id::unsaved(),
            client: None,
            name,
            devices,
            until,
            reason: reason.unwrap_or_default(),
        },
    )
}

/// What rules and reboot rules above name.
const NAMED: &str = "[[window]]\nname = \"a window\"\ndays = [\"mon\"]\nstart = \"00:00\"\n\
                     duration = \"1h\"\n[[rings]]\nname = \"a ring set\"\nring = [{ name = \"a\" }]\n";

fn read_back(object: Object<'_>) -> Policy {
    let printed = to_toml(object);
    let text = match object {
        Object::Rule(_) | Object::Reboot(_) => format!("{NAMED}{printed}"),
        _ => printed.clone(),
    };
    match one(&text) {
        Ok(files) => files.policy,
        Err(problems) => panic!("{}\n{printed}", lines(&problems)),
    }
}

proptest! {
    #[test]
    fn every_kind_reads_back_as_it_was_printed(
        group in group(),
        window in window(),
        freeze in freeze(),
        rule in rule(),
        decision in decision(),
        reboot in reboot(),
        rings in rings(),
        exclusion in exclusion(),
    ) {
        prop_assert_eq!(&read_back(Object::Group(&group)).groups, std::slice::from_ref(&group));
        prop_assert_eq!(&read_back(Object::Window(&window)).windows, std::slice::from_ref(&window));
        prop_assert_eq!(&read_back(Object::Freeze(&freeze)).freezes, std::slice::from_ref(&freeze));
        prop_assert_eq!(&read_back(Object::Rule(&rule)).rules, std::slice::from_ref(&rule));
        prop_assert_eq!(&read_back(Object::Decision(&decision)).decisions, std::slice::from_ref(&decision));
        prop_assert_eq!(&read_back(Object::Reboot(&reboot)).reboots, std::slice::from_ref(&reboot));
        prop_assert_eq!(&read_back(Object::Rings(&rings)).rings, std::slice::from_ref(&rings));
        prop_assert_eq!(&read_back(Object::Exclude(&exclusion)).exclusions, std::slice::from_ref(&exclusion));
    }
}
