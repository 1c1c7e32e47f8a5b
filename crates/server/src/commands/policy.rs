//! `patchloop policy`: policies as files.
//!
//! What needs no server is in `offline/policy/`.

use clap::Subcommand;
use domain::clock::Clock;

use super::{policy_device, policy_server};
use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::offline::policy::{check, evaluate, import_freezes, openings, plan, rehearse, write};

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
    /// Say what a draft changes: on the server's fleet against its policy, or without a server on a
    /// snapshot's or a simulated fleet
    Plan(plan::PlanArgs),
    /// Replay the patches of past months through a draft: on the server's fleet beside its policy, or
    /// without a server on a snapshot's or a simulated fleet
    Rehearse(rehearse::RehearseArgs),
    /// Write policy files down as a page to print and sign, without a server
    Write(write::WriteArgs),
    /// Print a policy to start from, without a server
    New(write::NewArgs),
    /// Turn a client's calendar of freezes (iCalendar) into policy TOML, without a server
    ImportFreezes(import_freezes::ImportFreezesArgs),
    /// Make policy files the policy of the server, as a whole or not at all
    Apply(policy_server::ApplyArgs),
    /// Say how the policy of the server differs from policy files; exit code 4 where it does
    Drift(policy_server::DriftArgs),
    /// Give the policy of the server as files, with their comments
    Export(policy_server::ExportArgs),
    /// List the times that files were applied, newest first
    History(policy_server::HistoryArgs),
    /// Apply an earlier version again, as a new one: shows what that changes first
    Revert(policy_server::RevertArgs),
    /// Show the policy of one device, put together, with where each part comes from
    Effective(policy_device::EffectiveArgs),
    /// List the objects of the policy as they stand
    List(policy_server::ListArgs),
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
        PolicyCommand::Plan(args) => match args.for_the_server() {
            Some(files) => policy_server::plan(files, global),
            None => plan::run(args, global, clock),
        },
        PolicyCommand::Rehearse(args) => rehearse::run(args, global, clock),
        PolicyCommand::Write(args) => write::run(args, global, clock),
        PolicyCommand::New(args) => write::new(args),
        PolicyCommand::ImportFreezes(args) => import_freezes::run(args),
        PolicyCommand::Apply(args) => policy_server::apply(args, global),
        PolicyCommand::Drift(args) => policy_server::drift(args, global),
        PolicyCommand::Export(args) => policy_server::export(args, global),
        PolicyCommand::History(args) => policy_server::history(args, global),
        PolicyCommand::Revert(args) => policy_server::revert(args, global),
        PolicyCommand::Effective(args) => policy_device::effective(args, global),
        PolicyCommand::List(args) => policy_server::list(args, global),
    }
}
