//! Which orders one device needs now: made, replaced, withdrawn, given up.

use domain::id::OrderId;
use domain::order::record::OrderRecord;
use domain::order::{Order, OrderItem, Switch};
use domain::patch::PatchId;
use domain::verdict::Verdict;
use jiff::Timestamp;

use crate::prove::TicketContent;
use crate::view::{DeviceView, Rules};

/// How long after its window an order may still be reported, in hours.
pub const GRACE_HOURS: i64 = 2;
/// How often a patch is ordered for one device before a person is needed.
pub const TRIES_MAX: usize = 3;
/// How many days of ended orders the planner looks back at.
pub const MEMORY_DAYS: i64 = 90;

/// What an order asks for and when, without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderContent {
    /// The generation.
    pub generation: u32,
    /// The sequence.
    pub sequence: u64,
    /// What is to be installed, sorted.
    pub items: Vec<OrderItem>,
    /// Whether services that run old code afterwards are restarted.
    pub restart_services: Switch,
    /// When the device may start.
    pub opens_at: Timestamp,
    /// When nothing new may start.
    pub closes_at: Timestamp,
    /// When the server gives it up.
    pub deadline: Timestamp,
    /// How old the last word with the server may be at the start, in seconds.
    pub contact_within_seconds: u32,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderAction {
    /// Make an order.
    Make {
        /// What it asks for.
        content: OrderContent,
    },
    /// Give an order that did not begin a new content under the same id.
    Replace {
        /// Which.
        order: OrderId,
        /// The new content, with the next generation and sequence.
        content: OrderContent,
    },
    /// Withdraw an order that did not begin.
    Cancel {
        /// Which.
        order: OrderId,
        /// The generation of the cancel.
        generation: u32,
        /// The sequence of the cancel.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// The window closed and the device never took it.
    Expire {
        /// Which.
        order: OrderId,
    },
    /// The deadline passed without a report.
    Lose {
        /// Which.
        order: OrderId,
    },
    /// The device reported an end, and no second look came by the deadline: not proven.
    GiveUpProof {
        /// Which.
        order: OrderId,
    },
}

/// A missing patch that is not ordered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The patch.
    pub patch: PatchId,
    /// The gate and the reason.
    pub verdict: Verdict,
}

/// What to do now, what waits and why, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in this order.
    pub actions: Vec<OrderAction>,
    /// What waits, sorted by patch.
    pub waiting: Vec<Waiting>,
    /// When something changes by itself; `None`: nothing will.
    pub look_again_at: Option<Timestamp>,
}

/// Plans one device's orders. Twice the same input gives the same plan; after the actions are
/// carried out a plan at the same instant has none.
pub fn plan(_view: &DeviceView, _rules: &Rules, _now: Timestamp) -> Plan {
    panic!("the body comes with the next commit")
}

/// What carrying out an action writes: the record as it stands afterwards, and the ticket it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The whole record.
    pub record: OrderRecord,
    /// Made, or changed where one with the same cause is there.
    pub ticket: Option<TicketContent>,
}

/// Carries out one action on paper; `new_id` is used by [`OrderAction::Make`] alone. `None`: the
/// order is not there or has moved on, so there is nothing to write.
pub fn carried_out(
    _action: &OrderAction,
    _view: &DeviceView,
    _new_id: OrderId,
    _now: Timestamp,
) -> Option<OrderChange> {
    panic!("the body comes with the next commit")
}

/// The order as it is signed and sent: an install, or a cancel where the record is cancelled.
pub fn to_sign(_record: &OrderRecord) -> Order {
    panic!("the body comes with the next commit")
}
