//! Severity and CVEs from a changelog, and what the catalogues say of the CVEs.
//!
//! | urgency | severity |
//! | --- | --- |
//! | emergency, critical | critical |
//! | high | important |
//! | medium | moderate |
//! | low | low |
//!
//! The highest of the entries between the installed and the offered source version counts, for
//! archives for security only, and is marked derived; elsewhere the urgency says how fast a package
//! moves between archives, so the patch is unrated. Source: Debian Policy Manual, 5.6.17.

use std::collections::BTreeSet;

use domain::changelog::{ChangelogEntry, ChangelogFacts};
use domain::cve::{Catalogues, CveId};
use domain::finding::PatchFacts;
use domain::name::Version;
use domain::offer::Origin;
use domain::package::Ecosystem;
use domain::severity::{Severity, SeveritySource};

use super::scheme;

/// The severity that an urgency stands for; `None`: the word is not in the table.
pub fn of_urgency(urgency: &str) -> Option<Severity> {
    // Policy allows a remark after the word: `high (security fixes)`.
    let word = urgency.split([' ', '(']).next().unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "emergency" | "critical" => Some(Severity::Critical),
        "high" => Some(Severity::Important),
        "medium" => Some(Severity::Moderate),
        "low" => Some(Severity::Low),
        _ => None,
    }
}

/// What a patch's changelog and the catalogues say of it, or why the changelog says nothing.
///
/// `installed` is the source version on the device; `None`: the package would be new, and only the
/// offered version's own entry counts.
pub fn facts(
    changelog: Option<&ChangelogFacts>,
    ecosystem: Ecosystem,
    installed: Option<&Version>,
    offered: &Version,
    origin: &Origin,
    catalogues: &Catalogues,
) -> (PatchFacts, Option<String>) {
    let nothing = |why: String| (PatchFacts::default(), Some(why));
    let entries = match changelog.map(|changelog| &changelog.entries) {
        None => return nothing("its changelog was not read yet".into()),
        Some(Err(reason)) => return nothing(format!("its changelog could not be read: {reason}")),
        Some(Ok(entries)) => entries,
    };
    let between = entries_between(entries, ecosystem, installed, offered);
    // A rebuild of the installed source fixes nothing; anywhere else an entry has to be there.
    if between.is_empty() && installed != Some(offered) {
        return nothing(format!("its changelog has no entry for {offered}"));
    }
    let (severity, source) = if origin.security {
        match between
            .iter()
            .filter_map(|entry| of_urgency(&entry.urgency))
            .max()
        {
            Some(severity) => (severity, Some(SeveritySource::Derived)),
            None => (Severity::Unrated, None),
        }
    } else {
        (Severity::Unrated, None)
    };
    let cves: BTreeSet<String> = between
        .iter()
        .flat_map(|entry| entry.cves.iter().cloned())
        .collect();
    let cves: Vec<String> = cves.into_iter().collect();
    let facts = PatchFacts {
        severity: Some(severity),
        severity_source: source,
        kev: known_exploited(&cves, catalogues),
        epss_millionths: highest_score(&cves, catalogues),
        cves: Some(cves),
    };
    (facts, None)
}

fn entries_between<'e>(
    entries: &'e [ChangelogEntry],
    ecosystem: Ecosystem,
    installed: Option<&Version>,
    offered: &Version,
) -> Vec<&'e ChangelogEntry> {
    let order =
        |a: &Version, b: &Version| versions::order(scheme(ecosystem), a.as_str(), b.as_str()).ok();
    entries
        .iter()
        .filter(|entry| {
            let not_beyond = order(&entry.version, offered).is_some_and(|o| o.is_le());
            let new = match installed {
                Some(installed) => order(&entry.version, installed).is_some_and(|o| o.is_gt()),
                None => entry.version == *offered,
            };
            not_beyond && new
        })
        .collect()
}

fn known_exploited(cves: &[String], catalogues: &Catalogues) -> Option<bool> {
    let kev = catalogues.kev.as_ref()?;
    if cves.is_empty() {
        return None;
    }
    Some(ids(cves).any(|cve| kev.added(cve).is_some()))
}

fn highest_score(cves: &[String], catalogues: &Catalogues) -> Option<u32> {
    let epss = catalogues.epss.as_ref()?;
    ids(cves).filter_map(|cve| epss.millionths(cve)).max()
}

fn ids(cves: &[String]) -> impl Iterator<Item = CveId> + '_ {
    cves.iter().filter_map(|cve| cve.parse().ok())
}
