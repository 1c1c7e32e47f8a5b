//! Findings: where each device stands with each patch.

use domain::access::Principal;
use domain::finding::FindingState;
use domain::id::DeviceId;
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::severity::{Classification, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// One package of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingPackageItem {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// What is installed; `None` when it would be new.
    pub installed: Option<String>,
    /// What would be installed; `None` unless the state is `missing`.
    pub candidate: Option<String>,
}

/// A finding as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingItem {
    /// The device's name.
    pub device: String,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// The client's name.
    pub client: String,
    /// The patch.
    #[schema(value_type = String)]
    pub patch: PatchId,
    /// The packages it touches on this device.
    pub packages: Vec<FindingPackageItem>,
    /// How severe it is; `None`: not looked up.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// Whether the severity was derived from a changelog's urgency.
    pub derived: bool,
    /// Its CVEs; `None`: not looked up.
    pub cves: Option<Vec<String>>,
    /// Whether one of them is known to be exploited; `None`: not known.
    pub kev: Option<bool>,
    /// The highest probability of exploitation, 0 to 1; `None`: not known.
    pub epss: Option<f64>,
    /// What kind of patch it is.
    #[schema(value_type = String)]
    pub classification: Classification,
    /// `label:codename` of where the fix comes from.
    pub origin: Option<String>,
    /// Other patches without which it cannot be installed.
    #[schema(value_type = Vec<String>)]
    pub needs: Vec<PatchId>,
    /// Where the device stands.
    #[schema(value_type = String)]
    pub state: FindingState,
    /// Why, in one sentence.
    pub why: String,
    /// When the patch was first seen on this device.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen: Timestamp,
    /// Since when this state holds.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl Service {
    /// Lists findings that match `q`, as they are now or were `at`.
    pub fn finding_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        at: Option<Timestamp>,
        page: &PageRequest,
    ) -> Result<Page<FindingItem>> {
        todo!()
    }
}
