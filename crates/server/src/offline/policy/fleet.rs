//! Which fleet a draft is tried on: a snapshot's, or a simulated one.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::anyhow;
use clap::Args;
use domain::policy::Policy;
use domain::snapshot::Snapshot;
use engine::simulated::{self, DEVICES_MAX, Simulation};
use jiff::Timestamp;

use super::files::FileArgs;
use super::snapshot;
use crate::failure::Failure;

/// Months of patches of a simulated fleet that is looked at as it stands.
pub const SIMULATED_MONTHS: u32 = 2;

/// Which fleet.
#[derive(Debug, Clone, Args)]
pub struct ChoiceArgs {
    /// The fleet: a snapshot as `patchloop device export --findings` writes it
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "simulated")]
    fleet: Option<PathBuf>,
    /// A simulated fleet of so many devices instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(DEVICES_MAX)))]
    simulated: Option<u32>,
    /// The number that the simulated fleet grows from; the same gives the same fleet
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

impl ChoiceArgs {
    /// Whether a fleet was chosen.
    pub fn is_given(&self) -> bool {
        self.fleet.is_some() || self.simulated.is_some()
    }

    /// The fleet; a simulated one with patches of so many months before `until`.
    pub fn read(&self, months: u32, until: Timestamp) -> Result<Snapshot, Failure> {
        match (&self.fleet, self.simulated) {
            (Some(path), _) => snapshot::read(path),
            (None, Some(devices)) => Ok(simulated::fleet(&Simulation {
                seed: self.seed,
                devices,
                months,
                until,
            })),
            (None, None) => Err(
                Failure::wrong_use(anyhow!("there is no fleet to try it on"))
                    .hint("give --fleet SNAPSHOT, or --simulated N for a fleet that is made up"),
            ),
        }
    }
}

/// The policy that a draft is held against: that of other files.
#[derive(Debug, Clone, Args)]
pub struct AgainstArgs {
    /// Files of the policy in force, to hold the draft against
    #[arg(long, value_name = "FILES", num_args = 1..)]
    against: Vec<PathBuf>,
}

impl AgainstArgs {
    /// Whether there is one.
    pub fn is_given(&self) -> bool {
        !self.against.is_empty()
    }

    /// The policy; `None`: no files were given.
    pub fn policy(&self) -> Result<Option<Policy>, Failure> {
        if self.against.is_empty() {
            return Ok(None);
        }
        let files = FileArgs {
            files: self.against.clone(),
        };
        Ok(Some(files.policy()?.policy))
    }
}

/// Says on a terminal how far a long work is; elsewhere nothing.
pub struct Progress {
    shown: Mutex<usize>,
    terminal: bool,
}

impl Progress {
    /// For standard error.
    pub fn new() -> Self {
        Self {
            shown: Mutex::new(0),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// So much of so much is done.
    pub fn tell(&self, done: usize, total: usize) {
        let percent = done.saturating_mul(100) / total.max(1);
        let Ok(mut shown) = self.shown.lock() else {
            return;
        };
        if self.terminal && percent > *shown {
            *shown = percent;
            let mut err = std::io::stderr().lock();
            // Whoever closed standard error wants to hear nothing.
            let _ = write!(err, "\r{percent} %").and_then(|()| err.flush());
        }
    }

    /// Clears the line.
    pub fn end(&self) {
        if self.terminal {
            eprint!("\r      \r");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
