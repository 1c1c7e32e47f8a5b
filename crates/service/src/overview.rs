//! The overview: a few numbers, each with what it does not count.

use domain::access::Principal;
use domain::report::{MissingCount, NotCounted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::order::OrderView;
use crate::{Result, Service};

/// What the first page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Devices known.
    pub devices: u32,
    /// Of them, in mode `managed`.
    pub managed: u32,
    /// Of them, with a fresh and assessed report: those that the numbers count.
    pub counted: u32,
    /// Missing patches by severity.
    #[schema(value_type = Vec<Object>)]
    pub missing: Vec<MissingCount>,
    /// Findings by state, over all devices: `(state, how many)`.
    pub findings: Vec<(String, u64)>,
    /// Orders that have not ended, by state.
    pub orders: Vec<(String, u64)>,
    /// Tickets that somebody has to look at.
    pub tickets_open: u64,
    /// The orders that opened last or open next.
    pub latest: Vec<OrderView>,
    /// What is not counted, and why.
    #[schema(value_type = Vec<Object>)]
    pub not_counted: Vec<NotCounted>,
}

impl Service {
    /// The numbers of the first page.
    pub fn overview(&self, who: &Principal) -> Result<Overview> {
        todo!()
    }
}
