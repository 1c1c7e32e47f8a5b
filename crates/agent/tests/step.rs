//! A step of an order as a process of its own: started as the agent starts it, found by its folder.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use agent::execute::job::{Job, JobEnd, JobFolder, JobKind, JobResult, Poll};
use agent::execute::{Processes, Transactions as _};
use agent::files;
use agent::folder::StateFolder;
use agent::identity::{Identity, key_text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{DeviceId, OrderId};
use domain::order::{Action, Order, OrderItem, Switch};
use domain::package::Ecosystem;
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use protocol::{Envelope, MessageType, SignerKind};

/// An order whose window closed long ago, so that the step must refuse it whoever runs this test.
fn closed_order() -> Order {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    Order {
        v: 1,
        device: DeviceId::from_bytes([5; 16]),
        order: OrderId::from_bytes([1; 16]),
        generation: 1,
        sequence: 1,
        action: Action::Install {
            items: vec![OrderItem {
                ecosystem: Ecosystem::Deb,
                name: "no-such-package".parse().unwrap(),
                architecture: "amd64".parse().unwrap(),
                from: None,
                to: "1".parse().unwrap(),
                patch: "deb:bookworm/no-such-package@1".parse().unwrap(),
            }],
            restart_services: Switch::Off,
        },
        opens_at: at("2020-01-01T00:00:00Z"),
        closes_at: at("2020-01-01T01:00:00Z"),
        deadline: at("2020-01-02T00:00:00Z"),
        contact_within_seconds: 3600,
        made_at: at("2019-12-31T00:00:00Z"),
    }
}

fn wait_for(folder: &JobFolder) -> JobResult {
    let (_never, nothing) = mpsc::channel::<()>();
    let began = Instant::now();
    loop {
        if let Poll::Ended(result) = folder.poll().unwrap() {
            return *result;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the step never ended"
        );
        let _ = nothing.recv_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_step_runs_by_itself_checks_its_window_and_leaves_its_result() {
    let home = tempfile::tempdir().unwrap();
    let state = StateFolder::at(home.path());
    state.make().unwrap();
    let key = SigningKey::from_bytes(&[42; 32]);
    let identity = Identity {
        device: DeviceId::from_bytes([5; 16]),
        name: "web1".parse().unwrap(),
        client: "Acme".into(),
        site: "Berlin".into(),
        server: "https://patch.example".parse().unwrap(),
        pin: "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
            .parse()
            .unwrap(),
        order_key: key_text(&key.verifying_key()),
        enrolled_at: "2019-12-31T00:00:00Z".parse().unwrap(),
    };
    files::write_json(&state.identity(), &identity).unwrap();
    let payload = serde_json::to_vec(&closed_order()).unwrap();
    let envelope = Envelope::sign(MessageType::Order, payload, SignerKind::Server, &key);
    let kind = JobKind::Install { attempt: 1 };
    let folder = JobFolder::at(state.orders().join(kind.name()));
    assert_eq!(folder.poll().unwrap(), Poll::Absent);
    folder
        .make(&Job {
            kind,
            order: URL_SAFE_NO_PAD.encode(envelope.to_bytes()),
            state: home.path().to_owned(),
        })
        .unwrap();
    assert_eq!(folder.poll().unwrap(), Poll::Quiet);
    let program = PathBuf::from(env!("CARGO_BIN_EXE_patchloop-agent"));
    Processes::of(program)
        .start(&folder, "test-install-1")
        .unwrap();
    let result = wait_for(&folder);
    assert!(
        matches!(&result.end, JobEnd::Failed { reason } if reason.contains("window")),
        "{result:?}"
    );
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let pid: u32 = pid.split_whitespace().next().unwrap().parse().unwrap();
    assert_ne!(pid, std::process::id());
}
