//! How long to wait after failures: doubling up to a limit, and then any time below that (full
//! jitter), so that a fleet that lost its server does not come back in one second.

use std::time::Duration;

/// The first limit, in seconds.
const FIRST_SECONDS: u64 = 1;
/// The last limit, in seconds.
const LAST_SECONDS: u64 = 300;

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
}
