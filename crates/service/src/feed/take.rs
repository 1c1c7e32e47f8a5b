//! Takes one document: looks at it, judges it, puts it on the shelf, then writes how all stand.
//!
//! The bytes are durable before the row that names them. Killed in between, there is a file that no
//! row names: harmless, and the next fetch of the same bytes finds it.

use domain::document::{DocumentStanding, KeptDocument};
use domain::feed::Feed;
use domain::inventory::Digest;
use jiff::Timestamp;
use store::Tx;

use super::accept::{Before, Verdict, judge};
use super::reading;
use super::shelf::{self, Unfinished};
use crate::{Result, Service, ServiceError, audit};

/// Most quarantined documents of one name that are kept.
const QUARANTINED_MAX: usize = 5;
/// Most replaced documents of one name that are kept.
const REPLACED_MAX: usize = 10;

/// What became of a document that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is in force.
    Good,
    /// It is in force already, by the same bytes.
    Known,
    /// It is kept apart, with the reason.
    Quarantined(String),
}

/// How an older document stands once a newer one is good.
pub(super) fn after_newer(stays: bool) -> (DocumentStanding, &'static str) {
    if stays {
        let why = "a newer one leaves out what this one states";
        (DocumentStanding::Beside, why)
    } else {
        (DocumentStanding::Replaced, "a newer one states all of it")
    }
}

fn kept_failed(error: &std::io::Error) -> ServiceError {
    ServiceError::Internal {
        what: format!("a document cannot be kept: {error}"),
    }
}

impl Service {
    /// Takes a document that came for a feed under a name. The caller holds the change lock, and
    /// reloads once it has taken all. Errors: the disk or the database failed.
    pub(crate) fn feed_take(
        &self,
        feed: Feed,
        name: &str,
        came: Unfinished,
        fetched_at: Timestamp,
    ) -> Result<Taken> {
        let now = self.now();
        let (sha256, document) = (came.sha256(), name.to_owned());
        let of_name = {
            let document = document.clone();
            self.read(move |tx| Ok(tx.feed_document_of(feed, &document)?))?
        };
        if let Some(same) = of_name.iter().find(|kept| kept.sha256 == sha256) {
            match same.standing {
                DocumentStanding::Good | DocumentStanding::Beside => {
                    let mut again = same.clone();
                    again.fetched_at = fetched_at;
                    // The file may be damaged: what came is whole.
                    self.feeds
                        .shelf()?
                        .keep(came)
                        .map_err(|error| kept_failed(&error))?;
                    self.write(move |tx| Ok(tx.feed_document_put(&again)?))?;
                    return Ok(Taken::Known);
                }
                DocumentStanding::Quarantined | DocumentStanding::Deleted => {
                    return Ok(Taken::Quarantined(same.why.clone()));
                }
                DocumentStanding::Replaced => {}
            }
        }
        let looked = reading::look(came.path(), name);
        let before = self.in_force_of(feed, name)?;
        let states: Vec<Before> = before.iter().map(|(_, before)| before.clone()).collect();
        let verdict = judge(feed, &looked, &states);
        let shelf = self.feeds.shelf()?;
        let (sha256, size_bytes) = shelf.keep(came).map_err(|error| kept_failed(&error))?;
        let looked = looked.unwrap_or_default();
        let mut kept = KeptDocument {
            feed,
            document,
            own_id: looked.own_id,
            sha256,
            size_bytes,
            records: looked.records,
            broken: looked.broken,
            dated: looked.dated,
            fetched_at,
            standing: DocumentStanding::Good,
            since: now,
            why: looked.broken_told.join("; "),
        };
        let taken = match &verdict {
            Verdict::Good { .. } => Taken::Good,
            Verdict::Quarantined { why } => {
                (kept.standing, kept.why) = (DocumentStanding::Quarantined, why.clone());
                Taken::Quarantined(why.clone())
            }
        };
        let dropped = self.write(move |tx| write(tx, &kept, &before, &verdict, now))?;
        for sha256 in dropped {
            // Best effort: a file that no row names is only in the way of nobody.
            let _ = self.feeds.shelf()?.remove(sha256);
        }
        Ok(taken)
    }

    /// The documents of one name that are in force, each with what it states.
    pub(super) fn in_force_of(
        &self,
        feed: Feed,
        name: &str,
    ) -> Result<Vec<(KeptDocument, Before)>> {
        let document = name.to_owned();
        let kept = self.read(move |tx| Ok(tx.feed_document_of(feed, &document)?))?;
        let shelf = self.feeds.shelf()?;
        Ok(kept
            .into_iter()
            .filter(|kept| kept.standing.in_force())
            .map(|kept| {
                // One that is damaged states nothing any more, but its count still guards.
                let looked = reading::look(&shelf.path(kept.sha256), name).unwrap_or_default();
                let before = Before {
                    records: kept.records,
                    broken: kept.broken,
                    advisories: looked.advisories,
                    last_good: kept.standing == DocumentStanding::Good,
                };
                (kept, before)
            })
            .collect())
    }

    /// Marks what its publisher declares gone. Returns how many documents went out of force.
    pub(crate) fn feed_gone(&self, feed: Feed, names: Vec<String>) -> Result<usize> {
        let now = self.now();
        self.write(move |tx| {
            let mut gone = 0;
            for name in &names {
                for kept in tx.feed_document_of(feed, name)? {
                    if kept.standing.in_force() {
                        let why = "its publisher declares it gone";
                        tx.feed_document_stand(&kept, DocumentStanding::Deleted, why, now)?;
                        let object = format!("{feed} {name}");
                        let entry = audit::by_server(now, "feed.delete", object).saying(why);
                        tx.audit_add(&entry.0)?;
                        gone += 1;
                    }
                }
            }
            Ok(gone)
        })
    }
}

/// Writes how all documents of one name stand. Returns the bytes that no row names any more.
fn write(
    tx: &mut Tx<'_>,
    kept: &KeptDocument,
    before: &[(KeptDocument, Before)],
    verdict: &Verdict,
    now: Timestamp,
) -> Result<Vec<Digest>> {
    match verdict {
        Verdict::Good { stay } => {
            for ((older, _), stays) in before.iter().zip(stay) {
                let (standing, why) = after_newer(*stays);
                if older.standing != standing {
                    tx.feed_document_stand(older, standing, why, now)?;
                }
            }
        }
        Verdict::Quarantined { why } => {
            let object = format!("{} {}", kept.feed, kept.document);
            let entry = audit::by_server(now, "feed.quarantine", object)
                .saying(format_args!("{}: {why}", shelf::hex(&kept.sha256)));
            tx.audit_add(&entry.0)?;
        }
    }
    tx.feed_document_put(kept)?;
    let mut dropped = Vec::new();
    let all = tx.feed_document_of(kept.feed, &kept.document)?;
    for (standing, most) in [
        (DocumentStanding::Quarantined, QUARANTINED_MAX),
        (DocumentStanding::Replaced, REPLACED_MAX),
    ] {
        let mut of: Vec<_> = all.iter().filter(|one| one.standing == standing).collect();
        of.sort_by_key(|one| one.fetched_at);
        let surplus = of.len().saturating_sub(most);
        for old in &of[..surplus] {
            tx.feed_document_drop(old)?;
            if tx.feed_document_by_digest(old.sha256)?.is_empty() {
                dropped.push(old.sha256);
            }
        }
    }
    Ok(dropped)
}
