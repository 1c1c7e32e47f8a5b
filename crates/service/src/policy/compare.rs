//! What files would change of what stands: object by object, pure.
//!
//! Objects are found again by kind and name, decisions without a name by what they say. What is the
//! same stays, with its age; only its place in the files is written anew.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::PolicyKind;
use engine::policy_file::{self, Object, PolicyFiles, Problem, Weight};
use jiff::Timestamp;
use store::Place;

use super::standing::Stands;

/// One step from what stands to what the files say.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Make the object of the files at this index.
    Make(usize),
    /// End what stands and make the object of the files instead.
    Replace(usize, Stands),
    /// What stands says the same and is written elsewhere now, or was made by hand.
    Move(usize, Stands),
    /// What stands says the same.
    Leave(usize, Stands),
    /// No file says it any more.
    End(Stands),
}

/// What the files would change.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The steps, in the order of the files; what ends comes last.
    pub steps: Vec<Step>,
    /// What stands from other files than these.
    pub elsewhere: Vec<Stands>,
    /// Decisions of the files that are over.
    pub over: u32,
    /// Why the files cannot be applied to what stands.
    pub problems: Vec<Problem>,
}

/// What the object at an index of the files says, in one form.
fn says(files: &PolicyFiles, at: usize) -> String {
    files
        .objects()
        .get(at)
        .and_then(|object| Object::of(&files.policy, object.kind, object.index))
        .map(policy_file::to_toml)
        .unwrap_or_default()
}

/// The place of an object of the files.
pub(super) fn place(files: &PolicyFiles, at: usize) -> Place {
    let object = files.objects().get(at);
    Place {
        file: object.map(|object| object.place.file.clone()),
        position: u32::try_from(at).unwrap_or(u32::MAX),
        source: object.map(|object| object.source.clone()),
    }
}

/// Whether an object of the files has a name of its own.
fn name(files: &PolicyFiles, at: usize) -> Option<String> {
    let object = files.objects().get(at)?;
    match object.kind {
        PolicyKind::Decision => {
            let decision = files.policy.decisions.get(object.index)?;
            decision.name.as_ref().map(ToString::to_string)
        }
        _ => Some(object.name.clone()),
    }
}

fn is_over(files: &PolicyFiles, at: usize, now: Timestamp) -> bool {
    files.objects().get(at).is_some_and(|object| {
        object.kind == PolicyKind::Decision
            && files
                .policy
                .decisions
                .get(object.index)
                .and_then(|decision| decision.until)
                .is_some_and(|until| until <= now)
    })
}

/// Compares files with what stands. `given` are their names: what stands from other files stays,
/// unless `prune`.
pub(super) fn compare(
    files: &PolicyFiles,
    given: &BTreeSet<String>,
    standing: Vec<Stands>,
    prune: bool,
    now: Timestamp,
) -> Comparison {
    let mut comparison = Comparison::default();
    let mut by_name: BTreeMap<(PolicyKind, String), Stands> = BTreeMap::new();
    let mut by_text: BTreeMap<String, Vec<Stands>> = BTreeMap::new();
    let mut rest: Vec<Stands> = Vec::new();
    for object in standing {
        match (&object.name, &object.says) {
            (Some(name), _) => {
                by_name.insert((object.kind, name.clone()), object);
            }
            (None, Ok(text)) => by_text.entry(text.clone()).or_default().push(object),
            (None, Err(_)) => rest.push(object),
        }
    }
    for at in 0..files.objects().len() {
        if is_over(files, at, now) {
            comparison.over += 1;
            continue;
        }
        let text = says(files, at);
        let found = match name(files, at) {
            Some(name) => files
                .objects()
                .get(at)
                .and_then(|object| by_name.remove(&(object.kind, name))),
            None => by_text.get_mut(&text).and_then(Vec::pop),
        };
        let step = step(files, at, found, &text, &mut comparison.problems);
        comparison.steps.extend(step);
    }
    rest.extend(by_name.into_values());
    rest.extend(by_text.into_values().flatten());
    for object in rest {
        match &object.place.file {
            // Made by hand: no file ends it.
            None => {}
            Some(file) if prune || given.contains(file) => {
                comparison.steps.push(Step::End(object));
            }
            Some(_) => comparison.elsewhere.push(object),
        }
    }
    comparison
}

fn step(
    files: &PolicyFiles,
    at: usize,
    found: Option<Stands>,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Option<Step> {
    let Some(found) = found else {
        return Some(Step::Make(at));
    };
    if found.says.as_deref() == Ok(text) {
        let moved = found.place != place(files, at);
        return Some(if moved {
            Step::Move(at, found)
        } else {
            Step::Leave(at, found)
        });
    }
    if found.place.file.is_some() {
        return Some(Step::Replace(at, found));
    }
    let object = files.objects().get(at)?;
    problems.push(Problem {
        weight: Weight::Error,
        place: object.place.clone(),
        what: format!(
            "there is a {} `{}` that was made by hand and says otherwise",
            object.kind, object.name
        ),
        suggestion: Some(
            "end the one made by hand, take over what it says, or choose another name".to_owned(),
        ),
    });
    None
}
