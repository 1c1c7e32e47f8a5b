//! Commands as they are called, against a real server: calendars, the policy of a device, back to a
//! version, completion.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use domain::access;
use domain::clock::FixedClock;
use domain::device::AgentAbilities;
use domain::id::{DeviceId, SiteId};
use jiff::Timestamp;
use serde_json::Value;
use server::{StartOptions, start};
use store::{NewDevice, OpenOptions, Store, StoreError};

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

const FIRST: &str = r#"
[[window]]
name = "nights"
for = "client:Acme"
zone = "Europe/Berlin"
start = "22:00"
duration = "2h"
days = ["mon"]

[[freeze]]
name = "fair"
for = "client:Acme"
zone = "Europe/Berlin"
from = "2026-03-09T00:00"
until = "2026-03-10T00:00"
reason = "the fair"

[[rule]]
name = "all"
owner = "Ada"
patches = ""
action = "hold"
why = "looked at"

[[reboot]]
name = "needed"
for = "client:Acme"
when = "needed"
"#;

/// A server to speak with, and the program that does.
struct Asking {
    url: String,
    token: String,
}

impl Asking {
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(arguments)
            .env("PATCHLOOP_URL", &self.url)
            .env("PATCHLOOP_TOKEN", &self.token)
            .output()
            .unwrap()
    }

    /// What it prints; it must not fail.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        serde_json::from_str(&self.says(&arguments)).unwrap()
    }
}

fn add_device(dir: &Path, site: SiteId, now: Timestamp) {
    let store = Store::open(&dir.join("patchloop.db"), OpenOptions::default()).unwrap();
    let done: Result<(), StoreError> = store.write_blocking(move |tx| {
        tx.device_add(
            &access::of_loops(),
            &NewDevice {
                id: DeviceId::from_parts(now, [7; 10]),
                site,
                name: "web1".parse().unwrap(),
                public_key: [5; 32],
                agent: AgentAbilities {
                    version: "0".into(),
                    protocol: 1,
                    verbs: Vec::new(),
                    privileged: true,
                    guardrails: Vec::new(),
                },
                enrolled_at: now,
            },
        )
    });
    done.unwrap();
}

fn walk(asking: &Asking, dir: &Path) {
    let (one, two) = (dir.join("one.toml"), dir.join("two.toml"));
    std::fs::write(&one, FIRST).unwrap();
    std::fs::write(&two, FIRST.replace("22:00", "23:00")).unwrap();
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    asking.says(&["policy", "apply", one]);
    device(asking);
    calendar(asking);
    asking.says(&["policy", "apply", two, "--prune"]);
    revert(asking);
    let next = asking.says(&["query", "complete", "client:a"]);
    assert!(next.contains("client:Acme"), "{next}");
    let next = asking.json(&["query", "complete", "tag:x device:", "--at", "2"]);
    assert_eq!(next["completions"][0]["insert"], "tag:", "{next}");
    let wrong = asking.run(&[
        "decision",
        "add",
        "hold",
        "--patches",
        "",
        "--for",
        "client:Acme",
        "--version",
        "1",
        "--reason",
        "x",
    ]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(
        !wrong.status.success() && said.contains("only a pin"),
        "{said}"
    );
    let pinned = asking.says(&[
        "decision",
        "add",
        "pin",
        "--patches",
        "product:openssl",
        "--for",
        "client:Acme",
        "--version",
        "3.0.15-1",
        "--reason",
        "x",
    ]);
    assert!(pinned.contains("0 devices of 0 clients"), "{pinned}");
    let list = asking.says(&["decision", "list"]);
    assert!(list.contains("pin at 3.0.15-1"), "{list}");
}

fn device(asking: &Asking) {
    let shown = asking.says(&["policy", "effective", "web1"]);
    for part in [
        "Acme/web1",
        "2026-03-02 21:00Z to 2026-03-02 23:00Z",
        "nights",
        "fair",
        "2026-03-08 23:00Z",
        "one.toml",
        "Reboots (not carried out yet)",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let policy = asking.json(&["policy", "effective", "Acme/web1"]);
    assert_eq!(policy["windows"][0]["part"]["file"], "one.toml");
    assert_eq!(policy["reboot"]["part"]["name"], "needed");
    let nobody = asking.run(&["policy", "effective", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
}

fn calendar(asking: &Asking) {
    let made = asking.says(&["calendar", "add", "Acme"]);
    let address = made
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let address = address.unwrap().to_owned();
    let mut answer = ureq::get(&address).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert!(text.contains("SUMMARY:Change window: nights"), "{text}");
    assert!(text.contains("SUMMARY:Change freeze: fair"), "{text}");
    let list = asking.json(&["calendar", "list"]);
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    let revoked = asking.says(&["calendar", "revoke", &id]);
    assert!(revoked.contains("revoked 2026-03-02"), "{revoked}");
    assert!(ureq::get(&address).call().is_err());
}

fn revert(asking: &Asking) {
    let shown = asking.says(&["policy", "revert", "1"]);
    assert!(
        shown.contains("nights") && shown.contains("one.toml"),
        "{shown}"
    );
    let versions = |asking: &Asking| {
        let history = asking.json(&["policy", "history"]);
        history["items"].as_array().unwrap().len()
    };
    assert_eq!(versions(asking), 2, "nothing was applied yet");
    asking.says(&["policy", "revert", "1", "--dry-run"]);
    assert_eq!(versions(asking), 2);
    asking.says(&["policy", "revert", "1", "--yes"]);
    assert_eq!(versions(asking), 3);
    let back = asking.says(&["policy", "export"]);
    assert_eq!(back.trim(), FIRST.trim());
    let none = asking.run(&["policy", "revert", "77"]);
    assert_eq!(none.status.code(), Some(1));
    let both = asking.run(&["policy", "revert", "1", "--yes", "--dry-run"]);
    assert_eq!(both.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_speak_with_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let options = StartOptions {
        state: dir.path().to_owned(),
        console: "127.0.0.1:0".parse().unwrap(),
        agents: "127.0.0.1:0".parse().unwrap(),
        definitions: None,
        refresh: false,
        tell_at_once: false,
        tls: None,
    };
    let running = start(&options, Arc::new(FixedClock::at(now)))
        .await
        .unwrap();
    let (service, url) = (Arc::clone(&running.service), running.console_url.clone());
    let path = dir.path().to_owned();
    tokio::task::spawn_blocking(move || {
        let made = service.owner_create("Olga").unwrap();
        service.client_add(&made.owner, "Acme").unwrap();
        let site = service.site_add(&made.owner, "Acme", "Berlin", "Europe/Berlin");
        add_device(&path, site.unwrap().id, now);
        let token = made.token;
        walk(&Asking { url, token }, &path);
    })
    .await
    .unwrap();
}
