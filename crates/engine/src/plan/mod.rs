//! The difference that a change of policy makes on a fleet: what is shown before it is saved.
//!
//! Every (device, patch) is asked under both policies. Devices that no query can tell apart are
//! asked once. Lists are bounded, and their whole counts stand beside them. What a change opens that
//! a denial, a hold, an exclusion or a freeze kept closed is counted and named apart: taking a
//! device out of such an object by query is a change of policy, and nobody shall miss it.

mod answer;
mod ask;
mod group;
mod objects;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::policy::PolicyKind;
use domain::verdict::{Answer, GateName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use ask::difference;
pub use group::{Class, Grouped, Looked, group, reduced};
pub use objects::object_changes;

/// The most clients that are listed.
pub const CLIENTS_SHOWN_MAX: usize = 1_000;
/// The most examples of each client.
pub const EXAMPLES_MAX: usize = 10;
/// The most objects that are listed.
pub const OBJECTS_SHOWN_MAX: usize = 1_000;
/// The most threads that are used.
pub const THREADS_MAX: usize = 2;

/// What became of an object of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// It says something else, or stands elsewhere in the order.
    Changed,
    /// It is gone.
    Removed,
}

impl Change {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// An object of the policy that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub change: Change,
}

/// What becomes of one patch on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It was never, and now it will be installed.
    Opens,
    /// It will be installed, and sooner.
    Sooner,
    /// It will be installed, and later.
    Later,
    /// It was to be installed, and now it never will be.
    Closes,
    /// The same in the end, for another reason: another gate is the first that is closed.
    OtherReason,
}

impl Effect {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Sooner => "sooner",
            Self::Later => "later",
            Self::Closes => "closes",
            Self::OtherReason => "other-reason",
        }
    }
}

/// The verdict in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// In one word.
    pub verdict: Answer,
    /// When.
    pub at: Option<Timestamp>,
    /// The first closed gate.
    pub gate: Option<GateName>,
    /// One sentence for people.
    pub sentence: String,
}

/// One patch on one device whose verdict changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The device.
    pub device: String,
    /// Its name, where that is not its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The patch.
    pub patch: String,
    /// What becomes of it.
    pub effect: Effect,
    /// What a denial, a hold, an exclusion or a freeze kept closed and the change opens: why it
    /// was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
    /// How many devices of the client stand as this one does with this patch.
    pub devices: u64,
    /// Under the policy before.
    pub before: Standing,
    /// Under the policy after.
    pub after: Standing,
}

/// How many pairs of a device and a patch change, by what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pairs that were looked at.
    pub pairs: u64,
    /// That were never and open.
    pub opens: u64,
    /// That come sooner.
    pub sooner: u64,
    /// That come later.
    pub later: u64,
    /// That close.
    pub closes: u64,
    /// That change their reason alone.
    pub other_reason: u64,
    /// That a denial, a hold, an exclusion or a freeze kept closed and the change opens.
    pub released: u64,
}

impl Counts {
    /// Pairs whose time changes: all but those that change their reason alone.
    pub fn changed(&self) -> u64 {
        self.opens
            .saturating_add(self.sooner)
            .saturating_add(self.later)
            .saturating_add(self.closes)
    }

    fn add(&mut self, effect: Option<Effect>, released: bool, pairs: u64) {
        self.pairs = self.pairs.saturating_add(pairs);
        if released {
            self.released = self.released.saturating_add(pairs);
        }
        let count = match effect {
            None => return,
            Some(Effect::Opens) => &mut self.opens,
            Some(Effect::Sooner) => &mut self.sooner,
            Some(Effect::Later) => &mut self.later,
            Some(Effect::Closes) => &mut self.closes,
            Some(Effect::OtherReason) => &mut self.other_reason,
        };
        *count = count.saturating_add(pairs);
    }

    fn join(&mut self, other: &Self) {
        self.pairs = self.pairs.saturating_add(other.pairs);
        self.opens = self.opens.saturating_add(other.opens);
        self.sooner = self.sooner.saturating_add(other.sooner);
        self.later = self.later.saturating_add(other.later);
        self.closes = self.closes.saturating_add(other.closes);
        self.other_reason = self.other_reason.saturating_add(other.other_reason);
        self.released = self.released.saturating_add(other.released);
    }
}

/// What changes for one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientDifference {
    /// The client.
    pub client: String,
    /// Its pairs.
    pub counts: Counts,
    /// Its devices in the fleet.
    pub devices: u64,
    /// Its devices with a pair whose time changes.
    pub devices_changed: u64,
    /// Patches whose time changes on at least one of its devices.
    pub patches_changed: u64,
    /// The first time at which something is installed that changes; `None`: nothing is.
    pub first_due_at: Option<Timestamp>,
    /// Some pairs, those that open what was kept closed first.
    pub examples: Vec<Example>,
    /// How many sorts of pairs there are to show; more than `examples` where that was cut.
    pub examples_total: u64,
}

/// What a change of policy makes of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDifference {
    /// The instant for which it was asked.
    pub at: Timestamp,
    /// Objects that change.
    pub objects: Vec<ObjectChange>,
    /// How many of them there are.
    pub objects_total: u64,
    /// All pairs.
    pub counts: Counts,
    /// Devices of the fleet.
    pub devices: u64,
    /// Devices with a pair whose time changes.
    pub devices_changed: u64,
    /// Patches whose time changes on at least one device.
    pub patches_changed: u64,
    /// The first time at which something is installed that changes.
    pub first_due_at: Option<Timestamp>,
    /// Clients for which something changes, those with most changes first.
    pub clients: Vec<ClientDifference>,
    /// How many of them there are.
    pub clients_total: u64,
}

impl PolicyDifference {
    /// Whether nothing changes, neither an object nor a verdict.
    pub fn is_nothing(&self) -> bool {
        self.objects_total == 0 && self.counts.changed() == 0 && self.counts.other_reason == 0
    }
}

/// Does `work` on every item, on at most `threads` threads. The order of the items stays.
pub(crate) fn spread<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let size = items.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        for chunk in items.chunks_mut(size) {
            let work = &work;
            scope.spawn(move || chunk.iter_mut().for_each(work));
        }
    });
}
