//! Whether a newly fetched document replaces the last good one.
//!
//! Publishers lose records now and then, in documents that are valid in every other way: Microsoft's
//! index lost a month for hours, and a month came back with 74 CVEs fewer for two days. So a document
//! that has clearly fewer records is put into quarantine, and the last good one stays in force, until
//! a person takes it or it comes back whole. A fall must be past both limits: a share, so that large
//! documents may lose a few, and a count, so that small ones may. An index counts otherwise: what it
//! lists is fetched by it, so it may lose nothing.
//!
//! Dates and revision numbers are not trusted to rise: an older date is a note, never a reason.

use std::collections::BTreeSet;

use domain::feed::Feed;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// What has to be known of a document to compare it with the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Records read.
    pub records: u64,
    /// Fingerprints of the records' ids, where they were kept; empty: they were not.
    pub ids: BTreeSet<u64>,
    /// When it was made, as it says itself.
    pub dated: Option<Timestamp>,
    /// Why it is refused as a whole.
    pub refused: Option<String>,
}

/// A fingerprint of a record's id, to tell which records a document has without keeping their ids:
/// the first eight bytes of its SHA-256, so that it may be stored.
pub fn fingerprint(id: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(id).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// How much a document may shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records that may be lost, in thousandths of those before.
    pub share_per_mille_max: u64,
    /// Records that may be lost whatever the share.
    pub count_max: u64,
}

impl Limits {
    /// 2 % and three records.
    pub const USUAL: Self = Self {
        share_per_mille_max: 20,
        count_max: 3,
    };
    /// Not one: for indexes.
    pub const NONE: Self = Self {
        share_per_mille_max: 0,
        count_max: 0,
    };
    /// A tenth: for documents whose records come and go by their nature.
    pub const LOOSE: Self = Self {
        share_per_mille_max: 100,
        count_max: 20,
    };

    /// The limits of a feed.
    pub fn of(feed: Feed) -> Self {
        match feed {
            Feed::MsrcIndex | Feed::CsafProvider => Self::NONE,
            // Work lists, pages of an API, news, and what a repository happens to offer.
            Feed::DebianWorkList
            | Feed::DebianRepository
            | Feed::CsafChanges
            | Feed::MsrcSug
            | Feed::Nvd
            | Feed::Notice
            | Feed::WingetIndex => Self::LOOSE,
            _ => Self::USUAL,
        }
    }
}

/// What becomes of a new document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It replaces the last good one.
    Accept {
        /// What is odd and does no harm.
        notes: Vec<String>,
    },
    /// The same bytes as before.
    Unchanged,
    /// It is kept aside; the last good one stays in force.
    Quarantine {
        /// Why, in one sentence.
        why: String,
    },
}

/// Judges a new document against the last good one of the same id, if there was one.
pub fn judge(previous: Option<&Known>, new: &Known, limits: Limits) -> Judged {
    if let Some(why) = &new.refused {
        return Judged::Quarantine { why: why.clone() };
    }
    let Some(previous) = previous else {
        return Judged::Accept { notes: Vec::new() };
    };
    if previous.sha256 == new.sha256 {
        return Judged::Unchanged;
    }
    if let Some(why) = fall(previous, new, limits) {
        return Judged::Quarantine { why };
    }
    let mut notes = Vec::new();
    if let (Some(before), Some(now)) = (previous.dated, new.dated)
        && now < before
    {
        notes.push(format!(
            "its own date went back from {before} to {now}; its content counts all the same"
        ));
    }
    Judged::Accept { notes }
}

/// Why the fall in records is too deep, if it is.
fn fall(previous: &Known, new: &Known, limits: Limits) -> Option<String> {
    // Records that came may hide records that went, where ids are known.
    let both_known = !previous.ids.is_empty() && !new.ids.is_empty();
    let lost = if both_known {
        previous.ids.difference(&new.ids).count() as u64
    } else {
        previous.records.saturating_sub(new.records)
    };
    let before = if both_known {
        previous.ids.len() as u64
    } else {
        previous.records
    };
    let share =
        u128::from(lost) * 1000 > u128::from(before) * u128::from(limits.share_per_mille_max);
    if lost <= limits.count_max || !share {
        return None;
    }
    let allowed = format!(
        "at most {} and {}.{} % may be",
        limits.count_max,
        limits.share_per_mille_max / 10,
        limits.share_per_mille_max % 10
    );
    Some(format!(
        "{lost} of {before} records are gone ({} are there now); {allowed}",
        new.records
    ))
}

#[cfg(test)]
mod tests;
