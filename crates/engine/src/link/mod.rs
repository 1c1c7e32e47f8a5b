//! Reactions to an agent's messages: view and message → effects and reply.
//!
//! The caller has checked the envelope's signature, and that the device is enrolled. It writes all
//! effects in one transaction, then keeps the answer under the message's counter, then answers.
//!
//! A device is ahead when it has seen an order sequence, or has an answer, that this server does not
//! know of: the database was restored from an older copy. It gets no order until it has reported
//! everything in full and all outcomes that it keeps.

mod orders;
mod react;

use std::collections::{BTreeMap, BTreeSet};

use domain::changelog::{ChangelogFacts, ChangelogWanted};
use domain::device::{AgentAbilities, Mode, Standing};
use domain::id::OrderId;
use domain::inventory::{Delta, Digest, Inventory};
use domain::offer::Facts;
use domain::order::{Order, Outcome};
use domain::package::SourcePackage;
use domain::proof::SecondLook;
use jiff::Timestamp;

use crate::orders::OrderChange;
use crate::view::DeviceView;

/// How often a device comes, in seconds, when nothing is near.
pub const CHECK_IN_SECONDS: u32 = 900;
/// How often while an order is near, runs or waits for its proof, in seconds.
pub const CHECK_IN_NEAR_SECONDS: u32 = 60;
/// How soon when something is wanted at once, in seconds.
pub const CHECK_IN_WANTED_SECONDS: u32 = 1;
/// How long before its window an order counts as near, in minutes.
pub const NEAR_MINUTES: i64 = 30;
/// How far a device's clock may be off before it is noted, in seconds.
pub const SKEW_SECONDS_MAX: i64 = 120;
/// How long one device is waited for before another is asked for the same changelog, in minutes.
pub const CHANGELOG_ASKED_MINUTES: i64 = 10;
/// Most changelogs that one answer asks for.
pub const CHANGELOGS_ASKED_MAX: usize = 20;

/// What a message's counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Not seen before: carry it out.
    New,
    /// The last one again: give the stored answer, carry nothing out.
    Again,
    /// Older than what was seen: answer with the highest seen, so that the device goes on above it.
    Behind {
        /// The highest seen.
        counter: u64,
    },
}

/// Sorts a message by its counter; `last` is the highest that was carried out, 0 for none.
pub fn counted(counter: u64, last: u64) -> Counted {
    match counter.cmp(&last) {
        std::cmp::Ordering::Greater => Counted::New,
        std::cmp::Ordering::Equal if last > 0 => Counted::Again,
        std::cmp::Ordering::Equal | std::cmp::Ordering::Less => Counted::Behind { counter: last },
    }
}

/// What the server knows of a device and its link.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkView {
    /// The device; with its inventory where one is known.
    pub device: DeviceView,
    /// The highest counter that was carried out; 0: none.
    pub counter: u64,
    /// The mark of the facts that the server holds (`facts_mark` of the protocol).
    pub facts_mark: Option<String>,
    /// For orders whose proof is due: the inventory as it stood when the order was made, where the
    /// store has it.
    pub before: BTreeMap<OrderId, Inventory>,
}

/// The inventory as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InventoryReport {
    /// As the server last acknowledged.
    Same(Digest),
    /// What changed since.
    Delta(Delta),
    /// Everything.
    Full(Inventory),
}

/// The facts as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactsReport {
    /// As the server last acknowledged.
    Same {
        /// Their mark.
        mark: String,
    },
    /// Everything.
    Full {
        /// The facts.
        facts: Box<Facts>,
        /// Their mark.
        mark: String,
    },
}

/// How far a device is with an order that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The order.
    pub order: OrderId,
    /// Which generation of it.
    pub generation: u32,
    /// Whether it only waits for its window, or began.
    pub stage: Stage,
}

/// See [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The device has it and waits for its window (fetching in advance included).
    Taken,
    /// The device works on it.
    Begun,
}

/// The end of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeReport {
    /// What came of it.
    pub outcome: Outcome,
    /// The order as this server once signed it, checked by the caller; `None`: not sent, not
    /// readable, or not signed by this server.
    pub order: Option<Order>,
}

/// A device's check-in in the words of the domain.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckIn {
    /// The device's time.
    pub at: Timestamp,
    /// The message's counter.
    pub counter: u64,
    /// The highest counter whose answer the device has.
    pub acknowledged: u64,
    /// The highest order sequence that the device has seen.
    pub sequence: u64,
    /// What is installed.
    pub inventory: InventoryReport,
    /// What else was seen.
    pub facts: FactsReport,
    /// What the agent can do, where it says so.
    pub agent: Option<AgentAbilities>,
    /// Orders that have not ended.
    pub progress: Vec<Progress>,
    /// Orders that ended.
    pub outcomes: Vec<OutcomeReport>,
    /// Second looks.
    pub looks: Vec<SecondLook>,
    /// Changelogs that were wanted, parsed.
    pub changelogs: Vec<ChangelogFacts>,
}

/// One thing to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The device spoke: keep the time, the counter and the sequence.
    Seen {
        /// The server's time.
        at: Timestamp,
        /// The message's counter: the highest carried out from now on.
        counter: u64,
        /// The highest order sequence known from now on.
        sequence: u64,
    },
    /// The inventory is as known, as of now.
    InventoryConfirmed,
    /// The inventory is this.
    Inventory(Inventory),
    /// The facts are these.
    Facts {
        /// The facts.
        facts: Box<Facts>,
        /// Their mark.
        mark: String,
    },
    /// The agent can do this.
    Agent(AgentAbilities),
    /// The device's standing changed.
    Standing {
        /// From now on.
        standing: Standing,
        /// Why.
        reason: String,
    },
    /// An order is new (after a restore) or stands otherwise.
    Order(Box<OrderChange>),
    /// A changelog was read.
    Changelog(ChangelogFacts),
    /// The device's clock is off by more than the limit.
    ClockSkew {
        /// Seconds that it is ahead; negative: behind.
        seconds: i64,
    },
    /// Something that does not fit, for the audit: nothing else was done about it.
    Odd {
        /// In one sentence.
        what: String,
    },
}

/// A part of the report that is wanted in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// The whole inventory.
    Inventory,
    /// All facts.
    Facts,
    /// What the agent can do.
    Agent,
    /// All outcomes and second looks that the device still keeps.
    Outcomes,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyParts {
    /// What may be done to the device.
    pub mode: Mode,
    /// When to come again, in seconds.
    pub next_seconds: u32,
    /// What is wanted in full, sorted.
    pub wants: Vec<Want>,
    /// Orders and cancels to sign and send, by sequence.
    pub send: Vec<Order>,
    /// Orders whose outcomes and looks are durable once the effects are.
    pub settled: Vec<OrderId>,
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// What to write, in this order, in one transaction.
    pub effects: Vec<Effect>,
    /// Whether inventory, facts or changelogs changed, so that findings are to be assessed anew.
    pub assess: bool,
    /// What to answer.
    pub reply: ReplyParts,
}

pub use react::on_check_in;

/// Which changelogs to ask a device for, in the order in which they are wanted. `asked` are those
/// that any device was asked for within [`CHANGELOG_ASKED_MINUTES`].
pub fn changelogs_to_ask(
    wanted: &[ChangelogWanted],
    asked: &BTreeSet<SourcePackage>,
) -> Vec<ChangelogWanted> {
    wanted
        .iter()
        .filter(|wanted| {
            !asked.contains(&SourcePackage {
                name: wanted.source.clone(),
                version: wanted.version.clone(),
            })
        })
        .take(CHANGELOGS_ASKED_MAX)
        .cloned()
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
