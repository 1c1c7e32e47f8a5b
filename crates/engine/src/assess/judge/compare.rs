//! What a statement says of one installed version.
//!
//! | statement | installed | state |
//! | --- | --- | --- |
//! | fixed in F, introduced in I | before I | not-affected |
//! | | from I, before F | missing; no-fix where F is for subscribers only |
//! | | F or later | fixed |
//! | affected up to L | up to L | no-fix: no fixed version is named |
//! | | after L | not-affected (OSV `last_affected`); for Arch unknown: its list names one version of a group and says nothing of later ones |
//! | affected exactly V…, perhaps fixed in F | one of V | missing, or no-fix without F |
//! | | F or later | fixed |
//! | | any other | unknown: the document says nothing of it |
//! | no fix | any | no-fix, with the vendor's word |
//! | not affected | any | not-affected, with the vendor's words |
//! | undetermined | any | unknown, with the vendor's word |
//!
//! Versions are ordered as the package's own ecosystem orders them (crate `versions`); a version
//! that its tool refuses to order gives unknown. An absent rpm epoch and `(none)` are 0.
//!
//! Sources: OSV schema 1.6, "Evaluation"; Debian tracker's documentation of `no-dsa` and its
//! sub-states; security.archlinux.org, groups; rpm-version(7).

use std::cmp::Ordering;

use domain::advisory::{NoFixReason, Says, Statement};
use domain::finding::FindingState;
use domain::package::Ecosystem;
use versions::Scheme;

/// Where one version stands with one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The state.
    pub state: FindingState,
    /// Why, in one sentence with the versions.
    pub because: String,
}

impl Outcome {
    /// An outcome.
    pub fn new(state: FindingState, because: impl Into<String>) -> Self {
        Self {
            state,
            because: because.into(),
        }
    }
}

/// The order of versions of an ecosystem.
pub(super) fn scheme(ecosystem: Ecosystem) -> Scheme {
    match ecosystem {
        Ecosystem::Deb => Scheme::Deb,
        Ecosystem::Rpm => Scheme::Rpm,
        Ecosystem::Apk => Scheme::Apk,
        Ecosystem::Pacman => Scheme::Pacman,
        Ecosystem::Windows => Scheme::Windows,
        Ecosystem::Winget => Scheme::Winget,
    }
}

/// A version as its order wants it: rpm's queries write `(none)` for an absent epoch.
pub(super) fn plain(ecosystem: Ecosystem, version: &str) -> &str {
    match ecosystem {
        Ecosystem::Rpm => version.strip_prefix("(none):").unwrap_or(version),
        Ecosystem::Deb
        | Ecosystem::Apk
        | Ecosystem::Pacman
        | Ecosystem::Windows
        | Ecosystem::Winget => version,
    }
}

/// Orders two versions of an ecosystem; the error says which cannot be ordered and why.
pub(super) fn order(ecosystem: Ecosystem, a: &str, b: &str) -> Result<Ordering, String> {
    versions::order(scheme(ecosystem), plain(ecosystem, a), plain(ecosystem, b))
        .map_err(|error| format!("{error}; it cannot be compared"))
}

/// The fixed version that a statement names.
pub(super) fn fixed(statement: &Statement) -> Option<&str> {
    match &statement.says {
        Says::FixedIn { fixed, .. } => Some(fixed.as_str()),
        Says::AffectedExactly { fixed, .. } => fixed.as_ref().map(|fixed| fixed.as_str()),
        Says::AffectedUpTo { .. }
        | Says::NoFix { .. }
        | Says::NotAffected { .. }
        | Says::Undetermined { .. } => None,
    }
}

/// What the statement says of this version. `subscribed`: what it offers to subscribers can be had.
pub(super) fn judge(
    ecosystem: Ecosystem,
    installed: &str,
    statement: &Statement,
    subscribed: bool,
) -> Outcome {
    match decide(ecosystem, installed, statement, subscribed) {
        Ok(outcome) => outcome,
        Err(why) => Outcome::new(FindingState::Unknown, why),
    }
}

fn decide(
    ecosystem: Ecosystem,
    installed: &str,
    statement: &Statement,
    subscribed: bool,
) -> Result<Outcome, String> {
    let before =
        |version: &str| order(ecosystem, installed, version).map(|order| order == Ordering::Less);
    match &statement.says {
        Says::FixedIn { introduced, fixed } => {
            let fixed = fixed.as_str();
            if !before(fixed)? {
                return Ok(already(installed, fixed));
            }
            if let Some(outcome) = too_old(ecosystem, installed, introduced.as_ref())? {
                return Ok(outcome);
            }
            Ok(offered(
                statement,
                subscribed,
                fixed,
                &format!("{installed} is before {fixed}, the first version with the fix"),
            ))
        }
        Says::AffectedUpTo { introduced, last } => {
            if order(ecosystem, installed, last.as_str())? == Ordering::Greater {
                return Ok(beyond(ecosystem, installed, last.as_str()));
            }
            if let Some(outcome) = too_old(ecosystem, installed, introduced.as_ref())? {
                return Ok(outcome);
            }
            Ok(Outcome::new(
                FindingState::NoFix,
                format!(
                    "affected up to {last}, {installed} is installed; no fixed version is named"
                ),
            ))
        }
        Says::AffectedExactly { versions, fixed } => {
            let fixed = fixed.as_ref().map(|fixed| fixed.as_str());
            exactly(ecosystem, installed, statement, versions, fixed, subscribed)
        }
        Says::NoFix { reason, word } => {
            Ok(Outcome::new(FindingState::NoFix, refusal(*reason, word)))
        }
        Says::NotAffected { why } => Ok(Outcome::new(
            FindingState::NotAffected,
            if why.is_empty() {
                "the vendor says that it is not affected".to_owned()
            } else {
                format!("the vendor says that it is not affected: {why}")
            },
        )),
        Says::Undetermined { word } => Ok(Outcome::new(
            FindingState::Unknown,
            format!("the document leaves it open: `{word}`"),
        )),
    }
}

fn exactly(
    ecosystem: Ecosystem,
    installed: &str,
    statement: &Statement,
    versions: &[domain::name::Version],
    fixed: Option<&str>,
    subscribed: bool,
) -> Result<Outcome, String> {
    if let Some(fixed) = fixed
        && order(ecosystem, installed, fixed)? != Ordering::Less
    {
        return Ok(already(installed, fixed));
    }
    let mut named = false;
    for version in versions {
        named |= order(ecosystem, installed, version.as_str())? == Ordering::Equal;
    }
    Ok(match (named, fixed) {
        (true, Some(fixed)) => offered(
            statement,
            subscribed,
            fixed,
            &format!("{installed} is named as affected, and {fixed} has the fix"),
        ),
        (true, None) => Outcome::new(
            FindingState::NoFix,
            format!("{installed} is named as affected; no fixed version is named"),
        ),
        (false, _) => Outcome::new(
            FindingState::Unknown,
            format!(
                "the document names affected versions one by one and says nothing of {installed}"
            ),
        ),
    })
}

fn already(installed: &str, fixed: &str) -> Outcome {
    Outcome::new(
        FindingState::Fixed,
        if installed == fixed {
            format!("{installed} is the first version with the fix")
        } else {
            format!("{installed} is not before {fixed}, the first version with the fix")
        },
    )
}

fn too_old(
    ecosystem: Ecosystem,
    installed: &str,
    introduced: Option<&domain::name::Version>,
) -> Result<Option<Outcome>, String> {
    let Some(introduced) = introduced else {
        return Ok(None);
    };
    // OSV writes 0 for "before every version".
    if introduced.as_str() == "0"
        || order(ecosystem, installed, introduced.as_str())? != Ordering::Less
    {
        return Ok(None);
    }
    Ok(Some(Outcome::new(
        FindingState::NotAffected,
        format!("{installed} is before {introduced}, the first affected version"),
    )))
}

fn beyond(ecosystem: Ecosystem, installed: &str, last: &str) -> Outcome {
    match ecosystem {
        Ecosystem::Pacman => Outcome::new(
            FindingState::Unknown,
            format!(
                "affected up to {last}; there is no statement about newer versions such as {installed}"
            ),
        ),
        Ecosystem::Deb
        | Ecosystem::Rpm
        | Ecosystem::Apk
        | Ecosystem::Windows
        | Ecosystem::Winget => Outcome::new(
            FindingState::NotAffected,
            format!("{installed} is after {last}, the last affected version"),
        ),
    }
}

fn offered(statement: &Statement, subscribed: bool, fixed: &str, why: &str) -> Outcome {
    match &statement.subscription {
        Some(name) if !subscribed => Outcome::new(
            FindingState::NoFix,
            format!(
                "{why}; {fixed} is offered only with {name}, which is not known to be enabled here"
            ),
        ),
        Some(name) => Outcome::new(FindingState::Missing, format!("{why}, offered with {name}")),
        None => Outcome::new(FindingState::Missing, why),
    }
}

fn refusal(reason: NoFixReason, word: &str) -> String {
    let ours = match reason {
        NoFixReason::NotYet => "affected, and no fix is published",
        NoFixReason::Postponed => "affected, and the fix is put off",
        NoFixReason::WillNotFix => "affected, and the vendor will not fix it",
        NoFixReason::EndOfLife => "affected, and out of support",
    };
    if word.is_empty() {
        ours.to_owned()
    } else {
        format!("{ours}: `{word}`")
    }
}
