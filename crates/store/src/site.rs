//! Sites of clients.

use domain::access::ClientScope;
use domain::client::Site;
use domain::id::ClientId;
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    SITE_ADD = "site.add", Scoped,
        concat!("INSERT INTO site (id, client, name, zone, added_at) SELECT $3, $4, $5, $6, $7 WHERE ",
            in_scope!("CAST($4 AS TEXT)"));
    SITE_LIST = "site.list", Scoped,
        concat!("SELECT s.id, s.client, s.name, s.zone, s.added_at FROM site s WHERE ",
            in_scope!("s.client"), " AND s.id > $3 ORDER BY s.id LIMIT $4");
    SITE_FIND = "site.find", Scoped,
        concat!("SELECT s.id, s.client, s.name, s.zone, s.added_at FROM site s WHERE ",
            in_scope!("s.client"), " AND s.client = $3 AND (s.id = $4 OR s.name = $4)");
}

fn site(row: Row) -> Result<Site, StoreError> {
    let mut c = row.columns("site");
    Ok(Site {
        id: c.parsed()?,
        client: c.parsed()?,
        name: c.parsed()?,
        zone: c.text()?,
        added_at: c.time()?,
    })
}

impl Tx<'_> {
    /// Adds a site. A name that is taken within the client is a `Conflict`.
    pub fn site_add(&mut self, scope: &ClientScope, site: &Site) -> Result<(), StoreError> {
        let binds = binds![
            site.id,
            site.client,
            site.name.as_str(),
            &site.zone,
            site.added_at
        ];
        self.scoped_change("client", &SITE_ADD, scope, binds)
    }

    /// Lists sites by the time they were added.
    pub fn site_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<Site>, StoreError> {
        let (limit, after) = (page_limit(request), request.cursor.as_deref().unwrap_or(""));
        let rows = self.scoped_rows(&SITE_LIST, scope, binds![after, limit + 1])?;
        let items = rows.into_iter().map(site).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |site: &Site| site.id.to_string()))
    }

    /// Finds a client's site by its id or name.
    pub fn site_find(
        &mut self,
        scope: &ClientScope,
        client: ClientId,
        id_or_name: &str,
    ) -> Result<Option<Site>, StoreError> {
        self.scoped_rows(&SITE_FIND, scope, binds![client, id_or_name])?
            .into_iter()
            .next()
            .map(site)
            .transpose()
    }
}
