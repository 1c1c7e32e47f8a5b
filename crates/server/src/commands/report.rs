//! `patchloop report`: what a client is told.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use domain::report::ClientReport;
use serde_json::json;

use super::show_one;
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop report`.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// The report for one client, as of now
    Client {
        /// The client, by name or id
        client: String,
        /// Write it to this file as a page that prints well and needs nothing beside it
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(command: &ReportCommand, global: &Global) -> Result<Outcome, Failure> {
    let ReportCommand::Client { client, html } = command;
    let api = Api::new(global)?;
    let path = format!("reports/clients/{}", escaped(client));
    let Some(file) = html else {
        let answer = api.get(&path, &[("format", "json")])?;
        return show_one(global, answer, |report: ClientReport| show(&report));
    };
    let text = api.get_as(&path, &[("format", "html")], "text/html")?;
    std::fs::write(file, text)
        .with_context(|| format!("cannot write the report to {}", file.display()))
        .map_err(|error| {
            Failure::failed(error).hint("name a file in a folder that you may write to")
        })?;
    if global.json {
        table::json(&json!({ "file": file }))?;
    } else {
        eprintln!("Written to {}.", file.display());
    }
    Ok(Outcome::Done)
}

fn show(report: &ClientReport) -> Result<(), Failure> {
    let not = report.devices.saturating_sub(report.counted);
    table::facts(&[
        ("client", report.client.clone()),
        ("as of", table::minute(report.at)),
        (
            "devices",
            format!("{}: {} counted, {not} not", report.devices, report.counted),
        ),
        ("proven", report.proven.len().to_string()),
        ("failed", report.failed.to_string()),
    ])?;
    table::heading("Missing, over the counted devices")?;
    table::rows(
        &["severity", "patches", "on devices"],
        report.missing.iter().map(|count| {
            vec![
                count.severity.map_or_else(
                    || "not looked up".to_owned(),
                    |severity| severity.to_string(),
                ),
                count.patches.to_string(),
                count.findings.to_string(),
            ]
        }),
        if report.counted == 0 {
            "No device is counted, so nothing can be said."
        } else {
            "Nothing is missing."
        },
    )?;
    table::heading("Devices")?;
    table::rows(
        &["device", "site", "os", "missing", "proven", "last seen"],
        report.lines.iter().map(|line| {
            vec![
                line.name.clone(),
                line.site.clone(),
                line.os.clone(),
                table::maybe(line.missing),
                line.proven.to_string(),
                table::maybe_minute(line.last_seen),
            ]
        }),
        "No device is enrolled.",
    )?;
    if !report.not_counted.is_empty() {
        table::heading("Not counted, and why")?;
        table::rows(
            &["what", "why", "since"],
            report.not_counted.iter().map(|line| {
                vec![
                    line.what.clone(),
                    line.why.clone(),
                    table::maybe_minute(line.since),
                ]
            }),
            "",
        )?;
    }
    Ok(())
}
