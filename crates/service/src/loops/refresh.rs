//! The refresher: fetches feeds that are due, one after the other.
//!
//! Level-triggered like the planner: what is due follows from what is written down of each feed, so
//! a restart loses nothing. Feeds are spread over their rhythm by their names, so that not all
//! servers and feeds ask at one moment. After a failure it waits 5 minutes, doubled with each, up to
//! the feed's rhythm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::document::FeedState;
use domain::feed::Feed;
use feeds::fetch::Transport;
use feeds::sources::Source;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{Result, Service};

/// How long the refresher sleeps at most.
const SLEEP: Duration = Duration::from_secs(20);
/// Minutes after the first failure.
const RETRY_MINUTES: i64 = 5;

/// How feeds are fetched.
#[derive(Clone)]
pub struct Refreshing {
    /// What makes the requests.
    pub transport: Arc<dyn Transport>,
    /// Whether feeds are fetched by themselves; else only those that a person asks for.
    pub automatic: bool,
}

/// When a feed is to be fetched next; `None`: at once.
fn due_at(source: &Source, state: &FeedState, secret: u64) -> Option<Timestamp> {
    let tried = state.tried_at?;
    let rhythm = i64::from(source.rhythm_minutes);
    let wait = if state.failures > 0 {
        let doublings = (state.failures - 1).min(16);
        (RETRY_MINUTES << doublings).min(rhythm.max(RETRY_MINUTES))
    } else {
        // Up to a tenth later, the same for one feed of one server at all times.
        let spread = (source.feed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ secret;
        rhythm + rhythm * i64::try_from(spread % 100).unwrap_or(0) / 1000
    };
    let at = tried.checked_add(SignedDuration::from_mins(wait));
    Some(at.unwrap_or(Timestamp::MAX))
}

impl Service {
    /// The feeds to fetch now: those that were asked for, and those that are due by themselves.
    pub(super) fn feeds_due(&self, automatic: bool) -> Result<Vec<Feed>> {
        let mut due: BTreeSet<Feed> = self.feeds().take_asked();
        if automatic {
            let secret = self.keys().wake_secret();
            let secret = u64::from_le_bytes([
                secret[0], secret[1], secret[2], secret[3], secret[4], secret[5], secret[6],
                secret[7],
            ]);
            let now = self.now();
            for (source, state) in self.feed_states()? {
                let is_due = due_at(source, &state, secret).is_none_or(|at| at <= now);
                if state.enabled && is_due {
                    due.insert(source.feed);
                }
            }
        }
        Ok(due.into_iter().collect())
    }

    fn refresh_turn(&self, refreshing: &Refreshing, stop: &AtomicBool) -> Result<()> {
        for feed in self.feeds_due(refreshing.automatic)? {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let done = self.feed_refresh(feed, refreshing.transport.as_ref(), stop)?;
            match done.failures.first() {
                None => {
                    tracing::info!(%feed, good = done.good, left = done.left, "a feed was fetched")
                }
                Some(first) => tracing::warn!(%feed, error = first, "a feed could not be fetched"),
            }
            if done.left > 0 && done.failures.is_empty() {
                self.feeds().ask(&[feed]);
            }
        }
        Ok(())
    }
}

/// Runs until it is stopped.
pub(super) async fn run(
    service: Arc<Service>,
    refreshing: Refreshing,
    mut stopped: watch::Receiver<bool>,
    stop: Arc<AtomicBool>,
) {
    while !*stopped.borrow() {
        let (own, how, flag) = (Arc::clone(&service), refreshing.clone(), Arc::clone(&stop));
        let turn = tokio::task::spawn_blocking(move || own.refresh_turn(&how, &flag)).await;
        match turn {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(error = cause, "the refresher could not finish its turn");
            }
            Err(error) => tracing::error!(%error, "the refresher's turn ended by a defect"),
        }
        tokio::select! {
            () = service.feeds().rung() => {}
            () = tokio::time::sleep(SLEEP) => {}
            _ = stopped.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn failures_wait_longer_and_longer_and_never_longer_than_the_rhythm() {
        let source = feeds::sources::of(Feed::Kev).unwrap();
        let mut state = FeedState::new(Feed::Kev, true);
        assert_eq!(due_at(source, &state, 7), None);
        state.tried_at = Some(at("2026-03-02T12:00:00Z"));
        // Six hours and at most a tenth of it.
        let due = due_at(source, &state, 7).unwrap();
        assert!(due >= at("2026-03-02T18:00:00Z") && due < at("2026-03-02T18:36:00Z"));
        for (failures, expected) in [
            (1, "2026-03-02T12:05:00Z"),
            (2, "2026-03-02T12:10:00Z"),
            (4, "2026-03-02T12:40:00Z"),
            (60, "2026-03-02T18:00:00Z"),
        ] {
            state.failures = failures;
            assert_eq!(due_at(source, &state, 7), Some(at(expected)), "{failures}");
        }
    }
}
