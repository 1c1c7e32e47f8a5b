//! The state of one patch on one device.
//!
//! States are never merged. What was not looked up is `None` with a reason among the unknowns,
//! never an empty list and never `unrated`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Architecture, PackageName, Version};
use crate::offer::Origin;
use crate::package::words;
use crate::patch::PatchId;
use crate::severity::{Classification, Severity, SeveritySource};

/// Where a device stands with a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// A fix can be installed.
    Missing,
    /// Affected, and no fix can be had: none is published, the device's sources do not carry it, or
    /// the device holds it back.
    NoFix,
    /// Fixed on disk, old code still runs.
    OldCodeRunning,
    /// Installed, as a look at the device showed.
    Fixed,
    /// Looked at, and not affected.
    NotAffected,
    /// Cannot be said.
    Unknown,
}

words!(FindingState "finding state" "missing, no-fix, old-code-running, fixed, not-affected, unknown" {
    Missing "missing", NoFix "no-fix", OldCodeRunning "old-code-running", Fixed "fixed",
    NotAffected "not-affected", Unknown "unknown",
});

/// One package of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingPackage {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What is installed; `None` when it would be new.
    pub installed: Option<Version>,
    /// What would be installed; `None` unless the state is `missing`.
    pub candidate: Option<Version>,
}

/// What is known of a patch wherever it is met: severity, CVEs, and whether they are exploited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchFacts {
    /// `None`: not looked up.
    pub severity: Option<Severity>,
    /// Where the severity comes from.
    pub severity_source: Option<SeveritySource>,
    /// `None`: not looked up.
    pub cves: Option<Vec<String>>,
    /// Whether one of the CVEs is known to be exploited; `None`: no catalogue at hand or no CVEs.
    pub kev: Option<bool>,
    /// The highest probability of exploitation of its CVEs in millionths; `None`: not known.
    pub epss_millionths: Option<u32>,
    /// When the vendor released this patch; `None`: no document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

/// The state of one patch on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The patch.
    pub patch: PatchId,
    /// The packages it touches on this device, sorted.
    pub packages: Vec<FindingPackage>,
    /// Where the device stands.
    pub state: FindingState,
    /// Why it stands so, in one sentence.
    pub why: String,
    /// What is known of the patch.
    pub facts: PatchFacts,
    /// What kind of patch it is.
    pub classification: Classification,
    /// Where the fix comes from.
    pub origin: Option<Origin>,
    /// Other patches without which this one cannot be installed.
    pub needs: Vec<PatchId>,
    /// Why the package manager refuses to install it alone or at all.
    pub refused: Option<String>,
}

/// A finding with its place in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedFinding {
    /// The finding.
    pub finding: Finding,
    /// When the patch was first seen on this device.
    pub first_seen: Timestamp,
    /// Since when this state holds.
    pub since: Timestamp,
}

/// A finding that is new or stands otherwise than before. What did not change has no transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingTransition {
    /// The state before; `None`: the finding is new.
    pub from: Option<FindingState>,
    /// The finding as it stands from now on, with its times: `since` is the present where the state
    /// changed, and stays where only words or facts did.
    pub to: DatedFinding,
}
