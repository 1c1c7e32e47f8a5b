//! The calendar against a walk through every minute of eighteen years, in sixteen zones.
//!
//! The walk knows nothing of the calendar's code: it asks what the clocks of a zone show at each of
//! the minutes from November 2019 to February 2038 (UTC), decides by the words of the rule whether
//! a window opens on a day, opens it at the first minute at which the clocks show its start or
//! later, and closes it after its minutes. Openings that end after the first instant of 2020 and
//! begin before 2038 are compared, with the freezes and without.

use domain::window::{MonthDay, Nth, Recurrence};

use super::*;

const BEGIN: &str = "2019-11-01T00:00:00Z";
const FROM: &str = "2020-01-01T00:00:00Z";
const TO: &str = "2038-01-01T00:00:00Z";
const END: &str = "2038-02-15T00:00:00Z";

/// Recurrence, start, duration, `from`, `until`.
const RULES: [(&str, &str, &str, &str, &str); 18] = [
    ("sun", "02:30", "2h", "", ""),
    (ALL_DAYS, "23:30", "90m", "", ""),
    (ALL_DAYS, "00:00", "1d", "2021-01-02", "2036-12-30"),
    ("mon,thu", "22:00", "4h", "", ""),
    ("tue every 2 weeks", "02:00", "3h", "2020-03-04", ""),
    (
        "sat,sun every 3 weeks",
        "00:30",
        "1d",
        "2019-12-29",
        "2033-05-05",
    ),
    ("wed,fri every 5 weeks", "12:00", "7d", "2023-06-01", ""),
    ("2 tuesday", "01:30", "2h", "", ""),
    (
        "2 tuesday + 9 days",
        "22:00",
        "6h",
        "2020-02-20",
        "2037-11-19",
    ),
    ("last friday + 5 days", "02:15", "1h", "", ""),
    ("1 sunday - 3 days", "03:00", "1h", "", ""),
    ("5 sunday", "02:30", "45m", "", ""),
    ("last sunday", "00:00", "3h", "", ""),
    ("day 31", "00:00", "2d", "", ""),
    ("day 29", "02:00", "2h", "", ""),
    ("last day", "23:00", "3h", "", ""),
    (
        "2020-02-29,2021-03-28,2021-03-29,2021-10-31,2023-03-12,2024-02-29,2026-11-01",
        "02:30",
        "1d",
        "2020-03-01",
        "",
    ),
    ("3 days after release", "02:30", "2h", "", ""),
];

/// What a release day is: each 17th day, at an odd time.
fn releases() -> Vec<Timestamp> {
    let first = at("2019-11-20T21:17:00Z");
    (0..400)
        .map(|n| first + SignedDuration::from_hours(n * 17 * 24 + n % 7))
        .collect()
}

/// Local times, as they are written.
const FREEZES: [(&str, &str); 7] = [
    ("2020-12-18T00:00", "2021-01-04T06:00"),
    ("2021-01-04T06:00", "2021-01-05T00:00"),
    ("2022-03-27T02:30", "2022-03-28T02:30"),
    ("2022-10-30T02:30", "2022-11-06T01:30"),
    ("2024-02-29T00:00", "2024-02-29T02:45"),
    ("2024-02-29T01:00", "2024-02-29T01:30"),
    ("2030-06-01T00:00", "2031-06-01T00:00"),
];

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// What the clocks show at each minute, in minutes since 1970.
fn clocks(zone: &TimeZone) -> Vec<i32> {
    let (begin, end) = (minute(at(BEGIN)), minute(at(END)));
    let epoch = jiff::civil::date(2019, 1, 1);
    let epoch_days = 17_897;
    let (mut seen, mut seen_day) = (epoch, epoch_days);
    let mut shown = Vec::with_capacity((end - begin) as usize);
    for now in begin..end {
        let local = zone.to_datetime(Timestamp::from_second(now * 60).unwrap());
        assert_eq!(local.second(), 0);
        if local.date() != seen {
            seen = local.date();
            seen_day = epoch_days + (seen - epoch).get_days();
        }
        shown.push(seen_day * 1440 + i32::from(local.hour()) * 60 + i32::from(local.minute()));
    }
    shown
}

/// Whether the words of a rule name a day.
fn is_named(rule: &ChangeWindow, day: Date, released_on: &[Date]) -> bool {
    if rule.from.is_some_and(|from| day < from) || rule.until.is_some_and(|until| day > until) {
        return false;
    }
    let move_by = |days: i64| day.checked_add(jiff::Span::new().days(days)).unwrap();
    match &rule.recurrence {
        Recurrence::Weekly { days, every_weeks } => {
            let monday = |day: Date| {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(jiff::Span::new().days(back)).unwrap()
            };
            let week = |from: Date| (monday(day) - monday(from)).get_days() / 7;
            days.weekdays().contains(&day.weekday())
                && rule
                    .from
                    .is_none_or(|from| week(from) % i32::from(*every_weeks) == 0)
        }
        Recurrence::Nth {
            nth,
            weekday,
            plus_days,
        } => {
            let named = move_by(-i64::from(*plus_days));
            named.weekday() == *weekday
                && match nth {
                    Nth::Number(number) => (named.day() - 1) / 7 + 1 == *number as i8,
                    Nth::Last => named.day() + 7 > named.days_in_month(),
                }
        }
        Recurrence::MonthDay(MonthDay::Number(number)) => day.day() == *number as i8,
        Recurrence::MonthDay(MonthDay::Last) => day.day() == day.days_in_month(),
        Recurrence::Dates(dates) => dates.contains(&day),
        Recurrence::AfterRelease { days } => {
            let released = move_by(-i64::from(*days));
            released_on.contains(&released)
        }
    }
}

/// Openings as the walk finds them, as minutes since 1970.
fn walk(
    rule: &ChangeWindow,
    shown: &[i32],
    released_on: &[Date],
    frozen: &[(i64, i64)],
) -> Vec<(i64, i64)> {
    let begin = minute(at(BEGIN));
    let start = i32::from(rule.start.hour()) * 60 + i32::from(rule.start.minute());
    let length = i64::from(rule.duration.minutes());
    let mut day = jiff::civil::date(2019, 11, 5);
    let mut day_start = 18_205 * 1440 + start;
    let (mut open_until, mut opened_at, mut found) = (i64::MIN, None, Vec::new());
    let mut named = is_named(rule, day, released_on);
    let mut next_freeze = 0;
    // Until this minute only the clocks can change the answer.
    let mut settled_until = begin;
    let mut index = 0;
    while index < shown.len() {
        let now = begin + index as i64;
        if shown[index] < day_start && now < settled_until {
            index += 1;
            continue;
        }
        while shown[index] >= day_start {
            if named {
                open_until = open_until.max(now + length);
            }
            day = day.tomorrow().unwrap();
            day_start += 1440;
            named = is_named(rule, day, released_on);
        }
        while next_freeze < frozen.len() && now >= frozen[next_freeze].1 {
            next_freeze += 1;
        }
        let freeze = frozen
            .get(next_freeze)
            .copied()
            .unwrap_or((i64::MAX, i64::MAX));
        if now < open_until && now < freeze.0 {
            opened_at = opened_at.or(Some(now));
        } else if let Some(opened) = opened_at.take() {
            found.push((opened, now));
        }
        settled_until = [open_until, freeze.0, freeze.1]
            .into_iter()
            .filter(|minute| *minute > now)
            .min()
            .unwrap_or(i64::MAX);
        index += 1;
    }
    let (from, to) = (minute(at(FROM)), minute(at(TO)));
    found.retain(|(opens, closes)| *opens < to && *closes > from);
    found
}

/// Each freeze from the first minute at which the clocks show its times or later.
fn walk_freezes(shown: &[i32]) -> Vec<(i64, i64)> {
    let first = |text: &str| {
        let local: jiff::civil::DateTime = text.parse().unwrap();
        let days = (local.date() - jiff::civil::date(2019, 1, 1)).get_days() + 17_897;
        let wanted = days * 1440 + i32::from(local.hour()) * 60 + i32::from(local.minute());
        let index = shown.iter().position(|local| *local >= wanted).unwrap();
        minute(at(BEGIN)) + index as i64
    };
    let mut frozen: Vec<(i64, i64)> = Vec::new();
    for (from, until) in FREEZES {
        // The sixth lies within the fifth.
        if !frozen.iter().any(|(_, end)| *end >= first(until)) {
            frozen.push((first(from), first(until)));
        }
    }
    frozen
}

fn rule_of(text: (&str, &str, &str, &str, &str)) -> ChangeWindow {
    let (recurrence, start, duration, from, until) = text;
    let mut rule = window(recurrence, start, duration, "device");
    rule.valid_from = Timestamp::MIN;
    let date = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    (rule.from, rule.until) = (date(from), date(until));
    rule
}

/// How many openings were compared.
fn compare(zone_name: &str) -> usize {
    let zone = TimeZone::get(zone_name).unwrap();
    let shown = clocks(&zone);
    let releases = releases();
    let released_on: Vec<Date> = releases
        .iter()
        .map(|at| zone.to_datetime(*at).date())
        .collect();
    let walked_freezes = walk_freezes(&shown);
    let spans = FREEZES.map(|(from, until)| {
        let device = domain::window::WindowZone::Device;
        span(
            &device,
            zone_name,
            from.parse().unwrap(),
            until.parse().unwrap(),
        )
        .unwrap()
    });
    let mut count = 0;
    for text in RULES {
        let rule = rule_of(text);
        for (frozen, walked_freezes) in [
            (Frozen::NOTHING, &[][..]),
            (Frozen::new(spans), &walked_freezes[..]),
        ] {
            let walked = walk(&rule, &shown, &released_on, walked_freezes);
            let found =
                openings_between(&rule, zone_name, &releases, &frozen, at(FROM), at(TO)).unwrap();
            let found: Vec<(i64, i64)> = found
                .into_iter()
                .map(|one| (minute(one.opens_at), minute(one.closes_at)))
                .collect();
            let first = (0..walked.len().max(found.len()))
                .find(|index| walked.get(*index) != found.get(*index));
            if let Some(index) = first {
                let show = |one: Option<&(i64, i64)>| {
                    one.map(|(opens, _)| Timestamp::from_second(opens * 60).unwrap().to_string())
                };
                panic!(
                    "{zone_name}, {text:?}, frozen {}: walked {:?}, found {:?}",
                    !frozen.is_empty(),
                    show(walked.get(index)),
                    show(found.get(index)),
                );
            }
            count += found.len();
        }
    }
    count
}

fn compare_all(zones: [&str; 4]) {
    for zone in zones {
        let count = compare(zone);
        assert!(
            count > 20_000,
            "{zone}: only {count} openings were compared"
        );
    }
}

#[test]
fn agrees_minute_by_minute_in_berlin_new_york_lord_howe_and_santiago() {
    compare_all([
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Santiago",
    ]);
}

#[test]
fn agrees_minute_by_minute_in_casablanca_kiritimati_kathmandu_and_apia() {
    compare_all([
        "Africa/Casablanca",
        "Pacific/Kiritimati",
        "Asia/Kathmandu",
        "Pacific/Apia",
    ]);
}

#[test]
fn agrees_minute_by_minute_in_st_johns_dublin_tehran_and_troll() {
    compare_all([
        "America/St_Johns",
        "Europe/Dublin",
        "Asia/Tehran",
        "Antarctica/Troll",
    ]);
}

#[test]
fn agrees_minute_by_minute_in_cairo_nuuk_gaza_and_havana() {
    compare_all([
        "Africa/Cairo",
        "America/Nuuk",
        "Asia/Gaza",
        "America/Havana",
    ]);
}
