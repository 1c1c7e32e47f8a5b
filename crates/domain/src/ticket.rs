//! Tickets, found again by their cause: one per successful and per failed order, and one per patch that a
//! rule holds for somebody to study.

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
    /// Which device; `None`: it is about no single one.
    pub device: Option<DeviceId>,
    /// The device's name; empty where it is about no single one.
    pub device_name: String,
    /// The order it came from; `None`: from none.
    pub order: Option<OrderId>,
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
    /// Who is asked to study a patch; `None`: it came from an order.
    pub study: Option<AskedStudy>,
}

/// What somebody is asked: to study the patch of the ticket, and to decide about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedStudy {
    /// The rule that holds the patch, by name.
    pub rule: String,
    /// The person or team.
    pub owner: String,
    /// When they were asked.
    pub asked_at: Timestamp,
    /// When the answer is due.
    pub due_at: Timestamp,
    /// How many devices wait for the answer.
    pub devices: u32,
}

impl Ticket {
    /// Whether an answer was due before `now` and nobody gave it.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let due = self.study.as_ref().map(|study| study.due_at);
        self.state == TicketState::Open && due.is_some_and(|due| due <= now)
    }
}
