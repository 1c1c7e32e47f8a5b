//! The calendar against the crate `rrule`, which reads recurrence rules of RFC 5545, in UTC.

use super::*;

/// Our recurrence, its `from`, and the same as a rule of RFC 5545. What that cannot say, days added
/// to a weekday, is compared by moving its dates.
const RULES: [(&str, &str, &str, i64); 20] = [
    ("mon", "", "FREQ=WEEKLY;BYDAY=MO", 0),
    ("tue,thu,sat", "", "FREQ=WEEKLY;BYDAY=TU,TH,SA", 0),
    (ALL_DAYS, "", "FREQ=DAILY", 0),
    (
        "tue every 2 weeks",
        "2020-01-01",
        "FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=TU",
        0,
    ),
    (
        "mon,sun every 3 weeks",
        "2020-01-09",
        "FREQ=WEEKLY;INTERVAL=3;WKST=MO;BYDAY=MO,SU",
        0,
    ),
    (
        "fri every 5 weeks",
        "2020-02-29",
        "FREQ=WEEKLY;INTERVAL=5;WKST=MO;BYDAY=FR",
        0,
    ),
    (
        "wed every 52 weeks",
        "2020-06-07",
        "FREQ=WEEKLY;INTERVAL=52;WKST=MO;BYDAY=WE",
        0,
    ),
    ("1 monday", "", "FREQ=MONTHLY;BYDAY=1MO", 0),
    ("2 tuesday", "", "FREQ=MONTHLY;BYDAY=2TU", 0),
    ("3 wednesday", "", "FREQ=MONTHLY;BYDAY=3WE", 0),
    ("4 sunday", "", "FREQ=MONTHLY;BYDAY=4SU", 0),
    ("5 friday", "", "FREQ=MONTHLY;BYDAY=5FR", 0),
    ("last friday", "", "FREQ=MONTHLY;BYDAY=-1FR", 0),
    ("last monday", "2021-05-06", "FREQ=MONTHLY;BYDAY=-1MO", 0),
    ("2 tuesday + 9 days", "", "FREQ=MONTHLY;BYDAY=2TU", 9),
    ("last friday + 5 days", "", "FREQ=MONTHLY;BYDAY=-1FR", 5),
    ("1 sunday - 3 days", "", "FREQ=MONTHLY;BYDAY=1SU", -3),
    ("day 31", "", "FREQ=MONTHLY;BYMONTHDAY=31", 0),
    ("day 29", "", "FREQ=MONTHLY;BYMONTHDAY=29", 0),
    ("last day", "", "FREQ=MONTHLY;BYMONTHDAY=-1", 0),
];

#[test]
fn agrees_with_the_rules_of_rfc_5545_in_utc_for_eighteen_years() {
    let (from, to) = (at("2020-01-01T00:00:00Z"), at("2038-01-01T00:00:00Z"));
    let mut count = 0;
    for (recurrence, first, theirs, plus) in RULES {
        let mut rule = window(recurrence, "22:15", "1h", "UTC");
        rule.valid_from = Timestamp::MIN;
        rule.from = (!first.is_empty()).then(|| first.parse().unwrap());
        let start = if first.is_empty() {
            "2019-01-01"
        } else {
            first
        };
        let text = format!("DTSTART:{}T221500Z\nRRULE:{theirs}", start.replace('-', ""));
        let set: ::rrule::RRuleSet = text.parse().unwrap();
        let theirs: Vec<Timestamp> = (&set)
            .into_iter()
            .map(|date| Timestamp::from_second(date.timestamp()).unwrap())
            .map(|date| date + SignedDuration::from_hours(24 * plus))
            .skip_while(|date| *date < from)
            .take_while(|date| *date < to)
            .collect();
        let ours: Vec<Timestamp> = openings_between(&rule, "UTC", &[], &Frozen::NOTHING, from, to)
            .unwrap()
            .into_iter()
            .map(|one| one.opens_at)
            .collect();
        let difference = ours.iter().zip(&theirs).find(|(mine, other)| mine != other);
        assert_eq!(difference, None, "{recurrence}");
        assert_eq!(ours.len(), theirs.len(), "{recurrence}");
        count += ours.len();
    }
    assert!(count > 14_000, "only {count} openings were compared");
}
