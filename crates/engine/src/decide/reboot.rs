//! Which reboot rule counts for a device, and when it would be rebooted.
//!
//! The closest rule counts; within a level never beats needed beats always. A rule that perhaps
//! covers the device counts only where it is stricter. Where somebody works on the device, the
//! warnings come before the reboot, and an opening that is too short for them is passed over.

use domain::decision::Level;
use domain::policy::{Notice, RebootRule, RebootWhen};
use domain::query::Truth;
use domain::window::{Opening, OpensFor};
use jiff::Timestamp;

use super::pair::Side;
use super::timetable::Timetable;

/// The reboot rule of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reboot<'a> {
    /// The rule that counts.
    pub rule: &'a RebootRule,
    /// Its level.
    pub level: Level,
    /// The opening in which the device may be rebooted now or next; `None`: it is not rebooted, or
    /// nothing opens.
    pub opening: Option<Opening>,
}

impl Reboot<'_> {
    /// If it is due since `now`, for which the opening was asked: when the device is rebooted, and
    /// when a person who works on it is warned. No warning where nobody is waited for.
    pub fn notice(&self, now: Timestamp) -> Option<Notice> {
        let opening = self.opening?;
        Some(match &self.rule.user_present {
            Some(present) => present.notice(now, opening.opens_at),
            None => Notice {
                warnings: Vec::new(),
                reboot_at: opening.opens_at.max(now),
            },
        })
    }
}

fn strictness(when: RebootWhen) -> u8 {
    match when {
        RebootWhen::Always => 0,
        RebootWhen::Needed => 1,
        RebootWhen::Never => 2,
    }
}

impl<'a> Side<'a> {
    /// The reboot rule that counts; `None`: none covers the device, and nothing reboots it.
    pub fn reboot(&self) -> Option<Reboot<'a>> {
        let rank = |rule: &RebootRule| (Level::of_query(&rule.devices), strictness(rule.when));
        let covering = || self.coverage.reboots.iter();
        let certain = covering()
            .filter(|covering| covering.devices == Truth::Yes)
            .map(|covering| covering.object)
            .max_by_key(|rule| rank(rule));
        let stricter = covering().map(|covering| covering.object).filter(|rule| {
            certain.is_none_or(|certain| {
                rank(rule) > rank(certain) && strictness(rule.when) > strictness(certain.when)
            })
        });
        let rule = stricter.max_by_key(|rule| rank(rule)).or(certain)?;
        Some(Reboot {
            rule,
            level: Level::of_query(&rule.devices),
            opening: self.reboot_opening(rule),
        })
    }

    fn reboot_opening(&self, rule: &RebootRule) -> Option<Opening> {
        if rule.when == RebootWhen::Never || !self.may_be_told() {
            return None;
        }
        let windows: Vec<_> = self
            .coverage
            .windows
            .iter()
            .copied()
            .filter(|window| match &rule.window {
                Some(name) => window.name == *name,
                None => window.opens_for == OpensFor::Changes,
            })
            .collect();
        let contacts = self.contacts.filter(|_| rule.window.is_none());
        let frozen = &self.freezes.spans;
        let table = if rule.window.is_none() && self.needs_no_window() {
            Timetable::any_time(frozen, self.now)
        } else {
            Timetable::new(&windows, frozen, self.zone, contacts, self.now)
        };
        let present = rule.user_present.as_ref();
        let from = present.map_or(self.now, |present| present.rebooted_from(self.now));
        table.opening(from, None)
    }
}
