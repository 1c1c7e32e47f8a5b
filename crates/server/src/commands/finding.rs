//! `patchloop finding`: where each device stands with each patch.

use clap::Subcommand;
use service::finding::FindingItem;

use super::{At, Filter, Shown, asked, show_list};
use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop finding`.
#[derive(Debug, Subcommand)]
pub enum FindingCommand {
    /// List findings
    List {
        /// Which of them
        #[command(flatten)]
        filter: Filter,
        /// As of when
        #[command(flatten)]
        at: At,
    },
}

/// A severity for people; what was not looked up is a dash, what was derived says so.
pub(super) fn severity(severity: Option<domain::severity::Severity>, derived: bool) -> String {
    match (severity, derived) {
        (None, _) => "-".to_owned(),
        (Some(severity), true) => format!("{severity} (derived)"),
        (Some(severity), false) => severity.to_string(),
    }
}

/// The CVEs for people; not looked up is a dash, none is `none`.
pub(super) fn cves(cves: Option<&[String]>) -> String {
    match cves {
        None => "-".to_owned(),
        Some([]) => "none".to_owned(),
        Some(cves) => table::first_of(cves, 2),
    }
}

/// Runs the command.
pub fn run(command: &FindingCommand, global: &Global) -> Result<Outcome, Failure> {
    let FindingCommand::List { filter, at } = command;
    show_list(
        global,
        &Shown {
            path: "findings",
            query: asked(&[
                ("q", filter.q.clone()),
                ("at", at.at.map(|at| at.to_string())),
            ]),
            limit: filter.limit.limit,
            headings: &["device", "state", "severity", "patch", "cves", "why"],
            none: "No finding matches.",
        },
        |finding: FindingItem| {
            vec![
                format!("{}/{}", finding.client, finding.device),
                finding.state.to_string(),
                severity(finding.severity, finding.derived),
                finding.patch.to_string(),
                cves(finding.cves.as_deref()),
                finding.why,
            ]
        },
    )
}
