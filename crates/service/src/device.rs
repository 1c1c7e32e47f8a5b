//! Devices: list, show with history, change the mode and the tags; and how people name them.

use domain::access::Principal;
use domain::device::{AgentAbilities, Mode, Standing};
use domain::id::DeviceId;
use domain::name::Tag;
use domain::offer::Unknown;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::decision::DecisionItem;
use crate::order::OrderView;
use crate::{Result, Service};

/// A device as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Its name, unique within the client.
    pub name: String,
    /// Its client's name.
    pub client: String,
    /// Its site's name.
    pub site: String,
    /// The site's zone, by IANA name.
    pub zone: String,
    /// Its system: `debian 12 (bookworm)`; `None`: not reported yet.
    pub os: Option<String>,
    /// What may be done to it: `observe` or `managed`.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// When it last spoke with the server.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// When its inventory was last confirmed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub inventory_at: Option<Timestamp>,
    /// Packages in order; `None`: not reported yet.
    pub packages: Option<u32>,
}

/// A mode and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeChange {
    /// The mode.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who set it.
    pub by: String,
}

/// A device with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceDetail {
    /// As in lists.
    #[serde(flatten)]
    pub device: DeviceItem,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// `level`, or `ahead` when the device remembers more than the server.
    #[schema(value_type = String)]
    pub standing: Standing,
    /// When it was enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// What its agent can do.
    #[schema(value_type = Option<Object>)]
    pub agent: Option<AgentAbilities>,
    /// The running kernel.
    pub kernel: Option<String>,
    /// Whether a reboot is due, with the reasons; `None`: not known.
    pub reboot: Option<Vec<String>>,
    /// Services and programs that run old code; `None`: could not be seen.
    pub old_code: Option<Vec<String>>,
    /// When the package lists were fetched.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub lists_fetched_at: Option<Timestamp>,
    /// What is not known, and why.
    #[schema(value_type = Vec<Object>)]
    pub unknown: Vec<Unknown>,
    /// The modes it had, newest first.
    pub modes: Vec<ModeChange>,
    /// Its orders, newest first.
    pub orders: Vec<OrderView>,
    /// The decisions that touch it.
    pub decisions: Vec<DecisionItem>,
}

impl Service {
    /// Lists devices that match `q`, as they are now or were `at`.
    pub fn device_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        at: Option<Timestamp>,
        page: &PageRequest,
    ) -> Result<Page<DeviceItem>> {
        todo!()
    }

    /// Shows one device (id, name or `CLIENT/NAME`), as it is now or was `at`.
    pub fn device_show(&self, who: &Principal, device: &str, at: Option<Timestamp>) -> Result<DeviceDetail> {
        todo!()
    }

    /// Sets what may be done to a device.
    pub fn device_mode(&self, who: &Principal, device: &str, mode: Mode) -> Result<DeviceItem> {
        todo!()
    }

    /// Adds and removes tags; gives all the tags it then has, sorted.
    pub fn device_tag(&self, who: &Principal, device: &str, add: &[Tag], remove: &[Tag]) -> Result<Vec<Tag>> {
        todo!()
    }
}
