//! The command line of `patchloop-agent`. Results go to stdout, talk to stderr.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use backends::Backend;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use clock::SystemClock;
use domain::clock::Clock as _;
use domain::name::Label;

use crate::enrol::{self, Force, Invitation};
use crate::execute::job::JobFolder;
use crate::execute::transaction::{self, RealHands};
use crate::failure::{Exit, Failure};
use crate::folder::StateFolder;
use crate::identity::Identity;
use crate::link::{Pin, ServerUrl};
use crate::run::{self, Setup};
use crate::{platform, status};

/// Patchloop's agent: looks at this device, tells its server, and carries out signed orders.
#[derive(Debug, Parser)]
#[command(name = "patchloop-agent", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enrol this device with a server, once
    Enrol {
        /// Where the server listens for agents
        #[arg(long, value_name = "URL")]
        url: ServerUrl,
        /// The server's key, as it prints it at its start
        #[arg(long, value_name = "PIN")]
        pin: Pin,
        /// The one-time token
        #[arg(long, value_name = "TOKEN")]
        token: String,
        /// How the device should be called; its own name when nothing is said
        #[arg(long, value_name = "NAME")]
        name: Option<Label>,
        /// Give up an identity that is there already
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Look, check in and carry out orders, until ended
    Run {
        /// Look and check in once, begin no order
        #[arg(long)]
        once: bool,
        /// Where the server listens now, when it moved; its key stays the one of the enrolment
        #[arg(long, value_name = "URL")]
        url: Option<ServerUrl>,
        /// Seconds that may be spent on changelogs in one cycle
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        changelog_budget_seconds: u64,
        /// Bytes that may be downloaded for changelogs in one cycle
        #[arg(long, value_name = "BYTES", default_value_t = 300_000_000)]
        changelog_budget_bytes: u64,
        #[command(flatten)]
        place: Place,
    },
    /// Say what the agent knows
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Run one step of an order; only the agent calls this
    #[command(hide = true)]
    Transaction {
        /// The step's folder
        folder: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The state folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Place {
    fn folder(self) -> Result<StateFolder, Failure> {
        let root = self.state.or_else(platform::state_folder).ok_or_else(|| {
            Failure::usage(
                "there is no place for the agent's state: neither XDG_STATE_HOME nor HOME is set",
            )
            .hint("name a folder: --state DIR")
        })?;
        let root = std::path::absolute(&root).unwrap_or(root);
        Ok(StateFolder::at(root))
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    if let Some(banner) = clock::banner() {
        eprintln!("{banner}");
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(problem) => {
            let _ = problem.print();
            return match problem.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(Exit::Usage as u8),
            };
        }
    };
    match carry_out(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::Enrol {
            url,
            pin,
            token,
            name,
            force,
            place,
        } => {
            let folder = place.folder()?;
            let invitation = Invitation {
                url,
                pin,
                token,
                name,
                force: if force { Force::Yes } else { Force::No },
            };
            let backend = platform::backend(folder.root())?;
            let identity = enrol::enrol(&folder, backend.as_ref(), &SystemClock, invitation)?;
            println!(
                "enrolled {} as {} at {} / {}",
                identity.name, identity.device, identity.client, identity.site
            );
            Ok(())
        }
        Command::Run {
            once,
            url,
            changelog_budget_seconds,
            changelog_budget_bytes,
            place,
        } => {
            if !once {
                platform::give_memory_back();
            }
            let folder = place.folder()?;
            if let Some(url) = url {
                Identity::follow(&folder, url)?;
            }
            let setup = Setup {
                backend: Arc::from(platform::backend(folder.root())?),
                folder,
                clock: Arc::new(SystemClock),
                program: std::env::current_exe().map_err(|problem| {
                    Failure::refused(format!("cannot find the agent's own program: {problem}"))
                })?,
                changelog_seconds: changelog_budget_seconds,
                changelog_bytes: changelog_budget_bytes,
            };
            if once {
                run::once(&setup).map(|_| ())
            } else {
                match run::forever(&setup)? {}
            }
        }
        Command::Status { json, place } => {
            let status = status::read(&place.folder()?)?;
            if json {
                let text = serde_json::to_string_pretty(&status).expect("a status is plain data");
                println!("{text}");
            } else {
                print!("{}", status.to_text());
            }
            Ok(())
        }
        Command::Transaction { folder } => step(JobFolder::at(folder)),
    }
}

/// Runs one step of an order in a session of its own.
fn step(folder: JobFolder) -> Result<(), Failure> {
    platform::leave_session();
    let job = folder.job()?.ok_or_else(|| {
        Failure::usage(format!(
            "{} holds no step of an order",
            folder.path().display()
        ))
    })?;
    let backend: Box<dyn Backend> = match platform::backend(&job.state) {
        Ok(backend) => backend,
        Err(problem) => {
            transaction::give_up(&folder, problem.to_string(), SystemClock.now())?;
            return Err(problem);
        }
    };
    transaction::run(&folder, backend.as_ref(), &SystemClock, &mut RealHands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together_and_reads_as_written() {
        Arguments::command().debug_assert();
        insta::assert_snapshot!(Arguments::command().render_long_help());
    }
}
