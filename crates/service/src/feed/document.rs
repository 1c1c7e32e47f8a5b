//! Kept documents as people see them: list, release from quarantine, delete.

use domain::access::{self, Permission, Principal};
use domain::document::{DocumentStanding, KeptDocument};
use domain::feed::Feed;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{reading, shelf};
use crate::{Result, Service, ServiceError, audit};

/// Fewest characters of a hash that name a document.
const HASH_CHARACTERS_MIN: usize = 8;
/// Most characters of a reason.
const REASON_MAX: usize = 500;

/// A kept document as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentItem {
    /// Whose.
    #[schema(value_type = String)]
    pub feed: Feed,
    /// The name it came under.
    pub document: String,
    /// The id that it gives itself; empty: none.
    pub own_id: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// How many bytes.
    pub size_bytes: u64,
    /// Records read from it.
    pub records: u64,
    /// Records that could not be read.
    pub broken: u64,
    /// When it was made, as it says itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub dated: Option<Timestamp>,
    /// When it was fetched, or taken from a bundle.
    #[schema(value_type = String, format = DateTime)]
    pub fetched_at: Timestamp,
    /// `good`, `beside`, `replaced`, `quarantined` or `deleted`.
    #[schema(value_type = String)]
    pub standing: DocumentStanding,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why, in one sentence; empty: nothing to say.
    pub why: String,
}

/// Which document, and why a person changes how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentChange {
    /// The name it came under, or the first characters of its hash (at least 8).
    pub document: String,
    /// Why; written down.
    pub reason: String,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a change of a document's standing means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentChanged {
    /// The document as it stands now, or would.
    pub document: DocumentItem,
    /// Advisories that come into force by it.
    pub comes: u64,
    /// Advisories that go out of force by it.
    pub goes: u64,
    /// Whether it was done.
    pub done: bool,
}

pub(super) fn item(kept: &KeptDocument) -> DocumentItem {
    DocumentItem {
        feed: kept.feed,
        document: kept.document.clone(),
        own_id: kept.own_id.clone(),
        sha256: shelf::hex(&kept.sha256),
        size_bytes: kept.size_bytes,
        records: kept.records,
        broken: kept.broken,
        dated: kept.dated,
        fetched_at: kept.fetched_at,
        standing: kept.standing,
        since: kept.since,
        why: kept.why.clone(),
    }
}

impl Service {
    /// Lists kept documents in the order in which they came.
    pub fn document_list(
        &self,
        who: &Principal,
        feed: Option<Feed>,
        standing: Option<DocumentStanding>,
        page: &PageRequest,
    ) -> Result<Page<DocumentItem>> {
        access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.feed_document_list(feed, standing, &page)?;
            Ok(Page {
                items: found.items.iter().map(item).collect(),
                next: found.next,
            })
        })
    }

    /// Puts a quarantined document in force, because a person looked at it.
    pub fn document_release(
        &self,
        who: &Principal,
        feed: Feed,
        change: &DocumentChange,
    ) -> Result<DocumentChanged> {
        access::check(who, Permission::ManageFeed)?;
        let reason = reason(change)?;
        let _held = self.feeds.change();
        let kept = self.named(feed, &change.document, &|s| {
            s == DocumentStanding::Quarantined
        })?;
        let shelf = self.feeds.shelf()?;
        let invalid = |reason: String| ServiceError::Invalid {
            field: "document",
            reason,
        };
        shelf
            .check(kept.sha256)
            .map_err(|error| invalid(error.to_string()))?;
        let looked = reading::look(&shelf.path(kept.sha256), &kept.document)
            .map_err(|why| invalid(format!("it cannot be put in force: {why}")))?;
        let before = self.in_force_of(feed, &kept.document)?;
        let known: std::collections::HashSet<u64> = before
            .iter()
            .flat_map(|(_, before)| before.advisories.iter().copied())
            .collect();
        let comes = looked.advisories.difference(&known).count() as u64;
        let now = self.now();
        let mut released = kept.clone();
        (released.standing, released.since) = (DocumentStanding::Good, now);
        released.why = format!("released by {}: {reason}", who.name);
        let shown = DocumentChanged {
            document: item(&released),
            comes,
            goes: 0,
            done: !change.dry_run,
        };
        if change.dry_run {
            return Ok(shown);
        }
        let who = who.clone();
        self.write(move |tx| {
            for (older, before) in &before {
                let (standing, why) =
                    super::take::after_newer(!before.advisories.is_subset(&looked.advisories));
                tx.feed_document_stand(older, standing, why, now)?;
            }
            let (good, why) = (DocumentStanding::Good, released.why.as_str());
            tx.feed_document_stand(&released, good, why, now)?;
            let object = format!("{feed} {}", released.document);
            let entry = audit::by(&who, now, "feed.release", object)
                .saying(format_args!("{}: {reason}", shelf::hex(&released.sha256)));
            tx.audit_add(&entry.0)?;
            Ok(())
        })?;
        self.feeds_reload()?;
        Ok(shown)
    }

    /// Takes a document out of force for good; it stays as a tombstone.
    pub fn document_delete(
        &self,
        who: &Principal,
        feed: Feed,
        change: &DocumentChange,
    ) -> Result<DocumentChanged> {
        access::check(who, Permission::ManageFeed)?;
        let reason = reason(change)?;
        let _held = self.feeds.change();
        let kept = self.named(feed, &change.document, &DocumentStanding::in_force)?;
        let all = self.in_force_of(feed, &kept.document)?;
        let others: std::collections::HashSet<u64> = all
            .iter()
            .filter(|(other, _)| other.sha256 != kept.sha256)
            .flat_map(|(_, before)| before.advisories.iter().copied())
            .collect();
        let goes = all
            .iter()
            .filter(|(one, _)| one.sha256 == kept.sha256)
            .flat_map(|(_, before)| &before.advisories)
            .filter(|advisory| !others.contains(advisory))
            .count() as u64;
        let now = self.now();
        let mut deleted = kept.clone();
        (deleted.standing, deleted.since) = (DocumentStanding::Deleted, now);
        deleted.why = format!("deleted by {}: {reason}", who.name);
        let shown = DocumentChanged {
            document: item(&deleted),
            comes: 0,
            goes,
            done: !change.dry_run,
        };
        if change.dry_run {
            return Ok(shown);
        }
        let who = who.clone();
        self.write(move |tx| {
            let (gone, why) = (DocumentStanding::Deleted, deleted.why.as_str());
            tx.feed_document_stand(&kept, gone, why, now)?;
            let object = format!("{feed} {}", kept.document);
            let entry = audit::by(&who, now, "feed.delete", object)
                .saying(format_args!("{}: {reason}", shelf::hex(&kept.sha256)));
            tx.audit_add(&entry.0)?;
            Ok(())
        })?;
        self.feeds_reload()?;
        Ok(shown)
    }

    /// Finds the one document that is meant, among those that stand so.
    fn named(
        &self,
        feed: Feed,
        text: &str,
        stands: &dyn Fn(DocumentStanding) -> bool,
    ) -> Result<KeptDocument> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = PageRequest {
                cursor: cursor.take(),
                limit: domain::page::PAGE_ITEMS_MAX,
            };
            let part =
                self.read(move |tx| Ok(tx.feed_document_list(Some(feed), None, &page)?))?;
            let lower = text.to_ascii_lowercase();
            found.extend(part.items.into_iter().filter(|kept| {
                let by_hash = text.len() >= HASH_CHARACTERS_MIN
                    && shelf::hex(&kept.sha256).starts_with(&lower);
                stands(kept.standing) && (kept.document == text || by_hash)
            }));
            match part.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        match found.len() {
            0 => Err(ServiceError::NotFound {
                what: "document",
                name: text.chars().take(200).collect(),
            }),
            1 => Ok(found.swap_remove(0)),
            _ => Err(ServiceError::Ambiguous {
                what: "document",
                name: text.chars().take(200).collect(),
                candidates: found
                    .iter()
                    .map(|kept| shelf::hex(&kept.sha256)[..16].to_owned())
                    .collect(),
            }),
        }
    }
}

fn reason(change: &DocumentChange) -> Result<String> {
    let reason = change.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Err(ServiceError::Invalid {
            field: "reason",
            reason: format!("say why, in 1 to {REASON_MAX} characters"),
        });
    }
    Ok(reason.to_owned())
}
