//! `patchloop supersedes --feeds DIR`: which Windows updates replace which, without a server.

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};

/// `patchloop supersedes`.
#[derive(Debug, Args)]
pub struct SupersedesArgs {
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    pub feeds: PathBuf,
}

/// Runs the command.
pub fn run(_args: &SupersedesArgs) -> Result<Outcome, Failure> {
    Err(Failure::failed(anyhow::anyhow!("not built yet")))
}
