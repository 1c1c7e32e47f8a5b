//! What one order goes through on its device: states, events, and what to do next.
//!
//! Pure: no clock, no file, no process. The driver takes each state down in the journal before it
//! does what the step asks for, so a killed agent goes on from its journal. What may never happen:
//! an install that begins outside its window, a second install of one generation unless the first
//! was lost and looked after, an order without an end. Times are instants, waits are seconds.
//!
//! ```text
//!  Idle ─▶ Received ─▶ Waiting ─▶ Preflight ─▶ Downloading ─▶ Installing ─▶ Checking ─▶ Restarting
//!             │           │          │ ▲            │          │      ▲         │           │
//!             │           │          └─┴─not yet────┘         lost   again      ▼           ▼
//!             │           │                                    ▼      │      Verifying ◀────┘
//!             │           │                                 Recovering┴─────────┘ ▲   │
//!             └───────────┴── refused, expired, cancelled, superseded ──▶ Reported ◀──┘
//! ```

use domain::id::OrderId;
use domain::order::{End, Refusal};
use jiff::{SignedDuration, Timestamp};
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

    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.closes_at
    }

    /// Seconds since the last word when it is too old (or lies in the future, where a clock jumped).
    fn silence(&self, contact: Option<Timestamp>, now: Timestamp) -> Option<u64> {
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

type Next = (State, Vec<Effect>);

/// Returns the state after `event`, and what is to be done. What does not fit changes nothing:
/// messages come twice and late.
pub fn step(state: State, event: Event, now: Timestamp) -> Next {
    use {Event as E, State as S};
    match (state, event) {
        (S::Idle, E::Offered(terms)) => receive(terms, now),
        (S::Idle, E::Withdrawn(terms)) => withdraw(terms),
        (state, E::Offered(newer)) => match state.unstarted() {
            Some(terms) if newer.generation > terms.generation => receive(newer, now),
            Some(_) | None => (state, vec![]),
        },
        // What has ended is not withdrawn any more: its end was told.
        (state @ S::Reported { .. }, E::Withdrawn(_)) => (state, vec![]),
        (state, E::Withdrawn(newer)) => match state.unstarted() {
            Some(terms) if newer.generation >= terms.generation => withdraw(newer),
            Some(_) | None => (state, vec![]),
        },
        (S::Received { terms }, E::Tick { .. }) if terms.is_over(now) => expire(terms),
        (S::Received { terms }, E::Prefetched) => wait(terms),
        (
            S::Waiting {
                terms,
                silent_seconds,
            },
            E::Tick { contact },
        ) => begin(terms, silent_seconds, contact, now),
        (S::Preflight { terms, obstacle }, E::Tick { .. }) => try_again(terms, obstacle, now),
        (S::Preflight { terms, obstacle }, E::Looked(found)) => looked(terms, obstacle, found, now),
        (S::Downloading { terms }, E::Downloaded) => install(terms, 1, now, now),
        (S::Downloading { terms }, E::DownloadFailed { reason }) => {
            hold_up(terms, Refusal::Other { reason }, now)
        }
        (
            S::Installing {
                terms, started_at, ..
            },
            E::InstallEnded(ended),
        ) => check(terms, Story::of(ended, started_at)),
        (
            S::Installing {
                terms,
                attempt,
                started_at,
            },
            E::InstallLost,
        ) => recover(terms, attempt, 1, started_at),
        (
            S::Recovering {
                terms,
                attempt,
                started_at,
                ..
            },
            E::Recovered(ended),
        ) => recovered(terms, attempt, started_at, ended, now),
        (
            S::Recovering {
                terms,
                attempt,
                round,
                started_at,
            },
            E::RecoveryLost,
        ) => recover(terms, attempt, round.saturating_add(1), started_at),
        (S::Checking { terms, story }, E::OldCodeFound { services }) => {
            restart(terms, story, services)
        }
        (S::Restarting { terms, story, .. }, E::Restarted) => verify(terms, story),
        (S::Verifying { terms, story }, E::Verified) => close(
            terms,
            Closing {
                end: story.end,
                reason: story.reason,
                refusal: None,
                started_at: Some(story.started_at),
            },
        ),
        // Everything else came twice, late, or for another state.
        (state, _) => (state, vec![]),
    }
}

/// What is to be done in a state that was read back from the journal after a restart.
pub fn resume(state: &State) -> Vec<Effect> {
    match state {
        State::Idle | State::Waiting { .. } | State::Reported { .. } => vec![],
        State::Received { .. } => vec![Effect::Prefetch],
        State::Preflight { obstacle: None, .. } => vec![Effect::LookBefore],
        // The next tick tries again when its time has come.
        State::Preflight {
            obstacle: Some(_), ..
        } => vec![],
        State::Downloading { .. } => vec![Effect::Download],
        State::Installing { attempt, .. } => vec![Effect::Install { attempt: *attempt }],
        State::Recovering { attempt, round, .. } => vec![Effect::Recover {
            attempt: *attempt,
            round: *round,
        }],
        State::Checking { .. } => vec![Effect::FindOldCode],
        State::Restarting { services, .. } => vec![Effect::Restart {
            services: services.clone(),
        }],
        State::Verifying { .. } => vec![Effect::LookAgain],
    }
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
    fn unstarted(&self) -> Option<&Terms> {
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
    fn of(ended: Ended, started_at: Timestamp) -> Self {
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

fn receive(terms: Terms, now: Timestamp) -> Next {
    if terms.is_over(now) {
        return expire(terms);
    }
    (State::Received { terms }, vec![Effect::Prefetch])
}

fn wait(terms: Terms) -> Next {
    let state = State::Waiting {
        terms,
        silent_seconds: None,
    };
    (state, vec![])
}

fn begin(
    terms: Terms,
    silent_before: Option<u64>,
    contact: Option<Timestamp>,
    now: Timestamp,
) -> Next {
    if terms.is_over(now) {
        return match silent_before {
            Some(seconds) => refuse(terms, Refusal::NoContact { seconds }),
            None => expire(terms),
        };
    }
    if !terms.is_open(now) {
        let state = State::Waiting {
            terms,
            silent_seconds: None,
        };
        return (state, vec![]);
    }
    match terms.silence(contact, now) {
        None => (
            State::Preflight {
                terms,
                obstacle: None,
            },
            vec![Effect::LookBefore],
        ),
        silent_seconds @ Some(_) => (
            State::Waiting {
                terms,
                silent_seconds,
            },
            vec![Effect::SeekContact],
        ),
    }
}

fn try_again(terms: Terms, obstacle: Option<Obstacle>, now: Timestamp) -> Next {
    match obstacle {
        Some(obstacle) if terms.is_over(now) => refuse(terms, obstacle.refusal),
        None if terms.is_over(now) => expire(terms),
        Some(obstacle)
            if now >= obstacle.retry_at
                || obstacle.retry_at.duration_since(now)
                    > SignedDuration::from_secs(RETRY_SECONDS) =>
        {
            let state = State::Preflight {
                terms,
                obstacle: Some(obstacle),
            };
            (state, vec![Effect::LookBefore])
        }
        obstacle => (State::Preflight { terms, obstacle }, vec![]),
    }
}

fn looked(terms: Terms, obstacle: Option<Obstacle>, found: Preflight, now: Timestamp) -> Next {
    match found {
        Preflight::Refused(refusal) => refuse(terms, refusal),
        Preflight::Superseded(refusal) => {
            let closing = Closing {
                end: End::Superseded,
                reason: "an ordered version is not offered any more".to_owned(),
                refusal: Some(refusal),
                started_at: None,
            };
            close(terms, closing)
        }
        Preflight::NotYet(refusal) => hold_up(terms, refusal, now),
        Preflight::Clear if terms.is_open(now) => {
            (State::Downloading { terms }, vec![Effect::Download])
        }
        Preflight::Clear => match obstacle {
            Some(obstacle) if terms.is_over(now) => refuse(terms, obstacle.refusal),
            Some(_) | None if terms.is_over(now) => expire(terms),
            // The clock went back: the window is not open any more.
            Some(_) | None => wait(terms),
        },
    }
}

fn hold_up(terms: Terms, refusal: Refusal, now: Timestamp) -> Next {
    if terms.is_over(now) {
        return refuse(terms, refusal);
    }
    let retry_at = now
        .checked_add(SignedDuration::from_secs(RETRY_SECONDS))
        .unwrap_or(now);
    let state = State::Preflight {
        terms,
        obstacle: Some(Obstacle { refusal, retry_at }),
    };
    (state, vec![])
}

fn install(terms: Terms, attempt: u8, started_at: Timestamp, now: Timestamp) -> Next {
    if terms.is_over(now) {
        return expire(terms);
    }
    if !terms.is_open(now) {
        return wait(terms);
    }
    let state = State::Installing {
        terms,
        attempt,
        started_at,
    };
    (state, vec![Effect::Install { attempt }])
}

fn recover(terms: Terms, attempt: u8, round: u8, started_at: Timestamp) -> Next {
    if round > RECOVERIES_MAX {
        let reason = format!("the install was interrupted, and {RECOVERIES_MAX} repairs were too")
            .to_owned();
        return verify(terms, Story::of(Ended::Broken { reason }, started_at));
    }
    let state = State::Recovering {
        terms,
        attempt,
        round,
        started_at,
    };
    (state, vec![Effect::Recover { attempt, round }])
}

fn recovered(
    terms: Terms,
    attempt: u8,
    started_at: Timestamp,
    ended: Ended,
    now: Timestamp,
) -> Next {
    match ended {
        Ended::Done | Ended::Broken { .. } => check(terms, Story::of(ended, started_at)),
        Ended::Failed { .. } if attempt < ATTEMPTS_MAX && terms.is_open(now) => {
            install(terms, attempt + 1, started_at, now)
        }
        Ended::Failed { reason } => check(
            terms,
            Story::of(
                Ended::Failed {
                    reason: format!("the install was interrupted: {reason}"),
                },
                started_at,
            ),
        ),
    }
}

fn check(terms: Terms, story: Story) -> Next {
    match story.end {
        // Packages that did get in may have left services on old code also when others failed.
        End::Succeeded | End::Failed => {
            (State::Checking { terms, story }, vec![Effect::FindOldCode])
        }
        End::NeedsHands | End::Refused | End::Expired | End::Cancelled | End::Superseded => {
            verify(terms, story)
        }
    }
}

fn restart(terms: Terms, story: Story, services: Vec<String>) -> Next {
    if services.is_empty() {
        return verify(terms, story);
    }
    let effects = vec![Effect::Restart {
        services: services.clone(),
    }];
    let state = State::Restarting {
        terms,
        story,
        services,
    };
    (state, effects)
}

fn verify(terms: Terms, story: Story) -> Next {
    (State::Verifying { terms, story }, vec![Effect::LookAgain])
}

fn expire(terms: Terms) -> Next {
    let closing = Closing {
        end: End::Expired,
        reason: "the window closed before it could begin".to_owned(),
        refusal: Some(Refusal::Expired),
        started_at: None,
    };
    close(terms, closing)
}

fn withdraw(terms: Terms) -> Next {
    let closing = Closing {
        end: End::Cancelled,
        reason: "withdrawn before it began".to_owned(),
        refusal: None,
        started_at: None,
    };
    close(terms, closing)
}

/// Ends an order without a change.
pub fn refuse(terms: Terms, refusal: Refusal) -> Next {
    let closing = Closing {
        end: End::Refused,
        reason: crate::words::refusal(&refusal),
        refusal: Some(refusal),
        started_at: None,
    };
    close(terms, closing)
}

fn close(terms: Terms, closing: Closing) -> Next {
    let end = closing.end;
    (
        State::Reported { terms, end },
        vec![Effect::Report(closing)],
    )
}

#[cfg(test)]
mod tests;
