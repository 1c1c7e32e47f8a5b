//! `patchloop patch`: what is missing somewhere, and on how many devices.

use clap::Subcommand;
use service::patch::PatchItem;

use super::finding::{cves, severity};
use super::{Filter, Shown, asked, show_list};
use crate::cli::Global;
use crate::failure::{Failure, Outcome};

/// `patchloop patch`.
#[derive(Debug, Subcommand)]
pub enum PatchCommand {
    /// List patches; without a query, those that are missing somewhere
    List {
        /// Which of them
        #[command(flatten)]
        filter: Filter,
    },
}

/// Runs the command.
pub fn run(command: &PatchCommand, global: &Global) -> Result<Outcome, Failure> {
    let PatchCommand::List { filter } = command;
    show_list(
        global,
        &Shown {
            path: "patches",
            query: asked(&[("q", filter.q.clone())]),
            limit: filter.limit.limit,
            headings: &["patch", "severity", "kind", "devices", "exploited", "cves"],
            none: "No patch matches.",
        },
        |patch: PatchItem| {
            vec![
                patch.patch.to_string(),
                severity(patch.severity, false),
                patch.classification.to_string(),
                patch.devices.to_string(),
                match patch.kev {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "-",
                }
                .to_owned(),
                cves(patch.cves.as_deref()),
            ]
        },
    )
}
