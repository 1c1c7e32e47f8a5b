//! The rehearsal of a policy: the patches of past months, replayed as if it had been in force.
//!
//! The patches that came are the findings of a snapshot: each came when the vendor released it, or
//! else when it was first seen. For each the evaluator is asked at that moment, so approval, delay,
//! rings, freezes and windows are those of the policy and of nothing else. A patch that is replaced
//! before its time goes, and its replacement is asked in its turn; what it would have fixed counts as
//! fixed when the replacement is installed.
//!
//! What is assumed: feeds were fresh, devices in contact (unless their contacts are recorded and a
//! window catches up), each patch was missing from the moment it came, installing takes no time and
//! succeeds. Decisions and exclusions count as they are written, also for the time before they were
//! made. Reboots are counted for patches that are known to need one ([`needs_reboot`]); where that is
//! not known it is said, not guessed.

mod need;
mod replay;
mod run;
mod sums;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::policy::Delay;
use domain::severity::Severity;
use domain::verdict::GateName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use need::needs_reboot;
pub use run::rehearse;

/// The most clients that are listed.
pub const CLIENTS_SHOWN_MAX: usize = 1_000;
/// The most examples of each sort.
pub const EXAMPLES_MAX: usize = 20;
/// The most months that are replayed.
pub const MONTHS_MAX: u32 = 60;

/// Until when a patch is to be installed, by severity; `None`: no promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Critical patches.
    pub critical: Option<Delay>,
    /// Important patches.
    pub important: Option<Delay>,
    /// Moderate patches.
    pub moderate: Option<Delay>,
    /// Low patches.
    pub low: Option<Delay>,
}

impl Default for Promise {
    /// Critical within 14 days and important within 30.
    fn default() -> Self {
        let days = |days: u32| Some(Delay::from_minutes(days * 24 * 60));
        Self {
            critical: days(14),
            important: days(30),
            moderate: None,
            low: None,
        }
    }
}

impl Promise {
    /// What is promised for a severity. Nothing is promised for what nobody rated.
    pub fn of(&self, severity: Option<Severity>) -> Option<SignedDuration> {
        let delay = match severity? {
            Severity::Critical => self.critical,
            Severity::Important => self.important,
            Severity::Moderate => self.moderate,
            Severity::Low => self.low,
            Severity::Unrated => None,
        };
        delay.map(Delay::elapsed)
    }
}

/// Which time is replayed, and what is held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// How many months of 30 days, at most [`MONTHS_MAX`].
    pub months: u32,
    /// The end.
    pub until: Timestamp,
    /// What was promised.
    pub promise: Promise,
}

impl Span {
    /// The beginning.
    pub fn from(&self) -> Timestamp {
        let hours = i64::from(self.months.min(MONTHS_MAX)) * 30 * 24;
        let back = SignedDuration::from_hours(hours);
        self.until.checked_sub(back).unwrap_or(Timestamp::MIN)
    }
}

/// Pairs of a device and a patch, by how they ended, and reboots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Pairs that were replayed.
    pub pairs: u64,
    /// Installed.
    pub installed: u64,
    /// Replaced by a newer patch, and that was installed.
    pub replaced: u64,
    /// Approved, and their time lies after the end.
    pub waiting: u64,
    /// Approved, their time had come, and never installed.
    pub starved: u64,
    /// Not approved: held, denied, or nobody decided.
    pub not_approved: u64,
    /// Hours from release to the installation of what fixes it, added up over installed and replaced.
    pub hours: u64,
    /// Fixed within the promise.
    pub kept: u64,
    /// Not fixed within the promise.
    pub missed: u64,
    /// Promised, and the end of the rehearsal came first.
    pub promised: u64,
    /// Reboots that the policy makes.
    pub reboots: u64,
    /// Reboots that are left to a person.
    pub reboots_by_hand: u64,
    /// Installations of which nobody knows whether they need a reboot.
    pub reboots_unknown: u64,
}

impl Tally {
    /// Days from release to installation on average; `None`: nothing was installed.
    pub fn days_mean(&self) -> Option<f64> {
        let count = self.installed.saturating_add(self.replaced);
        (count > 0).then(|| self.hours as f64 / count as f64 / 24.0)
    }
    /// Kept promises of a hundred that came due; `None`: nothing to measure.
    pub fn kept_percent(&self) -> Option<f64> {
        let due = self.kept.saturating_add(self.missed);
        (due > 0).then(|| self.kept as f64 * 100.0 / due as f64)
    }
}

/// One month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    /// The month in UTC, as `2026-03`: of patches the one in which they came, of reboots their own.
    pub month: String,
    /// What ended how.
    pub tally: Tally,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRun {
    /// The client.
    pub client: String,
    /// Its devices.
    pub devices: u64,
    /// What ended how.
    pub tally: Tally,
}

/// Reboots at one hour of the week, in the devices' own zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebootHour {
    /// The weekday: `mon`.
    pub weekday: String,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// How many.
    pub reboots: u64,
}

/// One patch that did not go well, with a device on which it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The patch.
    pub patch: String,
    /// The client.
    pub client: String,
    /// One of the devices.
    pub device: String,
    /// On how many devices of the client.
    pub devices: u64,
    /// How severe it is.
    pub severity: Option<Severity>,
    /// When it came.
    pub came_at: Timestamp,
    /// When it was fixed; `None`: not before the end.
    pub fixed_at: Option<Timestamp>,
    /// The gate that stayed closed, where one did.
    pub gate: Option<GateName>,
    /// Why, in one sentence.
    pub why: String,
}

/// Months, totals, clients and trouble under one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRun {
    /// All of it.
    pub tally: Tally,
    /// By month, in order.
    pub months: Vec<Month>,
    /// By client, those with most missed promises first.
    pub clients: Vec<ClientRun>,
    /// How many clients there are.
    pub clients_total: u64,
    /// At which hours of the week devices reboot, the busiest first.
    pub reboot_hours: Vec<RebootHour>,
    /// Patches that starved, those on most devices first.
    pub starved: Vec<Trouble>,
    /// How many patches of clients starved.
    pub starved_total: u64,
    /// Promises that were missed by most, the worst first.
    pub missed: Vec<Trouble>,
    /// How many patches of clients missed a promise.
    pub missed_total: u64,
    /// Rings that no device of the fleet is in: nothing is measured in them.
    pub empty_rings: Vec<String>,
}

/// The rehearsal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The first instant that is replayed.
    pub from: Timestamp,
    /// The first that is not.
    pub until: Timestamp,
    /// What was promised.
    pub promise: Promise,
    /// Devices.
    pub devices: u64,
    /// Patches that came in the time.
    pub patches: u64,
    /// Findings without a date, which cannot be replayed.
    pub undated: u64,
    /// Findings that say nothing about a patch that came: no fix, not affected, not known.
    pub not_replayed: u64,
    /// Findings of patches that came before or after the time.
    pub outside: u64,
    /// Under the draft.
    pub draft: PolicyRun,
    /// Under the policy in force, where one is held against it.
    pub in_force: Option<PolicyRun>,
}
