//! Back to an earlier version of the policy: the files as they stood after it, applied again as a new
//! version.
//!
//! Nothing is applied where a part of that version was not kept. An object that a person had ended by
//! hand before the version was applied stays ended. What was made by hand since stays, as with every
//! application of files; it is counted, so that nobody takes the answer for everything.

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::policy::PolicyKind;
use engine::policy_file;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{PolicyVersion, Tx};
use utoipa::ToSchema;

use super::compare::{Step, compare};
use super::standing;
use super::{PolicyApplied, PolicyFile, PolicySent, number};
use crate::{Result, Service, ServiceError};

/// The files that stood after a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionFiles {
    /// The version.
    pub number: u64,
    /// When it was applied.
    #[schema(value_type = String, format = DateTime)]
    pub applied_at: Timestamp,
    /// By whom.
    pub applied_by: String,
    /// The files, in the order in which they were applied.
    pub files: Vec<PolicyFile>,
    /// What is left out of the files, because it had been ended by hand before.
    pub left_out: Vec<String>,
    /// What of the version was not kept; where there is anything, it cannot be applied again.
    pub lost: Vec<String>,
}

/// How to go back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertAsked {
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

/// What going back changed, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyReverted {
    /// The version that was gone back to.
    pub to: u64,
    /// What changed.
    pub applied: PolicyApplied,
    /// What is left out, because it had been ended by hand before that version.
    pub left_out: Vec<String>,
    /// How many decisions stand that were made by hand; they are in no version and stay.
    pub decisions_by_hand: u32,
    /// How many other objects stand that were made by hand; they stay too.
    pub others_by_hand: u32,
}

fn not_found(version: u64) -> ServiceError {
    ServiceError::NotFound {
        what: "version of the policy",
        name: version.to_string(),
    }
}

/// The texts that stood after a version, and what is lost.
fn kept(tx: &mut Tx<'_>, version: &PolicyVersion) -> Result<(Vec<PolicyFile>, Vec<String>)> {
    let texts = tx.policy_version_texts(version.number)?.unwrap_or_default();
    let there: BTreeSet<&String> = texts.iter().map(|(file, _)| file).collect();
    let lost = version
        .files
        .keys()
        .filter(|file| !there.contains(file))
        .map(|file| {
            format!(
                "the text of `{file}` as it stood in version {} was not kept",
                version.number
            )
        })
        .collect();
    let files = texts
        .into_iter()
        .map(|(file, text)| PolicyFile { file, text })
        .collect();
    Ok((files, lost))
}

/// Leaves out of the files what did not stand any more when the version was applied.
fn without_ended(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    found: &mut PolicyVersionFiles,
) -> Result<()> {
    let texts: Vec<(String, String)> = found
        .files
        .iter()
        .map(|file| (file.file.clone(), file.text.clone()))
        .collect();
    let Ok(files) = policy_file::read(&texts) else {
        // Applying them tells every mistake with its place.
        return Ok(());
    };
    let given = texts.iter().map(|(file, _)| file.clone()).collect();
    let stood = standing::load(tx, scope, found.applied_at)?.objects;
    let compared = compare(&files, &given, stood, false, found.applied_at);
    let ended = compared.steps.iter().filter_map(|step| match step {
        Step::Make(at) => files.objects().get(*at),
        _ => None,
    });
    for object in ended {
        let what = format!(
            "the {} `{}` of `{}`",
            object.kind, object.name, object.place.file
        );
        let mut all = found.files.iter_mut();
        match all.find(|file| file.file == object.place.file) {
            Some(file) if file.text.contains(&object.source) => {
                file.text = file.text.replacen(&object.source, "", 1);
                found
                    .left_out
                    .push(format!("{what} had been ended by hand before"));
            }
            _ => found.lost.push(format!(
                "{what} had been ended by hand before, and cannot be taken out of its file"
            )),
        }
    }
    Ok(())
}

impl Service {
    /// The files that stood after a version.
    pub fn policy_version_files(
        &self,
        who: &Principal,
        version: u64,
    ) -> Result<PolicyVersionFiles> {
        let scope = access::check(who, Permission::WholeProvider)?;
        self.read(move |tx| {
            let known = tx
                .policy_version_get(version)?
                .ok_or_else(|| not_found(version))?;
            let (files, lost) = kept(tx, &known)?;
            let mut found = PolicyVersionFiles {
                number: known.number,
                applied_at: known.applied_at,
                applied_by: known.applied_by_name,
                files,
                left_out: Vec::new(),
                lost,
            };
            without_ended(tx, &scope, &mut found)?;
            Ok(found)
        })
    }

    /// Applies the files that stood after a version again, as a new version; whole or not at all.
    pub fn policy_revert(
        &self,
        who: &Principal,
        version: u64,
        asked: &RevertAsked,
    ) -> Result<PolicyReverted> {
        let found = self.policy_version_files(who, version)?;
        if !found.lost.is_empty() {
            return Err(ServiceError::Conflict {
                reason: format!(
                    "version {version} cannot be applied again: {}; nothing was changed. Apply the \
                     files of that time from where you keep them",
                    found.lost.join("; ")
                ),
            });
        }
        let note = match asked.note.trim() {
            "" => format!("back to version {version}"),
            note => format!("back to version {version}: {note}"),
        };
        let sent = PolicySent {
            files: found.files,
            prune: true,
            dry_run: asked.dry_run,
            note,
            against: asked.against.clone(),
        };
        let applied = self.policy_apply(who, &sent)?;
        let scope = access::check(who, Permission::WholeProvider)?;
        let now = self.now();
        let objects = self.read(move |tx| Ok(standing::load(tx, &scope, now)?.objects))?;
        let by_hand = objects.iter().filter(|one| one.place.file.is_none());
        let (decisions, others): (Vec<_>, Vec<_>) =
            by_hand.partition(|one| one.kind == PolicyKind::Decision);
        Ok(PolicyReverted {
            to: version,
            applied,
            left_out: found.left_out,
            decisions_by_hand: number(decisions.len()),
            others_by_hand: number(others.len()),
        })
    }
}
