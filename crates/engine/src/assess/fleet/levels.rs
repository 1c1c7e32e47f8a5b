//! Windows: a level (product, build, KBs) is judged once, by whoever knows its rules.

use std::collections::HashMap;

use domain::advisory::Advisory;
use domain::cve::Catalogues;
use domain::judgement::WindowsState;

use super::FleetIndex;
use super::advisory::Entry;
use super::statement::Open;

/// What is open on a level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelOpen {
    /// The caller's key of the advisory, as of all others.
    pub key: String,
    /// The update as an advisory: rating and CVEs count, statements do not.
    pub advisory: Advisory,
    /// What is open.
    pub open: Open,
}

/// Judges levels.
pub trait JudgeLevels {
    /// What is open on a level.
    fn judge_level(&self, level: &WindowsState) -> Vec<LevelOpen>;
}

/// What is open on each level.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// By package row.
    open: HashMap<u32, Vec<(u32, Open)>>,
}

impl Levels {
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn open(&self, package: u32) -> &[(u32, Open)] {
        self.open.get(&package).map_or(&[], Vec::as_slice)
    }
}

impl FleetIndex {
    /// Has every level judged. Without counting: call [`FleetIndex::assess`] afterwards.
    pub fn judge_levels(&mut self, judge: &dyn JudgeLevels, catalogues: &Catalogues) {
        self.levels.clear();
        for package in 0..self.packages.all().len() as u32 {
            let Some(level) = self.packages.level(package) else {
                continue;
            };
            let mut open = Vec::new();
            for found in judge.judge_level(level) {
                let number = self.advisories.number(&found.key);
                if self.advisories.get(number).is_none() {
                    let entry = Entry::new(&found.key, &found.advisory, catalogues);
                    self.advisories.put(number, Some(entry));
                }
                open.push((number, found.open));
            }
            open.sort_unstable();
            open.dedup();
            self.levels.open.insert(package, open);
        }
    }
}
