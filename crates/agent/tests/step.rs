//! A step of an order as a process of its own: started as the agent starts it, found by its folder, and
//! not ended with the agent.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use agent::execute::job::{Job, JobEnd, JobFolder, JobKind, JobResult, Poll};
use agent::execute::{Processes, Transactions as _};
use agent::files;
use agent::folder::StateFolder;
use agent::identity::{Identity, key_text, save_key};
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

/// An agent that does not outlive its test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A device's state folder, enrolled with a server that does not answer.
fn enrolled(home: &Path) -> (StateFolder, SigningKey) {
    let state = StateFolder::at(home);
    state.make().unwrap();
    let key = SigningKey::from_bytes(&[42; 32]);
    let identity = Identity {
        device: DeviceId::from_bytes([5; 16]),
        name: "web1".parse().unwrap(),
        client: "Acme".into(),
        site: "Berlin".into(),
        // Nothing listens on port 1 of this computer.
        server: "https://127.0.0.1:1".parse().unwrap(),
        pin: "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
            .parse()
            .unwrap(),
        order_key: key_text(&key.verifying_key()),
        enrolled_at: "2019-12-31T00:00:00Z".parse().unwrap(),
    };
    files::write_json(&state.identity(), &identity).unwrap();
    save_key(&state, &SigningKey::from_bytes(&[7; 32])).unwrap();
    (state, key)
}

fn signed(order: &Order, key: &SigningKey) -> String {
    let payload = serde_json::to_vec(order).unwrap();
    let envelope = Envelope::sign(MessageType::Order, payload, SignerKind::Server, key);
    URL_SAFE_NO_PAD.encode(envelope.to_bytes())
}

/// Looks every 20 milliseconds until `found` has something.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let (_never, nothing) = mpsc::channel::<()>();
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        let _ = nothing.recv_timeout(Duration::from_millis(20));
    }
}

fn wait_for(folder: &JobFolder) -> JobResult {
    until("the step never ended", || match folder.poll().unwrap() {
        Poll::Ended(result) => Some(*result),
        Poll::Absent | Poll::Quiet | Poll::Alive => None,
    })
}

#[test]
fn a_step_runs_by_itself_checks_its_window_and_leaves_its_result() {
    let home = tempfile::tempdir().unwrap();
    let (state, key) = enrolled(home.path());
    let kind = JobKind::Install { attempt: 1 };
    let folder = JobFolder::at(state.orders().join(kind.name()));
    assert_eq!(folder.poll().unwrap(), Poll::Absent);
    folder
        .make(&Job {
            kind,
            order: signed(&closed_order(), &key),
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

#[test]
fn an_agent_that_is_asked_to_end_ends_well_and_its_steps_go_on() {
    let home = tempfile::tempdir().unwrap();
    let (state, key) = enrolled(home.path());
    // Every step waits for this lock, so it is at work for as long as we like.
    let works = std::fs::File::create(state.transactions_lock()).unwrap();
    works.lock().unwrap();
    let mut order = closed_order();
    order.opens_at = "2100-01-01T00:00:00Z".parse().unwrap();
    order.closes_at = "2100-01-01T01:00:00Z".parse().unwrap();
    order.deadline = "2100-01-02T00:00:00Z".parse().unwrap();
    let text = signed(&order, &key);
    std::fs::write(state.spool_in().join("one.order"), text).unwrap();
    let mut agent = Agent(
        Command::new(env!("CARGO_BIN_EXE_patchloop-agent"))
            .args(["run", "--state"])
            .arg(home.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    // With the rights of root it fetches ahead, in a step; without them it only takes the order.
    let step = JobFolder::at(state.orders().join(format!("{}-g1/download", order.order)));
    let fetches = agent::platform::is_privileged();
    until("the agent took no order", || {
        let taken = !state.spool_in().join("one.order").exists();
        let begun = !fetches || step.poll().unwrap() == Poll::Alive;
        (taken && begun).then_some(())
    });
    let id = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let status = until("the agent did not end", || agent.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "{status}");
    if fetches {
        assert_eq!(step.poll().unwrap(), Poll::Alive);
        drop(works);
        let result = wait_for(&step);
        assert!(
            matches!(&result.end, JobEnd::Failed { reason } if reason.contains("no-such-package")),
            "{result:?}"
        );
    }
}
