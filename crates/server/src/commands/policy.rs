//! `patchloop policy`: policies as files.
//!
//! What needs no server is in `offline/policy/`.

use clap::Subcommand;
use domain::clock::Clock;

use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::offline::policy::{check, evaluate, openings};

/// `patchloop policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what is wrong in policy files, without a server
    Check(check::CheckArgs),
    /// Print the JSON Schema of policy files, for editors
    Schema,
    /// Say when the windows of policy files open, without a server
    Openings(openings::OpeningsArgs),
    /// Say what policy files allow on the devices of a snapshot, and why not, without a server
    Evaluate(evaluate::EvaluateArgs),
}

/// Runs the command.
pub fn run(
    command: &PolicyCommand,
    global: &Global,
    clock: &dyn Clock,
) -> Result<Outcome, Failure> {
    match command {
        PolicyCommand::Check(args) => check::run(args, global, clock),
        PolicyCommand::Schema => check::schema(),
        PolicyCommand::Openings(args) => openings::run(args, global),
        PolicyCommand::Evaluate(args) => evaluate::run(args, global),
    }
}
