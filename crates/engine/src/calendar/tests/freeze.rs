//! Freezes: their instants, put together, and cut out of openings.

use super::*;

#[test]
fn a_freeze_begins_and_ends_by_the_clocks_of_its_zone() {
    let year_end = freeze("2026-12-18T00:00", "2027-01-04T06:00", "Europe/Berlin");
    assert_eq!(
        freeze_span(&year_end, "UTC").unwrap(),
        opening("2026-12-17T23:00:00Z", "2027-01-04T05:00:00Z")
    );
    let device = freeze("2026-12-18T00:00", "2027-01-04T06:00", "device");
    assert_eq!(
        freeze_span(&device, "Pacific/Kiritimati").unwrap(),
        opening("2026-12-17T10:00:00Z", "2027-01-03T16:00:00Z")
    );
    // In the gap the first valid instant, where the time comes twice the first.
    let gap = freeze("2026-03-29T02:30", "2026-10-25T02:30", "Europe/Berlin");
    assert_eq!(
        freeze_span(&gap, "UTC").unwrap(),
        opening("2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z")
    );
}

#[test]
fn a_freeze_that_cannot_be_understood_is_an_error_and_never_nothing() {
    let backwards = freeze("2027-01-04T06:00", "2026-12-18T00:00", "Europe/Berlin");
    let empty = freeze("2026-12-18T00:00", "2026-12-18T00:00", "Europe/Berlin");
    let nowhere = freeze("2026-12-18T00:00", "2027-01-04T06:00", "device");
    let beyond = freeze("2026-12-18T00:00", "9999-12-31T23:00", "Pacific/Pago_Pago");
    let why = |freeze, zone| freeze_span(freeze, zone).unwrap_err().to_string();
    assert_eq!(
        why(&backwards, "UTC"),
        "its end, 2026-12-18T00:00:00, is not after its beginning, 2027-01-04T06:00:00"
    );
    assert!(why(&empty, "UTC").contains("is not after its beginning"));
    assert_eq!(
        why(&nowhere, "Mars/Olympus"),
        "`Mars/Olympus` is not a known time zone"
    );
    assert_eq!(why(&beyond, "UTC"), "its times are beyond the year 9999");
    // What is written by hand does not even become a time.
    for text in [
        "2020-01-00T00:00",
        "2026-02-29T00:00",
        "2026-12-18T25:00",
        "soon",
    ] {
        assert!(text.parse::<jiff::civil::DateTime>().is_err(), "{text}");
    }
}

#[test]
fn freezes_that_overlap_or_touch_count_as_one() {
    let frozen = Frozen::new([
        opening("2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z"),
        opening("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z"),
        opening("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"),
        opening("2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"),
        opening("2026-03-04T12:00:00Z", "2026-03-04T12:00:00Z"),
    ]);
    assert_eq!(
        frozen.spans(),
        [
            opening("2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z"),
            opening("2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z"),
        ]
    );
    assert_eq!(
        frozen.at(at("2026-03-03T00:00:00Z")),
        Some(frozen.spans()[0])
    );
    assert_eq!(frozen.at(at("2026-03-04T00:00:00Z")), None);
    assert_eq!(
        frozen.at(at("2026-03-05T00:00:00Z")),
        Some(frozen.spans()[1])
    );
}

#[test]
fn a_freeze_shortens_an_opening_or_leaves_two_of_it_or_none() {
    let rule = window("tue", "20:00", "4h", "UTC");
    let between = |freezes: &[(&str, &str)]| {
        let frozen = Frozen::new(freezes.iter().map(|(from, until)| {
            let day = |time: &str| format!("2026-03-03T{time}:00Z");
            opening(&day(from), &day(until))
        }));
        let (from, to) = (at("2026-03-03T00:00:00Z"), at("2026-03-04T00:00:00Z"));
        openings_between(&rule, "UTC", &[], &frozen, from, to).unwrap()
    };
    let day = |from: &str, until: &str| {
        opening(
            &format!("2026-03-03T{from}:00Z"),
            &format!("2026-03-{until}:00Z"),
        )
    };
    assert_eq!(between(&[]), [day("20:00", "04T00:00")]);
    assert_eq!(between(&[("18:00", "21:00")]), [day("21:00", "04T00:00")]);
    assert_eq!(
        between(&[("21:00", "22:00")]),
        [day("20:00", "03T21:00"), day("22:00", "04T00:00")]
    );
    assert_eq!(
        between(&[("18:00", "22:00"), ("22:00", "23:59")]),
        [day("23:59", "04T00:00")]
    );
    assert_eq!(between(&[("18:00", "20:00")]), [day("20:00", "04T00:00")]);
    let frozen = Frozen::new([opening("2026-03-03T20:00:00Z", "2026-03-04T00:00:00Z")]);
    let compiled = CompiledWindow::new(&rule, "UTC").unwrap();
    let (from, to) = (at("2026-03-03T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    assert_eq!(compiled.between(&frozen, from, to), []);
    // What remains must touch the question itself.
    let late = Frozen::new([opening("2026-03-03T22:00:00Z", "2026-03-03T23:00:00Z")]);
    assert_eq!(
        compiled.between(
            &late,
            at("2026-03-03T22:30:00Z"),
            at("2026-03-03T22:45:00Z")
        ),
        []
    );
}

#[test]
fn the_next_opening_comes_after_the_freeze_however_long_it_is() {
    let always = CompiledWindow::new(&window(ALL_DAYS, "00:00", "1d", "UTC"), "UTC").unwrap();
    let nightly = CompiledWindow::new(&window(ALL_DAYS, "22:00", "2h", "UTC"), "UTC").unwrap();
    let frozen = Frozen::new([opening("2026-03-03T23:00:00Z", "2926-03-03T23:00:00Z")]);
    let now = at("2026-03-04T12:00:00Z");
    assert_eq!(
        next_open([&nightly], &frozen, now),
        Some(opening("2926-03-03T23:00:00Z", "2926-03-04T00:00:00Z"))
    );
    let next = next_open([&always, &nightly], &frozen, now).unwrap();
    assert_eq!(next.opens_at, at("2926-03-03T23:00:00Z"));
    let for_ever = Frozen::new([Opening {
        opens_at: Timestamp::MIN,
        closes_at: Timestamp::MAX,
    }]);
    assert_eq!(next_open([&always], &for_ever, now), None);
}
