//! How long to wait after failures: doubling up to a limit, and then any time below that (full
//! jitter), so that a fleet that lost its server does not come back in one second.

use std::time::Duration;

/// The first limit, in seconds.
const FIRST_SECONDS: u64 = 1;
/// The last limit, in seconds.
const LAST_SECONDS: u64 = 300;
/// A server is obeyed so far, in seconds: its mistake must not silence a fleet.
const ASKED_SECONDS_MAX: u64 = 600;

/// Counts failures in a row.
#[derive(Debug, Default, Clone, Copy)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// All is well again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// One more failure: returns how long to wait. `random` is any number.
    pub fn next(&mut self, random: u64) -> Duration {
        let limit = FIRST_SECONDS
            .checked_shl(self.failures.min(32))
            .unwrap_or(LAST_SECONDS)
            .min(LAST_SECONDS);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(random % (limit * 1000 + 1))
    }
}

/// How long to wait where the server said for how many seconds: never less, unless that is more than
/// ten minutes, and up to a quarter longer, so that those it sent away do not come back together.
/// `random` is any number.
pub fn asked(seconds: u64, random: u64) -> Duration {
    let wait = seconds.clamp(1, ASKED_SECONDS_MAX);
    Duration::from_millis(wait * 1000 + random % (wait * 250 + 1))
}

/// Any number; without randomness the same one, which only makes waits less spread.
pub fn random() -> u64 {
    getrandom::u64().unwrap_or(0x5bd1_e995)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_start_anew() {
        let mut backoff = Backoff::default();
        // 2^k * 1000 + 1 divides none of these, so the largest number gives each limit by hand.
        let limits: Vec<u64> = (0..12)
            .map(|_| {
                let mut probe = backoff;
                let largest = (0..=300)
                    .map(|seconds| probe.clone().next(seconds * 1000).as_secs())
                    .max();
                backoff.next(0);
                probe.reset();
                largest.unwrap()
            })
            .collect();
        assert_eq!(limits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        backoff.reset();
        assert!(backoff.next(u64::MAX) <= Duration::from_secs(1));
    }

    #[test]
    fn what_a_server_asks_for_is_waited_and_at_most_a_quarter_more() {
        for (seconds, least, most) in [(0, 1, 1), (17, 17, 21), (600, 600, 750), (86_400, 600, 750)]
        {
            let waits = (0..=150_000).map(|random| asked(seconds, random).as_secs());
            assert_eq!(waits.clone().min(), Some(least), "{seconds}");
            assert_eq!(waits.max(), Some(most), "{seconds}");
        }
        assert_eq!(asked(u64::MAX, 0), Duration::from_secs(600));
    }
}
