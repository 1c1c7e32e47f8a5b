//! The fleet as a snapshot over a real store: what it says, and to whom.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use std::sync::Arc;

use domain::access::{Principal, Reach, Role};
use domain::clock::FixedClock;
use domain::feed::Feed;
use domain::page::PageRequest;
use domain::snapshot::{Snapshot, SnapshotState};
use service::Service;
use service::feed::Feeds;
use service::keys::Keys;
use store::{OpenOptions, Store};
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_says_what_is_known_of_findings_contacts_and_fixes() {
    let server = Server::new();
    let token = server.token(2);
    let mut agent = Agent::enrol(&server, "web1", &token, 1).await.unwrap();
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    // Off for three hours, and back.
    server.set("2026-03-02T15:00:00Z");
    agent.sync(&server).await;
    Agent::enrol(&server, "web2", &token, 2).await.unwrap();
    let all = PageRequest::default();
    let (snapshot, next) = server
        .service
        .snapshot(&server.owner, Some("device:web1"), &all)
        .unwrap();
    assert_eq!((snapshot.v, next), (1, None));
    // What is written is read again.
    let text = serde_json::to_string(&snapshot).unwrap();
    let read: Snapshot = serde_json::from_str(&text).unwrap();
    let device = &read.devices[0];
    assert_eq!(read.devices.len(), 1);
    assert_eq!(
        (
            device.client.as_str(),
            device.site.as_str(),
            device.zone.as_str()
        ),
        ("Acme", "Berlin", "Europe/Berlin")
    );
    assert_eq!(device.last_seen, Some(at("2026-03-02T15:00:00Z")));
    let contacts = device.contacts.as_ref().unwrap();
    let contacts: Vec<_> = contacts.iter().map(|one| (one.from, one.until)).collect();
    assert_eq!(
        contacts,
        [
            (at("2026-03-02T12:00:00Z"), Some(at("2026-03-02T12:00:01Z"))),
            (at("2026-03-02T15:00:00Z"), None)
        ]
    );
    let finding = &device.findings[0];
    assert_eq!(finding.patch, OPENSSL);
    assert_eq!(finding.state, SnapshotState::Missing);
    assert_eq!(finding.fix(), "CVE-2024-5535");
    assert_eq!(finding.first_seen_at, Some(at("2026-03-02T12:00:00Z")));
    // Page by page: one device a page.
    let one = PageRequest {
        cursor: None,
        limit: 1,
    };
    let (first, next) = server.service.snapshot(&server.owner, None, &one).unwrap();
    let rest = PageRequest {
        cursor: next,
        limit: 1,
    };
    let (second, end) = server.service.snapshot(&server.owner, None, &rest).unwrap();
    assert_ne!(first.devices[0].id, second.devices[0].id);
    assert_eq!(end, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_devices_are_in_no_snapshot() {
    let server = Server::new();
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    let other = server.service.client_add(&server.owner, "Beta").unwrap();
    let rita = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Rita".into(),
        role: Role::Reader,
        reach: Reach::Clients(vec![other.id]),
    };
    let all = PageRequest::default();
    for q in [None, Some("device:web1"), Some("client:Acme")] {
        let (snapshot, next) = server.service.snapshot(&rita, q, &all).unwrap();
        assert!(snapshot.devices.is_empty() && next.is_none(), "{q:?}");
    }
}

/// A server with a record of Debian's, by hand and long ago: a fix that no device's sources carry.
fn server_with_an_old_feed(folder: &std::path::Path) -> Server {
    let record = r#"{"schema_version":"1.6.0","id":"DSA-9001-1","modified":"2025-11-01T10:00:00Z",
        "published":"2025-11-01T10:00:00Z","summary":"bash - security update",
        "upstream":["CVE-2025-1001"],"aliases":[],
        "affected":[{"package":{"ecosystem":"Debian:12","name":"bash"},
            "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"9.9-1"}]}]}]}"#;
    std::fs::write(folder.join("one.json"), record).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(at("2026-03-02T12:00:00Z")));
    let store = Store::open(&dir.path().join("patchloop.db"), OpenOptions::default()).unwrap();
    let keys = Keys::load_or_make(dir.path()).unwrap();
    let feeds = Feeds::open(dir.path(), Some(folder)).unwrap();
    let service = Service::new(store, Arc::clone(&clock) as _, keys, feeds).unwrap();
    service.feeds_start().unwrap();
    let owner = service.owner_create("Olga").unwrap().owner;
    service.feed_enable(&owner, Feed::DebianOsv, true).unwrap();
    service.client_add(&owner, "Acme").unwrap();
    service
        .site_add(&owner, "Acme", "Berlin", "Europe/Berlin")
        .unwrap();
    Server {
        service,
        clock,
        owner,
        dir,
    }
}

/// A policy with everything that a snapshot can carry over.
const POLICY: &str = r#"
[[window]]
name = "nights"
for = "client:Acme"
zone = "Europe/Berlin"
start = "22:00"
duration = "2h"
days = ["mon", "thu"]

[[window]]
name = "any time"
for = "tag:anytime"
zone = "Europe/Berlin"
start = "00:00"
duration = "1d"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

[[freeze]]
name = "stock"
for = "tag:frozen"
zone = "Europe/Berlin"
from = "2026-03-01T00:00"
until = "2026-03-20T00:00"
reason = "stock is counted"

[[group]]
name = "inner"
for = "tag:pilot"

[[group]]
name = "pilots"
for = "group:inner"

[[rule]]
name = "security"
owner = "Ada"
patches = "product:openssl"
for = "-tag:undecided"
action = "approve"
after = "7d"
why = "tested"

[[rings]]
name = "rollout"
for = "tag:ringed,tag:pilot"
ring = [{ name = "first", devices = "group:pilots", soak = "3d" }, { name = "rest" }]
"#;

/// Every pair of a device and a finding: what the server says and what the files and the snapshot
/// say without it.
fn compared(server: &Server, q: Option<&str>) -> usize {
    let all = PageRequest::default();
    let (snapshot, _) = server.service.snapshot(&server.owner, q, &all).unwrap();
    // As it is written and read.
    let text = serde_json::to_string(&snapshot).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    let files = server.service.policy_export(&server.owner).unwrap().files;
    let files: Vec<(String, String)> = files.into_iter().map(|f| (f.file, f.text)).collect();
    let policy = engine::policy_file::read(&files).unwrap().policy;
    let world = engine::decide::SnapshotWorld::new(&snapshot, &policy);
    let now = server.service.now();
    let mut pairs = 0;
    for device in &snapshot.devices {
        for finding in &device.findings {
            let here = server
                .service
                .why(&server.owner, &device.id, &finding.patch)
                .unwrap();
            let there = world.verdict(device, finding, now);
            let name = device.name.as_deref().unwrap_or_default();
            let what = format!("{name} {}\n{here:#?}\n{there:#?}", finding.patch);
            assert_eq!(there.verdict, here.verdict, "{what}");
            assert_eq!(there.at, here.at, "{what}");
            assert_eq!(there.gate, here.gate, "{what}");
            for (there, here) in there.gates.iter().zip(&here.gates) {
                assert_eq!(
                    (there.gate, there.open, there.opens_at),
                    (here.gate, here.open, here.opens_at),
                    "{what}"
                );
            }
            pairs += 1;
        }
    }
    pairs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_is_answered_without_the_server_as_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = server_with_an_old_feed(folder.path());
    let service = &server.service;
    let token = server.token(1);
    // Seen first long ago: the fix has its clock from then on.
    let mut first = Agent::enrol(&server, "first", &token, 1).await.unwrap();
    first.sync(&server).await;
    server.set("2026-03-05T12:00:00Z");
    let names = [
        "plain",
        "pilot",
        "ringed",
        "frozen",
        "undecided",
        "decided",
        "anytime",
        "lists",
        "off",
        "old",
    ];
    let mut agents = Vec::new();
    for (seed, name) in (2..).zip(names) {
        let token = server.token(1);
        let mut agent = Agent::enrol(&server, name, &token, seed).await.unwrap();
        if name == "lists" {
            agent.facts.offers.lists = domain::offer::Lists::Absent;
        }
        agent.sync(&server).await;
        service
            .device_tag(&server.owner, name, &[name.parse().unwrap()], &[])
            .unwrap();
        server.manage(name);
        agents.push((name, agent));
    }
    server.manage("first");
    let sent = service::policy::PolicySent {
        files: vec![service::policy::PolicyFile {
            file: "policy.toml".into(),
            text: POLICY.into(),
        }],
        ..Default::default()
    };
    service.policy_apply(&server.owner, &sent).unwrap();
    for (word, device) in [("hold", "decided"), ("approve", "anytime")] {
        let wanted = service::decision::NewDecision {
            word: word.parse().unwrap(),
            patches: "product:openssl".into(),
            devices: format!("device:Acme/{device}"),
            level: None,
            until: (word == "hold").then(|| at("2026-03-12T12:00:00Z")),
            version: None,
            reason: "tested".into(),
            dry_run: false,
        };
        service.decision_add(&server.owner, &wanted).unwrap();
    }
    // A feed that is old: what the devices report is as good as ever.
    let stale = |server: &Server| {
        let all = PageRequest::default();
        let (snapshot, _) = server.service.snapshot(&server.owner, None, &all).unwrap();
        snapshot.feeds.iter().filter(|feed| !feed.fresh).count()
    };
    assert_eq!(
        stale(&server),
        2,
        "Debian's and the reports that are lacking"
    );
    // Without the device that saw it first, only the server knows when the clock began.
    let others = Some("-device:first");
    let all = PageRequest::default();
    let (snapshot, _) = service.snapshot(&server.owner, others, &all).unwrap();
    let openssl = snapshot.devices.iter().flat_map(|device| &device.findings);
    for finding in openssl.filter(|finding| finding.patch == OPENSSL) {
        assert_eq!(finding.clock_at, Some(at("2026-03-02T12:00:00Z")));
        assert_eq!(finding.first_seen_at, Some(at("2026-03-05T12:00:00Z")));
    }
    let mut verdicts = std::collections::BTreeSet::new();
    for now in [
        "2026-03-05T12:00:00Z",
        "2026-03-07T12:00:00Z",
        "2026-03-09T11:59:59Z",
        "2026-03-09T12:00:00Z",
        "2026-03-09T22:00:00Z",
        "2026-03-12T21:00:00Z",
        "2026-03-12T23:30:00Z",
        "2026-03-20T12:00:00Z",
    ] {
        server.set(now);
        for (name, agent) in &mut agents {
            if !matches!(*name, "off" | "old") {
                agent.sync(&server).await;
            }
        }
        assert!(compared(&server, None) >= 20, "{now}");
        assert!(compared(&server, others) >= 18, "{now}");
        for name in names {
            let Ok(why) = service.why(&server.owner, name, OPENSSL) else {
                continue;
            };
            verdicts.insert((why.verdict, why.gate));
        }
    }
    assert!(verdicts.len() >= 6, "{verdicts:?}");
}
