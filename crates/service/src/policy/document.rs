//! The written policy: what is in force as a document in plain words, for one client or for all.

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::client::Client;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use engine::policy_file::Head;
use engine::written::{self, Asked, ClientAsked, Written};
use jiff::Timestamp;
use store::Tx;

use super::lines::sound_files;
use super::standing;
use crate::{Result, Service, naming};

impl Service {
    /// The policy in force in words, limited to a client (name or id) where one is named. Who
    /// reaches some clients alone gets it for one of them.
    pub fn policy_written(&self, who: &Principal, client: Option<&str>) -> Result<Written> {
        let scope = access::check(who, Permission::Read)?;
        let all = access::check(who, Permission::WholeProvider).is_ok() || reaches_all(&scope);
        let (now, name) = (self.now(), client.map(str::to_owned));
        self.read(move |tx| {
            let client = match name {
                Some(name) => Some(naming::client(tx, &scope, &name)?),
                None if all => None,
                None => first_client(tx, &scope)?,
            };
            let standing = standing::load(tx, &scope, now)?;
            let head = match sound_files(tx, &standing)? {
                Ok(files) => files.head,
                Err(_) => Head::default(),
            };
            let zone = match &client {
                Some(client) if head.zone.is_none() => zone_of(tx, &scope, client)?,
                _ => head.zone.clone(),
            };
            let asked = Asked {
                provider: head.provider.clone(),
                version: version(tx, &head)?,
                client: client.map(|client| ClientAsked {
                    name: client.name.to_string(),
                    id: Some(client.id),
                }),
                at: now,
                device_zone: zone,
            };
            Ok(written::write(&standing.policy, &asked))
        })
    }
}

fn reaches_all(scope: &ClientScope) -> bool {
    scope.clients().is_none()
}

fn first_client(tx: &mut Tx<'_>, scope: &ClientScope) -> Result<Option<Client>> {
    let first = PageRequest {
        cursor: None,
        limit: 1,
    };
    Ok(tx.client_list(scope, &first)?.items.into_iter().next())
}

/// The version that the files name, and the number under which they were applied.
fn version(tx: &mut Tx<'_>, head: &Head) -> Result<Option<String>> {
    let last = PageRequest {
        cursor: None,
        limit: 1,
    };
    let applied = tx.policy_version_list(&last)?.items.into_iter().next();
    let applied = applied.map(|one| {
        let day: Timestamp = one.applied_at;
        format!("{}, applied on {}", one.number, day.strftime("%-d %B %Y"))
    });
    Ok(match (&head.version, applied) {
        (Some(own), Some(applied)) => Some(format!("{own} ({applied})")),
        (Some(own), None) => Some(own.clone()),
        (None, applied) => applied,
    })
}

/// The zone of a client whose sites are all in one.
fn zone_of(tx: &mut Tx<'_>, scope: &ClientScope, client: &Client) -> Result<Option<String>> {
    let request = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    let Some(scope) = scope.narrowed(client.id) else {
        return Ok(None);
    };
    let sites = tx.site_list(&scope, &request)?;
    let zones: BTreeSet<String> = sites.items.into_iter().map(|site| site.zone).collect();
    let mut zones = zones.into_iter();
    Ok(zones
        .next()
        .filter(|_| zones.next().is_none() && sites.next.is_none()))
}
