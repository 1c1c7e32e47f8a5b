//! `patchloop site`: the places of clients.

use clap::Subcommand;
use serde_json::json;
use service::site::SiteItem;

use super::{Limit, Shown, asked, show_list, show_one};
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop site`.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Add a site to a client
    Add {
        /// The client, by name or id
        client: String,
        /// The site's name
        name: String,
        /// Its time zone, such as Europe/Berlin
        #[arg(long)]
        zone: String,
    },
    /// List sites
    List {
        /// Only those of this client
        #[arg(long)]
        client: Option<String>,
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
}

/// Runs the command.
pub fn run(command: &SiteCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        SiteCommand::Add { client, name, zone } => {
            let body = json!({ "client": client, "name": name, "zone": zone });
            let answer = Api::new(global)?.post("sites", &body)?;
            show_one(global, answer, |site: SiteItem| {
                table::facts(&[
                    ("site", format!("{}/{}", site.client, site.name)),
                    ("zone", site.zone),
                    ("id", site.id.to_string()),
                ])
            })
        }
        SiteCommand::List { client, limit } => show_list(
            global,
            &Shown {
                path: "sites",
                query: asked(&[("client", client.clone())]),
                limit: limit.limit,
                headings: &["site", "zone", "added", "id"],
                none: "There is no site yet: `patchloop site add CLIENT NAME --zone ZONE`.",
            },
            |site: SiteItem| {
                vec![
                    format!("{}/{}", site.client, site.name),
                    site.zone,
                    table::minute(site.added_at),
                    site.id.to_string(),
                ]
            },
        ),
    }
}
