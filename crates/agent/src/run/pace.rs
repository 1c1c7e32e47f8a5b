//! When to check in next: by elapsed time, by the clock, or because somebody has news.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use domain::clock::Clock;
use jiff::{SignedDuration, Timestamp};

use super::News;
use crate::backoff::Backoff;
use crate::platform::ChangeMark;

/// A nudge is followed after at most this time, also between failures.
const NUDGE_PATIENCE: Duration = Duration::from_secs(20);
/// The clock and the package manager's files are looked at again at least so often: the one may jump,
/// the others be changed by hand.
const GLANCE: Duration = if clock::IS_TEST_CLOCK {
    Duration::from_millis(500)
} else {
    Duration::from_secs(30)
};

/// When to check in next.
pub(super) struct Pace {
    pub backoff: Backoff,
    pub backoff_began: Option<Instant>,
    pub refresh_at: Option<Timestamp>,
    due: Instant,
    due_at: Timestamp,
    /// The longest wait that was meant, for a clock that went back.
    wait: SignedDuration,
    /// Who chose it.
    chosen: Chosen,
}

/// Who chose how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// The agent, or the server on a good day: news shorten it.
    ByAgent,
    /// A server that is too busy: nothing shortens it.
    ByBusyServer,
}

/// What is looked at while waiting.
pub(super) struct Surroundings<'a> {
    pub clock: &'a dyn Clock,
    /// What stood when the device was last looked at.
    pub looked: Option<&'a ChangeMark>,
    /// What stands now: a handful of `stat` calls.
    pub mark: &'a dyn Fn() -> ChangeMark,
    /// Whether an order is being carried out: then changes are ours, and its end tells.
    pub works: &'a dyn Fn() -> bool,
}

impl Pace {
    pub fn new() -> Self {
        Self {
            backoff: Backoff::default(),
            backoff_began: None,
            refresh_at: None,
            due: Instant::now(),
            due_at: Timestamp::UNIX_EPOCH,
            wait: SignedDuration::ZERO,
            chosen: Chosen::ByAgent,
        }
    }

    /// Waits so long, or until there is news.
    pub fn sleep_for(&mut self, wait: Duration, now: Timestamp) {
        self.chosen = Chosen::ByAgent;
        self.due = Instant::now() + wait;
        self.wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(24));
        self.due_at = now.checked_add(self.wait).unwrap_or(Timestamp::MAX);
    }

    /// Waits so long, whatever news there is: a busy server asked for it.
    pub fn obey(&mut self, wait: Duration, now: Timestamp) {
        self.sleep_for(wait, now);
        self.chosen = Chosen::ByBusyServer;
    }

    /// Waits until it is due, by elapsed time or by the clock, or somebody has news.
    pub fn wait(&mut self, heard: &Receiver<News>, device: &Surroundings<'_>) {
        let began = Instant::now();
        let (mut nudged, mut woken) = (false, false);
        let mut watch = Watch::default();
        loop {
            let now = device.clock.now();
            let went_back = self.due_at.duration_since(now) > self.wait;
            if Instant::now() >= self.due || now >= self.due_at || went_back {
                return;
            }
            let failing = self.backoff_began.is_some();
            let nudged_enough = nudged && (!failing || began.elapsed() >= NUDGE_PATIENCE);
            if self.chosen == Chosen::ByAgent && (woken || nudged_enough) {
                while heard.try_recv().is_ok() {}
                return;
            }
            let left = self.due.saturating_duration_since(Instant::now());
            match heard.recv_timeout(left.min(GLANCE)) {
                Ok(News::Wake) => woken = true,
                Ok(News::Nudge) => nudged = true,
                Err(RecvTimeoutError::Timeout) => {
                    let changed = watch.settled(device.looked, (device.mark)());
                    // Between failures there is nobody to tell; the next try looks anew anyway.
                    if changed && !failing && !(device.works)() {
                        return;
                    }
                }
                // No other thread is left to tell anything: only time does.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Sees that the device is another than when it was looked at, and has come to rest: a package manager
/// at work changes its files again and again, and each look costs more than a glance.
#[derive(Debug, Default)]
struct Watch {
    before: Option<ChangeMark>,
}

impl Watch {
    fn settled(&mut self, looked: Option<&ChangeMark>, now: ChangeMark) -> bool {
        let settled = looked.is_some_and(|looked| *looked != now)
            && self.before.as_ref().is_some_and(|before| *before == now);
        self.before = Some(now);
        settled
    }
}

#[cfg(test)]
mod tests;
