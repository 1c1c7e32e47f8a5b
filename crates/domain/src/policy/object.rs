//! The objects of a policy, each with the query over devices that it is attached by.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::Delay;
use crate::id::{ClientId, PolicyId};
use crate::name::Label;
use crate::package::words;
use crate::query::Query;
use crate::window::WindowZone;

/// A named query over devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices.
    pub devices: Query,
}

/// A time at which nothing may be changed, whatever the windows say.
#[derive(Debug, Clone, PartialEq)]
pub struct Freeze {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices.
    pub devices: Query,
    /// In which zone its times are meant.
    pub zone: WindowZone,
    /// The first local time that is frozen; in a gap of the clocks the first valid instant, where
    /// it comes twice the first.
    pub from: DateTime,
    /// The first local time that is not frozen any more, read likewise.
    pub until: DateTime,
    /// Why.
    pub reason: String,
    /// Whom to ask for an exception.
    pub exception: Option<String>,
}

/// What an approval rule does with the patches it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// They may be installed, after the delay.
    Approve,
    /// They wait for a person's decision.
    Hold,
    /// They are not installed.
    Deny,
}

words!(RuleAction "action" "approve, hold, deny" { Approve "approve", Hold "hold", Deny "deny", });

/// Who studies patches that a rule holds, and how soon. It makes one ticket for each patch and client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// The person or team.
    pub owner: String,
    /// How long after they were asked, by the ticket, the answer is due.
    pub due: Delay,
}

/// A rule that decides where no person did.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalRule {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Who answers for it.
    pub owner: String,
    /// Which patches.
    pub patches: Query,
    /// Which devices.
    pub devices: Query,
    /// What it does.
    pub action: RuleAction,
    /// How long after the fix was released an approval holds.
    pub after: Delay,
    /// The same for patches whose fault is known to be exploited; `None`: no exception for them.
    pub kev_after: Option<Delay>,
    /// The windows it uses, by name; empty: every window that covers the device.
    pub windows: Vec<Label>,
    /// The ring set it uses, by name; `None`: the first that covers the device.
    pub rings: Option<Label>,
    /// For `hold`: who studies them.
    pub study: Option<Study>,
    /// Why.
    pub why: String,
}

/// Whether devices are rebooted after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebootWhen {
    /// After every change.
    Always,
    /// When a running program needs it.
    Needed,
    /// Never by Patchloop: a person does.
    Never,
}

words!(RebootWhen "reboot rule" "always, needed, never" {
    Always "always", Needed "needed", Never "never",
});

/// What is done for a person who works on the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPresent {
    /// How long before the reboot the person is warned, longest first; at least one.
    pub warn: Vec<Delay>,
    /// How often the person may put it off.
    pub deferrals: u8,
    /// How long each time.
    pub step: Delay,
}

/// When devices are rebooted.
#[derive(Debug, Clone, PartialEq)]
pub struct RebootRule {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices. The closest rule counts; within a level never beats needed beats always.
    pub devices: Query,
    /// Whether.
    pub when: RebootWhen,
    /// In which window, by name; `None`: in the window of the installation.
    pub window: Option<Label>,
    /// How long after it became due it happens at the latest.
    pub deadline: Option<Delay>,
    /// What is done for a person who works on the device; `None`: nobody is waited for.
    pub user_present: Option<UserPresent>,
}

/// One step of a ring set.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// Its name.
    pub name: Label,
    /// Which devices of the set; a device is in the first ring that it fits.
    pub devices: Query,
    /// How long a patch stays in this ring before the next one is reached.
    pub soak: Delay,
}

/// The steps in which patches go through devices.
#[derive(Debug, Clone, PartialEq)]
pub struct RingSet {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices.
    pub devices: Query,
    /// Its rings, in their order.
    pub rings: Vec<Ring>,
}

/// Devices that are kept as they are, whatever else says.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclusion {
    /// Its id.
    pub id: PolicyId,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name, unique.
    pub name: Label,
    /// Which devices.
    pub devices: Query,
    /// Until when; `None`: until it is taken out.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

impl Exclusion {
    /// Whether it holds at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
