//! The server's program: starts, says where it is, refuses what it must with a hint, stops cleanly.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

struct Serving {
    child: Child,
    console: String,
    agents: String,
    pin: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Already gone when the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(state: &Path) -> Serving {
    let mut child = Command::new(PROGRAM)
        .args([
            "serve",
            "--no-refresh",
            "--json",
            "--console",
            "127.0.0.1:0",
            "--agents",
            "127.0.0.1:0",
        ])
        .arg("--state")
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    Serving {
        console: text("console"),
        agents: text("agents"),
        pin: text("pin"),
        child,
    }
}

fn run(arguments: &[&str], state: &Path) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .arg("--state")
        .arg(state)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// One request over plain HTTP, closed after the answer.
fn get(console: &str, path: &str, headers: &str) -> String {
    let address = console.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn starts_makes_an_owner_beside_it_and_ends_with_0_on_sigterm() {
    let state = tempfile::tempdir().unwrap();
    let mut serving = serve(state.path());
    assert!(serving.agents.starts_with("https://127.0.0.1:"));
    assert!(serving.pin.starts_with("sha256/"));

    let made = run(&["owner", "create", "Olga", "--json"], state.path());
    assert!(made.status.success(), "{}", stderr(&made));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["owner"], "Olga");
    let sign_in = made["sign_in"].as_str().unwrap();
    assert!(
        sign_in.starts_with(&format!("{}/sign-in/", serving.console)),
        "{sign_in}"
    );

    let token = made["token"].as_str().unwrap();
    let header = format!("Authorization: Bearer {token}\r\n");
    let answer = get(&serving.console, "/api/v1/clients", &header);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let nobody = get(&serving.console, "/api/v1/clients", "");
    assert!(nobody.starts_with("HTTP/1.1 401 ") && nobody.contains("application/problem+json"));
    let wrong = get(
        &serving.console,
        "/api/v1/clients",
        "Authorization: Bearer plt_x\r\n",
    );
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");
    // The agents' routes are not here, and the headers are on every answer.
    let lost = get(&serving.console, "/agent/v1/wake", "");
    assert!(lost.starts_with("HTTP/1.1 404 "), "{lost}");
    assert!(
        lost.contains("content-security-policy: default-src 'none'"),
        "{lost}"
    );

    // Every refusal has its exit code and a hint; `--json` is also understood behind changes of tags.
    let refusals: &[(&[&str], &str, i32, &str)] = &[
        (
            &["device", "tag", "nobox", "+a", "--json"],
            token,
            1,
            "no device `nobox`",
        ),
        (
            &["device", "tag", "nobox", "+two words"],
            token,
            2,
            "`two words`",
        ),
        (
            &["device", "list", "-q", "clint:acme"],
            token,
            2,
            "\n  ^^^^^\n",
        ),
        (
            &["device", "list", "--at", "2999-01-01"],
            token,
            2,
            "has not come yet",
        ),
        (
            &["site", "add", "Nope", "x", "--zone", "Mars/Base"],
            token,
            2,
            "`Mars/Base`",
        ),
        (&["window", "openings"], token, 2, "required"),
        (&["device", "list"], "plt_wrong", 1, "not valid"),
    ];
    for (arguments, token, code, says) in refusals {
        let refused = Command::new(PROGRAM)
            .args(*arguments)
            .env("PATCHLOOP_URL", &serving.console)
            .env("PATCHLOOP_TOKEN", token)
            .output()
            .unwrap();
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(*code), "{arguments:?}: {said}");
        assert!(refused.stdout.is_empty(), "{arguments:?}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(said.contains("\nhint: "), "{arguments:?}: {said}");
    }

    let second = run(&["owner", "create", "Zoe"], state.path());
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("there is an owner already: Olga\nhint: "));

    let pid = serving.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));

    // The pin survives a restart.
    let pin = serving.pin.clone();
    assert_eq!(serve(state.path()).pin, pin);
}

#[test]
fn refuses_a_second_server_a_port_in_use_and_the_clear_with_a_hint() {
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serving = serve(state.path());
    let free = [
        "serve",
        "--no-refresh",
        "--console",
        "127.0.0.1:0",
        "--agents",
        "127.0.0.1:0",
    ];
    let second = run(&free, state.path());
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another server uses the state folder"));
    assert!(stderr(&second).contains("\nhint: "));

    let taken = serving.console.strip_prefix("http://").unwrap();
    let port = run(
        &[
            "serve",
            "--no-refresh",
            "--console",
            taken,
            "--agents",
            "127.0.0.1:0",
        ],
        other.path(),
    );
    assert_eq!(port.status.code(), Some(1));
    assert!(stderr(&port).contains(taken) && stderr(&port).contains("\nhint: "));

    let clear = run(
        &["serve", "--no-refresh", "--console", "0.0.0.0:0"],
        other.path(),
    );
    assert_eq!(clear.status.code(), Some(2));
    assert!(stderr(&clear).contains("--tls-cert"), "{}", stderr(&clear));
}

#[test]
fn a_state_folder_that_is_a_file_and_a_database_that_is_none_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    std::fs::write(&file, "text").unwrap();
    let output = run(&["owner", "create", "Olga"], &file);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains(file.to_str().unwrap()) && said.contains("\nhint: "),
        "{said}"
    );

    let state = dir.path().join("other");
    std::fs::create_dir(&state).unwrap();
    let database = state.join("patchloop.db");
    std::fs::write(&database, vec![b'x'; 8192]).unwrap();
    let output = run(&["owner", "create", "Olga"], &state);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(database.to_str().unwrap()),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        std::fs::read(&database).unwrap(),
        vec![b'x'; 8192],
        "it was left untouched"
    );
}
