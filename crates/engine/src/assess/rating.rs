//! Severity and CVEs from changelogs and advisories, and what the catalogues say of the CVEs.
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
use domain::judgement::Judgement;
use domain::name::Version;
use domain::offer::Origin;
use domain::package::Ecosystem;
use domain::severity::{Severity, SeveritySource};
use jiff::Timestamp;

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

/// What a patch's changelog, advisories and the catalogues say of it, or why none says anything.
///
/// `installed` is the source version on the device; `None`: the package would be new, and only the
/// offered version's own entry counts. `advised` are the judgements whose fix the patch contains.
pub fn facts(
    changelog: Option<&ChangelogFacts>,
    ecosystem: Ecosystem,
    installed: Option<&Version>,
    offered: &Version,
    origin: &Origin,
    catalogues: &Catalogues,
    advised: &[&Judgement],
) -> (PatchFacts, Option<String>) {
    let said = of_changelog(changelog, ecosystem, installed, offered, origin);
    if advised.is_empty() {
        return match said {
            Ok(said) => (known(said, catalogues), None),
            Err(why) => (PatchFacts::default(), Some(why)),
        };
    }
    let mut all = said_by(advised);
    if let Ok(said) = said {
        all.cves.extend(said.cves);
        all.released_at = said.released_at;
        // The vendor's word goes before a derived one; of two derived the higher counts.
        let derived = all.source != Some(SeveritySource::Vendor);
        if derived && said.severity > all.severity {
            (all.severity, all.source) = (said.severity, said.source);
        }
    }
    (known(all, catalogues), None)
}

/// What advisories and the catalogues say of a patch.
pub fn of_advisories(advised: &[&Judgement], catalogues: &Catalogues) -> PatchFacts {
    known(said_by(advised), catalogues)
}

/// What documents say of a patch.
struct Said {
    cves: BTreeSet<String>,
    severity: Severity,
    source: Option<SeveritySource>,
    /// When the patch itself was released.
    released_at: Option<Timestamp>,
}

fn known(said: Said, catalogues: &Catalogues) -> PatchFacts {
    let cves: Vec<String> = said.cves.into_iter().collect();
    PatchFacts {
        severity: Some(said.severity),
        severity_source: said.source,
        kev: known_exploited(&cves, catalogues),
        epss_millionths: highest_score(&cves, catalogues),
        cves: Some(cves),
        released_at: said.released_at,
    }
}

fn said_by(advised: &[&Judgement]) -> Said {
    let highest = |source: SeveritySource| {
        let rated = advised.iter().filter_map(|one| one.rating.as_ref());
        let rated = rated.filter(|rating| rating.source == source);
        rated
            .map(|rating| rating.severity)
            .filter(|severity| *severity != Severity::Unrated)
            .max()
    };
    let (severity, source) = match (
        highest(SeveritySource::Vendor),
        highest(SeveritySource::Derived),
    ) {
        (Some(severity), _) => (severity, Some(SeveritySource::Vendor)),
        (None, Some(severity)) => (severity, Some(SeveritySource::Derived)),
        (None, None) => (Severity::Unrated, None),
    };
    Said {
        cves: advised
            .iter()
            .flat_map(|one| one.cves.iter().map(ToString::to_string))
            .collect(),
        severity,
        source,
        released_at: None,
    }
}

fn of_changelog(
    changelog: Option<&ChangelogFacts>,
    ecosystem: Ecosystem,
    installed: Option<&Version>,
    offered: &Version,
    origin: &Origin,
) -> Result<Said, String> {
    let entries = match changelog.map(|changelog| &changelog.entries) {
        None => return Err("its changelog was not read yet".into()),
        Some(Err(reason)) => return Err(format!("its changelog could not be read: {reason}")),
        Some(Ok(entries)) => entries,
    };
    let between = entries_between(entries, ecosystem, installed, offered);
    // A rebuild of the installed source fixes nothing; anywhere else an entry has to be there.
    if between.is_empty() && installed != Some(offered) {
        return Err(format!("its changelog has no entry for {offered}"));
    }
    let urgencies = between
        .iter()
        .filter_map(|entry| of_urgency(&entry.urgency));
    let (severity, source) = match urgencies.max() {
        Some(severity) if origin.security => (severity, Some(SeveritySource::Derived)),
        Some(_) | None => (Severity::Unrated, None),
    };
    Ok(Said {
        cves: between
            .iter()
            .flat_map(|entry| entry.cves.iter().cloned())
            .collect(),
        severity,
        source,
        released_at: entries
            .iter()
            .find(|entry| entry.version == *offered)
            .and_then(|entry| entry.written_at),
    })
}

/// The entries above what is installed, up to what is offered.
pub(super) fn entries_between<'e>(
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
