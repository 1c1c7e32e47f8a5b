//! `patchloop client`: the companies that the provider looks after.

use clap::Subcommand;
use serde_json::json;
use service::client::ClientItem;

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop client`.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Add a client
    Add {
        /// Its name
        name: String,
    },
    /// List the clients that you may see
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
}

/// Runs the command.
pub fn run(command: &ClientCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        ClientCommand::Add { name } => {
            let answer = Api::new(global)?.post("clients", &json!({ "name": name }))?;
            show_one(global, answer, |client: ClientItem| {
                table::facts(&[("client", client.name), ("id", client.id.to_string())])
            })
        }
        ClientCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "clients",
                query: Vec::new(),
                limit: limit.limit,
                headings: &["client", "added", "id"],
                none: "There is no client yet: `patchloop client add NAME`.",
            },
            |client: ClientItem| {
                vec![
                    client.name,
                    table::minute(client.added_at),
                    client.id.to_string(),
                ]
            },
        ),
    }
}
