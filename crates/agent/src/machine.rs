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

use domain::order::{End, Refusal};
use jiff::{SignedDuration, Timestamp};

mod state;

pub use state::{
    ATTEMPTS_MAX, Closing, Effect, Ended, Event, Obstacle, Preflight, RECOVERIES_MAX,
    RETRY_SECONDS, State, Story, Terms,
};

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
        // As it was when it would have begun: the journal gets no record for every second of silence.
        silent @ Some(_) => (
            State::Waiting {
                terms,
                silent_seconds: silent_before.or(silent),
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
