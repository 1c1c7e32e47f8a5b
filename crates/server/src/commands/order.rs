//! `patchloop order`: what devices were told to do, and what came of it.

use clap::Subcommand;
use domain::proof::ProofState;
use service::order::OrderView;

use super::{Filter, Shown, asked, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop order`.
#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// List orders, newest first; a query knows the fields of devices and patches
    List {
        /// Which of them
        #[command(flatten)]
        filter: Filter,
    },
    /// Show one order with what the device said and what a second look found
    Show {
        /// Its id
        order: String,
    },
}

/// The packages on one line.
fn packages(order: &OrderView, shown: usize) -> String {
    let packages: Vec<String> = order
        .items
        .iter()
        .map(|item| format!("{}={}", item.name, item.to))
        .collect();
    table::first_of(&packages, shown)
}

/// Whether a second look agreed; a dash while nobody looked.
pub(super) fn proof(order: &OrderView) -> String {
    match order.proof.state {
        ProofState::Pending => "-".to_owned(),
        state => state.to_string(),
    }
}

/// One order as a row.
pub(super) fn row(order: &OrderView) -> Vec<String> {
    vec![
        order.id.to_string(),
        format!("{}/{}", order.client, order.device),
        order.state.to_string(),
        proof(order),
        table::minute(order.opens_at),
        packages(order, 2),
        order.reason.clone(),
    ]
}

/// The headings of `row`.
pub(super) const HEADINGS: &[&str] = &[
    "order", "device", "state", "proof", "opens", "packages", "reason",
];

/// Runs the command.
pub fn run(command: &OrderCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        OrderCommand::List { filter } => show_list(
            global,
            &Shown {
                path: "orders",
                query: asked(&[("q", filter.q.clone())]),
                limit: filter.limit.limit,
                headings: HEADINGS,
                none: "No order matches.",
            },
            |order: OrderView| row(&order),
        ),
        OrderCommand::Show { order } => {
            let answer = Api::new(global)?.get(&format!("orders/{}", escaped(order)), &[])?;
            show_one(global, answer, |order: OrderView| show(&order))
        }
    }
}

fn show(order: &OrderView) -> Result<(), Failure> {
    table::facts(&[
        ("order", order.id.to_string()),
        ("device", format!("{}/{}", order.client, order.device)),
        (
            "state",
            format!("{} since {}", order.state, table::minute(order.state_since)),
        ),
        ("reason", order.reason.clone()),
        (
            "window",
            format!(
                "{} to {}",
                table::minute(order.opens_at),
                table::minute(order.closes_at)
            ),
        ),
        (
            "second look",
            format!(
                "{}, {}",
                order.proof.state,
                table::maybe_minute(order.proof.checked_at)
            ),
        ),
    ])?;
    table::heading("Packages")?;
    table::rows(
        &["package", "architecture", "from", "to"],
        order.items.iter().map(|item| {
            vec![
                item.name.clone(),
                item.architecture.clone(),
                table::maybe(item.from.clone()),
                item.to.clone(),
            ]
        }),
        "none",
    )?;
    if !order.proof.facts.is_empty() {
        table::heading("What the second look found")?;
        for fact in &order.proof.facts {
            table::say(&format!("- {}", table::clean(fact)))?;
        }
    }
    Ok(())
}
