//! `patchloop coverage`, `patchloop event`, `patchloop release`: who is covered, and what was told.

use clap::Subcommand;
use domain::coverage::Bucket;
use jiff::Timestamp;
use serde_json::json;
use service::coverage::{CoverageView, LedgerItem};
use service::event::EventItem;
use service::release::ReleaseItem;

use super::{Limit, Shown, asked, instant, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop coverage`.
#[derive(Debug, Subcommand)]
pub enum CoverageCommand {
    /// Show how many devices stand in each bucket
    Show,
    /// List devices with their bucket and why
    List {
        /// Only one: current, stale, never-reported, unsupported or excluded
        #[arg(long)]
        bucket: Option<Bucket>,
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Take a device out of the ledger until a day; it goes on being scanned
    Exclude {
        /// Name, CLIENT/NAME or id
        device: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Until when, such as 2026-12-24
        #[arg(long, value_name = "TIME", value_parser = instant)]
        until: Timestamp,
    },
    /// Take a device back into the ledger
    Include {
        /// Name, CLIENT/NAME or id
        device: String,
    },
}

/// `patchloop event`.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// List events, newest first
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
}

/// `patchloop release`.
#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// List vendors' release days to come, with the windows and devices that they will meet
    List {
        /// How many days
        #[arg(long, value_name = "N", default_value_t = 4)]
        count: u32,
    },
}

/// Runs `patchloop coverage`.
pub fn run(command: &CoverageCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        CoverageCommand::Show => {
            let answer = Api::new(global)?.get("coverage", &[])?;
            show_one(global, answer, |sums: CoverageView| {
                table::facts(&[
                    ("devices", sums.devices.to_string()),
                    ("current", sums.current.to_string()),
                    ("stale", sums.stale.to_string()),
                    ("never reported", sums.never_reported.to_string()),
                    ("unsupported", sums.unsupported.to_string()),
                    ("excluded", sums.excluded.to_string()),
                    (
                        "overdue",
                        format!(
                            "{} not scanned within {} h",
                            sums.overdue, sums.deadline_hours
                        ),
                    ),
                ])
            })
        }
        CoverageCommand::List { bucket, limit } => show_list(
            global,
            &Shown {
                path: "coverage/devices",
                query: asked(&[("bucket", bucket.map(|bucket| bucket.to_string()))]),
                limit: limit.limit,
                headings: &["device", "client/site", "bucket", "why", "overdue since"],
                none: "No device stands there.",
            },
            |line: LedgerItem| {
                vec![
                    line.device,
                    format!("{}/{}", line.client, line.site),
                    line.bucket.to_string(),
                    line.why,
                    table::maybe_minute(line.overdue_since),
                ]
            },
        ),
        CoverageCommand::Exclude {
            device,
            reason,
            until,
        } => {
            let path = format!("devices/{}/exclusion", escaped(device));
            let body = json!({ "reason": reason, "until": until });
            let answer = Api::new(global)?.put(&path, &body)?;
            show_one(global, answer, |line: LedgerItem| shown(&line))
        }
        CoverageCommand::Include { device } => {
            let path = format!("devices/{}/exclusion/end", escaped(device));
            let answer = Api::new(global)?.post(&path, &json!({}))?;
            show_one(global, answer, |line: LedgerItem| shown(&line))
        }
    }
}

fn shown(line: &LedgerItem) -> Result<(), Failure> {
    table::facts(&[
        ("device", format!("{}/{}", line.client, line.device)),
        ("bucket", line.bucket.to_string()),
        ("why", line.why.clone()),
    ])
}

/// Runs `patchloop event`.
pub fn events(command: &EventCommand, global: &Global) -> Result<Outcome, Failure> {
    let EventCommand::List { limit } = command;
    show_list(
        global,
        &Shown {
            path: "events",
            query: Vec::new(),
            limit: limit.limit,
            headings: &["seen", "told", "about", "subject", "owner"],
            none: "Nothing was told yet.",
        },
        |event: EventItem| {
            vec![
                table::minute(event.at),
                format!("{} ({})", event.urgency, event.state),
                event.kind.to_string(),
                event.subject,
                event.owner,
            ]
        },
    )
}

/// Runs `patchloop release`.
pub fn releases(command: &ReleaseCommand, global: &Global) -> Result<Outcome, Failure> {
    let ReleaseCommand::List { count } = command;
    show_list(
        global,
        &Shown {
            path: "releases",
            query: vec![("count", count.to_string())],
            limit: None,
            headings: &["published", "release", "notice", "devices", "first windows"],
            none: "No release day is known.",
        },
        |day: ReleaseItem| {
            let mut windows: Vec<String> = day
                .windows
                .iter()
                .map(|met| {
                    let opens = table::minute(met.opens_at);
                    format!("{} {opens} ({})", met.window, met.devices)
                })
                .collect();
            if day.without_window > 0 {
                windows.push(format!("none for {}", day.without_window));
            }
            vec![
                table::minute(day.at),
                day.name,
                table::minute(day.notice_at),
                day.devices.to_string(),
                table::first_of(&windows, 3),
            ]
        },
    )
}
