//! A person at the command line: starts the real server, runs real commands, reads their JSON.
//!
//! Programs come from the folder named in `PATCHLOOP_LAB_BIN` (built with the clock that the lab
//! moves). Ends only processes that it started.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::wait_until;

/// Where the programs are.
pub fn program(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("PATCHLOOP_LAB_BIN")
        .context("PATCHLOOP_LAB_BIN is not set: run this test with `cargo xtask test`")?;
    let path = PathBuf::from(folder).join(name);
    ensure!(
        path.exists(),
        "{} is not there: run `cargo xtask test`",
        path.display()
    );
    Ok(path)
}

/// A server process with its state folder, and the owner's token.
pub struct Operator {
    state: PathBuf,
    clock_file: PathBuf,
    child: Option<Child>,
    console: String,
    /// URL of the agents' listener as the server printed it.
    pub agents: String,
    /// The pin that devices are given.
    pub pin: String,
    token: String,
    sign_in: String,
    ports: (u16, u16),
}

impl Operator {
    /// Starts a server on a new state folder below `folder` and makes its owner.
    pub fn start(folder: &Path) -> Result<Self> {
        let state = folder.join("server");
        std::fs::create_dir_all(&state)?;
        let mut operator = Self {
            clock_file: folder.join("clock"),
            state,
            child: None,
            console: String::new(),
            agents: String::new(),
            pin: String::new(),
            token: String::new(),
            sign_in: String::new(),
            ports: (0, 0),
        };
        std::fs::write(&operator.clock_file, "0\n")?;
        operator.serve()?;
        let owner = operator.local(&["owner", "create", "Ada"])?;
        operator.token = owner["token"]
            .as_str()
            .context("owner create gave no token")?
            .to_owned();
        operator.sign_in = owner["sign_in"]
            .as_str()
            .context("owner create gave no sign-in link")?
            .to_owned();
        Ok(operator)
    }

    /// The file that moves the server's clock.
    pub fn clock_file(&self) -> &Path {
        &self.clock_file
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// URL of the console.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// The owner's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The owner's sign-in link, which works once.
    pub fn sign_in(&self) -> &str {
        &self.sign_in
    }

    /// The port of the agents' listener.
    pub fn agents_port(&self) -> u16 {
        self.ports.1
    }

    /// Starts the server; a second time on the ports it had before.
    pub fn serve(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server runs already");
        let mut child = Command::new(program("patchloop")?)
            .args(["serve", "--no-refresh"])
            .arg("--state")
            .arg(&self.state)
            .args(["--console", &format!("127.0.0.1:{}", self.ports.0)])
            .args(["--agents", &format!("127.0.0.1:{}", self.ports.1)])
            .arg("--json")
            .env("PATCHLOOP_TEST_CLOCK", &self.clock_file)
            .env("PATCHLOOP_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.state.with_extension("log"))?,
            )
            .spawn()
            .context("cannot start the server")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        self.child = Some(child);
        if line.is_empty() {
            let log = std::fs::read_to_string(self.state.with_extension("log")).unwrap_or_default();
            bail!("the server did not start:\n{log}");
        }
        let ready: Value = serde_json::from_str(&line).context("the server's line is no JSON")?;
        let text = |name: &str| {
            ready[name]
                .as_str()
                .map(str::to_owned)
                .context("a field is missing")
        };
        (self.console, self.agents, self.pin) = (text("console")?, text("agents")?, text("pin")?);
        self.ports = (port_of(&self.console)?, port_of(&self.agents)?);
        Ok(())
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Ends the server with SIGTERM and gives its exit code.
    pub fn stop(&mut self) -> Result<Option<i32>> {
        let mut child = self.child.take().context("the server does not run")?;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let mut code = None;
        wait_until(
            Duration::from_secs(20),
            "the server to end",
            || match child.try_wait() {
                Ok(Some(status)) => {
                    code = status.code();
                    true
                }
                _ => false,
            },
        )?;
        Ok(code)
    }

    fn local(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(program("patchloop")?)
            .args(arguments)
            .args(["--json", "--state"])
            .arg(&self.state)
            .env("PATCHLOOP_TEST_CLOCK", &self.clock_file)
            .stderr(Stdio::piped())
            .output()?;
        ensure!(
            output.status.success(),
            "patchloop {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Runs a command and gives its exit code, its output and its talk.
    pub fn run(&self, arguments: &[&str]) -> Result<(i32, String, String)> {
        let output = Command::new(program("patchloop")?)
            .args(arguments)
            .env("PATCHLOOP_URL", &self.console)
            .env("PATCHLOOP_TOKEN", &self.token)
            .env("PATCHLOOP_TEST_CLOCK", &self.clock_file)
            .stdin(Stdio::null())
            .output()?;
        Ok((
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }

    /// Runs a command that must succeed, and gives its JSON.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        let (code, output, talk) = self.run(&with_json)?;
        ensure!(
            code == 0,
            "patchloop {arguments:?} ended with {code}: {talk}"
        );
        serde_json::from_str(&output)
            .with_context(|| format!("patchloop {arguments:?} gave no JSON: {output:.300}"))
    }

    /// The items of a list.
    pub fn items(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let answer = self.ask(arguments)?;
        Ok(answer["items"].as_array().context("no items")?.clone())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.trim_end_matches('/').rsplit(':').next().unwrap_or("");
    port.parse().with_context(|| format!("{url} has no port"))
}
