//! Carrying out a plan on paper: the records that the store writes, and the order that is signed.

use domain::id::OrderId;
use domain::order::record::OrderRecord;
use domain::order::{Action, End, Order, OrderEvent, OrderState};
use domain::proof::{Proof, ProofState};
use jiff::Timestamp;

use super::{OrderAction, OrderContent};
use crate::prove::{TicketContent, ticket_for};
use crate::view::DeviceView;

/// What carrying out an action writes: the record as it stands afterwards, and the ticket it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The whole record.
    pub record: OrderRecord,
    /// Made, or changed where one with the same cause is there.
    pub ticket: Option<TicketContent>,
}

impl OrderChange {
    /// A record with the ticket that it asks for.
    pub fn of(record: OrderRecord, device_name: &str) -> Self {
        Self {
            ticket: ticket_for(&record, device_name),
            record,
        }
    }
}

/// Carries out one action on paper; `new_id` is used by [`OrderAction::Make`] alone. `None`: the
/// order is not there or has moved on, so there is nothing to write.
pub fn carried_out(
    action: &OrderAction,
    view: &DeviceView,
    new_id: OrderId,
    now: Timestamp,
) -> Option<OrderChange> {
    let find = |order: &OrderId| view.orders.iter().find(|record| record.id == *order);
    let moved = |order: &OrderId, event, reason: &str| {
        let mut record = find(order)?.clone();
        record.state = record.state.after(event).ok()?;
        record.state_since = now;
        record.reason = reason.to_owned();
        Some(record)
    };
    let record = match action {
        OrderAction::Make { content } => made(content, view, new_id, now),
        OrderAction::Replace { order, content } => {
            let reason = "replaced before it began, because what is to be installed changed";
            let mut record = moved(order, OrderEvent::Replaced, reason)?;
            put(&mut record, content);
            record
        }
        OrderAction::Cancel {
            order,
            generation,
            sequence,
            reason,
        } => {
            let mut record = moved(order, OrderEvent::Withdrawn, reason)?;
            record.generation = *generation;
            record.sequence = *sequence;
            record
        }
        OrderAction::Supersede {
            order,
            generation,
            sequence,
            reason,
        } => {
            let event = OrderEvent::Ended(End::Superseded);
            let mut record = moved(order, event, reason)?;
            record.generation = *generation;
            record.sequence = *sequence;
            record
        }
        OrderAction::Expire { order } => {
            let reason = "its window closed, and the device never took it";
            moved(order, OrderEvent::ClosedUntaken, reason)?
        }
        OrderAction::Lose { order } => {
            let reason = "the device did not report by the deadline";
            moved(order, OrderEvent::DeadlinePassed, reason)?
        }
        OrderAction::GiveUpProof { order } => {
            let mut record = find(order)?.clone();
            record.proof = Proof {
                state: ProofState::NotProven,
                checked_at: None,
                facts: vec!["The device did not look again by the deadline.".into()],
            };
            record
        }
    };
    Some(OrderChange::of(record, view.device.name.as_str()))
}

fn made(content: &OrderContent, view: &DeviceView, id: OrderId, now: Timestamp) -> OrderRecord {
    let mut record = OrderRecord {
        id,
        device: view.device.id,
        client: view.device.client,
        generation: 0,
        sequence: 0,
        items: Vec::new(),
        restart_services: content.restart_services,
        opens_at: content.opens_at,
        closes_at: content.closes_at,
        deadline: content.deadline,
        contact_within_seconds: content.contact_within_seconds,
        made_at: now,
        state: OrderState::Waiting,
        state_since: now,
        reason: String::new(),
        outcome: None,
        look: None,
        proof: Proof::pending(),
    };
    put(&mut record, content);
    record
}

fn put(record: &mut OrderRecord, content: &OrderContent) {
    record.generation = content.generation;
    record.sequence = content.sequence;
    record.items.clone_from(&content.items);
    record.restart_services = content.restart_services;
    record.opens_at = content.opens_at;
    record.closes_at = content.closes_at;
    record.deadline = content.deadline;
    record.contact_within_seconds = content.contact_within_seconds;
}

/// The order as it is signed and sent: an install, or a cancel where the record is cancelled or
/// superseded.
pub fn to_sign(record: &OrderRecord) -> Order {
    Order {
        v: 1,
        device: record.device,
        order: record.id,
        generation: record.generation,
        sequence: record.sequence,
        action: match record.state {
            OrderState::Cancelled | OrderState::Superseded => Action::Cancel,
            OrderState::Waiting
            | OrderState::Delivered
            | OrderState::Running
            | OrderState::Succeeded
            | OrderState::Failed
            | OrderState::Refused
            | OrderState::Expired
            | OrderState::Lost
            | OrderState::NeedsHands => Action::Install {
                items: record.items.clone(),
                restart_services: record.restart_services,
            },
        },
        opens_at: record.opens_at,
        closes_at: record.closes_at,
        deadline: record.deadline,
        contact_within_seconds: record.contact_within_seconds,
        made_at: record.made_at,
    }
}
