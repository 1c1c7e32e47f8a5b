//! The calendar: a month in one zone, with freezes, reboots and changes of clocks.

use service::calendar::{CalendarEntry, CalendarKind, CalendarShown, ClockChange};

use super::*;

fn entry(kind: CalendarKind, name: &str, from: &str, until: &str) -> CalendarEntry {
    CalendarEntry {
        kind,
        id: format!("obj_{name}"),
        name: name.into(),
        note: String::new(),
        device_zone: None,
        devices: 2,
        opens_at: at(from),
        closes_at: at(until),
    }
}

fn march() -> CalendarShown {
    let night = entry(
        CalendarKind::Opening,
        "Nights",
        "2026-03-10T21:00:00Z",
        "2026-03-11T00:30:00Z",
    );
    let mut docks = entry(
        CalendarKind::Opening,
        "Docks <7>",
        "2026-03-08T07:30:00Z",
        "2026-03-08T09:30:00Z",
    );
    docks.device_zone = Some("America/Chicago".into());
    let mut freeze = entry(
        CalendarKind::Freeze,
        "Audit",
        "2026-03-16T11:00:00Z",
        "2026-03-17T23:00:00Z",
    );
    freeze.note = "the auditors are in".into();
    let mut reboot = entry(
        CalendarKind::Reboot,
        "Servers",
        "2026-03-29T01:00:00Z",
        "2026-03-29T03:00:00Z",
    );
    reboot.note = "in the window Nights".into();
    CalendarShown {
        zone: "Europe/Berlin".into(),
        client: Some("Acme GmbH".into()),
        entries: vec![docks, night, freeze, reboot],
        more: 0,
        clocks: vec![
            ClockChange {
                zone: "America/Chicago".into(),
                at: at("2026-03-08T08:00:00Z"),
                minutes: 60,
            },
            ClockChange {
                zone: "Europe/Berlin".into(),
                at: at("2026-03-29T01:00:00Z"),
                minutes: 60,
            },
        ],
        unreadable: vec![("freeze".into(), "old".into(), "`x` is not a date".into())],
        closed: 2,
        all: true,
        idle_windows: 1,
        addresses: 3,
    }
}

fn asked_for(month: &str, day: &str) -> calendar::CalendarAsked {
    calendar::CalendarAsked {
        month: month.into(),
        client: "Acme GmbH".into(),
        day: day.into(),
        ..calendar::CalendarAsked::default()
    }
}

fn shown(month: &str, day: &str, seen: CalendarShown) -> calendar::CalendarPage {
    let clients = vec!["Acme GmbH".into()];
    let asked = asked_for(month, day);
    calendar::CalendarPage::new(&owner(), &asked, seen, clients, now())
        .unwrap_or_else(|problem| panic!("{}", problem.detail))
}

#[test]
fn a_month_stands_in_weeks_with_freezes_reboots_and_changes_of_clocks() {
    look("calendar", &shown("2026-03", "", march()));
}

#[test]
fn the_table_begins_on_a_monday_and_ends_on_a_sunday() {
    for (month, from, until) in [
        ("2026-03", "2026-02-23", "2026-04-06"),
        ("2027-02", "2027-02-01", "2027-03-01"),
        ("2028-02", "2028-01-31", "2028-03-06"),
    ] {
        let asked = asked_for(month, "");
        let Ok(first) = asked.first(now()) else {
            panic!("{month} is a month");
        };
        let span = asked.span(first);
        assert_eq!(
            (span.from.to_string(), span.until.to_string()),
            (from.into(), until.into())
        );
    }
}

#[test]
fn a_day_with_many_windows_shows_some_and_lists_all_on_demand() {
    let mut seen = march();
    seen.entries = (0..42)
        .map(|at| {
            entry(
                CalendarKind::Opening,
                &format!("window {at}"),
                "2026-03-10T21:00:00Z",
                "2026-03-10T22:00:00Z",
            )
        })
        .collect();
    let html = shown("2026-03", "", seen.clone()).render().unwrap();
    assert!(html.contains("and 37 more"));
    assert!(!html.contains("window 6<"));
    let html = shown("2026-03", "2026-03-10", seen).render().unwrap();
    assert!(html.contains("Tuesday, 10 March 2026") && html.contains("window 41<"));
}

#[test]
fn what_is_no_month_or_day_is_refused_with_an_example() {
    for month in [
        "2026", "2026-13", "1999-12", "2101-01", "x-y", "99999-01", "-1-1",
    ] {
        let problem = asked_for(month, "").first(now()).err().unwrap();
        assert!(
            problem.detail.contains("2026-12"),
            "{month}: {}",
            problem.detail
        );
    }
    let asked = asked_for("2026-03", "tomorrow");
    let refused = calendar::CalendarPage::new(&owner(), &asked, march(), Vec::new(), now());
    assert!(refused.err().unwrap().detail.contains("2026-12-24"));
    assert_eq!(
        asked_for("", "").first(now()).ok(),
        "2026-03-01".parse().ok()
    );
}

#[test]
fn a_freeze_says_from_when_on_its_first_day_and_until_when_on_its_last() {
    let html = shown("2026-03", "", march()).render().unwrap();
    assert!(html.contains("from 12:00"), "its first day");
    assert!(
        !html.contains("until 00:00") && html.contains("until 24:00") || html.contains("all day")
    );
    assert!(html.contains("Europe/Berlin: clocks go forward one hour at 02:00"));
    assert!(html.contains("America/Chicago: clocks go forward one hour at 02:00"));
    assert!(html.contains("Sun 01:30 in America/Chicago"));
    assert!(html.contains("22:00 to 01:30 the next day"));
}

#[test]
fn weeks_without_openings_say_what_follows_unless_something_else_closes_them() {
    let mut seen = march();
    seen.entries.clear();
    let html = shown("2026-03", "", seen.clone()).render().unwrap();
    assert!(html.contains("No opening is shown here for 2 devices because of it."));
    assert!(!html.contains("Nothing opens in these weeks."));
    seen.unreadable.clear();
    let html = shown("2026-03", "", seen).render().unwrap();
    assert!(html.contains("Nothing opens in these weeks."));
    assert!(!html.contains("cannot be read"));
}
