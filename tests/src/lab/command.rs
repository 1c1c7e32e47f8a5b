//! Running the machine's tools with fixed arguments, and waiting for them with a limit.
//!
//! Never through a shell. Errors carry the whole command and what it wrote to standard error.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::requirements::TOOL_PATH;

/// How long one look lasts before the next, while something is waited for.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(15);

/// Starts the description of a command; its standard input is empty, its messages are in English.
pub(crate) fn command<S: AsRef<OsStr>>(argv: &[S]) -> Command {
    let mut command = Command::new(argv[0].as_ref());
    command
        .args(&argv[1..])
        .stdin(Stdio::null())
        .env("PATH", TOOL_PATH)
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Runs `argv` and returns its standard output; anything but exit status 0 is an error.
pub(crate) fn run<S: AsRef<OsStr>>(argv: &[S]) -> Result<String> {
    checked(&mut command(argv))
}

/// Like [`run`], in the folder `directory`.
pub(crate) fn run_in<S: AsRef<OsStr>>(directory: &Path, argv: &[S]) -> Result<String> {
    checked(command(argv).current_dir(directory))
}

/// Runs a described command to its end and returns its standard output.
pub(crate) fn checked(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, tail(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of both streams, which is where tools say what went wrong.
fn tail(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Looks again and again until `done` says so; an error naming `what` after `limit`.
///
/// Real processes and real namespaces have no hook to wait on, so this looks, with a limit.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes are waited for, with a limit"
)]
pub fn wait_until(limit: Duration, what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > limit {
            bail!("waited {} s for {what}, in vain", limit.as_secs());
        }
        std::thread::sleep(LOOK_AGAIN_AFTER);
    }
    Ok(())
}
