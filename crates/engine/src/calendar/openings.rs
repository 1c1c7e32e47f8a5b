//! Openings in order: put together where they overlap or touch, whole or cut for orders.

use std::collections::VecDeque;
use std::iter::Peekable;

use domain::window::Opening;
use jiff::{SignedDuration, Timestamp};

use super::compiled::{CompiledWindow, Starts};
use super::local::DAY_SECONDS;
use super::{Frozen, OPENING_DAYS_MAX};

/// How far back one looks, in days, so that a stretch that began earlier is seen long enough.
const LOOK_BACK_DAYS: i64 = 15;
const WEEK_SECONDS: i64 = 7 * DAY_SECONDS;
/// Monday, 5 January 1970, 00:00 UTC.
const FIRST_MONDAY_SECONDS: i64 = 4 * DAY_SECONDS;
/// How far a stretch without a break is followed, in days before and after the question: forty
/// years. One that goes on is said to begin or end about there.
const STRETCH_DAYS_MAX: i64 = 14_610;

/// The next opening of several windows as a union that ends after `at`, without what is frozen.
pub fn next_open<'w>(
    windows: impl IntoIterator<Item = &'w CompiledWindow> + Clone,
    frozen: &Frozen,
    at: Timestamp,
) -> Option<Opening> {
    let mut from = at;
    loop {
        let opening = Openings::of(windows.clone(), from).next()?;
        if let Some(rest) = frozen.without(opening).find(|rest| rest.closes_at > from) {
            return Some(rest);
        }
        // All of it that is left is frozen: go on behind the freeze, not opening by opening.
        let last = opening
            .closes_at
            .checked_sub(SignedDuration::from_nanos(1))
            .ok()?;
        from = frozen.at(last)?.closes_at.max(opening.closes_at);
    }
}

/// Openings as orders use them: see [`super::openings()`].
#[derive(Debug, Clone)]
pub struct Openings {
    starts: Vec<Peekable<Starts>>,
    from: Timestamp,
    ready: VecDeque<Opening>,
    /// The rest of a stretch that is being cut.
    rest: Option<Opening>,
}

impl Openings {
    /// Of several windows as a union, from the first that ends after `from`.
    pub fn of<'w>(windows: impl IntoIterator<Item = &'w CompiledWindow>, from: Timestamp) -> Self {
        let starts = windows
            .into_iter()
            .map(|window| {
                let back = LOOK_BACK_DAYS * DAY_SECONDS + window.rule().elapsed_seconds;
                window.starts(from, back).peekable()
            })
            .collect();
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

/// Whole openings of one window: see [`CompiledWindow::stretches`].
#[derive(Debug, Clone)]
pub struct Stretches {
    starts: Starts,
    from: Timestamp,
    /// Where a stretch without a break is not followed any further, as seconds.
    second_max: i64,
    /// The first stretch, while it was not given yet.
    first: Option<Opening>,
    /// What was taken from `starts` and belongs to the next stretch.
    ahead: Option<Opening>,
    ended: bool,
}

impl Stretches {
    pub(super) fn new(window: &CompiledWindow, from: Timestamp) -> Self {
        let elapsed = window.rule().elapsed_seconds;
        // Most stretches begin within the first of these; a longer one is looked for further back.
        for back in [2 * elapsed + 6 * DAY_SECONDS, 400 * DAY_SECONDS] {
            let stretches = Self::looking_back(window, from, back);
            // What began before those that were looked at is closed by then.
            let certain = from
                .as_second()
                .saturating_sub(back)
                .saturating_add(elapsed + 3 * DAY_SECONDS);
            let begins_later = |first: Opening| first.opens_at.as_second() > certain;
            if !stretches.starts.is_cut_short() || stretches.first.is_none_or(begins_later) {
                return stretches;
            }
        }
        Self::looking_back(window, from, STRETCH_DAYS_MAX * DAY_SECONDS)
    }

    fn looking_back(window: &CompiledWindow, from: Timestamp, back: i64) -> Self {
        let mut stretches = Self {
            starts: window.starts(from, back),
            from,
            second_max: from
                .as_second()
                .saturating_add(STRETCH_DAYS_MAX * DAY_SECONDS),
            first: None,
            ahead: None,
            ended: false,
        };
        stretches.first = stretches.following();
        stretches
    }

    fn following(&mut self) -> Option<Opening> {
        while !self.ended {
            let mut stretch = self.ahead.take().or_else(|| self.starts.next())?;
            loop {
                let skipped = self.starts.skip_seamless(self.second_max);
                match self.starts.next() {
                    Some(next) if skipped || next.opens_at <= stretch.closes_at => {
                        stretch.closes_at = stretch.closes_at.max(next.closes_at);
                    }
                    next => {
                        self.ahead = next;
                        break;
                    }
                }
                if stretch.closes_at.as_second() >= self.second_max {
                    self.ended = true;
                    break;
                }
            }
            if stretch.closes_at > self.from {
                return Some(stretch);
            }
        }
        None
    }
}

impl Iterator for Stretches {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        self.first.take().or_else(|| self.following())
    }
}
