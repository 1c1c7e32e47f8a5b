//! Sites: add one to a client, list them.

use std::collections::BTreeMap;

use domain::access::{self, Permission, Principal};
use domain::client::{Client, Site};
use domain::id::{ClientId, SiteId};
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service, ServiceError, audit, chance, naming};

/// A site as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SiteId,
    /// Its client's name.
    pub client: String,
    /// Its client.
    #[schema(value_type = String)]
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Its zone, by IANA name.
    pub zone: String,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
}

fn item(client: &Client, site: Site) -> SiteItem {
    SiteItem {
        id: site.id,
        client: client.name.to_string(),
        client_id: site.client,
        name: site.name.to_string(),
        zone: site.zone,
        added_at: site.added_at,
    }
}

impl Service {
    /// Adds a site to a client (by name or id); `zone` is an IANA name.
    pub fn site_add(
        &self,
        who: &Principal,
        client: &str,
        name: &str,
        zone: &str,
    ) -> Result<SiteItem> {
        let scope = access::check(who, Permission::ManageClient)?;
        let now = self.now();
        if let Err(error) = jiff::tz::TimeZone::get(zone) {
            return Err(ServiceError::Invalid {
                field: "zone",
                reason: format!("`{zone}` is not a time zone such as Europe/Berlin ({error})"),
            });
        }
        let (id, name) = (chance::id(now)?, naming::label("name", name)?);
        let (who, client, zone) = (who.clone(), client.to_owned(), zone.to_owned());
        self.write(move |tx| {
            let client = naming::client(tx, &scope, &client)?;
            if tx.site_find(&scope, client.id, name.as_str())?.is_some() {
                return Err(ServiceError::Conflict {
                    reason: format!("{} already has a site `{name}`", client.name),
                });
            }
            let site = Site {
                id,
                client: client.id,
                name,
                zone,
                added_at: now,
            };
            tx.site_add(&scope, &site)?;
            let entry = audit::by(&who, now, "site.add", site.id)
                .of(client.id)
                .saying(format_args!(
                    "{}/{} in {}",
                    client.name, site.name, site.zone
                ));
            tx.audit_add(&entry.0)?;
            Ok(item(&client, site))
        })
    }

    /// Lists the sites of one client (by name or id), or of all that `who` may see.
    pub fn site_list(
        &self,
        who: &Principal,
        client: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<SiteItem>> {
        let mut scope = access::check(who, Permission::Read)?;
        let (client, page) = (client.map(str::to_owned), page.clone());
        self.read(move |tx| {
            if let Some(name) = client {
                let client = naming::client(tx, &scope, &name)?;
                scope = scope.narrowed(client.id).ok_or(ServiceError::NotFound {
                    what: "client",
                    name,
                })?;
            }
            let found = tx.site_list(&scope, &page)?;
            let mut clients: BTreeMap<ClientId, Client> = BTreeMap::new();
            let mut items = Vec::with_capacity(found.items.len());
            for site in found.items {
                if !clients.contains_key(&site.client)
                    && let Some(client) = tx.client_get(&scope, site.client)?
                {
                    clients.insert(client.id, client);
                }
                if let Some(client) = clients.get(&site.client) {
                    items.push(item(client, site));
                }
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }
}
