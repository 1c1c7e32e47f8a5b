//! The report for one client.

use domain::access::Principal;
use domain::report::ClientReport;

use crate::{Result, Service};

impl Service {
    /// The report for one client (name or id) as of now.
    pub fn report_client(&self, who: &Principal, client: &str) -> Result<ClientReport> {
        todo!()
    }
}
