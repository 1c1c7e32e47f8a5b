//! `patchloop why`: whether a patch may be installed on a device, and why not.

use clap::Args;
use domain::verdict::Verdict;

use super::show_one;
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The device: name, CLIENT/NAME or id
    device: String,
    /// The patch: its id, or its product when only one patch of it concerns the device
    patch: String,
}

/// Runs the command.
pub fn run(args: &WhyArgs, global: &Global) -> Result<Outcome, Failure> {
    let query = [
        ("device", args.device.as_str()),
        ("patch", args.patch.as_str()),
    ];
    let answer = Api::new(global)?.get("why", &query)?;
    show_one(global, answer, |verdict: Verdict| {
        let at = verdict
            .at
            .map(|at| format!(" ({})", table::minute(at)))
            .unwrap_or_default();
        table::say(&format!(
            "{}{at}: {}",
            verdict.verdict,
            table::clean(&verdict.sentence)
        ))?;
        table::heading("Gates")?;
        table::rows(
            &["gate", "open", "why", "who can open it", "opens"],
            verdict.gates.iter().map(|gate| {
                vec![
                    gate.gate.to_string(),
                    match gate.open {
                        Some(true) => "open",
                        Some(false) => "closed",
                        None => "not asked",
                    }
                    .to_owned(),
                    gate.reason.clone(),
                    table::maybe(gate.owner.clone()),
                    table::maybe_minute(gate.opens_at),
                ]
            }),
            "none",
        )
    })
}
