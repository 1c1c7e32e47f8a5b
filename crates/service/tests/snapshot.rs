//! The fleet as a snapshot over a real store: what it says, and to whom.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::page::PageRequest;
use domain::snapshot::{Snapshot, SnapshotState};
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
