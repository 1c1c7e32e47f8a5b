//! `patchloop ticket`: one per order that ended.

use clap::Subcommand;
use service::ticket::TicketItem;

use super::{Limit, Shown, show_list};
use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop ticket`.
#[derive(Debug, Subcommand)]
pub enum TicketCommand {
    /// List tickets, newest first
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
}

/// Runs the command.
pub fn run(command: &TicketCommand, global: &Global) -> Result<Outcome, Failure> {
    let TicketCommand::List { limit } = command;
    show_list(
        global,
        &Shown {
            path: "tickets",
            query: Vec::new(),
            limit: limit.limit,
            headings: &["made", "state", "client", "device", "subject", "patches"],
            none: "There is no ticket: no order has ended yet.",
        },
        |ticket: TicketItem| {
            let patches: Vec<String> = ticket.patches.iter().map(ToString::to_string).collect();
            vec![
                table::minute(ticket.made_at),
                ticket.state.to_string(),
                ticket.client,
                ticket.device,
                ticket.subject,
                table::first_of(&patches, 2),
            ]
        },
    )
}
