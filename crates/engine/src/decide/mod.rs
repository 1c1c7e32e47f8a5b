//! The evaluator: may this patch be installed on this device now, later or never, and which gate
//! says so.
//!
//! ```text
//! DeviceView + DatedFinding ─ Evaluator ────┐
//!                                           ├─ pair: five gates as data ─ gates, words: sentences
//! Snapshot ─ SnapshotWorld, fleet ──────────┘    covered: what covers it; timetable: when it opens
//! ```
//!
//! Ten gates are asked in their order, and all that can be asked are, so that a person sees what
//! comes after the first closed one. `now`: all are open. `later`: every closed gate opens by
//! itself at a known time (that the device is off until then does not count). `never`: somebody
//! has to do something, and the sentence says who.
//!
//! A ring is reached when time has passed; that a ring before it went well is not asked yet. Reboot
//! rules are resolved for a device and shown; the agent has no verb for a reboot yet.

mod covered;
mod device;
mod effective;
mod evaluator;
mod fleet;
mod gates;
mod groups;
mod pair;
mod preview;
mod reboot;
mod snapshot;
mod snapshot_subject;
mod states;
mod studies;
mod timetable;
mod words;

use domain::finding::DatedFinding;
use domain::patch::PatchId;
use domain::policy::Policy;
use domain::verdict::{Answer, GateName, Verdict};
use jiff::Timestamp;

use crate::view::DeviceView;

#[cfg(test)]
pub(crate) use covered::matches_grouped;
pub(crate) use covered::{group_order as group_rounds, has_unreadable_group};
pub use effective::{Covers, Effective, InRing, RebootLoser};
pub use evaluator::Evaluator;
pub use fleet::Fleet;
pub use groups::GroupLookup;
pub use preview::{DecisionPreview, Rival, preview};
pub use reboot::Reboot;
pub use snapshot::{SnapshotEvaluator, SnapshotWorld};
pub use snapshot_subject::{SnapshotDeviceSubject, SnapshotPatchSubject};
pub use studies::{AnswerDue, HeldForStudy, Studies, answered_by};
pub use timetable::YEARS_MAX;
pub use words::when;

/// How old a device's last report may be, in days.
pub const REPORT_FRESH_DAYS: i64 = 7;
/// How long ago a device may have spoken with the server to count as reachable, in seconds.
pub const REACHABLE_SECONDS: i64 = domain::order::CONTACT_WITHIN_SECONDS_DEFAULT as i64;

/// A verdict without its sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// In one word.
    pub answer: Answer,
    /// When, for `later`; the present for `now`.
    pub at: Option<Timestamp>,
    /// The first closed gate.
    pub gate: Option<GateName>,
}

impl Outcome {
    /// Of a verdict with its sentences.
    pub fn of(verdict: &Verdict) -> Self {
        Self {
            answer: verdict.verdict,
            at: verdict.at,
            gate: verdict.gate,
        }
    }
}

/// Whether what the device last reported is believed: the gate `known`, as far as it depends on the
/// device alone.
pub fn report_is_believed(view: &DeviceView, now: Timestamp) -> bool {
    device::known(view, now).open == Some(true)
}

/// Asks all ten gates for one patch on one device. Patches in the finding's `needs` are looked up
/// in `view.findings`.
pub fn evaluate(
    view: &DeviceView,
    finding: &DatedFinding,
    policy: &Policy,
    now: Timestamp,
) -> Verdict {
    Evaluator::new(view, policy, now).verdict(finding)
}

/// The verdict for a patch that no finding of the device names.
pub fn evaluate_absent(
    view: &DeviceView,
    patch: &PatchId,
    policy: &Policy,
    now: Timestamp,
) -> Verdict {
    Evaluator::new(view, policy, now).absent(patch)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
