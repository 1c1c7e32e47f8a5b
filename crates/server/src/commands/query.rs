//! `patchloop query`: help with the query language.

use clap::{Subcommand, ValueEnum};
use serde::Deserialize;
use service::complete::CompletionItem;

use super::show_one;
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop query`.
#[derive(Debug, Subcommand)]
pub enum QueryCommand {
    /// List what could be typed next, with values that are there
    Complete {
        /// The query as far as it is typed, such as 'client:ac'
        #[arg(allow_hyphen_values = true)]
        query: String,
        /// Where the cursor is, in bytes [default: at the end]
        #[arg(long, value_name = "BYTE")]
        at: Option<u32>,
        /// What the query is over
        #[arg(long, value_enum, default_value = "devices")]
        of: Over,
    },
}

/// What a query is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Over {
    /// Groups, windows, --for
    Devices,
    /// --patches
    Patches,
    /// Both, as lists of findings and orders take
    Findings,
}

impl Over {
    fn word(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Patches => "patches",
            Self::Findings => "findings",
        }
    }
}

#[derive(Deserialize)]
struct Completions {
    completions: Vec<CompletionItem>,
}

/// Runs the command.
pub fn run(command: &QueryCommand, global: &Global) -> Result<Outcome, Failure> {
    let QueryCommand::Complete { query, at, of } = command;
    let at = at.map(|at| at.to_string());
    let mut asked = vec![("q", query.as_str()), ("of", of.word())];
    asked.extend(at.as_deref().map(|at| ("at", at)));
    let answer = Api::new(global)?.get("query/complete", &asked)?;
    show_one(global, answer, |found: Completions| {
        let rows = found.completions.into_iter().map(|one| {
            let (from, to) = (one.from as usize, one.to as usize);
            // The whole query as it would be then, to be copied.
            let whole = match (query.get(..from), query.get(to..)) {
                (Some(before), Some(after)) => format!("{before}{}{after}", one.insert),
                _ => one.insert.clone(),
            };
            vec![whole, one.help]
        });
        table::rows(&["query", "help"], rows, "Nothing that is known goes here.")
    })
}
