//! Contradictions in a policy, found before anyone is hurt: what can be read and still cannot be
//! meant.
//!
//! Everything here is a warning or a note; what makes a file unusable is told by the reader. Only
//! what is certain is told: that one query covers another is asked of the queries themselves, and
//! where that cannot be shown nothing is said.

mod gaps;
mod rules;
mod times;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::policy::{Policy, PolicyKind};
use jiff::Timestamp;

use crate::policy_file::{PolicyFiles, Problem, Weight};

/// The most complaints of one look.
const COMPLAINTS_MAX: usize = 10_000;

/// Looks for contradictions in a policy as of `now`, in the order of its files.
pub fn lint(files: &PolicyFiles, now: Timestamp) -> Vec<Problem> {
    let mut lint = Lint {
        files,
        policy: &files.policy,
        now,
        told: Vec::new(),
    };
    times::windows(&mut lint);
    times::freezes(&mut lint);
    times::warnings(&mut lint);
    times::ends(&mut lint);
    rules::unreachable(&mut lint);
    rules::without_windows(&mut lint);
    rules::rings(&mut lint);
    rules::unsaid(&mut lint);
    gaps::patches(&mut lint);
    gaps::circles(&mut lint);
    gaps::groups(&mut lint);
    let mut told = lint.told;
    let order = |problem: &Problem| {
        let of_file = |(file, _): &(String, String)| *file == problem.place.file;
        files.preambles().iter().position(of_file)
    };
    told.sort_by_cached_key(|problem| {
        let place = &problem.place;
        let what = problem.what.clone();
        (
            order(problem),
            place.line,
            place.column,
            problem.weight,
            what,
        )
    });
    told
}

/// One look.
struct Lint<'p> {
    files: &'p PolicyFiles,
    policy: &'p Policy,
    now: Timestamp,
    told: Vec<Problem>,
}

impl Lint<'_> {
    /// Tells about an object, at its place.
    fn tell(
        &mut self,
        weight: Weight,
        (kind, index): (PolicyKind, usize),
        what: String,
        suggestion: &str,
    ) {
        let Some(place) = self.files.place(kind, index) else {
            return;
        };
        if self.told.len() < COMPLAINTS_MAX {
            self.told.push(Problem {
                weight,
                place: place.clone(),
                what,
                suggestion: Some(suggestion.to_owned()),
            });
        }
    }

    /// `FILE:LINE` of an object, for sentences.
    fn line_of(&self, kind: PolicyKind, index: usize) -> String {
        self.files
            .place(kind, index)
            .map(|place| format!("{}:{}", place.file, place.line))
            .unwrap_or_default()
    }
}
