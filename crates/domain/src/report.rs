//! The report for one client: what was looked at, what is missing, what was proven, and what is not
//! counted and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;

/// Devices that are not in a number, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCounted {
    /// What is not counted.
    pub what: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// Missing patches of one severity. `severity: None`: not looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingCount {
    /// The severity.
    pub severity: Option<Severity>,
    /// Distinct patches.
    pub patches: u32,
    /// Pairs of device and patch.
    pub findings: u32,
}

/// One device's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLine {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Its system.
    pub os: String,
    /// When it last spoke with the server.
    pub last_seen: Option<Timestamp>,
    /// Missing patches; `None`: not known.
    pub missing: Option<u32>,
    /// Patches installed and proven in the period.
    pub proven: u32,
}

/// One patch that was installed and proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenLine {
    /// The patch.
    pub patch: String,
    /// The device.
    pub device: String,
    /// When the second look was made.
    pub proven_at: Timestamp,
}

/// The report for one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientReport {
    /// The client's name.
    pub client: String,
    /// As of when.
    pub at: Timestamp,
    /// Devices known.
    pub devices: u32,
    /// Devices that are in the numbers.
    pub counted: u32,
    /// Missing by severity, over the counted devices.
    pub missing: Vec<MissingCount>,
    /// Installed and proven.
    pub proven: Vec<ProvenLine>,
    /// Orders that failed or need hands.
    pub failed: u32,
    /// Line by line.
    pub lines: Vec<DeviceLine>,
    /// What is not counted and why.
    pub not_counted: Vec<NotCounted>,
}
