//! Memory and processor time of an agent that has checked in and waits.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal};
use super::machine::{memory_kib, process_seconds, settle, wait};
use super::programs::{binary, output};
use super::server::{Folder, Server};

const BENCH: &str = "agent-idle";
/// How long an agent may take for its first look, in half seconds: it simulates every update.
const TRIES: u32 = 600;
/// How long its idle processor time is watched.
const WATCHED: Duration = Duration::from_secs(20);

struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = binary("patchloop-server", "patchloop")?;
    let agent = binary("patchloop-agent", "patchloop-agent")?;
    let folder = Folder::make()?;
    let state = folder.path().join("agent");
    let server = Server::start(&program, folder.path())?;
    let token = server.furnish()?;
    let enrolment = server.enrolment(&token, 1)?;
    let mut enrol = Command::new(&agent);
    enrol
        .args(["enrol", "--name", "bench", "--url", &server.agents])
        .args(["--pin", &server.pin, "--token", &enrolment, "--state"])
        .arg(&state);
    output(&mut enrol, "")?;
    // A bench changes nothing on the machine, the package lists neither.
    std::fs::write(state.join("guardrails.toml"), "refresh_index = false\n")?;
    let running = Agent(
        Command::new(&agent)
            .args(["run", "--changelog-budget-seconds", "0", "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the agent")?,
    );
    let pid = running.0.id();
    let mut seen = false;
    for _ in 0..TRIES {
        let devices = server.ask(&token, &["device", "list"])?;
        seen = !devices["items"][0]["inventory_at"].is_null();
        if seen {
            break;
        }
        wait(Duration::from_millis(500));
    }
    ensure!(seen, "the agent did not check in");
    settle(pid)?;
    let (resident, own) = memory_kib(pid)?;
    let peak = peak_kib(pid)?;
    let before = process_seconds(pid)?;
    wait(WATCHED);
    let used = process_seconds(pid)? - before;
    let size = std::fs::metadata(&agent)?.len() as f64;
    let mib = |kib: f64| kib / 1024.0;
    Ok(vec![
        Figure::one(
            BENCH,
            "resident, idle after its first check-in",
            mib(resident),
            "MiB",
        )
        .goal(Goal::AtMost(8.0)),
        Figure::one(
            BENCH,
            "of that, not shared with others (PSS)",
            mib(own),
            "MiB",
        ),
        Figure::one(
            BENCH,
            "most resident so far (its first look)",
            mib(peak),
            "MiB",
        ),
        Figure::one(
            BENCH,
            "processor time, idle",
            used * 100.0 / WATCHED.as_secs_f64(),
            "%",
        ),
        Figure::one(BENCH, "program on disk", mib(size / 1024.0), "MiB"),
    ])
}

fn peak_kib(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .context("no VmHWM")
}
