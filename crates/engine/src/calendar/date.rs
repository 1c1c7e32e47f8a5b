//! Days as numbers: 0 is 1 January 1970. Arithmetic with days of a calendar, without a zone.

use jiff::civil::{Date, Weekday};

/// Days from 1 March of year 0 to 1 January 1970.
const MARCH_ZERO: i64 = 719_468;

/// The number of a day that exists.
pub(super) fn number_of(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the day that some of them lack.
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - MARCH_ZERO
}

/// The number of a date.
pub(super) fn to_number(date: Date) -> i64 {
    number_of(
        i64::from(date.year()),
        i64::from(date.month()),
        i64::from(date.day()),
    )
}

/// Year, month and day of a number.
fn parts(number: i64) -> (i64, i64, i64) {
    let shifted = number + MARCH_ZERO;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// The date of a number; `None`: outside the years -9999 to 9999.
pub(super) fn from_number(number: i64) -> Option<Date> {
    if !(-5_000_000..=5_000_000).contains(&number) {
        return None;
    }
    let (year, month, day) = parts(number);
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

/// The weekday of a number: 0 is Monday.
pub(super) fn weekday(number: i64) -> i64 {
    (number + 3).rem_euclid(7)
}

/// The place of a weekday in the week: 0 is Monday.
pub(super) fn place(weekday: Weekday) -> i64 {
    i64::from(weekday.to_monday_zero_offset())
}

/// Months since year 0, and back.
pub(super) fn month_of(number: i64) -> i64 {
    let (year, month, _) = parts(number);
    year * 12 + month - 1
}

/// The first day of a month, and how many it has.
pub(super) fn month(month: i64) -> (i64, i64) {
    let start = |month: i64| number_of(month.div_euclid(12), month.rem_euclid(12) + 1, 1);
    (start(month), start(month + 1) - start(month))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn numbers_and_dates_agree_for_four_centuries_day_by_day() {
        let mut date = Date::new(1899, 12, 31).unwrap();
        let mut number = to_number(date);
        assert_eq!(to_number(Date::new(1970, 1, 1).unwrap()), 0);
        while date.year() < 2301 {
            assert_eq!(to_number(date), number);
            assert_eq!(from_number(number), Some(date));
            assert_eq!(weekday(number), place(date.weekday()));
            let of_month = date.first_of_month();
            assert_eq!(
                month(month_of(number)),
                (to_number(of_month), i64::from(date.days_in_month()))
            );
            date = date.checked_add(1.day()).unwrap();
            number += 1;
        }
        assert_eq!(from_number(i64::MAX), None);
        assert_eq!(from_number(i64::MIN), None);
    }
}
