//! The coverage ledger: every known device in exactly one bucket, and why.
//!
//! The first that applies counts: excluded, never reported, unsupported, stale, current. An exclusion
//! that has run out counts no more. A scan older than its deadline is a breach in itself, also where
//! another bucket comes first: [`LedgerLine::overdue_since`] says so. Times are UTC instants.

use domain::coverage::{Bucket, Coverage, Exclusion, LedgerLine};
use domain::id::DeviceId;
use jiff::{SignedDuration, Timestamp};

/// How old a scan may be where no policy says otherwise, in hours.
pub const SCAN_DEADLINE_HOURS: i64 = 24;

/// What the ledger looks at for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice<'a> {
    /// The device.
    pub device: DeviceId,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When its inventory was last confirmed; `None`: never.
    pub scanned_at: Option<Timestamp>,
    /// How old a scan may be.
    pub deadline: SignedDuration,
    /// Its system in words, and whether it can be assessed.
    pub system: Assessable<'a>,
    /// The exclusion in force or gone by, if there ever was one.
    pub exclusion: Option<&'a Exclusion>,
}

/// Whether a device's system can be assessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assessable<'a> {
    /// Yes.
    Yes,
    /// It was not reported yet.
    Unknown,
    /// No: the system, in words.
    No(&'a str),
}

/// The device's line.
pub fn line(known: &KnownDevice<'_>, now: Timestamp) -> LedgerLine {
    let due = known.scanned_at.unwrap_or(known.enrolled_at) + known.deadline;
    let overdue_since = (now > due).then_some(due);
    let (bucket, why) = bucket(known, overdue_since, now);
    LedgerLine {
        device: known.device,
        bucket,
        why,
        overdue_since,
    }
}

fn bucket(
    known: &KnownDevice<'_>,
    overdue_since: Option<Timestamp>,
    now: Timestamp,
) -> (Bucket, String) {
    if let Some(exclusion) = known.exclusion.filter(|exclusion| now < exclusion.until) {
        let why = format!(
            "excluded by {} until {}: {}",
            exclusion.by,
            minute(exclusion.until),
            exclusion.reason
        );
        return (Bucket::Excluded, why);
    }
    let Some(scanned_at) = known.scanned_at else {
        let why = format!("enrolled {} and never scanned", minute(known.enrolled_at));
        return (Bucket::NeverReported, why);
    };
    if let Assessable::No(system) = known.system {
        let why = format!("`{system}` can be listed but not assessed");
        return (Bucket::Unsupported, why);
    }
    let hours = known.deadline.as_hours();
    match overdue_since {
        Some(since) => {
            let why = format!(
                "last scanned {}, more than {hours} h ago: overdue since {}",
                minute(scanned_at),
                minute(since)
            );
            (Bucket::Stale, why)
        }
        None => (
            Bucket::Current,
            format!("scanned {}, within {hours} h", minute(scanned_at)),
        ),
    }
}

/// `2026-11-23 07:40 UTC`.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Counts lines. The sum of the buckets is the number of lines.
pub fn count<'a>(lines: impl IntoIterator<Item = &'a LedgerLine>) -> Coverage {
    let mut coverage = Coverage::default();
    for line in lines {
        coverage.add(line.bucket);
    }
    coverage
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn device() -> KnownDevice<'static> {
        KnownDevice {
            device: DeviceId::from_parts(at("2026-11-01T00:00:00Z"), [1; 10]),
            enrolled_at: at("2026-11-01T00:00:00Z"),
            scanned_at: Some(at("2026-11-20T06:00:00Z")),
            deadline: SignedDuration::from_hours(SCAN_DEADLINE_HOURS),
            system: Assessable::Yes,
            exclusion: None,
        }
    }

    #[test]
    fn the_deadline_itself_is_still_in_time() {
        let on_time = line(&device(), at("2026-11-21T06:00:00Z"));
        assert_eq!(
            (on_time.bucket, on_time.overdue_since),
            (Bucket::Current, None)
        );
        let late = line(&device(), at("2026-11-21T06:00:01Z"));
        assert_eq!(late.bucket, Bucket::Stale);
        assert_eq!(late.overdue_since, Some(at("2026-11-21T06:00:00Z")));
    }

    #[test]
    fn a_device_that_never_reported_is_not_current_and_becomes_overdue_too() {
        let never = KnownDevice {
            scanned_at: None,
            ..device()
        };
        let first_hour = line(&never, at("2026-11-01T01:00:00Z"));
        assert_eq!(first_hour.bucket, Bucket::NeverReported);
        assert_eq!(first_hour.overdue_since, None);
        let later = line(&never, at("2026-11-05T00:00:00Z"));
        assert_eq!(later.bucket, Bucket::NeverReported);
        assert_eq!(later.overdue_since, Some(at("2026-11-02T00:00:00Z")));
    }

    #[test]
    fn an_exclusion_hides_no_breach_and_ends_by_itself() {
        let exclusion = Exclusion {
            device: device().device,
            by: "petra".into(),
            at: at("2026-11-20T00:00:00Z"),
            reason: "is being scrapped".into(),
            until: at("2026-12-01T00:00:00Z"),
        };
        let excluded = KnownDevice {
            exclusion: Some(&exclusion),
            ..device()
        };
        let within = line(&excluded, at("2026-11-30T00:00:00Z"));
        assert_eq!(within.bucket, Bucket::Excluded);
        assert_eq!(
            within.why,
            "excluded by petra until 2026-12-01 00:00 UTC: is being scrapped"
        );
        assert!(within.overdue_since.is_some());
        let after = line(&excluded, at("2026-12-01T00:00:00Z"));
        assert_eq!(after.bucket, Bucket::Stale);
    }

    #[test]
    fn every_device_is_in_one_bucket_and_the_buckets_add_up() {
        let exclusion = Exclusion {
            device: device().device,
            by: "petra".into(),
            at: at("2026-11-20T00:00:00Z"),
            reason: "test".into(),
            until: at("2026-11-22T00:00:00Z"),
        };
        let mut lines = Vec::new();
        let now = at("2026-11-21T12:00:00Z");
        for scanned_at in [None, Some(at("2026-11-21T11:00:00Z")), device().scanned_at] {
            for system in [
                Assessable::Yes,
                Assessable::Unknown,
                Assessable::No("plan9 4"),
            ] {
                for exclusion in [None, Some(&exclusion)] {
                    let known = KnownDevice {
                        scanned_at,
                        system,
                        exclusion,
                        ..device()
                    };
                    lines.push(line(&known, now));
                }
            }
        }
        let coverage = count(&lines);
        assert_eq!(coverage.total(), 18);
        // Nine are excluded; of the rest three never reported, two are unsupported, two stale.
        let expected = Coverage {
            current: 2,
            stale: 2,
            never_reported: 3,
            unsupported: 2,
            excluded: 9,
        };
        assert_eq!(coverage, expected);
    }
}
