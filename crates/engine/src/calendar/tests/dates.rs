//! Dates that people get wrong: the 31st, 29 February, both changes of clocks, month ends, weeks.

use super::*;

/// Every opening as it is printed.
fn printed(rule: &ChangeWindow, from: &str, to: &str) -> Vec<String> {
    openings_between(rule, "UTC", &[], &Frozen::NOTHING, at(from), at(to))
        .unwrap()
        .into_iter()
        .map(|one| format!("{} {}", one.opens_at, one.closes_at))
        .collect()
}

fn rule(days: &str, start: &str, duration: &str, zone: &str) -> ChangeWindow {
    let mut rule = window(days, start, duration, zone);
    rule.valid_from = Timestamp::MIN;
    rule
}

/// The openings that somebody finds who asks every half hour whether something may be done now.
fn executed(rule: &ChangeWindow, from: &str, to: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut now = at(from);
    while now < at(to) {
        let (opening, refused) = opening_at_or_after([rule], "UTC", now);
        assert!(refused.is_empty());
        if let Some(open) = opening.filter(|one| one.opens_at <= now && now < one.closes_at) {
            let text = format!("{} {}", open.opens_at, open.closes_at);
            if found.last() != Some(&text) {
                found.push(text);
            }
        }
        now += SignedDuration::from_mins(30);
    }
    found
}

#[test]
fn printed_dates_are_the_dates_that_are_executed() {
    for (days, start, zone) in [
        ("day 31", "22:00", "Europe/Berlin"),
        ("2023-02-28,2024-02-29", "22:00", "Europe/Berlin"),
        ("day 29", "22:00", "America/New_York"),
        ("last sunday", "02:30", "Europe/Berlin"),
        ("2 sunday", "02:30", "America/New_York"),
        ("1 sunday", "01:30", "America/New_York"),
        ("last day", "23:30", "Pacific/Kiritimati"),
    ] {
        let rule = rule(days, start, "2h", zone);
        let (from, to) = ("2023-01-02T00:00:00Z", "2025-01-02T00:00:00Z");
        let printed = printed(&rule, from, to);
        assert!(printed.len() >= 2, "{days}");
        assert_eq!(printed, executed(&rule, from, to), "{days} in {zone}");
    }
}

#[test]
fn months_without_a_31st_are_skipped_and_29_february_comes_every_fourth_year() {
    let months = |rule: &ChangeWindow| -> Vec<String> {
        let all = printed(rule, "2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
        all.iter().map(|text| text[..10].to_owned()).collect()
    };
    let long = months(&rule("day 31", "12:00", "1h", "UTC"));
    assert_eq!(long.len(), 14);
    assert_eq!(long[..3], ["2027-01-31", "2027-03-31", "2027-05-31"]);
    let most = months(&rule("day 29", "12:00", "1h", "UTC"));
    assert_eq!(most.len(), 23);
    assert!(most.contains(&"2028-02-29".to_owned()));
    let last = months(&rule("last day", "12:00", "1h", "UTC"));
    assert_eq!(last.len(), 24);
    assert_eq!(last[1], "2027-02-28");
    assert_eq!(last[13], "2028-02-29");
}

#[test]
fn days_added_may_run_into_another_month_and_year() {
    let after = rule("last thursday + 5 days", "12:00", "1h", "UTC");
    assert_eq!(
        printed(&after, "2026-12-15T00:00:00Z", "2027-02-10T00:00:00Z"),
        [
            "2027-01-05T12:00:00Z 2027-01-05T13:00:00Z",
            "2027-02-02T12:00:00Z 2027-02-02T13:00:00Z"
        ]
    );
    let before = rule("1 friday - 3 days", "12:00", "1h", "UTC");
    assert_eq!(
        printed(&before, "2026-12-15T00:00:00Z", "2027-01-20T00:00:00Z"),
        ["2026-12-29T12:00:00Z 2026-12-29T13:00:00Z"]
    );
}

#[test]
fn weeks_are_counted_from_the_monday_of_the_first_week_and_nothing_opens_before() {
    // 2026-03-05 is a Thursday: its week begins on the 2nd.
    let mut fortnight = rule("tue,fri every 2 weeks", "12:00", "1h", "UTC");
    fortnight.from = Some("2026-03-05".parse().unwrap());
    fortnight.until = Some("2026-04-03".parse().unwrap());
    let days: Vec<String> = printed(&fortnight, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
        .iter()
        .map(|text| text[..10].to_owned())
        .collect();
    assert_eq!(
        days,
        [
            "2026-03-06",
            "2026-03-17",
            "2026-03-20",
            "2026-03-31",
            "2026-04-03"
        ]
    );
}

#[test]
fn a_window_after_a_release_opens_once_for_each_and_never_without() {
    let rule = rule("2 days after release", "22:00", "2h", "Pacific/Auckland");
    // In Auckland it is the 11th already.
    let releases = [at("2026-03-10T18:00:00Z"), at("2026-03-10T20:00:00Z")];
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let all = openings_between(&rule, "UTC", &releases, &Frozen::NOTHING, from, to).unwrap();
    assert_eq!(
        all,
        [opening("2026-03-13T09:00:00Z", "2026-03-13T11:00:00Z")]
    );
    let none = openings_between(&rule, "UTC", &[], &Frozen::NOTHING, from, to).unwrap();
    assert_eq!(none, []);
}

#[test]
fn openings_that_touch_are_one_however_long() {
    let mut always = rule(ALL_DAYS, "06:00", "1d", "UTC");
    always.from = Some("2021-03-04".parse().unwrap());
    always.until = Some("2029-05-06".parse().unwrap());
    let whole = ["2021-03-04T06:00:00Z 2029-05-07T06:00:00Z"];
    for (from, to) in [
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("2000-01-01T00:00:00Z", "2050-01-01T00:00:00Z"),
        ("2029-05-07T05:59:59Z", "2029-06-01T00:00:00Z"),
    ] {
        assert_eq!(printed(&always, from, to), whole);
    }
    assert!(printed(&always, "2029-05-07T06:00:00Z", "2029-06-01T00:00:00Z").is_empty());
    // For a day and an hour the change of clocks in autumn does not matter either.
    let mut berlin = rule(ALL_DAYS, "06:00", "25h", "Europe/Berlin");
    berlin.from = Some("2021-03-04".parse().unwrap());
    berlin.until = Some("2029-05-06".parse().unwrap());
    assert_eq!(
        printed(&berlin, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ["2021-03-04T05:00:00Z 2029-05-07T05:00:00Z"]
    );
    // For a day it does: the autumn day has an hour more.
    let day = rule(ALL_DAYS, "06:00", "1d", "Europe/Berlin");
    assert_eq!(
        printed(&day, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ["2025-10-26T05:00:00Z 2026-10-25T04:00:00Z"]
    );
    // One without an end is followed for forty years.
    let endless = rule(ALL_DAYS, "00:00", "1d", "UTC");
    let found = printed(&endless, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("198") && found[0].contains(" 206"),
        "{found:?}"
    );
}

proptest! {
    #[test]
    fn what_is_listed_between_two_instants_is_what_touches_them(
        which in 0_usize..7, hour in 0_i64..60_000, length in 1_i64..5_000, freeze in 0_i64..70_000,
    ) {
        let mut rule = rule(
            ["tue", "mon,thu", "sat every 3 weeks", "2 tuesday + 9 days", "day 31", "last day", ALL_DAYS][which],
            ["02:30", "00:00", "23:15"][which % 3],
            ["2h", "1d", "3d12h", "20h"][which % 4],
            ["Europe/Berlin", "America/New_York"][which % 2],
        );
        // One that never closes is followed from the question: this one has a beginning and an end.
        rule.from = (which == 6).then(|| "2018-05-06".parse().unwrap());
        rule.until = (which == 6).then(|| "2030-05-06".parse().unwrap());
        let begin = at("2020-01-01T00:00:00Z");
        let instant = |hour| begin + SignedDuration::from_hours(hour);
        let frozen = Frozen::new([Opening { opens_at: instant(freeze), closes_at: instant(freeze + length) }]);
        let compiled = CompiledWindow::new(&rule, "UTC").unwrap();
        let (from, to) = (instant(hour), instant(hour + length));
        let all = compiled.between(&frozen, begin, instant(80_000));
        let part: Vec<Opening> = all
            .iter()
            .copied()
            .filter(|one| one.opens_at < to && from < one.closes_at)
            .collect();
        prop_assert_eq!(compiled.between(&frozen, from, to), part);
        // The next one is the first of them, where openings are short enough not to be cut.
        if which != 6 {
            let next = all.iter().copied().find(|one| one.closes_at > from);
            prop_assert_eq!(next_open([&compiled], &frozen, from), next);
        }
        for pair in all.windows(2) {
            prop_assert!(pair[0].opens_at < pair[0].closes_at && pair[0].closes_at < pair[1].opens_at);
        }
        prop_assert!(all.iter().all(|one| frozen.at(one.opens_at).is_none()));
    }
}
