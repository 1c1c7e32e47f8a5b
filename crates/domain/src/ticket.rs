//! Tickets: one per successful and per failed order, found again by their cause.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DeviceId, OrderId, TicketId};
use crate::package::words;
use crate::patch::PatchId;

/// Whether somebody has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketState {
    /// Somebody has to look.
    Open,
    /// Nothing is left to do.
    Closed,
}

words!(TicketState "ticket state" "open, closed" { Open "open", Closed "closed", });

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// What it is about; two tickets never have the same cause.
    pub cause: String,
    /// One line.
    pub subject: String,
    /// Whose.
    pub client: ClientId,
    /// Which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The order it came from.
    pub order: OrderId,
    /// Which patches.
    pub patches: Vec<PatchId>,
    /// What was found, one sentence each.
    pub evidence: Vec<String>,
    /// Whether somebody has to do something.
    pub state: TicketState,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}
