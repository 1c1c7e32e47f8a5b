//! Evidence: what each finding of a device rests on, looked up when somebody asks.

use std::collections::BTreeMap;

use domain::access::{self, Permission, Principal};
use domain::feed::Feed;
use domain::finding::{Finding, FindingState};
use domain::id::DeviceId;
use domain::patch::PatchId;
use domain::severity::{Severity, SeveritySource};
use engine::assess::{self as judged, AssessInput, Evidence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::assess::{self, Material};
use crate::feed::shelf::hex;
use crate::finding::{FindingItem, item};
use crate::{Result, Service, ServiceError, naming};

/// Most judgements without a patch that are told.
const JUDGEMENTS_TOLD_MAX: usize = 1000;

/// One thing that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceItem {
    /// Whose word.
    #[schema(value_type = String)]
    pub feed: Feed,
    /// The advisory's own id, or the version of the changelog's entry.
    pub says: String,
    /// The package that was judged.
    pub package: String,
    /// What is installed.
    pub installed: Option<String>,
    /// The first version with the fix.
    pub fixed: Option<String>,
    /// The rule that decided, in one sentence.
    pub rule: String,
    /// The CVEs it names.
    pub cves: Vec<String>,
    /// How severe it calls it.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// Whether the severity was derived and is not the vendor's own word.
    pub derived: bool,
    /// The document, by the id that it gives itself.
    pub document: String,
    /// When it was made, as it says itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub dated: Option<Timestamp>,
    /// When it was fetched or read; null: it lies in a folder.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fetched_at: Option<Timestamp>,
    /// SHA-256 of its bytes in hexadecimal digits; null: a changelog, of which entries are kept.
    pub sha256: Option<String>,
}

/// What one finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingEvidence {
    /// The patch.
    #[schema(value_type = String)]
    pub patch: PatchId,
    /// Where the device stands.
    #[schema(value_type = String)]
    pub state: FindingState,
    /// Why, in one sentence.
    pub why: String,
    /// What says so: advisories, then entries of the changelog.
    pub evidence: Vec<EvidenceItem>,
    /// Why severity and CVEs are not known; null: they are.
    pub unknown: Option<String>,
}

/// What the findings of a device rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceEvidence {
    /// By patch.
    pub findings: Vec<FindingEvidence>,
    /// Installed packages that are affected and for which the vendor names no fixed version: there
    /// is no patch to approve.
    pub no_fix: Vec<EvidenceItem>,
    /// Whether advisories for the device's system are at hand.
    pub advisories: bool,
}

/// A missing patch, in the order in which to fix them.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskItem {
    /// The finding.
    pub finding: FindingItem,
    /// Why it stands where it stands, in one sentence.
    pub risk: String,
}

fn evidence_item(one: Evidence) -> EvidenceItem {
    EvidenceItem {
        feed: one.feed,
        says: one.says,
        package: one.package,
        installed: one.installed,
        fixed: one.fixed,
        rule: one.rule,
        cves: one.cves,
        severity: one.severity,
        derived: one.severity_source == Some(SeveritySource::Derived),
        document: one.document,
        dated: one.dated,
        fetched_at: one.fetched_at,
        sha256: one
            .sha256
            .map(|bytes| hex(&domain::inventory::Digest::from_bytes(bytes))),
    }
}

impl Service {
    /// What the findings of a device rest on; of one patch only, where one is named by its id or its
    /// product.
    pub fn device_evidence(
        &self,
        who: &Principal,
        device: &str,
        patch: Option<&str>,
    ) -> Result<DeviceEvidence> {
        let (_, material) = self.material_of(who, device)?;
        let Some(material) = material else {
            return Ok(DeviceEvidence {
                findings: Vec::new(),
                no_fix: Vec::new(),
                advisories: false,
            });
        };
        let now = self.now();
        let force = self.feeds.in_force();
        let judgements = force.judgements(&material.inventory, &material.facts, now);
        let assessment = self.assessed(&material, now);
        let wanted: Vec<Finding> = material
            .previous
            .iter()
            .map(|dated| dated.finding.clone())
            .filter(|finding| {
                patch.is_none_or(|patch| {
                    finding.patch.to_string() == patch || finding.patch.product() == patch
                })
            })
            .collect();
        if let (Some(patch), true) = (patch, wanted.is_empty()) {
            return Err(ServiceError::NotFound {
                what: "patch",
                name: patch.chars().take(200).collect(),
            });
        }
        let input = AssessInput {
            inventory: &material.inventory,
            facts: &material.facts,
            changelogs: &material.changelogs,
            catalogues: &force.definitions.catalogues,
            judgements: &judgements,
            previous: &material.previous,
            now,
        };
        let documents = &force.definitions.documents;
        let mut found: BTreeMap<PatchId, Vec<Evidence>> =
            judged::evidence(&input, documents, &wanted)
                .into_iter()
                .collect();
        let findings = wanted
            .into_iter()
            .map(|finding| {
                let about = format!("severity and CVEs of {}", finding.patch);
                let unknown = assessment.unknown.iter().find(|one| one.what == about);
                FindingEvidence {
                    evidence: found
                        .remove(&finding.patch)
                        .unwrap_or_default()
                        .into_iter()
                        .map(evidence_item)
                        .collect(),
                    unknown: unknown
                        .map(|one| one.why.clone())
                        .filter(|_| finding.facts.cves.is_none()),
                    patch: finding.patch,
                    state: finding.state,
                    why: finding.why,
                }
            })
            .collect();
        let no_fix = judgements
            .iter()
            .filter(|one| one.state == FindingState::NoFix && patch.is_none())
            .filter_map(|one| judged::of_judgement(one, documents))
            .take(JUDGEMENTS_TOLD_MAX)
            .map(evidence_item)
            .collect();
        Ok(DeviceEvidence {
            findings,
            no_fix,
            advisories: judgements.iter().any(|one| one.advisory.is_some()),
        })
    }

    /// The missing patches of a device in the order in which to fix them, each with the reason.
    pub fn findings_by_risk(&self, who: &Principal, device: &str) -> Result<Vec<RiskItem>> {
        let (device, material) = self.material_of(who, device)?;
        let Some(material) = material else {
            return Ok(Vec::new());
        };
        let findings: Vec<Finding> = material
            .previous
            .iter()
            .map(|dated| dated.finding.clone())
            .collect();
        Ok(judged::by_risk(&findings)
            .into_iter()
            .filter_map(|(finding, risk)| {
                let dated = material
                    .previous
                    .iter()
                    .find(|dated| dated.finding.patch == finding.patch)?;
                Some(RiskItem {
                    finding: item(&device, dated),
                    risk,
                })
            })
            .collect())
    }

    fn material_of(
        &self,
        who: &Principal,
        device: &str,
    ) -> Result<(domain::device::Device, Option<Material>)> {
        let scope = access::check(who, Permission::Read)?;
        let name = device.to_owned();
        self.read(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            let id: DeviceId = device.id;
            let material = assess::material(tx, &scope, id)?;
            Ok((device, material))
        })
    }
}
