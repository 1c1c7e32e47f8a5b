//! The whole loop with an agent that speaks the real protocol: enrol, report, approve, window, order,
//! outcome, second look, proof, ticket, report; and an agent that lies.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::finding::FindingState;
use domain::order::{End, OrderState};
use domain::page::PageRequest;
use domain::proof::ProofState;
use domain::verdict::{Answer, GateName};
use service::ticket::TicketAsked;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn approved_before_the_window_installed_in_it_and_proven_afterwards() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    let reply = agent.sync(&server).await;
    assert_eq!(reply.mode, domain::device::Mode::Observe);
    assert_eq!(
        reply.changelogs.len(),
        1,
        "the changelog of openssl is wanted"
    );
    assert_eq!(reply.changelogs[0].source.as_str(), "openssl");

    // What was not looked up is unknown; the changelog tells.
    assert_eq!(server.findings()[0].cves, None);
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    let findings = server.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].patch.to_string(), OPENSSL);
    assert_eq!(findings[0].state, FindingState::Missing);
    assert_eq!(findings[0].packages.len(), 2);
    assert_eq!(
        findings[0].cves.as_deref().unwrap(),
        ["CVE-2024-5535", "CVE-2024-9143"]
    );
    assert!(findings[0].derived);

    // Nobody decided: never. Decided, but only observed: never. Managed, no window: never.
    let why = |server: &Server| {
        server
            .service
            .why(&server.owner, "web1", "openssl")
            .unwrap()
    };
    assert_eq!(why(&server).gate, Some(GateName::Decided));
    let made = server.decide("approve", "product:openssl", true);
    assert_eq!(
        (made.id, made.patches_count, made.devices_count),
        (None, 1, 1)
    );
    assert_eq!(
        why(&server).gate,
        Some(GateName::Decided),
        "a dry run decides nothing"
    );
    server.approve("product:openssl");
    server.add_window();
    server.manage("web1");
    let verdict = why(&server);
    assert_eq!(
        (verdict.verdict, verdict.gate),
        (Answer::Later, Some(GateName::Window))
    );
    // 22:00 in Berlin is 21:00 UTC in March.
    assert_eq!(verdict.at, Some(at("2026-03-02T21:00:00Z")));

    server.service.planner_turn().unwrap();
    let reply = agent.sync(&server).await;
    let orders = orders_in(&reply, &agent.server);
    assert_eq!(orders.len(), 1, "delivered nine hours early");
    let order = &orders[0];
    assert_eq!(order.opens_at, at("2026-03-02T21:00:00Z"));
    assert_eq!(order.closes_at, at("2026-03-02T23:00:00Z"));
    let names: Vec<_> = items_of(order).iter().map(|i| i.name.to_string()).collect();
    assert_eq!(names, ["libssl3", "openssl"]);
    agent.take(order);
    agent.sync(&server).await;
    assert_eq!(server.orders()[0].state, OrderState::Delivered);

    server.set("2026-03-02T21:05:00Z");
    agent.install(order, at("2026-03-02T21:04:00Z"));
    let reply = agent.sync(&server).await;
    assert_eq!(reply.settled, [order.order]);
    let shown = &server.orders()[0];
    assert_eq!(shown.state, OrderState::Succeeded);
    assert_eq!(
        shown.proof.state,
        ProofState::Proven,
        "{:?}",
        shown.proof.facts
    );
    assert_eq!(server.findings()[0].state, FindingState::Fixed);

    let tickets = server
        .service
        .ticket_list(
            &server.owner,
            &TicketAsked::default(),
            &PageRequest::default(),
        )
        .unwrap()
        .items;
    assert_eq!(tickets.len(), 1);
    assert_eq!(
        (tickets[0].client.as_str(), tickets[0].device.as_str()),
        ("Acme", "web1")
    );
    assert_eq!(tickets[0].state, domain::ticket::TicketState::Closed);
    let report = server.service.report_client(&server.owner, "Acme").unwrap();
    assert_eq!(
        (report.devices, report.proven.len(), report.failed),
        (1, 1, 0)
    );

    // Nothing more happens by itself.
    server.service.planner_turn().unwrap();
    assert!(agent.sync(&server).await.orders.is_empty());
    assert_eq!(server.orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_claims_success_without_installing_is_not_proven() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    server.approve("product:openssl");
    server.add_window();
    server.manage("web1");
    server.service.planner_turn().unwrap();
    let reply = agent.sync(&server).await;
    let order = orders_in(&reply, &agent.server).remove(0);
    server.set("2026-03-02T21:05:00Z");
    agent.end(&order, End::Succeeded, at("2026-03-02T21:04:00Z"));
    agent.sync(&server).await;
    let shown = &server.orders()[0];
    assert_eq!(shown.state, OrderState::Succeeded);
    assert_eq!(shown.proof.state, ProofState::NotProven);
    assert_eq!(server.findings()[0].state, FindingState::Missing);
    let tickets = server
        .service
        .ticket_list(
            &server.owner,
            &TicketAsked::default(),
            &PageRequest::default(),
        )
        .unwrap()
        .items;
    assert_eq!(tickets[0].state, domain::ticket::TicketState::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_answered_from_the_first_day() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    server.set("2026-03-02T13:00:00Z");
    agent.sync(&server).await;
    server.set("2026-03-02T14:00:00Z");
    server.manage("web1");
    let tag = "server".parse().unwrap();
    server
        .service
        .device_tag(&server.owner, "web1", &[tag], &[])
        .unwrap();
    server.set("2026-03-02T15:00:00Z");
    let then = |text: &str| {
        let shown = server
            .service
            .device_show(&server.owner, "Acme/web1", Some(at(text)))
            .unwrap();
        (
            shown.device.mode.to_string(),
            shown.tags,
            shown.device.packages,
        )
    };
    assert_eq!(
        then("2026-03-02T12:30:00Z"),
        ("observe".into(), vec![], None)
    );
    assert_eq!(
        then("2026-03-02T13:30:00Z"),
        ("observe".into(), vec![], Some(3))
    );
    assert_eq!(
        then("2026-03-02T14:30:00Z"),
        ("managed".into(), vec!["server".into()], Some(3))
    );
    let system_and_kernel = |text: &str| {
        let shown = server
            .service
            .device_show(&server.owner, "web1", Some(at(text)))
            .unwrap();
        (shown.device.os.is_some(), shown.kernel.is_some())
    };
    assert_eq!(
        system_and_kernel("2026-03-02T12:30:00Z"),
        (false, false),
        "nothing was reported yet"
    );
    assert_eq!(system_and_kernel("2026-03-02T13:30:00Z"), (true, true));
    // Before it was enrolled, and in the future: refused with the reason, never answered with today.
    for (when, why) in [
        (
            "2026-03-01T00:00:00Z",
            "was enrolled at 2026-03-02T12:00:00Z",
        ),
        ("2026-03-02T15:00:01Z", "has not come yet"),
    ] {
        let refused = server
            .service
            .device_show(&server.owner, "web1", Some(at(when)))
            .unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let findings = |text: &str| {
        let page = PageRequest::default();
        let service = &server.service;
        let time = Some(at(text));
        service
            .finding_list(&server.owner, None, time, &page)
            .unwrap()
            .items
            .len()
    };
    assert_eq!(findings("2026-03-02T12:30:00Z"), 0);
    assert_eq!(findings("2026-03-02T13:30:00Z"), 1);
    let shown = server
        .service
        .device_show(&server.owner, "web1", None)
        .unwrap();
    let modes: Vec<_> = shown
        .modes
        .iter()
        .map(|m| (m.mode.to_string(), m.by.clone()))
        .collect();
    assert_eq!(modes[0], ("managed".into(), "Olga".into()));
    assert_eq!(modes.len(), 2);
    assert_eq!(shown.pending, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_approval_withdraws_an_order_that_has_not_begun() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    let made = server.approve("product:openssl");
    server.add_window();
    server.manage("web1");
    server.service.planner_turn().unwrap();
    let order = orders_in(&agent.sync(&server).await, &agent.server).remove(0);
    agent.take(&order);
    let id = made.id.unwrap().to_string();
    server.service.decision_end(&server.owner, &id).unwrap();
    server.service.planner_turn().unwrap();
    assert_eq!(server.orders()[0].state, OrderState::Cancelled);
    let reply = agent.sync(&server).await;
    let cancels = orders_in(&reply, &agent.server);
    assert!(
        matches!(cancels[0].action, domain::order::Action::Cancel),
        "{cancels:?}"
    );
    assert_eq!(cancels[0].order, order.order);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_rings_when_there_is_an_order() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    let reply = agent.sync(&server).await;
    let mut bell = server.service.link_wake(&reply.wake).unwrap();
    bell.mark_unchanged();
    server.approve("product:openssl");
    server.add_window();
    server.manage("web1");
    bell.mark_unchanged();
    server.service.planner_turn().unwrap();
    assert!(bell.has_changed().unwrap());
    assert!(server.service.link_wake("dev_x.1.y").is_err());
}
