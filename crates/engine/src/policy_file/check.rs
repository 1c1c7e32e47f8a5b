//! Names across objects and files: each once in its kind, and none asked for that is not there.

use std::collections::BTreeMap;

use domain::policy::PolicyKind;

use super::fields::PROBLEMS_MAX;
use super::problem::{Place, Problem, Weight, nearest, one_of, shown};
use super::{Named, Reading};

/// The most names that are listed in a hint.
const NAMES_SHOWN: usize = 8;

/// Tells about names given twice, and about names that nothing has.
pub(super) fn names(reading: &mut Reading) {
    let mut first: BTreeMap<(PolicyKind, &str), &Place> = BTreeMap::new();
    let mut found = Vec::new();
    for given in &reading.given {
        match first.get(&(given.kind, given.name.as_str())) {
            Some(other) => found.push(problem(
                &given.place,
                format!(
                    "there is a {} `{}` already, at {other}",
                    given.kind,
                    shown(&given.name)
                ),
                "give one of them another name".to_owned(),
            )),
            None => {
                first.insert((given.kind, &given.name), &given.place);
            }
        }
    }
    // What is missing may stand on a line that is no TOML.
    let unknown = reading
        .wanted
        .iter()
        .filter(|wanted| !first.contains_key(&(wanted.kind, wanted.name.as_str())));
    if !reading.incomplete {
        found.extend(unknown.map(|wanted| not_there(wanted, &first)));
    }
    reading.problems.errors += found.len();
    let room = PROBLEMS_MAX.saturating_sub(reading.problems.told.len());
    found.truncate(room);
    reading.problems.told.extend(found);
}

fn not_there(wanted: &Named, given: &BTreeMap<(PolicyKind, &str), &Place>) -> Problem {
    let names = || {
        given
            .keys()
            .filter(|(kind, _)| *kind == wanted.kind)
            .map(|(_, name)| *name)
    };
    let what = match wanted.kind {
        PolicyKind::Rings => "ring set",
        kind => kind.word(),
    };
    let hint = match nearest(&wanted.name, names().take(1_000)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names().next().is_none() => format!("no file has a [[{}]]", wanted.kind),
        None => format!("there is {}", one_of(names().take(NAMES_SHOWN))),
    };
    problem(
        &wanted.place,
        format!("there is no {what} `{}`", shown(&wanted.name)),
        hint,
    )
}

fn problem(place: &Place, what: String, suggestion: String) -> Problem {
    Problem {
        weight: Weight::Error,
        place: place.clone(),
        what,
        suggestion: Some(suggestion),
    }
}
