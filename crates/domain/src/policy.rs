//! The written policy: who, what, how, when and why, as objects that the evaluator executes.
//!
//! Four kinds are attached by query (approval rules, change windows, reboot rules, ring sets), with
//! freezes, exclusions, groups and decisions beside them. They live as rows of the server and as
//! TOML files; both are read into one [`Policy`], and the evaluator sees nothing else.
//! Durations are elapsed time, a day is 24 hours. Local times say in which zone.

mod delay;
mod notice;
mod object;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::package::words;
use crate::query::Query;
use crate::window::ChangeWindow;

pub use delay::{Delay, InvalidDelay};
pub use notice::Notice;
pub use object::{
    ApprovalRule, Exclusion, Freeze, Group, RebootRule, RebootWhen, Ring, RingSet, RuleAction,
    Study, UserPresent,
};

/// The kinds of objects of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyKind {
    /// A named query over devices.
    Group,
    /// A change window.
    Window,
    /// A time at which nothing may be changed.
    Freeze,
    /// An approval rule.
    Rule,
    /// A decision.
    Decision,
    /// A reboot rule.
    Reboot,
    /// A ring set.
    Rings,
    /// Devices kept out of everything.
    Exclude,
}

words!(PolicyKind "kind of policy object" "group, window, freeze, rule, decision, reboot, rings, exclude" {
    Group "group", Window "window", Freeze "freeze", Rule "rule", Decision "decision",
    Reboot "reboot", Rings "rings", Exclude "exclude",
});

/// An object of the store that cannot be read. What it covers is closed until somebody repairs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its name, or what is left of it.
    pub name: String,
    /// Which devices it covers; everything, where that cannot be read either.
    pub devices: Query,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<crate::id::ClientId>,
    /// What is wrong.
    pub why: String,
}

/// Everything that people wrote down: what the evaluator executes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Named queries over devices.
    pub groups: Vec<Group>,
    /// Change windows, valid or ended.
    pub windows: Vec<ChangeWindow>,
    /// Freezes.
    pub freezes: Vec<Freeze>,
    /// Approval rules, in their order: the first that matches counts.
    pub rules: Vec<ApprovalRule>,
    /// Decisions, in force or not.
    pub decisions: Vec<Decision>,
    /// Reboot rules.
    pub reboots: Vec<RebootRule>,
    /// Ring sets, in their order: the first that covers a device counts.
    pub rings: Vec<RingSet>,
    /// Devices kept out.
    pub exclusions: Vec<Exclusion>,
    /// What the store holds and nobody can read.
    pub unreadable: Vec<Unreadable>,
    /// What holds where there is no window at all.
    pub without_windows: WithoutWindows,
}

/// What a policy without any change window means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutWindows {
    /// Nothing is changed, ever: so it is on a server.
    #[default]
    Closed,
    /// The gate has nothing configured and is open: so files are read that no server stands behind.
    Open,
}
