//! The written policy of a small provider, as text; queries in words; what concerns a client.

use domain::decision::{Decision, Level, Word};
use domain::id::{DecisionId, Id, PrincipalId, WindowId};
use domain::policy::{
    ApprovalRule, Delay, Exclusion, Freeze, Group, Policy, RebootRule, RebootWhen, Ring, RingSet,
    RuleAction, Study, Unreadable, UserPresent,
};
use domain::query::Query;
use domain::window::{CatchUp, ChangeWindow, WindowZone};
use jiff::Timestamp;

use super::*;

fn query(text: &str) -> Query {
    text.parse().unwrap()
}
fn after(text: &str) -> Delay {
    text.parse().unwrap()
}
fn id<K: domain::id::Kind>(number: u8) -> Id<K> {
    Id::from_bytes([number; 16])
}
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
fn monday() -> Timestamp {
    at("2026-03-02T09:00:00Z")
}

fn a_window(
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
        valid_from: at("2026-01-01T00:00:00Z"),
        ended_at: None,
    }
}

fn a_rule(name: &str, patches: &str, devices: &str, action: RuleAction) -> ApprovalRule {
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

fn a_decision(word: Word, patches: &str, devices: &str) -> Decision {
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

fn policy() -> Policy {
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
fn text(written: &Written) -> String {
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

#[test]
fn the_document_says_who_what_how_when_and_why() {
    let asked = Asked {
        at: monday(),
        ..Asked::default()
    };
    insta::assert_snapshot!("document", text(&write(&policy(), &asked)));
}

#[test]
fn a_client_reads_only_what_can_concern_it() {
    let client = ClientAsked {
        name: "acme".into(),
        id: None,
    };
    let asked = Asked {
        at: monday(),
        client: Some(client),
        device_zone: Some("Europe/Berlin".into()),
        ..Asked::default()
    };
    let acme = text(&write(&policy(), &asked));
    insta::assert_snapshot!("document_of_a_client", acme);
    assert!(!acme.contains("client other"), "{acme}");
    let client = ClientAsked {
        name: "other".into(),
        id: None,
    };
    let asked = Asked {
        client: Some(client),
        ..asked
    };
    let other = text(&write(&policy(), &asked));
    for of_acme in ["year end", "laboratory", "till-7", "pilots” is"] {
        assert!(!other.contains(of_acme), "{of_acme}: {other}");
    }
    for of_all in ["Tuesday night", "the rest", "easter"] {
        assert!(other.contains(of_all), "{of_all}: {other}");
    }
}

#[test]
fn what_perhaps_covers_a_client_stays_in_its_document() {
    let one = |devices: &str| {
        let policy = Policy {
            groups: vec![Group {
                id: id(1),
                client: None,
                name: "ours".parse().unwrap(),
                devices: query("client:other"),
            }],
            exclusions: vec![Exclusion {
                id: id(5),
                client: None,
                name: "x".parse().unwrap(),
                devices: query(devices),
                until: None,
                reason: String::new(),
            }],
            ..Policy::default()
        };
        let client = ClientAsked {
            name: "Acme".into(),
            id: None,
        };
        !limited_to(&policy, &client).exclusions.is_empty()
    };
    for stays in [
        "",
        "tag:server",
        "client:ACME",
        "client:a*",
        "-client:other",
        "-(client:other tag:x)",
        "site:Berlin",
        "site:acme/Berlin",
        "-(-client:other -client:acme)",
        "web",
    ] {
        assert!(one(stays), "{stays}");
    }
    for goes in [
        "client:other",
        "-client:acme",
        "client:other tag:server",
        "site:other/Berlin",
        "-(-client:other -client:third)",
    ] {
        assert!(!one(goes), "{goes}");
    }
}

#[test]
fn an_object_of_another_client_is_left_out_whatever_its_query() {
    let (ours, theirs) = (id(1), id(2));
    let client = ClientAsked {
        name: "Acme".into(),
        id: Some(ours),
    };
    let exclusion = |owner| Exclusion {
        id: id(5),
        client: owner,
        name: "x".parse().unwrap(),
        devices: query(""),
        until: None,
        reason: String::new(),
    };
    let policy = Policy {
        exclusions: vec![
            exclusion(Some(theirs)),
            exclusion(None),
            exclusion(Some(ours)),
        ],
        ..Policy::default()
    };
    let kept: Vec<_> = limited_to(&policy, &client)
        .exclusions
        .iter()
        .map(|one| one.client)
        .collect();
    assert_eq!(kept, [None, Some(ours)]);
}

#[test]
fn queries_are_put_into_words() {
    let of_devices = [
        "",
        "tag:server",
        "client:Acme",
        "client:Acme site:Berlin tag:server",
        "tag:server -tag:pilot",
        "os:debian>=12,ubuntu<24.04",
        "seen<7d",
        "-seen<7d",
        "missing:critical",
        "missing>=important",
        "-(tag:a tag:b)",
        "-(-tag:a -tag:b)",
        "package:openssl<3.0.17",
        "kev:yes",
        "-kev:yes",
        "till",
        "-client:a*,b",
        "tag:*",
        "cve:CVE-2026-0001",
    ];
    let of_patches = [
        "",
        "severity:critical,important",
        "severity>=important",
        "severity:unrated",
        "-severity:low",
        "kev:yes",
        "kev:no",
        "product:openssl,linux*",
        "-product:linux",
        "age>14d",
        "cve:CVE-2026-0001",
        "package:openssl",
        "origin:*",
        "patch:deb:bookworm/openssl@3.0.22-1~deb12u2",
        "state:missing",
    ];
    let mut lines: Vec<String> = of_devices
        .iter()
        .map(|text| format!("{text} | {}", devices(&query(text))))
        .collect();
    lines.extend(
        of_patches
            .iter()
            .map(|text| format!("{text} | {}", patches(&query(text)))),
    );
    insta::assert_snapshot!("queries", lines.join("\n"));
}

#[test]
fn every_recurrence_is_put_into_words() {
    let mut lines = Vec::new();
    for days in [
        "mon,tue,wed,thu,fri,sat,sun",
        "mon,tue,wed,thu,fri",
        "sat,sun",
        "tue every 2 weeks",
        "tue every 3 weeks",
        "2 tuesday",
        "2 tuesday + 9 days",
        "last friday - 1 days",
        "day 5",
        "day 31",
        "last day",
        "2026-12-24",
        "2026-01-01,2026-02-01,2026-03-01,2026-04-01,2026-05-01,2026-06-01,2026-07-01,2026-08-01",
        "1 days after release",
    ] {
        let mut window = a_window("w", "", days, "22:00", "4h", "device");
        window.from = Some("2026-01-05".parse().unwrap());
        lines.push(format!("{days} | {}", when_open(&window)));
    }
    for (start, duration) in [
        ("00:00", "24h"),
        ("22:00", "2h"),
        ("22:00", "24h"),
        ("00:00", "7d"),
        ("08:30", "90m"),
    ] {
        lines.push(format!(
            "{start} {duration} | {}",
            when_open(&a_window("w", "", "mon", start, duration, "UTC"))
        ));
    }
    insta::assert_snapshot!("recurrences", lines.join("\n"));
}

#[test]
fn an_empty_policy_says_that_nothing_happens() {
    let written = write(
        &Policy::default(),
        &Asked {
            at: monday(),
            ..Asked::default()
        },
    );
    assert!(
        written
            .sections
            .iter()
            .all(|section| section.entries.is_empty())
    );
    let keys: Vec<&str> = written.sections.iter().map(|section| section.key).collect();
    assert_eq!(keys, ["who", "what", "how", "when", "why"]);
    assert_eq!(
        written.tree[0].no,
        Outcome::End("Nothing is changed; the gap in knowledge is shown and told.".into())
    );
    assert!(written.windows.is_empty() && written.exceptions.is_empty());
}

#[test]
fn every_step_of_the_tree_leads_to_a_step_that_exists_and_ends() {
    let steps = write(
        &policy(),
        &Asked {
            at: monday(),
            ..Asked::default()
        },
    )
    .tree;
    for step in &steps {
        for outcome in [&step.yes, &step.no] {
            if let Outcome::Step(next) = outcome {
                assert!(*next > step.number && *next <= steps.len(), "{step:?}");
            }
        }
    }
    let last = steps.last().unwrap();
    assert!(matches!(last.yes, Outcome::End(_)) && matches!(last.no, Outcome::End(_)));
}

#[test]
fn the_page_escapes_what_people_wrote_and_needs_no_other_file() {
    let mut policy = policy();
    policy.rules[0].why = "<script>alert('x')</script> & \"more\"".into();
    let page = html(&write(
        &policy,
        &Asked {
            at: monday(),
            ..Asked::default()
        },
    ));
    assert!(
        page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;")
    );
    for outside in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in [
        "id=\"who\"",
        "id=\"what\"",
        "id=\"how\"",
        "id=\"when\"",
        "id=\"why\"",
        "id=\"tree\"",
        "id=\"exceptions\"",
        "Signature",
        "size:A4",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn a_freeze_is_cut_out_of_what_is_printed_and_closes_all_when_it_cannot_be_read() {
    let asked = Asked {
        at: monday(),
        ..Asked::default()
    };
    let mut policy = Policy {
        windows: vec![ChangeWindow {
            zone: "UTC".parse().unwrap(),
            ..crate::testing::window()
        }],
        ..Policy::default()
    };
    let printed = |policy: &Policy| write(policy, &asked).windows.remove(0);
    let first = printed(&policy).openings[0].day.clone();
    policy.freezes.push(Freeze {
        id: Id::unsaved(),
        client: None,
        name: "stocktaking".parse().unwrap(),
        devices: Query::everything(),
        zone: "UTC".parse().unwrap(),
        from: "2026-03-02T00:00".parse().unwrap(),
        until: "2026-03-03T12:00".parse().unwrap(),
        reason: "the shelves are counted".into(),
        exception: None,
    });
    let cut = printed(&policy);
    assert_eq!(first, "Mon 2 March 2026");
    assert_eq!(cut.openings[0].day, "Mon 9 March 2026");
    policy.freezes[0].zone = WindowZone::Named("Mars/Base".into());
    let closed = printed(&policy);
    assert!(closed.openings.is_empty());
    let note = closed.note.unwrap();
    assert!(
        note.contains("The freeze stocktaking cannot be read") && note.contains("Mars/Base"),
        "{note}"
    );
}
