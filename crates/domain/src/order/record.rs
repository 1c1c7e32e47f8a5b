//! An order as the server keeps it: what was ordered, where it stands, what came of it.

use jiff::Timestamp;

use super::{OrderItem, OrderState, Outcome, Switch};
use crate::id::{ClientId, DeviceId, OrderId};
use crate::patch::PatchId;
use crate::proof::{Proof, SecondLook};

/// An order as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its id; the same for all its generations.
    pub id: OrderId,
    /// The device it is for.
    pub device: DeviceId,
    /// That device's client.
    pub client: ClientId,
    /// The present generation.
    pub generation: u32,
    /// The present generation's sequence.
    pub sequence: u64,
    /// What is to be installed.
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
    /// When it was first made.
    pub made_at: Timestamp,
    /// Where it stands.
    pub state: OrderState,
    /// Since when.
    pub state_since: Timestamp,
    /// Why it stands so, in one sentence; empty when there is nothing to say.
    pub reason: String,
    /// What the device said came of it.
    pub outcome: Option<Outcome>,
    /// What the device saw when it looked again.
    pub look: Option<SecondLook>,
    /// The verdict over that.
    pub proof: Proof,
}

impl OrderRecord {
    /// The patches of the order, each once, sorted.
    pub fn patches(&self) -> Vec<PatchId> {
        let mut patches: Vec<PatchId> = self.items.iter().map(|item| item.patch.clone()).collect();
        patches.sort();
        patches.dedup();
        patches
    }
}
