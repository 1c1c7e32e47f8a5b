//! Devices and patches as the query language sees them.
//!
//! What was not looked up or not loaded is unknown, never "none".

use std::borrow::Cow;

use domain::device::Device;
use domain::finding::{DatedFinding, Finding, FindingState};
use domain::inventory::Inventory;
use domain::offer::System;
use domain::package::{Ecosystem, Item, PackageState};
use domain::patch::PatchId;
use domain::query::{Fact, Field, Os, PackageVersion, Packages, Subject, SubjectKind, Values};
use domain::severity::{Classification, Severity};
use jiff::Timestamp;

use crate::view::DeviceView;

/// A device as a subject of a query.
#[derive(Clone, Copy)]
pub struct DeviceSubject<'a> {
    /// The device.
    pub device: &'a Device,
    /// Its system; `None`: not reported or not loaded.
    pub system: Option<&'a System>,
    /// What is installed; `None`: not reported or not loaded.
    pub inventory: Option<&'a Inventory>,
    /// Where it stands with patches; `None`: not assessed or not loaded.
    pub findings: Option<&'a [DatedFinding]>,
    /// The groups it is in; `None`: not looked up.
    pub groups: Option<&'a Membership>,
}

/// The groups that a device is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// The names of those that it certainly is in.
    pub certain: Vec<String>,
    /// Whether these are all; not so where the query of a group cannot be answered.
    pub complete: bool,
}

impl Membership {
    /// The names as values of the field `group`.
    pub fn values(&self) -> Values<'_> {
        let names = self.certain.iter().map(String::as_str);
        if self.complete {
            Values::of(names)
        } else {
            Values::at_least(names)
        }
    }
}

impl<'a> DeviceSubject<'a> {
    /// The device of a view.
    pub fn of(view: &'a DeviceView) -> Self {
        Self {
            device: &view.device,
            system: view.facts.as_ref().map(|facts| &facts.system),
            inventory: view.inventory.as_ref(),
            findings: view.facts.is_some().then_some(view.findings.as_slice()),
            groups: None,
        }
    }
}

/// A patch on a device as a subject of a query.
#[derive(Clone, Copy)]
pub struct PatchSubject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// When the patch was first seen (on the device; in a list of patches: anywhere).
    pub first_seen: Option<Timestamp>,
    /// What kind of patch it is; `None`: not known any more.
    pub class: Option<Classification>,
    /// The fix that it carries; `None`: not known.
    pub fix: Option<&'a str>,
}

impl<'a> PatchSubject<'a> {
    /// The patch of a dated finding.
    pub fn of(dated: &'a DatedFinding) -> Self {
        Self {
            finding: &dated.finding,
            first_seen: Some(dated.first_seen),
            class: Some(dated.finding.classification),
            fix: None,
        }
    }
}

impl Subject for DeviceSubject<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Device
    }

    fn text(&self, field: Field) -> Values<'_> {
        match field {
            Field::Client => Values::one(self.device.client_name.as_str()),
            Field::Site => Values::one(self.device.site_name.as_str()),
            Field::Device => Values::one(self.device.name.as_str()),
            Field::Tag => Values::of(self.device.tags.iter().map(|tag| tag.as_str())),
            Field::Group => self.groups.map_or_else(Values::unknown, Membership::values),
            Field::Zone => Values::one(self.device.zone.as_str()),
            Field::Mode => Values::one(self.device.mode.word()),
            Field::Package => match self.inventory {
                Some(inventory) => Values::of(installed_names(inventory)),
                None => Values::unknown(),
            },
            Field::Missing => self.findings.map_or_else(Values::unknown, missing),
            Field::Cve => self.findings.map_or_else(Values::unknown, open_cves),
            Field::Kev => self.findings.map_or_else(Values::unknown, open_kev),
            Field::Os
            | Field::Seen
            | Field::Product
            | Field::Patch
            | Field::Severity
            | Field::Class
            | Field::Fix
            | Field::Origin
            | Field::State
            | Field::Age
            | Field::Released => Values::unknown(),
        }
    }

    fn id(&self, field: Field) -> Option<Cow<'_, str>> {
        match field {
            Field::Client => Some(self.device.client.to_string().into()),
            Field::Site => Some(self.device.site.to_string().into()),
            Field::Device => Some(self.device.id.to_string().into()),
            _ => None,
        }
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        match (field, self.device.last_seen) {
            (Field::Seen, Some(seen)) => Fact::Known(seen),
            (Field::Seen, None) => Fact::Absent,
            _ => Fact::Unknown,
        }
    }

    fn os(&self) -> Fact<Os<'_>> {
        match self.system {
            Some(system) => Fact::Known(Os {
                id: &system.id,
                version: (!system.version.is_empty()).then_some(system.version.as_str()),
                codename: system.codename.as_ref().map(|name| name.as_str()),
            }),
            None => Fact::Unknown,
        }
    }

    fn packages(&self) -> Packages<'_> {
        self.inventory.map_or_else(Packages::unknown, |inventory| {
            Packages::of(installed(inventory))
        })
    }
}

/// Findings whose vulnerable code is there or still runs.
fn open(findings: &[DatedFinding]) -> impl Iterator<Item = &Finding> {
    findings
        .iter()
        .map(|dated| &dated.finding)
        .filter(|finding| match finding.state {
            FindingState::Missing | FindingState::NoFix | FindingState::OldCodeRunning => true,
            FindingState::Fixed | FindingState::NotAffected | FindingState::Unknown => false,
        })
}

fn none_unknown(findings: &[DatedFinding]) -> bool {
    findings
        .iter()
        .all(|dated| dated.finding.state != FindingState::Unknown)
}

/// The CVEs that are open; a patch that was not looked up leaves the answer open.
fn open_cves(findings: &[DatedFinding]) -> Values<'_> {
    let known = open(findings)
        .filter_map(|finding| finding.facts.cves.as_deref())
        .flatten()
        .map(String::as_str);
    if none_unknown(findings) && open(findings).all(|finding| finding.facts.cves.is_some()) {
        Values::of(known)
    } else {
        Values::at_least(known)
    }
}

/// Whether one of the open CVEs is known to be exploited.
fn open_kev(findings: &[DatedFinding]) -> Values<'_> {
    let kev = |finding: &Finding| match (finding.facts.kev, &finding.facts.cves) {
        (Some(kev), _) => Some(kev),
        (None, Some(cves)) if cves.is_empty() => Some(false),
        (None, _) => None,
    };
    if open(findings).any(|finding| kev(finding) == Some(true)) {
        Values::yes_no(true)
    } else if none_unknown(findings) && open(findings).all(|finding| kev(finding).is_some()) {
        Values::yes_no(false)
    } else {
        Values::unknown()
    }
}

fn installed(inventory: &Inventory) -> impl Iterator<Item = PackageVersion<'_>> {
    inventory
        .items()
        .iter()
        .filter(|item| item.state() != PackageState::ConfigFiles)
        .map(|item| {
            let (name, version) = match item {
                Item::Package(package) => (
                    Cow::Borrowed(package.name.as_str()),
                    Some(package.version.as_str()),
                ),
                Item::Update { kb, .. } => (Cow::Owned(kb.to_string()), None),
                Item::Application { id, version } => {
                    (Cow::Borrowed(id.as_str()), Some(version.as_str()))
                }
            };
            PackageVersion {
                ecosystem: item.ecosystem(),
                name,
                version,
            }
        })
}

fn installed_names(inventory: &Inventory) -> impl Iterator<Item = Cow<'_, str>> {
    inventory
        .items()
        .iter()
        .filter(|item| item.state() != PackageState::ConfigFiles)
        .map(|item| match item {
            Item::Package(package) => Cow::Borrowed(package.name.as_str()),
            Item::Update { kb, .. } => Cow::Owned(kb.to_string()),
            Item::Application { id, .. } => Cow::Borrowed(id.as_str()),
        })
}

/// The severities of what is missing; a patch that was not looked up leaves the answer open.
fn missing<'a>(findings: &'a [DatedFinding]) -> Values<'a> {
    let severities = || {
        findings
            .iter()
            .map(|dated| &dated.finding)
            .filter(|finding| finding.state == FindingState::Missing)
            .map(|finding| finding.facts.severity)
    };
    let known = severities()
        .flatten()
        .map(|severity: Severity| -> Cow<'a, str> { severity.word().into() });
    let complete = severities().all(|severity| severity.is_some())
        && findings
            .iter()
            .all(|dated| dated.finding.state != FindingState::Unknown);
    if complete {
        Values::of(known)
    } else {
        Values::at_least(known)
    }
}

impl Subject for PatchSubject<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Patch
    }

    fn text(&self, field: Field) -> Values<'_> {
        let finding = self.finding;
        match field {
            Field::Package => {
                Values::of(finding.packages.iter().map(|package| package.name.as_str()))
            }
            Field::Product => Values::one(finding.patch.product()),
            Field::Patch => Values::one(finding.patch.to_string()),
            Field::Severity => match finding.facts.severity {
                Some(severity) => Values::one(severity.word()),
                None => Values::unknown(),
            },
            Field::Class => match self.class {
                Some(class) => Values::one(class.word()),
                None => Values::unknown(),
            },
            Field::Fix => match (self.fix, &finding.facts.cves) {
                (Some(fix), _) => Values::one(fix),
                // Each CVE is a fix; a patch that names none is its own.
                (None, Some(cves)) if !cves.is_empty() => {
                    Values::of(cves.iter().map(String::as_str))
                }
                (None, Some(_)) => Values::one(finding.patch.to_string()),
                (None, None) => Values::unknown(),
            },
            Field::Cve => match &finding.facts.cves {
                Some(cves) => Values::of(cves.iter().map(String::as_str)),
                None => Values::unknown(),
            },
            Field::Kev => match (finding.facts.kev, &finding.facts.cves) {
                (Some(kev), _) => Values::yes_no(kev),
                // Looked up, and it fixes no CVE: then none is known to be exploited either.
                (None, Some(cves)) if cves.is_empty() => Values::yes_no(false),
                (None, _) => Values::unknown(),
            },
            Field::Origin => match &finding.origin {
                Some(origin) => Values::of([
                    Cow::Borrowed(origin.label.as_str()),
                    Cow::Borrowed(origin.codename.as_str()),
                    Cow::Owned(format!("{}:{}", origin.label, origin.codename)),
                ]),
                None => Values::unknown(),
            },
            Field::State => Values::one(finding.state.word()),
            Field::Client
            | Field::Site
            | Field::Device
            | Field::Tag
            | Field::Group
            | Field::Zone
            | Field::Mode
            | Field::Os
            | Field::Seen
            | Field::Missing
            | Field::Age
            | Field::Released => Values::unknown(),
        }
    }

    fn id(&self, _: Field) -> Option<Cow<'_, str>> {
        None
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        let instant = match field {
            Field::Age => self.finding.facts.released_at.or(self.first_seen),
            Field::Released => self.finding.facts.released_at,
            _ => None,
        };
        instant.map_or(Fact::Unknown, Fact::Known)
    }

    fn os(&self) -> Fact<Os<'_>> {
        Fact::Unknown
    }

    fn packages(&self) -> Packages<'_> {
        let ecosystem = match &self.finding.patch {
            PatchId::Source { ecosystem, .. } => *ecosystem,
            PatchId::Update(_) => Ecosystem::Windows,
            PatchId::Application { .. } => Ecosystem::Winget,
        };
        Packages::of(
            self.finding
                .packages
                .iter()
                .map(move |package| PackageVersion {
                    ecosystem,
                    name: package.name.as_str().into(),
                    version: package.installed.as_ref().map(|version| version.as_str()),
                }),
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use domain::query::Query;

    fn holds(query: &str, subject: &dyn Subject) -> bool {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        Query::parse(query).unwrap().matches(subject, now)
    }

    #[test]
    fn what_was_not_looked_up_satisfies_neither_a_term_nor_its_negation() {
        let view = crate::testing::view();
        let mut finding = crate::testing::missing("openssl", "3.0.17-1~deb12u2");
        let device = DeviceSubject::of(&view);
        assert!(holds(
            "client:acme site:berlin os:debian>=12 seen<7d",
            &device
        ));
        assert!(holds("package:openssl -package:nginx", &device));
        // Installed is 1.0-1; dpkg orders the tilde before everything.
        assert!(holds("package:openssl>1.0-1~deb12u1", &device));
        assert!(holds("-package:openssl>=1.0-1+b1", &device));
        assert!(holds("package:nginx<9,openssl<=1.0-1", &device));
        assert!(!holds("package:nginx<9", &device));
        finding.finding.facts.severity = None;
        finding.finding.facts.cves = None;
        finding.finding.facts.kev = None;
        let patch = PatchSubject::of(&finding);
        assert!(!holds("severity:low", &patch) && !holds("-severity:low", &patch));
        assert!(!holds("kev:yes", &patch) && !holds("kev:no", &patch));
        assert!(holds(
            "product:openssl origin:Debian-Security state:missing",
            &patch
        ));
    }
}
