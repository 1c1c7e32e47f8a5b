//! Orders: what one device is told to do, how an order's state may change, and what came of it.
//!
//! An order is a closed list of exact arguments; there is no verb that runs a program of the
//! sender's choice. Transitions are one function; anything it does not know is refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, OrderId};
use crate::name::{Architecture, PackageName, Version};
use crate::package::{Ecosystem, words};
use crate::patch::PatchId;

pub mod record;

/// How early an order is delivered before its window, in hours.
pub const DELIVERY_LEAD_HOURS: i64 = 24;
/// How old the last word with the server may be when an agent starts, by default, in seconds.
pub const CONTACT_WITHIN_SECONDS_DEFAULT: u32 = 3600;
/// Most packages in one order.
pub const ITEMS_MAX: usize = 500;

/// What an agent can be told. Closed: an unknown verb is refused with its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Fetch the package lists anew.
    RefreshIndex,
    /// Look at the device and report.
    CollectInventory,
    /// Fetch what an order needs, change nothing.
    Download,
    /// Try the order on a throw-away copy of the system.
    Rehearse,
    /// Install exact versions.
    Install,
    /// Go back to exact versions.
    Downgrade,
    /// Hold a package, or let it go.
    SetHold,
    /// Finish an interrupted transaction.
    Repair,
    /// Restart services that the agent itself found running old code.
    RestartServices,
    /// Reboot.
    Reboot,
    /// Run a check that the device's administrator placed there.
    RunCheck,
    /// Be the only updater.
    TakeOverUpdater,
    /// Look for devices that nobody manages.
    Discover,
}

words!(Verb "verb"
    "RefreshIndex, CollectInventory, Download, Rehearse, Install, Downgrade, SetHold, Repair, RestartServices, Reboot, RunCheck, TakeOverUpdater, Discover" {
    RefreshIndex "RefreshIndex", CollectInventory "CollectInventory", Download "Download",
    Rehearse "Rehearse", Install "Install", Downgrade "Downgrade", SetHold "SetHold",
    Repair "Repair", RestartServices "RestartServices", Reboot "Reboot", RunCheck "RunCheck",
    TakeOverUpdater "TakeOverUpdater", Discover "Discover",
});

/// One package of an order: exactly from, exactly to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderItem {
    /// Whose rules apply.
    pub ecosystem: Ecosystem,
    /// The package.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What is installed; `None` when it is new.
    pub from: Option<Version>,
    /// What must be installed afterwards.
    pub to: Version,
    /// The patch it belongs to.
    pub patch: PatchId,
}

/// An instruction to one device, as it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Version of this form: 1.
    pub v: u8,
    /// The device it is for.
    pub device: DeviceId,
    /// The order.
    pub order: OrderId,
    /// Rises when the order is replaced; an older one is refused.
    pub generation: u32,
    /// Rises with every order of the device; never below the last seen.
    pub sequence: u64,
    /// What to do.
    pub action: Action,
    /// The first instant at which it may start.
    pub opens_at: Timestamp,
    /// The first instant at which nothing new may start.
    pub closes_at: Timestamp,
    /// When the server gives it up.
    pub deadline: Timestamp,
    /// How old the last word with the server may be at the start, in seconds.
    pub contact_within_seconds: u32,
    /// When the server made it.
    pub made_at: Timestamp,
}

/// What an order asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", deny_unknown_fields)]
pub enum Action {
    /// Install exact versions, restart what then runs old code, look again.
    Install {
        /// The packages.
        items: Vec<OrderItem>,
        /// Whether services that run old code afterwards are restarted.
        restart_services: Switch,
    },
    /// Withdraw the order.
    Cancel,
}

/// On or off, where a word says more than a truth value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// Where an order stands.
///
/// ```text
///   Waiting ──taken──▶ Delivered ──started──▶ Running ──▶ Succeeded · Failed · NeedsHands
///      │                  │  └──────────────────┴───────▶ Refused · Superseded · Expired
///      ├──────────────────┴──▶ Cancelled                        │
///      └──time──▶ Expired      Delivered/Running ──time──▶ Lost ─┴─ a late report corrects it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Made, not yet taken by the device.
    Waiting,
    /// The device has it and waits for its window.
    Delivered,
    /// The device works on it.
    Running,
    /// The device says that it did it; whether that is true, the proof says.
    Succeeded,
    /// The device says that it failed, and stands repaired.
    Failed,
    /// The device refused it.
    Refused,
    /// Its time passed.
    Expired,
    /// Withdrawn.
    Cancelled,
    /// The approved version is not offered any more.
    Superseded,
    /// The device did not report by the deadline.
    Lost,
    /// The device could not be repaired.
    NeedsHands,
}

words!(OrderState "order state"
    "waiting, delivered, running, succeeded, failed, refused, expired, cancelled, superseded, lost, needs-hands" {
    Waiting "waiting", Delivered "delivered", Running "running", Succeeded "succeeded",
    Failed "failed", Refused "refused", Expired "expired", Cancelled "cancelled",
    Superseded "superseded", Lost "lost", NeedsHands "needs-hands",
});

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEvent {
    /// The device took it.
    Taken,
    /// The device began.
    Started,
    /// The device reported the end.
    Ended(End),
    /// It was withdrawn before the device began.
    Withdrawn,
    /// A newer generation was made: it must be taken again.
    Replaced,
    /// The window closed and the device never took it.
    ClosedUntaken,
    /// The deadline passed without a report.
    DeadlinePassed,
}

/// How a device says that an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All was done.
    Succeeded,
    /// Something failed; the package manager is in order again.
    Failed,
    /// Nothing was done.
    Refused,
    /// Nothing was done: its time passed.
    Expired,
    /// Nothing was done: it was withdrawn.
    Cancelled,
    /// Nothing was done: a version is not offered any more.
    Superseded,
    /// Something failed and could not be repaired.
    NeedsHands,
}

/// A transition that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {state} cannot take {event:?}")]
pub struct IllegalTransition {
    /// The state.
    pub state: OrderState,
    /// The event.
    pub event: OrderEvent,
}

impl End {
    /// The state that this end leads to.
    pub fn state(self) -> OrderState {
        match self {
            Self::Succeeded => OrderState::Succeeded,
            Self::Failed => OrderState::Failed,
            Self::Refused => OrderState::Refused,
            Self::Expired => OrderState::Expired,
            Self::Cancelled => OrderState::Cancelled,
            Self::Superseded => OrderState::Superseded,
            Self::NeedsHands => OrderState::NeedsHands,
        }
    }
}

impl OrderState {
    /// Whether nothing more is expected (a late report may still correct `lost` and `expired`).
    pub fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Delivered | Self::Running => false,
            Self::Succeeded
            | Self::Failed
            | Self::Refused
            | Self::Expired
            | Self::Cancelled
            | Self::Superseded
            | Self::Lost
            | Self::NeedsHands => true,
        }
    }

    /// Whether the device may have changed something, so that a proof is due.
    pub fn wants_proof(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::NeedsHands => true,
            Self::Waiting
            | Self::Delivered
            | Self::Running
            | Self::Refused
            | Self::Expired
            | Self::Cancelled
            | Self::Superseded
            | Self::Lost => false,
        }
    }

    /// Returns the state after `event`, or the refusal.
    ///
    /// Words that come twice change nothing, because messages come twice.
    pub fn after(self, event: OrderEvent) -> Result<Self, IllegalTransition> {
        use {OrderEvent as E, OrderState as S};
        match (self, event) {
            (S::Waiting | S::Delivered, E::Taken) => Ok(S::Delivered),
            (S::Waiting | S::Delivered | S::Running | S::Lost, E::Started) => Ok(S::Running),
            (S::Running | S::Succeeded | S::Failed | S::NeedsHands, E::Taken) => Ok(self),
            // The device knows best: a late report corrects what the server had given up, and one
            // that overtook the word of a beginning is as good.
            (
                S::Waiting | S::Delivered | S::Running | S::Lost | S::Expired | S::Cancelled,
                E::Ended(end),
            ) => Ok(end.state()),
            (state, E::Ended(end)) if state == end.state() => Ok(state),
            (S::Waiting | S::Delivered, E::Withdrawn) => Ok(S::Cancelled),
            (S::Waiting | S::Delivered, E::Replaced) => Ok(S::Waiting),
            (S::Waiting, E::ClosedUntaken) => Ok(S::Expired),
            (S::Delivered | S::Running, E::DeadlinePassed) => Ok(S::Lost),
            (state, event) => Err(IllegalTransition { state, event }),
        }
    }
}

/// What came of one package of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemOutcome {
    /// The package.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// How it ended.
    pub result: ItemResult,
}

/// How one package of an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ItemResult {
    /// The package manager says that it is installed.
    Installed,
    /// It failed.
    Failed {
        /// In the package manager's words.
        reason: String,
    },
    /// It was not touched.
    Untouched,
}

/// Why a device refuses an order. Each is a code that people and tools can rely on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Refusal {
    /// Signed by nobody this device trusts, or changed on the way.
    BadSignature,
    /// For another device.
    OtherDevice,
    /// Its sequence was seen before, or is older than one seen.
    Replayed {
        /// The last sequence seen.
        last_seen: u64,
    },
    /// An older generation than one already held.
    OldGeneration,
    /// The window closed before it could begin.
    Expired,
    /// The device has not spoken with the server for too long.
    NoContact {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// The device only observes.
    ObserveOnly,
    /// This agent does not know the verb.
    UnknownVerb {
        /// The verb.
        verb: String,
    },
    /// The simulation differs from the order.
    Difference {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The device's own guardrails forbid it.
    Guardrail {
        /// Which one, in one sentence.
        rule: String,
    },
    /// The order cannot be read.
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The package manager stayed locked until the window closed.
    Locked {
        /// Who held it.
        holder: String,
    },
    /// Not enough room.
    NoSpace {
        /// Bytes that would be needed.
        needed_bytes: u64,
        /// Bytes that are free.
        free_bytes: u64,
    },
    /// Something else that stopped it before anything was changed.
    Other {
        /// In one sentence.
        reason: String,
    },
}

/// One difference between an order and its simulation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Difference {
    /// The package manager would also install or upgrade this.
    Extra {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// The version it would get.
        version: Version,
    },
    /// It would remove this.
    Removal {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
    },
    /// It would go back.
    Downgrade {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// From.
        from: Version,
        /// To.
        to: Version,
    },
    /// It would install another version than ordered.
    OtherVersion {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// What was ordered.
        ordered: Version,
        /// What would be installed.
        simulated: Version,
    },
    /// The ordered version is not offered any more.
    NotOffered {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// What was ordered.
        ordered: Version,
        /// What is offered now, if anything.
        offered: Option<Version>,
    },
    /// Something else is installed than the order was made for.
    OtherInstalled {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// What the order was made for.
        expected: Option<Version>,
        /// What is installed.
        installed: Option<Version>,
    },
}

/// What a device says came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The order.
    pub order: OrderId,
    /// Which generation of it.
    pub generation: u32,
    /// Its sequence.
    pub sequence: u64,
    /// How it ended.
    pub end: End,
    /// Why, in one sentence; empty when all went well.
    pub reason: String,
    /// Why it was refused, as data.
    pub refusal: Option<Refusal>,
    /// Per package.
    pub items: Vec<ItemOutcome>,
    /// Services that were restarted.
    pub restarted: Vec<String>,
    /// Configuration files whose new version was put beside the old one.
    pub kept_files: Vec<String>,
    /// What was repaired, in one line each.
    pub repaired: Vec<String>,
    /// When the transaction began; `None` when nothing was changed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The last lines of the package manager's output, at most 8 KiB.
    pub log: String,
}

#[cfg(test)]
mod tests;
