//! `patchloop finding`: where each device stands with each patch.

use clap::Subcommand;
use service::evidence::{DeviceEvidence, EvidenceItem};
use service::finding::FindingItem;

use super::{At, Filter, Shown, asked, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
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
    /// Show what a finding rests on: versions, rule, document, date, hash
    Evidence {
        /// The device, by name, CLIENT/NAME or id
        device: String,
        /// The patch, by id or product [default: every finding of the device]
        patch: Option<String>,
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
    match command {
        FindingCommand::List { filter, at } => list(filter, at, global),
        FindingCommand::Evidence { device, patch } => evidence(device, patch.as_deref(), global),
    }
}

fn evidence(device: &str, patch: Option<&str>, global: &Global) -> Result<Outcome, Failure> {
    let path = format!("devices/{}/evidence", escaped(device));
    let query: Vec<(&str, &str)> = patch.map(|patch| ("patch", patch)).into_iter().collect();
    let answer = Api::new(global)?.get(&path, &query)?;
    show_one(global, answer, |found: DeviceEvidence| {
        if !found.advisories {
            eprintln!("No advisories for this device's system are at hand.");
        }
        let rows = found.findings.iter().flat_map(|finding| {
            finding
                .evidence
                .iter()
                .map(move |one| evidence_row(&finding.patch.to_string(), one))
        });
        let no_fix = found.no_fix.iter().map(|one| evidence_row("no fix", one));
        table::rows(
            &[
                "patch",
                "says",
                "installed",
                "fixed",
                "rule",
                "document",
                "dated",
                "sha256",
            ],
            rows.chain(no_fix),
            "No document at hand says anything.",
        )?;
        for finding in &found.findings {
            if let Some(why) = &finding.unknown {
                let line = format!("{}: severity and CVEs not known, {why}", finding.patch);
                table::say(&table::clean(&line))?;
            }
        }
        Ok(())
    })
}

fn evidence_row(patch: &str, one: &EvidenceItem) -> Vec<String> {
    vec![
        patch.to_owned(),
        format!("{} {}", one.feed, one.says),
        table::maybe(one.installed.as_ref()),
        table::maybe(one.fixed.as_ref()),
        one.rule.clone(),
        one.document.clone(),
        table::maybe_minute(one.dated),
        one.sha256
            .as_ref()
            .map_or_else(|| "-".to_owned(), |hash| hash.chars().take(16).collect()),
    ]
}

fn list(filter: &Filter, at: &At, global: &Global) -> Result<Outcome, Failure> {
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
