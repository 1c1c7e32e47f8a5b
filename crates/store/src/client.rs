//! Clients.

use domain::access::ClientScope;
use domain::client::Client;
use domain::id::ClientId;
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    CLIENT_ADD = "client.add", Scoped,
        concat!("INSERT INTO client (id, name, added_at) SELECT $3, $4, $5 WHERE ",
            in_scope!("CAST($3 AS TEXT)"));
    CLIENT_LIST = "client.list", Scoped,
        concat!("SELECT c.id, c.name, c.added_at FROM client c WHERE ", in_scope!("c.id"),
            " AND c.id > $3 ORDER BY c.id LIMIT $4");
    CLIENT_FIND = "client.find", Scoped,
        concat!("SELECT c.id, c.name, c.added_at FROM client c WHERE ", in_scope!("c.id"),
            " AND (c.id = $3 OR c.name = $3)");
}

fn client(row: Row) -> Result<Client, StoreError> {
    let mut c = row.columns("client");
    Ok(Client {
        id: c.parsed()?,
        name: c.parsed()?,
        added_at: c.time()?,
    })
}

impl Tx<'_> {
    /// Adds a client. A name that is taken is a `Conflict`.
    pub fn client_add(&mut self, scope: &ClientScope, client: &Client) -> Result<(), StoreError> {
        let binds = binds![client.id, client.name.as_str(), client.added_at];
        self.scoped_change("client", &CLIENT_ADD, scope, binds)
    }

    /// Lists clients by the time they were added.
    pub fn client_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<Client>, StoreError> {
        let (limit, after) = (page_limit(request), request.cursor.as_deref().unwrap_or(""));
        let rows = self.scoped_rows(&CLIENT_LIST, scope, binds![after, limit + 1])?;
        let items = rows.into_iter().map(client).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |client: &Client| client.id.to_string()))
    }

    /// Finds a client by its id or name.
    pub fn client_find(
        &mut self,
        scope: &ClientScope,
        id_or_name: &str,
    ) -> Result<Option<Client>, StoreError> {
        self.scoped_rows(&CLIENT_FIND, scope, binds![id_or_name])?
            .into_iter()
            .next()
            .map(client)
            .transpose()
    }

    /// Finds a client by its id.
    pub fn client_get(
        &mut self,
        scope: &ClientScope,
        id: ClientId,
    ) -> Result<Option<Client>, StoreError> {
        self.client_find(scope, &id.to_string())
    }
}
