//! The machine's words: states, events, effects, and what each carries.

use domain::id::OrderId;
use domain::order::{End, Refusal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How often an install of one generation may be begun: once, and once more when it was lost.
pub const ATTEMPTS_MAX: u8 = 2;
/// How often looking after a lost install may be begun.
pub const RECOVERIES_MAX: u8 = 3;
/// How long the device waits before it tries again what could not be done yet, in seconds.
pub const RETRY_SECONDS: i64 = 15;

/// What the machine has to know of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The order.
    pub order: OrderId,
    /// Which generation.
    pub generation: u32,
    /// Its sequence.
    pub sequence: u64,
    /// The first instant at which it may start.
    pub opens_at: Timestamp,
    /// The first instant at which nothing new may start.
    pub closes_at: Timestamp,
    /// How old the last word with the server may be at the start, in seconds.
    pub contact_within_seconds: u32,
}

impl Terms {
    /// Whether something may begin at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.opens_at <= now && now < self.closes_at
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.closes_at
    }

    /// Seconds since the last word when it is too old (or lies in the future, where a clock jumped).
    pub(super) fn silence(&self, contact: Option<Timestamp>, now: Timestamp) -> Option<u64> {
        let Some(contact) = contact else {
            return Some(u64::from(u32::MAX));
        };
        let age = now.duration_since(contact).as_secs();
        let within = i64::from(self.contact_within_seconds);
        (age > within || age < -within).then(|| age.unsigned_abs())
    }
}

/// Something that stopped the device for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What the order ends with when it stays until the window closes.
    pub refusal: Refusal,
    /// When the device tries again.
    pub retry_at: Timestamp,
}

/// How far an order that changed something came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// How it will end.
    pub end: End,
    /// Why, in one sentence; empty when all went well.
    pub reason: String,
    /// When the install began.
    pub started_at: Timestamp,
}

/// Where an order stands on its device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Nothing is known of it.
    Idle,
    /// It was checked and is kept; what it needs is fetched ahead.
    Received {
        /// The order.
        terms: Terms,
    },
    /// It waits for its window.
    Waiting {
        /// The order.
        terms: Terms,
        /// For how long there was no word from the server when it would have begun, in seconds.
        silent_seconds: Option<u64>,
    },
    /// Guardrails, leftovers, locks, room and simulation are looked at.
    Preflight {
        /// The order.
        terms: Terms,
        /// What stopped it so far.
        obstacle: Option<Obstacle>,
    },
    /// What is still missing is fetched.
    Downloading {
        /// The order.
        terms: Terms,
    },
    /// The package manager works, outside the agent.
    Installing {
        /// The order.
        terms: Terms,
        /// Which attempt, from 1.
        attempt: u8,
        /// When the first attempt began.
        started_at: Timestamp,
    },
    /// An install was lost; the device repairs and looks how far it came.
    Recovering {
        /// The order.
        terms: Terms,
        /// The attempt that was lost.
        attempt: u8,
        /// Which try of looking after it, from 1.
        round: u8,
        /// When the first attempt began.
        started_at: Timestamp,
    },
    /// The device finds out which services run old code.
    Checking {
        /// The order.
        terms: Terms,
        /// How far it came.
        story: Story,
    },
    /// Services that run old code are restarted.
    Restarting {
        /// The order.
        terms: Terms,
        /// How far it came.
        story: Story,
        /// Which services; the agent found them itself.
        services: Vec<String>,
    },
    /// The second look.
    Verifying {
        /// The order.
        terms: Terms,
        /// How far it came.
        story: Story,
    },
    /// It has ended and the end is told.
    Reported {
        /// The order.
        terms: Terms,
        /// How it ended.
        end: End,
    },
}

/// What a look before the start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preflight {
    /// Nothing stands against it.
    Clear,
    /// It cannot be done now, but perhaps later.
    NotYet(Refusal),
    /// It will not be done.
    Refused(Refusal),
    /// A version is not offered any more.
    Superseded(Refusal),
}

/// How a process of the package manager ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Done,
    /// Not as asked; the package manager is in order.
    Failed {
        /// Why.
        reason: String,
    },
    /// The package manager is not in order and could not be repaired.
    Broken {
        /// Why, with the packages.
        reason: String,
    },
}

/// What can happen to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A checked order came, new or of a newer generation.
    Offered(Terms),
    /// It was withdrawn.
    Withdrawn(Terms),
    /// Time passed.
    Tick {
        /// The last word with the server.
        contact: Option<Timestamp>,
    },
    /// What can be fetched ahead is there, or could not be fetched; both are fine.
    Prefetched,
    /// The look before the start is done.
    Looked(Preflight),
    /// Fetching is done.
    Downloaded,
    /// Fetching failed.
    DownloadFailed {
        /// Why.
        reason: String,
    },
    /// The install ended.
    InstallEnded(Ended),
    /// The install's process is gone and left no result.
    InstallLost,
    /// A lost install was looked after. `Done`: everything is as ordered.
    Recovered(Ended),
    /// Looking after a lost install was lost itself.
    RecoveryLost,
    /// These services run old code and shall be restarted.
    OldCodeFound {
        /// Their names.
        services: Vec<String>,
    },
    /// The restarts are done, well or not: the second look tells.
    Restarted,
    /// The second look is written down.
    Verified,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Fetch ahead what the order needs.
    Prefetch,
    /// Speak with the server.
    SeekContact,
    /// Look before the start.
    LookBefore,
    /// Fetch what is missing.
    Download,
    /// Begin, or go on waiting for, this attempt of the install.
    Install {
        /// Which attempt.
        attempt: u8,
    },
    /// Repair and look how far a lost install came.
    Recover {
        /// The attempt that was lost.
        attempt: u8,
        /// Which try.
        round: u8,
    },
    /// Find services that run old code.
    FindOldCode,
    /// Restart them.
    Restart {
        /// Which.
        services: Vec<String>,
    },
    /// Make the second look.
    LookAgain,
    /// Tell the end.
    Report(Closing),
}

/// The end of an order, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// How it ended.
    pub end: End,
    /// Why, in one sentence; empty when all went well.
    pub reason: String,
    /// Why it was refused, as data.
    pub refusal: Option<Refusal>,
    /// When the install began; `None`: nothing was changed.
    pub started_at: Option<Timestamp>,
}

impl State {
    /// The order it is about.
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Idle => None,
            Self::Received { terms }
            | Self::Waiting { terms, .. }
            | Self::Preflight { terms, .. }
            | Self::Downloading { terms }
            | Self::Installing { terms, .. }
            | Self::Recovering { terms, .. }
            | Self::Checking { terms, .. }
            | Self::Restarting { terms, .. }
            | Self::Verifying { terms, .. }
            | Self::Reported { terms, .. } => Some(terms),
        }
    }

    /// Whether the order has ended.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Reported { .. })
    }

    /// Whether the order occupies the device: only one does at a time.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Idle | Self::Received { .. } | Self::Waiting { .. } | Self::Reported { .. } => {
                false
            }
            Self::Preflight { .. }
            | Self::Downloading { .. }
            | Self::Installing { .. }
            | Self::Recovering { .. }
            | Self::Checking { .. }
            | Self::Restarting { .. }
            | Self::Verifying { .. } => true,
        }
    }

    /// The order, as long as nothing was changed on the device: then it can still be replaced.
    pub(super) fn unstarted(&self) -> Option<&Terms> {
        match self {
            Self::Received { terms }
            | Self::Waiting { terms, .. }
            | Self::Preflight { terms, .. }
            | Self::Downloading { terms } => Some(terms),
            Self::Reported { terms, end } => match end {
                End::Refused | End::Expired | End::Cancelled | End::Superseded => Some(terms),
                End::Succeeded | End::Failed | End::NeedsHands => None,
            },
            Self::Idle
            | Self::Installing { .. }
            | Self::Recovering { .. }
            | Self::Checking { .. }
            | Self::Restarting { .. }
            | Self::Verifying { .. } => None,
        }
    }
}

impl Story {
    pub(super) fn of(ended: Ended, started_at: Timestamp) -> Self {
        let (end, reason) = match ended {
            Ended::Done => (End::Succeeded, String::new()),
            Ended::Failed { reason } => (End::Failed, reason),
            Ended::Broken { reason } => (End::NeedsHands, reason),
        };
        Self {
            end,
            reason,
            started_at,
        }
    }
}
