//! Orders: what devices were told to do, and what came of it.

use domain::access::Principal;
use domain::id::{DeviceId, OrderId};
use domain::order::{OrderState, Outcome};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::proof::ProofState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// One package of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPackageItem {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// What was installed; `None` when it is new.
    pub from: Option<String>,
    /// What must be installed afterwards.
    pub to: String,
}

/// What a second look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofItem {
    /// `pending`, `proven` or `not-proven`.
    #[schema(value_type = String)]
    pub state: ProofState,
    /// When the second look was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// One sentence a fact.
    pub facts: Vec<String>,
}

/// An order as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// The device's name.
    pub device: String,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// The packages.
    pub items: Vec<OrderPackageItem>,
    /// The patches they belong to.
    #[schema(value_type = Vec<String>)]
    pub patches: Vec<PatchId>,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub state_since: Timestamp,
    /// When the device may start.
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    /// When nothing new may start.
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Timestamp,
    /// Why it stands so, in one sentence.
    pub reason: String,
    /// What a second look found.
    pub proof: ProofItem,
    /// What the device said; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<Outcome>,
}

impl Service {
    /// Lists orders that match `q` (device and patch fields), newest first.
    pub fn order_list(&self, who: &Principal, q: Option<&str>, page: &PageRequest) -> Result<Page<OrderView>> {
        todo!()
    }

    /// Shows one order with its outcome.
    pub fn order_show(&self, who: &Principal, id: &str) -> Result<OrderView> {
        todo!()
    }
}
