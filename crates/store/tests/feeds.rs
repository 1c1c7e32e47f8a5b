//! Everything about feeds on both engines: the same story is told to SQLite and to PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::BTreeSet;

use domain::document::{DocumentStanding, FeedState, KeptDocument, Validators};
use domain::feed::Feed;
use domain::inventory::Digest;
use domain::page::PageRequest;
use store::{Interned, OpenOptions, Store, StoreError, Tx, catalogue};
use support::Cluster;
use support::sample::at;

fn kept(feed: Feed, document: &str, bytes: &str, standing: DocumentStanding) -> KeptDocument {
    KeptDocument {
        feed,
        document: document.to_owned(),
        own_id: format!("{document}, edition 1"),
        sha256: Digest::of(bytes.as_bytes()),
        size_bytes: bytes.len() as u64,
        records: 7,
        broken: 1,
        dated: Some(at(3)),
        fetched_at: at(5),
        standing,
        since: at(5),
        why: String::new(),
    }
}

fn pages(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { cursor, limit }
}

fn story(tx: &mut Tx<'_>) {
    states(tx);
    addresses(tx);
    documents(tx);
}

fn states(tx: &mut Tx<'_>) {
    assert_eq!(tx.feed_get(Feed::Kev).unwrap(), None);
    let mut kev = FeedState::new(Feed::Kev, true);
    tx.feed_put(&kev).unwrap();
    tx.feed_put(&FeedState::new(Feed::Epss, false)).unwrap();
    (kev.tried_at, kev.failures) = (Some(at(9)), 2);
    kev.error = Some("no answer".to_owned());
    tx.feed_put(&kev).unwrap();
    assert_eq!(tx.feed_get(Feed::Kev).unwrap(), Some(kev.clone()));
    assert_eq!(
        tx.feed_list().unwrap(),
        [FeedState::new(Feed::Epss, false), kev]
    );
}

fn addresses(tx: &mut Tx<'_>) {
    let address = "https://feeds.example/kev.json";
    assert_eq!(tx.feed_validators(Feed::Kev, address).unwrap(), None);
    for etag in ["\"one\"", "\"two\""] {
        let validators = Validators {
            etag: Some(etag.to_owned()),
            last_modified: None,
            listed: Some("2026-01-02".to_owned()),
        };
        tx.feed_validators_put(Feed::Kev, address, &validators)
            .unwrap();
        let found = tx.feed_validators(Feed::Kev, address).unwrap();
        assert_eq!(found, Some(validators));
    }
    let listed = tx.feed_listed(Feed::Kev).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].0, address);
    tx.feed_validators_forget(Feed::Kev).unwrap();
    assert_eq!(tx.feed_validators(Feed::Kev, address).unwrap(), None);
}

fn documents(tx: &mut Tx<'_>) {
    use DocumentStanding as S;
    let old = kept(Feed::Kev, "2026-01-01", "old", S::Good);
    let new = kept(Feed::Kev, "2026-01-01", "new", S::Good);
    let bad = kept(Feed::Kev, "2026-01-01", "bad", S::Quarantined);
    let other = kept(Feed::Epss, "scores", "new", S::Good);
    for one in [&old, &new, &bad, &other] {
        tx.feed_document_put(one).unwrap();
    }
    // The same bytes under the same name are one row.
    tx.feed_document_put(&new).unwrap();
    tx.feed_document_stand(&old, S::Replaced, "a newer one says all of it", at(6))
        .unwrap();
    let of = tx.feed_document_of(Feed::Kev, "2026-01-01").unwrap();
    let stands: Vec<_> = of.iter().map(|one| (one.standing, one.since)).collect();
    assert_eq!(
        stands,
        [
            (S::Replaced, at(6)),
            (S::Good, at(5)),
            (S::Quarantined, at(5))
        ]
    );
    assert_eq!(of[0].why, "a newer one says all of it");
    let same = tx.feed_document_by_digest(Digest::of(b"new")).unwrap();
    assert_eq!(same, [new.clone(), other.clone()]);

    let first = tx.feed_document_list(None, None, &pages(2, None)).unwrap();
    assert_eq!(first.items.len(), 2);
    let rest = tx
        .feed_document_list(None, None, &pages(2, first.next))
        .unwrap();
    assert_eq!(rest.items, [bad.clone(), other.clone()]);
    assert_eq!(rest.next, None);
    let good = tx
        .feed_document_list(Some(Feed::Kev), Some(S::Good), &pages(9, None))
        .unwrap();
    assert_eq!(good.items, std::slice::from_ref(&new));
    assert!(matches!(
        tx.feed_document_list(None, None, &pages(9, Some("x".into()))),
        Err(StoreError::BadCursor { .. })
    ));

    let counts = tx.feed_document_counts().unwrap();
    let counted: Vec<_> = counts
        .iter()
        .map(|count| (count.feed, count.standing, count.documents, count.records))
        .collect();
    assert_eq!(
        counted,
        [
            (Feed::Epss, S::Good, 1, 7),
            (Feed::Kev, S::Good, 1, 7),
            (Feed::Kev, S::Quarantined, 1, 7),
            (Feed::Kev, S::Replaced, 1, 7)
        ]
    );
    assert_eq!(
        (counts[0].newest, counts[0].dated, counts[0].broken),
        (at(5), Some(at(3)), 1)
    );

    assert!(tx.feed_document_drop(&bad).unwrap());
    assert!(!tx.feed_document_drop(&bad).unwrap());
    // What is in force is never forgotten, whoever asks.
    assert!(!tx.feed_document_drop(&new).unwrap());
    tx.feed_document_stand(&other, S::Deleted, "withdrawn", at(8))
        .unwrap();
    assert!(!tx.feed_document_drop(&other).unwrap());
    assert_eq!(
        tx.feed_document_stand(&bad, S::Good, "", at(8)),
        Err(StoreError::Missing { what: "document" })
    );
}

#[test]
fn sqlite_keeps_feeds_and_their_documents() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    store
        .write_blocking(|tx| {
            story(tx);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn postgresql_keeps_feeds_and_their_documents() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut connection = cluster.connect("feeds");
    let mut interned = Interned::default();
    story(&mut Tx::new(&mut connection, &mut interned));
    let declared: BTreeSet<&str> = catalogue()
        .iter()
        .map(|statement| statement.name())
        .filter(|name| name.starts_with("feed."))
        .collect();
    let idle: Vec<_> = declared.difference(&connection.used).collect();
    assert!(idle.is_empty(), "statements that no step runs: {idle:?}");
}
