//! The objects of a policy file, each read from its table.
//!
//! A function returns `None` where it told about at least one error.

use std::ops::Range;

use domain::decision::{Decision, Level, Word};
use domain::id::Id;
use domain::name::{Label, Version};
use domain::policy::{
    ApprovalRule, Delay, Exclusion, Freeze, Group, RebootRule, RebootWhen, Ring, RingSet,
    RuleAction, Study, UserPresent,
};
use domain::query::SubjectKind;
use domain::window::{
    AFTER_RELEASE_DAYS_MAX, CatchUp, ChangeWindow, DATES_MAX, Days, Hours, MonthDay, Recurrence,
    WindowDuration, WindowZone, date_from_text, nth_from_text, start_from_text, weekday_from_text,
};
use jiff::Timestamp;
use toml::de::DeTable;

use super::fields::Fields;
use super::keys::{Row, Shape};
use super::problem::shown;

/// Who decided what a policy file decides.
pub const DECIDED_BY_THE_POLICY: &str = "the policy";
/// Who answers for a rule that does not say.
pub const OWNER_OF_NO_NAME: &str = "whoever keeps the policy";
/// How soon a study is due where the rule does not say, in minutes.
const DUE_MINUTES: u32 = 7 * 24 * 60;
/// The most rings of a set.
const RINGS_MAX: usize = 100;
/// The most warnings before a reboot.
const WARNINGS_MAX: usize = 20;

/// Opens a table below this one and reads it.
fn below<'a, T>(
    fields: &mut Fields<'_, 'a>,
    row: &'static Row,
    (table, at): (&DeTable<'a>, Range<usize>),
    read: impl FnOnce(&mut Fields<'_, 'a>) -> Option<T>,
) -> Option<T> {
    let errors = fields.problems.errors;
    let mut inner = Fields::open(fields.source, table, row, at, fields.problems);
    let value = read(&mut inner);
    (fields.problems.errors == errors)
        .then_some(value)
        .flatten()
}

fn row_of(fields: &Fields<'_, '_>, key: &str) -> Option<&'static Row> {
    match fields.shape(key)? {
        Shape::Table(row) | Shape::Tables(row) => Some(row),
        _ => None,
    }
}

fn zone(fields: &mut Fields<'_, '_>) -> Option<WindowZone> {
    if !fields.has("zone") {
        return Some(WindowZone::Device);
    }
    fields.parsed("zone")
}

/// A key that may be left out: `None` where it is wrong, `Some(None)` where it is not there.
fn maybe<T>(
    fields: &mut Fields<'_, '_>,
    key: &str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Option<Option<T>> {
    if !fields.has(key) {
        return Some(None);
    }
    read(fields).map(Some)
}

pub(super) fn group(fields: &mut Fields<'_, '_>) -> Option<Group> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    Some(Group {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
    })
}

pub(super) fn window(fields: &mut Fields<'_, '_>) -> Option<ChangeWindow> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    let zone = zone(fields);
    let start = fields.read_text("start", start_from_text);
    let duration = fields.parsed::<WindowDuration>("duration");
    let from = maybe(fields, "from", |fields| fields.date("from"));
    let until = maybe(fields, "until", |fields| fields.date("until"));
    let recurrence = recurrence(fields);
    let reserve = maybe(fields, "reserve", |fields| {
        fields.parsed::<WindowDuration>("reserve")
    });
    let catch_up = maybe(fields, "catch_up", catch_up);
    let opens_for = maybe(fields, "opens_for", |fields| fields.choice("opens_for"));
    if let (Some(Some(from)), Some(Some(until))) = (from, until)
        && from > until
    {
        fields.error_at(
            "until",
            format!("`until` {until} is before `from` {from}, so the window never opens"),
            "`until` is the last date on which it may open",
        );
    }
    if let (Some(duration), Some(Some(reserve))) = (duration, reserve)
        && reserve >= duration
    {
        fields.error_at(
            "reserve",
            format!(
                "no patch fits in {}: it is open for {duration}, and nothing begins in its last \
                 {reserve}",
                fields.label()
            ),
            "make `reserve` shorter, or `duration` longer",
        );
    }
    Some(ChangeWindow {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
        recurrence: recurrence?,
        start: start?,
        duration: duration?,
        zone: zone?,
        from: from?,
        until: until?,
        reserve: reserve?,
        catch_up: catch_up?,
        opens_for: opens_for?.unwrap_or_default(),
        valid_from: Timestamp::MIN,
        ended_at: None,
    })
}

pub(super) const RECURRENCES: [&str; 5] = ["days", "nth", "month_day", "dates", "after_release"];

fn recurrence(fields: &mut Fields<'_, '_>) -> Option<Recurrence> {
    let given: Vec<&str> = RECURRENCES
        .into_iter()
        .filter(|key| fields.has(key))
        .collect();
    let every_weeks = maybe(fields, "every_weeks", |fields| {
        fields.integer("every_weeks")
    });
    let plus_days = maybe(fields, "plus_days", |fields| fields.integer("plus_days"));
    for (key, of) in [("every_weeks", "days"), ("plus_days", "nth")] {
        if fields.has(key) && !fields.has(of) {
            fields.error_at(
                key,
                format!("`{key}` goes with `{of}` only"),
                &format!("add `{of}`, or take `{key}` out"),
            );
        }
    }
    if matches!(every_weeks, Some(Some(weeks)) if weeks > 1) && !fields.has("from") {
        fields.error_at(
            "every_weeks",
            "`every_weeks` needs `from`: weeks are counted from the Monday of its week",
            "add `from`, such as \"2026-01-05\"",
        );
    }
    match given.as_slice() {
        [] => {
            if !fields.source.is_broken_somewhere() {
                let label = format!("{} does not say on which days it opens", fields.label());
                fields.error_at(
                    "",
                    label,
                    "add one of days, nth, month_day, dates or after_release",
                );
            }
            return None;
        }
        [_] => {}
        [first, rest @ ..] => {
            for key in rest {
                let what = format!("`{key}` and `{first}` cannot stand together");
                fields.error_at(key, what, "keep one of them, and write a second window");
            }
        }
    }
    match *given.first()? {
        "days" => Some(Recurrence::Weekly {
            days: days(fields)?,
            every_weeks: u8::try_from(every_weeks?.unwrap_or(1)).ok()?,
        }),
        "nth" => {
            let (nth, weekday) = fields.read_text("nth", nth_from_text)?;
            Some(Recurrence::Nth {
                nth,
                weekday,
                plus_days: i16::try_from(plus_days?.unwrap_or(0)).ok()?,
            })
        }
        "month_day" => fields
            .number_or_text::<MonthDay>("month_day")
            .map(Recurrence::MonthDay),
        "dates" => dates(fields),
        _ => after_release(fields),
    }
}

fn days(fields: &mut Fields<'_, '_>) -> Option<Days> {
    // The text that the domain reads names each day once, so every day is checked on its own.
    let days = fields.list("days", |text| {
        weekday_from_text(text).map(|_| text.to_owned())
    })?;
    if days.is_empty() {
        fields.error_at("days", "`days` is empty", "name at least one weekday");
        return None;
    }
    days.join(",").parse().ok()
}

fn dates(fields: &mut Fields<'_, '_>) -> Option<Recurrence> {
    let mut dates = fields.list("dates", date_from_text)?;
    dates.sort_unstable();
    dates.dedup();
    if dates.is_empty() || dates.len() > DATES_MAX {
        let what = format!("`dates` has {} dates", dates.len());
        fields.error_at("dates", what, &format!("name 1 to {DATES_MAX} dates"));
        return None;
    }
    Some(Recurrence::Dates(dates))
}

fn after_release(fields: &mut Fields<'_, '_>) -> Option<Recurrence> {
    let delay: Delay = fields.parsed("after_release")?;
    let days = delay.minutes() / (24 * 60);
    match u16::try_from(days) {
        Ok(days) if delay.minutes().is_multiple_of(24 * 60) && days <= AFTER_RELEASE_DAYS_MAX => {
            Some(Recurrence::AfterRelease { days })
        }
        _ => {
            fields.error_at(
                "after_release",
                format!("`after_release` is not a number of whole days: {delay}"),
                "expected whole days, at most 366, such as \"2d\"",
            );
            None
        }
    }
}

fn catch_up(fields: &mut Fields<'_, '_>) -> Option<CatchUp> {
    let row = row_of(fields, "catch_up")?;
    let table = fields.table("catch_up")?;
    below(fields, row, table, |fields| {
        let within = fields.parsed("within");
        let not = maybe(fields, "not", |fields| fields.parsed::<Hours>("not"));
        let expires = maybe(fields, "expires", |fields| {
            fields.parsed::<Delay>("expires")
        });
        if matches!(expires, Some(Some(expires)) if expires.is_none()) {
            fields.error_at(
                "expires",
                "`expires` is no time, so nothing is ever caught up",
                "write such as \"7d\", or take `catch_up` out",
            );
        }
        Some(CatchUp {
            within: within?,
            not: not?,
            expires: expires?,
        })
    })
}

pub(super) fn freeze(fields: &mut Fields<'_, '_>) -> Option<Freeze> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    let zone = zone(fields);
    let from = fields.local("from");
    let until = fields.local("until");
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        fields.error_at(
            "until",
            "`until` is not after `from`, so nothing is frozen",
            "`until` is the first local time that is not frozen any more",
        );
    }
    let reason = maybe(fields, "reason", |fields| fields.text("reason"));
    let exception = maybe(fields, "exception", |fields| fields.text("exception"));
    Some(Freeze {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
        zone: zone?,
        from: from?,
        until: until?,
        reason: reason?.unwrap_or_default(),
        exception: exception?,
    })
}

pub(super) fn rule(fields: &mut Fields<'_, '_>) -> Option<ApprovalRule> {
    let name = fields.parsed("name");
    let owner = maybe(fields, "owner", |fields| fields.text("owner"));
    let patches = fields.query("patches", SubjectKind::Patch);
    let devices = fields.query("for", SubjectKind::Device);
    let action = fields.choice::<RuleAction>("action");
    let after = maybe(fields, "after", |fields| fields.parsed::<Delay>("after"));
    let kev_after = maybe(fields, "kev_after", |fields| {
        fields.parsed::<Delay>("kev_after")
    });
    let windows = maybe(fields, "windows", |fields| {
        fields.list("windows", |text| text.parse::<Label>())
    });
    let rings = maybe(fields, "rings", |fields| fields.parsed("rings"));
    let study = study(fields, action);
    let why = maybe(fields, "why", |fields| fields.text("why"));
    if action.is_some_and(|action| action != RuleAction::Approve) {
        for key in ["after", "kev_after", "windows", "rings"] {
            if fields.has(key) {
                let what = format!("`{key}` says nothing in a rule that does not approve");
                fields.warn_at(key, what, "take it out");
            }
        }
    }
    Some(ApprovalRule {
        id: Id::unsaved(),
        client: None,
        name: name?,
        owner: owner?.unwrap_or_else(|| OWNER_OF_NO_NAME.to_owned()),
        patches: patches?,
        devices: devices?,
        action: action?,
        after: after?.unwrap_or(Delay::NONE),
        kev_after: kev_after?,
        windows: windows?.unwrap_or_default(),
        rings: rings?,
        study: study?,
        why: why?.unwrap_or_default(),
    })
}

fn study(fields: &mut Fields<'_, '_>, action: Option<RuleAction>) -> Option<Option<Study>> {
    let owner = maybe(fields, "hold_for", |fields| fields.text("hold_for"));
    let due = maybe(fields, "due", |fields| fields.parsed::<Delay>("due"));
    if let Some(action) = action
        && action != RuleAction::Hold
        && fields.has("hold_for")
    {
        fields.error_at(
            "hold_for",
            format!("`hold_for` cannot stand with `action = \"{action}\"`"),
            "write action = \"hold\", or take `hold_for` out",
        );
    }
    if fields.has("due") && !fields.has("hold_for") {
        fields.error_at(
            "due",
            "`due` goes with `hold_for` only",
            "say in `hold_for` who studies the patch",
        );
    }
    let due = due?.unwrap_or(Delay::from_minutes(DUE_MINUTES));
    Some(owner?.map(|owner| Study { owner, due }))
}

pub(super) fn decision(fields: &mut Fields<'_, '_>) -> Option<Decision> {
    let name = maybe(fields, "name", |fields| fields.parsed::<Label>("name"));
    let word = fields.choice::<Word>("verdict");
    let patches = fields.query("patches", SubjectKind::Patch);
    let version = maybe(fields, "version", |fields| {
        fields.parsed::<Version>("version")
    });
    let devices = fields.query("for", SubjectKind::Device);
    let level = maybe(fields, "level", |fields| fields.choice::<Level>("level"));
    let until = maybe(fields, "until", |fields| fields.instant("until"));
    let reason = fields.text("reason");
    zone_without_until(fields);
    if let Some(word) = word {
        if word == Word::AcceptRisk && !fields.has("until") {
            fields.error_at(
                "verdict",
                "a risk is accepted until a day, and there is no `until`",
                "add `until`, such as \"2027-01-31\"",
            );
        }
        if word != Word::Pin && fields.has("version") {
            fields.error_at(
                "version",
                "`version` goes with `verdict = \"pin\"` only",
                "take it out, or write `product:NAME` in `patches`",
            );
        }
    }
    let devices = devices?;
    let level = level?.unwrap_or_else(|| Level::of_query(&devices));
    Some(Decision {
        id: Id::unsaved(),
        client: None,
        word: word?,
        name: name?,
        patches: patches?,
        version: version?,
        devices,
        level,
        reason: reason?,
        decided_by: Id::unsaved(),
        decided_by_name: DECIDED_BY_THE_POLICY.to_owned(),
        decided_at: Timestamp::MIN,
        until: until?,
        ended_at: None,
    })
}

fn zone_without_until(fields: &mut Fields<'_, '_>) {
    if fields.has("zone") && !fields.has("until") {
        // Read all the same, so that a wrong one is told.
        let _ = fields.named_zone("zone");
        fields.warn_at("zone", "`zone` says nothing without `until`", "take it out");
    }
}

pub(super) fn reboot(fields: &mut Fields<'_, '_>) -> Option<RebootRule> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    let when = fields.choice::<RebootWhen>("when");
    let window = maybe(fields, "window", |fields| fields.parsed("window"));
    let deadline = maybe(fields, "deadline", |fields| {
        fields.parsed::<Delay>("deadline")
    });
    let user_present = user_present(fields, deadline.flatten());
    if when == Some(RebootWhen::Never) {
        for key in ["window", "deadline", "warn", "defer"] {
            if fields.has(key) {
                let what = format!("`{key}` says nothing where devices are never rebooted");
                fields.warn_at(key, what, "take it out");
            }
        }
    }
    Some(RebootRule {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
        when: when?,
        window: window?,
        deadline: deadline?,
        user_present: user_present?,
    })
}

fn user_present(
    fields: &mut Fields<'_, '_>,
    deadline: Option<Delay>,
) -> Option<Option<UserPresent>> {
    let warn = maybe(fields, "warn", |fields| {
        fields.list("warn", |text| text.parse::<Delay>())
    });
    let defer = maybe(fields, "defer", defer);
    if !fields.has("warn") && !fields.has("defer") {
        return Some(None);
    }
    if !fields.has("warn") || matches!(&warn, Some(Some(warn)) if warn.is_empty()) {
        let key = if fields.has("warn") { "warn" } else { "defer" };
        fields.error_at(
            key,
            "a person who may put a reboot off is warned at least once, and `warn` is empty",
            "add `warn`, such as [\"60m\", \"5m\"]",
        );
        return None;
    }
    if matches!(&warn, Some(Some(warn)) if warn.len() > WARNINGS_MAX) {
        let what = format!("`warn` has more than {WARNINGS_MAX} warnings");
        fields.error_at("warn", what, "keep the ones that matter");
        return None;
    }
    let (mut warn, (deferrals, step)) = (warn??, defer?.unwrap_or((0, Delay::NONE)));
    if let Some(deadline) = deadline {
        let deferred = u64::from(step.minutes()) * u64::from(deferrals);
        if deferred > u64::from(deadline.minutes()) {
            fields.error_at(
                "defer",
                format!(
                    "a deferral longer than the deadline: {deferrals} times {step} is more than \
                     {deadline}"
                ),
                "make `times` or `step` smaller, or `deadline` larger",
            );
        }
        if warn.iter().any(|warn| *warn > deadline) {
            fields.error_at(
                "warn",
                format!("a warning comes before the deadline's {deadline} begin"),
                "warn later, or make `deadline` larger",
            );
        }
    }
    warn.sort_unstable_by(|a, b| b.cmp(a));
    warn.dedup();
    Some(Some(UserPresent {
        warn,
        deferrals,
        step,
    }))
}

fn defer(fields: &mut Fields<'_, '_>) -> Option<(u8, Delay)> {
    let row = row_of(fields, "defer")?;
    let table = fields.table("defer")?;
    below(fields, row, table, |fields| {
        let times = fields.integer("times");
        let step = fields.parsed::<Delay>("step");
        Some((u8::try_from(times?).ok()?, step?))
    })
}

pub(super) fn rings(fields: &mut Fields<'_, '_>) -> Option<RingSet> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    let row = row_of(fields, "ring")?;
    let tables = fields.tables("ring")?;
    if tables.is_empty() || tables.len() > RINGS_MAX {
        let what = format!("`ring` has {} rings", tables.len());
        fields.error_at("ring", what, &format!("write 1 to {RINGS_MAX} rings"));
        return None;
    }
    let mut rings: Vec<Ring> = Vec::new();
    for (table, at) in tables {
        let ring = below(fields, row, (table, at.clone()), ring);
        if let Some(ring) = &ring
            && rings.iter().any(|other| other.name == ring.name)
        {
            let what = format!(
                "two rings of this set are called `{}`",
                shown(ring.name.as_str())
            );
            fields.error(at.start, what, Some("give one of them another name".into()));
        }
        rings.extend(ring);
    }
    Some(RingSet {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
        rings,
    })
}

fn ring(fields: &mut Fields<'_, '_>) -> Option<Ring> {
    let name = fields.parsed("name");
    let devices = fields.query("devices", SubjectKind::Device);
    let soak = maybe(fields, "soak", |fields| fields.parsed("soak"));
    Some(Ring {
        name: name?,
        devices: devices?,
        soak: soak?.unwrap_or(Delay::NONE),
    })
}

pub(super) fn exclusion(fields: &mut Fields<'_, '_>) -> Option<Exclusion> {
    let name = fields.parsed("name");
    let devices = fields.query("for", SubjectKind::Device);
    let until = maybe(fields, "until", |fields| fields.instant("until"));
    let reason = maybe(fields, "reason", |fields| fields.text("reason"));
    zone_without_until(fields);
    Some(Exclusion {
        id: Id::unsaved(),
        client: None,
        name: name?,
        devices: devices?,
        until: until?,
        reason: reason?.unwrap_or_default(),
    })
}
