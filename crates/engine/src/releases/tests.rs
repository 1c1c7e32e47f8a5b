use super::*;
use domain::query::Query;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(from: &str, count: usize) -> Vec<String> {
    next(at(from), count)
        .iter()
        .map(|day| format!("{} {}", day.at, day.kind.name()))
        .collect()
}

#[test]
fn the_next_days_stand_in_order_with_the_hour_of_the_vendor() {
    // By the calendar: December 2026 begins on a Tuesday, January 2027 on a Friday.
    assert_eq!(
        days("2026-11-23T00:00:00Z", 4),
        [
            "2026-12-08T18:00:00Z Microsoft Patch Tuesday",
            "2027-01-12T18:00:00Z Microsoft Patch Tuesday",
            "2027-01-19T21:00:00Z Oracle critical patch update",
            "2027-02-09T18:00:00Z Microsoft Patch Tuesday",
        ]
    );
    // In summer time the same hour in Redmond is an hour earlier.
    assert_eq!(
        days("2026-07-01T00:00:00Z", 2),
        [
            "2026-07-14T17:00:00Z Microsoft Patch Tuesday",
            "2026-07-21T20:00:00Z Oracle critical patch update",
        ]
    );
}

#[test]
fn a_day_counts_until_its_hour() {
    let before = next(at("2026-12-08T17:59:59Z"), 1);
    assert_eq!(before[0].at, at("2026-12-08T18:00:00Z"));
    let after = next(at("2026-12-08T18:00:00Z"), 1);
    assert_eq!(after[0].at, at("2027-01-12T18:00:00Z"));
}

#[test]
fn the_notice_comes_three_business_days_before() {
    let tuesday = next(at("2026-11-23T00:00:00Z"), 1)[0];
    // Monday, Friday, Thursday.
    assert_eq!(
        notice_at(&tuesday, "Europe/Berlin").unwrap(),
        at("2026-12-03T07:00:00Z")
    );
    assert!(notice_at(&tuesday, "Nowhere/There").is_err());
    let due = |now: &str| notices_due(at(now), "Europe/Berlin").unwrap().len();
    assert_eq!(due("2026-12-03T06:59:59Z"), 0);
    assert_eq!(due("2026-12-03T07:00:00Z"), 1);
    assert_eq!(due("2026-12-08T17:59:59Z"), 1);
    assert_eq!(due("2026-12-08T18:00:00Z"), 0);
}

fn window(number: u8, days: &str, start: &str) -> ChangeWindow {
    ChangeWindow {
        id: WindowId::from_bytes([number; 16]),
        client: None,
        name: format!("window {number}").parse().unwrap(),
        devices: Query::everything(),
        recurrence: days.parse().unwrap(),
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        opens_for: domain::window::OpensFor::Changes,

        start: domain::window::start_from_text(start).unwrap(),
        duration: "2h".parse().unwrap(),
        zone: "UTC".parse().unwrap(),
        valid_from: at("2020-01-01T00:00:00Z"),
        ended_at: None,
    }
}

#[test]
fn each_device_meets_the_window_that_opens_first() {
    let day = next(at("2026-11-23T00:00:00Z"), 1)[0];
    let nightly = window(1, "wed", "22:00");
    let open_then = window(2, "tue", "17:00");
    let over = window(3, "tue", "10:00");
    let device = |number: u8| DeviceId::from_bytes([number; 16]);
    let both = [&nightly, &open_then];
    let late = [&over];
    let devices = [
        MetDevice {
            device: device(9),
            zone: "UTC",
            windows: &both,
        },
        MetDevice {
            device: device(8),
            zone: "UTC",
            windows: &both[..1],
        },
        MetDevice {
            device: device(7),
            zone: "UTC",
            windows: &[],
        },
        MetDevice {
            device: device(6),
            zone: "UTC",
            windows: &late,
        },
    ];
    let meeting = meets(&day, devices);
    let told: Vec<String> = meeting
        .windows
        .iter()
        .map(|met| format!("{} {} {}", met.opens_at, met.name, met.devices.len()))
        .collect();
    assert_eq!(
        told,
        [
            "2026-12-08T18:00:00Z window 2 1",
            "2026-12-09T22:00:00Z window 1 1",
            "2026-12-15T10:00:00Z window 3 1",
        ]
    );
    assert_eq!(meeting.without_window, [device(7)]);
}
