//! Local times as instants.
//!
//! A time that a change of clocks skips is the first valid instant after the gap; a time that comes
//! twice is the first of the two.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::date;

pub(super) const DAY_SECONDS: i64 = 24 * 3600;
/// So far from a change of clocks a local time is one instant whatever the change was: no zone ever
/// moved its clocks by more than 26 hours.
const MARGIN_SECONDS: i64 = 2 * DAY_SECONDS;

/// The first instant at which the clocks of `zone` show `local` or later; `None`: beyond all time.
pub fn first_instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => ambiguous.compatible().ok(),
        AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { before, after } => {
            // `earlier` reads the time with the offset after the gap, which lies before the change.
            let (low, high) = (ambiguous.earlier().ok()?, ambiguous.later().ok()?);
            zone.following(low)
                .map(|change| change.timestamp())
                .take_while(|change| *change <= high)
                .find(|change| {
                    let moment_before = change.checked_sub(SignedDuration::from_nanos(1));
                    zone.to_offset(*change) == after
                        && moment_before.is_ok_and(|at| zone.to_offset(at) == before)
                })
                .or(Some(high))
        }
    }
}

/// [`first_instant`] for many local times in order, in seconds since 1970: between two changes of
/// clocks it is one subtraction.
#[derive(Debug, Clone)]
pub(super) struct LocalClock {
    zone: TimeZone,
    offset: i64,
    /// Instants in `[from, until)` are the only ones with their local time.
    from: i64,
    until: i64,
}

impl LocalClock {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            offset: 0,
            from: 0,
            until: 0,
        }
    }

    /// The first instant at which the clocks show `local` or later.
    pub(super) fn instant(&mut self, local: i64) -> Option<i64> {
        let guess = local.checked_sub(self.offset)?;
        if (self.from..self.until).contains(&guess) {
            return Some(guess);
        }
        let day = date::from_number(local.div_euclid(DAY_SECONDS))?;
        let second = i32::try_from(local.rem_euclid(DAY_SECONDS)).ok()?;
        let time = jiff::civil::Time::midnight()
            .checked_add(SignedDuration::from_secs(i64::from(second)))
            .ok()?;
        let found = first_instant(&self.zone, day.to_datetime(time))?;
        let at = found.as_second();
        self.offset = i64::from(self.zone.to_offset(found).seconds());
        self.from = at.saturating_add(MARGIN_SECONDS);
        self.until = match self.zone.following(found).next() {
            Some(change) => change
                .timestamp()
                .as_second()
                .saturating_sub(MARGIN_SECONDS),
            None => Timestamp::MAX.as_second(),
        };
        Some(at)
    }

    /// The last local time, of those after the one asked for last, before the clocks may change.
    pub(super) fn steady_until(&self) -> i64 {
        self.until.saturating_add(self.offset)
    }
}
