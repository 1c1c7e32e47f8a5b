//! `patchloop policy rehearse DRAFT... --months 6 [--fleet SNAPSHOT|--simulated N] [--against FILES...]`:
//! the patches of past months, replayed through a draft. Without a fleet it is the server's, held
//! against the policy in force there; the work itself is done here.

use clap::Args;
use domain::clock::Clock;
use domain::policy::{Delay, Policy};
use engine::rehearse::{MONTHS_MAX, PolicyRun, Promise, Rehearsal, Span, Tally, Trouble, rehearse};
use jiff::Timestamp;

use super::files::FileArgs;
use super::fleet::{AgainstArgs, ChoiceArgs, Progress};
use crate::cli::Global;
use crate::commands::{instant, policy_server};
use crate::failure::{Failure, Outcome};
use crate::table;

/// Lines of each list that a table shows; `--json` has more.
const SHOWN_MAX: usize = 10;

/// `patchloop policy rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    fleet: ChoiceArgs,
    #[command(flatten)]
    against: AgainstArgs,
    /// How many months of 30 days
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=i64::from(MONTHS_MAX)))]
    months: u32,
    /// The end of the months, such as 2026-12-24T06:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Until when critical patches are promised
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    critical: Delay,
    /// Until when important patches are promised
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    important: Delay,
    /// Until when moderate patches are promised
    #[arg(long, value_name = "DURATION")]
    moderate: Option<Delay>,
    /// Until when low patches are promised
    #[arg(long, value_name = "DURATION")]
    low: Option<Delay>,
}

/// Runs `policy rehearse` on a fleet from a file, a simulated one, or that of the server.
pub fn run(args: &RehearseArgs, global: &Global, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let until = args.until.unwrap_or_else(|| clock.now());
    let mut draft = args.files.policy()?.policy;
    let against = args.against.policy()?;
    let (in_force, fleet) = if args.fleet.is_given() {
        (against, args.fleet.read(args.months, until)?)
    } else {
        eprintln!("fetching the fleet and the policy in force ...");
        let (in_force, fleet) = policy_server::world(global)?;
        // As it would be there.
        draft.without_windows = in_force.without_windows;
        let against = against.map(|against| Policy {
            without_windows: in_force.without_windows,
            ..against
        });
        (Some(against.unwrap_or(in_force)), fleet)
    };
    let span = Span {
        months: args.months,
        until,
        promise: Promise {
            critical: Some(args.critical),
            important: Some(args.important),
            moderate: args.moderate,
            low: args.low,
        },
    };
    let progress = Progress::new();
    let rehearsal = rehearse(&fleet, &draft, in_force.as_ref(), &span, &|done, total| {
        progress.tell(done, total);
    });
    progress.end();
    show(&rehearsal, global)?;
    Ok(Outcome::Done)
}

/// Prints a rehearsal.
pub fn show(rehearsal: &Rehearsal, global: &Global) -> Result<(), Failure> {
    if global.json {
        return table::json(&serde_json::to_value(rehearsal)?);
    }
    let old = rehearsal.in_force.as_ref();
    table::say(&format!(
        "{} patches for {} devices, from {} to {}",
        rehearsal.patches,
        rehearsal.devices,
        table::minute(rehearsal.from),
        table::minute(rehearsal.until)
    ))?;
    for (count, what) in [
        (rehearsal.undated, "have no date and are not replayed"),
        (rehearsal.outside, "came before or after this time"),
        (
            rehearsal.not_replayed,
            "say nothing about a patch that came (no fix, not affected, unknown)",
        ),
    ] {
        if count > 0 {
            eprintln!("note: {count} findings {what}");
        }
    }
    totals(&rehearsal.draft, old)?;
    months(&rehearsal.draft, old)?;
    clients(&rehearsal.draft)?;
    hours(&rehearsal.draft)?;
    let run = &rehearsal.draft;
    troubles(
        "Starved: approved and never installed",
        &run.starved,
        run.starved_total,
    )?;
    troubles("Promises missed", &run.missed, run.missed_total)?;
    for ring in &run.empty_rings {
        table::say(&format!(
            "\nThe ring {ring} has no devices: there is nothing to measure in it."
        ))?;
    }
    Ok(())
}

fn headings(first: &'static str, old: Option<&PolicyRun>) -> Vec<&'static str> {
    let mut headings = vec![first, "draft"];
    headings.extend(old.map(|_| "in force"));
    headings
}

fn totals(draft: &PolicyRun, old: Option<&PolicyRun>) -> Result<(), Failure> {
    type Line = (&'static str, fn(&Tally) -> String);
    let lines: [Line; 13] = [
        ("pairs of device and patch", |t| t.pairs.to_string()),
        ("installed", |t| t.installed.to_string()),
        ("replaced by a newer one that was installed", |t| {
            t.replaced.to_string()
        }),
        ("approved, and their time is still to come", |t| {
            t.waiting.to_string()
        }),
        ("approved, and starved", |t| t.starved.to_string()),
        ("not approved", |t| t.not_approved.to_string()),
        ("days until fixed, on average", |t| share(t.days_mean())),
        ("promises kept, of a hundred", |t| share(t.kept_percent())),
        ("promises missed", |t| t.missed.to_string()),
        ("promises still open at the end", |t| t.promised.to_string()),
        ("reboots", |t| t.reboots.to_string()),
        ("reboots left to a person", |t| {
            t.reboots_by_hand.to_string()
        }),
        ("installations that may need a reboot, nobody knows", |t| {
            t.reboots_unknown.to_string()
        }),
    ];
    table::heading("In all")?;
    let rows = lines.iter().map(|(name, value)| {
        let mut row = vec![(*name).to_owned(), value(&draft.tally)];
        row.extend(old.map(|old| value(&old.tally)));
        row
    });
    table::rows(&headings("", old), rows, "")
}

/// One digit after the point; nothing to measure is said, and is not a hundred percent.
fn share(value: Option<f64>) -> String {
    value.map_or_else(
        || "nothing to measure".to_owned(),
        |value| format!("{value:.1}"),
    )
}

fn months(draft: &PolicyRun, old: Option<&PolicyRun>) -> Result<(), Failure> {
    table::heading("By month")?;
    let rows = draft.months.iter().map(|month| {
        let tally = &month.tally;
        let mut row = vec![month.month.clone()];
        row.extend(numbers(tally));
        let before = old.map(|old| old.months.iter().find(|other| other.month == month.month));
        row.extend(before.map(|other| {
            let zero = Tally::default();
            let tally = other.map_or(&zero, |other| &other.tally);
            numbers(tally).join(" / ")
        }));
        row
    });
    let mut headings = vec!["month", "came", "installed", "starved", "missed", "reboots"];
    headings.extend(old.map(|_| "in force: the same five"));
    table::rows(&headings, rows, "Nothing came.")
}

fn numbers(tally: &Tally) -> Vec<String> {
    let numbers = [
        tally.pairs,
        tally.installed,
        tally.starved,
        tally.missed,
        tally.reboots,
    ];
    numbers.iter().map(u64::to_string).collect()
}

fn clients(draft: &PolicyRun) -> Result<(), Failure> {
    table::heading("By client")?;
    let rows = draft.clients.iter().take(SHOWN_MAX).map(|client| {
        let mut row = vec![client.client.clone(), client.devices.to_string()];
        row.extend(numbers(&client.tally));
        row.push(share(client.tally.kept_percent()));
        row
    });
    table::rows(
        &[
            "client",
            "devices",
            "came",
            "installed",
            "starved",
            "missed",
            "reboots",
            "kept of 100",
        ],
        rows,
        "There is no client.",
    )?;
    more(draft.clients_total, "clients")
}

fn hours(draft: &PolicyRun) -> Result<(), Failure> {
    if draft.reboot_hours.is_empty() {
        return Ok(());
    }
    table::heading("Reboots by the devices' own clocks")?;
    let rows = draft.reboot_hours.iter().take(SHOWN_MAX).map(|hour| {
        vec![
            hour.weekday.clone(),
            format!("{:02}:00", hour.hour),
            hour.reboots.to_string(),
        ]
    });
    table::rows(&["day", "hour", "reboots"], rows, "")?;
    more(draft.reboot_hours.len() as u64, "hours of the week")
}

fn troubles(heading: &str, troubles: &[Trouble], total: u64) -> Result<(), Failure> {
    if troubles.is_empty() {
        return Ok(());
    }
    table::heading(heading)?;
    let rows = troubles.iter().take(SHOWN_MAX).map(|trouble| {
        vec![
            trouble.patch.clone(),
            table::maybe(trouble.severity),
            trouble.client.clone(),
            trouble.device.clone(),
            trouble.devices.to_string(),
            table::minute(trouble.came_at),
            table::maybe_minute(trouble.fixed_at),
            trouble.why.clone(),
        ]
    });
    table::rows(
        &[
            "patch", "severity", "client", "such as", "devices", "came", "fixed", "why",
        ],
        rows,
        "",
    )?;
    more(total, "patches of clients")
}

fn more(total: u64, what: &str) -> Result<(), Failure> {
    match total.saturating_sub(SHOWN_MAX as u64) {
        0 => Ok(()),
        more => table::say(&format!(
            "and {more} more {what}; --json names more of them"
        )),
    }
}
