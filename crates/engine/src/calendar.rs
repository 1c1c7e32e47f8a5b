//! Openings of change windows.
//!
//! The rule is local time, openings are instants; a duration is elapsed time, so two hours are two
//! hours across a change of clocks. A start that a change of clocks skips is the first valid instant
//! after the gap; a start that comes twice is the first of the two. Openings that overlap or touch
//! are one; a stretch longer than [`OPENING_DAYS_MAX`] is cut at Mondays, 00:00 UTC, so that an
//! always open window has openings that end.
//! Errors: an unknown zone is an error value, and whoever asks treats it as closed.

use std::collections::VecDeque;
use std::iter::Peekable;

use domain::window::{ChangeWindow, Days, Opening, WindowZone};
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The longest opening, in days.
pub const OPENING_DAYS_MAX: i64 = 7;
/// How far back one looks, in days, so that a stretch that began earlier is seen whole.
const LOOK_BACK_DAYS: i64 = 15;
const WEEK_SECONDS: i64 = 7 * 24 * 3600;
/// Monday, 5 January 1970, 00:00 UTC.
const FIRST_MONDAY_SECONDS: i64 = 4 * 24 * 3600;

/// A zone that the time zone database does not know. What it covers stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{zone}` is not a known time zone")]
pub struct UnknownZone {
    /// What was given.
    pub zone: String,
}

/// Openings of one window in order, from the first that ends after `from`; an opening that is open
/// at `from` comes first and whole. Nothing opens before `valid_from` or at or after `ended_at`, and
/// an opening is cut at `ended_at`.
pub fn openings(
    window: &ChangeWindow,
    device_zone: &str,
    from: Timestamp,
) -> Result<Openings, UnknownZone> {
    Ok(Openings::new(
        vec![Starts::new(window, device_zone, from)?.peekable()],
        from,
    ))
}

/// Openings of several windows as a union, as [`openings`] gives them for one.
///
/// Windows with an unknown zone are left out and returned beside it, with their names.
pub fn union<'w>(
    windows: impl IntoIterator<Item = &'w ChangeWindow>,
    device_zone: &str,
    from: Timestamp,
) -> (Openings, Vec<(String, UnknownZone)>) {
    let (mut starts, mut refused) = (Vec::new(), Vec::new());
    for window in windows {
        match Starts::new(window, device_zone, from) {
            Ok(one) => starts.push(one.peekable()),
            Err(error) => refused.push((window.name.to_string(), error)),
        }
    }
    (Openings::new(starts, from), refused)
}

/// The opening that is open at `at`, or the next one. Of several windows as a union: overlapping and
/// touching openings are one.
///
/// Windows with an unknown zone are left out and returned beside it, with their names.
pub fn opening_at_or_after<'w>(
    windows: impl IntoIterator<Item = &'w ChangeWindow>,
    device_zone: &str,
    at: Timestamp,
) -> (Option<Opening>, Vec<(String, UnknownZone)>) {
    let (mut all, refused) = union(windows, device_zone, at);
    (all.next(), refused)
}

/// See [`openings`].
#[derive(Debug, Clone)]
pub struct Openings {
    starts: Vec<Peekable<Starts>>,
    from: Timestamp,
    ready: VecDeque<Opening>,
    /// The rest of a stretch that is being cut.
    rest: Option<Opening>,
}

impl Openings {
    fn new(starts: Vec<Peekable<Starts>>, from: Timestamp) -> Self {
        Self {
            starts,
            from,
            ready: VecDeque::new(),
            rest: None,
        }
    }

    fn earliest(&mut self) -> Option<(usize, Opening)> {
        self.starts
            .iter_mut()
            .enumerate()
            .filter_map(|(at, starts)| starts.peek().map(|opening| (at, *opening)))
            .min_by_key(|(_, opening)| opening.opens_at)
    }

    /// Puts what overlaps and touches together and cuts what is too long.
    fn fill(&mut self) -> Option<()> {
        let (mut stretch, mut long) = match self.rest.take() {
            Some(rest) => (rest, true),
            None => {
                let (at, first) = self.earliest()?;
                self.starts[at].next();
                (first, false)
            }
        };
        let week = SignedDuration::from_secs(WEEK_SECONDS);
        let mut more = false;
        while let Some((at, next)) = self.earliest() {
            if next.opens_at > stretch.closes_at {
                break;
            }
            if stretch.closes_at.duration_since(stretch.opens_at) > week * 3 {
                more = true;
                break;
            }
            stretch.closes_at = stretch.closes_at.max(next.closes_at);
            self.starts[at].next();
        }
        long |= stretch.closes_at.duration_since(stretch.opens_at)
            > SignedDuration::from_hours(24 * OPENING_DAYS_MAX);
        if long {
            self.cut_at_mondays(&mut stretch);
        }
        if more {
            self.rest = Some(stretch);
        } else {
            self.ready.push_back(stretch);
        }
        Some(())
    }

    /// Makes openings of all whole pieces and leaves the last one.
    fn cut_at_mondays(&mut self, stretch: &mut Opening) {
        let mut monday = monday_after(stretch.opens_at);
        while monday < stretch.closes_at {
            self.ready.push_back(Opening {
                opens_at: stretch.opens_at,
                closes_at: monday,
            });
            stretch.opens_at = monday;
            monday = monday_after(monday);
        }
    }
}

impl Iterator for Openings {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        loop {
            while let Some(opening) = self.ready.pop_front() {
                if opening.closes_at > self.from {
                    return Some(opening);
                }
            }
            self.fill()?;
        }
    }
}

fn monday_after(at: Timestamp) -> Timestamp {
    let since = (at.as_second() - FIRST_MONDAY_SECONDS).rem_euclid(WEEK_SECONDS);
    Timestamp::from_second(at.as_second() - since + WEEK_SECONDS).unwrap_or(Timestamp::MAX)
}

/// The openings of one window as the rule says, neither put together nor cut.
#[derive(Debug, Clone)]
struct Starts {
    days: Days,
    start: Time,
    elapsed: SignedDuration,
    zone: TimeZone,
    valid_from: Timestamp,
    ended_at: Option<Timestamp>,
    /// The next local day to look at.
    day: Option<Date>,
}

impl Starts {
    fn new(window: &ChangeWindow, device_zone: &str, from: Timestamp) -> Result<Self, UnknownZone> {
        let name = match &window.zone {
            WindowZone::Device => device_zone,
            WindowZone::Named(name) => name,
        };
        let zone = TimeZone::get(name).map_err(|_| UnknownZone {
            zone: name.chars().take(64).collect(),
        })?;
        let elapsed = window.duration.elapsed();
        let back = SignedDuration::from_hours(24 * (LOOK_BACK_DAYS + 2)) + elapsed;
        let first = from.checked_sub(back).unwrap_or(Timestamp::MIN).max(
            window
                .valid_from
                .checked_sub(elapsed)
                .unwrap_or(Timestamp::MIN),
        );
        let day = zone.to_datetime(first).date();
        Ok(Self {
            days: match &window.recurrence {
                domain::window::Recurrence::Weekly { days, .. } => days.clone(),
                _ => {
                    return Err(UnknownZone {
                        zone: name.to_owned(),
                    });
                }
            },
            start: window.start,
            elapsed,
            valid_from: window.valid_from,
            ended_at: window.ended_at,
            day: Some(day.checked_sub(2.days()).unwrap_or(day)),
            zone,
        })
    }
}

impl Iterator for Starts {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        loop {
            let day = self.day?;
            self.day = day.tomorrow().ok();
            if !self.days.contains(day.weekday()) {
                continue;
            }
            let opens_at = first_instant(&self.zone, day, self.start)?;
            let mut closes_at = opens_at.checked_add(self.elapsed).ok()?;
            if let Some(ended_at) = self.ended_at {
                if opens_at >= ended_at {
                    self.day = None;
                    return None;
                }
                closes_at = closes_at.min(ended_at);
            }
            let opens_at = opens_at.max(self.valid_from);
            if opens_at < closes_at {
                return Some(Opening {
                    opens_at,
                    closes_at,
                });
            }
        }
    }
}

/// The first instant at which the clocks of `zone` show `time` on `day` or later.
fn first_instant(zone: &TimeZone, day: Date, time: Time) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(day.to_datetime(time));
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
