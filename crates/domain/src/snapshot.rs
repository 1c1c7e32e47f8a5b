//! A fleet as one file: what the evaluator needs to know of devices and their findings.
//!
//! `patchloop device export --findings` writes it and a person can write it by hand, so texts are
//! free: a patch need not be an id of ours. Instants are RFC 3339. Times are in UTC or carry their
//! offset. A key that is not known is kept in `unknown`, so that whoever reads the file can say so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::package::words;
use crate::severity::{Classification, Severity};

/// The version of the form that is written and read.
pub const SNAPSHOT_VERSION: u32 = 1;

/// Keys of a part that nothing here knows.
pub type UnknownKeys = BTreeMap<String, IgnoredAny>;

/// A fleet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of the form: 1.
    pub v: u32,
    /// The feeds that the findings rest on.
    #[serde(default)]
    pub feeds: Vec<SnapshotFeed>,
    /// The devices.
    #[serde(default)]
    pub devices: Vec<SnapshotDevice>,
    /// Keys that are not known.
    #[serde(flatten, skip_serializing)]
    pub unknown: UnknownKeys,
}

/// How fresh a feed is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SnapshotFeed {
    /// Its name.
    pub name: String,
    /// Whether it is fresh enough to be believed.
    pub fresh: bool,
    /// Since when it is as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Keys that are not known.
    #[serde(flatten, skip_serializing)]
    pub unknown: UnknownKeys,
}

/// One stretch in which a device spoke with the server: from, and until when (`null`: still).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    into = "(Timestamp, Option<Timestamp>)",
    from = "(Timestamp, Option<Timestamp>)"
)]
pub struct Contact {
    /// The first instant of it.
    pub from: Timestamp,
    /// The first instant without it again.
    pub until: Option<Timestamp>,
}

impl From<(Timestamp, Option<Timestamp>)> for Contact {
    fn from((from, until): (Timestamp, Option<Timestamp>)) -> Self {
        Self { from, until }
    }
}
impl From<Contact> for (Timestamp, Option<Timestamp>) {
    fn from(contact: Contact) -> Self {
        (contact.from, contact.until)
    }
}

/// One device.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SnapshotDevice {
    /// Its id or name, unique in the file.
    pub id: String,
    /// Its name, where that is not its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its client.
    #[serde(default)]
    pub client: String,
    /// Its site.
    #[serde(default)]
    pub site: String,
    /// Its zone, an IANA name.
    #[serde(default)]
    pub zone: String,
    /// The groups it is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its operating system with its version: `debian 12`.
    #[serde(default)]
    pub os: String,
    /// When it last spoke with the server.
    #[serde(default)]
    pub last_seen: Option<Timestamp>,
    /// When it was in contact, in order; `None`: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<Contact>>,
    /// Where it stands with each patch.
    #[serde(default)]
    pub findings: Vec<SnapshotFinding>,
    /// Keys that are not known.
    #[serde(flatten, skip_serializing)]
    pub unknown: UnknownKeys,
}

/// Where a device stands with a patch, as a snapshot says it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// Affected, and a fix can be installed.
    #[default]
    Missing,
    /// Affected, and no fix is offered.
    NoFix,
    /// Fixed on disk, old code still runs.
    OldCodeRunning,
    /// Fixed and proven.
    Fixed,
    /// Not affected.
    NotAffected,
    /// A newer patch replaces it.
    Superseded,
    /// Could not be assessed.
    Unknown,
}

words!(SnapshotState "finding state"
    "missing, no-fix, old-code-running, fixed, not-affected, superseded, unknown" {
    Missing "missing", NoFix "no-fix", OldCodeRunning "old-code-running", Fixed "fixed",
    NotAffected "not-affected", Superseded "superseded", Unknown "unknown",
});

/// One finding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SnapshotFinding {
    /// The patch: an id of ours, or any text that names it.
    pub patch: String,
    /// What it is for; without, the product of an id of ours, else the patch itself.
    #[serde(default)]
    pub product: Option<String>,
    /// How severe; `None`: not looked up, which is not the same as unrated.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// What kind of patch; `None`: not known.
    #[serde(default)]
    pub classification: Option<Classification>,
    /// What it fixes; `None`: not looked up.
    #[serde(default)]
    pub cves: Option<Vec<String>>,
    /// Whether one of them is known to be exploited; `None`: not looked up.
    #[serde(default)]
    pub kev: Option<bool>,
    /// The fix it carries: findings with the same fix share one delay clock. Without, the patch.
    #[serde(default)]
    pub fix: Option<String>,
    /// When the vendor released it.
    #[serde(default)]
    pub released_at: Option<Timestamp>,
    /// When it was first seen on any device.
    #[serde(default)]
    pub first_seen_at: Option<Timestamp>,
    /// When the delay clock of its fix began, where whoever wrote the file knows: an earlier patch
    /// with the same fix may be in no finding any more. It goes before `released_at` and
    /// `first_seen_at` of all findings with the same fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_at: Option<Timestamp>,
    /// Where the device stands.
    #[serde(default)]
    pub state: SnapshotState,
    /// Why, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The patch that replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// The feed it rests on; without, it may rest on any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// Keys that are not known.
    #[serde(flatten, skip_serializing)]
    pub unknown: UnknownKeys,
}

impl SnapshotFinding {
    /// The name of its fix.
    pub fn fix(&self) -> &str {
        self.fix.as_deref().unwrap_or(&self.patch)
    }
}
