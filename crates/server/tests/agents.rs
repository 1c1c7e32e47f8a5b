//! The agents' listener as an attacker finds it: what is too large, no envelope, or from nowhere is a
//! problem document and a row in the audit log, and nothing else is there.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::sync::Arc;

use domain::clock::FixedClock;
use domain::page::PageRequest;
use rustls::crypto::ring;
use server::{Running, StartOptions, start};
use ureq::Agent;
use ureq::tls::{TlsConfig, TlsProvider};

fn stranger() -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        // The attacker does not care whose certificate it is.
        .disable_verification(true)
        .build();
    Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls)
        .max_idle_connections(0)
        .build()
        .new_agent()
}

fn asked(running: &Running) {
    let service = &running.service;
    let owner = service.owner_create("Olga").unwrap().owner;
    let agent = stranger();
    let url = |path: &str| format!("{}{path}", running.agents_url);
    let send = |path: &str, body: &[u8]| {
        let mut answer = agent.post(url(path)).send(body).unwrap();
        let problem: serde_json::Value = answer.body_mut().read_json().unwrap();
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path}"
        );
        assert_eq!(problem["status"], answer.status().as_u16(), "{path}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{path}");
        answer.status().as_u16()
    };
    let rows = || {
        let page = PageRequest::default();
        let rows = service.audit_list(&owner, &page).unwrap().items;
        let mut actions: Vec<String> = rows
            .into_iter()
            .filter(|row| row.who == "unknown, from 127.0.0.1")
            .map(|row| row.action)
            .collect();
        actions.reverse();
        actions
    };
    assert_eq!(send("/agent/v1/enrol", &vec![b'x'; 64 * 1024 + 1]), 413);
    assert_eq!(rows(), ["link.too-large"]);
    assert_eq!(send("/agent/v1/enrol", b"garbage"), 400);
    assert_eq!(send("/agent/v1/sync", b"\xff\x00"), 400);
    assert_eq!(
        rows(),
        ["link.too-large", "link.malformed", "link.malformed"]
    );
    // The people's routes are not here, nor is anything else.
    for path in ["/api/v1/clients", "/sign-in", "/", "/agent/v1/orders"] {
        assert_eq!(send(path, b""), 404, "{path}");
    }
    let wake = agent.get(url("/agent/v1/wake?token=guess")).call().unwrap();
    assert_eq!(wake.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_sends_is_refused_and_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
    let options = StartOptions {
        state: dir.path().to_owned(),
        console: "127.0.0.1:0".parse().unwrap(),
        agents: "127.0.0.1:0".parse().unwrap(),
        definitions: None,
        refresh: false,
        tell_at_once: false,
        tls: None,
    };
    let running = Arc::new(start(&options, clock).await.unwrap());
    let asking = Arc::clone(&running);
    tokio::task::spawn_blocking(move || asked(&asking))
        .await
        .unwrap();
    let running = Arc::into_inner(running).expect("nobody else holds it any more");
    running.stop().await;
}
