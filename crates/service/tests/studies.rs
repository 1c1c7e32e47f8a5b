//! Tickets for patches that a rule holds for somebody to study: asked once, answered by a decision, overdue where
//! nobody does, and closed when nothing waits any more.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use std::sync::Arc;

use domain::access::{Principal, Reach, Role};
use domain::page::PageRequest;
use domain::ticket::TicketState;
use domain::verdict::GateName;
use service::decision::NewDecision;
use service::enrolment::NewEnrolment;
use service::policy::{PolicyFile, PolicySent};
use service::ticket::{TicketAnswer, TicketAsked, TicketItem};
use service::{Service, ServiceError};
use support::*;

const RULE: &str = r#"
[[rule]]
name = "Crypto"
owner = "Grace"
patches = "product:openssl"
action = "hold"
hold_for = "the Linux team"
due = "5d"
why = "it was bad once"
"#;

fn apply(server: &Server, text: &str) {
    let sent = PolicySent {
        files: vec![PolicyFile {
            file: "rules.toml".into(),
            text: text.into(),
        }],
        // Taking the last object out is meant here.
        ..PolicySent::default()
    };
    server.service.policy_apply(&server.owner, &sent).unwrap();
    server.service.planner_turn().unwrap();
}

/// A server with devices of Acme that miss openssl, and the rule.
async fn asked(devices: &[&str]) -> (Server, Vec<Agent>) {
    let server = Server::new();
    let mut agents = Vec::new();
    let token = server.token(9);
    for (at, name) in devices.iter().enumerate() {
        let seed = u8::try_from(at + 1).unwrap();
        let mut agent = Agent::enrol(&server, name, &token, seed).await.unwrap();
        agent.sync(&server).await;
        agents.push(agent);
    }
    apply(&server, RULE);
    (server, agents)
}

fn listed(service: &Service, who: &Principal, asked: &TicketAsked) -> Vec<TicketItem> {
    let page = PageRequest::default();
    service.ticket_list(who, asked, &page).unwrap().items
}

fn tickets(server: &Server) -> Vec<TicketItem> {
    listed(&server.service, &server.owner, &TicketAsked::default())
}

/// The one ticket that there is.
fn only(server: &Server) -> TicketItem {
    let mut found = tickets(server);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

fn answer(word: &str) -> TicketAnswer {
    TicketAnswer {
        word: word.parse().unwrap(),
        reason: "ran on the bench".into(),
        until: None,
        dry_run: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ticket_is_made_for_a_patch_however_many_devices_wait() {
    let (server, _agents) = asked(&["web1", "web2", "web3"]).await;
    let ticket = only(&server);
    assert_eq!(
        ticket.subject,
        format!("study {OPENSSL}, held by the rule Crypto")
    );
    assert_eq!(
        ticket.evidence,
        ["The rule Crypto holds it for the Linux team to decide (it was bad once)."]
    );
    assert_eq!(ticket.owner.as_deref(), Some("the Linux team"));
    assert_eq!(ticket.due_at, Some(at("2026-03-07T12:00:00Z")));
    assert_eq!((ticket.client.as_str(), ticket.devices), ("Acme", Some(3)));
    assert_eq!((ticket.device_id, ticket.order), (None, None));
    assert_eq!(ticket.state, TicketState::Open);

    // Looking again, and after a restart, it is the same ticket and nothing is written.
    let audit = server.audit_actions();
    server.set("2026-03-03T12:00:00Z");
    apply(&server, &format!("{RULE}# a comment\n"));
    server.service.planner_turn().unwrap();
    assert_eq!(only(&server), ticket);
    let again = support::open(server.dir.path(), &server.clock);
    again.planner_turn().unwrap();
    let found = listed(&again, &server.owner, &TicketAsked::default());
    assert_eq!(found, [ticket]);
    let asks = |actions: &[String]| actions.iter().filter(|one| *one == "study.ask").count();
    assert_eq!((asks(&audit), asks(&server.audit_actions())), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_names_the_owner_and_the_day_of_the_ticket() {
    let (server, _agents) = asked(&["web1"]).await;
    let why = || {
        let verdict = server.service.why(&server.owner, "web1", OPENSSL).unwrap();
        assert_eq!(verdict.gate, Some(GateName::Decided));
        verdict.sentence
    };
    assert_eq!(
        why(),
        "held: the rule Crypto holds it for the Linux team to decide (it was bad once); the answer is due on \
         7 March 2026 at 13:00 (Europe/Berlin); the Linux team can change that"
    );
    server.set("2026-03-07T12:00:00Z");
    assert_eq!(
        why(),
        "held: the rule Crypto holds it for the Linux team to decide (it was bad once); the answer was due on \
         7 March 2026 at 13:00 (Europe/Berlin) and is overdue; the Linux team can change that"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_study_is_overdue_and_comes_first() {
    let (server, _agents) = asked(&["web1"]).await;
    let overdue = TicketAsked {
        overdue: true,
        ..TicketAsked::default()
    };
    let overview = || server.service.overview(&server.owner).unwrap();
    let list = || listed(&server.service, &server.owner, &overdue);
    server.set("2026-03-07T11:59:59Z");
    assert!(list().is_empty());
    assert_eq!(
        (overview().tickets_open, overview().studies_overdue),
        (1, 0)
    );
    server.set("2026-03-07T12:00:00Z");
    assert!(only(&server).overdue);
    assert_eq!(list().len(), 1);
    assert_eq!(
        (overview().tickets_open, overview().studies_overdue),
        (1, 1)
    );
    for (owner, found) in [("The Linux Team", 1), ("the windows team", 0)] {
        let asked = TicketAsked {
            owner: Some(owner.into()),
            ..TicketAsked::default()
        };
        let list = listed(&server.service, &server.owner, &asked);
        assert_eq!(list.len(), found, "{owner}");
    }
    // An answer ends that, also one that says no.
    let id = only(&server).id.to_string();
    server
        .service
        .ticket_answer(&server.owner, &id, &answer("deny"))
        .unwrap();
    assert!(list().is_empty());
    assert_eq!(
        (overview().tickets_open, overview().studies_overdue),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_a_decision_and_closes_the_ticket_with_it() {
    let (server, _agents) = asked(&["web1", "web2"]).await;
    let (service, owner) = (&server.service, &server.owner);
    let id = only(&server).id.to_string();
    let decisions = || {
        let page = PageRequest::default();
        service.decision_list(owner, &page).unwrap().items
    };
    let preview = TicketAnswer {
        dry_run: true,
        ..answer("approve")
    };
    let made = service.ticket_answer(owner, &id, &preview).unwrap();
    assert_eq!(
        (made.id, made.patches_count, made.devices_count),
        (None, 1, 2)
    );
    assert_eq!(only(&server).state, TicketState::Open);
    assert!(decisions().is_empty());

    let invalid = |answer: &TicketAnswer| match service.ticket_answer(owner, &id, answer) {
        Err(ServiceError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(invalid(&answer("pin")), "word");
    assert_eq!(invalid(&answer("accept-risk")), "until");
    let silent = TicketAnswer {
        reason: " ".into(),
        ..answer("approve")
    };
    assert_eq!(invalid(&silent), "reason");
    assert!(decisions().is_empty());

    let made = service
        .ticket_answer(owner, &id, &answer("approve"))
        .unwrap();
    let decided = decisions();
    assert_eq!(decided.len(), 1);
    assert_eq!(Some(decided[0].id), made.id);
    assert_eq!(
        (
            decided[0].patches.as_str(),
            decided[0].devices.as_str(),
            decided[0].level.word(),
            decided[0].client.as_deref(),
        ),
        (
            format!("patch:{OPENSSL}").as_str(),
            "client:Acme",
            "client",
            Some("Acme")
        )
    );
    let closed = only(&server);
    assert_eq!(closed.state, TicketState::Closed);
    assert_eq!(
        closed.evidence.last().unwrap(),
        "Answered: approved by Olga for the client (ran on the bench)."
    );
    service.planner_turn().unwrap();
    assert_eq!(
        (only(&server).devices, only(&server).state),
        (Some(0), TicketState::Closed)
    );
    assert_eq!(only(&server).evidence, closed.evidence);

    // Whoever is second is told so, and decides nothing by accident.
    let second = service.ticket_answer(owner, &id, &answer("deny"));
    match second {
        Err(ServiceError::Conflict { reason }) => {
            assert!(reason.contains("approved by Olga"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(decisions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_made_elsewhere_answers_it_when_it_is_about_every_device_that_waits() {
    let (server, _agents) = asked(&["web1", "web2"]).await;
    let (service, owner) = (&server.service, &server.owner);
    let decide = |devices: &str, word: &str, until: Option<&str>| {
        let wanted = NewDecision {
            word: word.parse().unwrap(),
            patches: "product:openssl".into(),
            devices: devices.into(),
            level: None,
            until: until.map(at),
            version: None,
            reason: "later".into(),
            dry_run: false,
        };
        let made = service.decision_add(owner, &wanted).unwrap();
        service.planner_turn().unwrap();
        made.id.unwrap()
    };
    let one = decide("device:web1", "hold", None);
    assert_eq!(
        (only(&server).state, only(&server).devices),
        (TicketState::Open, Some(1))
    );
    decide("device:web2", "accept-risk", Some("2026-03-10T12:00:00Z"));
    let closed = only(&server);
    assert_eq!(
        (closed.state, closed.devices),
        (TicketState::Closed, Some(0))
    );
    assert_eq!(
        closed.evidence.last().unwrap(),
        "Answered: left open knowingly by Olga for the device (later)."
    );

    // The accepted risk ends by itself: the same ticket asks anew, with its own time.
    server.set("2026-03-10T12:00:00Z");
    service.planner_turn().unwrap();
    let again = only(&server);
    assert_eq!((again.id, again.state), (closed.id, TicketState::Open));
    assert_eq!(again.devices, Some(1));
    assert_eq!(again.due_at, Some(at("2026-03-15T12:00:00Z")));
    assert!(!again.overdue);
    service.decision_end(owner, &one.to_string()).unwrap();
    service.planner_turn().unwrap();
    assert_eq!(only(&server).devices, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_closes_when_the_patch_is_there_and_when_the_rule_changes() {
    let (server, mut agents) = asked(&["web1"]).await;
    // Another day and another owner: the open ticket says so, counted from when it asked.
    server.set("2026-03-03T12:00:00Z");
    apply(
        &server,
        &RULE.replace("the Linux team", "Anna").replace("5d", "2d"),
    );
    let changed = only(&server);
    assert_eq!(changed.owner.as_deref(), Some("Anna"));
    assert_eq!(changed.due_at, Some(at("2026-03-04T12:00:00Z")));

    apply(
        &server,
        &RULE
            .replace("\"hold\"", "\"deny\"")
            .replace("hold_for = \"the Linux team\"\ndue = \"5d\"\n", ""),
    );
    assert_eq!(only(&server).state, TicketState::Closed);
    assert_eq!(
        only(&server).evidence.last().unwrap(),
        "The rule Crypto denies it now."
    );
    apply(&server, RULE);
    assert_eq!(only(&server).state, TicketState::Open);

    // Somebody installed it by hand.
    let new = "3.0.15-1~deb12u1";
    agents[0].inventory = domain::inventory::Inventory::new(vec![
        package("openssl", "openssl", new),
        package("libssl3", "openssl", new),
        package("bash", "bash", "5.2.15-2"),
    ]);
    agents[0].facts.offers.offers.clear();
    agents[0].sync(&server).await;
    server.service.planner_turn().unwrap();
    let closed = only(&server);
    assert_eq!(closed.state, TicketState::Closed);
    let said = closed.evidence.last().unwrap();
    assert!(said.starts_with("No device waits any more: web1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_has_its_own_ticket_and_sees_no_other() {
    let (server, _agents) = asked(&["web1"]).await;
    let (service, owner) = (&server.service, &server.owner);
    let beta = service.client_add(owner, "Beta").unwrap();
    service
        .site_add(owner, "Beta", "Paris", "Europe/Paris")
        .unwrap();
    let wanted = NewEnrolment {
        site: "Beta/Paris".into(),
        uses: 1,
        expires: "24h".into(),
    };
    let token = service.enrolment_create(owner, &wanted).unwrap().token;
    let mut agent = Agent::enrol(&server, "shop1", &token, 7).await.unwrap();
    server.set("2026-03-08T12:00:00Z");
    agent.sync(&server).await;
    service.planner_turn().unwrap();
    let found = tickets(&server);
    let clients: Vec<(&str, bool)> = found
        .iter()
        .map(|ticket| (ticket.client.as_str(), ticket.overdue))
        .collect();
    assert_eq!(clients, [("Acme", true), ("Beta", false)]);

    let tim = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Tim".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![beta.id]),
    };
    let own = listed(service, &tim, &TicketAsked::default());
    assert_eq!(own, found[1..]);
    assert_eq!(service.overview(&tim).unwrap().studies_overdue, 0);
    let theirs = found[0].id.to_string();
    for dry_run in [true, false] {
        let answer = TicketAnswer {
            dry_run,
            ..answer("approve")
        };
        match service.ticket_answer(&tim, &theirs, &answer) {
            Err(ServiceError::NotFound { what: "ticket", .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    // An answer for one client leaves the other's open.
    let id = own[0].id.to_string();
    service
        .ticket_answer(&tim, &id, &answer("approve"))
        .unwrap();
    service.planner_turn().unwrap();
    let states: Vec<(String, TicketState)> = tickets(&server)
        .into_iter()
        .map(|ticket| (ticket.client, ticket.state))
        .collect();
    assert_eq!(
        states,
        [
            ("Acme".to_owned(), TicketState::Open),
            ("Beta".to_owned(), TicketState::Closed)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_answer_at_once_make_one_decision() {
    let (server, _agents) = asked(&["web1"]).await;
    let id = only(&server).id.to_string();
    let threads: Vec<_> = ["approve", "deny", "hold", "approve"]
        .into_iter()
        .map(|word| {
            let (service, owner) = (Arc::clone(&server.service), server.owner.clone());
            let id = id.clone();
            std::thread::spawn(move || service.ticket_answer(&owner, &id, &answer(word)).is_ok())
        })
        .collect();
    let made = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .filter(|made| *made)
        .count();
    assert_eq!(made, 1);
    let page = PageRequest::default();
    let decisions = server.service.decision_list(&server.owner, &page).unwrap();
    assert_eq!(decisions.items.len(), 1);
}
