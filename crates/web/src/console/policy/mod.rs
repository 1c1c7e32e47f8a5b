//! The pages of the policy: what is in force, what it was before, what a draft would change, and the
//! document to sign.

pub(super) mod document;
pub(super) mod draft;
pub(super) mod history;
pub(super) mod list;
pub(super) mod object;
pub(super) mod plan;
pub(super) mod rehearse;

use domain::policy::PolicyKind;
use jiff::Timestamp;
use service::policy::PolicyMade;

use super::parts::Moment;

/// When an object was made, ready to print.
pub(super) struct Since {
    version: Option<u64>,
    at: Moment,
}

impl Since {
    fn of(made: &PolicyMade, now: Timestamp) -> Self {
        Self {
            version: made.version,
            at: Moment::new(made.at, now),
        }
    }
}

/// The name of a kind, in the plural.
pub(super) fn kinds(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Group => "Groups",
        PolicyKind::Window => "Windows",
        PolicyKind::Freeze => "Freezes",
        PolicyKind::Rule => "Rules",
        PolicyKind::Decision => "Decisions",
        PolicyKind::Reboot => "Reboot rules",
        PolicyKind::Rings => "Ring sets",
        PolicyKind::Exclude => "Exclusions",
    }
}

/// The name of a kind, for one object.
pub(super) fn kind_name(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Group => "group",
        PolicyKind::Window => "window",
        PolicyKind::Freeze => "freeze",
        PolicyKind::Rule => "rule",
        PolicyKind::Decision => "decision",
        PolicyKind::Reboot => "reboot rule",
        PolicyKind::Rings => "ring set",
        PolicyKind::Exclude => "exclusion",
    }
}

/// Where an object is shown.
pub(super) fn href(id: &str) -> String {
    super::address(&format!("/policy/objects/{}", super::escaped(id)), &[])
}
