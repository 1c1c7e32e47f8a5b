//! Tests of the revision history: 6.1.14, 6.1.16 to 6.1.22 and 6.1.30.
//!
//! Revisions are whole numbers or semantic versions. Nothing here decides what is read: revision
//! numbers and dates are not trusted to rise.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Notes;
use crate::csaf::model::{Tracking, TrackingStatus};
use crate::csaf::tree::short;
use crate::fields;

/// A revision's number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number<'a> {
    /// Major, minor and patch; a whole number is a major alone.
    parts: [u64; 3],
    /// What stands behind a dash.
    before: Option<&'a str>,
    whole: bool,
}

impl<'a> Number<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let plain = text.split('+').next().unwrap_or_default();
        let (numbers, before) = match plain.split_once('-') {
            Some((numbers, before)) => (numbers, Some(before)),
            None => (plain, None),
        };
        let mut parts = [0; 3];
        let mut count = 0;
        for part in numbers.split('.') {
            *parts.get_mut(count)? = part.parse().ok()?;
            count += 1;
        }
        let whole = count == 1 && before.is_none() && plain.len() == text.len();
        (whole || count == 3).then_some(Self {
            parts,
            before,
            whole,
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        // A version before a release is lower than the release itself.
        let rank = |number: &Self| number.before.is_none();
        self.parts
            .cmp(&other.parts)
            .then(rank(self).cmp(&rank(other)))
            .then_with(|| self.before.cmp(&other.before))
    }
}

/// Runs the tests.
pub fn check(tracking: &Tracking, notes: &mut Notes) {
    let place = "document/tracking";
    let Some(version) = Number::read(&tracking.version) else {
        notes.note("schema", place, || {
            format!("`{}` is no version", short(&tracking.version))
        });
        return;
    };
    let mut history: Vec<(Timestamp, Number<'_>)> = Vec::new();
    for revision in &tracking.revision_history {
        let date = fields::timestamp(&revision.date);
        match (date, Number::read(&revision.number)) {
            (Some(date), Some(number)) => history.push((date, number)),
            _ => {
                notes.note("schema", place, || {
                    format!(
                        "revision `{}` has no date or number",
                        short(&revision.number)
                    )
                });
                return;
            }
        }
    }
    history.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.order(&b.1)));
    in_order(&history, &version, tracking, notes);
    numbers(&history, &version, tracking, notes);
}

fn in_order(
    history: &[(Timestamp, Number<'_>)],
    version: &Number<'_>,
    tracking: &Tracking,
    notes: &mut Notes,
) {
    let place = "document/tracking/revision_history";
    let falls = |pair: &[(Timestamp, Number<'_>)]| pair[0].1.order(&pair[1].1) == Ordering::Greater;
    if history.windows(2).any(falls) {
        notes.note("6.1.14", place, || {
            "by date the numbers do not rise".to_owned()
        });
    }
    if let Some((_, latest)) = history.last() {
        let draft = tracking.status == TrackingStatus::Draft;
        let same = latest.parts == version.parts
            && (draft || latest.before == version.before)
            && latest.whole == version.whole;
        if !same {
            notes.note("6.1.16", place, || {
                format!("the last is not version {}", short(&tracking.version))
            });
        }
    }
}

fn numbers(
    history: &[(Timestamp, Number<'_>)],
    version: &Number<'_>,
    tracking: &Tracking,
    notes: &mut Notes,
) {
    let place = "document/tracking";
    let released = tracking.status != TrackingStatus::Draft;
    let early = |number: &Number<'_>| number.parts[0] == 0;
    if released && (early(version) || version.before.is_some()) {
        notes.note("6.1.17", place, || {
            format!("version {} is a draft's", short(&tracking.version))
        });
    }
    if released && history.iter().any(|(_, number)| early(number)) {
        notes.note("6.1.18", place, || {
            "a released document keeps revision 0".to_owned()
        });
    }
    if history.iter().any(|(_, number)| number.before.is_some()) {
        notes.note("6.1.19", place, || {
            "a revision is a version before a release".to_owned()
        });
    }
    if released && version.before.is_some() {
        notes.note("6.1.20", place, || {
            "a released document has a version before a release".to_owned()
        });
    }
    let majors: BTreeSet<u64> = history.iter().map(|(_, number)| number.parts[0]).collect();
    let first = majors.first().copied().unwrap_or_default();
    let last = majors.last().copied().unwrap_or_default();
    let count = u64::try_from(majors.len()).unwrap_or(u64::MAX);
    if first > 1 || last.saturating_sub(first).saturating_add(1) != count.max(1) {
        notes.note("6.1.21", place, || "a revision is missing".to_owned());
    }
    let mut seen = BTreeSet::new();
    let twice = tracking
        .revision_history
        .iter()
        .find(|r| !seen.insert(&r.number));
    if let Some(revision) = twice {
        notes.note("6.1.22", place, || {
            format!("revision {} is there twice", short(&revision.number))
        });
    }
    let mixed = history
        .iter()
        .any(|(_, number)| number.whole != version.whole);
    if mixed {
        notes.note("6.1.30", place, || {
            "whole numbers and semantic versions are mixed".to_owned()
        });
    }
}
