//! What a second look proves, and the ticket that says so.
//!
//! A proof rests on what the second look saw: versions, files, running code, services, unfinished
//! work. It never rests on what the install step said of itself. Proven is only what was looked at
//! and agrees; a package or file that could not be looked at is not proven. Changes that the order
//! did not ask for are named, as facts: somebody else may have made them.

mod judge;

use domain::id::{ClientId, DeviceId, OrderId};
use domain::order::OrderState;
use domain::order::record::OrderRecord;
use domain::patch::PatchId;
use domain::proof::ProofState;
use domain::ticket::TicketState;

pub use judge::judge;

/// What a ticket says, without its id and times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketContent {
    /// What it is about: the order's id. Two tickets never have the same cause.
    pub cause: String,
    /// One line.
    pub subject: String,
    /// Whose.
    pub client: ClientId,
    /// Which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The order.
    pub order: OrderId,
    /// Which patches.
    pub patches: Vec<PatchId>,
    /// What was found, one sentence each.
    pub evidence: Vec<String>,
    /// Closed when proven, open otherwise.
    pub state: TicketState,
}

/// Most patches that a subject names.
const SUBJECT_PATCHES_MAX: usize = 3;

/// The ticket that an order asks for as it stands; `None`: none (yet).
///
/// A success asks for one when its proof is there; a failure at once, and its evidence grows when
/// the second look comes. What was withdrawn, expired untaken or was superseded asks for none: the
/// finding and the plan say what comes next.
pub fn ticket_for(record: &OrderRecord, device_name: &str) -> Option<TicketContent> {
    let (what, state) = match (record.state, record.proof.state) {
        (OrderState::Succeeded, ProofState::Pending) => return None,
        (OrderState::Succeeded, ProofState::Proven) => {
            ("installed and proven", TicketState::Closed)
        }
        (OrderState::Succeeded, ProofState::NotProven) => {
            ("said to be installed, not proven", TicketState::Open)
        }
        (OrderState::Failed, _) => ("failed", TicketState::Open),
        (OrderState::NeedsHands, _) => ("failed, needs hands", TicketState::Open),
        (OrderState::Refused, _) => ("refused by the device", TicketState::Open),
        (OrderState::Lost, _) => ("without a report by its deadline", TicketState::Open),
        (
            OrderState::Waiting
            | OrderState::Delivered
            | OrderState::Running
            | OrderState::Expired
            | OrderState::Cancelled
            | OrderState::Superseded,
            _,
        ) => return None,
    };
    let patches = record.patches();
    Some(TicketContent {
        cause: record.id.to_string(),
        subject: format!("{device_name}: {} {what}", named(&patches)),
        client: record.client,
        device: record.device,
        device_name: device_name.to_owned(),
        order: record.id,
        patches,
        evidence: evidence(record),
        state,
    })
}

fn named(patches: &[PatchId]) -> String {
    let mut names: Vec<String> = patches
        .iter()
        .take(SUBJECT_PATCHES_MAX)
        .map(|patch| match patch.version() {
            Some(version) => format!("{} {version}", patch.product()),
            None => patch.product(),
        })
        .collect();
    if patches.len() > SUBJECT_PATCHES_MAX {
        names.push(format!("{} more", patches.len() - SUBJECT_PATCHES_MAX));
    }
    names.join(", ")
}

fn evidence(record: &OrderRecord) -> Vec<String> {
    let mut evidence = Vec::new();
    if !record.reason.is_empty() {
        evidence.push(format!(
            "The order ended as {}: {}",
            record.state, record.reason
        ));
    }
    if let Some(outcome) = &record.outcome {
        evidence.extend(
            outcome
                .repaired
                .iter()
                .map(|what| format!("Repaired: {what}")),
        );
        let restarted = outcome.restarted.iter();
        evidence.extend(restarted.map(|service| format!("Restarted: {service}")));
        let kept = outcome.kept_files.iter();
        evidence.extend(
            kept.map(|file| format!("{file} was kept as it was; the new version stands beside it")),
        );
    }
    evidence.extend(record.proof.facts.iter().cloned());
    evidence
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
