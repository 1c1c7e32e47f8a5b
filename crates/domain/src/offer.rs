//! What a device's own package manager would install now, what it would not and why, and the facts
//! that a device reports beside its inventory.
//!
//! Sizes are bytes. Times are UTC. What a device could not find out is `None`, never zero or empty.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Architecture, PackageName, Release, Version};
use crate::package::SourcePackage;

/// Where an offered version comes from, by label and codename; never by suite words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The archive's label: `Debian-Security`.
    pub label: String,
    /// The archive's codename: `bookworm-security`.
    pub codename: String,
    /// Whether the archive is for security fixes.
    pub security: bool,
    /// Whether the system's vendor publishes it, or a third party.
    pub publisher: Publisher,
}

/// Who publishes an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publisher {
    /// The vendor of the operating system.
    System,
    /// Somebody else.
    ThirdParty,
}

/// One package that the package manager would install or upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What is installed; `None` when it would be new.
    pub installed: Option<Version>,
    /// What would be installed.
    pub candidate: Version,
    /// The candidate's source: the patch.
    pub source: SourcePackage,
    /// Where the candidate comes from.
    pub origin: Origin,
    /// Bytes to download.
    pub size_bytes: Option<u64>,
}

/// A newer version that is known and would not be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What is installed.
    pub installed: Version,
    /// What is known to be newer.
    pub candidate: Version,
    /// The candidate's source.
    pub source: SourcePackage,
    /// Where the candidate comes from.
    pub origin: Origin,
    /// Why it would not be installed.
    pub reason: WithheldReason,
}

/// Why a known newer version would not be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum WithheldReason {
    /// The device's administrator holds it.
    Held,
    /// The package manager keeps it back, mostly because it would remove something.
    KeptBack,
}

/// What installing one source's offers needs beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// The source whose offers were simulated alone.
    pub source: SourcePackage,
    /// Other sources that the simulation took along, or the reason why it was refused.
    pub outcome: NeedsOutcome,
}

/// What a simulation of one source's offers said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum NeedsOutcome {
    /// It can be installed together with these (none when empty).
    With {
        /// The other sources.
        sources: Vec<SourcePackage>,
    },
    /// The package manager refuses it, or it would remove something.
    Refused {
        /// In the package manager's words, one line.
        reason: String,
    },
}

/// The package lists as they are on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Lists {
    /// There are none, so nothing can be said about what is pending.
    Absent,
    /// They are there.
    Present {
        /// When the newest of them was fetched.
        fetched_at: Timestamp,
        /// Sources whose last refresh failed, with the reason.
        failed: Vec<String>,
    },
}

/// What the package manager would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferReport {
    /// The state of the lists.
    pub lists: Lists,
    /// What would be installed or upgraded, sorted by name and architecture.
    pub offers: Vec<Offer>,
    /// What is known to be newer and would not be installed.
    pub withheld: Vec<Withheld>,
    /// What each source needs; a source that is missing here was not simulated.
    pub needs: Vec<Needs>,
    /// Why the simulation itself failed; then offers say nothing.
    pub failed: Option<String>,
}

/// A service or process that still runs code that is not on disk any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldCode {
    /// The service that owns the process, where one was found.
    pub service: Option<String>,
    /// The program, by its path.
    pub program: String,
    /// The process.
    pub process: u32,
    /// Files it runs that were replaced or removed.
    pub files: Vec<String>,
    /// The installed packages those files belong to.
    pub packages: Vec<PackageName>,
}

/// Whether a reboot is due: a live observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum RebootNeed {
    /// No.
    No,
    /// Yes.
    Yes {
        /// Each reason in one line.
        reasons: Vec<String>,
        /// The packages that ask for it.
        packages: Vec<PackageName>,
    },
    /// It could not be found out.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What a device says of its system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// `debian`.
    pub id: String,
    /// `12`.
    pub version: String,
    /// `bookworm`.
    pub codename: Option<Release>,
    /// `amd64`.
    pub architecture: Architecture,
    /// The running kernel.
    pub kernel: String,
    /// The device's own name for itself.
    pub hostname: String,
    /// Made anew at each boot.
    pub boot_id: String,
    /// IANA name of the device's zone.
    pub zone: String,
}

/// Everything beside the inventory that a look at a device gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The system.
    pub system: System,
    /// What the package manager would do.
    pub offers: OfferReport,
    /// Processes that run old code; `None` when it could not be seen (no right to look).
    pub old_code: Option<Vec<OldCode>>,
    /// Whether a reboot is due.
    pub reboot: RebootNeed,
    /// What this look could not see, and why.
    pub unknown: Vec<Unknown>,
}

/// Something that is not known, with the reason and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unknown {
    /// What is not known.
    pub what: String,
    /// Why.
    pub why: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
}
