//! Which sources can be installed alone, seen from the records without asking apt. Pure.
//!
//! A simulation costs apt about a second of processor time, and there are dozens of sources. A source
//! is alone when, with its candidates in place, each of their dependencies and each dependency of what
//! is installed is met, nothing is broken, and no new recommendation would be pulled in. Then apt has
//! nothing else to do. In every other case, and whenever in doubt, the answer is "ask".

use std::collections::BTreeMap;

use super::record::Record;
use super::relations::{After, Packages, alternatives, clauses};

/// What is installed, with an index of who speaks of whom.
pub(crate) struct Device<'a> {
    installed: &'a [Record],
    packages: Packages<'a>,
    /// Name → places in `installed` of the packages whose relations name it.
    speakers: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Device<'a> {
    /// Takes what is installed on a system whose own architecture is `native`.
    pub(crate) fn new(installed: &'a [Record], native: &'a str) -> Self {
        let mut speakers: BTreeMap<&'a str, Vec<usize>> = BTreeMap::new();
        for (at, record) in installed.iter().enumerate() {
            for field in [&record.depends, &record.breaks] {
                for relation in clauses(field).flat_map(alternatives) {
                    let places = speakers.entry(relation.name).or_default();
                    if places.last() != Some(&at) {
                        places.push(at);
                    }
                }
            }
        }
        Self {
            installed,
            packages: Packages::new(installed, native),
            speakers,
        }
    }

    /// Whether installing exactly `candidates` (all offers of one source) surely changes nothing else.
    pub(crate) fn is_alone(&self, candidates: &[&'a Record]) -> bool {
        let replaced: Vec<&'a Record> = self
            .installed
            .iter()
            .filter(|own| candidates.iter().any(|new| is_replaced(own, new)))
            .collect();
        let after = self.packages.after(&replaced, candidates.iter().copied());
        !self.has_sibling(candidates, &replaced)
            && candidates.iter().all(|new| {
                let old = replaced.iter().find(|old| is_replaced(old, new)).copied();
                candidate_is_content(new, old, &after)
            })
            && self.others_are_content(candidates, &replaced, &after)
    }

    /// Whether the same package is installed for another architecture, which must stay in step.
    fn has_sibling(&self, candidates: &[&Record], replaced: &[&Record]) -> bool {
        self.installed.iter().any(|own| {
            candidates.iter().any(|new| new.name == own.name)
                && !replaced.iter().any(|gone| std::ptr::eq(*gone, own))
        })
    }

    fn others_are_content(
        &self,
        candidates: &[&'a Record],
        replaced: &[&'a Record],
        after: &After<'a, '_>,
    ) -> bool {
        let mut names: Vec<&str> = Vec::new();
        for record in candidates.iter().chain(replaced) {
            names.push(record.name.as_str());
            names.extend(
                clauses(&record.provides)
                    .flat_map(alternatives)
                    .map(|r| r.name),
            );
        }
        names.sort_unstable();
        names.dedup();
        let mut places: Vec<usize> = names
            .iter()
            .filter_map(|name| self.speakers.get(name))
            .flatten()
            .copied()
            .collect();
        places.sort_unstable();
        places.dedup();
        let speaks_of_them =
            |clause: &str| alternatives(clause).any(|r| names.binary_search(&r.name).is_ok());
        places
            .into_iter()
            .map(|at| &self.installed[at])
            .filter(|own| !replaced.iter().any(|gone| std::ptr::eq(*gone, *own)))
            .all(|own| {
                clauses(&own.depends)
                    .filter(|clause| speaks_of_them(clause))
                    .all(|clause| after.meets(clause, own))
                    && !clauses(&own.breaks)
                        .filter(|clause| speaks_of_them(clause))
                        .any(|clause| after.hits(clause, own))
            })
    }
}

fn is_replaced(old: &Record, new: &Record) -> bool {
    old.name == new.name && crate::difference::same_place(&old.architecture, &new.architecture)
}

fn candidate_is_content(new: &Record, old: Option<&Record>, after: &After<'_, '_>) -> bool {
    let known =
        |clause: &str| old.is_some_and(|old| clauses(&old.recommends).any(|own| own == clause));
    clauses(&new.depends).all(|clause| after.meets(clause, new))
        // apt leaves a recommendation alone that was not followed before; a new one is followed.
        && clauses(&new.recommends).all(|clause| known(clause) || after.meets(clause, new))
        && !clauses(&new.breaks).any(|clause| after.hits(clause, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt::record::records;

    fn alone(installed: &str, candidates: &str) -> bool {
        let installed = records(installed.as_bytes());
        let candidates = records(candidates.as_bytes());
        let candidates: Vec<&Record> = candidates.iter().collect();
        // The borrow of both must be one and the same.
        Device::new(&installed, "amd64").is_alone(&candidates)
    }

    fn package(name: &str, version: &str, rest: &str) -> String {
        format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\n{rest}\n\n")
    }

    #[test]
    fn what_is_met_and_breaks_nothing_is_alone() {
        let device = package("libc", "2", "") + &package("a", "1", "Depends: libc");
        assert!(alone(&device, &package("a", "2", "Depends: libc (>= 2)")));
    }

    #[test]
    fn each_reason_to_ask_is_seen() {
        let device = package("libc", "2", "")
            + &package("a", "1", "Recommends: doc\nProvides: thing")
            + &package("strict", "1", "Depends: a (= 1)")
            + &package("wants", "1", "Depends: thing")
            + &package("shy", "1", "Breaks: b (>= 2)");
        let asks = [
            ("unmet", package("libc", "3", "Depends: new-thing")),
            (
                "new recommendation",
                package("libc", "3", "Recommends: new-thing"),
            ),
            ("strict other and lost name", package("a", "2", "")),
            ("breaks another", package("libc", "3", "Breaks: shy (<< 2)")),
            ("broken by another", package("b", "2", "")),
        ];
        for (why, candidate) in asks {
            assert!(!alone(&device, &candidate), "{why}");
        }
        assert!(alone(&device, &package("libc", "3", "Breaks: shy (<< 1)")));
        assert!(alone(&device, &package("b", "1", "")));
    }

    #[test]
    fn an_old_recommendation_that_nobody_followed_pulls_nothing_in() {
        let device = package("a", "1", "Recommends: doc, other");
        assert!(alone(&device, &package("a", "2", "Recommends: other, doc")));
        assert!(!alone(
            &device,
            &package("a", "2", "Recommends: doc (>= 2)")
        ));
    }

    #[test]
    fn packages_of_one_source_meet_each_other() {
        let device = package("lib", "1", "") + &package("lib-dev", "1", "Depends: lib (= 1)");
        let both = package("lib", "2", "") + &package("lib-dev", "2", "Depends: lib (= 2)");
        assert!(alone(&device, &both));
        assert!(!alone(&device, &package("lib", "2", "")));
    }

    #[test]
    fn a_second_architecture_of_the_same_package_is_asked_about() {
        let device = package("lib", "1", "Multi-Arch: same")
            + &package("lib", "1", "Multi-Arch: same").replace("amd64", "i386");
        assert!(!alone(&device, &package("lib", "2", "Multi-Arch: same")));
    }
}
