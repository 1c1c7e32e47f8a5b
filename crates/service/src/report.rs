//! The report for one client.

use domain::access::{self, Permission, Principal};
use domain::report::ClientReport;
use engine::measure::client_report;
use jiff::{SignedDuration, Timestamp};

use crate::scan::Walk;
use crate::view::{self, Packages};
use crate::{Result, Service, ServiceError, naming};

/// How far a report looks back for what was proven and what failed, in days.
pub const REPORT_DAYS: i64 = 30;

impl Service {
    /// The report for one client (name or id) as of now.
    pub fn report_client(&self, who: &Principal, client: &str) -> Result<ClientReport> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        let since = now
            .checked_sub(SignedDuration::from_hours(24 * REPORT_DAYS))
            .unwrap_or(Timestamp::MIN);
        let name = client.to_owned();
        let (client, views) = self.read(move |tx| {
            let client = naming::client(tx, &scope, &name)?;
            let scope = scope.narrowed(client.id).ok_or(ServiceError::NotFound {
                what: "client",
                name,
            })?;
            let walk = Walk {
                scope: scope.clone(),
                query: domain::query::Query::everything(),
                at: None,
                now,
            };
            let mut views = Vec::new();
            walk.each_device(tx, None, false, |tx, seen| {
                let view = view::of_device(tx, &scope, seen.device, Packages::Left, now)?;
                views.push(view);
                Ok(true)
            })?;
            Ok((client, views))
        })?;
        Ok(client_report(client.name.as_str(), &views, since, now))
    }
}
