//! The real falls of July 2026, and the edges of the limits.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use sha2::{Digest, Sha256};

use super::*;
use crate::format::{Record, Sink};
use crate::{formats, packed, samples};

struct Ids(BTreeSet<u64>);

impl Sink for Ids {
    fn record(&mut self, record: Record) {
        match record {
            Record::Advisory(advisory) => self.0.insert(fingerprint(&advisory.id)),
            Record::Listed { document, .. } => self.0.insert(fingerprint(&document)),
            _ => false,
        };
    }
    fn broken(&mut self, _: &str, _: &str) {}
}

fn known(path: &str) -> Option<Known> {
    let bytes = samples::read(path)?;
    let mut ids = Ids(BTreeSet::new());
    let mut parsed = None;
    packed::open_bytes(&bytes, &mut |_, document| {
        parsed = Some(formats::read(document.unwrap(), &mut ids).unwrap());
    })
    .unwrap();
    let parsed = parsed.unwrap();
    Some(Known {
        sha256: Sha256::digest(&bytes).into(),
        records: parsed.records,
        ids: ids.0,
        dated: parsed.dated,
        refused: None,
    })
}

fn plain(sha: u8, records: u64) -> Known {
    Known {
        sha256: [sha; 32],
        records,
        ids: BTreeSet::new(),
        dated: None,
        refused: None,
    }
}

#[test]
fn the_month_that_came_back_short_is_quarantined_and_its_return_accepted() {
    let revision = |time: &str| known(&format!("msrc/cvrf/2026-Jun@{time}.xml.zst"));
    let times = [
        "20260702T155644Z",
        "20260703T090439Z",
        "20260704T085426Z",
        "20260704T221922Z",
        "20260706T073348Z",
    ];
    let Some(revisions) = times.map(revision).into_iter().collect::<Option<Vec<_>>>() else {
        return;
    };
    // The manifest's counts.
    let records: Vec<u64> = revisions.iter().map(|known| known.records).collect();
    assert_eq!(records, [1273, 1278, 1279, 1205, 1279]);
    let mut good: Option<&Known> = None;
    let mut said = Vec::new();
    for new in &revisions {
        let judged = judge(good, new, Limits::of(Feed::MsrcCvrf));
        said.push(match &judged {
            Judged::Accept { .. } => "accept",
            Judged::Unchanged => "unchanged",
            Judged::Quarantine { .. } => "quarantine",
        });
        if let Judged::Accept { .. } = judged {
            good = Some(new);
        }
        if let Judged::Quarantine { why } = judged {
            assert!(
                why.starts_with("74 of 1279 records are gone (1205 are there now)"),
                "{why}"
            );
        }
    }
    assert_eq!(said, ["accept", "accept", "accept", "quarantine", "accept"]);
}

#[test]
fn the_index_that_lost_a_month_is_quarantined() {
    let index = |time: &str| known(&format!("msrc/updates-index/index@{time}.json"));
    let (Some(first), Some(whole), Some(short), Some(again)) = (
        index("20260702T155644Z"),
        index("20260702T222331Z"),
        index("20260702T232507Z"),
        index("20260703T090439Z"),
    ) else {
        return;
    };
    let limits = Limits::of(Feed::MsrcIndex);
    assert!(matches!(judge(None, &first, limits), Judged::Accept { .. }));
    assert!(matches!(
        judge(Some(&first), &whole, limits),
        Judged::Accept { .. }
    ));
    let Judged::Quarantine { why } = judge(Some(&whole), &short, limits) else {
        panic!("the index lost 2026-Jun");
    };
    assert!(why.starts_with("1 of 190 records are gone"), "{why}");
    assert!(!matches!(
        judge(Some(&whole), &again, limits),
        Judged::Quarantine { .. }
    ));
}

#[test]
fn a_fall_must_be_past_both_limits() {
    let usual = Limits::USUAL;
    for (before, now, quarantined) in [
        (100, 100, false),
        (100, 98, false),
        // More than 2 %, but only three records.
        (100, 97, false),
        (100, 96, true),
        (10, 7, false),
        (10, 6, true),
        (3, 0, false),
        (10_000, 9_800, false),
        (10_000, 9_799, true),
        (4, 0, true),
        (5, 50, false),
        (u64::MAX, u64::MAX, false),
        (u64::MAX, 0, true),
    ] {
        let judged = judge(Some(&plain(1, before)), &plain(2, now), usual);
        let is = matches!(judged, Judged::Quarantine { .. });
        assert_eq!(is, quarantined, "{before} to {now}: {judged:?}");
    }
}

#[test]
fn records_that_came_do_not_hide_those_that_went() {
    let mut before = plain(1, 100);
    before.ids = (0..100).collect();
    let mut now = plain(2, 100);
    now.ids = (50..150).collect();
    let judged = judge(Some(&before), &now, Limits::USUAL);
    assert!(
        matches!(&judged, Judged::Quarantine { why } if why.starts_with("50 of 100")),
        "{judged:?}"
    );
}

#[test]
fn refusals_are_quarantined_and_older_dates_only_noted() {
    let mut refused = plain(2, 0);
    refused.refused = Some("the document is empty".to_owned());
    for previous in [None, Some(&plain(1, 5))] {
        assert_eq!(
            judge(previous, &refused, Limits::USUAL),
            Judged::Quarantine {
                why: "the document is empty".to_owned()
            }
        );
    }
    assert_eq!(
        judge(Some(&plain(1, 5)), &plain(1, 5), Limits::USUAL),
        Judged::Unchanged
    );
    let mut before = plain(1, 5);
    before.dated = Some("2026-07-04T00:00:00Z".parse().unwrap());
    let mut now = plain(2, 5);
    now.dated = Some("2026-07-02T00:00:00Z".parse().unwrap());
    let Judged::Accept { notes } = judge(Some(&before), &now, Limits::USUAL) else {
        panic!("an older date alone is no reason");
    };
    assert_eq!(notes.len(), 1);
}
