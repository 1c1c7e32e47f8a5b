//! `patchloop feed inspect FILE...`: recognises, reads and counts documents without a server.

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};

/// `patchloop feed inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Take the documents for this feed's [default: by their content]
    #[arg(long, value_name = "NAME")]
    pub feed: Option<String>,
    /// Documents; packed ones are opened
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(_args: &InspectArgs) -> Result<Outcome, Failure> {
    Err(Failure::failed(anyhow::anyhow!("not built yet")))
}
