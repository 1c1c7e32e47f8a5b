//! What a device may that was off while its window was open.

use domain::snapshot::Contact;
use domain::window::CatchUp;

use super::*;

/// Tuesdays 22:00 to 24:00 in Berlin, in winter 21:00 to 23:00 UTC. 3 March 2026 is a Tuesday.
fn rule(within: &str, not: &str, expires: &str) -> CompiledWindow {
    let mut rule = window("tue", "22:00", "2h", "Europe/Berlin");
    rule.catch_up = Some(CatchUp {
        within: within.parse().unwrap(),
        not: (!not.is_empty()).then(|| not.parse().unwrap()),
        expires: (!expires.is_empty()).then(|| expires.parse().unwrap()),
    });
    CompiledWindow::new(&rule, "UTC").unwrap()
}

/// In contact from, and until; an empty end: still.
fn contact(from: &str, until: &str) -> Contact {
    Contact {
        from: at(from),
        until: (!until.is_empty()).then(|| at(until)),
    }
}

fn stretches(
    window: &CompiledWindow,
    frozen: &Frozen,
    contacts: &[Contact],
    now: &str,
) -> Vec<Opening> {
    catch_up(window, frozen, contacts, window.zone(), at(now))
}

#[test]
fn a_device_that_was_off_is_changed_after_its_next_contact_but_not_in_working_hours() {
    // On at 08:40 local time: two hours, of which those from 09:00 on are working hours.
    let rule = rule("2h", "09:00-17:00", "7d");
    let contacts = [
        contact("2026-03-02T08:00:00Z", "2026-03-02T16:00:00Z"),
        contact("2026-03-04T07:40:00Z", ""),
    ];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-04T07:45:00Z"),
        [opening("2026-03-04T07:40:00Z", "2026-03-04T08:00:00Z")]
    );
    // At 10:40, as the technician's laptop, nothing.
    let late = [contact("2026-03-04T09:40:00Z", "")];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &late, "2026-03-04T09:45:00Z"),
        []
    );
    // At 16:30, from 17:00 on.
    let evening = [contact("2026-03-04T15:30:00Z", "")];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &evening, "2026-03-04T15:31:00Z"),
        [opening("2026-03-04T16:00:00Z", "2026-03-04T17:30:00Z")]
    );
    assert_eq!(
        missed(
            &rule,
            &Frozen::NOTHING,
            &evening,
            at("2026-03-04T15:31:00Z")
        ),
        Some(opening("2026-03-03T21:00:00Z", "2026-03-03T23:00:00Z"))
    );
}

#[test]
fn a_device_that_was_there_for_any_part_of_it_missed_nothing() {
    let rule = rule("2h", "", "7d");
    let now = "2026-03-04T08:00:00Z";
    let again = contact("2026-03-04T07:40:00Z", "");
    for (before, caught) in [
        (
            contact("2026-03-03T20:00:00Z", "2026-03-03T21:00:00Z"),
            true,
        ),
        (
            contact("2026-03-03T20:00:00Z", "2026-03-03T21:01:00Z"),
            false,
        ),
        (
            contact("2026-03-03T22:00:00Z", "2026-03-03T22:00:00Z"),
            false,
        ),
        (
            contact("2026-03-03T22:59:00Z", "2026-03-04T00:00:00Z"),
            false,
        ),
        (
            contact("2026-03-03T20:00:00Z", "2026-03-04T02:00:00Z"),
            false,
        ),
    ] {
        let found = stretches(&rule, &Frozen::NOTHING, &[before, again], now);
        assert_eq!(!found.is_empty(), caught, "{before:?}");
    }
    // A device that was never away has nothing to catch up on.
    let always = [contact("2026-01-01T00:00:00Z", "")];
    assert_eq!(stretches(&rule, &Frozen::NOTHING, &always, now), []);
    assert_eq!(stretches(&rule, &Frozen::NOTHING, &[], now), []);
}

#[test]
fn only_the_first_contact_counts_and_only_what_is_known_by_now() {
    let rule = rule("2h", "", "7d");
    let contacts = [
        contact("2026-03-04T07:40:00Z", "2026-03-04T07:50:00Z"),
        contact("2026-03-04T12:00:00Z", ""),
    ];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-04T08:00:00Z"),
        [opening("2026-03-04T07:40:00Z", "2026-03-04T09:40:00Z")]
    );
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-04T09:40:00Z"),
        []
    );
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-04T12:30:00Z"),
        []
    );
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-04T07:39:59Z"),
        []
    );
    // A contact in the very instant in which the window closes is the first after it.
    let at_once = [contact("2026-03-03T23:00:00Z", "")];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &at_once, "2026-03-03T23:00:00Z"),
        [opening("2026-03-03T23:00:00Z", "2026-03-04T01:00:00Z")]
    );
}

#[test]
fn it_expires_at_the_latest_when_the_window_opens_again() {
    let day = rule("5h", "", "1d");
    // Expires on 4 March at 23:00 UTC.
    let contacts = [contact("2026-03-04T21:00:00Z", "")];
    assert_eq!(
        stretches(&day, &Frozen::NOTHING, &contacts, "2026-03-04T22:00:00Z"),
        [opening("2026-03-04T21:00:00Z", "2026-03-04T23:00:00Z")]
    );
    let later = [contact("2026-03-05T00:00:00Z", "")];
    assert_eq!(
        stretches(&day, &Frozen::NOTHING, &later, "2026-03-05T01:00:00Z"),
        []
    );
    // Without a word about it, when the window opens next: 10 March, 21:00 UTC.
    let open_ended = rule("5h", "", "");
    let week_later = [contact("2026-03-10T19:00:00Z", "")];
    assert_eq!(
        stretches(
            &open_ended,
            &Frozen::NOTHING,
            &week_later,
            "2026-03-10T19:30:00Z"
        ),
        [opening("2026-03-10T19:00:00Z", "2026-03-10T21:00:00Z")]
    );
    // A device that is back after a year catches up on the last opening.
    let year_later = [
        contact("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"),
        contact("2026-03-06T10:00:00Z", ""),
    ];
    assert_eq!(
        missed(
            &open_ended,
            &Frozen::NOTHING,
            &year_later,
            at("2026-03-06T10:00:00Z")
        ),
        Some(opening("2026-03-03T21:00:00Z", "2026-03-03T23:00:00Z"))
    );
}

#[test]
fn an_opening_missed_later_takes_the_place_of_one_missed_before() {
    // Seen for a moment after the first, still within its time when it misses the second.
    let rule = rule("7d", "", "30d");
    let contacts = [contact("2026-03-05T10:00:00Z", "2026-03-05T10:05:00Z")];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-09T00:00:00Z"),
        [opening("2026-03-05T10:00:00Z", "2026-03-12T10:00:00Z")]
    );
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &contacts, "2026-03-11T00:00:00Z"),
        []
    );
    let back = [contacts[0], contact("2026-03-11T06:00:00Z", "")];
    assert_eq!(
        stretches(&rule, &Frozen::NOTHING, &back, "2026-03-11T07:00:00Z"),
        [opening("2026-03-11T06:00:00Z", "2026-03-18T06:00:00Z")]
    );
}

#[test]
fn a_freeze_closes_it_like_a_window_and_a_frozen_opening_was_not_missed() {
    let rule = rule("4h", "", "7d");
    let contacts = [contact("2026-03-04T07:00:00Z", "")];
    let frozen = Frozen::new([opening("2026-03-04T08:00:00Z", "2026-03-04T09:00:00Z")]);
    assert_eq!(
        stretches(&rule, &frozen, &contacts, "2026-03-04T07:30:00Z"),
        [
            opening("2026-03-04T07:00:00Z", "2026-03-04T08:00:00Z"),
            opening("2026-03-04T09:00:00Z", "2026-03-04T11:00:00Z"),
        ]
    );
    let all_night = Frozen::new([opening("2026-03-03T12:00:00Z", "2026-03-04T06:00:00Z")]);
    let week_before = missed(&rule, &all_night, &contacts, at("2026-03-04T07:30:00Z"));
    assert_eq!(week_before, None);
}

#[test]
fn the_hours_kept_free_are_those_of_the_clocks_even_when_they_change() {
    // Both hours from two to three, on the night in which clocks go back: 00:00 to 02:00 UTC.
    let mut night = window("sat", "12:00", "1h", "UTC");
    night.catch_up = Some(CatchUp {
        within: "6h".parse().unwrap(),
        not: Some("02:00-03:00".parse().unwrap()),
        expires: Some("7d".parse().unwrap()),
    });
    let night = CompiledWindow::new(&night, "UTC").unwrap();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let contacts = [contact("2026-10-24T22:00:00Z", "")];
    let now = at("2026-10-24T22:00:00Z");
    assert_eq!(
        catch_up(&night, &Frozen::NOTHING, &contacts, &berlin, now),
        [
            opening("2026-10-24T22:00:00Z", "2026-10-25T00:00:00Z"),
            opening("2026-10-25T02:00:00Z", "2026-10-25T04:00:00Z"),
        ]
    );
    // Over midnight.
    let over = rule("12h", "22:00-06:00", "7d");
    let contacts = [contact("2026-03-04T20:00:00Z", "")];
    assert_eq!(
        stretches(&over, &Frozen::NOTHING, &contacts, "2026-03-04T20:00:00Z"),
        [
            opening("2026-03-04T20:00:00Z", "2026-03-04T21:00:00Z"),
            opening("2026-03-05T05:00:00Z", "2026-03-05T08:00:00Z"),
        ]
    );
}

#[test]
fn a_window_without_the_rule_lets_nobody_catch_up() {
    let plain = CompiledWindow::new(&window("tue", "22:00", "2h", "Europe/Berlin"), "UTC").unwrap();
    let contacts = [contact("2026-03-04T07:00:00Z", "")];
    assert_eq!(
        stretches(&plain, &Frozen::NOTHING, &contacts, "2026-03-04T07:30:00Z"),
        []
    );
}
