//! Inventory and facts of one device → where it stands with each patch.

use std::collections::BTreeMap;

use domain::changelog::{ChangelogFacts, ChangelogWanted};
use domain::cve::Catalogues;
use domain::finding::{DatedFinding, Finding, FindingTransition};
use domain::inventory::Inventory;
use domain::offer::{Facts, Unknown};
use domain::package::SourcePackage;
use jiff::Timestamp;

/// What an assessment looks at.
#[derive(Debug, Clone, Copy)]
pub struct AssessInput<'a> {
    /// What is installed.
    pub inventory: &'a Inventory,
    /// What else was seen.
    pub facts: &'a Facts,
    /// Changelogs that were read, by the source version they were taken for.
    pub changelogs: &'a BTreeMap<SourcePackage, ChangelogFacts>,
    /// KEV and EPSS.
    pub catalogues: &'a Catalogues,
    /// The findings before.
    pub previous: &'a [DatedFinding],
    /// The present.
    pub now: Timestamp,
}

/// What an assessment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Where the device stands with each patch, sorted by patch.
    pub findings: Vec<Finding>,
    /// What is not known, why and since when.
    pub unknown: Vec<Unknown>,
    /// Packages installed and in order.
    pub packages: u32,
    /// Packages that the package manager would install or upgrade; `None`: not known.
    pub pending: Option<u32>,
    /// Changelogs that would tell more: one a source version, security origins first.
    pub changelogs_wanted: Vec<ChangelogWanted>,
}

/// Assesses one device.
pub fn findings(_input: AssessInput<'_>) -> Assessment {
    panic!("the body comes with the next commit")
}

/// What changed from `previous` to `current`; empty when nothing did.
pub fn changes(
    _previous: &[DatedFinding],
    _current: &[Finding],
    _now: Timestamp,
) -> Vec<FindingTransition> {
    panic!("the body comes with the next commit")
}

/// The findings after `transitions`, sorted by patch: what the next assessment takes as previous.
pub fn after_changes(
    _previous: &[DatedFinding],
    _transitions: &[FindingTransition],
) -> Vec<DatedFinding> {
    panic!("the body comes with the next commit")
}

/// The `missing` findings in the order in which to fix them, each with the reason in one sentence:
/// known exploited first, then the likelier exploited, the more severe, those of security origin.
pub fn by_risk(_findings: &[Finding]) -> Vec<(&Finding, String)> {
    panic!("the body comes with the next commit")
}
