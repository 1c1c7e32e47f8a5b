//! Tokens: once, in time, for one site; and devices that ask for the same name.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::enrolment::TokenRefused;
use domain::page::PageRequest;
use ed25519_dalek::SigningKey;
use protocol::enrol::Enrolled;
use service::LinkError;
use support::*;

fn names(server: &Server) -> Vec<String> {
    let page = PageRequest::default();
    let service = &server.service;
    let found = service
        .device_list(&server.owner, None, None, &page)
        .unwrap();
    let mut names: Vec<String> = found.items.into_iter().map(|device| device.name).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_when_it_is_unknown_used_up_or_late() {
    let server = Server::new();
    let token = server.token(1);
    let refusal = |result: Result<Agent, LinkError>| match result {
        Err(LinkError::Token(refused)) => refused,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("enrolled"),
    };
    let wrong = Agent::enrol(&server, "web1", "ple_wrong", 1).await;
    assert_eq!(refusal(wrong), TokenRefused::Unknown);
    assert_eq!(server.audit_actions()[0], "enrolment.refused");
    Agent::enrol(&server, "web1", &token, 1).await.unwrap();
    let used = Agent::enrol(&server, "web2", &token, 2).await;
    assert_eq!(refusal(used), TokenRefused::UsedUp);
    let late = server.token(1);
    server.set("2026-03-03T12:00:00Z");
    assert_eq!(
        refusal(Agent::enrol(&server, "web3", &late, 3).await),
        TokenRefused::Expired
    );
    assert_eq!(names(&server), ["web1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_costs_no_second_use() {
    let server = Server::new();
    let token = server.token(1);
    let key = SigningKey::from_bytes(&[5; 32]);
    let body = Agent::enrolment("web1", &token, &key);
    let ask = async || -> Enrolled {
        let answer = server.service.link_enrol(&body, address()).await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    };
    let (first, again) = (ask().await, ask().await);
    assert_eq!(first, again);
    assert_eq!(names(&server), ["web1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_a_name_gets_a_number() {
    let server = Server::new();
    let token = server.token(3);
    for seed in 1..=3 {
        Agent::enrol(&server, "web", &token, seed).await.unwrap();
    }
    assert_eq!(names(&server), ["web", "web-2", "web-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_hold_the_key_does_not_enrol_it() {
    let server = Server::new();
    let token = server.token(1);
    let key = SigningKey::from_bytes(&[5; 32]);
    let mut body = Agent::enrolment("web1", &token, &key);
    let last = body.len() - 1;
    body[last] = b' ';
    let error = server
        .service
        .link_enrol(&body, address())
        .await
        .unwrap_err();
    assert!(
        matches!(error, LinkError::Malformed { .. } | LinkError::Signature),
        "{error:?}"
    );
    assert!(names(&server).is_empty());
    // The token was not spent.
    Agent::enrol(&server, "web1", &token, 1).await.unwrap();
}
