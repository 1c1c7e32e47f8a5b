//! Patches that were findings before and are not offered any more, and code that runs although it
//! was replaced.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::{Finding, FindingPackage, FindingState, PatchFacts};
use domain::name::PackageName;
use domain::offer::RebootNeed;
use domain::package::Package;
use domain::patch::PatchId;
use domain::severity::Classification;

use super::{AssessInput, Installed, ListState, source_of};

/// Carries on every previous finding that is not in `found`.
pub(super) fn add(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    lists: &ListState,
    found: &mut BTreeMap<PatchId, Finding>,
) {
    let offered: Vec<PatchId> = found.keys().cloned().collect();
    for dated in input.previous {
        let before = &dated.finding;
        if found.contains_key(&before.patch) {
            continue;
        }
        let (state, why) = stands(device, lists, &offered, before);
        let mut packages = before.packages.clone();
        for package in &mut packages {
            package.candidate = None;
            package.installed = device
                .get(&package.name, &package.architecture)
                .map(|installed| installed.version.clone());
        }
        let finding = Finding {
            packages,
            state,
            why,
            needs: Vec::new(),
            refused: None,
            ..before.clone()
        };
        found.insert(before.patch.clone(), finding);
    }
}

fn stands(
    device: &Installed<'_>,
    lists: &ListState,
    offered: &[PatchId],
    before: &Finding,
) -> (FindingState, String) {
    use FindingState as S;
    let there: Vec<&Package> = before
        .packages
        .iter()
        .filter_map(|package| device.get(&package.name, &package.architecture))
        .collect();
    if there.is_empty() {
        return match before.packages.len() {
            0 => (before.state, before.why.clone()),
            _ => (S::NotAffected, "its packages are not installed".into()),
        };
    }
    let PatchId::Source {
        source, version, ..
    } = &before.patch
    else {
        return (before.state, before.why.clone());
    };
    let unfinished: Vec<&str> = there
        .iter()
        .filter(|package| package.state.is_unfinished())
        .map(|package| package.name.as_str())
        .collect();
    let reached = |package: &&&Package| {
        let own = source_of(package);
        // A package that moved to another source is not what the patch was for any more.
        own.name != *source || device.reaches(&own.version, version) == Some(true)
    };
    if there.iter().filter(reached).count() == there.len() {
        if !unfinished.is_empty() {
            let why = format!("not configured to the end: {}", unfinished.join(", "));
            return (S::Unknown, why);
        }
        let exactly = there
            .iter()
            .any(|package| source_of(package).version == *version);
        return match exactly {
            true => (S::Fixed, format!("{version} is installed")),
            false => {
                let later = source_of(there[0]).version;
                (S::Fixed, format!("a later version, {later}, is installed"))
            }
        };
    }
    let successor = offered
        .iter()
        .find(|patch| matches!(patch, PatchId::Source { source: other, .. } if other == source));
    match (lists, successor) {
        (ListState::Absent | ListState::Failed(_), _) => (S::Unknown, lists.why().to_owned()),
        (ListState::Usable, Some(patch)) => (S::NotAffected, format!("superseded by {patch}")),
        (ListState::Usable, None) => (
            S::NoFix,
            "the device's sources do not carry this version any more".into(),
        ),
    }
}

/// Why a package's old code still runs, by package.
fn old_code(input: &AssessInput<'_>) -> BTreeMap<PackageName, BTreeSet<String>> {
    let mut by_package: BTreeMap<PackageName, BTreeSet<String>> = BTreeMap::new();
    for running in input.facts.old_code.iter().flatten() {
        let who = match &running.service {
            Some(service) => format!("{service} still runs the old code"),
            None => format!("{} still runs the old code", running.program),
        };
        for package in &running.packages {
            by_package
                .entry(package.clone())
                .or_default()
                .insert(who.clone());
        }
    }
    if let RebootNeed::Yes { reasons, packages } = &input.facts.reboot {
        let why = match reasons.first() {
            Some(reason) => format!("a reboot is due: {reason}"),
            None => "a reboot is due".to_owned(),
        };
        for package in packages {
            by_package
                .entry(package.clone())
                .or_default()
                .insert(why.clone());
        }
    }
    by_package
}

/// Marks what is fixed on disk while its old code runs; also for a package that somebody else
/// changed, as a finding of the source version that is installed.
pub(super) fn mark_old_code(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    found: &mut BTreeMap<PatchId, Finding>,
) {
    let mut whys: BTreeMap<PatchId, (BTreeSet<String>, BTreeSet<FindingPackage>)> = BTreeMap::new();
    let mut of: BTreeMap<PatchId, &Package> = BTreeMap::new();
    for (name, reasons) in old_code(input) {
        for package in device.by_name.get(&name).into_iter().flatten() {
            let patch = device.patch(&source_of(package));
            let entry = whys.entry(patch.clone()).or_default();
            entry.0.extend(reasons.iter().cloned());
            entry.1.insert(FindingPackage {
                name: package.name.clone(),
                architecture: package.architecture.clone(),
                installed: Some(package.version.clone()),
                candidate: None,
            });
            of.entry(patch).or_insert(package);
        }
    }
    for (patch, (reasons, packages)) in whys {
        let why = reasons.into_iter().collect::<Vec<_>>().join("; ");
        match found.get_mut(&patch) {
            Some(finding) => match finding.state {
                FindingState::Fixed | FindingState::NotAffected | FindingState::OldCodeRunning => {
                    finding.state = FindingState::OldCodeRunning;
                    finding.why = why;
                }
                // Not all of it is on disk yet; that says more than the running code.
                FindingState::Missing | FindingState::NoFix | FindingState::Unknown => {}
            },
            None => {
                let finding = changed_by_others(of[&patch], &patch, packages, why);
                found.insert(patch, finding);
            }
        }
    }
}

fn changed_by_others(
    package: &Package,
    patch: &PatchId,
    packages: BTreeSet<FindingPackage>,
    why: String,
) -> Finding {
    let security = package
        .origin
        .as_ref()
        .is_some_and(|origin| origin.to_ascii_lowercase().contains("security"));
    Finding {
        patch: patch.clone(),
        packages: packages.into_iter().collect(),
        state: FindingState::OldCodeRunning,
        why,
        facts: PatchFacts::default(),
        classification: if security {
            Classification::Security
        } else {
            Classification::Hotfix
        },
        origin: None,
        needs: Vec::new(),
        refused: None,
    }
}
