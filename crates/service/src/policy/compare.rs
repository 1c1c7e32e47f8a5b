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
    /// Where the objects of the files stand among all.
    pub places: Places,
}

/// Positions that a file may have: as many as files may have objects.
const POSITIONS_OF_FILE: u32 = policy_file::OBJECTS_MAX as u32;

/// The places of files among all that stand: a file keeps its place, a new one comes last, and files
/// that are given together stand in the order in which they are given.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By file: its first position, and the index of its first object.
    files: BTreeMap<String, (u32, usize)>,
}

impl Places {
    fn new(files: &PolicyFiles, standing: &[Stands]) -> Self {
        let mut slots: BTreeMap<&str, u32> = BTreeMap::new();
        for object in standing {
            if let Some(file) = &object.place.file {
                let slot = object.place.position / POSITIONS_OF_FILE;
                let known = slots.entry(file).or_insert(slot);
                *known = slot.min(*known);
            }
        }
        let mut given: Vec<(&str, usize)> = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (at, object) in files.objects().iter().enumerate() {
            if seen.insert(&object.place.file) {
                given.push((&object.place.file, at));
            }
        }
        let after_all = slots.values().max().map_or(0, |last| last + 1);
        let mut free: Vec<u32> = given
            .iter()
            .filter_map(|(file, _)| slots.get(file).copied())
            .collect();
        free.sort_unstable();
        free.dedup();
        let news = u32::try_from(given.len() - free.len()).unwrap_or(u32::MAX);
        free.extend(after_all..after_all.saturating_add(news));
        let placed = given.iter().zip(free).map(|((file, first), slot)| {
            let begins = slot.saturating_mul(POSITIONS_OF_FILE);
            ((*file).to_owned(), (begins, *first))
        });
        Self {
            files: placed.collect(),
        }
    }

    /// The place of an object of the files.
    pub(super) fn of(&self, files: &PolicyFiles, at: usize) -> Place {
        let object = files.objects().get(at);
        let file = object.map(|object| object.place.file.clone());
        let (begins, first) = file
            .as_ref()
            .and_then(|file| self.files.get(file))
            .copied()
            .unwrap_or_default();
        let within = u32::try_from(at.saturating_sub(first)).unwrap_or(u32::MAX);
        Place {
            file,
            position: begins.saturating_add(within),
            source: object.map(|object| object.source.clone()),
        }
    }
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
    let mut comparison = Comparison {
        places: Places::new(files, &standing),
        ..Comparison::default()
    };
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
        let place = comparison.places.of(files, at);
        let step = step(files, at, found, (&text, place), &mut comparison.problems);
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
    (text, place): (&str, Place),
    problems: &mut Vec<Problem>,
) -> Option<Step> {
    let Some(found) = found else {
        return Some(Step::Make(at));
    };
    if found.says.as_deref() == Ok(text) {
        let moved = found.place != place;
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
