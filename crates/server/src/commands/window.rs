//! `patchloop window`: when devices may be changed.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use service::window::{OpeningItem, WindowItem};

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped, typed};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop window`.
#[derive(Debug, Subcommand)]
pub enum WindowCommand {
    /// Add a weekly change window
    Add(AddArgs),
    /// List change windows
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Say when a window opens next
    Openings {
        /// Its name or id
        name: String,
        /// How many openings
        #[arg(long, value_name = "N", default_value_t = 12)]
        count: u32,
    },
    /// End a window
    End {
        /// Its name or id
        name: String,
    },
}

/// `patchloop window add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    name: String,
    /// For which devices, such as 'client:acme tag:server'
    #[arg(long = "for", value_name = "QUERY", allow_hyphen_values = true)]
    devices: String,
    /// On which days it opens, such as mon,thu
    #[arg(long)]
    days: String,
    /// At which time it opens, such as 22:00
    #[arg(long, value_name = "HH:MM")]
    start: String,
    /// How long it is open, such as 2h or 90m
    #[arg(long)]
    duration: String,
    /// The time zone, such as Europe/Berlin, or `device` for each device's own
    #[arg(long)]
    zone: String,
    /// Only say when it would open: the next twelve times
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(command: &WindowCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        WindowCommand::Add(args) => add(args, global),
        WindowCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "windows",
                query: Vec::new(),
                limit: limit.limit,
                headings: HEADINGS,
                none: "There is no change window yet, so no device may be changed at any time.",
            },
            |window: WindowItem| row(window),
        ),
        WindowCommand::Openings { name, count } => {
            let path = format!("windows/{}/openings", escaped(name));
            let answer = Api::new(global)?.get(&path, &[("count", &count.to_string())])?;
            show_openings(global, answer)
        }
        WindowCommand::End { name } => {
            let path = format!("windows/{}/end", escaped(name));
            let answer = Api::new(global)?.post(&path, &json!({}))?;
            show_one(global, answer, |window: WindowItem| {
                table::rows(HEADINGS, [row(window)], "")
            })
        }
    }
}

const HEADINGS: &[&str] = &[
    "window",
    "for",
    "days",
    "start",
    "duration",
    "zone",
    "valid from",
    "ended",
];

fn row(window: WindowItem) -> Vec<String> {
    let devices = match &window.client {
        Some(client) => format!("{} ({client} only)", window.devices),
        None => window.devices,
    };
    vec![
        window.name,
        devices.trim().to_owned(),
        window.days,
        window.start,
        window.duration,
        window.zone,
        table::minute(window.valid_from),
        table::maybe_minute(window.ended_at),
    ]
}

fn add(args: &AddArgs, global: &Global) -> Result<Outcome, Failure> {
    let body = json!({
        "name": args.name, "for": args.devices, "days": args.days, "start": args.start,
        "duration": args.duration, "zone": args.zone,
    });
    let api = Api::new(global)?;
    if args.dry_run {
        let answer = api.post("windows/preview", &body)?;
        return show_openings(global, answer);
    }
    let answer = api.post("windows", &body)?;
    show_one(global, answer, |window: WindowItem| {
        let path = format!("windows/{}/openings", window.id);
        table::rows(HEADINGS, [row(window)], "")?;
        table::heading("Next openings")?;
        let next = api.get(&path, &[("count", "3")])?;
        print_openings(next)
    })
}

fn show_openings(global: &Global, answer: Value) -> Result<Outcome, Failure> {
    if global.json {
        table::json(&answer)?;
        return Ok(Outcome::Done);
    }
    print_openings(answer)?;
    Ok(Outcome::Done)
}

fn print_openings(answer: Value) -> Result<(), Failure> {
    let openings: domain::page::Page<OpeningItem> = typed(answer)?;
    table::rows(
        &["opens", "closes", "zone", "there"],
        openings.items.into_iter().map(|opening| {
            let there = opening.opens_at.in_tz(&opening.zone).map_or_else(
                |_| "-".to_owned(),
                |local| local.strftime("%a %d %b %H:%M").to_string(),
            );
            vec![
                table::minute(opening.opens_at),
                table::minute(opening.closes_at),
                opening.zone,
                there,
            ]
        }),
        "It does not open: it has ended, or no device is in it yet.",
    )
}
