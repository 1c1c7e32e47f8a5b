//! Documents of feeds as a server keeps them, and how fetching each feed goes.
//!
//! A document is kept as it was given, by the SHA-256 of its bytes. Whether it counts is its
//! standing; nothing is taken out of force because a later document leaves it out. Sizes are bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feed::Feed;
use crate::inventory::Digest;
use crate::package::words;

/// Whether what a kept document says counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentStanding {
    /// In force: the last good one.
    Good,
    /// In force beside a newer one, because the newer leaves out what this one says.
    Beside,
    /// Not in force: a newer one says all that it said.
    Replaced,
    /// Not in force: kept for a person to look at.
    Quarantined,
    /// Not in force: its publisher, or a person, declared it gone.
    Deleted,
}

words!(DocumentStanding "standing of a document" "good, beside, replaced, quarantined, deleted" {
    Good "good", Beside "beside", Replaced "replaced", Quarantined "quarantined",
    Deleted "deleted",
});

impl DocumentStanding {
    /// Whether what it says counts.
    pub fn in_force(self) -> bool {
        match self {
            Self::Good | Self::Beside => true,
            Self::Replaced | Self::Quarantined | Self::Deleted => false,
        }
    }
}

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDocument {
    /// Whose.
    pub feed: Feed,
    /// The name it came under: a file's name, or the end of an address. What comes later under the
    /// same name follows it.
    pub document: String,
    /// The id that it gives itself; empty: none.
    pub own_id: String,
    /// SHA-256 of its bytes as given, packed or not; also where it is kept.
    pub sha256: Digest,
    /// How many bytes.
    pub size_bytes: u64,
    /// Records read from it.
    pub records: u64,
    /// Records that could not be read.
    pub broken: u64,
    /// When it was made, as it says itself; never trusted to rise.
    pub dated: Option<Timestamp>,
    /// When it was fetched, or taken from a bundle or folder.
    pub fetched_at: Timestamp,
    /// Whether it counts.
    pub standing: DocumentStanding,
    /// Since when.
    pub since: Timestamp,
    /// Why it stands so, in one sentence; empty where there is nothing to say.
    pub why: String,
}

/// How fetching one feed goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// Which.
    pub feed: Feed,
    /// Whether it is fetched at all.
    pub enabled: bool,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// When it last went well, also where nothing was new.
    pub succeeded_at: Option<Timestamp>,
    /// Failures since then.
    pub failures: u32,
    /// What went wrong last; `None`: nothing since the last success.
    pub error: Option<String>,
}

impl FeedState {
    /// A feed that was never tried.
    pub fn new(feed: Feed, enabled: bool) -> Self {
        Self {
            feed,
            enabled,
            tried_at: None,
            succeeded_at: None,
            failures: 0,
            error: None,
        }
    }
}

/// What one address answered last, so that it need not send the same again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`, as it stood there.
    pub last_modified: Option<String>,
    /// What a list of changes said of it when it was fetched.
    pub listed: Option<String>,
}

/// How many documents of a feed stand how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCount {
    /// Which feed.
    pub feed: Feed,
    /// How they stand.
    pub standing: DocumentStanding,
    /// How many.
    pub documents: u64,
    /// Their records together.
    pub records: u64,
    /// Their broken records together.
    pub broken: u64,
    /// When the newest of them was fetched.
    pub newest: Timestamp,
    /// The latest date that one of them gives itself.
    pub dated: Option<Timestamp>,
}
