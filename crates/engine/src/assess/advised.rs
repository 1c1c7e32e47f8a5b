//! What advisories add to patches: CVEs and severity of those that are offered, and patches of which
//! a fix exists that the device's sources do not carry.
//!
//! | judgement of an installed package | comes to |
//! | --- | --- |
//! | `missing`, its fixed version is reached by what is offered or withheld | the patch's facts |
//! | `missing`, nothing that is offered reaches it | a patch of its own, the highest fixed version of the source: `no-fix`, or `unknown` without usable lists |
//! | `no-fix`: the vendor names no fixed version | no patch, because there is nothing to approve; shown as a judgement of the device |
//! | anything else | nothing |
//!
//! Of one source only the highest fixed version becomes a patch: it contains the others. A severity
//! that a vendor gave goes before one that was derived, whatever the two are.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::{Finding, FindingPackage, FindingState};
use domain::judgement::Judgement;
use domain::name::{PackageName, Version};
use domain::package::SourcePackage;
use domain::patch::PatchId;
use domain::severity::Classification;

use super::{AssessInput, Installed, ListState, rating, source_of};

/// The judgements that name a fixed version an installed package does not reach, by source.
pub(super) struct Advised<'a> {
    by_source: BTreeMap<PackageName, Vec<&'a Judgement>>,
}

impl<'a> Advised<'a> {
    pub(super) fn of(input: &AssessInput<'a>, device: &Installed<'_>) -> Self {
        let mut by_source: BTreeMap<PackageName, Vec<&'a Judgement>> = BTreeMap::new();
        for judgement in input.judgements {
            let is_missing = judgement.state == FindingState::Missing && judgement.fixed.is_some();
            if let (true, Some(source)) = (is_missing, source(device, judgement)) {
                by_source.entry(source).or_default().push(judgement);
            }
        }
        Self { by_source }
    }

    /// The judgements whose fix `offered` contains.
    pub(super) fn reached_by(
        &self,
        device: &Installed<'_>,
        offered: &SourcePackage,
    ) -> Vec<&'a Judgement> {
        let all = self.by_source.get(&offered.name).into_iter().flatten();
        all.copied()
            .filter(|judgement| reaches(device, &offered.version, judgement))
            .collect()
    }
}

/// The source of the package that a judgement is about.
fn source(device: &Installed<'_>, judgement: &Judgement) -> Option<PackageName> {
    let name: PackageName = judgement.package.parse().ok()?;
    let all = device.by_name.get(&name)?;
    let same = all.iter().find(|package| {
        let architecture = judgement.architecture.as_ref();
        architecture.is_none_or(|architecture| package.architecture == *architecture)
    });
    same.map(|package| source_of(package).name)
}

fn fixed(judgement: &Judgement) -> Option<Version> {
    judgement.fixed.as_deref()?.parse().ok()
}

fn reaches(device: &Installed<'_>, version: &Version, judgement: &Judgement) -> bool {
    fixed(judgement).is_some_and(|fixed| device.reaches(version, &fixed) == Some(true))
}

/// Adds the patches whose fix the device's sources do not carry.
pub(super) fn add_not_carried(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    lists: &ListState,
    advised: &Advised<'_>,
    found: &mut BTreeMap<PatchId, Finding>,
) {
    for (name, judgements) in &advised.by_source {
        let offered: Vec<Version> = found
            .keys()
            .filter_map(|patch| match patch {
                PatchId::Source {
                    source, version, ..
                } if source == name => Some(version.clone()),
                _ => None,
            })
            .collect();
        let left: Vec<&Judgement> = judgements
            .iter()
            .copied()
            .filter(|judgement| {
                !offered
                    .iter()
                    .any(|version| reaches(device, version, judgement))
            })
            .collect();
        let highest = left.iter().filter_map(|judgement| fixed(judgement));
        let highest = highest.reduce(|high, next| {
            if device.reaches(&next, &high) == Some(true) {
                next
            } else {
                high
            }
        });
        if let Some(version) = highest {
            let source = SourcePackage {
                name: name.clone(),
                version,
            };
            let finding = not_carried(input, device, lists, &source, &left);
            found.insert(finding.patch.clone(), finding);
        }
    }
}

fn not_carried(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    lists: &ListState,
    source: &SourcePackage,
    judgements: &[&Judgement],
) -> Finding {
    let ids: BTreeSet<&str> = judgements
        .iter()
        .filter_map(|judgement| judgement.advisory.as_deref())
        .collect();
    let shown: Vec<&str> = ids.iter().copied().take(3).collect();
    let mut named = shown.join(", ");
    if ids.len() > shown.len() {
        named.push_str(&format!(" and {} more", ids.len() - shown.len()));
    }
    let (state, why) = match lists {
        ListState::Usable => (
            FindingState::NoFix,
            format!(
                "a fix exists in {named} ({}), but this device's sources do not carry it",
                source.version
            ),
        ),
        ListState::Absent | ListState::Failed(_) => (
            FindingState::Unknown,
            format!(
                "a fix exists in {named} ({}); whether this device's sources carry it is not known: {}",
                source.version,
                lists.why()
            ),
        ),
    };
    let packages: BTreeSet<FindingPackage> = judgements
        .iter()
        .filter_map(|judgement| {
            let name: PackageName = judgement.package.parse().ok()?;
            let package = match &judgement.architecture {
                Some(architecture) => device.get(&name, architecture),
                None => device.by_name.get(&name)?.first().copied(),
            }?;
            Some(FindingPackage {
                name,
                architecture: package.architecture.clone(),
                installed: Some(package.version.clone()),
                candidate: None,
            })
        })
        .collect();
    Finding {
        patch: device.patch(source),
        packages: packages.into_iter().collect(),
        state,
        why,
        facts: rating::of_advisories(judgements, input.catalogues),
        classification: Classification::Security,
        origin: None,
        needs: Vec::new(),
        refused: None,
    }
}
