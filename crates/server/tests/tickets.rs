//! `patchloop ticket` against a running server: a rule asks, the day passes, a person answers.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::access::{self, Principal};
use domain::clock::FixedClock;
use domain::device::AgentAbilities;
use domain::finding::{Finding, FindingState, PatchFacts};
use domain::id::DeviceId;
use domain::severity::Classification;
use serde_json::Value;
use server::{Running, StartOptions, start};
use service::Service;
use store::{FindingsWrite, NewDevice, OpenOptions, Store, StoreError};

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");
const PATCH: &str = "deb:bookworm/linux@6.1.153-1";

const RULE: &str = r#"
[[rule]]
name = "Kernels"
owner = "Grace"
patches = "product:linux"
action = "hold"
hold_for = "Anna"
due = "2d"
why = "a driver broke twice"
"#;

/// The commands of an operator.
struct Operator {
    url: String,
    token: String,
}

impl Operator {
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(arguments)
            .env("PATCHLOOP_URL", &self.url)
            .env("PATCHLOOP_TOKEN", &self.token)
            .output()
            .unwrap()
    }

    /// What a command prints that ends well, notes last.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}{complaint}");
        said.lines()
            .chain(complaint.lines())
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// Exit code and complaint of a command that is refused.
    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn tickets(&self, more: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = ["ticket", "list", "--json"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let told: Value = serde_json::from_str(&self.says(&arguments)).unwrap();
        told["items"].as_array().unwrap().clone()
    }

    /// Asks until the loops have brought the tickets so far; each time a program is started, which is pause
    /// enough.
    fn until(&self, reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let tickets = self.tickets(&[]);
            if reached(&tickets) {
                return tickets;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nothing came: {tickets:?}"
            );
        }
    }
}

/// Two devices of a client that miss a kernel.
fn fill(service: &Service, owner: &Principal, state: &Path) {
    service.client_add(owner, "Acme GmbH").unwrap();
    let site = service
        .site_add(owner, "Acme GmbH", "Berlin", "Europe/Berlin")
        .unwrap();
    let store = Store::open(&state.join("patchloop.db"), OpenOptions::default()).unwrap();
    let now = service.now();
    let done: Result<(), StoreError> = store.write_blocking(move |tx| {
        for number in [1_u8, 2] {
            let device = DeviceId::from_parts(now, [number; 10]);
            let new = NewDevice {
                id: device,
                site: site.id,
                name: format!("web{number}").parse().unwrap(),
                public_key: [number; 32],
                agent: AgentAbilities {
                    version: "0".into(),
                    protocol: 1,
                    verbs: Vec::new(),
                    privileged: true,
                    guardrails: Vec::new(),
                },
                enrolled_at: now,
            };
            tx.device_add(&access::of_loops(), &new)?;
            let finding = Finding {
                patch: PATCH.parse().unwrap(),
                packages: Vec::new(),
                state: FindingState::Missing,
                why: "a fix is offered".into(),
                facts: PatchFacts::default(),
                classification: Classification::Security,
                origin: None,
                needs: Vec::new(),
                refused: None,
            };
            let write = FindingsWrite {
                findings: &[finding],
                valid_from: now,
                recorded_at: now,
            };
            tx.finding_apply(&access::of_loops(), device, write)?;
        }
        Ok(())
    });
    done.unwrap();
}

fn story(running: &Running, clock: &FixedClock, state: &Path) {
    let made = running.service.owner_create("Olga").unwrap();
    fill(&running.service, &made.owner, state);
    let operator = Operator {
        url: running.console_url.clone(),
        token: made.token,
    };
    assert_eq!(
        operator.says(&["ticket", "list"]),
        "There is no ticket: no order has ended yet, and no rule holds a patch for a study.\n"
    );
    let file = state.join("rules.toml");
    std::fs::write(&file, RULE).unwrap();
    operator.says(&["policy", "apply", file.to_str().unwrap()]);
    let waits =
        |number: u64| move |tickets: &[Value]| tickets.iter().any(|t| t["devices"] == number);
    let ticket = operator.until(waits(2)).remove(0);
    let id = ticket["id"].as_str().unwrap();
    let plain = |text: String| text.replace(id, "tic_ID");
    assert!(operator.tickets(&["--overdue"]).is_empty());

    clock.set("2026-03-04T12:00:00Z".parse().unwrap());
    let mut said = String::new();
    for arguments in [
        &["ticket", "list", "--overdue", "--owner", "anna"][..],
        &["ticket", "list", "--owner", "nobody"],
        &["why", "web1", PATCH],
        &[
            "ticket",
            "answer",
            id,
            "approve",
            "--reason",
            "ran on the bench",
            "--dry-run",
        ],
    ] {
        said.push_str(&plain(format!("$ patchloop {}\n", arguments.join(" "))));
        said.push_str(&plain(operator.says(arguments)));
    }
    insta::assert_snapshot!("studies_as_they_are_printed", said);

    for (arguments, code, complaint) in [
        (
            ["ticket", "answer", "tic_x", "approve", "--reason", "x"],
            1,
            "no ticket `tic_x`",
        ),
        (
            ["ticket", "answer", id, "pin", "--reason", "x"],
            2,
            "decision add pin",
        ),
        (
            ["ticket", "answer", id, "accept-risk", "--reason", "x"],
            2,
            "until",
        ),
        (
            ["ticket", "answer", id, "approve", "--reason", ""],
            2,
            "reason",
        ),
    ] {
        let (found, said) = operator.refused(&arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(complaint), "{arguments:?}: {said}");
    }
    assert_eq!(operator.tickets(&[])[0]["state"], "open");

    operator.says(&[
        "ticket",
        "answer",
        id,
        "approve",
        "--reason",
        "ran on the bench",
    ]);
    let closed = operator.until(waits(0)).remove(0);
    assert_eq!(closed["state"], "closed");
    assert_eq!(
        closed["evidence"][1],
        "Answered: approved by Olga for the client (ran on the bench)."
    );
    let (code, said) = operator.refused(&["ticket", "answer", id, "deny", "--reason", "late"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("approved by Olga"), "{said}");
    assert!(operator.tickets(&["--state", "open"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_asks_the_day_passes_and_a_person_answers() {
    let state = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
    let options = StartOptions {
        state: state.path().to_owned(),
        console: "127.0.0.1:0".parse().unwrap(),
        agents: "127.0.0.1:0".parse().unwrap(),
        definitions: None,
        refresh: false,
        tell_at_once: false,
        tls: None,
    };
    let running = start(&options, Arc::clone(&clock) as _).await.unwrap();
    let path = state.path().to_owned();
    let running = tokio::task::spawn_blocking(move || {
        story(&running, &clock, &path);
        running
    })
    .await
    .unwrap();
    running.stop().await;
}
