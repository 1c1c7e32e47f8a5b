//! What the functions of this crate look at: one device with all that is known of it.

use std::collections::BTreeMap;

use domain::device::Device;
use domain::finding::DatedFinding;
use domain::inventory::Inventory;
use domain::offer::Facts;
use domain::order::record::OrderRecord;
use domain::patch::PatchId;
use domain::snapshot::Contact;
use jiff::Timestamp;

/// When the clock of a delay began for a patch: with the fix that it carries, on any device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixClock {
    /// The earliest release of any patch with the same fix; without one, when the fix was first seen
    /// on any device.
    pub began_at: Timestamp,
    /// Whether that is a release.
    pub released: bool,
}

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
    /// The clocks of its patches. A patch without one counts from when the device was first seen
    /// with it.
    pub clocks: BTreeMap<PatchId, FixClock>,
    /// The highest order sequence that the server gave or the agent said it has seen.
    pub sequence: u64,
}
