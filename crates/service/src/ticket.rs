//! Tickets: one per order that ended.

use domain::access::Principal;
use domain::id::{DeviceId, OrderId, TicketId};
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
        todo!()
    }
}
