//! A database restored from yesterday's copy: the server notices devices that remember more, reads
//! their outcomes again, and gives no order until it has.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::device::Standing;
use domain::order::OrderState;
use domain::proof::ProofState;
use protocol::sync::Want;
use support::*;

/// Copies the database as a backup would: the server is stopped, so that nothing is half written.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for end in ["", "-wal", "-shm"] {
        let (from, to) = (
            from.join(format!("patchloop.db{end}")),
            to.join(format!("patchloop.db{end}")),
        );
        match std::fs::copy(&from, &to) {
            Ok(_) => {}
            Err(_) => {
                let _ = std::fs::remove_file(&to);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_is_given_until_the_outcomes_were_read_again() {
    let mut server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    server.approve("product:openssl");
    server.add_window();
    server.manage("web1");

    // Yesterday's copy: before the order was made.
    let backup = tempfile::tempdir().unwrap();
    let reopened = |server: &mut Server| {
        server.service = open(server.dir.path(), &server.clock);
    };
    let path = server.dir.path().to_owned();
    let placeholder = tempfile::tempdir().unwrap();
    server.service = open(placeholder.path(), &server.clock);
    copy(&path, backup.path());
    reopened(&mut server);

    // Life goes on: the order is given, carried out and proven.
    server.service.planner_turn().unwrap();
    let reply = agent.sync(&server).await;
    let envelope = reply.orders[0].clone();
    let order = orders_in(&reply, &agent.server).remove(0);
    server.set("2026-03-02T21:05:00Z");
    agent.install(&order, at("2026-03-02T21:04:00Z"));
    let (outcomes, looks) = (agent.outcomes.clone(), agent.looks.clone());
    agent.sync(&server).await;
    assert_eq!(server.orders()[0].proof.state, ProofState::Proven);

    // The disk dies; the copy is put back.
    server.service = open(placeholder.path(), &server.clock);
    copy(backup.path(), &path);
    reopened(&mut server);
    server.service.planner_turn().unwrap();
    assert!(
        server
            .orders()
            .iter()
            .all(|o| o.state != OrderState::Succeeded)
    );

    let reply = agent.sync(&server).await;
    let shown = server
        .service
        .device_show(&server.owner, "web1", None)
        .unwrap();
    assert_eq!(shown.standing, Standing::Ahead);
    assert!(
        reply.orders.is_empty(),
        "no order before the outcomes are known"
    );
    assert!(reply.wants.contains(&Want::Outcomes), "{:?}", reply.wants);
    assert!(
        server
            .audit_actions()
            .iter()
            .any(|action| action == "device.standing")
    );
    server.service.planner_turn().unwrap();

    // The device sends all that it keeps, the order as it was signed among it.
    agent.outcomes = outcomes;
    agent.outcomes[0].order = envelope;
    assert!(URL_SAFE_NO_PAD.decode(&agent.outcomes[0].order).is_ok());
    agent.looks = looks;
    let reply = agent.sync(&server).await;
    let told = orders_in(&reply, &agent.server);
    assert!(told.is_empty(), "{told:?}");
    let shown = server
        .service
        .device_show(&server.owner, "web1", None)
        .unwrap();
    assert_eq!(shown.standing, Standing::Level);
    let orders = server.orders();
    let learned = orders
        .iter()
        .find(|o| o.id == order.order)
        .expect("the order was learned back");
    assert_eq!(learned.state, OrderState::Succeeded);
    assert_eq!(learned.proof.state, ProofState::Proven);

    // What is installed is not ordered again.
    server.service.planner_turn().unwrap();
    let reply = agent.sync(&server).await;
    let installs = orders_in(&reply, &agent.server);
    assert!(
        installs
            .iter()
            .all(|o| matches!(o.action, domain::order::Action::Cancel)),
        "{installs:?}"
    );
}
