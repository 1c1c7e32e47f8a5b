//! `patchloop policy openings FILES... --from T --to T`: when the windows of policy files open.
//!
//! With `--json` one object a line: window, zone, opens_at, closes_at; by time, then by window.

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use engine::policy_file::{self, Listing, OpeningsOf};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::files::FileArgs;
use super::snapshot;
use crate::cli::Global;
use crate::commands::instant;
use crate::failure::{Failure, Outcome};
use crate::table;

/// The longest time that is listed, in days.
const DAYS_MAX: i64 = 50 * 366;

/// `patchloop policy openings`.
#[derive(Debug, Args)]
pub struct OpeningsArgs {
    #[command(flatten)]
    files: FileArgs,
    /// From when, such as 2026-01-01 or 2026-01-01T06:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Timestamp,
    /// Until when; what opens then is not listed any more
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Timestamp,
    /// For the devices of this snapshot
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "zone")]
    fleet: Option<PathBuf>,
    /// For devices in this zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<String>,
}

fn zone(text: &str) -> Result<String, String> {
    match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("expected a time zone such as Europe/Berlin".to_owned()),
    }
}

/// Runs `policy openings`.
pub fn run(args: &OpeningsArgs, global: &Global) -> Result<Outcome, Failure> {
    let length = args.to.duration_since(args.from);
    if !length.is_positive() {
        return Err(Failure::wrong_use(anyhow!("--to is not after --from")));
    }
    if length > SignedDuration::from_hours(24 * DAYS_MAX) {
        return Err(Failure::wrong_use(anyhow!(
            "--from and --to are more than 50 years apart"
        )));
    }
    let policy = args.files.policy()?.policy;
    let fleet = args.fleet.as_deref().map(snapshot::read).transpose()?;
    let of = match (&fleet, &args.zone) {
        (Some(fleet), _) => OpeningsOf::Fleet(fleet),
        (None, Some(zone)) => OpeningsOf::Zone(zone),
        (None, None) => OpeningsOf::Unknown,
    };
    let listing = policy_file::openings(&policy, of, args.from, args.to);
    let mut notes: Vec<&str> = Vec::new();
    for note in &listing.notes {
        if !notes.contains(&note.as_str()) {
            notes.push(note);
            eprintln!("note: {}", table::clean(note));
        }
    }
    if global.json {
        return match print(&listing, &mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            Ok(()) | Err(_) => Ok(Outcome::Done),
        };
    }
    table::rows(
        &["window", "opens", "closes", "zone", "utc"],
        listing.openings.iter().map(|opening| {
            vec![
                opening.window.clone(),
                local(opening.opens_at, &opening.zone),
                local(opening.closes_at, &opening.zone),
                opening.zone.clone(),
                table::minute(opening.opens_at),
            ]
        }),
        "No window opens in that time.",
    )?;
    Ok(Outcome::Done)
}

fn print(listing: &Listing, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    for opening in &listing.openings {
        serde_json::to_writer(&mut out, opening)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn local(at: Timestamp, zone: &str) -> String {
    at.in_tz(zone).map_or_else(
        |_| table::minute(at),
        |local| local.strftime("%a %Y-%m-%d %H:%M").to_string(),
    )
}
