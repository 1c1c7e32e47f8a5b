//! The audit log: who changed what, and which attacks were refused.

use std::collections::BTreeMap;
use std::fmt::Display;

use domain::access::{self, Permission, Principal};
use domain::id::{ClientId, DeviceId};
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Actor, AuditEntry, Tx};
use utoipa::ToSchema;

use crate::{Result, Service};

/// Most characters of a row's detail.
const DETAIL_MAX: usize = 1000;

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: a principal's name, `device NAME`, or `unknown`.
    pub who: String,
    /// What was done: `decision.add`.
    pub action: String,
    /// To what.
    pub object: String,
    /// More, in one sentence.
    pub detail: String,
}

/// A row to be written; made by [`by`], [`by_device`], [`by_server`] or [`by_unknown`].
#[derive(Debug, Clone)]
pub(crate) struct Entry(pub AuditEntry);

impl Entry {
    fn new(actor: Actor, at: Timestamp, action: &str, object: impl Display) -> Self {
        Self(AuditEntry {
            at,
            actor,
            action: action.to_owned(),
            object: object.to_string(),
            client: None,
            detail: String::new(),
        })
    }

    /// Whose data it is about.
    pub fn of(mut self, client: ClientId) -> Self {
        self.0.client = Some(client);
        self
    }

    /// More, in one sentence.
    pub fn saying(mut self, detail: impl Display) -> Self {
        self.0.detail = detail.to_string().chars().take(DETAIL_MAX).collect();
        self
    }
}

/// What a person does.
pub(crate) fn by(who: &Principal, at: Timestamp, action: &str, object: impl Display) -> Entry {
    Entry::new(Actor::Principal(who.id), at, action, object)
}

/// What a device does.
pub(crate) fn by_device(
    device: DeviceId,
    at: Timestamp,
    action: &str,
    object: impl Display,
) -> Entry {
    Entry::new(Actor::Device(device), at, action, object)
}

/// What the server does by itself or on its command line.
pub(crate) fn by_server(at: Timestamp, action: &str, object: impl Display) -> Entry {
    Entry::new(Actor::Server, at, action, object)
}

/// What somebody unknown tries; `address` is all that is known.
pub(crate) fn by_unknown(address: impl Display, at: Timestamp, action: &str) -> Entry {
    Entry::new(Actor::Unknown(address.to_string()), at, action, "")
}

/// The names of all principals by the text of their ids.
pub(crate) fn principal_names(tx: &mut Tx<'_>) -> Result<BTreeMap<String, String>> {
    Ok(tx
        .principal_list()?
        .into_iter()
        .map(|row| (row.principal.id.to_string(), row.principal.name))
        .collect())
}

impl Service {
    /// Lists the audit rows of the clients that `who` may see, newest first.
    pub fn audit_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<AuditItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.audit_list(&scope, &page)?;
            let names = principal_names(tx)?;
            let mut items = Vec::with_capacity(found.items.len());
            for row in found.items {
                let who = match &row.entry.actor {
                    Actor::Principal(id) => names
                        .get(&id.to_string())
                        .cloned()
                        .unwrap_or_else(|| id.to_string()),
                    Actor::Device(id) => match tx.device_get(&scope, *id)? {
                        Some(device) => format!("device {}", device.name),
                        None => format!("device {id}"),
                    },
                    Actor::Server => "server".to_owned(),
                    Actor::Unknown(address) => format!("unknown, from {address}"),
                };
                items.push(AuditItem {
                    at: row.entry.at,
                    who,
                    action: row.entry.action,
                    object: row.entry.object,
                    detail: row.entry.detail,
                });
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }
}
