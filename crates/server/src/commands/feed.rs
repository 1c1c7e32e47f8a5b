//! `patchloop feed`: the server's feeds, and documents looked at without a server.

use std::sync::Arc;

use clap::Subcommand;
use domain::clock::Clock;

use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::offline;

/// `patchloop feed …`.
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// Look at documents without a server: one JSON object a file
    Inspect(offline::inspect::InspectArgs),
}

/// Runs the command.
pub fn run(
    command: &FeedCommand,
    _global: &Global,
    _clock: Arc<dyn Clock>,
) -> Result<Outcome, Failure> {
    match command {
        FeedCommand::Inspect(args) => offline::inspect::run(args),
    }
}
