//! Refused messages, counted by where they come from: each writes an audit row, but an attacker must
//! not fill the disk with them, nor keep the server busy with unpacking.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// Refused messages from one address within one window of time that are looked at.
const REFUSALS_MAX: u32 = 30;
/// Of those, the ones that write an audit row.
const AUDITED_MAX: u32 = 5;
/// The window, in seconds.
const WINDOW_SECONDS: i64 = 60;
/// Most addresses that are counted apart; beyond, all are forgotten and counted anew.
const ADDRESSES_MAX: usize = 10_000;

/// What to do about a refused message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audited {
    /// Write an audit row.
    Yes,
    /// Enough were written for this address and minute.
    No,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    since: Timestamp,
    refusals: u32,
}

/// Counts refused messages by address.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<IpAddr, Counted>>);

impl Refusals {
    /// Whether an address may send more; otherwise when it may again.
    pub fn admit(&self, from: IpAddr, now: Timestamp) -> Result<(), Timestamp> {
        let counted = self.lock();
        match counted.get(&from) {
            Some(entry) if entry.refusals >= REFUSALS_MAX && now < ends(entry.since) => {
                Err(ends(entry.since))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Counts one refused message.
    pub fn count(&self, from: IpAddr, now: Timestamp) -> Audited {
        let mut counted = self.lock();
        if counted.len() >= ADDRESSES_MAX {
            counted.clear();
        }
        let entry = counted.entry(from).or_insert(Counted {
            since: now,
            refusals: 0,
        });
        if now >= ends(entry.since) || now < entry.since {
            *entry = Counted {
                since: now,
                refusals: 0,
            };
        }
        entry.refusals += 1;
        if entry.refusals <= AUDITED_MAX {
            Audited::Yes
        } else {
            Audited::No
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Counted>> {
        self.0.lock().expect("no holder of the counts can panic")
    }
}

fn ends(since: Timestamp) -> Timestamp {
    since
        .checked_add(SignedDuration::from_secs(WINDOW_SECONDS))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_written_down_and_many_are_turned_away_for_a_minute() {
        let refusals = Refusals::default();
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let audited = (0..30)
            .filter(|_| refusals.count(from, now) == Audited::Yes)
            .count();
        assert_eq!(audited, 5);
        let later: Timestamp = "2026-11-23T10:01:00Z".parse().unwrap();
        assert_eq!(refusals.admit(from, now), Err(later));
        assert_eq!(refusals.admit(other, now), Ok(()));
        assert_eq!(refusals.admit(from, later), Ok(()));
        assert_eq!(refusals.count(from, later), Audited::Yes);
    }
}
