//! The policy that the tests write down, and how they read the document.

use super::*;

pub(super) fn query(text: &str) -> Query {
    text.parse().unwrap()
}
pub(super) fn after(text: &str) -> Delay {
    text.parse().unwrap()
}
pub(super) fn id<K: domain::id::Kind>(number: u8) -> Id<K> {
    Id::from_bytes([number; 16])
}
pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
pub(super) fn monday() -> Timestamp {
    at("2026-03-02T09:00:00Z")
}

pub(super) fn a_window(
    name: &str,
    devices: &str,
    days: &str,
    start: &str,
    duration: &str,
    zone: &str,
) -> ChangeWindow {
    ChangeWindow {
        id: WindowId::from_bytes([1; 16]),
        client: None,
        name: name.parse().unwrap(),
        devices: query(devices),
        recurrence: days.parse().unwrap(),
        start: domain::window::start_from_text(start).unwrap(),
        duration: duration.parse().unwrap(),
        zone: zone.parse().unwrap(),
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        opens_for: domain::window::OpensFor::Changes,
        valid_from: at("2026-01-01T00:00:00Z"),
        ended_at: None,
    }
}

pub(super) fn a_rule(name: &str, patches: &str, devices: &str, action: RuleAction) -> ApprovalRule {
    ApprovalRule {
        id: id(1),
        client: None,
        name: name.parse().unwrap(),
        owner: "Ada".into(),
        patches: query(patches),
        devices: query(devices),
        action,
        after: Delay::NONE,
        kev_after: None,
        windows: Vec::new(),
        rings: None,
        study: None,
        why: String::new(),
    }
}

pub(super) fn a_decision(word: Word, patches: &str, devices: &str) -> Decision {
    Decision {
        id: DecisionId::from_bytes([1; 16]),
        client: None,
        word,
        name: None,
        patches: query(patches),
        version: None,
        devices: query(devices),
        level: Level::Client,
        reason: "the vendor's own agent needs the old one".into(),
        decided_by: PrincipalId::from_bytes([1; 16]),
        decided_by_name: "Ben".into(),
        decided_at: at("2026-02-01T08:00:00Z"),
        until: None,
        ended_at: None,
    }
}

pub(super) fn policy() -> Policy {
    let mut tuesday = a_window(
        "Tuesday night",
        "tag:server",
        "tue",
        "22:00",
        "2h",
        "Europe/Berlin",
    );
    tuesday.reserve = Some("30m".parse().unwrap());
    tuesday.catch_up = Some(CatchUp {
        within: "2h".parse().unwrap(),
        not: Some("09:00-17:00".parse().unwrap()),
        expires: Some(after("7d")),
    });
    let nightly = a_window(
        "nightly",
        "tag:workstation",
        "mon,tue,wed,thu,fri,sat,sun",
        "00:00",
        "4h",
        "device",
    );
    let release = a_window(
        "after release",
        "client:other",
        "2 days after release",
        "22:00",
        "4h",
        "UTC",
    );
    let mut servers = a_rule(
        "servers",
        "severity:critical,important",
        "tag:server",
        RuleAction::Approve,
    );
    servers.after = after("7d");
    servers.kev_after = Some(after("1d"));
    servers.windows = vec!["Tuesday night".parse().unwrap()];
    servers.rings = Some("servers in two steps".parse().unwrap());
    servers.why = "one week of experience of others".into();
    let mut rest = a_rule(
        "the rest",
        "severity:moderate,low,unrated",
        "",
        RuleAction::Hold,
    );
    rest.study = Some(Study {
        owner: "the server team".into(),
        due: after("14d"),
    });
    let mut accepted = a_decision(
        Word::AcceptRisk,
        "product:openssl",
        "client:Acme device:till-7",
    );
    accepted.until = Some(at("2026-06-01T00:00:00Z"));
    let mut over = a_decision(Word::Deny, "product:curl", "");
    over.ended_at = Some(at("2026-02-10T00:00:00Z"));
    Policy {
        without_windows: Default::default(),
        groups: vec![Group {
            id: id(1),
            client: None,
            name: "pilots".parse().unwrap(),
            devices: query("client:Acme tag:pilot"),
        }],
        windows: vec![tuesday, nightly, release],
        freezes: vec![Freeze {
            id: id(2),
            client: None,
            name: "year end".parse().unwrap(),
            devices: query("client:Acme"),
            zone: WindowZone::Named("Europe/Berlin".into()),
            from: "2026-12-18T00:00".parse().unwrap(),
            until: "2027-01-05T00:00".parse().unwrap(),
            reason: "the shop earns its year".into(),
            exception: Some("Carla of Acme".into()),
        }],
        rules: vec![servers, rest],
        decisions: vec![accepted, over],
        reboots: vec![RebootRule {
            id: id(3),
            client: None,
            name: "workstations".parse().unwrap(),
            devices: query("tag:workstation"),
            when: RebootWhen::Needed,
            window: Some("nightly".parse().unwrap()),
            deadline: Some(after("3d")),
            user_present: Some(UserPresent {
                warn: vec![after("1h"), after("15m")],
                deferrals: 4,
                step: after("4h"),
            }),
        }],
        rings: vec![RingSet {
            id: id(4),
            client: None,
            name: "servers in two steps".parse().unwrap(),
            devices: query("tag:server"),
            rings: vec![
                Ring {
                    name: "pilot".parse().unwrap(),
                    devices: query("tag:pilot"),
                    soak: after("2d"),
                },
                Ring {
                    name: "all".parse().unwrap(),
                    devices: query(""),
                    soak: Delay::NONE,
                },
            ],
        }],
        exclusions: vec![Exclusion {
            id: id(5),
            client: None,
            name: "laboratory".parse().unwrap(),
            devices: query("client:Acme site:Lab"),
            until: None,
            reason: "certified as they are".into(),
        }],
        unreadable: vec![Unreadable {
            kind: PolicyKind::Freeze,
            name: "easter".into(),
            devices: query("client:other"),
            client: None,
            why: "`2026-02-30` is not a date".into(),
        }],
    }
}

/// The document as lines, to be read by a person.
pub(super) fn text(written: &Written) -> String {
    let mut out = vec![written.title.clone()];
    out.extend(written.preamble.iter().map(|line| format!("  {line}")));
    for section in &written.sections {
        out.push(format!("## {}", section.heading));
        for entry in &section.entries {
            out.push(format!(
                "{} {}: {}",
                entry.kind,
                entry.name,
                entry.sentences.join(" ")
            ));
            out.extend(
                entry
                    .queries
                    .iter()
                    .map(|one| format!("    {}: {}", one.of, one.query)),
            );
        }
    }
    out.push("## Steps".into());
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Step(number) => format!("go to {number}"),
        Outcome::End(text) => text.clone(),
    };
    out.extend(written.tree.iter().map(|step| {
        format!(
            "{}. {} yes: {} no: {}",
            step.number,
            step.question,
            outcome(&step.yes),
            outcome(&step.no)
        )
    }));
    for window in &written.windows {
        out.push(format!(
            "## {}: {} [{}] {}",
            window.name,
            window.when,
            window.zone.as_deref().unwrap_or("own"),
            window.note.as_deref().unwrap_or("")
        ));
        out.extend(
            window
                .openings
                .iter()
                .map(|one| format!("    {}, {}", one.day, one.hours)),
        );
    }
    out.push("## Left open on purpose".into());
    out.extend(written.exceptions.iter().map(|one| {
        let until = one
            .until
            .map_or_else(|| "no end".to_owned(), |until| until.to_string());
        format!(
            "{} {}: {} {} ({until}) {}",
            one.what,
            one.name,
            one.sentence,
            one.owner.as_deref().unwrap_or("nobody"),
            one.why
        )
    }));
    out.extend(written.unreadable.iter().map(|line| format!("! {line}")));
    out.join("\n")
}
