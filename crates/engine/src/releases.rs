//! Known release days of vendors, and the advance notice before them.
//!
//! Microsoft releases on the second Tuesday of a month at 10:00 in Redmond, Oracle on the third
//! Tuesday of January, April, July and October at 13:00 in Redwood Shores. There is no feed of
//! either; the dates are computed. That a month's document exists says nothing: it is listed days
//! before with browser and cloud entries only. Releases outside the calendar are not known before.
//! The notice comes three business days (Monday to Friday; holidays are not known) before, at eight
//! in the provider's zone. Source: the vendors' published schedules.

use std::collections::BTreeMap;

use domain::id::{DeviceId, WindowId};
use domain::window::ChangeWindow;
use jiff::civil::{Date, Time, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::calendar::{UnknownZone, opening_at_or_after};

/// How many business days before a release day the notice comes.
pub const NOTICE_BUSINESS_DAYS: u32 = 3;
/// The hour of the notice in the provider's zone.
pub const NOTICE_HOUR: i8 = 8;
/// The zone that both vendors' hours are given in.
const PACIFIC: &str = "America/Los_Angeles";

/// A kind of release day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseKind {
    /// Microsoft's monthly security updates.
    PatchTuesday,
    /// Oracle's quarterly critical patch update.
    OracleQuarter,
}

impl ReleaseKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::PatchTuesday, Self::OracleQuarter];

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::PatchTuesday => "Microsoft Patch Tuesday",
            Self::OracleQuarter => "Oracle critical patch update",
        }
    }

    /// What is due on such a day.
    pub fn what(self) -> &'static str {
        match self {
            Self::PatchTuesday => {
                "cumulative security updates of Windows, Office, .NET and other Microsoft products"
            }
            Self::OracleQuarter => {
                "security patches of Oracle Database, Java, MySQL and middleware"
            }
        }
    }

    /// The day in a month, where there is one.
    pub fn day(self, year: i16, month: i8) -> Option<Date> {
        match self {
            Self::PatchTuesday => tuesday(year, month, 2),
            Self::OracleQuarter if matches!(month, 1 | 4 | 7 | 10) => tuesday(year, month, 3),
            Self::OracleQuarter => None,
        }
    }

    fn hour(self) -> i8 {
        match self {
            Self::PatchTuesday => 10,
            Self::OracleQuarter => 13,
        }
    }
}

fn tuesday(year: i16, month: i8, nth: i8) -> Option<Date> {
    let first = Date::new(year, month, 1).ok()?;
    first.nth_weekday_of_month(nth, Weekday::Tuesday).ok()
}

/// One release day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseDay {
    /// When the vendor publishes.
    pub at: Timestamp,
    /// What kind.
    pub kind: ReleaseKind,
    /// The day where the vendor is.
    pub day: Date,
}

/// The next `count` release days after `now`, in order.
pub fn next(now: Timestamp, count: usize) -> Vec<ReleaseDay> {
    let zone = TimeZone::get(PACIFIC).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    let mut month = date(today.year(), today.month(), 1);
    let mut days = Vec::new();
    while days.len() < count {
        for kind in ReleaseKind::ALL {
            let Some(day) = kind.day(month.year(), month.month()) else {
                continue;
            };
            let Ok(zoned) = day.at(kind.hour(), 0, 0, 0).to_zoned(zone.clone()) else {
                continue;
            };
            let at = zoned.timestamp();
            if at > now {
                days.push(ReleaseDay { at, kind, day });
            }
        }
        let Ok(following) = month.checked_add(1.month()) else {
            break;
        };
        month = following;
    }
    days.sort_unstable();
    days.truncate(count);
    days
}

/// When the notice of a release day is due, in the provider's zone.
pub fn notice_at(day: &ReleaseDay, provider_zone: &str) -> Result<Timestamp, UnknownZone> {
    let zone = TimeZone::get(provider_zone).map_err(|_| UnknownZone {
        zone: provider_zone.to_owned(),
    })?;
    let mut date = day.day;
    let mut left = NOTICE_BUSINESS_DAYS;
    while left > 0 {
        let Ok(before) = date.yesterday() else { break };
        date = before;
        if !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            left -= 1;
        }
    }
    let morning = Time::constant(NOTICE_HOUR, 0, 0, 0);
    let due = date.to_datetime(morning).to_zoned(zone);
    Ok(due.map_or(day.at, |zoned| zoned.timestamp()))
}

/// The release days whose notice is due: it has come, and the day has not.
pub fn notices_due(now: Timestamp, provider_zone: &str) -> Result<Vec<ReleaseDay>, UnknownZone> {
    let mut due = Vec::new();
    // Two kinds and at most five days ahead: four days hold all that can be due.
    for day in next(now, 4) {
        if notice_at(&day, provider_zone)? <= now {
            due.push(day);
        }
    }
    Ok(due)
}

/// A device that a release may concern.
#[derive(Debug, Clone, Copy)]
pub struct MetDevice<'a> {
    /// The device.
    pub device: DeviceId,
    /// Its zone.
    pub zone: &'a str,
    /// The change windows that hold for it.
    pub windows: &'a [&'a ChangeWindow],
}

/// The first change window after a release, and the devices that it opens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetWindow {
    /// The window.
    pub window: WindowId,
    /// Its name.
    pub name: String,
    /// When it opens first for these devices.
    pub opens_at: Timestamp,
    /// The devices, sorted.
    pub devices: Vec<DeviceId>,
}

/// Which windows and devices a release will meet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meeting {
    /// By opening, then by window.
    pub windows: Vec<MetWindow>,
    /// Devices that no change window opens for: nothing will be installed there.
    pub without_window: Vec<DeviceId>,
    /// Windows whose zone is not known, by name, and why: they were left out.
    pub refused: Vec<(String, UnknownZone)>,
}

/// Finds for each device the window that opens first at or after the release.
pub fn meets<'a>(day: &ReleaseDay, devices: impl IntoIterator<Item = MetDevice<'a>>) -> Meeting {
    let mut by_window: BTreeMap<(Timestamp, WindowId), (String, Vec<DeviceId>)> = BTreeMap::new();
    let mut meeting = Meeting::default();
    for device in devices {
        let mut first: Option<(Timestamp, &ChangeWindow)> = None;
        for window in device.windows {
            let (opening, refused) = opening_at_or_after([*window], device.zone, day.at);
            for entry in refused {
                if !meeting.refused.contains(&entry) {
                    meeting.refused.push(entry);
                }
            }
            let Some(opening) = opening else { continue };
            // A window that is open when the vendor publishes meets the release at once.
            let opens_at = opening.opens_at.max(day.at);
            if first.is_none_or(|(at, _)| opens_at < at) {
                first = Some((opens_at, window));
            }
        }
        match first {
            Some((opens_at, window)) => by_window
                .entry((opens_at, window.id))
                .or_insert_with(|| (window.name.to_string(), Vec::new()))
                .1
                .push(device.device),
            None => meeting.without_window.push(device.device),
        }
    }
    meeting.without_window.sort_unstable();
    meeting.windows = by_window
        .into_iter()
        .map(|((opens_at, window), (name, mut devices))| {
            devices.sort_unstable();
            MetWindow {
                window,
                name,
                opens_at,
                devices,
            }
        })
        .collect();
    meeting
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
