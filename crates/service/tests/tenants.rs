//! A client never sees another client's data: not by name, not by id, not in a list, not in a word.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::device::Mode;
use domain::page::PageRequest;
use service::ServiceError;
use service::decision::NewDecision;
use service::enrolment::NewEnrolment;
use service::ticket::TicketAsked;
use service::window::NewWindow;
use support::*;

fn not_found<T: std::fmt::Debug>(what: &str, result: Result<T, ServiceError>) {
    match result {
        Err(ServiceError::NotFound { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

fn technician(client: domain::id::ClientId) -> Principal {
    Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Tim".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![client]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_use_case_answers_about_another_clients_things_as_about_nothing() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    let decision = server.approve("product:openssl").id.unwrap().to_string();
    server.add_window();
    server.manage("web1");
    service.planner_turn().unwrap();
    let reply = agent.sync(&server).await;
    let order = orders_in(&reply, &agent.server).remove(0);
    let beta = service.client_add(owner, "Beta").unwrap();
    let tim = &technician(beta.id);
    let page = &PageRequest::default();

    for name in ["web1", "Acme/web1", &agent.device.to_string()] {
        not_found("show", service.device_show(tim, name, None));
        not_found("mode", service.device_mode(tim, name, Mode::Observe));
        not_found("tag", service.device_tag(tim, name, &[], &[]));
        not_found("why", service.why(tim, name, OPENSSL));
    }
    not_found("order", service.order_show(tim, &order.order.to_string()));
    not_found("decision", service.decision_end(tim, &decision));
    not_found("window", service.window_end(tim, "nights"));
    not_found("openings", service.window_openings(tim, "nights", 3));
    not_found("report", service.report_client(tim, "Acme"));
    not_found("sites", service.site_list(tim, Some("Acme"), page));
    let enrolment = NewEnrolment {
        site: "Acme/Berlin".into(),
        uses: 1,
        expires: "1h".into(),
    };
    not_found("enrolment", service.enrolment_create(tim, &enrolment));
    for devices in ["client:Acme", "device:web1", "site:Acme/Berlin"] {
        let wanted = NewDecision {
            word: "deny".parse().unwrap(),
            patches: String::new(),
            devices: devices.into(),
            level: None,
            until: None,
            version: None,
            reason: "mischief".into(),
            dry_run: false,
        };
        not_found(devices, service.decision_add(tim, &wanted));
    }
    // What names nobody is bound to the technician's own client.
    let wanted = NewDecision {
        word: "deny".parse().unwrap(),
        patches: String::new(),
        devices: String::new(),
        level: None,
        until: None,
        version: None,
        reason: "ours".into(),
        dry_run: false,
    };
    let made = service.decision_add(tim, &wanted).unwrap();
    assert_eq!((made.patches_count, made.devices_count), (0, 0));
    let window = NewWindow {
        name: "ours".into(),
        devices: String::new(),
        days: "mon".into(),
        start: "01:00".into(),
        duration: "1h".into(),
        zone: "device".into(),
        ..NewWindow::default()
    };
    assert_eq!(
        service.window_add(tim, &window).unwrap().client.as_deref(),
        Some("Beta")
    );

    assert!(
        service
            .device_list(tim, None, None, page)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        service
            .finding_list(tim, None, None, page)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        service
            .finding_list(tim, Some("client:Acme"), None, page)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        service
            .patch_list(tim, None, page)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        service
            .order_list(tim, None, page)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        service
            .ticket_list(tim, &TicketAsked::default(), page)
            .unwrap()
            .items
            .is_empty()
    );
    let own = service.decision_list(tim, page).unwrap().items;
    assert_eq!(own.len(), 1, "{own:?}");
    let overview = service.overview(tim).unwrap();
    assert_eq!(
        (
            overview.devices,
            overview.missing.len(),
            overview.latest.len()
        ),
        (0, 0, 0)
    );
    for row in service.audit_list(tim, page).unwrap().items {
        assert!(!format!("{row:?}").contains("web1"), "{row:?}");
    }

    // The owner still sees all of it, and Beta's denial did not touch Acme.
    assert_eq!(
        service
            .device_list(owner, None, None, page)
            .unwrap()
            .items
            .len(),
        1
    );
    service.planner_turn().unwrap();
    assert_eq!(server.orders()[0].state.to_string(), "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_changes_nothing() {
    let server = Server::new();
    let service = &server.service;
    let reader = Principal {
        role: Role::Reader,
        reach: Reach::Provider,
        ..technician(domain::id::ClientId::from_bytes([0; 16]))
    };
    let denied = |what: &str, denied: bool| assert!(denied, "{what}");
    let is = |error: ServiceError| matches!(error, ServiceError::Denied(_));
    denied("client", is(service.client_add(&reader, "X").unwrap_err()));
    denied(
        "site",
        is(service.site_add(&reader, "Acme", "X", "UTC").unwrap_err()),
    );
    denied(
        "mode",
        is(service
            .device_mode(&reader, "x", Mode::Managed)
            .unwrap_err()),
    );
    denied(
        "decision",
        is(service.decision_end(&reader, "x").unwrap_err()),
    );
    denied("window", is(service.window_end(&reader, "x").unwrap_err()));
    assert_eq!(
        service
            .client_list(&reader, &PageRequest::default())
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_query_says_where_and_a_name_at_two_clients_is_ambiguous() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    service.client_add(owner, "Beta").unwrap();
    service
        .site_add(owner, "Beta", "Bonn", "Europe/Berlin")
        .unwrap();
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    let wanted = NewEnrolment {
        site: "Beta/Bonn".into(),
        uses: 1,
        expires: "1h".into(),
    };
    let token = service.enrolment_create(owner, &wanted).unwrap().token;
    Agent::enrol(&server, "web1", &token, 2).await.unwrap();
    match service.device_show(owner, "web1", None) {
        Err(ServiceError::Ambiguous { mut candidates, .. }) => {
            candidates.sort();
            assert_eq!(candidates, ["Acme/web1", "Beta/web1"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(service.device_show(owner, "Beta/web1", None).is_ok());
    let page = PageRequest::default();
    // What the refusal offers is understood in a query too, and binds a decision to that client.
    for (devices, client) in [
        ("device:Beta/web1", "Beta"),
        ("client:Beta device:web1", "Beta"),
        ("device:Acme/web1", "Acme"),
    ] {
        let found = service.device_list(owner, Some(devices), None, &page);
        let found = found.unwrap().items;
        assert_eq!(found.len(), 1, "{devices}");
        assert_eq!(found[0].client, client, "{devices}");
        let hold = NewDecision {
            word: "hold".parse().unwrap(),
            patches: "product:openssl".into(),
            devices: devices.into(),
            level: None,
            until: None,
            version: None,
            reason: "tested".into(),
            dry_run: false,
        };
        let made = service.decision_add(owner, &hold).unwrap();
        let kept = service.decision_list(owner, &page).unwrap().items;
        let kept = kept.iter().find(|kept| Some(kept.id) == made.id).unwrap();
        assert_eq!(kept.client.as_deref(), Some(client), "{devices}");
        assert_eq!(kept.level.to_string(), "device", "{devices}");
    }
    let either = NewDecision {
        word: "hold".parse().unwrap(),
        patches: "product:openssl".into(),
        devices: "device:web1".into(),
        level: None,
        until: None,
        version: None,
        reason: "tested".into(),
        dry_run: false,
    };
    assert!(matches!(
        service.decision_add(owner, &either),
        Err(ServiceError::Ambiguous { .. })
    ));
    match service.device_list(owner, Some("client:Acme sevrity:low"), None, &page) {
        Err(ServiceError::Query { place, mistake, .. }) => {
            assert_eq!((place, mistake.position), ("q", 12));
        }
        other => panic!("{other:?}"),
    }
    // Pages go on where they ended.
    let first = PageRequest {
        cursor: None,
        limit: 1,
    };
    let one = service
        .device_list(owner, Some("device:web*"), None, &first)
        .unwrap();
    let second = PageRequest {
        cursor: one.next.clone(),
        limit: 1,
    };
    let two = service
        .device_list(owner, Some("device:web*"), None, &second)
        .unwrap();
    assert_ne!(one.items[0].id, two.items[0].id);
    assert_eq!(two.next, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_link_works_once_and_a_session_idles_out() {
    let server = Server::new();
    let service = &server.service;
    let link = service.owner_sign_in().unwrap();
    let session = service.session_open(&link, address()).unwrap();
    assert!(service.session_open(&link, address()).is_err());
    assert_eq!(
        service.session_principal(&session.secret).unwrap().name,
        "Olga"
    );
    server.set("2026-03-02T12:29:00Z");
    assert!(service.session_principal(&session.secret).is_ok());
    server.set("2026-03-02T12:59:01Z");
    assert!(service.session_principal(&session.secret).is_err());
    let late = service.owner_sign_in().unwrap();
    server.set("2026-03-03T13:00:00Z");
    assert!(
        service.session_open(&late, address()).is_err(),
        "a link is good for a day"
    );
    assert!(service.owner_create("Zoe").is_err());
    assert!(service.token_principal("plt_wrong", address()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_do_not_work_are_written_down_a_few_a_minute() {
    let server = Server::new();
    let service = &server.service;
    let rows = |action: &str| {
        let page = PageRequest::default();
        let rows = service.audit_list(&server.owner, &page).unwrap().items;
        rows.into_iter()
            .filter(|row| row.action == action && row.who == "unknown, from 192.0.2.7")
            .count()
    };
    let link = service.owner_sign_in().unwrap();
    service.session_open(&link, address()).unwrap();
    assert_eq!(rows("session.refused"), 0);
    // A used link is worth a row: somebody else may have had it.
    assert!(service.session_open(&link, address()).is_err());
    assert_eq!(rows("session.refused"), 1);
    for _ in 0..50 {
        assert!(service.token_principal("plt_guess", address()).is_err());
    }
    assert_eq!(
        rows("token.refused"),
        4,
        "five a minute, both kinds together"
    );
    server.set("2026-03-02T12:01:00Z");
    assert!(service.token_principal("plt_guess", address()).is_err());
    assert_eq!(rows("token.refused"), 5);
    // Who guesses does not shut out who knows.
    let link = service.owner_sign_in().unwrap();
    assert!(service.session_open(&link, address()).is_ok());
}
