//! Clients: add one, list them.

use domain::access::{self, Permission, Principal};
use domain::client::Client;
use domain::id::ClientId;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service, ServiceError, audit, chance, naming};

/// A client as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ClientId,
    /// Its name.
    pub name: String,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
}

impl From<Client> for ClientItem {
    fn from(client: Client) -> Self {
        Self {
            id: client.id,
            name: client.name.to_string(),
            added_at: client.added_at,
        }
    }
}

impl Service {
    /// Adds a client; its name must be new.
    pub fn client_add(&self, who: &Principal, name: &str) -> Result<ClientItem> {
        let scope = access::check(who, Permission::ManageClient)?;
        let now = self.now();
        let client = Client {
            id: chance::id(now)?,
            name: naming::label("name", name)?,
            added_at: now,
        };
        let entry = audit::by(who, now, "client.add", client.id)
            .of(client.id)
            .saying(&client.name);
        self.write(move |tx| {
            if tx.client_find(&scope, client.name.as_str())?.is_some() {
                return Err(ServiceError::Conflict {
                    reason: format!("there is already a client `{}`", client.name),
                });
            }
            tx.client_add(&scope, &client)?;
            tx.audit_add(&entry.0)?;
            Ok(client.into())
        })
    }

    /// Lists the clients that `who` may see.
    pub fn client_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<ClientItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.client_list(&scope, &page)?;
            Ok(Page {
                items: found.items.into_iter().map(ClientItem::from).collect(),
                next: found.next,
            })
        })
    }
}
