//! `patchloop advisory`: which advisories hit devices, and whom each hits.

use clap::Subcommand;
use service::advisory::{AdvisoryDetail, AdvisoryItem};

use super::{Limit, Shown, show_list, show_one};
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop advisory`.
#[derive(Debug, Subcommand)]
pub enum AdvisoryCommand {
    /// List the advisories that hit devices, worst first
    List {
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one advisory with the clients and devices that it hits, and the news beside it
    Show {
        /// FEED/ID, or the id alone where only one feed has it
        advisory: String,
    },
}

/// Runs the command.
pub fn run(command: &AdvisoryCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        AdvisoryCommand::List { limit } => show_list(
            global,
            &Shown {
                path: "advisories",
                query: Vec::new(),
                limit: limit.limit,
                headings: &[
                    "advisory",
                    "severity",
                    "exploited",
                    "clients",
                    "devices",
                    "exposed",
                    "title",
                ],
                none: "No advisory at hand hits a device; `patchloop feed status` says what is at hand.",
            },
            |item: AdvisoryItem| {
                vec![
                    item.key,
                    table::maybe(item.severity),
                    table::maybe(item.kev.map(|kev| if kev { "yes" } else { "no" })),
                    item.clients.to_string(),
                    item.devices.to_string(),
                    item.exposed.to_string(),
                    item.title,
                ]
            },
        ),
        AdvisoryCommand::Show { advisory } => {
            let query = [("advisory", advisory.as_str())];
            let answer = Api::new(global)?.get("advisory", &query)?;
            show_one(global, answer, |detail: AdvisoryDetail| shown(&detail))
        }
    }
}

fn shown(detail: &AdvisoryDetail) -> Result<(), Failure> {
    let item = &detail.advisory;
    table::facts(&[
        ("advisory", item.key.clone()),
        ("title", item.title.clone()),
        ("severity", table::maybe(item.severity)),
        ("CVEs", table::first_of(&item.cves, 10)),
        ("document", detail.document.clone()),
        ("dated", table::maybe_minute(detail.dated)),
        ("fetched", table::maybe_minute(detail.fetched_at)),
        ("sha256", detail.sha256.clone()),
        (
            "hits",
            format!(
                "{} clients, {} devices, {} exposed",
                item.clients, item.devices, item.exposed
            ),
        ),
    ])?;
    let rows = detail.hit.iter().map(|hit| {
        vec![
            hit.client.clone(),
            hit.devices.to_string(),
            hit.exposed.to_string(),
            table::first_of(&hit.names, 5),
        ]
    });
    table::rows(
        &["client", "devices", "exposed", "names"],
        rows,
        "It hits no device.",
    )?;
    for notice in &detail.notices {
        let link = notice.link.clone().unwrap_or_default();
        table::say(&format!(
            "news: {} {link} ({})",
            notice.title, notice.document
        ))?;
    }
    Ok(())
}
