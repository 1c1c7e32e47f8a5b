//! New advisories, whom they hit, and that each is told once. The records are written for this test.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use std::path::Path;
use std::sync::Arc;

use domain::access::{Principal, Reach, Role};
use domain::clock::FixedClock;
use domain::name::Tag;
use domain::page::PageRequest;
use service::feed::Feeds;
use service::keys::Keys;
use service::{Service, ServiceError};
use store::{OpenOptions, Store};
use support::*;

/// A record of Debian's, by hand: `package` is fixed in `fixed`.
fn record(id: &str, package: &str, fixed: &str, cve: &str) -> String {
    format!(
        r#"{{"schema_version":"1.6.0","id":"{id}","modified":"2026-03-01T10:00:00Z",
            "published":"2026-03-01T10:00:00Z","summary":"{package} - security update",
            "upstream":["{cve}"],"aliases":[],
            "affected":[{{"package":{{"ecosystem":"Debian:12","name":"{package}"}},
                "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn server_with(folder: &Path) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(at("2026-03-02T12:00:00Z")));
    let store = Store::open(&dir.path().join("patchloop.db"), OpenOptions::default()).unwrap();
    let keys = Keys::load_or_make(dir.path()).unwrap();
    let feeds = Feeds::open(dir.path(), Some(folder)).unwrap();
    let service = Service::new(store, Arc::clone(&clock) as _, keys, feeds).unwrap();
    service.feeds_start().unwrap();
    let owner = service.owner_create("Olga").unwrap().owner;
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

fn advisory_events(server: &Server) -> Vec<String> {
    let page = PageRequest::default();
    let events = server.service.event_list(&server.owner, &page).unwrap();
    events
        .items
        .into_iter()
        .filter(|event| event.kind.to_string().starts_with("advisory"))
        .map(|event| format!("{} {}", event.state, event.subject))
        .collect()
}

fn turn(server: &Server, service: &Arc<Service>, time: &str) {
    server.set(time);
    service.notify_turn().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_advisory_is_told_once_to_those_whom_it_hits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "one.json",
        &record("DSA-9001-1", "openssl", "3.9-1", "CVE-2026-1001"),
    );
    let server = server_with(folder.path());
    let (service, owner) = (&server.service, &server.owner);
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;

    // What was there from the beginning hits the device and is no news.
    turn(&server, service, "2026-03-02T12:01:00Z");
    assert_eq!(advisory_events(&server), Vec::<String>::new());
    let page = PageRequest::default();
    let listed = service.advisory_list(owner, &page).unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].key.as_str(), listed[0].devices, listed[0].clients),
        ("debian-osv/DSA-9001-1", 1, 1)
    );
    // No catalogue is at hand: it is not known whether it is exploited.
    assert_eq!(listed[0].kev, None);

    let exposed: Tag = "exposed".parse().unwrap();
    service.device_tag(owner, "web1", &[exposed], &[]).unwrap();
    write(
        "two.json",
        &record("DSA-9002-1", "openssl", "3.9-2", "CVE-2026-1002"),
    );
    write(
        "three.json",
        &record("DSA-9003-1", "nobody-has-this", "1", "CVE-2026-1003"),
    );
    service.feeds_start().unwrap();
    for minute in [20, 40] {
        turn(&server, service, &format!("2026-03-02T12:{minute}:00Z"));
        let mut told = advisory_events(&server);
        told.sort();
        assert_eq!(
            told,
            [
                "for-digest DSA-9002-1: 1 client, 1 device, 1 exposed",
                "quiet DSA-9003-1: hits no device",
            ]
        );
    }
    let shown = service.advisory_show(owner, "DSA-9002-1").unwrap();
    assert_eq!(shown.hit[0].client, "Acme");
    assert_eq!(shown.hit[0].names, ["web1"]);
    assert_eq!(shown.sha256.len(), 64);

    // The same document with another CVE is a change, and is told once as well.
    write(
        "two.json",
        &record("DSA-9002-1", "openssl", "3.9-2", "CVE-2026-1004"),
    );
    service.feeds_start().unwrap();
    turn(&server, service, "2026-03-02T13:00:00Z");
    turn(&server, service, "2026-03-02T13:20:00Z");
    let told = advisory_events(&server);
    assert_eq!(told.len(), 3, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_sees_no_hit_and_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let text = record("DSA-9001-1", "openssl", "3.9-1", "CVE-2026-1001");
    std::fs::write(folder.path().join("one.json"), text).unwrap();
    let server = server_with(folder.path());
    let (service, owner) = (&server.service, &server.owner);
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    let beta = service.client_add(owner, "Beta").unwrap();
    let rita = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Rita".into(),
        role: Role::Reader,
        reach: Reach::Clients(vec![beta.id]),
    };
    let page = PageRequest::default();
    assert!(
        service
            .advisory_list(&rita, &page)
            .unwrap()
            .items
            .is_empty()
    );
    // The advisory itself is public; whom it hits elsewhere is not told.
    let shown = service.advisory_show(&rita, "DSA-9001-1").unwrap();
    assert!(shown.hit.is_empty() && shown.advisory.devices == 0);
    assert!(matches!(
        service.advisory_show(&rita, "DSA-0000-1"),
        Err(ServiceError::NotFound { .. })
    ));
}
