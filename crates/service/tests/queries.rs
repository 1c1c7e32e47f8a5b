//! Queries over a real store: groups in every list, and what could be typed next.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::page::PageRequest;
use domain::query::SubjectKind;
use service::ServiceError;
use service::decision::NewDecision;
use service::policy::{PolicyFile, PolicySent};
use support::*;

const GROUPS: &str = r#"
[[group]]
name = "pilots"
for = "tag:pilot"

[[group]]
name = "acme pilots"
for = "client:Acme group:pilots"

[[group]]
name = "secretgroup"
for = "client:Secretco"
"#;

async fn enrol(server: &Server, site: &str, name: &str, seed: u8, tag: &str) {
    let wanted = service::enrolment::NewEnrolment {
        site: site.into(),
        uses: 1,
        expires: "24h".into(),
    };
    let made = server.service.enrolment_create(&server.owner, &wanted);
    let token = made.unwrap().token;
    let mut agent = Agent::enrol(server, name, &token, seed).await.unwrap();
    agent.sync(server).await;
    let tags = [tag.parse().unwrap()];
    server
        .service
        .device_tag(&server.owner, name, &tags, &[])
        .unwrap();
}

/// Two devices of Acme, one of them a pilot, and a pilot of another client.
async fn fleet() -> Server {
    let server = Server::new();
    let service = &server.service;
    service.client_add(&server.owner, "Secretco").unwrap();
    service
        .site_add(&server.owner, "Secretco", "Secretown", "Asia/Tokyo")
        .unwrap();
    enrol(&server, "Acme/Berlin", "web1", 1, "pilot").await;
    enrol(&server, "Acme/Berlin", "web2", 2, "rest").await;
    enrol(&server, "Secretco/Secretown", "secretbox", 3, "pilot").await;
    let sent = PolicySent {
        files: vec![PolicyFile {
            file: "groups.toml".into(),
            text: GROUPS.into(),
        }],
        ..PolicySent::default()
    };
    service.policy_apply(&server.owner, &sent).unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_asked_for_in_every_list() {
    let server = fleet().await;
    let (service, owner) = (&server.service, &server.owner);
    let page = PageRequest::default();
    let devices = |q: &str| -> Vec<String> {
        let found = service.device_list(owner, Some(q), None, &page).unwrap();
        let mut names: Vec<String> = found.items.into_iter().map(|one| one.name).collect();
        names.sort();
        names
    };
    assert_eq!(devices("group:pilots"), ["secretbox", "web1"]);
    assert_eq!(devices("group:\"acme pilots\""), ["web1"]);
    assert_eq!(devices("-group:pilots"), ["web2"]);
    assert_eq!(devices("group:nothing"), Vec::<String>::new());
    let findings = |q: &str| -> Vec<String> {
        let found = service.finding_list(owner, Some(q), None, &page).unwrap();
        let mut names: Vec<String> = found.items.into_iter().map(|one| one.device).collect();
        names.sort();
        names
    };
    assert_eq!(
        findings("group:pilots product:openssl"),
        ["secretbox", "web1"]
    );
    assert_eq!(findings("-group:\"acme pilots\""), ["secretbox", "web2"]);
    let patches = service.patch_list(owner, Some("group:\"acme pilots\""), &page);
    let counts: Vec<u32> = patches
        .unwrap()
        .items
        .iter()
        .map(|one| one.devices)
        .collect();
    assert_eq!(counts, [1]);
    // A decision for a group touches its devices, and those alone.
    let wanted = NewDecision {
        word: "approve".parse().unwrap(),
        patches: "product:openssl".into(),
        devices: "client:Acme group:pilots".into(),
        level: None,
        until: None,
        version: None,
        reason: "tested".into(),
        dry_run: false,
    };
    let made = service.decision_add(owner, &wanted).unwrap();
    assert_eq!(
        (made.devices.as_slice(), made.clients_count),
        (["web1".to_owned()].as_slice(), 1)
    );
    let decided = |device: &str| {
        let why = service.why(owner, device, "openssl").unwrap();
        why.gates[2].open
    };
    assert_eq!(
        (decided("web1"), decided("web2")),
        (Some(true), Some(false))
    );
    assert_eq!(decided("secretbox"), Some(false));
    let listed = service.decision_list(owner, &page).unwrap().items;
    assert_eq!(listed[0].devices, "client:Acme group:pilots");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_typed_next_are_values_that_are_in_reach() {
    let server = fleet().await;
    let service = &server.service;
    let clients = service
        .client_list(&server.owner, &PageRequest::default())
        .unwrap();
    let acme = clients.items.iter().find(|one| one.name == "Acme").unwrap();
    let theo = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Theo".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![acme.id]),
    };
    let ask = |who: &Principal, q: &str, of| -> Vec<String> {
        let found = service.query_complete(who, q, None, of).unwrap();
        found.into_iter().map(|one| one.insert).collect()
    };
    let of = SubjectKind::Device;
    assert_eq!(ask(&server.owner, "client:", of), ["Acme", "Secretco"]);
    assert_eq!(
        ask(&server.owner, "group:", of),
        ["\"acme pilots\"", "pilots", "secretgroup"]
    );
    assert_eq!(ask(&server.owner, "-tag:P", of), ["pilot"]);
    assert_eq!(ask(&server.owner, "os:deb", of), ["debian"]);
    assert_eq!(ask(&server.owner, "zone:asia", of), ["Asia/Tokyo"]);
    assert_eq!(
        ask(&server.owner, "product:", SubjectKind::Patch),
        ["openssl"]
    );
    assert!(ask(&server.owner, "cl", of).contains(&"client:".to_owned()));
    assert_eq!(
        ask(&server.owner, "severity:crit", SubjectKind::Patch),
        ["critical"]
    );
    // A technician of one client is offered nothing of another.
    for q in [
        "client:",
        "site:",
        "device:",
        "tag:",
        "group:",
        "zone:",
        "os:",
        "client:S",
        "device:s",
        "group:sec",
    ] {
        let offered = ask(&theo, q, of).join(" ").to_lowercase();
        assert!(
            !offered.contains("secret") && !offered.contains("tokyo"),
            "{q}: {offered}"
        );
    }
    assert_eq!(ask(&theo, "client:", of), ["Acme"]);
    assert_eq!(ask(&theo, "device:", of), ["web1", "web2"]);
    // In the middle of a query, and what is replaced.
    let found = service
        .query_complete(&theo, "tag:re site:Berlin", Some(6), of)
        .unwrap();
    assert_eq!(
        (found[0].from, found[0].to, found[0].insert.as_str()),
        (4, 6, "rest")
    );
    // Beyond its end, inside a letter, and too long: no fault.
    assert!(service.query_complete(&theo, "tag:ä", Some(5), of).is_ok());
    assert!(
        service
            .query_complete(&theo, "tag:", Some(u32::MAX), of)
            .is_ok()
    );
    let long = "x".repeat(10_001);
    let refused = service.query_complete(&theo, &long, None, of).unwrap_err();
    assert!(matches!(refused, ServiceError::Invalid { .. }));
}
