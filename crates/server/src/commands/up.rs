//! `patchloop up`: server, console and this computer's own agent, in one command.
//!
//! Starts the server with SQLite in the user's state folder, makes the owner, enrols this computer
//! through the real agent and the real link (it only looks, and does not even fetch package lists),
//! and says what is pending. `--once` does the same on free ports beside whatever runs, prints one
//! document, and ends every process it started. Needs no root.

mod picture;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use domain::access::Principal;
use domain::clock::Clock;
use service::enrolment::NewEnrolment;
use service::state_folder::{StateFolder, StateFolderError};
use service::{Service, ServiceError};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Global, StateArgs};
use crate::failure::{Failure, Outcome};
use crate::running::{Running, StartOptions, explain, start};
use picture::Picture;

/// The client and the site that this computer stands under.
const CLIENT: &str = "Own devices";
const SITE: &str = "Here";
/// The agent's program, beside this one.
const AGENT_PROGRAM: &str = "patchloop-agent";
/// The folder below the state folder that `--once` uses.
const ONCE_FOLDER: &str = "once";

/// `patchloop up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Scan, print one picture, and end everything that was started
    #[arg(long)]
    once: bool,
    /// Where people reach the console and the API [default: 127.0.0.1:8480; a free port with --once]
    #[arg(long, value_name = "ADDR")]
    console: Option<SocketAddr>,
    /// Where agents reach the server [default: 127.0.0.1:8443; a free port with --once]
    #[arg(long, value_name = "ADDR")]
    agents: Option<SocketAddr>,
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Fetch the feeds that are enabled, while it runs
    #[arg(long, conflicts_with = "once")]
    refresh: bool,
    /// Seconds that reading changelogs may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    changelog_seconds: u32,
    /// The agent's program [default: patchloop-agent beside this program]
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
}

/// A state folder, removed at the end when it was only for this run.
struct Place {
    folder: PathBuf,
    temporary: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary {
            // Best effort: what is left is only in the way of nobody.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs it; with `--once` until the picture is printed, else until SIGTERM or SIGINT.
pub fn run(args: &UpArgs, global: &Global, clock: Arc<dyn Clock>) -> Result<Outcome, Failure> {
    let agent = agent_program(args)?;
    let place = place(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let done = runtime.block_on(async {
        let first = up(args, global, &place.folder, &agent, Arc::clone(&clock)).await;
        match first {
            Err(failure) if args.once && !place.temporary && failure.code() == 1 => {
                // The folder of `--once` is only a memory of earlier runs; a bad one is dropped.
                eprintln!("{failure}\nnote: starting again with an empty folder");
                empty(&place.folder)?;
                up(args, global, &place.folder, &agent, clock).await
            }
            other => other,
        }
    });
    drop(place);
    done
}

fn empty(folder: &Path) -> Result<(), Failure> {
    std::fs::remove_dir_all(folder)
        .with_context(|| format!("cannot empty {}", folder.display()))?;
    Ok(())
}

fn agent_program(args: &UpArgs) -> Result<PathBuf, Failure> {
    let program = match &args.agent {
        Some(program) => program.clone(),
        None => std::env::current_exe()
            .context("cannot find this program's own place")?
            .with_file_name(AGENT_PROGRAM),
    };
    if program.is_file() {
        return Ok(program);
    }
    Err(
        Failure::failed(anyhow!("the agent is not there: {}", program.display()))
            .hint("build both with `cargo xtask up`, or name it: --agent FILE"),
    )
}

/// The state folder of this run: `--once` has one of its own, so that it works beside a running `up`.
fn place(args: &UpArgs) -> Result<Place, Failure> {
    let base = args.state.folder()?;
    if !args.once {
        return Ok(Place {
            folder: base,
            temporary: false,
        });
    }
    let folder = base.join(ONCE_FOLDER);
    let free = StateFolder::open(&folder).and_then(|opened| opened.lock());
    match free {
        Ok(lock) => {
            drop(lock);
            Ok(Place {
                folder,
                temporary: false,
            })
        }
        Err(StateFolderError::Locked { .. }) => Ok(Place {
            folder: base.join(format!("{ONCE_FOLDER}-{}", std::process::id())),
            temporary: true,
        }),
        Err(error) => Err(Failure::failed(error)
            .hint("check who owns it and its permissions, or choose another: --state DIR")),
    }
}

async fn up(
    args: &UpArgs,
    global: &Global,
    folder: &Path,
    agent: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Outcome, Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let port = |fixed: u16| SocketAddr::from(([127, 0, 0, 1], if args.once { 0 } else { fixed }));
    let options = StartOptions {
        state: folder.to_owned(),
        console: args.console.unwrap_or_else(|| port(8480)),
        agents: args.agents.unwrap_or_else(|| port(8443)),
        definitions: args.definitions.clone(),
        refresh: args.refresh,
        tell_at_once: false,
        tls: None,
    };
    let running = start(&options, clock).await?;
    let work = Work {
        service: Arc::clone(&running.service),
        agents_url: running.agents_url.clone(),
        pin: running.pin.clone(),
        agent: agent.to_owned(),
        folder: folder.join("agent"),
        changelog_seconds: args.changelog_seconds,
    };
    let scanned = tokio::task::spawn_blocking(move || work.scan());
    let scanned = tokio::select! {
        scanned = scanned => scanned.context("the scan stopped")?,
        _ = terminate.recv() => Err(Failure::failed(anyhow!("stopped before the scan was done"))),
        _ = interrupt.recv() => Err(Failure::failed(anyhow!("stopped before the scan was done"))),
    };
    let scan = match scanned {
        Ok(scan) => scan,
        Err(failure) => {
            running.stop().await;
            return Err(failure);
        }
    };
    if global.json {
        println!("{}", scan.picture.json());
    } else {
        print!("{}", scan.picture.text());
    }
    if args.once {
        running.stop().await;
        return Ok(Outcome::Done);
    }
    let mut child = scan.agent.start()?;
    say_where_to_look(&running, &scan)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // It may have ended by the same signal; then there is nothing left to end.
    let _ = child.kill();
    let _ = child.wait();
    running.stop().await;
    Ok(Outcome::Done)
}

fn say_where_to_look(running: &Running, scan: &Scan) -> Result<(), Failure> {
    let link = running.service.owner_sign_in().map_err(explain)?;
    eprintln!(
        "\nConsole   {}\nSign in   {}/sign-in/{link}   (works once; `patchloop owner sign-in` makes another)",
        running.console_url, running.console_url
    );
    eprintln!(
        "Agents    {}\nPin       {}",
        running.agents_url, running.pin
    );
    if let Some(token) = &scan.token {
        eprintln!(
            "\nFor the command line, in another terminal:\n  export PATCHLOOP_URL={}\n  export PATCHLOOP_TOKEN={token}",
            running.console_url
        );
    }
    eprintln!("\nThis computer is only looked at. Ctrl-C ends it.");
    Ok(())
}

/// What a scan left behind.
struct Scan {
    picture: Picture,
    agent: Work,
    token: Option<String>,
}

/// Everything that the blocking part needs.
#[derive(Clone)]
struct Work {
    service: Arc<Service>,
    agents_url: String,
    pin: String,
    agent: PathBuf,
    folder: PathBuf,
    changelog_seconds: u32,
}

impl Work {
    fn scan(self) -> Result<Scan, Failure> {
        let (owner, token) = self.owner()?;
        if !self.is_enrolled()? {
            self.enrol(&owner)?;
        }
        eprintln!("looking at this computer");
        let status = self
            .command(&["run", "--once", "--url", &self.agents_url])
            .args([
                "--changelog-budget-seconds",
                &self.changelog_seconds.to_string(),
            ])
            .status()
            .with_context(|| format!("cannot start {}", self.agent.display()))?;
        if !status.success() {
            return Err(Failure::failed(anyhow!(
                "the agent could not look at this computer ({status})"
            )));
        }
        let picture = Picture::take(&self.service, &owner, &self.device_name()?)?;
        Ok(Scan {
            picture,
            agent: self,
            token,
        })
    }

    /// The owner: made at the first start, with a token that is shown then and kept for later starts.
    fn owner(&self) -> Result<(Principal, Option<String>), Failure> {
        let file = self.folder.with_file_name("up-token");
        let name = std::env::var("USER").ok().filter(|name| !name.is_empty());
        match self
            .service
            .owner_create(name.as_deref().unwrap_or("owner"))
        {
            Ok(made) => {
                keep_secret(&file, &made.token)?;
                Ok((made.owner, Some(made.token)))
            }
            Err(ServiceError::Conflict { .. }) => {
                let link = self.service.owner_sign_in().map_err(explain)?;
                let session = self
                    .service
                    .session_open(&link, Ipv4Addr::LOCALHOST.into())
                    .map_err(explain)?;
                self.service.session_end(&session.secret).map_err(explain)?;
                Ok((session.principal, std::fs::read_to_string(&file).ok()))
            }
            Err(error) => Err(explain(error)),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.agent);
        command
            .args(arguments)
            .arg("--state")
            .arg(&self.folder)
            .stdin(Stdio::null())
            // Standard output belongs to the picture.
            .stdout(std::io::stderr());
        command
    }

    fn is_enrolled(&self) -> Result<bool, Failure> {
        let output = self
            .command(&["status", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", self.agent.display()))?;
        Ok(output.status.success())
    }

    fn device_name(&self) -> Result<String, Failure> {
        let output = self
            .command(&["status", "--json"])
            .stdout(Stdio::piped())
            .output()
            .with_context(|| format!("cannot start {}", self.agent.display()))?;
        let status: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("the agent's status is no JSON")?;
        let device = status["device"]
            .as_str()
            .context("the agent's status names no device")?;
        Ok(device.to_owned())
    }

    fn enrol(&self, owner: &Principal) -> Result<(), Failure> {
        eprintln!("enrolling this computer (it is only looked at)");
        let zone = jiff::tz::TimeZone::system();
        let zone = zone.iana_name().unwrap_or("UTC");
        for made in [
            self.service.client_add(owner, CLIENT).map(|_| ()),
            self.service.site_add(owner, CLIENT, SITE, zone).map(|_| ()),
        ] {
            match made {
                Ok(()) | Err(ServiceError::Conflict { .. }) => {}
                Err(error) => return Err(explain(error)),
            }
        }
        let wanted = NewEnrolment {
            site: format!("{CLIENT}/{SITE}"),
            uses: 1,
            expires: "10m".to_owned(),
        };
        let made = self
            .service
            .enrolment_create(owner, &wanted)
            .map_err(explain)?;
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        std::fs::write(self.folder.join("guardrails.toml"), GUARDRAILS)
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        let status = self
            .command(&[
                "enrol",
                "--url",
                &self.agents_url,
                "--pin",
                &self.pin,
                "--token",
                &made.token,
            ])
            .status()
            .with_context(|| format!("cannot start {}", self.agent.display()))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::failed(anyhow!(
                "this computer could not be enrolled ({status})"
            )))
        }
    }

    /// Starts the agent for as long as the server runs.
    fn start(&self) -> Result<Child, Failure> {
        let child = self
            .command(&["run", "--url", &self.agents_url])
            .spawn()
            .with_context(|| format!("cannot start {}", self.agent.display()))?;
        Ok(child)
    }
}

/// What keeps `up` from changing anything on this computer, whatever the server says.
const GUARDRAILS: &str = "# Written by `patchloop up`: this computer is only looked at.
observe_only = true
refresh_index = false
";

fn keep_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    service::keys::write_secret(path, secret.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
