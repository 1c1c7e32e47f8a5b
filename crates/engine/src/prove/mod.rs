//! What a second look proves, and the ticket that says so.
//!
//! A proof never rests on what the install step said of itself.

use domain::id::{ClientId, DeviceId, OrderId};
use domain::inventory::Inventory;
use domain::order::record::OrderRecord;
use domain::patch::PatchId;
use domain::proof::{Proof, SecondLook};
use domain::ticket::TicketState;

/// Judges a second look. `before` and `after` are the whole inventories before the order began and
/// as this look read it; where one is not at hand, nothing is said about other changes.
pub fn judge(
    _order: &OrderRecord,
    _look: &SecondLook,
    _before: Option<&Inventory>,
    _after: Option<&Inventory>,
) -> Proof {
    panic!("the body comes with the next commit")
}

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

/// The ticket that an order asks for as it stands; `None`: none (yet).
pub fn ticket_for(_record: &OrderRecord, _device_name: &str) -> Option<TicketContent> {
    panic!("the body comes with the next commit")
}
