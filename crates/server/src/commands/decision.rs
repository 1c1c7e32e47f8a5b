//! `patchloop decision`: approve, hold and deny patches.

use clap::{Args, Subcommand};
use domain::decision::{Level, Word};
use jiff::Timestamp;
use serde_json::json;
use service::decision::{DecisionItem, DecisionMade, DecisionRival};

use super::{Limit, Shown, instant, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop decision`.
#[derive(Debug, Subcommand)]
pub enum DecisionCommand {
    /// Approve, hold or deny patches for devices
    Add(AddArgs),
    /// List decisions, newest first
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Make another decision instead of one; what is left out stays as it was
    Edit(EditArgs),
    /// End a decision; what is installed stays installed
    End {
        /// Its id
        id: String,
    },
}

/// `patchloop decision add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// approve (may be installed), accept-risk (left open until a day), pin (no newer version), hold
    /// (not now) or deny (not at all)
    word: Word,
    /// Which patches, such as 'product:openssl' or 'severity>=important'
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    patches: String,
    /// For which devices, such as 'client:acme tag:server'
    #[arg(long = "for", value_name = "QUERY", allow_hyphen_values = true)]
    devices: String,
    /// provider, client, site, group or device; the closest wins [default: what --for names]
    #[arg(long)]
    level: Option<Level>,
    /// Until when it holds, such as 2026-12-24 or 2026-12-24T06:00Z [default: until it is ended]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// For pin: the newest version that may be installed, such as 3.0.15-1 [default: no newer one at
    /// all]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Why, in one sentence
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only say what it would touch
    #[arg(long)]
    dry_run: bool,
}

/// `patchloop decision edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Its id
    id: String,
    /// Which patches now
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    patches: Option<String>,
    /// For which devices now
    #[arg(long = "for", value_name = "QUERY", allow_hyphen_values = true)]
    devices: Option<String>,
    /// Until when it holds now, such as 2026-12-24
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// For a pin: the newest version that may be installed now
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Why now
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only say what it would touch then
    #[arg(long)]
    dry_run: bool,
}

/// The headings of `row`.
pub(super) const HEADINGS: &[&str] = &[
    "decision", "name", "word", "patches", "for", "level", "by", "when", "until", "reason",
];

/// One decision as a row.
pub(super) fn row(decision: &DecisionItem) -> Vec<String> {
    let until = match (decision.ended_at, decision.until) {
        (Some(ended), _) => format!("ended {}", table::minute(ended)),
        (None, until) => table::maybe_minute(until),
    };
    let devices = match &decision.client {
        Some(client) => format!("{} ({client} only)", decision.devices),
        None => decision.devices.clone(),
    };
    vec![
        decision.id.to_string(),
        table::maybe(decision.name.as_deref()),
        match &decision.version {
            Some(version) => format!("{} at {version}", decision.word),
            None => decision.word.to_string(),
        },
        decision.patches.clone(),
        devices.trim().to_owned(),
        decision.level.to_string(),
        decision.decided_by.clone(),
        table::minute(decision.decided_at),
        until,
        decision.reason.clone(),
    ]
}

/// Runs the command.
pub fn run(command: &DecisionCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        DecisionCommand::Add(args) => {
            let body = json!({
                "word": args.word, "patches": args.patches, "for": args.devices, "level": args.level,
                "until": args.until, "version": args.version, "reason": args.reason,
                "dry_run": args.dry_run,
            });
            let answer = Api::new(global)?.post("decisions", &body)?;
            show_one(global, answer, |made: DecisionMade| show(&made, args.word))
        }
        DecisionCommand::Edit(args) => {
            let body = json!({
                "patches": args.patches, "for": args.devices, "until": args.until,
                "version": args.version, "reason": args.reason, "dry_run": args.dry_run,
            });
            let path = format!("decisions/{}/edit", escaped(&args.id));
            let answer = Api::new(global)?.post(&path, &body)?;
            // Where nothing is due, an approval says why not.
            show_one(global, answer, |made: DecisionMade| {
                show(&made, Word::Approve)
            })
        }
        DecisionCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "decisions",
                query: Vec::new(),
                limit: limit.limit,
                headings: HEADINGS,
                none: "There is no decision yet: nothing is installed without one.",
            },
            |decision: DecisionItem| row(&decision),
        ),
        DecisionCommand::End { id } => {
            let path = format!("decisions/{}/end", escaped(id));
            let answer = Api::new(global)?.post(&path, &json!({}))?;
            show_one(global, answer, |decision: DecisionItem| {
                table::rows(HEADINGS, [row(&decision)], "")
            })
        }
    }
}

/// How many names are printed before the rest is only counted.
const NAMES_PRINTED: usize = 10;

fn plural(count: u32, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// Prints what a decision touches today.
pub(super) fn show(made: &DecisionMade, word: Word) -> Result<(), Failure> {
    let due = match (made.first_due_at, word) {
        (Some(at), _) => table::minute(at),
        (None, Word::Approve) => {
            "never, as things stand: `patchloop why DEVICE PATCH` names the gate".to_owned()
        }
        (None, Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny) => {
            "nothing is installed by it".to_owned()
        }
    };
    table::facts(&[
        (
            "decision",
            made.id
                .map_or_else(|| "none: dry run".to_owned(), |id| id.to_string()),
        ),
        ("patches", format!("{} missing today", made.patches_count)),
        (
            "touches today",
            format!(
                "{} {} of {} {}",
                made.devices_count,
                plural(made.devices_count, "device"),
                made.clients_count,
                plural(made.clients_count, "client"),
            ),
        ),
        ("first due", due),
    ])?;
    let rivals = |rivals: &[DecisionRival]| -> Vec<String> {
        let named =
            |one: &DecisionRival| format!("{} by {} for the {}", one.says, one.object, one.level);
        rivals.iter().map(named).collect()
    };
    let (loses_to, beats) = (rivals(&made.loses_to), rivals(&made.beats));
    let number = |names: &[String]| u32::try_from(names.len()).unwrap_or(u32::MAX);
    for (heading, names, count) in [
        (
            "These go before it: where they match it does not count",
            &loses_to,
            number(&loses_to),
        ),
        ("It goes before these", &beats, number(&beats)),
        ("Patches", &made.patches, made.patches_count),
        ("Devices", &made.devices, made.devices_count),
        (
            "Also needed, and approved by nobody: no order is made before they are decided too",
            &made.needed,
            number(&made.needed),
        ),
    ] {
        if names.is_empty() {
            continue;
        }
        table::heading(heading)?;
        for name in names.iter().take(NAMES_PRINTED) {
            table::say(&table::clean(name))?;
        }
        let rest = (count as usize).saturating_sub(names.len().min(NAMES_PRINTED));
        if rest > 0 {
            table::say(&format!("and {rest} more"))?;
        }
    }
    Ok(())
}
