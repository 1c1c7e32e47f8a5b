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

mod support;

use support::*;

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
