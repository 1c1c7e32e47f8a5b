//! A real server process on a folder of its own, with its owner, one client and one site.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::programs;

/// The site that simulated devices are enrolled at.
pub const SITE: &str = "Bench/Office";

/// A folder that is removed in the end.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one below the build folder: a real disk, where the folder for temporary files may be
    /// memory.
    pub fn make() -> Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = crate::build::target_dir()?
            .join("bench")
            .join(format!("{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that runs.
pub struct Server {
    child: Child,
    program: PathBuf,
    folder: PathBuf,
    /// URL of the console and the API.
    pub console: String,
    /// URL of the agents' listener.
    pub agents: String,
    /// What agents pin.
    pub pin: String,
}

impl Server {
    /// Starts a server on `folder`, on free ports; returns when it says that it is ready.
    pub fn start(program: &Path, folder: &Path) -> Result<Self> {
        Self::start_at(program, folder, ["127.0.0.1:0", "127.0.0.1:0"])
    }

    fn start_at(program: &Path, folder: &Path, addresses: [&str; 2]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--no-refresh"])
            .arg("--state")
            .arg(folder.join("state"))
            .args([
                "--console",
                addresses[0],
                "--agents",
                addresses[1],
                "--json",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        let out = child.stdout.take().context("the server has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        if line.is_empty() {
            let status = child.wait()?;
            anyhow::bail!("the server ended at once ({status})");
        }
        let ready: Value = serde_json::from_str(&line).context("the server's line is no JSON")?;
        let text = |name: &str| -> Result<String> {
            let text = ready[name].as_str();
            text.map(str::to_owned)
                .with_context(|| format!("the server names no {name}"))
        };
        Ok(Self {
            console: text("console")?,
            agents: text("agents")?,
            pin: text("pin")?,
            child,
            program: program.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes the owner, one client and one site; gives the owner's token.
    pub fn furnish(&self) -> Result<String> {
        let owner = programs::json(
            Command::new(&self.program)
                .args(["owner", "create", "Ada", "--json", "--state"])
                .arg(self.folder.join("state")),
            "",
        )?;
        let token = owner["token"].as_str().context("no token")?.to_owned();
        self.ask(&token, &["client", "add", "Bench"])?;
        self.ask(
            &token,
            &["site", "add", "Bench", "Office", "--zone", "Europe/Berlin"],
        )?;
        Ok(token)
    }

    /// A token that enrols up to `uses` devices.
    pub fn enrolment(&self, token: &str, uses: usize) -> Result<String> {
        let uses = uses.to_string();
        let made = self.ask(
            token,
            &["enrolment", "create", "--site", SITE, "--uses", &uses],
        )?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Runs a command as the owner, and gives its JSON.
    pub fn ask(&self, token: &str, arguments: &[&str]) -> Result<Value> {
        programs::json(
            Command::new(&self.program)
                .args(arguments)
                .arg("--json")
                .env("PATCHLOOP_URL", &self.console)
                .env("PATCHLOOP_TOKEN", token),
            "",
        )
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) -> Result<Stopped> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.stopped())
    }

    /// Ends it with SIGTERM.
    pub fn stop(mut self) -> Result<Stopped> {
        let ended = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()
            .context("cannot run kill")?;
        ensure!(ended.success(), "the server was gone already");
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(self.stopped())
    }

    fn stopped(&self) -> Stopped {
        Stopped {
            program: self.program.clone(),
            folder: self.folder.clone(),
            addresses: [address(&self.console), address(&self.agents)],
        }
    }
}

/// A server that ran, and can run again where it was.
pub struct Stopped {
    program: PathBuf,
    folder: PathBuf,
    addresses: [String; 2],
}

impl Stopped {
    /// Starts it on the folder and the ports that it had.
    pub fn start(self) -> Result<Server> {
        let [console, agents] = &self.addresses;
        Server::start_at(&self.program, &self.folder, [console, agents])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` both fail, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(url: &str) -> String {
    url.split("://")
        .nth(1)
        .unwrap_or(url)
        .trim_end_matches('/')
        .to_owned()
}
