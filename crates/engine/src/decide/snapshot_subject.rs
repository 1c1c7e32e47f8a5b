//! Devices and patches of a snapshot as the query language sees them.
//!
//! A text that is empty says nothing; tags, groups and findings are whole lists. What a snapshot
//! cannot say (packages, origins) is unknown.

use std::borrow::Cow;

use domain::patch::PatchId;
use domain::query::{Fact, Field, Os, Subject, SubjectKind, Values};
use domain::snapshot::{SnapshotDevice, SnapshotFinding, SnapshotState};
use jiff::Timestamp;

/// An operating system as a person writes it: `debian 12`, `ubuntu-22.04`, `rhel9`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OsText {
    id: String,
    version: Option<String>,
    /// A second name: what stands in parentheses, or the first word of several.
    codename: Option<String>,
}

impl OsText {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (text, codename) = match text.split_once('(') {
            Some((before, name)) => (
                before.trim().to_owned(),
                Some(name.trim_end_matches([')', ' ']).to_owned()),
            ),
            None => (text, None),
        };
        let digit = text.find(|c: char| c.is_ascii_digit());
        let (name, rest) = text.split_at(digit.unwrap_or(text.len()));
        let separators = [' ', '-', '_', ':', '@', '/'];
        let name = name.trim_matches(separators);
        let words: Vec<&str> = name
            .split(separators)
            .filter(|word| !word.is_empty())
            .collect();
        let first = words.first()?;
        let number: String = rest
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let version = number.trim_end_matches('.');
        Some(Self {
            id: words.join("-"),
            version: (!version.is_empty()).then(|| version.to_owned()),
            codename: codename.or_else(|| (words.len() > 1).then(|| (*first).to_owned())),
        })
    }
}

/// A device of a snapshot as a subject of a query.
pub struct SnapshotDeviceSubject<'a> {
    device: &'a SnapshotDevice,
    os: Option<OsText>,
}

impl<'a> SnapshotDeviceSubject<'a> {
    /// Of a device.
    pub fn of(device: &'a SnapshotDevice) -> Self {
        Self {
            device,
            os: OsText::read(&device.os),
        }
    }

    /// Findings whose vulnerable code is there or still runs.
    fn open(&self) -> impl Iterator<Item = &'a SnapshotFinding> {
        self.device
            .findings
            .iter()
            .filter(|finding| match finding.state {
                SnapshotState::Missing | SnapshotState::NoFix | SnapshotState::OldCodeRunning => {
                    replaced_by(finding).is_none()
                }
                SnapshotState::Fixed
                | SnapshotState::NotAffected
                | SnapshotState::Superseded
                | SnapshotState::Unknown => false,
            })
    }

    fn none_unknown(&self) -> bool {
        let mut findings = self.device.findings.iter();
        findings.all(|finding| finding.state != SnapshotState::Unknown)
    }

    fn missing(&self) -> Values<'a> {
        let mut severities = Vec::new();
        let mut complete = self.none_unknown();
        for finding in self.open().filter(|f| f.state == SnapshotState::Missing) {
            match finding.severity {
                Some(severity) => severities.push(severity.word()),
                None => complete = false,
            }
        }
        listed(severities, complete)
    }

    fn open_cves(&self) -> Values<'a> {
        let mut cves = Vec::new();
        let mut complete = self.none_unknown();
        for finding in self.open() {
            match &finding.cves {
                Some(some) => cves.extend(some.iter().map(String::as_str)),
                None => complete = false,
            }
        }
        listed(cves, complete)
    }

    fn open_kev(&self) -> Values<'a> {
        let mut complete = self.none_unknown();
        for finding in self.open() {
            match exploited(finding) {
                Some(true) => return Values::yes_no(true),
                Some(false) => {}
                None => complete = false,
            }
        }
        if complete {
            Values::yes_no(false)
        } else {
            Values::unknown()
        }
    }
}

fn listed(values: Vec<&str>, complete: bool) -> Values<'_> {
    if complete {
        Values::of(values)
    } else {
        Values::at_least(values)
    }
}

/// One text, or not known where it is empty.
fn said(text: &str) -> Values<'_> {
    match text.trim() {
        "" => Values::unknown(),
        text => Values::one(text),
    }
}

/// The patch that replaces a finding's.
pub(super) fn replaced_by(finding: &SnapshotFinding) -> Option<&str> {
    let by = finding.superseded_by.as_deref().map(str::trim);
    by.filter(|by| !by.is_empty())
}

/// Whether the fault that a patch fixes is known to be exploited.
pub(super) fn exploited(finding: &SnapshotFinding) -> Option<bool> {
    match (finding.kev, &finding.cves) {
        (Some(kev), _) => Some(kev),
        // Looked up, and it fixes no CVE: then none is known to be exploited either.
        (None, Some(cves)) if cves.is_empty() => Some(false),
        (None, _) => None,
    }
}

impl Subject for SnapshotDeviceSubject<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Device
    }

    fn text(&self, field: Field) -> Values<'_> {
        let device = self.device;
        match field {
            Field::Client => said(&device.client),
            Field::Site => said(&device.site),
            Field::Device => Values::of(
                [Some(device.id.as_str()), device.name.as_deref()]
                    .into_iter()
                    .flatten(),
            ),
            Field::Tag => Values::of(device.tags.iter().map(String::as_str)),
            Field::Missing => self.missing(),
            Field::Cve => self.open_cves(),
            Field::Kev => self.open_kev(),
            Field::Group => Values::of(device.groups.iter().map(String::as_str)),
            Field::Zone => said(&device.zone),
            Field::Package
            | Field::Mode
            | Field::Os
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
            Field::Device => Some(self.device.id.as_str().into()),
            _ => None,
        }
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        let contact = || {
            let contacts = self.device.contacts.as_ref()?;
            let last = contacts.last()?;
            Some(last.until.unwrap_or(last.from))
        };
        match (field, self.device.last_seen.or_else(contact)) {
            (Field::Seen, Some(seen)) => Fact::Known(seen),
            _ => Fact::Unknown,
        }
    }

    fn os(&self) -> Fact<Os<'_>> {
        match &self.os {
            Some(os) => Fact::Known(Os {
                id: &os.id,
                version: os.version.as_deref(),
                codename: os.codename.as_deref(),
            }),
            None => Fact::Unknown,
        }
    }
}

/// A patch of a snapshot as a subject of a query.
pub struct SnapshotPatchSubject<'a> {
    finding: &'a SnapshotFinding,
}

impl<'a> SnapshotPatchSubject<'a> {
    /// Of a finding.
    pub fn of(finding: &'a SnapshotFinding) -> Self {
        Self { finding }
    }
}

impl Subject for SnapshotPatchSubject<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Patch
    }

    fn text(&self, field: Field) -> Values<'_> {
        let finding = self.finding;
        match field {
            Field::Product => match &finding.product {
                Some(product) => Values::one(product.as_str()),
                None => match finding.patch.parse::<PatchId>() {
                    Ok(patch) => Values::one(patch.product()),
                    Err(_) => Values::one(finding.patch.as_str()),
                },
            },
            Field::Patch => Values::one(finding.patch.as_str()),
            Field::Severity => finding
                .severity
                .map_or_else(Values::unknown, |severity| Values::one(severity.word())),
            Field::Cve => match &finding.cves {
                Some(cves) => Values::of(cves.iter().map(String::as_str)),
                None => Values::unknown(),
            },
            Field::Kev => exploited(finding).map_or_else(Values::unknown, Values::yes_no),
            Field::State => match replaced_by(finding) {
                Some(_) => Values::one(SnapshotState::Superseded.word()),
                None => Values::one(finding.state.word()),
            },
            Field::Class => finding
                .classification
                .map_or_else(Values::unknown, |class| Values::one(class.word())),
            Field::Fix => Values::one(finding.fix()),
            Field::Package
            | Field::Origin
            | Field::Client
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

    fn os(&self) -> Fact<Os<'_>> {
        Fact::Unknown
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        let finding = self.finding;
        let instant = match field {
            Field::Age => finding.released_at.or(finding.first_seen_at),
            Field::Released => finding.released_at,
            _ => None,
        };
        instant.map_or(Fact::Unknown, Fact::Known)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn systems_are_read_as_people_write_them() {
        for (text, id, version, codename) in [
            ("debian 12", "debian", Some("12"), None),
            (
                "Debian GNU/Linux 12 (bookworm)",
                "debian-gnu-linux",
                Some("12"),
                Some("bookworm"),
            ),
            ("ubuntu-22.04", "ubuntu", Some("22.04"), None),
            ("rhel9", "rhel", Some("9"), None),
            ("rocky:9.4", "rocky", Some("9.4"), None),
            (
                "windows-server-2022",
                "windows-server",
                Some("2022"),
                Some("windows"),
            ),
            ("Windows 11 23H2", "windows", Some("11"), None),
            ("arch", "arch", None, None),
        ] {
            let read = OsText::read(text).unwrap();
            assert_eq!(read.id, id, "{text}");
            assert_eq!(read.version.as_deref(), version, "{text}");
            assert_eq!(read.codename.as_deref(), codename, "{text}");
        }
        assert_eq!(OsText::read("  "), None);
        assert_eq!(OsText::read("12"), None);
    }
}
