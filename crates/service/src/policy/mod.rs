//! The policy as files: apply, drift, export, history; and its objects as they stand.
//!
//! Files are applied as a whole or not at all. Objects that stand are compared with them one by one:
//! what is the same stays with its age, what changed is ended and made anew, what the same files no
//! longer say is ended. What was made by hand stays, unless a file says the same.

mod apply;
mod compare;
mod document;
mod effective;
mod export;
mod history;
mod lines;
mod object;
mod plan;
mod rehearsal;
mod revert;
mod show;
pub(crate) mod standing;

use domain::policy::PolicyKind;
use engine::policy_file::{Problem, Weight};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use effective::{
    EffectiveDecision, EffectiveFreeze, EffectivePart, EffectivePolicy, EffectiveReboot,
    EffectiveRings, EffectiveRule, EffectiveWindow,
};
pub use engine::plan::{ClientDifference, Counts, Effect, Example, PolicyDifference, Standing};
pub use engine::rehearse::{
    ClientRun, MONTHS_MAX, Month, PolicyRun, Promise, RebootHour, Rehearsal, Tally, Trouble,
};
pub use engine::written::{
    Entry, Exception, Outcome, Section, Selection, Step, TEMPLATES, Template, WindowPlan, Written,
    html as written_html, template,
};
pub use history::{PolicyVersionChange, PolicyVersionDetail};
pub use lines::{KINDS_SHOWN, PolicyLine, PolicyLook, PolicyMade, PolicyOverview};
pub use object::{DEVICES_LOOKED_MAX, PolicyCover, PolicyDetail, PolicyDevice, PolicyPast};
pub use plan::PolicyPlan;
pub use revert::{PolicyReverted, PolicyVersionFiles, RevertAsked};
pub use show::PolicyItem;

/// The name of the file that an export gives what was made by hand.
pub const BY_HAND: &str = "by-hand.toml";

/// The most files of one policy.
pub const FILES_MAX: usize = 500;

/// One file of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Its name.
    pub file: String,
    /// Its text: TOML.
    pub text: String,
}

/// Files that are to be the policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySent {
    /// The files; rules are asked in their order.
    pub files: Vec<PolicyFile>,
    /// Also end what was applied from other files than these.
    #[serde(default)]
    pub prune: bool,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the history.
    #[serde(default)]
    pub note: String,
    /// Only if nothing was changed since a plan: `against` of that plan.
    #[serde(default)]
    pub against: Option<String>,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyStepKind {
    /// It is new.
    Made,
    /// It says something else than before.
    Changed,
    /// It says the same, and is written elsewhere or with other comments.
    Moved,
    /// It was made by hand, and a file says the same.
    Adopted,
    /// No file says it any more.
    Ended,
    /// It was made by hand and stands in no file; only in a drift.
    ByHand,
    /// It was applied from a file that is not among these; only in a drift.
    Elsewhere,
}

impl PolicyStepKind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::Adopted => "adopted",
            Self::Ended => "ended",
            Self::ByHand => "by hand",
            Self::Elsewhere => "from another file",
        }
    }
}

/// One object that changes, or differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyStep {
    /// What happens.
    pub change: PolicyStepKind,
    /// `group`, `window`, `freeze`, `rule`, `decision`, `reboot`, `rings` or `exclude`.
    #[schema(value_type = String)]
    pub kind: PolicyKind,
    /// Its name; a decision without one is named by its place.
    pub name: String,
    /// Its file; `None`: it was made by hand.
    pub file: Option<String>,
    /// Its line in that file, where the file is at hand.
    pub line: Option<u32>,
    /// What stood, as TOML.
    pub before: Option<String>,
    /// What stands then, as TOML.
    pub after: Option<String>,
}

/// A mistake or a doubt, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyProblem {
    /// `error`, `warning` or `note`.
    pub weight: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: u32,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl From<Problem> for PolicyProblem {
    fn from(problem: Problem) -> Self {
        Self {
            weight: problem.weight.to_string(),
            file: problem.place.file,
            line: number(problem.place.line),
            column: number(problem.place.column),
            what: problem.what,
            hint: problem.suggestion,
        }
    }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn warning(place: engine::policy_file::Place, what: String, hint: &str) -> Problem {
    Problem {
        weight: Weight::Warning,
        place,
        what,
        suggestion: Some(hint.to_owned()),
    }
}

/// What files changed, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyApplied {
    /// The number of the version; `None`: nothing was applied, because nothing changes or only a
    /// look was asked for.
    pub version: Option<u64>,
    /// What changes.
    pub steps: Vec<PolicyStep>,
    /// How many objects stay as they are.
    pub unchanged: u32,
    /// How many decisions of the files are over and make nothing.
    pub over: u32,
    /// How many objects stand from other files; they stay.
    pub elsewhere: u32,
    /// What is probably not meant.
    pub warnings: Vec<PolicyProblem>,
}

/// How what stands differs from files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDrift {
    /// Whether they say the same.
    pub same: bool,
    /// What would have to change so that the files hold, what was made by hand, and what stands from
    /// other files. Decisions made by hand are daily work and none of these.
    pub differences: Vec<PolicyStep>,
    /// How many decisions were made by hand.
    pub decisions_by_hand: u32,
}

/// The files of the policy as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyExport {
    /// The files, with their comments; what was made by hand is in `by-hand.toml`.
    pub files: Vec<PolicyFile>,
    /// What stands and cannot be read, one sentence each; it is in the files as it is kept.
    pub unreadable: Vec<String>,
}

/// One time that files were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionItem {
    /// Its number; rises with time.
    pub number: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub applied_at: Timestamp,
    /// By whom.
    pub applied_by: String,
    /// Why.
    pub note: String,
    /// The files that stood from then on.
    pub files: Vec<String>,
    /// What changed, in words.
    pub counts: String,
}
