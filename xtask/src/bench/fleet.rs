//! The fleet of simulated devices (`tests/examples/load`), as a child that takes commands.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::programs::{example, output};
use super::server::Server;

/// Most devices that one token enrols.
const USES_MAX: usize = 1000;

/// A fleet that waits for commands.
pub struct Fleet {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fleet {
    /// Starts it, with this machine's packages as its pattern. `folder` holds what it needs.
    pub fn start(server: &Server, folder: &Path) -> Result<Self> {
        let program = example("patchloop-tests", "load")?;
        let inventory = folder.join("inventory.tsv");
        let pattern = example("patchloop-backends", "inventory")?;
        let text = output(Command::new(pattern).arg("--text"), "")?;
        std::fs::write(&inventory, text).context("cannot keep the inventory")?;
        let mut child = Command::new(&program)
            .args([&server.agents, &server.pin])
            .arg(&inventory)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            commands: child.stdin.take().context("no standard input")?,
            answers: BufReader::new(child.stdout.take().context("no standard output")?),
            child,
        })
    }

    /// Enrols devices with as many tokens as it takes; gives the packages of one of them.
    pub fn enrol(&mut self, server: &Server, token: &str, devices: usize) -> Result<f64> {
        let mut packages = 0.0;
        let mut left = devices;
        while left > 0 {
            let uses = left.min(USES_MAX);
            let enrolment = server.enrolment(token, uses)?;
            let answer = self.ask(&format!("enrol {enrolment} {uses}"))?;
            packages = super::programs::number(&answer, "packages")?;
            left -= uses;
        }
        Ok(packages)
    }

    /// Gives a command without waiting for its end.
    fn tell(&mut self, command: &str) -> Result<()> {
        writeln!(self.commands, "{command}").context("the fleet is gone")?;
        self.commands.flush().context("the fleet is gone")
    }

    /// Waits for the answer to the last command.
    pub fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the fleet ended, see above");
        serde_json::from_str(&line).with_context(|| format!("the fleet said {line}"))
    }

    /// Gives a command and waits for its answer.
    pub fn ask(&mut self, command: &str) -> Result<Value> {
        self.tell(command)?;
        self.answer()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
