//! Change windows: add, list, end, and when they open.

use domain::access::Principal;
use domain::id::WindowId;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// The most openings that can be asked for.
pub const OPENINGS_MAX: u32 = 100;

/// A new weekly window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWindow {
    /// Its name, new.
    pub name: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for")]
    pub devices: String,
    /// `mon,thu`.
    pub days: String,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
}

/// A window as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WindowId,
    /// Its name.
    pub name: String,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// `mon,thu`.
    pub days: String,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// From when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpeningItem {
    /// The first instant inside.
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    /// The first instant outside again.
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Timestamp,
    /// The zone in which it was computed; a window in the devices' own zones has one line a zone.
    pub zone: String,
}

impl Service {
    /// Adds a window.
    pub fn window_add(&self, who: &Principal, wanted: &NewWindow) -> Result<WindowItem> {
        todo!()
    }

    /// Lists windows, ended ones too.
    pub fn window_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<WindowItem>> {
        todo!()
    }

    /// Ends a window (name or id).
    pub fn window_end(&self, who: &Principal, window: &str) -> Result<WindowItem> {
        todo!()
    }

    /// The next openings of a window (name or id), one that is open now first.
    pub fn window_openings(&self, who: &Principal, window: &str, count: u32) -> Result<Page<OpeningItem>> {
        todo!()
    }
}
