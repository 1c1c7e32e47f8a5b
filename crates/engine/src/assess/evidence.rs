//! What a finding rests on: each advisory and changelog entry, with its document.

use domain::feed::{Feed, Provenance};
use domain::finding::{Finding, FindingState};
use domain::judgement::Judgement;
use domain::patch::PatchId;
use domain::severity::{Severity, SeveritySource};
use jiff::Timestamp;

use super::advised::Advised;
use super::{AssessInput, Installed, rating, source_of};

/// One thing that a finding rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Whose word.
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
    pub severity: Option<Severity>,
    /// Whether that is the vendor's own word.
    pub severity_source: Option<SeveritySource>,
    /// The document, by the id it gives itself.
    pub document: String,
    /// When it was made, as it says itself.
    pub dated: Option<Timestamp>,
    /// When it was fetched or read.
    pub fetched_at: Option<Timestamp>,
    /// SHA-256 of its bytes; `None`: a changelog, of which only entries are kept.
    pub sha256: Option<[u8; 32]>,
}

/// What the findings of a device rest on, in their order; what is not found in any document is
/// left out.
pub fn evidence(
    input: &AssessInput<'_>,
    documents: &[Provenance],
    findings: &[Finding],
) -> Vec<(PatchId, Vec<Evidence>)> {
    let device = Installed::of(input);
    let advised = Advised::of(input, &device);
    findings
        .iter()
        .map(|finding| {
            let mut all = of_advisories(&device, &advised, documents, finding);
            all.extend(of_changelog(input, &device, finding));
            (finding.patch.clone(), all)
        })
        .collect()
}

/// What one judgement rests on.
pub fn of_judgement(judgement: &Judgement, documents: &[Provenance]) -> Option<Evidence> {
    let document = documents.get(usize::try_from(judgement.document?).ok()?)?;
    Some(Evidence {
        feed: document.feed,
        says: judgement.advisory.clone().unwrap_or_default(),
        package: judgement.package.clone(),
        installed: judgement.installed.clone(),
        fixed: judgement.fixed.clone(),
        rule: judgement.because.clone(),
        cves: judgement.cves.iter().map(ToString::to_string).collect(),
        severity: judgement.rating.as_ref().map(|rating| rating.severity),
        severity_source: judgement.rating.as_ref().map(|rating| rating.source),
        document: document.document.clone(),
        dated: document.dated,
        fetched_at: document.fetched_at,
        sha256: Some(document.sha256),
    })
}

fn of_advisories(
    device: &Installed<'_>,
    advised: &Advised<'_>,
    documents: &[Provenance],
    finding: &Finding,
) -> Vec<Evidence> {
    let PatchId::Source {
        source, version, ..
    } = &finding.patch
    else {
        return Vec::new();
    };
    let offered = domain::package::SourcePackage {
        name: source.clone(),
        version: version.clone(),
    };
    let mut all: Vec<Evidence> = Vec::new();
    for judgement in advised.reached_by(device, &offered) {
        let Some(evidence) = of_judgement(judgement, documents) else {
            continue;
        };
        // Several packages of one source stand for one another.
        let same = |other: &Evidence| {
            other.says == evidence.says
                && other.fixed == evidence.fixed
                && other.document == evidence.document
                && other.sha256 == evidence.sha256
        };
        if !all.iter().any(same) {
            all.push(evidence);
        }
    }
    all
}

fn of_changelog(
    input: &AssessInput<'_>,
    device: &Installed<'_>,
    finding: &Finding,
) -> Vec<Evidence> {
    let PatchId::Source {
        source, version, ..
    } = &finding.patch
    else {
        return Vec::new();
    };
    let wanted = domain::package::SourcePackage {
        name: source.clone(),
        version: version.clone(),
    };
    let Some(changelog) = input.changelogs.get(&wanted) else {
        return Vec::new();
    };
    let Ok(entries) = &changelog.entries else {
        return Vec::new();
    };
    let installed = finding
        .packages
        .iter()
        .filter_map(|package| device.get(&package.name, &package.architecture))
        .map(|package| source_of(package).version)
        .reduce(|oldest, next| {
            if device.reaches(&next, &oldest) == Some(false) {
                next
            } else {
                oldest
            }
        });
    // What is fixed already has no entries between any more; then the patch's own entry tells.
    let installed = installed.filter(|_| {
        matches!(
            finding.state,
            FindingState::Missing | FindingState::NoFix | FindingState::Unknown
        )
    });
    let between = rating::entries_between(entries, device.ecosystem, installed.as_ref(), version);
    let security = finding.origin.as_ref().is_some_and(|o| o.security);
    between
        .into_iter()
        .map(|entry| {
            let severity = rating::of_urgency(&entry.urgency).filter(|_| security);
            Evidence {
                feed: Feed::DebChangelog,
                says: entry.version.to_string(),
                package: source.to_string(),
                installed: installed.as_ref().map(ToString::to_string),
                fixed: Some(entry.version.to_string()),
                rule: match &installed {
                    Some(installed) => format!(
                        "{version} is offered, {installed} is installed, and this entry of its changelog lies between"
                    ),
                    None => format!("this is the entry of {version} in its changelog"),
                },
                cves: entry.cves.clone(),
                severity,
                severity_source: severity.map(|_| SeveritySource::Derived),
                document: format!("changelog of {source} {version}"),
                dated: entry.written_at,
                fetched_at: Some(changelog.read_at),
                sha256: None,
            }
        })
        .collect()
}
