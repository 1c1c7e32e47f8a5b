//! Feeds: how fetching each goes, what addresses answered, and which documents are kept.
//!
//! Definitions are the vendors' words about public packages and belong to no client. The bytes of
//! documents are files beside the database; here stands what they are and whether they count.

use domain::Timestamp;
use domain::document::{DocumentStanding, FeedCount, FeedState, KeptDocument, Validators};
use domain::feed::Feed;
use domain::inventory::Digest;
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::statements;
use crate::value::{Row, binds};

statements! {
    FEED_GET = "feed.get", Unscoped("public definitions"),
        "SELECT name, enabled, tried_at, succeeded_at, failures, error FROM feed WHERE name = $1";
    FEED_LIST = "feed.list", Unscoped("public definitions"),
        "SELECT name, enabled, tried_at, succeeded_at, failures, error FROM feed ORDER BY name";
    FEED_PUT = "feed.put", Unscoped("public definitions"),
        "INSERT INTO feed (name, enabled, tried_at, succeeded_at, failures, error)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled, tried_at = excluded.tried_at,
            succeeded_at = excluded.succeeded_at, failures = excluded.failures,
            error = excluded.error";
    FEED_ADDRESS_GET = "feed.address-get", Unscoped("public definitions"),
        "SELECT address, etag, last_modified, listed FROM feed_address
         WHERE feed = $1 AND address = $2";
    FEED_ADDRESS_LISTED = "feed.address-listed", Unscoped("public definitions"),
        "SELECT address, etag, last_modified, listed FROM feed_address
         WHERE feed = $1 AND listed IS NOT NULL ORDER BY address";
    FEED_ADDRESS_PUT = "feed.address-put", Unscoped("public definitions"),
        "INSERT INTO feed_address (feed, address, etag, last_modified, listed)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (feed, address) DO UPDATE SET etag = excluded.etag,
            last_modified = excluded.last_modified, listed = excluded.listed";
    FEED_ADDRESS_FORGET = "feed.address-forget", Unscoped("public definitions"),
        "DELETE FROM feed_address WHERE feed = $1";
    DOCUMENT_PUT = "feed.document-put", Unscoped("public definitions"),
        "INSERT INTO feed_document (feed, document, own_id, digest, size_bytes, records, broken,
            dated, fetched_at, standing, since, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (feed, document, digest) DO UPDATE SET own_id = excluded.own_id,
            records = excluded.records, broken = excluded.broken, dated = excluded.dated,
            fetched_at = excluded.fetched_at, standing = excluded.standing,
            since = excluded.since, why = excluded.why";
    DOCUMENT_STAND = "feed.document-stand", Unscoped("public definitions"),
        "UPDATE feed_document SET standing = $4, since = $5, why = $6
         WHERE feed = $1 AND document = $2 AND digest = $3";
    DOCUMENT_DROP = "feed.document-drop", Unscoped("public definitions"),
        "DELETE FROM feed_document WHERE feed = $1 AND document = $2 AND digest = $3
            AND standing IN ('quarantined', 'replaced')";
    DOCUMENT_OF = "feed.document-of", Unscoped("public definitions"),
        "SELECT id, feed, document, own_id, digest, size_bytes, records, broken, dated, fetched_at,
            standing, since, why
         FROM feed_document WHERE feed = $1 AND document = $2 ORDER BY id";
    DOCUMENT_BY_DIGEST = "feed.document-by-digest", Unscoped("public definitions"),
        "SELECT id, feed, document, own_id, digest, size_bytes, records, broken, dated, fetched_at,
            standing, since, why
         FROM feed_document WHERE digest = $1 ORDER BY id";
    DOCUMENT_LIST = "feed.document-list", Unscoped("public definitions"),
        "SELECT id, feed, document, own_id, digest, size_bytes, records, broken, dated, fetched_at,
            standing, since, why
         FROM feed_document
         WHERE ($1 = '' OR feed = $1) AND ($2 = '' OR standing = $2) AND id > $3
         ORDER BY id LIMIT $4";
    DOCUMENT_COUNTS = "feed.document-counts", Unscoped("public definitions"),
        "SELECT feed, standing, COUNT(*), CAST(SUM(records) AS BIGINT),
            CAST(SUM(broken) AS BIGINT), MAX(fetched_at), MAX(dated)
         FROM feed_document GROUP BY feed, standing ORDER BY feed, standing";
}

fn state(row: Row) -> Result<FeedState, StoreError> {
    let mut c = row.columns("feed");
    Ok(FeedState {
        feed: c.parsed()?,
        enabled: c.int()? != 0,
        tried_at: c.maybe_time()?,
        succeeded_at: c.maybe_time()?,
        failures: c.number()?,
        error: c.maybe_text()?,
    })
}

fn validators(row: Row) -> Result<(String, Validators), StoreError> {
    let mut c = row.columns("feed address");
    let address = c.text()?;
    let validators = Validators {
        etag: c.maybe_text()?,
        last_modified: c.maybe_text()?,
        listed: c.maybe_text()?,
    };
    Ok((address, validators))
}

fn document(row: Row) -> Result<(i64, KeptDocument), StoreError> {
    let mut c = row.columns("feed document");
    let id = c.int()?;
    let kept = KeptDocument {
        feed: c.parsed()?,
        document: c.text()?,
        own_id: c.text()?,
        sha256: c.digest()?,
        size_bytes: c.number()?,
        records: c.number()?,
        broken: c.number()?,
        dated: c.maybe_time()?,
        fetched_at: c.time()?,
        standing: c.parsed()?,
        since: c.time()?,
        why: c.text()?,
    };
    Ok((id, kept))
}

fn documents(rows: Vec<Row>) -> Result<Vec<KeptDocument>, StoreError> {
    rows.into_iter()
        .map(|row| document(row).map(|(_, kept)| kept))
        .collect()
}

impl Tx<'_> {
    /// How fetching a feed goes; `None`: nothing was ever set or tried.
    pub fn feed_get(&mut self, feed: Feed) -> Result<Option<FeedState>, StoreError> {
        let rows = self.rows(&FEED_GET, binds![feed.word()])?;
        rows.into_iter().next().map(state).transpose()
    }

    /// All feeds that were ever set or tried, by name. Bounded by the table of feeds.
    pub fn feed_list(&mut self) -> Result<Vec<FeedState>, StoreError> {
        let rows = self.rows(&FEED_LIST, binds![])?;
        rows.into_iter().map(state).collect()
    }

    /// Keeps how fetching a feed goes.
    pub fn feed_put(&mut self, state: &FeedState) -> Result<(), StoreError> {
        let binds = binds![
            state.feed.word(),
            i64::from(state.enabled),
            state.tried_at,
            state.succeeded_at,
            state.failures,
            state.error.as_deref(),
        ];
        self.execute(&FEED_PUT, binds)?;
        Ok(())
    }

    /// What an address answered last.
    pub fn feed_validators(
        &mut self,
        feed: Feed,
        address: &str,
    ) -> Result<Option<Validators>, StoreError> {
        let rows = self.rows(&FEED_ADDRESS_GET, binds![feed.word(), address])?;
        let found = rows.into_iter().next().map(validators).transpose()?;
        Ok(found.map(|(_, validators)| validators))
    }

    /// How lists of changes stamped the addresses of a feed. Bounded by what the lists name.
    pub fn feed_listed(&mut self, feed: Feed) -> Result<Vec<(String, Validators)>, StoreError> {
        let rows = self.rows(&FEED_ADDRESS_LISTED, binds![feed.word()])?;
        rows.into_iter().map(validators).collect()
    }

    /// Keeps what an address answered.
    pub fn feed_validators_put(
        &mut self,
        feed: Feed,
        address: &str,
        validators: &Validators,
    ) -> Result<(), StoreError> {
        let binds = binds![
            feed.word(),
            address,
            validators.etag.as_deref(),
            validators.last_modified.as_deref(),
            validators.listed.as_deref(),
        ];
        self.execute(&FEED_ADDRESS_PUT, binds)?;
        Ok(())
    }

    /// Forgets what the addresses of a feed answered, so that everything is fetched anew.
    pub fn feed_validators_forget(&mut self, feed: Feed) -> Result<(), StoreError> {
        self.execute(&FEED_ADDRESS_FORGET, binds![feed.word()])?;
        Ok(())
    }

    /// Keeps a document; the same bytes under the same name are one row.
    pub fn feed_document_put(&mut self, kept: &KeptDocument) -> Result<(), StoreError> {
        let binds = binds![
            kept.feed.word(),
            &kept.document,
            &kept.own_id,
            kept.sha256,
            kept.size_bytes,
            kept.records,
            kept.broken,
            kept.dated,
            kept.fetched_at,
            kept.standing.word(),
            kept.since,
            &kept.why,
        ];
        self.execute(&DOCUMENT_PUT, binds)?;
        Ok(())
    }

    /// Changes how a document stands. One that is not kept is `Missing`.
    pub fn feed_document_stand(
        &mut self,
        kept: &KeptDocument,
        standing: DocumentStanding,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (feed, digest) = (kept.feed.word(), kept.sha256);
        let binds = binds![feed, &kept.document, digest, standing.word(), now, why];
        match self.execute(&DOCUMENT_STAND, binds)? {
            0 => Err(StoreError::Missing { what: "document" }),
            _ => Ok(()),
        }
    }

    /// Forgets a document that is not in force and is no tombstone; says whether it did.
    pub fn feed_document_drop(&mut self, kept: &KeptDocument) -> Result<bool, StoreError> {
        let binds = binds![kept.feed.word(), &kept.document, kept.sha256];
        Ok(self.execute(&DOCUMENT_DROP, binds)? > 0)
    }

    /// All that is kept under one name, oldest first.
    pub fn feed_document_of(
        &mut self,
        feed: Feed,
        document: &str,
    ) -> Result<Vec<KeptDocument>, StoreError> {
        documents(self.rows(&DOCUMENT_OF, binds![feed.word(), document])?)
    }

    /// All rows that are kept for these bytes.
    pub fn feed_document_by_digest(
        &mut self,
        digest: Digest,
    ) -> Result<Vec<KeptDocument>, StoreError> {
        documents(self.rows(&DOCUMENT_BY_DIGEST, binds![digest])?)
    }

    /// Lists documents in the order in which they came, of one feed or all, of one standing or all.
    pub fn feed_document_list(
        &mut self,
        feed: Option<Feed>,
        standing: Option<DocumentStanding>,
        request: &PageRequest,
    ) -> Result<Page<KeptDocument>, StoreError> {
        let after: i64 = match &request.cursor {
            None => 0,
            Some(text) => text.parse().map_err(|_| StoreError::BadCursor {
                cursor: text.chars().take(200).collect(),
            })?,
        };
        let limit = page_limit(request);
        let (feed, standing) = (
            feed.map_or("", Feed::word),
            standing.map_or("", DocumentStanding::word),
        );
        let rows = self.rows(&DOCUMENT_LIST, binds![feed, standing, after, limit + 1])?;
        let items = rows
            .into_iter()
            .map(document)
            .collect::<Result<Vec<_>, _>>()?;
        let part = page(items, limit, |(id, _): &(i64, KeptDocument)| id.to_string());
        Ok(Page {
            items: part.items.into_iter().map(|(_, kept)| kept).collect(),
            next: part.next,
        })
    }

    /// How many documents of each feed stand how. Bounded by the table of feeds.
    pub fn feed_document_counts(&mut self) -> Result<Vec<FeedCount>, StoreError> {
        let rows = self.rows(&DOCUMENT_COUNTS, binds![])?;
        rows.into_iter()
            .map(|row| {
                let mut c = row.columns("feed count");
                Ok(FeedCount {
                    feed: c.parsed()?,
                    standing: c.parsed()?,
                    documents: c.number()?,
                    records: c.number()?,
                    broken: c.number()?,
                    newest: c.time()?,
                    dated: c.maybe_time()?,
                })
            })
            .collect()
    }
}
