use super::*;
use jiff::civil::DateTime;

use domain::window::WindowZone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin() -> WindowZone {
    "Europe/Berlin".parse().unwrap()
}

fn calendar(lines: &[&str]) -> String {
    let mut file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//EN\r\n".to_owned();
    for line in lines {
        file.push_str(line);
        file.push_str("\r\n");
    }
    file + "END:VCALENDAR\r\n"
}

fn event(lines: &[&str]) -> String {
    let mut all = vec!["BEGIN:VEVENT"];
    all.extend(lines);
    all.push("END:VEVENT");
    calendar(&all)
}

/// Zone, from, until of the only freeze.
fn one(lines: &[&str]) -> (String, String, String) {
    let freezes = read_freezes(&event(lines), &berlin()).unwrap();
    assert_eq!(freezes.len(), 1);
    let freeze = &freezes[0];
    (
        freeze.zone.to_string(),
        freeze.from.to_string(),
        freeze.until.to_string(),
    )
}

fn times(zone: &str, from: &str, until: &str) -> (String, String, String) {
    (zone.to_owned(), from.to_owned(), until.to_owned())
}

/// What is wrong with an event, with its line in the file: the event's first line is 5.
fn wrong(lines: &[&str]) -> String {
    let errors = read_freezes(&event(lines), &berlin()).unwrap_err();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

#[test]
fn what_is_written_is_read_back_as_the_same_instants() {
    let long = "Jahresabschluß, Übergabe; Lager\\Nord\nzweite Zeile ".repeat(4);
    let written = Event {
        uid: "one@patchloop".to_owned(),
        summary: "Change freeze: year end".to_owned(),
        description: long.clone(),
        span: Opening {
            opens_at: at("2026-12-17T23:00:00Z"),
            closes_at: at("2027-01-04T05:00:00Z"),
        },
    };
    let file = write("Ährenbäckerei, Nord", at("2026-11-23T10:00:00Z"), [written]);
    for line in file.split_terminator("\r\n") {
        assert!(line.len() <= 75, "{line}");
        assert!(!line.contains('\n') && !line.contains('\r'), "{line}");
    }
    assert!(file.ends_with("END:VCALENDAR\r\n"));
    let read = read_freezes(&file, &berlin()).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].name, "Change freeze: year end");
    assert_eq!(read[0].zone.to_string(), "UTC");
    assert_eq!(
        read[0].from,
        "2026-12-17T23:00:00".parse::<DateTime>().unwrap()
    );
    assert_eq!(
        read[0].until,
        "2027-01-04T05:00:00".parse::<DateTime>().unwrap()
    );
    assert_eq!(read[0].uid.as_deref(), Some("one@patchloop"));
    let one_line = long.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(read[0].reason, one_line);
}

#[test]
fn windows_and_freezes_are_entries_that_say_what_they_are() {
    let window = super::super::tests::window("2 tuesday + 9 days", "22:00", "2h", "Europe/Berlin");
    let openings = super::super::openings_between(
        &window,
        "UTC",
        &[],
        &super::super::Frozen::NOTHING,
        at("2026-12-01T00:00:00Z"),
        at("2027-02-01T00:00:00Z"),
    )
    .unwrap();
    let freeze =
        super::super::tests::freeze("2026-12-18T00:00", "2027-01-04T06:00", "Europe/Berlin");
    let span = super::super::freeze_span(&freeze, "UTC").unwrap();
    let events: Vec<Event> = openings
        .into_iter()
        .map(|opening| window_event(&window, None, "all", opening))
        .chain([freeze_event(&freeze, None, "all", span)])
        .collect();
    let file = write("Nordbrot", at("2026-11-23T10:00:00Z"), events.clone());
    insta::assert_snapshot!(file.replace("\r\n", "\n"));
    // Written later, an entry is the same entry.
    let later = write("Nordbrot", at("2026-11-24T10:00:00Z"), events);
    let uids = |file: &str| -> Vec<String> {
        let all = file.lines().filter(|line| line.starts_with("UID:"));
        all.map(str::to_owned).collect()
    };
    assert_eq!(uids(&file), uids(&later));
    assert_eq!(uids(&file).len(), 3);
}

#[test]
fn devices_of_two_zones_have_entries_of_their_own() {
    let window = super::super::tests::window("fri", "22:00", "2h", "device");
    let opening = Opening {
        opens_at: at("2026-12-04T21:00:00Z"),
        closes_at: at("2026-12-04T23:00:00Z"),
    };
    let [one, other] = ["Europe/Berlin", "Europe/Paris"]
        .map(|zone| window_event(&window, Some(zone), "2 of Acme", opening));
    assert_ne!(one.uid, other.uid);
    assert!(one.summary.ends_with("(Europe/Berlin)"), "{}", one.summary);
    assert!(one.description.contains("(Europe/Berlin)"));
}

#[test]
fn days_times_zones_and_durations_are_read() {
    let day = one(&["DTSTART;VALUE=DATE:20261224"]);
    assert_eq!(
        day,
        times(
            "Europe/Berlin",
            "2026-12-24T00:00:00",
            "2026-12-25T00:00:00"
        )
    );
    let days = one(&["DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20270107"]);
    assert_eq!(
        days,
        times(
            "Europe/Berlin",
            "2026-12-24T00:00:00",
            "2027-01-07T00:00:00"
        )
    );
    let utc = one(&["DTSTART:20261218T120000Z", "DURATION:P1DT2H30M"]);
    assert_eq!(
        utc,
        times("UTC", "2026-12-18T12:00:00", "2026-12-19T14:30:00")
    );
    let zoned = one(&[
        "DTSTART;TZID=\"America/New_York\":20261127T000000",
        "DTEND;TZID=America/New_York:20261201T060000",
        "SUMMARY:Black Friday",
    ]);
    assert_eq!(
        zoned,
        times(
            "America/New_York",
            "2026-11-27T00:00:00",
            "2026-12-01T06:00:00"
        )
    );
    let floating = one(&["DTSTART:20261218T000000", "DTEND:20261219T000000"]);
    assert_eq!(floating.0, "Europe/Berlin");
    let mixed = one(&[
        "DTSTART;TZID=America/New_York:20261127T000000",
        "DTEND;TZID=Europe/Berlin:20261127T120000",
    ]);
    assert_eq!(
        mixed,
        times("UTC", "2026-11-27T05:00:00", "2026-11-27T11:00:00")
    );
    // Two elapsed hours over the change of clocks, and a day of the calendar over it.
    let hours = one(&["DTSTART:20260329T010000", "DURATION:PT2H"]);
    assert_eq!(hours.2, "2026-03-29T04:00:00");
    let calendar_day = one(&["DTSTART:20260328T120000", "DURATION:P1D"]);
    assert_eq!(calendar_day.2, "2026-03-29T12:00:00");
    // The second time that clocks show it can only be said in UTC.
    let second = one(&["DTSTART:20261025T013000", "DURATION:PT2H"]);
    assert_eq!(
        second,
        times("UTC", "2026-10-24T23:30:00", "2026-10-25T01:30:00")
    );
}

#[test]
fn folded_lines_escapes_reminders_and_descriptions_of_zones_are_understood() {
    let file = calendar(&[
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Berlin",
        "BEGIN:STANDARD",
        "DTSTART:19701025T030000",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "SUMMARY:Year",
        "  end\\, all",
        "DTSTART;TZID=Europe/Berlin:202612",
        " 18T000000",
        "DTEND;TZID=Europe/Berlin:20270104T060000",
        "BEGIN:VALARM",
        "TRIGGER:-PT15M",
        "END:VALARM",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "STATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20260101",
        "END:VEVENT",
    ]);
    let freezes = read_freezes(&file, &berlin()).unwrap();
    assert_eq!(freezes.len(), 1);
    assert_eq!(freezes[0].name, "Year end, all");
    assert_eq!(
        freezes[0].from,
        "2026-12-18T00:00:00".parse::<DateTime>().unwrap()
    );
    assert_eq!(freezes[0].line, 11);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let day = "DTSTART;VALUE=DATE:20261224";
    let cases = [
        wrong(&[day, "RRULE:FREQ=YEARLY"]),
        wrong(&[day, "EXDATE;VALUE=DATE:20261225"]),
        wrong(&["DTSTART;VALUE=DATE:20260100"]),
        wrong(&["DTSTART;VALUE=DATE:2026-12-24"]),
        wrong(&["DTSTART;VALUE=DATE:20260229"]),
        wrong(&["DTSTART:20261218T250000", "DURATION:PT2H"]),
        wrong(&[
            "DTSTART;TZID=W. Europe Standard Time:20261218T000000",
            "DURATION:PT2H",
        ]),
        wrong(&["DTSTART;VALUE=PERIOD:20261218T000000Z/PT2H"]),
        wrong(&[
            "DTSTART;TZID=Europe/Berlin:20261218T000000Z",
            "DURATION:PT2H",
        ]),
        wrong(&[
            "DTSTART;RANGE=THISANDFUTURE:20261218T000000Z",
            "DURATION:PT2H",
        ]),
        wrong(&["DTSTART:20261218T000000Z"]),
        wrong(&["DTSTART:20261218T000000Z", "DTEND:20261218T000000Z"]),
        wrong(&["DTSTART:20261218T000000Z", "DTEND;VALUE=DATE:20261219"]),
        wrong(&["DTSTART:20261218T000000Z", "DURATION:-PT2H"]),
        wrong(&["DTSTART:20261218T000000Z", "DURATION:P9999999999D"]),
        wrong(&[day, "DURATION:PT2H"]),
        wrong(&[day, "DTEND;VALUE=DATE:20261225", "DURATION:P1D"]),
        wrong(&[day, day]),
        wrong(&["SUMMARY:when?"]),
        wrong(&[day, "STATUS:MAYBE"]),
        wrong(&[day, "FREQUENCY:YEARLY"]),
        wrong(&[day, "no colon here"]),
        wrong(&[day, "BEGIN:VTODO", "END:VTODO"]),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn a_file_that_is_no_whole_calendar_is_refused() {
    let whole = event(&["DTSTART;VALUE=DATE:20261224"]);
    let mut cases = Vec::new();
    for file in [
        "",
        "hello",
        "<html></html>",
        &whole.replace("VERSION:2.0\r\n", ""),
        &whole.replace("2.0", "1.0"),
        &whole.replace("END:VCALENDAR\r\n", ""),
        &whole.replace("END:VEVENT\r\n", ""),
        &format!("{whole}{whole}"),
        &whole.replace("VEVENT", "VJOURNAL"),
        &whole.replace("PRODID:", "METHOD:CANCEL\r\nPRODID:"),
        &"x".repeat(CALENDAR_BYTES_MAX + 1),
        &calendar(&["BEGIN:VEVENT", "DTSTART;VALUE=DATE:20261224", "END:VEVENT"].repeat(1_001)),
    ] {
        let errors = read_freezes(file, &berlin()).unwrap_err();
        assert!(errors.len() <= 50);
        cases.push(errors[0].to_string());
    }
    insta::assert_snapshot!(cases.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reader(text in "\\PC{0,200}", cut in 0_usize..400) {
        let _ = read_freezes(&text, &berlin());
        let file = event(&["DTSTART;TZID=Europe/Berlin:20261218T000000", "DURATION:P1DT2H", &text]);
        let _ = read_freezes(&file, &berlin());
        if let Some(part) = file.get(..cut) {
            proptest::prop_assert!(read_freezes(part, &berlin()).is_err() || part.contains("END:VCALENDAR"));
        }
    }

    #[test]
    fn every_text_is_written_in_lines_that_read_back(text in "\\PC{0,300}") {
        let written = Event {
            uid: "one".to_owned(),
            summary: "freeze".to_owned(),
            description: text.clone(),
            span: Opening { opens_at: at("2026-12-17T23:00:00Z"), closes_at: at("2026-12-18T23:00:00Z") },
        };
        let file = write(&text, at("2026-11-23T10:00:00Z"), [written]);
        proptest::prop_assert!(file.split("\r\n").all(|line| line.len() <= 75));
        let read = read_freezes(&file, &berlin()).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = if words.is_empty() { "freeze".to_owned() } else { words };
        proptest::prop_assert_eq!(&read[0].reason, &words);
    }
}
