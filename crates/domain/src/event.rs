//! Events: what happened that people want to hear of, once.
//!
//! An event has a key, so that the same thing is never told twice; an owner, who has to act; an
//! audience, each with a text of its own, in which nothing of another client stands.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cve::CveId;
use crate::id::ClientId;
use crate::package::words;
use crate::severity::Severity;

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
    /// An object of the policy cannot be read, so that what it covers is closed.
    PolicyTrouble,
}

words!(EventKind "event kind" "advisory-new, advisory-changed, release-day, feed-trouble, policy-trouble" {
    AdvisoryNew "advisory-new", AdvisoryChanged "advisory-changed",
    ReleaseDay "release-day", FeedTrouble "feed-trouble",
    PolicyTrouble "policy-trouble",
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

/// What was told of an advisory: kept, so that it is told once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// The CVEs that it had.
    pub cves: BTreeSet<CveId>,
    /// Its severity.
    pub severity: Option<Severity>,
    /// Whether it was known to be exploited.
    pub exploited: bool,
    /// The clients that were told.
    pub clients: BTreeSet<ClientId>,
    /// A mark of what the advisory said then: while it stays, nothing is looked at again.
    #[serde(default)]
    pub mark: String,
}

/// Where a text for one audience stands on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextState {
    /// Written down only: nobody is called.
    Quiet,
    /// Waits for the next digest.
    ForDigest,
    /// Waits to be delivered.
    ToDeliver,
    /// Delivered.
    Delivered,
}

words!(TextState "state of a text" "quiet, for-digest, to-deliver, delivered" {
    Quiet "quiet", ForDigest "for-digest", ToDeliver "to-deliver", Delivered "delivered",
});

impl Urgency {
    /// Where a new text of an event stands.
    pub fn first_state(self) -> TextState {
        match self {
            Self::Quiet => TextState::Quiet,
            Self::Digest => TextState::ForDigest,
            Self::Now => TextState::ToDeliver,
        }
    }
}

/// A text as it stands in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxText {
    /// Its number; rises with time.
    pub number: u64,
    /// What it is about.
    pub kind: EventKind,
    /// When it is told.
    pub urgency: Urgency,
    /// Who has to act.
    pub owner: String,
    /// What it says, and for whom.
    pub text: EventText,
    /// Where it stands on its way.
    pub state: TextState,
    /// When it was seen.
    pub at: Timestamp,
}
