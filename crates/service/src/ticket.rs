//! Tickets: one per order that ended.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::access::{self, Permission, Principal};
use domain::id::{ClientId, DeviceId, OrderId, TicketId};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::ticket::TicketState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// A ticket as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TicketId,
    /// One line.
    pub subject: String,
    /// The client's name.
    pub client: String,
    /// The device's name.
    pub device: String,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// The order it came from.
    #[schema(value_type = String)]
    pub order: OrderId,
    /// Which patches.
    #[schema(value_type = Vec<String>)]
    pub patches: Vec<PatchId>,
    /// What was found, one sentence each.
    pub evidence: Vec<String>,
    /// `open`: somebody has to look; `closed`: nothing is left to do.
    #[schema(value_type = String)]
    pub state: TicketState,
    /// What it is about; no two tickets have the same.
    pub cause: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl Service {
    /// Lists tickets, newest first.
    pub fn ticket_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<TicketItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.ticket_list(&scope, None, None, &page)?;
            let mut clients: BTreeMap<ClientId, String> = BTreeMap::new();
            let mut items = Vec::with_capacity(found.items.len());
            for ticket in found.items {
                let client = match clients.entry(ticket.client) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let known = tx.client_get(&scope, ticket.client)?;
                        entry.insert(known.map_or_else(String::new, |c| c.name.to_string()))
                    }
                };
                let client = client.clone();
                items.push(TicketItem {
                    id: ticket.id,
                    subject: ticket.subject,
                    client,
                    device: ticket.device_name,
                    device_id: ticket.device,
                    order: ticket.order,
                    patches: ticket.patches,
                    evidence: ticket.evidence,
                    state: ticket.state,
                    cause: ticket.cause,
                    made_at: ticket.made_at,
                    changed_at: ticket.changed_at,
                });
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }
}
