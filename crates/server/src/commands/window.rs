//! `patchloop window`: when devices may be changed.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use service::window::{NewCatchUp, NewWindow, OpeningItem, WindowItem};

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped, typed};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop window`.
#[derive(Debug, Subcommand)]
pub enum WindowCommand {
    /// Add a change window
    Add(Box<AddArgs>),
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
    /// On which weekdays it opens, such as mon,thu
    #[arg(long, group = "recurrence", required = true)]
    days: Option<String>,
    /// Only every so many weeks, counted from the week of --from; with --days
    #[arg(long, value_name = "N", requires = "days")]
    every_weeks: Option<i64>,
    /// On which weekday of each month, such as '2 tuesday' or 'last friday'
    #[arg(long, group = "recurrence", value_name = "WEEKDAY")]
    nth: Option<String>,
    /// So many days after the day of --nth; before it with a minus
    #[arg(long, value_name = "N", requires = "nth", allow_hyphen_values = true)]
    plus_days: Option<i64>,
    /// On which day of each month, such as 31 (months without it are skipped) or last
    #[arg(long, group = "recurrence", value_name = "DAY")]
    month_day: Option<String>,
    /// On which dates, such as 2026-12-24,2026-12-31
    #[arg(long, group = "recurrence", value_delimiter = ',', value_name = "DATE")]
    dates: Vec<String>,
    /// How many days after each patch's own release, such as 2d
    #[arg(long, group = "recurrence", value_name = "DAYS")]
    after_release: Option<String>,
    /// At which time it opens, such as 22:00
    #[arg(long, value_name = "HH:MM")]
    start: String,
    /// How long it is open, such as 2h or 90m
    #[arg(long)]
    duration: String,
    /// The time zone, such as Europe/Berlin, or `device` for each device's own
    #[arg(long)]
    zone: String,
    /// The first local date on which it may open
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last local date on which it may open
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Nothing new begins in the last part of an opening, so long, such as 30m
    #[arg(long, value_name = "DURATION")]
    reserve: Option<String>,
    /// A device that was off may be changed so long after its next contact, such as 2h
    #[arg(long, value_name = "DURATION")]
    catch_up: Option<String>,
    /// But not at these local hours, such as 09:00-17:00
    #[arg(long, value_name = "HH:MM-HH:MM", requires = "catch_up")]
    catch_up_not: Option<String>,
    /// And not later than so long after the missed opening, such as 7d
    #[arg(long, value_name = "DURATION", requires = "catch_up")]
    catch_up_expires: Option<String>,
    /// What may happen in it: `changes`, as it is without, or `reboots` for the reboot rules that name it
    #[arg(long, value_name = "WHAT")]
    opens_for: Option<String>,
    /// End this window (name or id) in the same moment: the new one stands instead of it
    #[arg(long, value_name = "WINDOW")]
    instead: Option<String>,
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
    "opens next",
    "written",
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
        window
            .unreadable
            .map_or(window.days, |why| format!("cannot be read: {why}")),
        window.start,
        window.duration,
        window.zone,
        window.opens_next.unwrap_or_else(|| "-".to_owned()),
        window.file.unwrap_or_else(|| "by hand".to_owned()),
        table::minute(window.valid_from),
        table::maybe_minute(window.ended_at),
    ]
}

fn add(args: &AddArgs, global: &Global) -> Result<Outcome, Failure> {
    let catch_up = args.catch_up.as_ref().map(|within| NewCatchUp {
        within: within.clone(),
        not: args.catch_up_not.clone(),
        expires: args.catch_up_expires.clone(),
    });
    let wanted = NewWindow {
        name: args.name.clone(),
        devices: args.devices.clone(),
        days: args.days.clone().unwrap_or_default(),
        every_weeks: args.every_weeks,
        nth: args.nth.clone(),
        plus_days: args.plus_days,
        month_day: args.month_day.clone(),
        dates: args.dates.clone(),
        after_release: args.after_release.clone(),
        start: args.start.clone(),
        duration: args.duration.clone(),
        zone: args.zone.clone(),
        from: args.from.clone(),
        until: args.until.clone(),
        reserve: args.reserve.clone(),
        catch_up,
        opens_for: args.opens_for.clone(),
    };
    let body = serde_json::to_value(&wanted)?;
    let api = Api::new(global)?;
    if args.dry_run {
        let answer = api.post("windows/preview", &body)?;
        return show_openings(global, answer);
    }
    let answer = match &args.instead {
        None => api.post("windows", &body)?,
        Some(old) => api.post(&format!("windows/{}/edit", escaped(old)), &body)?,
    };
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
