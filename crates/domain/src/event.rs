//! Events: what happened that people want to hear of, once.
//!
//! An event has a key, so that the same thing is never told twice; an owner, who has to act; an
//! audience, each with a text of its own, in which nothing of another client stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::ClientId;
use crate::package::words;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An advisory that was not known before.
    AdvisoryNew,
    /// A known advisory says more or worse than before, or hits clients that were not told.
    AdvisoryChanged,
    /// A vendor's release day comes near.
    ReleaseDay,
    /// A feed is older than its rhythm, or a document of it was quarantined.
    FeedTrouble,
}

words!(EventKind "event kind" "advisory-new, advisory-changed, release-day, feed-trouble" {
    AdvisoryNew "advisory-new", AdvisoryChanged "advisory-changed",
    ReleaseDay "release-day", FeedTrouble "feed-trouble",
});

/// When an event is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Written down for those who look; nobody is called.
    Quiet,
    /// With the next digest.
    Digest,
    /// At once.
    Now,
}

words!(Urgency "urgency" "quiet, digest, now" {
    Quiet "quiet", Digest "digest", Now "now",
});

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The provider's own people.
    Provider,
    /// One client's contacts.
    Client(ClientId),
}

/// A text for one audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventText {
    /// For whom.
    pub audience: Audience,
    /// One line.
    pub subject: String,
    /// Plain text, lines split by LF.
    pub body: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Names the thing: two events with one key are one.
    pub key: String,
    /// What it is about.
    pub kind: EventKind,
    /// When to tell it.
    pub urgency: Urgency,
    /// Who has to act.
    pub owner: String,
    /// What each audience reads.
    pub texts: Vec<EventText>,
    /// When it was seen.
    pub at: Timestamp,
}
