use super::*;
use crate::testing::{at, decision, missing, monday, patch, rules, view};
use crate::view::FixClock;
use domain::decision::{Level, Word};
use domain::device::{Mode, Standing};
use domain::finding::FindingState;
use domain::offer::Lists;
use domain::policy::{
    ApprovalRule, Delay, Exclusion, Freeze, PolicyKind, Ring, RingSet, RuleAction, Study,
    Unreadable,
};
use domain::query::Query;
use proptest::prelude::*;

fn ask(view: &DeviceView, rules: &Policy, now: Timestamp) -> Verdict {
    evaluate(view, &view.findings[0], rules, now)
}

/// One line a gate, as `why` prints it.
fn trace(verdict: &Verdict) -> String {
    let mut text = format!("{}: {}\n", verdict.verdict, verdict.sentence);
    for gate in &verdict.gates {
        let state = match gate.open {
            Some(true) => "open",
            Some(false) => "closed",
            None => "-",
        };
        text.push_str(&format!("  {} {state}: {}\n", gate.gate, gate.reason));
    }
    text
}

#[test]
fn before_the_window_an_approved_patch_waits_for_it() {
    let verdict = ask(&view(), &rules(), monday());
    assert_eq!(verdict.verdict, Answer::Later);
    assert_eq!(verdict.gate, Some(GateName::Window));
    // Monday 22:00 in Berlin, in winter.
    assert_eq!(verdict.at, Some(at("2026-03-02T21:00:00Z")));
    insta::assert_snapshot!(trace(&verdict));
}

#[test]
fn in_the_window_it_is_now() {
    let mut view = view();
    let now = at("2026-03-02T21:30:00Z");
    view.device.last_seen = Some(now);
    let verdict = ask(&view, &rules(), now);
    assert_eq!(
        (verdict.verdict, verdict.at, verdict.gate),
        (Answer::Now, Some(now), None)
    );
    insta::assert_snapshot!(verdict.sentence);
}

fn id() -> domain::id::PolicyId {
    domain::id::PolicyId::from_bytes([6; 16])
}

fn exclusion(until: Option<Timestamp>) -> Exclusion {
    Exclusion {
        id: id(),
        client: None,
        name: "Left alone".parse().unwrap(),
        devices: "tag:server".parse().unwrap(),
        until,
        reason: "the client does it".into(),
    }
}

fn rule(name: &str, action: RuleAction) -> ApprovalRule {
    ApprovalRule {
        id: id(),
        client: None,
        name: name.parse().unwrap(),
        owner: "Grace".into(),
        patches: "product:openssl".parse().unwrap(),
        devices: Query::everything(),
        action,
        after: Delay::NONE,
        kev_after: None,
        windows: vec![],
        rings: None,
        study: None,
        why: "our practice".into(),
    }
}

/// The device is in the second ring, if the first query does not fit it.
fn rings(name: &str, second: &str) -> RingSet {
    let ring = |name: &str, devices: &str| Ring {
        name: name.parse().unwrap(),
        devices: devices.parse().unwrap(),
        soak: "7d".parse().unwrap(),
    };
    RingSet {
        id: id(),
        client: None,
        name: name.parse().unwrap(),
        devices: Query::everything(),
        rings: vec![ring("test", "tag:test"), ring("production", second)],
    }
}

/// From Sunday, 1 March.
fn freeze(until: &str) -> Freeze {
    Freeze {
        id: id(),
        client: None,
        name: "Year end".parse().unwrap(),
        devices: Query::everything(),
        zone: "device".parse().unwrap(),
        from: "2026-03-01T00:00".parse().unwrap(),
        until: until.parse().unwrap(),
        reason: "the books are closed".into(),
        exception: None,
    }
}

fn unreadable(kind: PolicyKind) -> Unreadable {
    Unreadable {
        kind,
        name: "Nightly".into(),
        devices: Query::everything(),
        client: None,
        why: "`Mars/Olympus` is not a time zone".into(),
    }
}

/// Every reason for a no, each with its one sentence.
#[test]
fn every_no_has_a_sentence_that_says_who_can_change_it() {
    type Change = fn(&mut DeviceView, &mut Policy);
    let cases: &[(&str, Change)] = &[
        ("never reported", |v, _| v.facts = None),
        ("old report", |v, _| {
            v.device.inventory_at = Some(at("2026-02-01T00:00:00Z"))
        }),
        ("no lists", |v, _| {
            v.facts.as_mut().unwrap().offers.lists = Lists::Absent
        }),
        ("unknown", |v, _| {
            v.findings[0].finding.state = FindingState::Unknown
        }),
        ("fixed", |v, _| {
            v.findings[0].finding.state = FindingState::Fixed;
            v.findings[0].finding.why = "3.0.17-1~deb12u2 is installed".into();
        }),
        ("refused", |v, _| {
            v.findings[0].finding.refused = Some("it would remove curl".into());
        }),
        ("undecided", |_, r| r.decisions.clear()),
        ("hold", |_, r| {
            r.decisions
                .push(decision(2, Word::Hold, Level::Client, "product:openssl"));
        }),
        ("hold until", |_, r| {
            let mut hold = decision(2, Word::Hold, Level::Device, "product:openssl");
            hold.until = Some(at("2026-03-02T20:00:00Z"));
            r.decisions.push(hold);
        }),
        ("deny that perhaps covers", |v, r| {
            v.findings[0].finding.facts.cves = None;
            r.decisions
                .push(decision(2, Word::Deny, Level::Device, "cve:CVE-2026-9999"));
        }),
        ("needs another", |v, _| {
            v.findings.push(missing("zlib", "2"));
            v.findings[0].finding.needs = vec![patch("zlib", "2"), patch("gone", "1")];
        }),
        ("no window", |_, r| r.windows.clear()),
        ("unknown zone", |v, _| v.device.zone = "Mars/Olympus".into()),
        ("observe", |v, _| v.device.mode = Mode::Observe),
        ("ahead", |v, _| v.device.standing = Standing::Ahead),
        ("not privileged", |v, _| {
            v.device.agent.as_mut().unwrap().privileged = false
        }),
        ("cannot install", |v, _| {
            v.device.agent.as_mut().unwrap().verbs.clear()
        }),
        ("off, before the window", |v, _| {
            v.device.last_seen = Some(at("2026-03-01T09:00:00Z"))
        }),
        ("excluded", |_, r| r.exclusions.push(exclusion(None))),
        ("excluded for a while", |_, r| {
            r.exclusions
                .push(exclusion(Some(at("2026-03-20T00:00:00Z"))))
        }),
        ("a rule holds it for a team", |_, r| {
            r.decisions.clear();
            let mut hold = rule("Kernels", RuleAction::Hold);
            hold.study = Some(Study {
                owner: "the Linux team".into(),
                due: "5d".parse().unwrap(),
            });
            r.rules = vec![hold];
        }),
        ("a rule denies it", |_, r| {
            r.decisions.clear();
            r.rules = vec![rule("Drivers", RuleAction::Deny)];
        }),
        ("delay", |_, r| {
            r.decisions.clear();
            let mut slow = rule("Slow", RuleAction::Approve);
            slow.after = "20d".parse().unwrap();
            r.rules = vec![slow];
        }),
        ("delay after a release, exploited", |v, r| {
            r.decisions.clear();
            let mut slow = rule("Slow", RuleAction::Approve);
            slow.after = "60d".parse().unwrap();
            slow.kev_after = Some("9d".parse().unwrap());
            r.rules = vec![slow];
            v.findings[0].finding.facts.kev = Some(true);
            let clock = FixClock {
                began_at: at("2026-02-28T00:00:00Z"),
                released: true,
            };
            v.clocks.insert(v.findings[0].finding.patch.clone(), clock);
        }),
        ("ring", |_, r| r.rings.push(rings("Servers", "tag:server"))),
        ("no ring", |_, r| {
            r.rings.push(rings("Servers", "tag:nothing"))
        }),
        ("rings that are not there", |_, r| {
            r.decisions.clear();
            let mut all = rule("All", RuleAction::Approve);
            all.rings = Some("Gone".parse().unwrap());
            r.rules = vec![all];
        }),
        ("freeze", |_, r| r.freezes.push(freeze("2026-03-20T00:00"))),
        ("freeze with an exception, that perhaps covers", |v, r| {
            let mut freeze = freeze("2026-03-20T00:00");
            freeze.exception = Some("the service manager".into());
            freeze.devices = "package:oracle".parse().unwrap();
            v.inventory = None;
            r.freezes.push(freeze);
        }),
        ("freeze that ends before it begins", |_, r| {
            r.freezes.push(freeze("2026-01-01T00:00"))
        }),
        ("freeze that cannot be read", |_, r| {
            r.unreadable.push(unreadable(PolicyKind::Freeze))
        }),
        ("rule that cannot be read", |_, r| {
            r.unreadable.push(unreadable(PolicyKind::Rule))
        }),
        ("window that cannot be read", |_, r| {
            r.unreadable.push(unreadable(PolicyKind::Window))
        }),
        ("windows of a rule do not cover it", |_, r| {
            r.decisions.clear();
            let mut all = rule("All", RuleAction::Approve);
            all.windows = vec!["Weekend".parse().unwrap()];
            r.rules = vec![all];
        }),
        ("no opening any more", |_, r| {
            r.windows[0].recurrence = "2020-01-06".parse().unwrap();
        }),
        ("pinned", |_, r| {
            let mut pin = decision(2, Word::Pin, Level::Site, "product:openssl");
            pin.version = Some("3.0.17-1~deb12u1".parse().unwrap());
            r.decisions.push(pin);
        }),
    ];
    let mut text = String::new();
    for (name, change) in cases {
        let (mut view, mut rules) = (view(), rules());
        change(&mut view, &mut rules);
        let verdict = ask(&view, &rules, monday());
        let gate = verdict.gate.map_or("-", GateName::word);
        text.push_str(&format!(
            "{name}\n  {} [{gate}] {}\n",
            verdict.verdict, verdict.sentence
        ));
        assert_ne!(verdict.verdict, Answer::Now, "{name}");
        assert_eq!(verdict.gates.len(), 10, "{name}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_closest_level_wins_and_the_losers_are_named() {
    let mut rules = rules();
    rules.decisions = vec![
        decision(1, Word::Deny, Level::Provider, "product:openssl"),
        decision(2, Word::Hold, Level::Site, "product:openssl"),
        decision(3, Word::Approve, Level::Device, "product:openssl"),
    ];
    let gate = Evaluator::new(&view(), &rules, monday()).decided(&view().findings[0]);
    assert_eq!(gate.open, Some(true));
    insta::assert_snapshot!(gate.reason, @"approved by Ada for the device (tested on the bench); this goes before hold by Ada for the site, deny by Ada for the provider");
}

#[test]
fn what_it_needs_must_be_approved_too_through_all_steps() {
    let mut view = view();
    view.findings.push(missing("zlib", "2"));
    view.findings.push(missing("libc", "3"));
    view.findings[0].finding.needs = vec![patch("zlib", "2")];
    view.findings[1].finding.needs = vec![patch("libc", "3"), patch("openssl", "3.0.17-1~deb12u2")];
    let mut rules = rules();
    rules.decisions[0] = decision(1, Word::Approve, Level::Client, "product:openssl,zlib");
    let verdict = ask(&view, &rules, monday());
    assert_eq!(verdict.gate, Some(GateName::Decided));
    assert_eq!(
        verdict.gates[2].reason,
        "it needs deb:bookworm/libc@3, which is not approved"
    );
    rules.decisions[0] = decision(1, Word::Approve, Level::Client, "product:*");
    assert_eq!(ask(&view, &rules, monday()).gate, Some(GateName::Window));
}

#[test]
fn a_decision_of_another_client_is_no_decision() {
    let mut rules = rules();
    rules.decisions[0].client = Some(domain::id::ClientId::from_bytes([8; 16]));
    assert_eq!(ask(&view(), &rules, monday()).gate, Some(GateName::Decided));
}

#[test]
fn a_preview_says_what_is_touched_and_when_it_is_first_due() {
    let mut rules = rules();
    let new = rules.decisions.remove(0);
    let mut other = view();
    other.device.id = domain::id::DeviceId::from_bytes([4; 16]);
    other.findings = vec![missing("bash", "2")];
    let shown = preview(&new, &[view(), other], &rules, monday());
    assert_eq!(shown.patches, [patch("openssl", "3.0.17-1~deb12u2")]);
    assert_eq!(shown.devices, [view().device.id]);
    assert_eq!(shown.first_due_at, Some(at("2026-03-02T21:00:00Z")));
    let hold = decision(4, Word::Hold, Level::Device, "product:*");
    assert_eq!(
        preview(&hold, &[view()], &rules, monday()).first_due_at,
        None
    );
}

#[test]
fn what_only_another_word_opens_is_never_in_short_and_at_length() {
    let policy = |more: &str| {
        let text = format!(
            "[[window]]\nname = \"w\"\nzone = \"UTC\"\nfor = \"tag:server\"\nstart = \"03:00\"\n\
             duration = \"1h\"\ndays = [\"mon\"]\n{more}\n[[rule]]\nname = \"old\"\nowner = \"Ada\"\n\
             why = \"y\"\naction = \"approve\"\npatches = \"age>=1d\"\n[[rule]]\nname = \"new\"\n\
             owner = \"Ada\"\nwhy = \"y\"\naction = \"approve\"\nwindows = [\"other\"]\n[[window]]\n\
             name = \"other\"\nfor = \"tag:other\"\nzone = \"UTC\"\nstart = \"03:00\"\nduration = \
             \"1h\"\ndays = [\"mon\"]\n"
        );
        let files = crate::policy_file::read(&[("a.toml".to_owned(), text)]);
        files.unwrap().policy
    };
    let fleet: domain::snapshot::Snapshot = serde_json::from_str(
        r#"{"v":1,"devices":[{"id":"d","zone":"UTC","tags":["server"],
            "findings":[{"patch":"p","released_at":"2026-03-01T12:00:00Z"}]}]}"#,
    )
    .unwrap();
    let now = "2026-03-01T18:00:00Z".parse().unwrap();
    let asked = |policy: &Policy| {
        let world = crate::decide::SnapshotWorld::new(&fleet, policy);
        let device = &fleet.devices[0];
        let verdict = world.verdict(device, &device.findings[0], now);
        let short = world.device(device, now).outcome(&device.findings[0]);
        assert_eq!(Outcome::of(&verdict), short);
        assert_eq!(world.fleet(1).outcomes(now, 1), [short]);
        verdict
    };
    // The rule that counts names a window that does not cover the device; tomorrow another counts.
    let never = asked(&policy(""));
    assert_eq!(
        (never.verdict, never.gate),
        (Answer::Never, Some(GateName::Window))
    );
    // Nothing approves until tomorrow: that is a time.
    let later = asked(&policy(
        "[[rule]]\nname = \"first\"\nowner = \"Ada\"\nwhy = \"y\"\naction = \"hold\"\npatches = \
         \"age<1d\"\n",
    ));
    assert_eq!(
        (later.verdict, later.gate),
        (Answer::Later, Some(GateName::Decided))
    );
}

#[test]
fn a_preview_says_what_a_decision_beats_and_what_it_loses_to() {
    let mut rules = rules();
    rules.decisions = vec![
        decision(1, Word::Approve, Level::Provider, "product:openssl"),
        decision(2, Word::Deny, Level::Device, "product:openssl"),
        decision(3, Word::Deny, Level::Device, "product:bash"),
    ];
    let hold = decision(4, Word::Hold, Level::Client, "product:openssl");
    let shown = preview(&hold, &[view()], &rules, monday());
    let told = |rivals: &[super::Rival]| -> Vec<String> {
        let told = |one: &super::Rival| format!("{} {}", one.says, one.level);
        rivals.iter().map(told).collect()
    };
    assert_eq!(told(&shown.loses_to), ["deny device"]);
    assert_eq!(told(&shown.beats), ["approve provider"]);
    // Nothing else matches: it beats nobody.
    rules.decisions.clear();
    let alone = preview(&hold, &[view()], &rules, monday());
    assert_eq!((alone.loses_to.len(), alone.beats.len()), (0, 0));
}

#[test]
fn a_rule_of_one_client_is_asked_for_its_devices_however_the_client_is_written() {
    let rule = |name: &str, devices: &str, action: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nowner = \"Ada\"\nwhy = \"y\"\npatches = \"\"\n\
             for = '{devices}'\naction = \"{action}\"\n"
        )
    };
    let text = rule("other", "client:bolt", "deny")
        + &rule("own", "client:\"Ümlaut GmbH\"", "hold")
        + &rule("all", "", "approve");
    let files = crate::policy_file::read(&[("a.toml".to_owned(), text)]);
    let policy = files.unwrap().policy;
    let fleet: domain::snapshot::Snapshot = serde_json::from_str(
        r#"{"v":1,"devices":[
            {"id":"a","client":"ümlaut GMBH","zone":"UTC","findings":[{"patch":"p"}]},
            {"id":"b","client":"acme","zone":"UTC","findings":[{"patch":"p"}]},
            {"id":"c","zone":"UTC","findings":[{"patch":"p"}]}]}"#,
    )
    .unwrap();
    let world = crate::decide::SnapshotWorld::new(&fleet, &policy);
    let decided = |device: usize| {
        let device = &fleet.devices[device];
        let verdict = world.verdict(device, &device.findings[0], monday());
        verdict.gates[2].reason.clone()
    };
    assert!(
        decided(0).starts_with("the rule own waits"),
        "{}",
        decided(0)
    );
    assert!(
        decided(1).starts_with("approved by the rule all"),
        "{}",
        decided(1)
    );
    // Whose it is is not known: what holds back covers it perhaps.
    assert!(
        decided(2).starts_with("denied by the rule other"),
        "{}",
        decided(2)
    );
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![Just(Word::Approve), Just(Word::Hold), Just(Word::Deny)]
}

fn level() -> impl Strategy<Value = Level> {
    (0..Level::ALL.len()).prop_map(|at| Level::ALL[at])
}

proptest! {
    #[test]
    fn deny_wins_within_the_closest_level_and_farther_ones_change_nothing(
        words in proptest::collection::vec((word(), level()), 1..8),
    ) {
        let mut rules = rules();
        rules.decisions = words.iter().enumerate()
            .map(|(at, (word, level))| decision(at as u8, *word, *level, "product:openssl"))
            .collect();
        let view = view();
        let closest = words.iter().map(|(_, level)| *level).max().unwrap();
        let denied = words.iter().any(|(word, level)| *level == closest && *word != Word::Approve);
        let gate = Evaluator::new(&view, &rules, monday()).decided(&view.findings[0]);
        prop_assert_eq!(gate.open, Some(!denied));
        // Take away everything farther: the answer stays.
        rules.decisions.retain(|decision| decision.level == closest);
        let alone = Evaluator::new(&view, &rules, monday()).decided(&view.findings[0]);
        prop_assert_eq!(alone.open, gate.open);
    }

    #[test]
    fn never_now_when_any_gate_is_closed_and_later_comes_true(
        observe in any::<bool>(), ahead in any::<bool>(), hours in 0_i64..400,
        seen_hours in 0_i64..3, held in any::<bool>(), hold_hours in 1_i64..200,
    ) {
        let now = monday() + jiff::SignedDuration::from_hours(hours);
        let mut view = view();
        view.device.mode = if observe { Mode::Observe } else { Mode::Managed };
        view.device.standing = if ahead { Standing::Ahead } else { Standing::Level };
        view.device.last_seen = Some(now - jiff::SignedDuration::from_hours(seen_hours));
        view.device.inventory_at = Some(now);
        let mut rules = rules();
        if held {
            let mut hold = decision(2, Word::Hold, Level::Device, "product:openssl");
            hold.until = Some(now + jiff::SignedDuration::from_hours(hold_hours));
            rules.decisions.push(hold);
        }
        let verdict = ask(&view, &rules, now);
        let all_open = verdict.gates.iter().all(|gate| gate.open == Some(true));
        prop_assert_eq!(verdict.verdict == Answer::Now, all_open);
        prop_assert_eq!(verdict.at.is_none(), verdict.verdict == Answer::Never);
        if let (Answer::Later, Some(then)) = (verdict.verdict, verdict.at) {
            prop_assert!(then > now);
            view.device.last_seen = Some(then);
            view.device.inventory_at = Some(then);
            let again = ask(&view, &rules, then);
            prop_assert!(again.verdict == Answer::Now, "{}", again.sentence);
        }
    }
}
