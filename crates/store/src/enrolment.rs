//! Permissions to enrol, counted down in one statement so that two uses cannot share one.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::enrolment::{Enrolment, TokenRefused};
use domain::inventory::Digest;
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    ENROLMENT_ADD = "enrolment.add", Scoped,
        concat!("INSERT INTO enrolment (id, client, site, token_hash, uses_left, expires_at, made_at)
            SELECT $3, $4, s.id, $6, $7, $8, $9 FROM site s
            WHERE s.id = $5 AND s.client = $4 AND ", in_scope!("s.client"));
    ENROLMENT_LIST = "enrolment.list", Scoped,
        concat!("SELECT e.id, e.client, e.site, e.token_hash, e.uses_left, e.expires_at, e.made_at
            FROM enrolment e WHERE ", in_scope!("e.client"), " AND e.id > $3 ORDER BY e.id LIMIT $4");
    ENROLMENT_BY_TOKEN = "enrolment.by-token",
        BeforeScope("whoever shows the token is bound to its client by this very row"),
        "SELECT e.id, e.client, e.site, e.token_hash, e.uses_left, e.expires_at, e.made_at
         FROM enrolment e WHERE e.token_hash = $1";
    ENROLMENT_TAKE = "enrolment.take",
        BeforeScope("whoever shows the token is bound to its client by this very row"),
        "UPDATE enrolment SET uses_left = uses_left - 1
         WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2";
}

fn enrolment(row: Row) -> Result<Enrolment, StoreError> {
    let mut c = row.columns("enrolment");
    Ok(Enrolment {
        id: c.parsed()?,
        client: c.parsed()?,
        site: c.parsed()?,
        token_hash: c.digest()?,
        uses_left: c.number()?,
        expires_at: c.time()?,
        made_at: c.time()?,
    })
}

impl Tx<'_> {
    /// Keeps a permission to enrol. A site of another client is `Missing`.
    pub fn enrolment_add(
        &mut self,
        scope: &ClientScope,
        enrolment: &Enrolment,
    ) -> Result<(), StoreError> {
        let binds = binds![
            enrolment.id,
            enrolment.client,
            enrolment.site,
            enrolment.token_hash,
            enrolment.uses_left,
            enrolment.expires_at,
            enrolment.made_at,
        ];
        self.scoped_change("site", &ENROLMENT_ADD, scope, binds)
    }

    /// Lists permissions by the time they were made.
    pub fn enrolment_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<Enrolment>, StoreError> {
        let (limit, after) = (page_limit(request), request.cursor.as_deref().unwrap_or(""));
        let rows = self.scoped_rows(&ENROLMENT_LIST, scope, binds![after, limit + 1])?;
        let items = rows.into_iter().map(enrolment).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &Enrolment| item.id.to_string()))
    }

    /// Takes one use of a token, or says why not. The inner refusal is no error: nothing changed.
    pub fn enrolment_take(
        &mut self,
        token_hash: Digest,
        now: Timestamp,
    ) -> Result<Result<Enrolment, TokenRefused>, StoreError> {
        let taken = self.execute(&ENROLMENT_TAKE, binds![token_hash, now])?;
        let found = self.rows(&ENROLMENT_BY_TOKEN, binds![token_hash])?;
        let Some(row) = found.into_iter().next() else {
            return Ok(Err(TokenRefused::Unknown));
        };
        let found = enrolment(row)?;
        if taken > 0 {
            return Ok(Ok(found));
        }
        Ok(match found.admits(now) {
            Err(refused) => Err(refused),
            Ok(()) => Err(TokenRefused::UsedUp),
        })
    }
}
