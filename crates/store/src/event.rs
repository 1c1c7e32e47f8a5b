//! Events: each once by its key, with one text an audience that waits in the inbox and the outbox.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::event::{Audience, Event, EventText, InboxText, TextState, Told};
use domain::feed::Feed;
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds, to_json};

statements! {
    EVENT_ADD = "event.add", Unscoped("whose it is stands with its texts"),
        "INSERT INTO event (key, kind, urgency, owner, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (key) DO NOTHING RETURNING id";
    EVENT_TEXT_ADD = "event.text-add", Scoped,
        concat!("INSERT INTO event_text (event, client, subject, body, state, state_since)
            SELECT $3, $4, $5, $6, $7, $8 WHERE ", in_scope!("CAST($4 AS TEXT)"));
    EVENT_INBOX = "event.inbox", Scoped,
        concat!("SELECT t.id, e.kind, e.urgency, e.owner, t.client, t.subject, t.body, t.state, e.at
            FROM event_text t JOIN event e ON e.id = t.event
            WHERE ", in_scope!("t.client"), " AND (t.client IS NULL) = ($1 = 1) AND t.id < $3
            ORDER BY t.id DESC LIMIT $4");
    EVENT_WAITING = "event.waiting", Scoped,
        concat!("SELECT t.id, e.kind, e.urgency, e.owner, t.client, t.subject, t.body, t.state, e.at
            FROM event_text t JOIN event e ON e.id = t.event
            WHERE ", in_scope!("t.client"), " AND t.state IN ('for-digest', 'to-deliver')
            AND t.id > $3 ORDER BY t.id LIMIT $4");
    EVENT_TEXT_STATE = "event.text-state", Scoped,
        concat!("UPDATE event_text SET state = $4, state_since = $5 WHERE id = $3 AND ",
            in_scope!("event_text.client"));
    ADVISORY_TOLD_GET = "event.told-get", Unscoped("kept for the notifying loop, shown to nobody"),
        "SELECT told FROM advisory_told WHERE feed = $1 AND advisory = $2";
    ADVISORY_TOLD_COUNT = "event.told-count",
        Unscoped("kept for the notifying loop, shown to nobody"),
        "SELECT COUNT(*) FROM advisory_told";
    ADVISORY_TOLD_PUT = "event.told-put", Unscoped("kept for the notifying loop, shown to nobody"),
        "INSERT INTO advisory_told (feed, advisory, told, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (feed, advisory) DO UPDATE SET told = excluded.told, at = excluded.at";
}

fn inbox_text(row: Row) -> Result<InboxText, StoreError> {
    let mut c = row.columns("event");
    let number = c.number()?;
    let (kind, urgency, owner) = (c.parsed()?, c.parsed()?, c.text()?);
    let audience = c
        .maybe_parsed()?
        .map_or(Audience::Provider, Audience::Client);
    Ok(InboxText {
        number,
        kind,
        urgency,
        owner,
        text: EventText {
            audience,
            subject: c.text()?,
            body: c.text()?,
        },
        state: c.parsed()?,
        at: c.time()?,
    })
}

impl Tx<'_> {
    /// Keeps an event with its texts; says whether it is new. One whose key stands is left as it is.
    pub fn event_add(&mut self, scope: &ClientScope, event: &Event) -> Result<bool, StoreError> {
        let binds = binds![
            &event.key,
            event.kind.word(),
            event.urgency.word(),
            &event.owner,
            event.at,
        ];
        let Some(row) = self.rows(&EVENT_ADD, binds)?.into_iter().next() else {
            return Ok(false);
        };
        let id = row.columns("event").int()?;
        let state = event.urgency.first_state();
        for text in &event.texts {
            let client = match text.audience {
                Audience::Provider => None,
                Audience::Client(client) => Some(client),
            };
            let binds = binds![
                id,
                client,
                &text.subject,
                &text.body,
                state.word(),
                event.at
            ];
            self.scoped_change("client", &EVENT_TEXT_ADD, scope, binds)?;
        }
        Ok(true)
    }

    /// The texts for those in scope, newest first: the provider's own for a scope of everything,
    /// else those of the clients.
    pub fn event_inbox(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<InboxText>, StoreError> {
        let limit = page_limit(request);
        let before = number_of(request, i64::MAX);
        let rows = self.scoped_rows(&EVENT_INBOX, scope, binds![before, limit + 1])?;
        let items = rows.into_iter().map(inbox_text).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &InboxText| {
            item.number.to_string()
        }))
    }

    /// The texts that wait to be delivered or for a digest, oldest first: the outbox.
    pub fn event_waiting(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<InboxText>, StoreError> {
        let limit = page_limit(request);
        let after = number_of(request, 0);
        let rows = self.scoped_rows(&EVENT_WAITING, scope, binds![after, limit + 1])?;
        let items = rows.into_iter().map(inbox_text).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &InboxText| {
            item.number.to_string()
        }))
    }

    /// Moves a text on its way.
    pub fn event_text_set(
        &mut self,
        scope: &ClientScope,
        number: u64,
        state: TextState,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![number, state.word(), at];
        self.scoped_change("event", &EVENT_TEXT_STATE, scope, binds)
    }

    /// What was told of an advisory; `None`: nothing yet.
    pub fn told_get(&mut self, feed: Feed, advisory: &str) -> Result<Option<Told>, StoreError> {
        let rows = self.rows(&ADVISORY_TOLD_GET, binds![feed.word(), advisory])?;
        rows.into_iter()
            .next()
            .map(|row| row.columns("told advisory").json())
            .transpose()
    }

    /// Of how many advisories something was told.
    pub fn told_count(&mut self) -> Result<u64, StoreError> {
        let rows = self.rows(&ADVISORY_TOLD_COUNT, binds![])?;
        rows.into_iter()
            .next()
            .map_or(Ok(0), |row| row.columns("told advisories").number())
    }

    /// Keeps what was told of an advisory.
    pub fn told_put(
        &mut self,
        feed: Feed,
        advisory: &str,
        told: &Told,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![feed.word(), advisory, to_json(told), at];
        self.execute(&ADVISORY_TOLD_PUT, binds).map(|_| ())
    }
}

/// The number that a cursor names, else the one before or after all.
fn number_of(request: &PageRequest, without: i64) -> i64 {
    let cursor = request.cursor.as_deref();
    cursor
        .and_then(|cursor| cursor.parse().ok())
        .unwrap_or(without)
}
