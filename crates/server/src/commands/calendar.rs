//! `patchloop calendar`: a client's windows and freezes for people's calendars.

use clap::Subcommand;
use serde_json::json;
use service::calendar::{CalendarItem, CalendarMade};

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop calendar`.
#[derive(Debug, Subcommand)]
pub enum CalendarCommand {
    /// Make a secret address of a client's calendar (iCalendar); it is shown once
    Add {
        /// The client, by name or id
        client: String,
    },
    /// List the addresses, newest first; their secrets are not kept
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Revoke an address: from then on nothing is there
    Revoke {
        /// Its id
        id: String,
    },
}

const HEADINGS: &[&str] = &["calendar", "client", "made", "by", "state"];

fn row(item: CalendarItem) -> Vec<String> {
    vec![
        item.id.to_string(),
        item.client,
        table::minute(item.made_at),
        item.made_by,
        match item.revoked_at {
            Some(at) => format!("revoked {}", table::minute(at)),
            None => "good".to_owned(),
        },
    ]
}

/// Runs the command.
pub fn run(command: &CalendarCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        CalendarCommand::Add { client } => {
            let answer = Api::new(global)?.post("calendars", &json!({ "client": client }))?;
            let base = global.url.trim_end_matches('/').to_owned();
            show_one(global, answer, |made: CalendarMade| {
                table::facts(&[
                    ("calendar", made.id.to_string()),
                    ("client", made.client),
                    ("address", format!("{base}{}", made.path)),
                ])?;
                eprintln!(
                    "The address is shown this once. Whoever knows it reads this calendar, and \
                     nothing else: `patchloop calendar revoke {}` ends it.",
                    made.id
                );
                Ok(())
            })
        }
        CalendarCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "calendars",
                query: Vec::new(),
                limit: limit.limit,
                headings: HEADINGS,
                none: "There is no address yet: `patchloop calendar add CLIENT`.",
            },
            row,
        ),
        CalendarCommand::Revoke { id } => {
            let path = format!("calendars/{}/revoke", escaped(id));
            let answer = Api::new(global)?.post(&path, &json!({}))?;
            show_one(global, answer, |item: CalendarItem| {
                table::rows(HEADINGS, [row(item)], "")
            })
        }
    }
}
