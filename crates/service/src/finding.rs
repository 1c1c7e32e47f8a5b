//! Findings: where each device stands with each patch.

use domain::access::{self, Permission, Principal};
use domain::device::Device;
use domain::finding::{DatedFinding, FindingState};
use domain::id::DeviceId;
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::query::SubjectKind;
use domain::severity::{Classification, Severity, SeveritySource};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scan::{Walk, past};
use crate::{Result, Service, query};

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

/// Millionths as a share of one.
pub(crate) fn share(millionths: u32) -> f64 {
    f64::from(millionths) / 1_000_000.0
}

/// A finding as lists show it.
pub(crate) fn item(device: &Device, dated: &DatedFinding) -> FindingItem {
    let finding = &dated.finding;
    FindingItem {
        device: device.name.to_string(),
        device_id: device.id,
        client: device.client_name.to_string(),
        patch: finding.patch.clone(),
        packages: finding
            .packages
            .iter()
            .map(|package| FindingPackageItem {
                name: package.name.to_string(),
                architecture: package.architecture.to_string(),
                installed: package.installed.as_ref().map(ToString::to_string),
                candidate: package.candidate.as_ref().map(ToString::to_string),
            })
            .collect(),
        severity: finding.facts.severity,
        derived: finding.facts.severity_source == Some(SeveritySource::Derived),
        cves: finding.facts.cves.clone(),
        kev: finding.facts.kev,
        epss: finding.facts.epss_millionths.map(share),
        classification: finding.classification,
        origin: finding
            .origin
            .as_ref()
            .map(|origin| format!("{}:{}", origin.label, origin.codename)),
        needs: finding.needs.clone(),
        state: finding.state,
        why: finding.why.clone(),
        first_seen: dated.first_seen,
        since: dated.since,
    }
}

impl Service {
    /// Lists findings that match `q`, as they are now or were `at`, by device and patch.
    pub fn finding_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        at: Option<Timestamp>,
        page: &PageRequest,
    ) -> Result<Page<FindingItem>> {
        let walk = Walk {
            scope: access::check(who, Permission::Read)?,
            query: query::parse("q", q, SubjectKind::Finding)?,
            at: past(at, self.now())?,
            now: self.now(),
        };
        let page = page.clone();
        self.read(move |tx| {
            let found = walk.findings(tx, &page)?;
            Ok(Page {
                items: found
                    .items
                    .iter()
                    .map(|(device, dated)| item(device, dated))
                    .collect(),
                next: found.next,
            })
        })
    }
}
