//! The evaluator: may this patch be installed on this device now, later or never, and which gate
//! says so.

use domain::decision::Decision;
use domain::finding::DatedFinding;
use domain::id::DeviceId;
use domain::patch::PatchId;
use domain::verdict::Verdict;
use jiff::Timestamp;

use crate::view::{DeviceView, Rules};

/// How old a device's last report may be, in days.
pub const REPORT_FRESH_DAYS: i64 = 7;

/// Asks all ten gates for one patch on one device. Patches in the finding's `needs` are looked up
/// in `view.findings`.
pub fn evaluate(
    _view: &DeviceView,
    _finding: &DatedFinding,
    _rules: &Rules,
    _now: Timestamp,
) -> Verdict {
    panic!("the body comes with the next commit")
}

/// The verdict for a patch that no finding of the device names.
pub fn evaluate_absent(_view: &DeviceView, _patch: &PatchId, _now: Timestamp) -> Verdict {
    panic!("the body comes with the next commit")
}

/// What a new decision would touch today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPreview {
    /// Missing patches that it covers on at least one device, sorted.
    pub patches: Vec<PatchId>,
    /// Devices on which it covers at least one of them, sorted.
    pub devices: Vec<DeviceId>,
    /// The earliest time at which one of them would be installed; `None` when nothing would.
    pub first_due_at: Option<Timestamp>,
    /// Patches that covered ones need and that nobody approved, sorted.
    pub needed: Vec<PatchId>,
}

/// What `decision` would touch, if it joined `rules` now.
pub fn preview(
    _decision: &Decision,
    _views: &[DeviceView],
    _rules: &Rules,
    _now: Timestamp,
) -> DecisionPreview {
    panic!("the body comes with the next commit")
}
