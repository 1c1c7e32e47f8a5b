//! Inventory and facts of one device → where it stands with each patch.
//!
//! A patch is a source version in the device's release. What the package manager offers is `missing`;
//! what it withholds is `no-fix`; what was there before is carried on:
//!
//! | before, not offered any more | now |
//! | --- | --- |
//! | all its packages are installed from this source version or a later one | `fixed`, or `old-code-running` |
//! | its packages are gone | `not-affected` |
//! | an older version is installed and a newer patch of the source is offered | `not-affected`: superseded by that patch |
//! | an older version is installed and nothing is offered | `no-fix` |
//! | an older version is installed and the lists are absent | `unknown` |
//!
//! What advisories say is joined in [`advised`]: CVEs and severities of offered patches, and patches
//! whose fix the device's sources do not carry.
//!
//! Classification: an archive for security is `security`; a publisher other than the system's is
//! `third-party`; an archive whose codename ends in `-backports` is `feature`; everything else is
//! `hotfix`, single packages of a point release too, because `service-pack` is the point release as
//! a whole. Severity: see [`rating`].

mod advised;
mod carried;
mod evidence;
pub mod fleet;
pub mod judge;
mod offered;
pub mod rating;
mod risk;
pub mod windows;

use std::collections::{BTreeMap, BTreeSet};

use domain::changelog::{ChangelogFacts, ChangelogWanted};
use domain::cve::Catalogues;
use domain::finding::{DatedFinding, Finding, FindingState, FindingTransition};
use domain::inventory::Inventory;
use domain::judgement::Judgement;
use domain::name::{Architecture, PackageName, Release, Version};
use domain::offer::{Facts, Lists, RebootNeed, Unknown};
use domain::package::{Ecosystem, Package, PackageState, SourcePackage};
use domain::patch::PatchId;
use jiff::{SignedDuration, Timestamp};
use versions::Scheme;

pub use evidence::{Evidence, evidence, of_judgement};
pub use risk::by_risk;

/// How old package lists may be before what they say is called out of date, in days.
pub const LISTS_FRESH_DAYS: i64 = 7;

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
    /// What advisories say of the installed packages; empty: none is at hand.
    pub judgements: &'a [Judgement],
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
pub fn findings(input: AssessInput<'_>) -> Assessment {
    let device = Installed::of(&input);
    let lists = ListState::of(input.facts);
    let mut unknown = lists_unknown(input.facts, &lists, input.now);
    let mut found: BTreeMap<PatchId, Finding> = BTreeMap::new();
    let mut changelogs_wanted = Vec::new();
    let advised = advised::Advised::of(&input, &device);
    if lists == ListState::Usable {
        let offered = offered::findings(&input, &device, &advised);
        unknown.extend(offered.unknown);
        changelogs_wanted = offered.changelogs_wanted;
        found.extend(offered.findings.into_iter().map(|f| (f.patch.clone(), f)));
    }
    advised::add_not_carried(&input, &device, &lists, &advised, &mut found);
    carried::add(&input, &device, &lists, &mut found);
    carried::mark_old_code(&input, &device, &mut found);
    unknown.extend(facts_unknown(input.facts));
    let mut seen = BTreeSet::new();
    unknown.retain(|entry| seen.insert((entry.what.clone(), entry.why.clone())));
    let findings: Vec<Finding> = found.into_values().collect();
    let pending = (lists == ListState::Usable).then(|| pending(&findings));
    Assessment {
        findings,
        unknown,
        packages: u32::try_from(input.inventory.installed_count())
            .expect("an inventory is bounded far below"),
        pending,
        changelogs_wanted,
    }
}

fn pending(findings: &[Finding]) -> u32 {
    let packages: BTreeSet<(&PackageName, &Architecture)> = findings
        .iter()
        .filter(|finding| finding.state == FindingState::Missing)
        .flat_map(|finding| &finding.packages)
        .map(|package| (&package.name, &package.architecture))
        .collect();
    u32::try_from(packages.len()).expect("an inventory is bounded far below")
}

/// Whether what is offered can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ListState {
    Usable,
    Absent,
    Failed(String),
}

impl ListState {
    fn of(facts: &Facts) -> Self {
        match (&facts.offers.lists, &facts.offers.failed) {
            (Lists::Absent, _) => Self::Absent,
            (Lists::Present { .. }, Some(reason)) => Self::Failed(reason.clone()),
            (Lists::Present { .. }, None) => Self::Usable,
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::Usable => "the package lists are there",
            Self::Absent => "there are no package lists on the device",
            Self::Failed(reason) => reason,
        }
    }
}

fn lists_unknown(facts: &Facts, state: &ListState, now: Timestamp) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    let mut say = |what: &str, why: String, since| {
        unknown.push(Unknown {
            what: what.into(),
            why,
            since,
        });
    };
    if *state != ListState::Usable {
        say("pending patches", state.why().to_owned(), None);
    }
    if let Lists::Present { fetched_at, failed } = &facts.offers.lists {
        if now.duration_since(*fetched_at) > SignedDuration::from_hours(24 * LISTS_FRESH_DAYS) {
            say(
                "patches released lately",
                format!("the package lists are older than {LISTS_FRESH_DAYS} days"),
                Some(*fetched_at),
            );
        }
        for source in failed {
            say("patches of one source", source.clone(), Some(*fetched_at));
        }
    }
    unknown
}

fn facts_unknown(facts: &Facts) -> Vec<Unknown> {
    let mut unknown = facts.unknown.clone();
    if facts.old_code.is_none() && !unknown.iter().any(|entry| entry.what.contains("old code")) {
        unknown.push(Unknown {
            what: "processes that run old code".into(),
            why: "the device could not look at all processes".into(),
            since: None,
        });
    }
    if let RebootNeed::Unknown { reason } = &facts.reboot {
        unknown.push(Unknown {
            what: "whether a reboot is due".into(),
            why: reason.clone(),
            since: None,
        });
    }
    unknown
}

/// What is installed, by name, and the rules of its ecosystem.
struct Installed<'a> {
    by_name: BTreeMap<&'a PackageName, Vec<&'a Package>>,
    ecosystem: Ecosystem,
    release: Release,
}

impl<'a> Installed<'a> {
    fn of(input: &AssessInput<'a>) -> Self {
        let mut by_name: BTreeMap<&PackageName, Vec<&Package>> = BTreeMap::new();
        for package in input.inventory.packages() {
            if package.state != PackageState::ConfigFiles {
                by_name.entry(&package.name).or_default().push(package);
            }
        }
        let system = &input.facts.system;
        let release = system.codename.clone().unwrap_or_else(|| {
            // A system without a codename is named by id and version.
            let text = format!("{}{}", system.id, system.version);
            text.parse()
                .unwrap_or_else(|_| "unknown".parse().expect("a word is a release"))
        });
        Self {
            by_name,
            ecosystem: input
                .inventory
                .packages()
                .next()
                .map_or(Ecosystem::Deb, |package| package.ecosystem),
            release,
        }
    }

    fn get(&self, name: &PackageName, architecture: &Architecture) -> Option<&'a Package> {
        let all = self.by_name.get(name)?;
        all.iter()
            .find(|package| package.architecture == *architecture)
            // A package that became independent of the architecture is still the same.
            .or_else(|| all.first().filter(|_| all.len() == 1))
            .copied()
    }

    fn patch(&self, source: &SourcePackage) -> PatchId {
        PatchId::Source {
            ecosystem: self.ecosystem,
            release: self.release.clone(),
            source: source.name.clone(),
            version: source.version.clone(),
        }
    }

    /// Whether `a` is `b` or later; `None` where the ecosystem's own tool could not say.
    fn reaches(&self, a: &Version, b: &Version) -> Option<bool> {
        versions::order(scheme(self.ecosystem), a.as_str(), b.as_str())
            .ok()
            .map(std::cmp::Ordering::is_ge)
    }
}

/// The source that a package was built from; a package that names none is its own.
fn source_of(package: &Package) -> SourcePackage {
    package.source.clone().unwrap_or_else(|| SourcePackage {
        name: package.name.clone(),
        version: package.version.clone(),
    })
}

/// How versions of an ecosystem are ordered.
pub fn scheme(ecosystem: Ecosystem) -> Scheme {
    ecosystem.scheme()
}

/// What changed from `previous` to `current`; empty when nothing did.
///
/// A finding that `current` does not name any more stays as it was: [`findings`] carries on every
/// previous one, so this happens only when the two are of different devices.
pub fn changes(
    previous: &[DatedFinding],
    current: &[Finding],
    now: Timestamp,
) -> Vec<FindingTransition> {
    let before: BTreeMap<&PatchId, &DatedFinding> = previous
        .iter()
        .map(|dated| (&dated.finding.patch, dated))
        .collect();
    current
        .iter()
        .filter_map(|finding| {
            let old = before.get(&finding.patch);
            if old.is_some_and(|old| old.finding == *finding) {
                return None;
            }
            Some(FindingTransition {
                from: old.map(|old| old.finding.state),
                to: DatedFinding {
                    finding: finding.clone(),
                    first_seen: old.map_or(now, |old| old.first_seen),
                    since: match old {
                        Some(old) if old.finding.state == finding.state => old.since,
                        _ => now,
                    },
                },
            })
        })
        .collect()
}

/// The findings after `transitions`, sorted by patch: what the next assessment takes as previous.
pub fn after_changes(
    previous: &[DatedFinding],
    transitions: &[FindingTransition],
) -> Vec<DatedFinding> {
    let all: BTreeMap<PatchId, DatedFinding> = previous
        .iter()
        .chain(transitions.iter().map(|transition| &transition.to))
        .map(|dated| (dated.finding.patch.clone(), dated.clone()))
        .collect();
    all.into_values().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
