//! The coverage ledger's words: every known device stands in exactly one bucket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::DeviceId;
use crate::package::words;

/// Where a device stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// Scanned within its deadline, and its system is supported.
    Current,
    /// Its last scan is older than its deadline: a breach in itself.
    Stale,
    /// Known, and never scanned.
    NeverReported,
    /// Its system can be scanned but not assessed.
    Unsupported,
    /// A person took it out, for a reason and until a day.
    Excluded,
}

words!(Bucket "bucket" "current, stale, never-reported, unsupported, excluded" {
    Current "current", Stale "stale", NeverReported "never-reported",
    Unsupported "unsupported", Excluded "excluded",
});

/// A person's word that a device is not to be counted for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Which device.
    pub device: DeviceId,
    /// Who said so.
    pub by: String,
    /// When it was said.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Until when; it ends by itself.
    pub until: Timestamp,
}

/// One device's line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// The device.
    pub device: DeviceId,
    /// Its bucket.
    pub bucket: Bucket,
    /// Why it stands there, in one sentence.
    pub why: String,
    /// Since when its scan is overdue, whatever the bucket; `None`: it is not.
    pub overdue_since: Option<Timestamp>,
}

/// How many devices stand in each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// [`Bucket::Current`].
    pub current: u64,
    /// [`Bucket::Stale`].
    pub stale: u64,
    /// [`Bucket::NeverReported`].
    pub never_reported: u64,
    /// [`Bucket::Unsupported`].
    pub unsupported: u64,
    /// [`Bucket::Excluded`].
    pub excluded: u64,
}

impl Coverage {
    /// Counts one more device.
    pub fn add(&mut self, bucket: Bucket) {
        match bucket {
            Bucket::Current => self.current += 1,
            Bucket::Stale => self.stale += 1,
            Bucket::NeverReported => self.never_reported += 1,
            Bucket::Unsupported => self.unsupported += 1,
            Bucket::Excluded => self.excluded += 1,
        }
    }

    /// All devices: the sum of the buckets.
    pub fn total(&self) -> u64 {
        self.current + self.stale + self.never_reported + self.unsupported + self.excluded
    }
}
