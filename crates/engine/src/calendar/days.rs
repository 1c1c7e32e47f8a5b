//! The local days on which a window opens, in order, found by jumping from one to the next.

use std::sync::Arc;

use domain::window::{MonthDay, Nth, Recurrence};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::date;

/// Monday, 5 January 1970: weeks are counted from it where a rule has no `from`.
const FIRST_MONDAY: i64 = 4;
/// The most months that are looked through for a next day: a 30 February is none, and a 29th in a
/// February or a fifth weekday comes within these.
const MONTHS_MAX: usize = 24;

/// A recurrence as numbers.
#[derive(Debug, Clone)]
pub(super) enum DayRule {
    /// One bit for each weekday from Monday; every so manieth week from a Monday.
    Weekly {
        mask: u8,
        every_weeks: i64,
        monday: i64,
    },
    /// The so manieth weekday of each month; 0 is the last.
    Nth { nth: i64, weekday: i64, plus: i64 },
    /// A day of each month; 0 is the last.
    MonthDay { day: i64 },
    /// These days, sorted.
    Listed(Arc<[i64]>),
}

impl DayRule {
    /// `from` is the first day on which the window may open. Of `releases`, instants, the local
    /// dates count.
    pub(super) fn new(
        recurrence: &Recurrence,
        from: Option<i64>,
        zone: &TimeZone,
        releases: &[Timestamp],
    ) -> Self {
        match recurrence {
            Recurrence::Weekly { days, every_weeks } => {
                let mask = days
                    .weekdays()
                    .iter()
                    .fold(0_u8, |mask, day| mask | 1 << date::place(*day));
                Self::Weekly {
                    mask,
                    every_weeks: i64::from(*every_weeks).max(1),
                    monday: from.map_or(FIRST_MONDAY, |day| day - date::weekday(day)),
                }
            }
            Recurrence::Nth {
                nth,
                weekday,
                plus_days,
            } => Self::Nth {
                nth: match nth {
                    Nth::Number(number) => i64::from(*number),
                    Nth::Last => 0,
                },
                weekday: date::place(*weekday),
                plus: i64::from(*plus_days),
            },
            Recurrence::MonthDay(day) => Self::MonthDay {
                day: match day {
                    MonthDay::Number(number) => i64::from(*number),
                    MonthDay::Last => 0,
                },
            },
            Recurrence::Dates(dates) => {
                Self::listed(dates.iter().map(|date| date::to_number(*date)))
            }
            Recurrence::AfterRelease { days } => Self::listed(
                releases
                    .iter()
                    .map(|at| date::to_number(zone.to_datetime(*at).date()) + i64::from(*days)),
            ),
        }
    }

    fn listed(days: impl Iterator<Item = i64>) -> Self {
        let mut days: Vec<i64> = days.collect();
        days.sort_unstable();
        days.dedup();
        Self::Listed(days.into())
    }

    /// The first day of the rule that is `day` or later.
    pub(super) fn at_or_after(&self, day: i64) -> Option<i64> {
        match self {
            Self::Weekly {
                mask,
                every_weeks,
                monday,
            } => weekly(*mask, *every_weeks, *monday, day),
            Self::Nth { nth, weekday, plus } => monthly(day, *plus, |first, count| {
                let offset = (*weekday - date::weekday(first)).rem_euclid(7);
                let place = match nth {
                    0 => offset + (count - 1 - offset) / 7 * 7,
                    nth => offset + (nth - 1) * 7,
                };
                (place < count).then_some(first + place)
            }),
            Self::MonthDay { day: of_month } => monthly(day, 0, |first, count| match of_month {
                0 => Some(first + count - 1),
                number => (*number <= count).then_some(first + number - 1),
            }),
            Self::Listed(days) => days.get(days.partition_point(|one| *one < day)).copied(),
        }
    }

    /// The longest time between two starts, in days, where that is the same for ever.
    pub(super) fn steps_days_max(&self) -> Option<i64> {
        match self {
            Self::Weekly {
                mask,
                every_weeks: 1,
                ..
            } => {
                let mut widest = 0;
                for place in (0..7).filter(|place| mask & (1 << place) != 0) {
                    let next = (1..=7).find(|step| mask & (1 << ((place + step) % 7)) != 0)?;
                    widest = widest.max(i64::from(next));
                }
                (widest > 0).then_some(widest)
            }
            Self::Weekly { .. } | Self::Nth { .. } | Self::MonthDay { .. } | Self::Listed(_) => {
                None
            }
        }
    }

    /// The first day of all, where there is one.
    pub(super) fn first(&self) -> Option<i64> {
        match self {
            Self::Listed(days) => days.first().copied(),
            Self::Weekly { .. } | Self::Nth { .. } | Self::MonthDay { .. } => None,
        }
    }
}

fn weekly(mask: u8, every_weeks: i64, monday: i64, day: i64) -> Option<i64> {
    if mask == 0 {
        return None;
    }
    let week = (day - monday).div_euclid(7);
    if week.rem_euclid(every_weeks) == 0 {
        let later = u32::from(mask) >> date::weekday(day);
        if later != 0 {
            return Some(day + i64::from(later.trailing_zeros()));
        }
    }
    let next = (week.div_euclid(every_weeks) + 1) * every_weeks;
    Some(monday + next * 7 + i64::from(mask.trailing_zeros()))
}

/// The first day that `of_month` names, moved by `plus`, at `day` or later. `of_month` is given the
/// first day of a month and how many it has.
fn monthly(day: i64, plus: i64, of_month: impl Fn(i64, i64) -> Option<i64>) -> Option<i64> {
    let month = date::month_of(day - plus);
    (month..)
        .take(MONTHS_MAX)
        .filter_map(|month| {
            let (first, count) = date::month(month);
            of_month(first, count)
        })
        .map(|named| named + plus)
        .find(|named| *named >= day)
}
