//! On which days a change window opens, as a rule.
//!
//! Canonical texts, which parse back: `mon,thu`, `tue every 2 weeks`, `2 tuesday`,
//! `last friday + 2 days`, `day 31`, `last day`, `2026-12-24,2026-12-31`, `2 days after release`.
//! Weeks begin on Monday. Errors: anything else is refused with what was expected.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use super::{Days, InvalidWindow, WEEKDAYS};

/// The most weeks between two weeks in which a window opens.
pub const EVERY_WEEKS_MAX: u8 = 52;
/// The most days that `plus_days` may be away from its weekday, before or after.
pub const PLUS_DAYS_MAX: i16 = 60;
/// The most days after a release.
pub const AFTER_RELEASE_DAYS_MAX: u16 = 366;
/// The most dates of one window.
pub const DATES_MAX: usize = 1000;

/// Which of the weekdays of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nth {
    /// The first to the fifth; a month without a fifth is skipped.
    Number(u8),
    /// The last.
    Last,
}

/// Which day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MonthDay {
    /// 1 to 31; a month without it is skipped.
    Number(u8),
    /// The last, whichever it is.
    Last,
}

/// On which days a change window opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Recurrence {
    /// On these weekdays of every so manieth week, counted from the week of the window's `from`.
    Weekly {
        /// The weekdays.
        days: Days,
        /// 1: every week.
        every_weeks: u8,
    },
    /// On the so manieth weekday of every month, plus days, which may run into another month.
    Nth {
        /// Which of them.
        nth: Nth,
        /// The weekday.
        weekday: Weekday,
        /// Days added, -60 to 60.
        plus_days: i16,
    },
    /// On one day of every month.
    MonthDay(MonthDay),
    /// On these dates, sorted, each once.
    Dates(Vec<Date>),
    /// So many days after the local date on which the patch was released.
    AfterRelease {
        /// Days added.
        days: u16,
    },
}

impl Recurrence {
    /// Every week on these days.
    pub fn weekly(days: Days) -> Self {
        Self::Weekly {
            days,
            every_weeks: 1,
        }
    }

    /// Whether its days depend on the release of a patch.
    pub fn follows_release(&self) -> bool {
        matches!(self, Self::AfterRelease { .. })
    }
}

fn refuse(text: &str) -> InvalidWindow {
    InvalidWindow::Recurrence {
        text: text.chars().take(64).collect(),
    }
}

impl FromStr for Nth {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        match text {
            "last" => Ok(Self::Last),
            "1" | "2" | "3" | "4" | "5" => Ok(Self::Number(text.as_bytes()[0] - b'0')),
            _ => Err(InvalidWindow::Nth {
                text: text.chars().take(64).collect(),
            }),
        }
    }
}

/// Reads a whole or shortened name of a weekday, in any letter case.
pub fn weekday_from_text(text: &str) -> Result<Weekday, InvalidWindow> {
    WEEKDAYS
        .iter()
        .find(|(short, long, _)| {
            short.eq_ignore_ascii_case(text) || long.eq_ignore_ascii_case(text)
        })
        .map(|(_, _, day)| *day)
        .ok_or_else(|| InvalidWindow::Day {
            word: text.chars().take(64).collect(),
        })
}

/// Reads `2 tuesday` or `last friday`.
pub fn nth_from_text(text: &str) -> Result<(Nth, Weekday), InvalidWindow> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(nth), Some(day), None) => Ok((nth.parse()?, weekday_from_text(day)?)),
        _ => Err(InvalidWindow::Nth {
            text: text.chars().take(64).collect(),
        }),
    }
}

impl FromStr for MonthDay {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        if text == "last" {
            return Ok(Self::Last);
        }
        match text.parse::<u8>() {
            Ok(day) if (1..=31).contains(&day) => Ok(Self::Number(day)),
            _ => Err(refuse(text)),
        }
    }
}

impl FromStr for Recurrence {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [count, "days", "after", "release"] => {
                let days = count.parse().map_err(|_| refuse(text))?;
                (days <= AFTER_RELEASE_DAYS_MAX)
                    .then_some(Self::AfterRelease { days })
                    .ok_or_else(|| refuse(text))
            }
            ["last", "day"] => Ok(Self::MonthDay(MonthDay::Last)),
            ["day", day] => Ok(Self::MonthDay(day.parse()?)),
            [days, "every", weeks, "weeks"] => {
                let every_weeks = weeks.parse().map_err(|_| refuse(text))?;
                if !(1..=EVERY_WEEKS_MAX).contains(&every_weeks) {
                    return Err(refuse(text));
                }
                let days = days.parse()?;
                Ok(Self::Weekly { days, every_weeks })
            }
            [nth, day, sign @ ("+" | "-"), count, "days"] => {
                let count: i16 = count.parse().map_err(|_| refuse(text))?;
                if !(0..=PLUS_DAYS_MAX).contains(&count) {
                    return Err(refuse(text));
                }
                Ok(Self::Nth {
                    nth: nth.parse()?,
                    weekday: weekday_from_text(day)?,
                    plus_days: if *sign == "-" { -count } else { count },
                })
            }
            [nth, day] => Ok(Self::Nth {
                nth: nth.parse()?,
                weekday: weekday_from_text(day)?,
                plus_days: 0,
            }),
            [dates] if dates.starts_with(|c: char| c.is_ascii_digit()) => dates_from_text(dates),
            [_] => Ok(Self::weekly(text.trim().parse()?)),
            _ if text.contains(',') => Ok(Self::weekly(text.parse()?)),
            _ => Err(refuse(text)),
        }
    }
}

fn dates_from_text(text: &str) -> Result<Recurrence, InvalidWindow> {
    let mut dates = Vec::new();
    for date in text.split(',') {
        dates.push(date_from_text(date)?);
    }
    dates.sort_unstable();
    dates.dedup();
    if dates.len() > DATES_MAX {
        return Err(refuse(text));
    }
    Ok(Recurrence::Dates(dates))
}

/// Reads `2026-12-24`; a date that does not exist is refused.
pub fn date_from_text(text: &str) -> Result<Date, InvalidWindow> {
    let shaped = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    match text.parse() {
        Ok(date) if shaped => Ok(date),
        _ => Err(InvalidWindow::Date {
            text: text.chars().take(64).collect(),
        }),
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekly {
                days,
                every_weeks: 1,
            } => write!(f, "{days}"),
            Self::Weekly { days, every_weeks } => write!(f, "{days} every {every_weeks} weeks"),
            Self::Nth {
                nth,
                weekday,
                plus_days,
            } => {
                match nth {
                    Nth::Number(number) => write!(f, "{number} ")?,
                    Nth::Last => f.write_str("last ")?,
                }
                let named = WEEKDAYS.iter().find(|(_, _, day)| day == weekday);
                f.write_str(named.map_or("", |(_, long, _)| long))?;
                match plus_days {
                    0 => Ok(()),
                    days if *days > 0 => write!(f, " + {days} days"),
                    days => write!(f, " - {} days", days.unsigned_abs()),
                }
            }
            Self::MonthDay(MonthDay::Last) => f.write_str("last day"),
            Self::MonthDay(MonthDay::Number(day)) => write!(f, "day {day}"),
            Self::Dates(dates) => {
                for (at, date) in dates.iter().enumerate() {
                    write!(f, "{}{date}", if at == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::AfterRelease { days } => write!(f, "{days} days after release"),
        }
    }
}

impl TryFrom<String> for Recurrence {
    type Error = InvalidWindow;
    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}
impl From<Recurrence> for String {
    fn from(recurrence: Recurrence) -> Self {
        recurrence.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_is_printed() {
        for text in [
            "mon,thu",
            "tue every 2 weeks",
            "2 tuesday",
            "last friday + 2 days",
            "1 monday - 3 days",
            "day 31",
            "last day",
            "2026-12-24,2026-12-31",
            "2 days after release",
        ] {
            assert_eq!(text.parse::<Recurrence>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for bad in [
            "",
            "6 tuesday",
            "0 tuesday",
            "2 someday",
            "day 0",
            "day 32",
            "2026-02-30",
            "2026-2-3",
            "2026-12-24T10:00",
            "tue every 0 weeks",
            "mon thu",
            "400 days after release",
            "2 tuesday + 61 days",
        ] {
            assert!(bad.parse::<Recurrence>().is_err(), "{bad}");
        }
    }
}
