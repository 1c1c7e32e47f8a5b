//! `patchloop freeze`: when nothing may be changed, whatever the windows say.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use service::freeze::{FreezeItem, FreezePreview};

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped, typed};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop freeze`.
#[derive(Debug, Subcommand)]
pub enum FreezeCommand {
    /// Add a freeze; it holds at once
    Add(AddArgs),
    /// List freezes, those of policy files and ended ones too
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// End a freeze
    End {
        /// Its name or id
        name: String,
    },
}

/// `patchloop freeze add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// For which devices, such as 'client:acme tag:server'; '' is every device
    #[arg(long = "for", value_name = "QUERY", allow_hyphen_values = true)]
    devices: String,
    /// The first local time that is frozen, such as 2026-12-18T17:00
    #[arg(long, value_name = "LOCAL TIME")]
    from: String,
    /// The first local time that is not frozen any more
    #[arg(long, value_name = "LOCAL TIME")]
    until: String,
    /// The time zone, such as Europe/Berlin, or `device` for each device's own
    #[arg(long)]
    zone: String,
    /// Why: it is shown wherever the freeze holds something back
    #[arg(long, default_value = "")]
    reason: String,
    /// Whom to ask for an exception
    #[arg(long, value_name = "WHO")]
    exception: Option<String>,
    /// End this freeze (name or id) in the same moment: the new one stands instead of it
    #[arg(long, value_name = "FREEZE")]
    instead: Option<String>,
    /// Only say what it would cover, and from when to when
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(command: &FreezeCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        FreezeCommand::Add(args) => add(args, global),
        FreezeCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "freezes",
                query: Vec::new(),
                limit: limit.limit,
                headings: HEADINGS,
                none: "There is no freeze.",
            },
            |freeze: FreezeItem| row(freeze),
        ),
        FreezeCommand::End { name } => {
            let path = format!("freezes/{}/end", escaped(name));
            let answer = Api::new(global)?.post(&path, &json!({}))?;
            show(global, answer)
        }
    }
}

const HEADINGS: &[&str] = &[
    "freeze", "for", "from", "until", "zone", "state", "reason", "written",
];

fn row(freeze: FreezeItem) -> Vec<String> {
    let devices = match &freeze.client {
        Some(client) => format!("{} ({client} only)", freeze.devices),
        None => freeze.devices,
    };
    vec![
        freeze.name,
        devices.trim().to_owned(),
        freeze.from,
        freeze.until,
        freeze.zone,
        freeze.state.word().to_owned(),
        freeze.unreadable.unwrap_or(freeze.reason),
        freeze.file.unwrap_or_else(|| "by hand".to_owned()),
    ]
}

fn show(global: &Global, answer: Value) -> Result<Outcome, Failure> {
    show_one(global, answer, |freeze: FreezeItem| {
        table::rows(HEADINGS, [row(freeze)], "")
    })
}

fn add(args: &AddArgs, global: &Global) -> Result<Outcome, Failure> {
    let body = json!({
        "name": args.name, "for": args.devices, "zone": args.zone, "from": args.from,
        "until": args.until, "reason": args.reason, "exception": args.exception,
    });
    let api = Api::new(global)?;
    if args.dry_run {
        return show_preview(global, api.post("freezes/preview", &body)?);
    }
    let answer = match &args.instead {
        None => api.post("freezes", &body)?,
        Some(old) => api.post(&format!("freezes/{}/edit", escaped(old)), &body)?,
    };
    show(global, answer)
}

fn show_preview(global: &Global, answer: Value) -> Result<Outcome, Failure> {
    if global.json {
        table::json(&answer)?;
        return Ok(Outcome::Done);
    }
    let preview: FreezePreview = typed(answer)?;
    table::rows(
        &["frozen from", "until", "zone"],
        preview.spans.into_iter().map(|span| {
            vec![
                table::minute(span.opens_at),
                table::minute(span.closes_at),
                span.zone,
            ]
        }),
        "It is in the devices' own zones, and no device is in it yet.",
    )?;
    table::heading(&format!(
        "Devices that it covers today: {}, of clients: {}; nothing was saved",
        preview.devices_count, preview.clients_count
    ))?;
    table::rows(
        &["device"],
        preview.devices.into_iter().map(|name| vec![name]),
        "No device is in it yet.",
    )?;
    Ok(Outcome::Done)
}
