//! What the functions of this crate look at: one device with all that is known of it, and the rules.

use domain::decision::Decision;
use domain::device::Device;
use domain::finding::DatedFinding;
use domain::inventory::Inventory;
use domain::offer::Facts;
use domain::order::record::OrderRecord;
use domain::window::ChangeWindow;

/// One device with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceView {
    /// The device as it stands.
    pub device: Device,
    /// What was last reported beside the inventory; `None`: nothing yet.
    pub facts: Option<Facts>,
    /// What is installed; `None`: not reported, or not loaded (then `package:` in a query for
    /// devices is unknown).
    pub inventory: Option<Inventory>,
    /// Where it stands with each patch.
    pub findings: Vec<DatedFinding>,
    /// Its orders: all that have not ended, and the ended ones of the last
    /// [`crate::orders::MEMORY_DAYS`] days.
    pub orders: Vec<OrderRecord>,
    /// The highest order sequence that the server gave or the agent said it has seen.
    pub sequence: u64,
}

/// What people decided: the decisions and windows that may concern a device. Those of other clients
/// may be among them; they never match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// Decisions, in force or not.
    pub decisions: Vec<Decision>,
    /// Change windows, valid or ended.
    pub windows: Vec<ChangeWindow>,
}
