//! The whole table of states and events, and what must never happen on any path.

use domain::id::OrderId;
use domain::order::{End, Refusal};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn terms(generation: u32) -> Terms {
    Terms {
        order: OrderId::from_bytes([1; 16]),
        generation,
        sequence: u64::from(generation),
        opens_at: at(1000),
        closes_at: at(2000),
        contact_within_seconds: 600,
    }
}

fn story(end: End) -> Story {
    Story {
        end,
        reason: String::new(),
        started_at: at(1000),
    }
}

fn states() -> Vec<State> {
    let terms = terms(2);
    vec![
        State::Idle,
        State::Received {
            terms: terms.clone(),
        },
        State::Waiting {
            terms: terms.clone(),
            silent_seconds: None,
        },
        State::Waiting {
            terms: terms.clone(),
            silent_seconds: Some(700),
        },
        State::Preflight {
            terms: terms.clone(),
            obstacle: None,
        },
        State::Preflight {
            terms: terms.clone(),
            obstacle: Some(Obstacle {
                refusal: Refusal::Locked {
                    holder: "apt".into(),
                },
                retry_at: at(1490),
            }),
        },
        State::Downloading {
            terms: terms.clone(),
        },
        State::Installing {
            terms: terms.clone(),
            attempt: 1,
            started_at: at(1000),
        },
        State::Installing {
            terms: terms.clone(),
            attempt: 2,
            started_at: at(1000),
        },
        State::Recovering {
            terms: terms.clone(),
            attempt: 1,
            round: 1,
            started_at: at(1000),
        },
        State::Recovering {
            terms: terms.clone(),
            attempt: 2,
            round: 3,
            started_at: at(1000),
        },
        State::Checking {
            terms: terms.clone(),
            story: story(End::Succeeded),
        },
        State::Restarting {
            terms: terms.clone(),
            story: story(End::Succeeded),
            services: vec!["nginx".into()],
        },
        State::Verifying {
            terms: terms.clone(),
            story: story(End::Failed),
        },
        State::Reported {
            terms: terms.clone(),
            end: End::Expired,
        },
        State::Reported {
            terms,
            end: End::Succeeded,
        },
    ]
}

fn events(contact: Timestamp) -> Vec<Event> {
    let failed = || Ended::Failed {
        reason: "postinst".into(),
    };
    let broken = || Ended::Broken {
        reason: "half".into(),
    };
    vec![
        Event::Offered(terms(1)),
        Event::Offered(terms(3)),
        Event::Withdrawn(terms(3)),
        Event::Tick { contact: None },
        Event::Tick {
            contact: Some(contact),
        },
        Event::Prefetched,
        Event::Looked(Preflight::Clear),
        Event::Looked(Preflight::NotYet(Refusal::Locked {
            holder: "apt".into(),
        })),
        Event::Looked(Preflight::Refused(Refusal::ObserveOnly)),
        Event::Looked(Preflight::Superseded(Refusal::Difference {
            differences: vec![],
        })),
        Event::Downloaded,
        Event::DownloadFailed {
            reason: "no network".into(),
        },
        Event::InstallEnded(Ended::Done),
        Event::InstallEnded(failed()),
        Event::InstallEnded(broken()),
        Event::InstallLost,
        Event::Recovered(Ended::Done),
        Event::Recovered(failed()),
        Event::Recovered(broken()),
        Event::RecoveryLost,
        Event::OldCodeFound { services: vec![] },
        Event::OldCodeFound {
            services: vec!["nginx".into()],
        },
        Event::Restarted,
        Event::Verified,
    ]
}

fn short(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let order = OrderId::from_bytes([1; 16]).to_string();
    let mut text = text.replace(&order, "ord");
    for generation in 1..=3 {
        text = text.replace(
            &format!("{:?}", terms(generation)).replace(&order, "ord"),
            &format!("g{generation}"),
        );
    }
    text
}

fn print_effects(effects: &[Effect]) -> String {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Report(closing) => format!("Report({:?})", closing.end),
            other => short(other),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn table(now: Timestamp) -> String {
    let mut out = String::new();
    for state in states() {
        out.push_str(&format!("{}\n", short(&state)));
        for event in events(now) {
            let (after, effects) = step(state.clone(), event.clone(), now);
            if after == state && effects.is_empty() {
                continue;
            }
            out.push_str(&format!(
                "    {} -> {} [{}]\n",
                short(&event),
                short(&after),
                print_effects(&effects)
            ));
        }
    }
    out
}

#[test]
fn the_table_inside_the_window_is_as_written() {
    insta::assert_snapshot!(table(at(1500)));
}

#[test]
fn the_table_before_the_window_is_as_written() {
    insta::assert_snapshot!(table(at(500)));
}

#[test]
fn the_table_after_the_window_is_as_written() {
    insta::assert_snapshot!(table(at(2000)));
}

#[test]
fn without_a_word_from_the_server_it_seeks_one_and_refuses_at_the_close() {
    let waiting = State::Waiting {
        terms: terms(1),
        silent_seconds: None,
    };
    let stale = Event::Tick {
        contact: Some(at(300)),
    };
    let (state, effects) = step(waiting, stale.clone(), at(1000));
    assert_eq!(effects, [Effect::SeekContact]);
    // A word inside the window lets it begin.
    let fresh = Event::Tick {
        contact: Some(at(1200)),
    };
    assert_eq!(step(state.clone(), fresh, at(1200)).1, [Effect::LookBefore]);
    let (_, effects) = step(state, stale, at(2000));
    assert!(matches!(
        &effects[..],
        [Effect::Report(Closing {
            end: End::Refused,
            refusal: Some(Refusal::NoContact { seconds: 700 }),
            ..
        })]
    ));
}

#[test]
fn a_device_that_slept_through_its_window_says_expired() {
    let waiting = State::Waiting {
        terms: terms(1),
        silent_seconds: None,
    };
    let (_, effects) = step(waiting, Event::Tick { contact: None }, at(90_000));
    assert!(matches!(
        &effects[..],
        [Effect::Report(Closing {
            end: End::Expired,
            ..
        })]
    ));
}

fn any_event() -> impl Strategy<Value = (usize, i64)> {
    (0..events(at(0)).len(), 0_i64..400)
}

proptest! {
    /// Any events in any order, with a clock that also goes back.
    #[test]
    fn no_install_begins_outside_its_window_or_twice(
        story in prop::collection::vec(any_event(), 1..60),
        back in prop::collection::vec(prop::bool::weighted(0.1), 60),
    ) {
        let mut now = at(0);
        let mut state = State::Idle;
        let mut begun: Vec<(u32, u8)> = vec![];
        let mut ended: Vec<u32> = vec![];
        for ((which, seconds), back) in story.into_iter().zip(back) {
            let seconds = if back { -seconds } else { seconds };
            now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            let event = events(now).swap_remove(which);
            let before = state.clone();
            let (after, effects) = step(state, event, now);
            for effect in effects {
                let generation = after.terms().map_or(0, |terms| terms.generation);
                match effect {
                    Effect::Install { attempt } => {
                        prop_assert!(terms(1).is_open(now), "began at {now}");
                        prop_assert!(attempt <= ATTEMPTS_MAX);
                        prop_assert!(!begun.contains(&(generation, attempt)), "twice");
                        // A second attempt comes only out of a recovery.
                        let recovering = matches!(before, State::Recovering { .. });
                        prop_assert_eq!(attempt > 1, recovering);
                        begun.push((generation, attempt));
                    }
                    Effect::Report(_) => {
                        prop_assert!(!ended.contains(&generation), "told twice");
                        ended.push(generation);
                    }
                    _ => {}
                }
            }
            state = after;
        }
    }

    /// Whatever state an order is in, a driver that answers each effect brings it to an end.
    #[test]
    fn every_path_ends(which in 0..16_usize, answers in prop::collection::vec(0..4_usize, 80)) {
        let mut state = states().swap_remove(which);
        prop_assume!(state != State::Idle);
        let mut effects = resume(&state);
        let mut now = at(990);
        for answer in answers {
            if state.is_final() {
                break;
            }
            let event = match effects.pop() {
                Some(effect) => answer_to(&effect, answer),
                None => Event::Tick { contact: (answer > 0).then_some(now) },
            };
            now = now.checked_add(SignedDuration::from_secs(30)).unwrap();
            let (after, more) = step(state, event, now);
            state = after;
            effects = more;
        }
        prop_assert!(state.is_final(), "{state:?}");
    }
}

/// One of the answers that a driver can give to an effect.
fn answer_to(effect: &Effect, answer: usize) -> Event {
    let ended = || match answer {
        0 => Ended::Done,
        1 => Ended::Failed {
            reason: "failed".into(),
        },
        _ => Ended::Broken {
            reason: "broken".into(),
        },
    };
    match effect {
        Effect::Prefetch => Event::Prefetched,
        Effect::SeekContact => Event::Tick { contact: None },
        Effect::LookBefore => Event::Looked(match answer {
            0 => Preflight::NotYet(Refusal::Locked {
                holder: "apt".into(),
            }),
            1 => Preflight::Refused(Refusal::ObserveOnly),
            _ => Preflight::Clear,
        }),
        Effect::Download if answer == 0 => Event::DownloadFailed {
            reason: "offline".into(),
        },
        Effect::Download => Event::Downloaded,
        Effect::Install { .. } if answer == 3 => Event::InstallLost,
        Effect::Install { .. } => Event::InstallEnded(ended()),
        Effect::Recover { .. } if answer == 3 => Event::RecoveryLost,
        Effect::Recover { .. } => Event::Recovered(ended()),
        Effect::FindOldCode => Event::OldCodeFound {
            services: vec!["nginx".into(); answer],
        },
        Effect::Restart { .. } => Event::Restarted,
        Effect::LookAgain | Effect::Report(_) => Event::Verified,
    }
}
