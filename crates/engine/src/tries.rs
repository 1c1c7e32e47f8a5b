//! How often a patch was tried on a device, and whether it may be tried again.
//!
//! A try is an order that ended without the patch. Each opening has one; after [`TRIES_MAX`] a person
//! is needed: a new approval begins a new count. Asked by the planner and by the evaluator alike, so
//! that "why not?" says what the planner does.

use domain::decision::Decision;
use domain::id::OrderId;
use domain::order::record::OrderRecord;
use domain::order::{ItemResult, OrderItem, OrderState};
use domain::patch::PatchId;
use domain::window::Opening;
use jiff::Timestamp;

use crate::view::DeviceView;

/// How often a patch is ordered for one device before a person is needed.
pub const TRIES_MAX: usize = 3;

/// Whether a patch was tried before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It may be tried.
    NotYet,
    /// As often as it may be.
    TooOften {
        /// How often.
        times: usize,
    },
    /// In the opening that is asked about.
    InThisOpening {
        /// The order that tried.
        order: OrderId,
        /// When that order's window closes.
        until: Timestamp,
    },
}

/// Whether a patch was tried since it was approved, too often or in this very opening.
pub(crate) fn tried(
    view: &DeviceView,
    patch: &PatchId,
    approval: Option<&Decision>,
    opening: Option<Opening>,
) -> Tried {
    let since = approval.map_or(Timestamp::MIN, |decision| decision.decided_at);
    let tries: Vec<&OrderRecord> = ended_without(view, patch).collect();
    let times = tries
        .iter()
        .filter(|record| record.state_since >= since && !untouched(record, patch))
        .count();
    if times >= TRIES_MAX {
        return Tried::TooOften { times };
    }
    // Windows may have been changed meanwhile: overlapping is the same opening.
    let this = opening.and_then(|opening| {
        tries.into_iter().find(|record| {
            record.opens_at < opening.closes_at && opening.opens_at < record.closes_at
        })
    });
    match this {
        None => Tried::NotYet,
        Some(record) => Tried::InThisOpening {
            order: record.id,
            until: record.closes_at,
        },
    }
}

/// The orders that tried a patch and ended without it, each once.
fn ended_without<'a>(
    view: &'a DeviceView,
    patch: &'a PatchId,
) -> impl Iterator<Item = &'a OrderRecord> {
    view.orders
        .iter()
        .filter(|record| record.items.iter().any(|item| item.patch == *patch))
        .filter(|record| match record.state {
            // It succeeded, says the device, and yet the patch is missing: that is a try too.
            OrderState::Succeeded
            | OrderState::Failed
            | OrderState::Refused
            | OrderState::NeedsHands
            | OrderState::Lost
            | OrderState::Superseded => true,
            OrderState::Waiting
            | OrderState::Delivered
            | OrderState::Running
            | OrderState::Expired
            | OrderState::Cancelled => false,
        })
}

/// Whether another patch of the order was to blame: this one's packages were not touched.
fn untouched(record: &OrderRecord, patch: &PatchId) -> bool {
    let Some(outcome) = &record.outcome else {
        return false;
    };
    let result = |item: &OrderItem| {
        outcome
            .items
            .iter()
            .find(|o| o.name == item.name && o.architecture == item.architecture)
            .map(|o| &o.result)
    };
    let blamed = outcome
        .items
        .iter()
        .any(|o| matches!(o.result, ItemResult::Failed { .. }));
    blamed
        && record
            .items
            .iter()
            .filter(|item| item.patch == *patch)
            .all(|item| result(item) == Some(&ItemResult::Untouched))
}
