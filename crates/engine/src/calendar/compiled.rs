//! A change window ready to be asked often: its zone looked up, its days as numbers.

use std::sync::Arc;

use domain::window::{CatchUp, ChangeWindow, Opening};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::days::DayRule;
use super::freeze::Frozen;
use super::local::{DAY_SECONDS, LocalClock};
use super::openings::{Openings, Stretches};
use super::{UnknownZone, date, zone_of};

/// A change window in one zone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CompiledWindow(Arc<Rule>);

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) days: DayRule,
    first_day: Option<i64>,
    last_day: i64,
    start_second: i64,
    pub(super) elapsed_seconds: i64,
    zone: TimeZone,
    valid_from: Timestamp,
    ended_at: Option<Timestamp>,
    reserve: Option<SignedDuration>,
    catch_up: Option<CatchUp>,
}

impl CompiledWindow {
    /// For devices of one zone. A window whose days follow a release never opens: see
    /// [`Self::after_releases`].
    pub fn new(window: &ChangeWindow, device_zone: &str) -> Result<Self, UnknownZone> {
        Self::after_releases(window, device_zone, &[])
    }

    /// The same; a window whose days follow a release opens once for each of `releases`.
    pub fn after_releases(
        window: &ChangeWindow,
        device_zone: &str,
        releases: &[Timestamp],
    ) -> Result<Self, UnknownZone> {
        let zone = zone_of(&window.zone, device_zone)?;
        Ok(Self::in_zone(window, zone, releases))
    }

    /// The same, with a zone that was looked up before.
    pub fn in_zone(window: &ChangeWindow, zone: TimeZone, releases: &[Timestamp]) -> Self {
        let from = window.from.map(date::to_number);
        let days = DayRule::new(&window.recurrence, from, &zone, releases);
        let start = window.start;
        Self(Arc::new(Rule {
            first_day: from.max(days.first()),
            last_day: window.until.map_or(i64::MAX, date::to_number),
            days,
            start_second: i64::from(start.hour()) * 3600
                + i64::from(start.minute()) * 60
                + i64::from(start.second()),
            elapsed_seconds: window.duration.elapsed().as_secs(),
            zone,
            valid_from: window.valid_from,
            ended_at: window.ended_at,
            reserve: window.reserve.map(|reserve| reserve.elapsed()),
            catch_up: window.catch_up,
        }))
    }

    /// Its zone.
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// How long before the end of an opening nothing new begins.
    pub fn reserve(&self) -> Option<SignedDuration> {
        self.0.reserve
    }

    /// What it allows a device that missed an opening.
    pub fn catch_up(&self) -> Option<CatchUp> {
        self.0.catch_up
    }

    /// Its openings in order, from the first that ends after `from`, as orders use them: see
    /// [`super::openings()`].
    pub fn openings(&self, from: Timestamp) -> Openings {
        Openings::of([self], from)
    }

    /// Its openings in order, from the first that ends after `from`, whole: openings that overlap or
    /// touch are one, however long.
    pub fn stretches(&self, from: Timestamp) -> Stretches {
        Stretches::new(self, from)
    }

    /// Every opening that touches `[from, to)`, whole, with what is frozen cut out: what remains may
    /// be shorter or several. In order, apart from each other, none empty.
    pub fn between(&self, frozen: &Frozen, from: Timestamp, to: Timestamp) -> Vec<Opening> {
        if from >= to {
            return Vec::new();
        }
        let touching = self
            .stretches(from)
            .take_while(|opening| opening.opens_at < to);
        if frozen.is_empty() {
            return touching.collect();
        }
        touching
            .flat_map(|opening| frozen.without(opening))
            .filter(|rest| rest.opens_at < to && from < rest.closes_at)
            .collect()
    }

    pub(super) fn starts(&self, from: Timestamp, back_seconds: i64) -> Starts {
        Starts::new(Arc::clone(&self.0), from, back_seconds)
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.0
    }
}

impl Rule {
    /// The local day of an instant.
    fn day_of(&self, second: i64) -> i64 {
        let second = second.clamp(
            Timestamp::MIN.as_second() + DAY_SECONDS,
            Timestamp::MAX.as_second() - DAY_SECONDS,
        );
        let offset =
            Timestamp::from_second(second).map_or(0, |at| self.zone.to_offset(at).seconds());
        (second + i64::from(offset)).div_euclid(DAY_SECONDS)
    }

    /// Whether starts follow each other so closely that nothing is closed between them, as long as
    /// nobody changes the clocks.
    fn is_seamless(&self) -> bool {
        self.days
            .steps_days_max()
            .is_some_and(|days| days * DAY_SECONDS <= self.elapsed_seconds)
    }
}

/// The openings of one window as the rule says, neither put together nor cut.
#[derive(Debug, Clone)]
pub(super) struct Starts {
    rule: Arc<Rule>,
    clock: LocalClock,
    /// The next local day to look at.
    day: i64,
    /// Whether there were days before the first one looked at.
    cut_short: bool,
}

impl Starts {
    /// From so long before `from` that every opening is seen that began less than `back_seconds`
    /// before it.
    fn new(rule: Arc<Rule>, from: Timestamp, back_seconds: i64) -> Self {
        let from = from.as_second().saturating_sub(back_seconds);
        let valid = rule
            .valid_from
            .as_second()
            .saturating_sub(rule.elapsed_seconds);
        // A day and one more, because no zone ever moved its clocks by more than 26 hours.
        let wanted = rule.day_of(from) - 2;
        let first = (rule.day_of(valid) - 2).max(rule.first_day.unwrap_or(i64::MIN));
        Self {
            clock: LocalClock::new(rule.zone.clone()),
            day: wanted.max(first),
            cut_short: wanted > first,
            rule,
        }
    }

    /// Whether there may be openings before those looked at.
    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Goes on to a later day if everything until then is certainly open without a break, counted
    /// from the opening given last. Says whether it did.
    pub(super) fn skip_seamless(&mut self, second_max: i64) -> bool {
        if !self.rule.is_seamless() {
            return false;
        }
        let mut day = (self.clock.steady_until().min(second_max)).div_euclid(DAY_SECONDS);
        day = day.min(self.rule.last_day);
        if let Some(ended_at) = self.rule.ended_at {
            day = day.min(self.rule.day_of(ended_at.as_second()));
        }
        // A week, in which there is at least one more start, and days for zones and durations.
        let day = day.saturating_sub(7 + 3 + self.rule.elapsed_seconds / DAY_SECONDS);
        let further = day > self.day;
        self.day = self.day.max(day);
        further
    }
}

impl Iterator for Starts {
    type Item = Opening;

    fn next(&mut self) -> Option<Opening> {
        loop {
            let day = self.rule.days.at_or_after(self.day)?;
            if day > self.rule.last_day {
                return None;
            }
            let local = day.checked_mul(DAY_SECONDS)? + self.rule.start_second;
            let opens = self.clock.instant(local)?;
            self.day = day + 1;
            let mut opens_at = Timestamp::from_second(opens).ok()?;
            let mut closes_at = Timestamp::from_second(opens + self.rule.elapsed_seconds).ok()?;
            if let Some(ended_at) = self.rule.ended_at {
                if opens_at >= ended_at {
                    self.day = i64::MAX / DAY_SECONDS;
                    return None;
                }
                closes_at = closes_at.min(ended_at);
            }
            opens_at = opens_at.max(self.rule.valid_from);
            if opens_at < closes_at {
                return Some(Opening {
                    opens_at,
                    closes_at,
                });
            }
        }
    }
}
