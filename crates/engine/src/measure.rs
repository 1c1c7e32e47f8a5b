//! Numbers for reports. Every number says what it did not count and why.

use domain::report::ClientReport;
use jiff::Timestamp;

use crate::view::DeviceView;

/// The report for one client, as of `now`. `views` are all its devices; what was proven and failed
/// is counted over the orders in them that ended at or after `since`.
pub fn client_report(
    _client: &str,
    _views: &[DeviceView],
    _since: Timestamp,
    _now: Timestamp,
) -> ClientReport {
    panic!("the body comes with the next commit")
}
