//! When devices may be changed: change windows.
//!
//! The rule keeps its zone's name; openings are instants. Durations are elapsed time.
//! Errors: an unknown day, time, zone or a duration out of range is refused with what was expected.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, WindowId};
use crate::name::Label;
use crate::package::words;
use crate::query::Query;

mod catch_up;
mod recurrence;

pub use catch_up::{CatchUp, Hours};
pub use recurrence::{
    AFTER_RELEASE_DAYS_MAX, DATES_MAX, EVERY_WEEKS_MAX, MonthDay, Nth, PLUS_DAYS_MAX, Recurrence,
    date_from_text, nth_from_text, weekday_from_text,
};

/// The longest window, in minutes: one week.
pub const DURATION_MINUTES_MAX: u32 = 7 * 24 * 60;

/// Why a window's rule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWindow {
    /// A word that is no day.
    #[error(
        "`{word}` is not a day: expected mon, tue, wed, thu, fri, sat or sun, separated by commas"
    )]
    Day {
        /// What was given.
        word: String,
    },
    /// Not a time of day.
    #[error("`{text}` is not a time of day: expected HH:MM, such as 22:00")]
    Start {
        /// What was given.
        text: String,
    },
    /// Not a duration.
    #[error("`{text}` is not a duration from 1m to 7d: expected such as 2h, 90m or 1h30m")]
    Duration {
        /// What was given.
        text: String,
    },
    /// Not a rule for days.
    #[error(
        "`{text}` is not a rule for days: expected such as `mon,thu`, `tue every 2 weeks`, \
         `2 tuesday`, `last friday + 2 days`, `day 31`, `last day`, `2026-12-24` or \
         `2 days after release`"
    )]
    Recurrence {
        /// What was given.
        text: String,
    },
    /// Not a weekday of a month.
    #[error("`{text}` is no weekday of a month: expected such as `2 tuesday` or `last friday`")]
    Nth {
        /// What was given.
        text: String,
    },
    /// Not a date.
    #[error("`{text}` is not a date that exists: expected such as 2026-12-24")]
    Date {
        /// What was given.
        text: String,
    },
    /// Not hours of a day.
    #[error("`{text}` are no hours of a day: expected such as 09:00-17:00")]
    Hours {
        /// What was given.
        text: String,
    },
    /// Not a zone.
    #[error("`{text}` is not a time zone: expected `device` or an IANA name such as Europe/Berlin")]
    Zone {
        /// What was given.
        text: String,
    },
}

/// The zone of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WindowZone {
    /// Each device's own.
    Device,
    /// One zone for all, by IANA name.
    Named(String),
}

impl FromStr for WindowZone {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        if text == "device" {
            return Ok(Self::Device);
        }
        match TimeZone::get(text) {
            Ok(_) => Ok(Self::Named(text.to_owned())),
            Err(_) => Err(InvalidWindow::Zone {
                text: text.chars().take(64).collect(),
            }),
        }
    }
}
impl TryFrom<String> for WindowZone {
    type Error = InvalidWindow;
    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}
impl From<WindowZone> for String {
    fn from(zone: WindowZone) -> Self {
        zone.to_string()
    }
}
impl fmt::Display for WindowZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => f.write_str("device"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// The days of a weekly window; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days(Vec<Weekday>);

pub(crate) const WEEKDAYS: [(&str, &str, Weekday); 7] = [
    ("mon", "monday", Weekday::Monday),
    ("tue", "tuesday", Weekday::Tuesday),
    ("wed", "wednesday", Weekday::Wednesday),
    ("thu", "thursday", Weekday::Thursday),
    ("fri", "friday", Weekday::Friday),
    ("sat", "saturday", Weekday::Saturday),
    ("sun", "sunday", Weekday::Sunday),
];

impl Days {
    /// The days, Monday first.
    pub fn weekdays(&self) -> &[Weekday] {
        &self.0
    }
    /// Whether the window opens on `day`.
    pub fn contains(&self, day: Weekday) -> bool {
        self.0.contains(&day)
    }
}

impl FromStr for Days {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let mut days = Vec::new();
        for word in text.split(',').map(str::trim) {
            days.push(weekday_from_text(word)?);
        }
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        Ok(Self(days))
    }
}
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, _, _)) in WEEKDAYS
            .iter()
            .filter(|(_, _, day)| self.contains(*day))
            .enumerate()
        {
            write!(f, "{}{name}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
impl TryFrom<String> for Days {
    type Error = InvalidWindow;
    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}
impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.to_string()
    }
}

/// How long a window is open, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WindowDuration(u32);

impl WindowDuration {
    /// In minutes, 1 to `DURATION_MINUTES_MAX`.
    pub fn minutes(self) -> u32 {
        self.0
    }
    /// As elapsed time.
    pub fn elapsed(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
}

impl FromStr for WindowDuration {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let refuse = || InvalidWindow::Duration {
            text: text.chars().take(64).collect(),
        };
        let (mut minutes, mut digits, mut parts) = (0_u32, String::new(), 0);
        for c in text.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let unit = match c {
                'm' => 1,
                'h' => 60,
                'd' => 24 * 60,
                _ => return Err(refuse()),
            };
            let count: u32 = digits.parse().map_err(|_| refuse())?;
            minutes = count
                .checked_mul(unit)
                .and_then(|n| n.checked_add(minutes))
                .ok_or_else(refuse)?;
            digits.clear();
            parts += 1;
        }
        if parts == 0 || !digits.is_empty() || minutes == 0 || minutes > DURATION_MINUTES_MAX {
            return Err(refuse());
        }
        Ok(Self(minutes))
    }
}
impl fmt::Display for WindowDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 60, self.0 % 60) {
            (0, minutes) => write!(f, "{minutes}m"),
            (hours, 0) => write!(f, "{hours}h"),
            (hours, minutes) => write!(f, "{hours}h{minutes}m"),
        }
    }
}
impl TryFrom<String> for WindowDuration {
    type Error = InvalidWindow;
    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}
impl From<WindowDuration> for String {
    fn from(duration: WindowDuration) -> Self {
        duration.to_string()
    }
}

/// Reads `HH:MM`.
pub fn start_from_text(text: &str) -> Result<Time, InvalidWindow> {
    let refuse = || InvalidWindow::Start {
        text: text.chars().take(64).collect(),
    };
    let (hour, minute) = text.split_once(':').ok_or_else(refuse)?;
    if hour.len() != 2 || minute.len() != 2 {
        return Err(refuse());
    }
    let hour = hour.parse().map_err(|_| refuse())?;
    let minute = minute.parse().map_err(|_| refuse())?;
    Time::new(hour, minute, 0, 0).map_err(|_| refuse())
}

/// A change window: when the devices it covers may be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeWindow {
    /// Its id.
    pub id: WindowId,
    /// The one client it is limited to; `None` is the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices.
    pub devices: Query,
    /// On which days it opens.
    pub recurrence: Recurrence,
    /// At which local time it opens.
    pub start: Time,
    /// How long it is open.
    pub duration: WindowDuration,
    /// In which zone its start is meant.
    pub zone: WindowZone,
    /// The first local date on which it may open; weeks are counted from its week.
    pub from: Option<Date>,
    /// The last local date on which it may open.
    pub until: Option<Date>,
    /// Nothing new begins in the last part of an opening, so long.
    pub reserve: Option<WindowDuration>,
    /// What a device may that was out of contact during a whole opening.
    pub catch_up: Option<CatchUp>,
    /// What may happen in it.
    pub opens_for: OpensFor,
    /// From when the rule is valid.
    pub valid_from: Timestamp,
    /// Until when, once it was ended.
    pub ended_at: Option<Timestamp>,
}

/// What may happen in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpensFor {
    /// Patches, and the reboots after them.
    #[default]
    Changes,
    /// Nothing but reboots, by the rules that name it: install time and reboot time are apart.
    Reboots,
}

words!(OpensFor "use of a window" "changes, reboots" {
    Changes "changes", Reboots "reboots",
});

/// One opening of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// The first instant inside.
    pub opens_at: Timestamp,
    /// The first instant outside again.
    pub closes_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type_and_refuses_the_rest() {
        assert_eq!(
            "thu,mon,mon".parse::<Days>().unwrap().to_string(),
            "mon,thu"
        );
        assert_eq!("1h30m".parse::<WindowDuration>().unwrap().minutes(), 90);
        assert_eq!("2h".parse::<WindowDuration>().unwrap().to_string(), "2h");
        for bad in ["", "0h", "8d", "2", "h", "2x", "99999999999h"] {
            assert!(bad.parse::<WindowDuration>().is_err(), "{bad}");
        }
        for bad in ["24:00", "7:00", "22", "22:60", "aa:bb"] {
            assert!(start_from_text(bad).is_err(), "{bad}");
        }
        assert!("Europe/Berlin".parse::<WindowZone>().is_ok());
        assert!("Mars/Olympus".parse::<WindowZone>().is_err());
        assert!("mon,noday".parse::<Days>().is_err());
    }
}
