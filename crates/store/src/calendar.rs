//! Secret addresses of calendars, one or several a client, by the SHA-256 of the secret.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, PolicyId};
use domain::inventory::Digest;

use crate::audit::Actor;
use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    CALENDAR_ADD = "calendar.add", Scoped,
        concat!("INSERT INTO calendar_feed (id, client, secret_hash, made_at, made_by_name)
            SELECT $3, $4, $5, $6, $7 WHERE ", in_scope!("CAST($4 AS TEXT)"));
    CALENDAR_LIST = "calendar.list", Scoped,
        concat!("SELECT f.id, f.client, f.made_at, f.made_by_name, f.ended_at FROM calendar_feed f
            WHERE ", in_scope!("f.client"), " ORDER BY f.id");
    CALENDAR_END = "calendar.end", Scoped,
        concat!("UPDATE calendar_feed SET ended_at = $4, ended_by = $5
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("calendar_feed.client"));
    CALENDAR_BY_SECRET = "calendar.by-secret",
        BeforeScope("the secret names the client; the scope is made from it"),
        "SELECT f.id, f.client, f.made_at, f.made_by_name, f.ended_at FROM calendar_feed f
         WHERE f.secret_hash = $1 AND f.ended_at IS NULL";
}

/// A secret address of one client's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarFeed {
    /// Its id.
    pub id: PolicyId,
    /// Whose windows and freezes it shows.
    pub client: ClientId,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by_name: String,
    /// When it was revoked.
    pub ended_at: Option<Timestamp>,
}

fn calendar(row: Row) -> Result<CalendarFeed, StoreError> {
    let mut c = row.columns("calendar");
    Ok(CalendarFeed {
        id: c.parsed()?,
        client: c.parsed()?,
        made_at: c.time()?,
        made_by_name: c.text()?,
        ended_at: c.maybe_time()?,
    })
}

impl Tx<'_> {
    /// Keeps a secret address.
    pub fn calendar_add(
        &mut self,
        scope: &ClientScope,
        feed: &CalendarFeed,
        secret_hash: Digest,
    ) -> Result<(), StoreError> {
        let binds = binds![
            feed.id,
            feed.client,
            secret_hash,
            feed.made_at,
            &feed.made_by_name,
        ];
        self.scoped_change("client", &CALENDAR_ADD, scope, binds)
    }

    /// The secret addresses in scope, oldest first, revoked ones too. Made by people, so few.
    pub fn calendar_list(&mut self, scope: &ClientScope) -> Result<Vec<CalendarFeed>, StoreError> {
        self.scoped_rows(&CALENDAR_LIST, scope, binds![])?
            .into_iter()
            .map(calendar)
            .collect()
    }

    /// Revokes a secret address; says whether it was still good.
    pub fn calendar_end(
        &mut self,
        scope: &ClientScope,
        id: PolicyId,
        at: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        Ok(self.scoped_execute(&CALENDAR_END, scope, binds![id, at, actor.text()])? > 0)
    }

    /// The address that a secret opens, unless it was revoked.
    pub fn calendar_by_secret(
        &mut self,
        secret_hash: Digest,
    ) -> Result<Option<CalendarFeed>, StoreError> {
        self.rows(&CALENDAR_BY_SECRET, binds![secret_hash])?
            .into_iter()
            .next()
            .map(calendar)
            .transpose()
    }
}
