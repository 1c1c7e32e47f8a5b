//! What the functions of this crate look at: one device with all that is known of it.

use domain::device::Device;
use domain::finding::DatedFinding;
use domain::inventory::Inventory;
use domain::offer::Facts;
use domain::order::record::OrderRecord;
use domain::snapshot::Contact;

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
    /// When it was in contact, in order; `None`: not recorded.
    pub contacts: Option<Vec<Contact>>,
    /// The highest order sequence that the server gave or the agent said it has seen.
    pub sequence: u64,
}
