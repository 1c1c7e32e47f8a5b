use super::*;
use domain::id::WindowId;
use domain::query::Query;
use jiff::SignedDuration;
use jiff::civil::Date;
use proptest::prelude::*;

mod catch_up;
mod dates;
mod freeze;
mod rrule;
mod walk;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn window(days: &str, start: &str, duration: &str, zone: &str) -> ChangeWindow {
    ChangeWindow {
        id: WindowId::from_bytes([1; 16]),
        client: None,
        name: "nightly".parse().unwrap(),
        devices: Query::everything(),
        recurrence: days.parse().unwrap(),
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        opens_for: domain::window::OpensFor::Changes,

        start: domain::window::start_from_text(start).unwrap(),
        duration: duration.parse().unwrap(),
        zone: zone.parse().unwrap(),
        valid_from: at("2020-01-01T00:00:00Z"),
        ended_at: None,
    }
}

pub(super) fn freeze(from: &str, until: &str, zone: &str) -> domain::policy::Freeze {
    domain::policy::Freeze {
        id: domain::id::PolicyId::from_bytes([2; 16]),
        client: None,
        name: "year end".parse().unwrap(),
        devices: Query::everything(),
        zone: zone.parse().unwrap(),
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
        reason: "the books are closed".to_owned(),
        exception: Some("ask the head of operations".to_owned()),
    }
}

fn opening(opens_at: &str, closes_at: &str) -> Opening {
    Opening {
        opens_at: at(opens_at),
        closes_at: at(closes_at),
    }
}

const ALL_DAYS: &str = "mon,tue,wed,thu,fri,sat,sun";

#[test]
fn a_start_in_the_gap_opens_at_the_first_valid_instant_and_lasts_as_long() {
    // Berlin 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    let rule = window("sun", "02:30", "2h", "Europe/Berlin");
    let first = openings(&rule, "UTC", at("2026-03-28T00:00:00Z"))
        .unwrap()
        .next();
    assert_eq!(
        first,
        Some(opening("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"))
    );
    // New York 2026-03-08: 02:00 becomes 03:00 at 07:00 UTC.
    let rule = window("sun", "02:00", "1h", "America/New_York");
    let first = openings(&rule, "UTC", at("2026-03-07T00:00:00Z"))
        .unwrap()
        .next();
    assert_eq!(
        first,
        Some(opening("2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"))
    );
}

#[test]
fn a_start_that_comes_twice_opens_once_at_the_first() {
    // Berlin 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC; 02:30 is 00:30 UTC and 01:30 UTC.
    let rule = window("sun", "02:30", "2h", "Europe/Berlin");
    let two: Vec<_> = openings(&rule, "UTC", at("2026-10-24T00:00:00Z"))
        .unwrap()
        .take(2)
        .collect();
    assert_eq!(
        two,
        [
            opening("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"),
            opening("2026-11-01T01:30:00Z", "2026-11-01T03:30:00Z"),
        ]
    );
}

#[test]
fn an_opening_over_midnight_is_found_from_inside_it() {
    let rule = window("mon", "22:00", "4h", "Europe/Berlin");
    let first = openings(&rule, "UTC", at("2026-03-02T23:30:00Z"))
        .unwrap()
        .next();
    assert_eq!(
        first,
        Some(opening("2026-03-02T21:00:00Z", "2026-03-03T01:00:00Z"))
    );
    // The end is not inside any more.
    let next = openings(&rule, "UTC", at("2026-03-03T01:00:00Z"))
        .unwrap()
        .next();
    assert_eq!(
        next,
        Some(opening("2026-03-09T21:00:00Z", "2026-03-10T01:00:00Z"))
    );
}

#[test]
fn several_windows_are_a_union() {
    let evening = window("tue", "20:00", "2h", "Europe/Berlin");
    let night = window("tue", "22:00", "2h", "device");
    let (found, refused) = opening_at_or_after(
        [&night, &evening],
        "Europe/Berlin",
        at("2026-03-03T22:30:00Z"),
    );
    assert!(refused.is_empty());
    assert_eq!(
        found,
        Some(opening("2026-03-03T19:00:00Z", "2026-03-03T23:00:00Z"))
    );
}

#[test]
fn an_unknown_zone_is_an_error_and_closes_only_its_own_window() {
    let bad = window("tue", "20:00", "2h", "device");
    let error = openings(&bad, "Mars/Olympus", at("2026-03-03T00:00:00Z")).unwrap_err();
    assert_eq!(error.to_string(), "`Mars/Olympus` is not a known time zone");
    let good = window("wed", "20:00", "2h", "UTC");
    let (found, refused) =
        opening_at_or_after([&bad, &good], "Mars/Olympus", at("2026-03-03T00:00:00Z"));
    assert_eq!(
        found,
        Some(opening("2026-03-04T20:00:00Z", "2026-03-04T22:00:00Z"))
    );
    assert_eq!(refused.len(), 1);
}

#[test]
fn a_rule_opens_nothing_outside_its_validity() {
    let mut rule = window(ALL_DAYS, "20:00", "2h", "UTC");
    rule.valid_from = at("2026-03-03T21:00:00Z");
    rule.ended_at = Some(at("2026-03-04T21:30:00Z"));
    let all: Vec<_> = openings(&rule, "UTC", at("2026-01-01T00:00:00Z"))
        .unwrap()
        .collect();
    assert_eq!(
        all,
        [
            opening("2026-03-03T21:00:00Z", "2026-03-03T22:00:00Z"),
            opening("2026-03-04T20:00:00Z", "2026-03-04T21:30:00Z"),
        ]
    );
}

#[test]
fn an_always_open_window_has_openings_that_end_and_do_not_depend_on_when_one_asks() {
    let rule = window(ALL_DAYS, "00:00", "1d", "UTC");
    // 2026-03-02 is a Monday.
    let week = opening("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z");
    for from in [
        "2026-03-02T00:00:00Z",
        "2026-03-05T12:00:00Z",
        "2026-03-08T23:59:00Z",
    ] {
        let two: Vec<_> = openings(&rule, "UTC", at(from)).unwrap().take(2).collect();
        assert_eq!(two[0], week, "{from}");
        assert_eq!(two[1].opens_at, week.closes_at, "{from}");
    }
}

proptest! {
    #[test]
    fn openings_are_in_order_apart_and_end_after_the_question(
        start in 0_u32..1440, minutes in 1_u32..10_080, days in 1_u8..128, hour in 0_i64..20_000,
    ) {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<&str> = names.iter().enumerate()
            .filter(|(at, _)| days & (1 << at) != 0).map(|(_, name)| *name).collect();
        let rule = window(
            &days.join(","),
            &format!("{:02}:{:02}", start / 60, start % 60),
            &format!("{minutes}m"),
            "Europe/Berlin",
        );
        let from = at("2025-01-01T00:00:00Z") + SignedDuration::from_hours(hour);
        let found: Vec<_> = openings(&rule, "UTC", from).unwrap().take(6).collect();
        prop_assert_eq!(found.len(), 6);
        prop_assert!(found[0].closes_at > from);
        for pair in found.windows(2) {
            prop_assert!(pair[0].opens_at < pair[0].closes_at && pair[0].closes_at <= pair[1].opens_at);
        }
        // The same opening, asked for from inside it.
        let inside = found[1].opens_at;
        prop_assert_eq!(openings(&rule, "UTC", inside).unwrap().next(), Some(found[1]));
    }
}
