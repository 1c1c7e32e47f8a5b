//! Claims about the difference that a change of policy makes.

use domain::policy::{Exclusion, Policy};
use domain::query::Query;
use domain::snapshot::Snapshot;

use super::*;
use crate::decide::SnapshotWorld;
use crate::policy_file;
use crate::simulated::{self, Simulation};

fn policy(text: &str) -> Policy {
    let read = policy_file::read(&[("policy.toml".to_owned(), text.to_owned())]);
    read.unwrap_or_else(|problems| panic!("{problems:?}"))
        .policy
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Three servers of one client and one of another, all without the same patch.
fn fleet() -> Snapshot {
    let device = |id: &str, client: &str| {
        serde_json::json!({
            "id": id, "client": client, "site": "Berlin", "zone": "Europe/Berlin",
            "tags": ["server"], "os": "debian 12", "last_seen": null,
            "findings": [{
                "patch": "openssl 3.0.17", "product": "openssl", "severity": "critical",
                "released_at": "2026-03-01T00:00:00Z", "first_seen_at": "2026-03-01T06:00:00Z",
                "state": "missing",
            }],
        })
    };
    serde_json::from_value(serde_json::json!({"v": 1, "feeds": [], "devices": [
        device("web1", "Acme"), device("web2", "Acme"), device("db1", "Acme"), device("srv", "Bolt"),
    ]}))
    .unwrap()
}

const BASE: &str = r#"
[[window]]
name = "nightly"
for = "tag:server"
zone = "device"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "22:00"
duration = "2h"

[[rule]]
name = "servers"
owner = "operations"
patches = "severity>=important"
for = "tag:server"
action = "approve"
after = "7d"
why = "agreed"
"#;

fn with(more: &str) -> Policy {
    policy(&format!("{BASE}\n{more}"))
}

fn deny(devices: &str) -> Policy {
    with(&format!(
        "[[decision]]\nverdict = \"deny\"\npatches = \"product:openssl\"\nfor = \"{devices}\"\n\
         reason = \"breaks the shop\"\n"
    ))
}

#[test]
fn taking_a_device_out_of_a_denial_is_shown_as_what_it_opens() {
    let (before, after) = (deny("client:Acme"), deny("client:Acme -device:db1"));
    let difference = difference(&fleet(), &before, &after, at("2026-03-02T09:00:00Z"));
    assert_eq!(
        (difference.counts.opens, difference.counts.released),
        (1, 1)
    );
    assert_eq!(
        (difference.devices_changed, difference.patches_changed),
        (1, 1)
    );
    assert_eq!(difference.first_due_at, Some(at("2026-03-08T21:00:00Z")));
    assert_eq!(difference.clients_total, 1);
    let example = &difference.clients[0].examples[0];
    assert_eq!(
        (example.device.as_str(), example.effect),
        ("db1", Effect::Opens)
    );
    assert_eq!(example.before.verdict, Answer::Never);
    assert_eq!(example.after.at, Some(at("2026-03-08T21:00:00Z")));
    let why = example.released.as_deref().unwrap();
    assert!(
        why.contains("denied") && why.contains("breaks the shop"),
        "{why}"
    );
}

#[test]
fn a_new_approval_opens_what_nobody_kept_closed() {
    let window = BASE.split("[[rule]]").next().unwrap();
    let difference = difference(
        &fleet(),
        &policy(window),
        &with(""),
        at("2026-03-02T09:00:00Z"),
    );
    assert_eq!(
        (difference.counts.opens, difference.counts.released),
        (4, 0)
    );
    assert_eq!(difference.objects_total, 1);
    assert_eq!(difference.objects[0].change, Change::Added);
    assert_eq!(difference.clients.len(), 2);
    assert_eq!(difference.clients[0].client, "Acme");
    assert_eq!(difference.clients[0].devices, 3);
}

#[test]
fn a_freeze_that_goes_is_shown_as_what_it_opens() {
    let frozen = with(
        "[[freeze]]\nname = \"fair\"\nfor = \"client:Bolt\"\nzone = \"device\"\n\
         from = \"2026-03-01T00:00\"\nuntil = \"2026-03-20T00:00\"\nreason = \"trade fair\"\n",
    );
    let difference = difference(&fleet(), &frozen, &with(""), at("2026-03-10T09:00:00Z"));
    assert_eq!(
        (difference.counts.sooner, difference.counts.released),
        (1, 1)
    );
    let example = &difference.clients[0].examples[0];
    assert!(
        example.released.as_deref().unwrap().contains("trade fair"),
        "{example:?}"
    );
    assert_eq!(example.before.at, Some(at("2026-03-20T21:00:00Z")));
    assert_eq!(example.after.at, Some(at("2026-03-10T21:00:00Z")));
}

#[test]
fn the_same_policy_makes_no_difference_however_its_queries_are_spaced() {
    let spaced = BASE.replace("severity>=important", "  severity>=important ");
    let difference = difference(
        &fleet(),
        &with(""),
        &policy(&spaced),
        at("2026-03-02T09:00:00Z"),
    );
    assert!(difference.is_nothing(), "{difference:?}");
    assert_eq!(difference.counts.pairs, 4);
}

#[test]
fn rules_in_another_order_are_another_policy() {
    let second = "[[rule]]\nname = \"all\"\nowner = \"operations\"\npatches = \"product:*\"\n\
                  for = \"tag:server\"\naction = \"approve\"\nafter = \"0d\"\nwhy = \"x\"\n";
    let window = BASE.split("[[rule]]").next().unwrap();
    let rule = BASE.split_once("[[rule]]").unwrap().1;
    let swapped = policy(&format!("{window}\n{second}\n[[rule]]{rule}"));
    let difference = difference(
        &fleet(),
        &with(second),
        &swapped,
        at("2026-03-02T09:00:00Z"),
    );
    assert_eq!(difference.counts.sooner, 4);
    assert_eq!(difference.objects_total, 2);
}

fn simulation(devices: u32) -> Simulation {
    Simulation {
        seed: 11,
        devices,
        months: 2,
        until: at("2026-10-01T00:00:00Z"),
    }
}

#[test]
fn excluding_never_opens_or_hastens_anything() {
    let fleet = simulated::fleet(&simulation(400));
    let before = simulated::policy(30, 2).unwrap();
    for devices in [
        "tag:server",
        "device:device-00001*",
        "client:client-0000 -tag:pilot",
        "seen<1h",
    ] {
        let mut after = before.clone();
        after.exclusions.push(Exclusion {
            id: domain::id::Id::unsaved(),
            client: None,
            name: "kept out".parse().unwrap(),
            devices: Query::parse(devices).unwrap(),
            until: None,
            reason: "test".into(),
        });
        let difference = difference(&fleet, &before, &after, simulation(1).until);
        let counts = difference.counts;
        assert_eq!(
            (counts.opens, counts.sooner, counts.released),
            (0, 0, 0),
            "{devices}"
        );
        assert!(counts.closes > 0, "{devices}");
    }
}

#[test]
fn classes_of_equal_devices_answer_as_each_device_alone_does() {
    let fleet = simulated::fleet(&simulation(300));
    let now = simulation(1).until;
    let (before, mut after) = (
        simulated::policy(9, 2).unwrap(),
        simulated::policy(40, 2).unwrap(),
    );
    after.windows.truncate(2);
    after.rings.clear();
    let mut counts = Counts::default();
    let (was, is) = (
        SnapshotWorld::new(&fleet, &before),
        SnapshotWorld::new(&fleet, &after),
    );
    for device in &fleet.devices {
        let (was, is) = (was.device(device, now), is.device(device, now));
        for finding in &device.findings {
            let (was, is) = (was.verdict(finding), is.verdict(finding));
            let effect = match (was.at, is.at) {
                (None, Some(_)) => Some(Effect::Opens),
                (Some(_), None) => Some(Effect::Closes),
                (was_at, is_at) if is_at < was_at => Some(Effect::Sooner),
                (was_at, is_at) if is_at > was_at => Some(Effect::Later),
                _ => (was.gate != is.gate).then_some(Effect::OtherReason),
            };
            counts.add(effect, false, 1);
        }
    }
    let difference = difference(&fleet, &before, &after, now);
    assert!(counts.changed() > 100 && counts.closes > 0, "{counts:?}");
    counts.released = difference.counts.released;
    assert_eq!(difference.counts, counts);
}

#[test]
fn lists_are_bounded_and_their_whole_counts_stand_beside_them() {
    let mut fleet = fleet();
    let finding = fleet.devices[0].findings[0].clone();
    for number in 0..50 {
        let patch = format!("openssl 3.1.{number}");
        fleet.devices[0]
            .findings
            .push(domain::snapshot::SnapshotFinding {
                patch,
                ..finding.clone()
            });
    }
    let difference = difference(
        &fleet,
        &deny("client:Acme"),
        &with(""),
        at("2026-03-02T09:00:00Z"),
    );
    let acme = &difference.clients[0];
    assert_eq!(acme.examples.len(), EXAMPLES_MAX);
    assert_eq!((acme.examples_total, acme.counts.released), (51, 53));
}
