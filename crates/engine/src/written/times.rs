//! Times in words: durations, days of windows, hours, dates.

use domain::policy::Delay;
use domain::window::{CatchUp, ChangeWindow, Days, MonthDay, Nth, Recurrence, WindowZone};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::query::listed;

/// How many dates are named before the rest is counted.
const DATES_NAMED: usize = 6;
const MINUTES_OF_DAY: u32 = 24 * 60;

/// `7 days`, `1 day and 12 hours`, `90 minutes` as `1 hour and 30 minutes`.
pub fn duration(minutes: u32) -> String {
    let parts: Vec<String> = [
        (minutes / MINUTES_OF_DAY, "day"),
        (minutes % MINUTES_OF_DAY / 60, "hour"),
        (minutes % 60, "minute"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
    .collect();
    if parts.is_empty() {
        return "no time".to_owned();
    }
    listed(&parts, "and")
}

pub(super) fn delay(delay: Delay) -> String {
    duration(delay.minutes())
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn weekdays(days: &Days) -> String {
    use Weekday as W;
    match days.weekdays() {
        all if all.len() == 7 => "every day".to_owned(),
        [W::Monday, W::Tuesday, W::Wednesday, W::Thursday, W::Friday] => {
            "Mondays to Fridays".to_owned()
        }
        some => {
            let names: Vec<String> = some
                .iter()
                .map(|day| format!("{}s", weekday(*day)))
                .collect();
            listed(&names, "and")
        }
    }
}

fn nth(nth: Nth) -> &'static str {
    match nth {
        Nth::Number(1) => "first",
        Nth::Number(2) => "second",
        Nth::Number(3) => "third",
        Nth::Number(4) => "fourth",
        Nth::Number(_) => "fifth",
        Nth::Last => "last",
    }
}

fn days_counted(days: u16) -> String {
    if days == 1 {
        "1 day".to_owned()
    } else {
        format!("{days} days")
    }
}

/// `24 December 2026`.
pub(super) fn date(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// `18 December 2026, 00:00`.
pub(super) fn date_time(at: DateTime) -> String {
    at.strftime("%-d %B %Y, %H:%M").to_string()
}

/// `18 December 2026, 00:00 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
    format!("{} UTC", date_time(TimeZone::UTC.to_datetime(at)))
}

/// On which days a window opens: `Tuesdays`, `9 days after the second Tuesday of each month`.
pub fn recurrence(rule: &Recurrence, from: Option<Date>) -> String {
    match rule {
        Recurrence::Weekly { days, every_weeks } => {
            let names = weekdays(days);
            let counted = from.map_or_else(String::new, |from| {
                format!(" (counted from the week of {})", date(from))
            });
            match every_weeks {
                0 | 1 => names,
                2 => format!("{names} of every second week{counted}"),
                weeks => format!("{names} of every {weeks}{} week{counted}", ordinal(*weeks)),
            }
        }
        Recurrence::Nth {
            nth: which,
            weekday: day,
            plus_days,
        } => {
            let of_month = format!("the {} {} of each month", nth(*which), weekday(*day));
            let days = days_counted(plus_days.unsigned_abs());
            match plus_days.signum() {
                1 => format!("{days} after {of_month}"),
                -1 => format!("{days} before {of_month}"),
                _ => format!("on {of_month}"),
            }
        }
        Recurrence::MonthDay(MonthDay::Last) => "on the last day of each month".to_owned(),
        Recurrence::MonthDay(MonthDay::Number(day @ 29..)) => {
            format!("on day {day} of each month that has it")
        }
        Recurrence::MonthDay(MonthDay::Number(day)) => format!("on day {day} of each month"),
        Recurrence::Dates(dates) => {
            let mut names: Vec<String> = dates
                .iter()
                .take(DATES_NAMED)
                .map(|one| date(*one))
                .collect();
            if dates.len() > DATES_NAMED {
                names.push(format!("{} more dates", dates.len() - DATES_NAMED));
            }
            format!("on {}", listed(&names, "and"))
        }
        Recurrence::AfterRelease { days: 0 } => "on the day of each patch's release".to_owned(),
        Recurrence::AfterRelease { days } => {
            format!("{} after each patch's release, once", days_counted(*days))
        }
    }
}

fn ordinal(number: u8) -> &'static str {
    match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// The zone as it stands behind a time.
pub(super) fn zone(zone: &WindowZone) -> String {
    match zone {
        WindowZone::Device => "each device's own time".to_owned(),
        WindowZone::Named(name) => name.clone(),
    }
}

/// `22:00-24:00`; a longer window says how long.
fn hours(window: &ChangeWindow) -> String {
    let start = u32::from(window.start.hour().unsigned_abs()) * 60
        + u32::from(window.start.minute().unsigned_abs());
    let minutes = window.duration.minutes();
    let begins = clock(start);
    let end = start.saturating_add(minutes);
    if minutes > MINUTES_OF_DAY || (minutes == MINUTES_OF_DAY && start > 0) {
        return format!("from {begins} for {}", duration(minutes));
    }
    if end <= MINUTES_OF_DAY {
        format!("{begins}-{}", clock(end))
    } else {
        format!("{begins}-{} the next day", clock(end - MINUTES_OF_DAY))
    }
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// On which days, at which hours and in which zone: `Tuesdays 22:00-24:00, Europe/Berlin`.
pub fn when_open(window: &ChangeWindow) -> String {
    format!(
        "{} {}, {}",
        recurrence(&window.recurrence, window.from),
        hours(window),
        zone(&window.zone)
    )
}

/// The sentence of a catch-up rule.
pub(super) fn catch_up(rule: &CatchUp) -> String {
    let mut text = format!(
        "A device that was out of contact during a whole opening may be changed for {} after its next contact",
        duration(rule.within.minutes())
    );
    if let Some(not) = rule.not {
        text.push_str(&format!(
            ", but not from {} to {}, its own time",
            clock_of(not.from),
            clock_of(not.until)
        ));
    }
    text.push_str(&match rule.expires {
        Some(expires) => format!(
            ", and not later than {} after the opening ended.",
            delay(expires)
        ),
        None => ", until the next opening begins.".to_owned(),
    });
    text
}

fn clock_of(time: jiff::civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// An opening in local time: its day, and its hours.
pub(super) fn opening(opens: DateTime, closes: DateTime) -> (String, String) {
    let day = opens.strftime("%a %-d %B %Y").to_string();
    let starts = opens.strftime("%H:%M");
    let next_midnight = opens
        .date()
        .tomorrow()
        .map(|day| day.to_datetime(jiff::civil::Time::midnight()));
    let hours = if closes.date() == opens.date() {
        format!("{starts} to {}", closes.strftime("%H:%M"))
    } else if next_midnight.is_ok_and(|midnight| midnight == closes) {
        format!("{starts} to 24:00")
    } else {
        format!("{starts} to {}", closes.strftime("%a %-d %B, %H:%M"))
    };
    (day, hours)
}

/// The elapsed time of an opening, where local hours do not show it (a change of clocks).
pub(super) fn elapsed_note(
    opens: DateTime,
    closes: DateTime,
    elapsed: SignedDuration,
) -> Option<String> {
    let shown = closes.duration_since(opens);
    (shown != elapsed).then(|| {
        let minutes = u32::try_from(elapsed.as_mins()).unwrap_or(0);
        format!(" (the clocks change: {} long)", duration(minutes))
    })
}
