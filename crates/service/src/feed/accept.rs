//! Whether a document that came counts, and what becomes of those that stood before it. Pure.
//!
//! | what came | what becomes of it |
//! | --- | --- |
//! | cannot be read, or is another feed's | quarantined |
//! | the same bytes as the one in force | nothing changes |
//! | has lost more than a twentieth of the records of the one in force, and more than ten | quarantined |
//! | is an index of Microsoft's and lists a document no more that it listed | quarantined |
//! | more than a tenth of its records are broken, and more of them than before | quarantined |
//! | anything else | good |
//!
//! Revision numbers and dates do not decide: an older edition that is whole is as good as a newer.
//! A document that stood before is replaced when the new one states all its advisories; else it stays
//! in force beside it, because nothing is deleted by being left out.

use std::collections::HashSet;

use domain::feed::Feed;

use super::reading::Looked;

/// Records that may be lost at any time.
const LOST_FREE: u64 = 10;
/// One in so many records may be lost.
const LOST_SHARE: u64 = 20;
/// One in so many records may be broken.
const BROKEN_SHARE: u64 = 10;
/// Most documents of one name that are in force together; one more and the new one is quarantined.
pub const BESIDE_MAX: usize = 8;

/// One document in force before.
#[derive(Debug, Clone)]
pub struct Before {
    /// How many records it has.
    pub records: u64,
    /// How many of its records are broken.
    pub broken: u64,
    /// What it states, by hash.
    pub advisories: HashSet<u64>,
    /// Whether it is the last good one, or stands beside it.
    pub last_good: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In force. Of those before it, in their order, whether each stays beside it.
    Good {
        /// Whether the one before stays in force.
        stay: Vec<bool>,
    },
    /// Kept for a person to look at, with the reason.
    Quarantined {
        /// Why.
        why: String,
    },
}

/// Whether a document of a feed may hold what was found in it: a document in a general form counts
/// for a particular feed, because forms are told apart by content.
fn belongs(feed: Feed, found: &[Feed]) -> bool {
    found.iter().any(|&one| {
        one == feed
            || feed == Feed::Archive
            || matches!(one, Feed::Osv | Feed::Csaf | Feed::Cvrf | Feed::CsafChanges)
    })
}

/// Judges a document that came for `feed`.
pub fn judge(feed: Feed, came: &Result<Looked, String>, before: &[Before]) -> Verdict {
    let quarantined = |why: String| Verdict::Quarantined { why };
    let came = match came {
        Ok(came) => came,
        Err(why) => return quarantined(why.clone()),
    };
    if !belongs(feed, &came.feeds) {
        let found: Vec<&str> = came.feeds.iter().map(|feed| feed.word()).collect();
        return quarantined(format!(
            "it is a document of {}, not of {feed}",
            found.join(", ")
        ));
    }
    let last = before.iter().find(|before| before.last_good);
    if let Some(last) = last {
        // A month is never taken back: one that is missing was lost on the way.
        let lost = last.advisories.difference(&came.advisories).count();
        if feed == Feed::MsrcIndex && lost > 0 {
            return quarantined(format!(
                "{lost} of the {} documents that the index in force lists are not listed any more",
                last.advisories.len()
            ));
        }
        let lost = last.records.saturating_sub(came.records);
        if lost > LOST_FREE.max(last.records / LOST_SHARE) {
            return quarantined(format!(
                "it has {} records where the one in force has {}: a sudden fall is not believed",
                came.records, last.records
            ));
        }
    }
    let known_broken = last.map_or(0, |last| last.broken);
    let all = came.records.saturating_add(came.broken);
    if came.broken > known_broken && came.broken > all / BROKEN_SHARE {
        let first = came.broken_told.first().map_or("", String::as_str);
        return quarantined(format!(
            "{} of its {all} records cannot be read, the first is {first}",
            came.broken
        ));
    }
    let stay: Vec<bool> = before
        .iter()
        .map(|before| !before.advisories.is_subset(&came.advisories))
        .collect();
    if stay.iter().filter(|stay| **stay).count() >= BESIDE_MAX {
        return quarantined(format!(
            "it leaves out what {BESIDE_MAX} earlier ones state, each something else"
        ));
    }
    Verdict::Good { stay }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(records: u64, broken: u64, advisories: std::ops::Range<u64>) -> Looked {
        Looked {
            feeds: vec![Feed::MsrcCvrf],
            records,
            broken,
            advisories: advisories.collect(),
            ..Looked::default()
        }
    }

    fn before(records: u64, advisories: std::ops::Range<u64>) -> Before {
        Before {
            records,
            broken: 0,
            advisories: advisories.collect(),
            last_good: true,
        }
    }

    fn judged(came: Looked, before: &[Before]) -> Verdict {
        judge(Feed::MsrcCvrf, &Ok(came), before)
    }

    fn is_quarantined(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Quarantined { .. })
    }

    #[test]
    fn what_is_left_out_stays_in_force_and_a_sudden_fall_is_not_believed() {
        let month = [before(1279, 0..1279)];
        // The same month of July 2026 as it was served on two days: 1,279 and then 1,205.
        assert!(is_quarantined(&judged(looked(1205, 0, 0..1205), &month)));
        assert_eq!(
            judged(looked(1278, 0, 1..1279), &month),
            Verdict::Good { stay: vec![true] }
        );
        assert_eq!(
            judged(looked(1300, 0, 0..1300), &month),
            Verdict::Good { stay: vec![false] }
        );
        // Ten records may always go: a small document shrinks in large steps.
        assert!(!is_quarantined(&judged(
            looked(5, 0, 0..5),
            &[before(15, 0..15)]
        )));
        assert!(is_quarantined(&judged(
            looked(0, 0, 0..0),
            &[before(15, 0..15)]
        )));
    }

    /// A real document as it was served; `None`, said loudly, where the samples are not at hand.
    fn sample(path: &str) -> Option<Looked> {
        let beside =
            std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        let folder = std::env::var_os("PATCHLOOP_DATA").map_or(beside, Into::into);
        if !folder.is_dir() {
            assert!(
                std::env::var_os("CI").is_none(),
                "the sample documents are not there; set PATCHLOOP_DATA"
            );
            eprintln!("SKIPPED: no sample documents; set PATCHLOOP_DATA to run this test");
            return None;
        }
        Some(super::super::reading::look(&folder.join(path), path).unwrap())
    }

    fn of(looked: &Looked) -> Before {
        Before {
            records: looked.records,
            broken: looked.broken,
            advisories: looked.advisories.clone(),
            last_good: true,
        }
    }

    #[test]
    fn the_real_month_that_came_short_and_the_index_that_lost_one_are_not_believed() {
        let month = |time: &str| sample(&format!("msrc/cvrf/2026-Jun@{time}.xml.zst"));
        let index = |time: &str| sample(&format!("msrc/updates-index/index@{time}.json"));
        let Some(whole) = month("20260704T085426Z") else {
            return;
        };
        let short = month("20260704T221922Z").unwrap();
        let again = month("20260706T073348Z").unwrap();
        let judged = |came: &Looked, before: &Looked| {
            judge(Feed::MsrcCvrf, &Ok(came.clone()), &[of(before)])
        };
        let Verdict::Quarantined { why } = judged(&short, &whole) else {
            panic!("the short month was taken");
        };
        assert_eq!(
            why,
            "it has 1205 records where the one in force has 1279: a sudden fall is not believed"
        );
        assert!(!is_quarantined(&judged(&again, &whole)));
        assert!(!is_quarantined(&judged(
            &whole,
            &month("20260703T090439Z").unwrap()
        )));

        let listed = index("20260702T222331Z").unwrap();
        let lost = index("20260702T232507Z").unwrap();
        let back = index("20260703T090439Z").unwrap();
        let judged = |came: &Looked, before: &Looked| {
            judge(Feed::MsrcIndex, &Ok(came.clone()), &[of(before)])
        };
        let Verdict::Quarantined { why } = judged(&lost, &listed) else {
            panic!("the index that lost a month was taken");
        };
        assert!(why.starts_with("1 of the 190 documents"), "{why}");
        assert!(!is_quarantined(&judged(&back, &listed)));
    }

    #[test]
    fn what_cannot_be_read_or_is_of_another_feed_is_kept_apart() {
        let refused = judge(Feed::Kev, &Err("the document is empty".into()), &[]);
        assert!(is_quarantined(&refused));
        let other = judge(Feed::Kev, &Ok(looked(9, 0, 0..9)), &[]);
        let Verdict::Quarantined { why } = other else {
            panic!("{other:?}");
        };
        assert_eq!(why, "it is a document of msrc-cvrf, not of kev");
        assert!(is_quarantined(&judged(looked(80, 20, 0..80), &[])));
        assert!(!is_quarantined(&judged(looked(95, 5, 0..95), &[])));
        let mut broken = before(80, 0..80);
        broken.broken = 20;
        assert!(!is_quarantined(&judged(looked(80, 20, 0..80), &[broken])));
    }

    #[test]
    fn not_everything_may_stand_side_by_side() {
        let all: Vec<Before> = (0..BESIDE_MAX as u64)
            .map(|at| Before {
                last_good: at == 0,
                ..before(1, at..at + 1)
            })
            .collect();
        assert!(is_quarantined(&judged(looked(1, 0, 99..100), &all)));
        assert!(!is_quarantined(&judged(looked(1, 0, 99..100), &all[1..])));
    }
}
