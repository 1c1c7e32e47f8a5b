//! The written policy: who, what, how, when and why, as a document in plain words.
//!
//! Made from the same [`Policy`] that the evaluator executes, so that what a client signs is what
//! happens. Pages, files and printed paper all show this one model; queries stand beside their words.
//! With a client asked for, only objects that can concern that client are in it.

mod concern;
mod document;
mod entries;
mod html;
mod objects;
mod query;
mod templates;
mod times;
mod tree;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::id::ClientId;
use domain::policy::PolicyKind;
use jiff::Timestamp;
use serde::Serialize;

pub use concern::limited_to;
pub use document::write;
pub use html::html;
pub use objects::{decision, exclusion, freeze, group, reboot, rings, rule, unreadable, window};
pub use query::{devices, patches};
pub use templates::{TEMPLATES, Template, template};
pub use times::{duration, recurrence, when_open};

/// How many openings of each window are printed.
pub const OPENINGS_SHOWN: usize = 12;

/// Whose policy is written down, and as of when.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The provider's name; `None`: a line to write it on.
    pub provider: Option<String>,
    /// Only what can concern this client.
    pub client: Option<ClientAsked>,
    /// Which version of the policy this is; `None`: a line to write it on.
    pub version: Option<String>,
    /// As of when: openings are counted from here, and what is over by then is left out.
    pub at: Timestamp,
    /// The zone in which openings of windows in the devices' own zones are shown; `None`: as local
    /// times without a zone.
    pub device_zone: Option<String>,
}

/// A client by name, and by id where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAsked {
    /// Its name, as queries say it.
    pub name: String,
    /// Its id; `None` for files, whose objects have no client of their own.
    pub id: Option<ClientId>,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written {
    /// The title.
    pub title: String,
    /// The provider's name.
    pub provider: Option<String>,
    /// The client it is limited to.
    pub client: Option<String>,
    /// The version of the policy.
    pub version: Option<String>,
    /// As of when.
    pub at: Timestamp,
    /// What every policy means, in a few sentences.
    pub preamble: Vec<String>,
    /// Who, what, how, when, why: always these five, in this order.
    pub sections: Vec<Section>,
    /// How it is decided whether a patch is installed, step by step.
    pub tree: Vec<Step>,
    /// The windows with their next openings.
    pub windows: Vec<WindowPlan>,
    /// What is left open on purpose: exclusions, accepted risks, pins, with owner and end.
    pub exceptions: Vec<Exception>,
    /// What cannot be read, and is closed therefore.
    pub unreadable: Vec<String>,
}

/// One of the five questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// `who`, `what`, `how`, `when`, `why`.
    pub key: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// What stands there when it has no entry.
    pub empty: &'static str,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// What one object says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its name.
    pub name: String,
    /// What it says, in sentences.
    pub sentences: Vec<String>,
    /// The queries behind the words, each with what it selects.
    pub queries: Vec<Selection>,
}

/// A query beside its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// What it selects: `devices`, `patches`, `ring pilot`.
    pub of: String,
    /// The query; empty for everything.
    pub query: String,
}

/// One step of the decision tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which, from 1.
    pub number: usize,
    /// What is asked.
    pub question: String,
    /// What follows from yes.
    pub yes: Outcome,
    /// What follows from no.
    pub no: Outcome,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Go on with this step.
    Step(usize),
    /// The end, in words.
    End(String),
}

/// A window with its next openings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowPlan {
    /// Its name.
    pub name: String,
    /// On which days and at which hours, in words.
    pub when: String,
    /// The zone of the times below; `None`: each device's own.
    pub zone: Option<String>,
    /// The next openings, at most [`OPENINGS_SHOWN`].
    pub openings: Vec<OpeningLine>,
    /// Why there are none or not all.
    pub note: Option<String>,
}

/// One opening, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpeningLine {
    /// `Tue 3 March 2026`.
    pub day: String,
    /// `22:00 to 24:00`, with the day of the end where that is another.
    pub hours: String,
    /// The first instant inside; `None` in a window of the devices' own zones.
    pub opens_at: Option<Timestamp>,
    /// The first instant outside again.
    pub closes_at: Option<Timestamp>,
}

/// Something that is left open on purpose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exception {
    /// Of which kind the object is.
    pub kind: PolicyKind,
    /// `excluded`, `risk accepted`, `pinned`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// What is left open, in words.
    pub sentence: String,
    /// Who answers for it; `None`: nobody is named.
    pub owner: Option<String>,
    /// Until when; `None`: until it is taken out.
    pub until: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// The queries behind the words.
    pub queries: Vec<Selection>,
}
