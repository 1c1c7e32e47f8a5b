//! What the package manager offers and withholds, as findings.

use std::collections::BTreeMap;

use domain::changelog::ChangelogWanted;
use domain::finding::{Finding, FindingPackage, FindingState};
use domain::name::Version;
use domain::offer::{NeedsOutcome, Offer, Origin, Publisher, Unknown, Withheld, WithheldReason};
use domain::package::SourcePackage;
use domain::patch::PatchId;
use domain::severity::Classification;

use super::advised::Advised;
use super::{AssessInput, Installed, rating, source_of};

pub(super) struct Offered {
    pub(super) findings: Vec<Finding>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) changelogs_wanted: Vec<ChangelogWanted>,
}

/// What one source version has on this device.
#[derive(Default)]
struct Group<'a> {
    offers: Vec<&'a Offer>,
    withheld: Vec<&'a Withheld>,
}

pub(super) fn findings(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    advised: &Advised<'_>,
) -> Offered {
    let mut groups: BTreeMap<&SourcePackage, Group<'_>> = BTreeMap::new();
    for offer in &input.facts.offers.offers {
        groups.entry(&offer.source).or_default().offers.push(offer);
    }
    for withheld in &input.facts.offers.withheld {
        let group = groups.entry(&withheld.source).or_default();
        group.withheld.push(withheld);
    }
    let (mut findings, mut unknown, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for (source, group) in &groups {
        let Some((finding, open_question)) = finding(input, device, advised, source, group) else {
            continue;
        };
        if let Some(why) = open_question {
            unknown.push(Unknown {
                what: format!("severity and CVEs of {}", finding.patch),
                why,
                since: None,
            });
        }
        // Also where advisories speak: a changelog may name more.
        if !input.changelogs.contains_key(*source)
            && let Some(one) = wanted_for(device, source, group)
        {
            let security = finding.origin.as_ref().is_some_and(|o| o.security);
            let withheld = group.offers.is_empty();
            wanted.push((!security, withheld, finding.patch.clone(), one));
        }
        findings.push(finding);
    }
    wanted.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    Offered {
        findings,
        unknown,
        changelogs_wanted: wanted.into_iter().map(|(.., one)| one).collect(),
    }
}

fn finding(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    advised: &Advised<'_>,
    source: &SourcePackage,
    group: &Group<'_>,
) -> Option<(Finding, Option<String>)> {
    let origin = group.origin()?;
    let installed = installed_source(device, group);
    let (facts, open_question) = rating::facts(
        input.changelogs.get(source),
        device.ecosystem,
        installed.as_ref(),
        &source.version,
        origin,
        input.catalogues,
        &advised.reached_by(device, source),
    );
    let (needs, refused) = needs(input, device, source);
    let missing = !group.offers.is_empty();
    let finding = Finding {
        patch: device.patch(source),
        packages: group.packages(),
        state: if missing {
            FindingState::Missing
        } else {
            FindingState::NoFix
        },
        why: group.why(),
        facts,
        classification: classification(origin),
        origin: Some(origin.clone()),
        needs,
        refused: refused.filter(|_| missing),
    };
    Some((finding, open_question))
}

impl Group<'_> {
    /// An archive for security goes before others that carry the same version.
    fn origin(&self) -> Option<&Origin> {
        let offered = self.offers.iter().map(|offer| &offer.origin);
        let withheld = self.withheld.iter().map(|withheld| &withheld.origin);
        offered.chain(withheld).max_by_key(|origin| origin.security)
    }

    /// What would be installed where something would; else what is withheld. The two are never
    /// listed together, because packages of a missing patch are those that would be installed.
    fn packages(&self) -> Vec<FindingPackage> {
        let mut packages: Vec<FindingPackage> = if self.offers.is_empty() {
            let package = |withheld: &&Withheld| FindingPackage {
                name: withheld.name.clone(),
                architecture: withheld.architecture.clone(),
                installed: Some(withheld.installed.clone()),
                candidate: None,
            };
            self.withheld.iter().map(package).collect()
        } else {
            let package = |offer: &&Offer| FindingPackage {
                name: offer.name.clone(),
                architecture: offer.architecture.clone(),
                installed: offer.installed.clone(),
                candidate: Some(offer.candidate.clone()),
            };
            self.offers.iter().map(package).collect()
        };
        packages.sort();
        packages.dedup();
        packages
    }

    fn why(&self) -> String {
        let mut parts = Vec::new();
        if let Some(offer) = self.offers.first() {
            parts.push(format!(
                "{}:{} offers {}",
                offer.origin.label, offer.origin.codename, offer.candidate
            ));
        }
        for (reason, words) in [
            (WithheldReason::Held, "held on the device"),
            (
                WithheldReason::KeptBack,
                "kept back by the package manager, because installing it would change more",
            ),
        ] {
            let mut names: Vec<&str> = self
                .withheld
                .iter()
                .filter(|withheld| withheld.reason == reason)
                .map(|withheld| withheld.name.as_str())
                .collect();
            names.sort_unstable();
            names.dedup();
            if !names.is_empty() {
                parts.push(format!("{words}: {}", names.join(", ")));
            }
        }
        parts.join("; ")
    }
}

/// The oldest source version that is installed of the group's packages.
fn installed_source(device: &Installed<'_>, group: &Group<'_>) -> Option<Version> {
    let offered = group.offers.iter().map(|o| (&o.name, &o.architecture));
    let withheld = group.withheld.iter().map(|w| (&w.name, &w.architecture));
    offered
        .chain(withheld)
        .filter_map(|(name, architecture)| device.get(name, architecture))
        .map(|package| source_of(package).version)
        .reduce(|oldest, next| {
            if device.reaches(&next, &oldest) == Some(false) {
                next
            } else {
                oldest
            }
        })
}

fn needs(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    source: &SourcePackage,
) -> (Vec<PatchId>, Option<String>) {
    let outcome = input
        .facts
        .offers
        .needs
        .iter()
        .find(|needs| needs.source == *source)
        .map(|needs| &needs.outcome);
    match outcome {
        None => (Vec::new(), None),
        Some(NeedsOutcome::Refused { reason }) => (Vec::new(), Some(reason.clone())),
        Some(NeedsOutcome::With { sources }) => {
            let others = sources.iter().filter(|other| *other != source);
            let mut patches: Vec<PatchId> = others.map(|other| device.patch(other)).collect();
            patches.sort();
            patches.dedup();
            (patches, None)
        }
    }
}

fn classification(origin: &Origin) -> Classification {
    match (origin.security, origin.publisher) {
        (true, Publisher::System | Publisher::ThirdParty) => Classification::Security,
        (false, Publisher::ThirdParty) => Classification::ThirdParty,
        (false, Publisher::System) if origin.codename.ends_with("-backports") => {
            Classification::Feature
        }
        (false, Publisher::System) => Classification::Hotfix,
    }
}

/// The smallest package of the source that is offered: the changelog is the same in each.
fn wanted_for(
    device: &Installed<'_>,
    source: &SourcePackage,
    group: &Group<'_>,
) -> Option<ChangelogWanted> {
    let installed = installed_source(device, group);
    let offered = group.offers.iter().map(|offer| {
        let size = offer.size_bytes.unwrap_or(u64::MAX);
        (size, &offer.name, &offer.architecture, &offer.candidate)
    });
    let withheld = group
        .withheld
        .iter()
        .map(|w| (u64::MAX, &w.name, &w.architecture, &w.candidate));
    let (_, package, architecture, candidate) = offered.chain(withheld).min()?;
    Some(ChangelogWanted {
        source: source.name.clone(),
        version: source.version.clone(),
        package: package.clone(),
        architecture: architecture.clone(),
        candidate: candidate.clone(),
        installed,
    })
}
