//! Messages that are wrong or hostile: a clear refusal, nothing changed, and a row in the audit.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::inventory::Inventory;
use domain::page::PageRequest;
use protocol::limits::UNPACKED_BYTES_MAX;
use protocol::sync::{FactsPart, InventoryPart, Sync};
use protocol::{Envelope, MessageType, SignerKind};
use service::LinkError;
use support::*;

/// Everything that a refused message must leave as it was.
fn picture(server: &Server) -> String {
    let page = PageRequest::default();
    let (service, owner) = (&server.service, &server.owner);
    let devices = service.device_list(owner, None, None, &page).unwrap().items;
    format!("{devices:?} {:?} {:?}", server.findings(), server.orders())
}

async fn refused(server: &Server, agent: &Agent, body: Vec<u8>, action: &str) -> LinkError {
    let before = picture(server);
    let rows = server.audit_actions().len();
    let error = server.service.link_sync(body, address()).await.unwrap_err();
    assert_eq!(
        picture(server),
        before,
        "a refused message changed something"
    );
    let actions = server.audit_actions();
    assert_eq!(actions.len(), rows + 1, "{actions:?}");
    assert_eq!(actions[0], action);
    // The device itself is not shut out.
    let _ = agent;
    error
}

async fn ready() -> (Server, Agent) {
    let server = Server::new();
    let token = server.token(1);
    let mut agent = Agent::enrol(&server, "web1", &token, 1).await.unwrap();
    agent.sync(&server).await;
    (server, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_bit_is_a_bad_signature() {
    let (server, mut agent) = ready().await;
    let message = agent.message(&server);
    let mut body = agent.sealed(&message);
    let last = body.len() - 3;
    body[last] ^= 1;
    let error = refused(&server, &agent, body, "link.bad-signature").await;
    assert!(matches!(error, LinkError::Signature), "{error:?}");
    agent.send(&server, &message).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_devices_key_does_not_speak_for_this_one() {
    let (server, mut agent) = ready().await;
    let token = server.token(1);
    let other = Agent::enrol(&server, "web2", &token, 2).await.unwrap();
    let message = agent.message(&server);
    let body = other.sealed(&message);
    let error = refused(&server, &agent, body, "link.bad-signature").await;
    assert!(matches!(error, LinkError::Signature));
    // Nor does the key of nobody.
    let nobody = ed25519_dalek::SigningKey::from_bytes(&[99; 32]);
    let payload = serde_json::to_vec(&message).unwrap();
    let body = Envelope::sign(MessageType::Sync, payload, SignerKind::Device, &nobody).to_bytes();
    let error = refused(&server, &agent, body, "link.bad-signature").await;
    assert!(matches!(error, LinkError::Signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_packages_are_too_many() {
    let (server, mut agent) = ready().await;
    let mut message = agent.message(&server);
    let items = (0..50_000)
        .map(|n| package(&format!("p{n:05}"), "p", "1"))
        .collect();
    message.inventory = InventoryPart::Full {
        full: Inventory::new(items).to_text(),
    };
    let body = agent.sealed(&message);
    let error = refused(&server, &agent, body, "link.too-large").await;
    assert!(
        matches!(&error, LinkError::TooLarge { reason } if reason.contains("20000")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_control_characters_are_refused_wherever_they_stand() {
    let (server, mut agent) = ready().await;
    let sealed = |agent: &Agent, message: &Sync| agent.sealed(message);
    let mut message = agent.message(&server);
    message.inventory = InventoryPart::Full {
        full: "deb\topen\u{1b}[2Jssl\tamd64\t1\tinstalled\t-\t-\t-\n".into(),
    };
    let body = sealed(&agent, &message);
    let error = refused(&server, &agent, body, "link.malformed").await;
    assert!(
        matches!(&error, LinkError::Malformed { reason } if reason.contains("line 1")),
        "{error}"
    );

    let mut message = agent.message(&server);
    let mut facts = agent.facts.clone();
    facts.system.kernel = "6.1\u{202e}gpj.exe".into();
    message.facts = FactsPart::Full(Box::new(facts));
    let body = sealed(&agent, &message);
    let error = refused(&server, &agent, body, "link.malformed").await;
    assert!(matches!(&error, LinkError::Malformed { .. }), "{error}");

    // No UTF-8 at all.
    let payload = b"{\"d\":\"\xff\xfe\"}".to_vec();
    let body =
        Envelope::sign(MessageType::Sync, payload, SignerKind::Device, &agent.key).to_bytes();
    let error = refused(&server, &agent, body, "link.malformed").await;
    assert!(matches!(&error, LinkError::Malformed { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_at_its_limit() {
    let (server, agent) = ready().await;
    let bomb = protocol::packing::pack(&vec![b' '; UNPACKED_BYTES_MAX + 1]);
    assert!(bomb.len() < 10_000);
    let kind = MessageType::SyncPacked;
    let body = Envelope::sign(kind, bomb, SignerKind::Device, &agent.key).to_bytes();
    let error = refused(&server, &agent, body, "link.too-large").await;
    assert!(matches!(error, LinkError::TooLarge { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refusals_write_few_rows_and_do_not_shut_out_a_known_device() {
    let (server, mut agent) = ready().await;
    let rows = server.audit_actions().len();
    for _ in 0..100 {
        let error = server
            .service
            .link_sync(b"rubbish".to_vec(), address())
            .await;
        assert!(error.is_err());
    }
    let written = server.audit_actions().len() - rows;
    assert_eq!(written, 5, "an attacker must not fill the disk");
    agent.sync(&server).await;
    // Who is not known yet has to wait for a minute.
    let body = Agent::enrolment("web9", "ple_x", &agent.key);
    let error = server
        .service
        .link_enrol(&body, address())
        .await
        .unwrap_err();
    assert!(matches!(error, LinkError::TooMany { .. }), "{error:?}");
    let elsewhere = "198.51.100.1".parse().unwrap();
    let error = server
        .service
        .link_sync(b"rubbish".to_vec(), elsewhere)
        .await;
    assert!(matches!(error, Err(LinkError::Malformed { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_gets_the_stored_answer_and_is_not_carried_out_twice() {
    let (server, mut agent) = ready().await;
    let message = agent.message(&server);
    let body = agent.sealed(&message);
    let first = server
        .service
        .link_sync(body.clone(), address())
        .await
        .unwrap();
    server.set("2026-03-02T12:30:00Z");
    let again = server.service.link_sync(body, address()).await.unwrap();
    assert_eq!(again, first, "the answer of another time would differ");
    let page = PageRequest::default();
    let devices = server
        .service
        .device_list(&server.owner, None, None, &page)
        .unwrap()
        .items;
    assert_eq!(devices[0].last_seen, Some(at("2026-03-02T12:00:00Z")));

    // An older one is told where to go on.
    let older = agent.message(&server);
    agent.sync(&server).await;
    let body = agent.sealed(&older);
    let error = server.service.link_sync(body, address()).await.unwrap_err();
    assert!(matches!(error, LinkError::CounterBehind { counter } if counter == agent.counter));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_check_in_takes_the_short_way_and_says_the_same() {
    let (server, mut agent) = ready().await;
    agent.changelogs = vec![openssl_changelog()];
    let whole = agent.sync(&server).await;
    let whole2 = agent.sync(&server).await;
    for minute in 1..5 {
        server.set(&format!("2026-03-02T12:0{minute}:00Z"));
        let short = agent.sync(&server).await;
        assert!(short.wants.is_empty() && short.orders.is_empty());
        assert_eq!(short.mode, whole.mode);
        assert_eq!(short.next_seconds, whole2.next_seconds);
    }
    let page = PageRequest::default();
    let list = |server: &Server| {
        let service = &server.service;
        service
            .device_list(&server.owner, None, None, &page)
            .unwrap()
            .items
            .remove(0)
    };
    assert_eq!(list(&server).last_seen, Some(at("2026-03-02T12:04:00Z")));
    assert_eq!(list(&server).inventory_at, Some(at("2026-03-02T12:04:00Z")));
    // A change of mode reaches the device with its next word.
    server.manage("web1");
    assert_eq!(
        agent.sync(&server).await.mode,
        domain::device::Mode::Managed
    );
}
