//! What a package's own changelog says: entries with version, urgency and CVEs.
//!
//! A changelog is a feed of its own: it comes from inside the package that is offered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Architecture, PackageName, Version};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangelogEntry {
    /// The source version it describes.
    pub version: Version,
    /// Its urgency, in lower case, as it stands there.
    pub urgency: String,
    /// The CVEs it names, sorted, each once.
    pub cves: Vec<String>,
    /// When it was written, where its date can be read.
    pub written_at: Option<Timestamp>,
}

/// What is known of one source version's changelog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangelogFacts {
    /// The source package.
    pub source: PackageName,
    /// The version it was taken for.
    pub version: Version,
    /// Newest first; or why there are none.
    pub entries: Result<Vec<ChangelogEntry>, String>,
    /// When it was read.
    pub read_at: Timestamp,
}

/// A changelog that is wanted, and the package it can be read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangelogWanted {
    /// The source package.
    pub source: PackageName,
    /// Its version.
    pub version: Version,
    /// A binary package of it that is offered to the device.
    pub package: PackageName,
    /// That package's architecture.
    pub architecture: Architecture,
    /// That package's version.
    pub candidate: Version,
    /// The source version that is installed: older entries are not wanted.
    pub installed: Option<Version>,
}
