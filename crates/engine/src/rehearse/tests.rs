//! Claims about rehearsals.

use domain::policy::Policy;
use domain::snapshot::Snapshot;
use serde_json::{Value, json};

use super::*;
use crate::policy_file;

fn policy(text: &str) -> Policy {
    let read = policy_file::read(&[("policy.toml".to_owned(), text.to_owned())]);
    read.unwrap_or_else(|problems| panic!("{problems:?}"))
        .policy
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const WINDOW: &str = r#"
[[window]]
name = "nightly"
for = "tag:server"
zone = "Europe/Berlin"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "22:00"
duration = "2h"
"#;

fn approve(after: &str) -> String {
    format!(
        "{WINDOW}\n[[rule]]\nname = \"servers\"\nowner = \"operations\"\npatches = \"product:*\"\n\
         for = \"tag:server\"\naction = \"approve\"\nafter = \"{after}\"\nwhy = \"agreed\"\n"
    )
}

/// Twelve cumulative updates, one on the tenth of every month of 2026, on one server.
fn cumulative(fix: impl Fn(usize) -> String) -> Snapshot {
    let findings: Vec<Value> = (1..=12)
        .map(|month| {
            let by = (month < 12).then(|| format!("roll-up {}", month + 1));
            json!({
                "patch": format!("roll-up {month}"), "product": "windows", "severity": "critical",
                "classification": "roll-up", "fix": fix(month), "superseded_by": by,
                "released_at": format!("2026-{month:02}-10T18:00:00Z"),
                "state": if month < 12 { "superseded" } else { "missing" },
            })
        })
        .collect();
    snapshot(json!([device("srv1", findings)]))
}

fn device(id: &str, findings: Vec<Value>) -> Value {
    json!({"id": id, "client": "Acme", "zone": "Europe/Berlin", "tags": ["server"],
           "os": "windows-server 2022", "last_seen": "2025-01-01T00:00:00Z", "findings": findings})
}

fn snapshot(devices: Value) -> Snapshot {
    serde_json::from_value(json!({"v": 1, "devices": devices,
        "feeds": [{"name": "vendor", "fresh": false, "since": null}]}))
    .unwrap()
}

fn span() -> Span {
    Span {
        months: 13,
        until: at("2027-01-01T00:00:00Z"),
        promise: Promise::default(),
    }
}

fn rehearsed(snapshot: &Snapshot, draft: &str) -> Rehearsal {
    rehearse(snapshot, &policy(draft), None, &span(), &|_, _| {})
}

#[test]
fn every_fix_ripens_in_a_year_of_monthly_updates_with_thirty_days_of_delay() {
    // The clock belongs to the branch, so a new revision does not start it again.
    let rehearsal = rehearsed(
        &cumulative(|_| "windows branch".to_owned()),
        &approve("30d"),
    );
    let tally = rehearsal.draft.tally;
    assert_eq!((tally.pairs, tally.starved, tally.not_approved), (12, 0, 0));
    // The first was ripe on 9 February at 18:00Z, in the window at 21:00Z, before the second came.
    assert_eq!((tally.installed, tally.replaced, tally.waiting), (12, 0, 0));
    assert!(rehearsal.draft.starved.is_empty());
    assert_eq!(rehearsal.patches, 12);
}

#[test]
fn a_stream_of_updates_with_clocks_of_their_own_starves_and_is_named() {
    let rehearsal = rehearsed(&cumulative(|month| format!("fix {month}")), &approve("35d"));
    let tally = rehearsal.draft.tally;
    assert_eq!((tally.installed, tally.replaced), (0, 0));
    // The time of those that came until November was there and went; the last one still waits.
    assert_eq!((tally.starved, tally.waiting), (11, 1));
    assert_eq!(rehearsal.draft.starved_total, 11);
    let first = &rehearsal.draft.starved[0];
    assert_eq!(
        (first.client.as_str(), first.device.as_str(), first.devices),
        ("Acme", "srv1", 1)
    );
    let why = first.why.as_str();
    assert!(
        why.contains("replaced") && why.contains("the end of its delay"),
        "{why}"
    );
    assert_eq!(tally.missed + tally.promised, 12);
}

#[test]
fn one_reboot_serves_all_that_is_installed_at_once_and_its_window_is_kept() {
    let patch = |name: &str, product: &str| {
        json!({"patch": name, "product": product, "severity": "critical", "classification": "roll-up",
               "released_at": "2026-03-02T09:00:00Z", "state": "missing"})
    };
    let fleet = snapshot(json!([device(
        "srv1",
        vec![patch("a", "windows"), patch("b", "dotnet")]
    )]));
    let reboot = |when: &str| {
        format!(
            "{}\n[[window]]\nname = \"sunday\"\nfor = \"device:nothing\"\nzone = \"Europe/Berlin\"\n\
             days = [\"sun\"]\nstart = \"03:00\"\nduration = \"1h\"\n\
             [[reboot]]\nname = \"servers\"\nfor = \"tag:server\"\nwhen = \"{when}\"\nwindow = \"sunday\"\n",
            approve("0d")
        )
    };
    let run = rehearsed(&fleet, &reboot("needed")).draft;
    assert_eq!(
        (
            run.tally.installed,
            run.tally.reboots,
            run.tally.reboots_by_hand
        ),
        (2, 1, 0)
    );
    let hour = &run.reboot_hours[0];
    assert_eq!(
        (hour.weekday.as_str(), hour.hour, hour.reboots),
        ("sun", 3, 1)
    );
    let run = rehearsed(&fleet, &reboot("never")).draft;
    assert_eq!((run.tally.reboots, run.tally.reboots_by_hand), (0, 1));
    let run = rehearsed(&fleet, &approve("0d")).draft;
    assert_eq!((run.tally.reboots, run.tally.reboots_by_hand), (0, 1));
}

#[test]
fn what_nobody_knows_about_reboots_is_said_and_not_guessed() {
    let patch = json!({"patch": "tool 2", "severity": "critical", "classification": "third-party",
                       "released_at": "2026-03-02T09:00:00Z", "state": "missing"});
    let run = rehearsed(
        &snapshot(json!([device("srv1", vec![patch])])),
        &approve("0d"),
    )
    .draft;
    assert_eq!((run.tally.installed, run.tally.reboots_unknown), (1, 1));
    assert_eq!((run.tally.reboots, run.tally.reboots_by_hand), (0, 0));
}

#[test]
fn a_ring_without_devices_has_nothing_to_measure() {
    let draft = format!(
        "{}\n[[rings]]\nname = \"servers\"\nfor = \"tag:server\"\nring = [\n\
         {{ name = \"pilot\", devices = \"tag:pilot\", soak = \"2d\" }},\n\
         {{ name = \"others\", devices = \"tag:server\", soak = \"0d\" }},\n]\n",
        approve("0d")
    );
    let patch = json!({"patch": "a", "product": "windows", "severity": "low",
                       "released_at": "2026-03-02T09:00:00Z", "state": "missing"});
    let rehearsal = rehearsed(&snapshot(json!([device("srv1", vec![patch])])), &draft);
    assert_eq!(rehearsal.draft.empty_rings, ["pilot of servers"]);
    // Nothing was promised for a low severity, so there is no share to show, not a hundred percent.
    assert_eq!(rehearsal.draft.tally.kept_percent(), None);
    // The second ring is reached after the first one's two days all the same.
    assert_eq!(rehearsal.draft.tally.installed, 1);
    assert_eq!(rehearsal.draft.tally.hours, 60);
}

#[test]
fn a_draft_is_held_against_the_policy_in_force() {
    let fleet = cumulative(|month| format!("fix {month}"));
    let (draft, in_force) = (policy(&approve("3d")), policy(&approve("20d")));
    let rehearsal = rehearse(&fleet, &draft, Some(&in_force), &span(), &|_, _| {});
    let old = rehearsal.in_force.unwrap();
    assert_eq!(
        (rehearsal.draft.tally.installed, old.tally.installed),
        (12, 12)
    );
    assert_eq!((rehearsal.draft.tally.missed, old.tally.missed), (0, 12));
    assert_eq!(old.missed_total, 12);
    assert_eq!(rehearsal.draft.months.len(), 12);
}

#[test]
fn what_cannot_be_replayed_is_counted_and_left_out() {
    let finding = |patch: &str, released: Value, state: &str| json!({"patch": patch, "released_at": released, "state": state, "severity": "critical"});
    let findings = vec![
        finding("dated", json!("2026-05-01T00:00:00Z"), "missing"),
        finding("undated", Value::Null, "missing"),
        finding("old", json!("2020-05-01T00:00:00Z"), "missing"),
        finding("no fix", json!("2026-05-01T00:00:00Z"), "no-fix"),
    ];
    let rehearsal = rehearsed(&snapshot(json!([device("srv1", findings)])), &approve("0d"));
    assert_eq!(
        (rehearsal.undated, rehearsal.outside, rehearsal.not_replayed),
        (1, 1, 1)
    );
    assert_eq!((rehearsal.patches, rehearsal.draft.tally.pairs), (1, 1));
}

#[test]
fn the_simulated_fleet_is_rehearsed_the_same_every_time() {
    let fleet = crate::simulated::fleet(&crate::simulated::Simulation {
        seed: 3,
        devices: 400,
        months: 6,
        until: at("2026-10-01T00:00:00Z"),
    });
    let draft = crate::simulated::policy(20, 2).unwrap();
    let span = Span {
        months: 6,
        until: at("2026-10-01T00:00:00Z"),
        ..span()
    };
    let once = rehearse(&fleet, &draft, None, &span, &|_, _| {});
    assert_eq!(once, rehearse(&fleet, &draft, None, &span, &|_, _| {}));
    let tally = once.draft.tally;
    let ends =
        tally.installed + tally.replaced + tally.waiting + tally.starved + tally.not_approved;
    assert_eq!(ends, tally.pairs);
    assert!(
        tally.installed > 0 && tally.not_approved > 0 && tally.reboots > 0,
        "{tally:?}"
    );
    let clients: u64 = once
        .draft
        .clients
        .iter()
        .map(|client| client.tally.pairs)
        .sum();
    let months: u64 = once
        .draft
        .months
        .iter()
        .map(|month| month.tally.pairs)
        .sum();
    assert_eq!((clients, months), (tally.pairs, tally.pairs));
}
