//! The evaluator's answer: now, later or never, with every gate it asked.
//!
//! Defined here because scheduler, console, command line and report all show it; the engine
//! computes it. A gate that is not asked has `open: None`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::{Level, Word};
use crate::package::words;

/// The gates, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateName {
    /// The device is known and its report fresh.
    Known,
    /// The patch applies and is not superseded.
    Applicable,
    /// A valid decision approves it, and all that it needs.
    Decided,
    /// Its delay is over.
    Delay,
    /// Its ring is reached.
    Ring,
    /// No freeze.
    Frozen,
    /// A change window is open.
    Window,
    /// Redundancy set and budget are free.
    Budget,
    /// The device speaks with the server.
    Reachable,
    /// The device's own guardrails and mode allow it.
    Guardrails,
}

words!(GateName "gate"
    "known, applicable, decided, delay, ring, frozen, window, budget, reachable, guardrails" {
    Known "known", Applicable "applicable", Decided "decided", Delay "delay", Ring "ring",
    Frozen "frozen", Window "window", Budget "budget", Reachable "reachable",
    Guardrails "guardrails",
});

/// What the evaluator says in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It may be installed now.
    Now,
    /// It will be, at a known time or after a known event.
    Later,
    /// Not unless somebody changes something.
    Never,
}

words!(Answer "verdict" "now, later, never" { Now "now", Later "later", Never "never", });

/// A decision or rule that did not count, because another one goes before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loser {
    /// Which: the name of the rule or decision, or who decided.
    pub object: String,
    /// How close it is.
    pub level: Level,
    /// What it says.
    pub verdict: Word,
}

/// One gate as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which.
    pub gate: GateName,
    /// Open, closed, or not asked.
    pub open: Option<bool>,
    /// Why, in one sentence.
    pub reason: String,
    /// Who can open it.
    pub owner: Option<String>,
    /// When it opens by itself, where that is known.
    pub opens_at: Option<Timestamp>,
    /// At the gate `decided`: what did not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losers: Option<Vec<Loser>>,
}

/// The evaluator's answer for one patch on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub verdict: Answer,
    /// When, for `later`; the present for `now`.
    pub at: Option<Timestamp>,
    /// The first closed gate.
    pub gate: Option<GateName>,
    /// One sentence for people.
    pub sentence: String,
    /// All ten gates.
    pub gates: Vec<Gate>,
}
