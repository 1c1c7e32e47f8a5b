//! `patchloop assess`: judges inventories by feed documents without a server.

use std::path::PathBuf;

use clap::Args;
use domain::clock::Clock;

use crate::cli::Global;
use crate::failure::{Failure, Outcome};

/// `patchloop assess`.
#[derive(Debug, Args)]
pub struct AssessArgs {
    /// Inventories: our JSON, or a listing of dpkg-query, rpm or apk
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub inventory: Vec<PathBuf>,
    /// The os-release file that belongs to all inventories of this call
    #[arg(long, value_name = "FILE")]
    pub os_release: Option<PathBuf>,
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    pub feeds: PathBuf,
    /// Judge as of this day or instant [default: now]
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Also what was considered and is not affected
    #[arg(long)]
    pub all: bool,
}

/// Runs the command.
pub fn run(_args: &AssessArgs, _global: &Global, _clock: &dyn Clock) -> Result<Outcome, Failure> {
    Err(Failure::failed(anyhow::anyhow!("not built yet")))
}
