//! Patches: what is missing somewhere, and on how many devices.

use domain::access::Principal;
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::severity::{Classification, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// A patch as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PatchItem {
    /// Its id.
    #[schema(value_type = String)]
    pub patch: PatchId,
    /// How severe it is; `None`: not looked up.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// What kind of patch it is.
    #[schema(value_type = String)]
    pub classification: Classification,
    /// Its CVEs; `None`: not looked up.
    pub cves: Option<Vec<String>>,
    /// On how many devices it is missing.
    pub devices: u32,
    /// Whether one of the CVEs is known to be exploited; `None`: not known.
    pub kev: Option<bool>,
    /// The highest probability of exploitation, 0 to 1; `None`: not known.
    pub epss: Option<f64>,
}

impl Service {
    /// Lists patches with a finding that matches `q`; without `q`, those that are missing somewhere.
    pub fn patch_list(&self, who: &Principal, q: Option<&str>, page: &PageRequest) -> Result<Page<PatchItem>> {
        todo!()
    }
}
