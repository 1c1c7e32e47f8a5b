//! The fleet index: the assessment turned round, so that a fleet costs what its distinct rows cost.
//!
//! ```text
//! packages ─▶ rows of a system ◀─ statements        each row is judged once, by rank of its version
//!                  │
//!               classes          advisories that are open on the same rows
//!                  │
//! devices ─▶ template ± rows     which devices have a row: templates and two bitmaps per row
//! ```
//!
//! Nothing here compares versions per device. Everything is rebuilt from the store: rows by
//! [`FleetIndex::package`], devices by [`FleetIndex::enrol`], advisories by
//! [`FleetIndex::load_definitions`], then [`FleetIndex::assess`]. From then on
//! [`FleetIndex::check_in`], [`FleetIndex::retire`] and [`FleetIndex::apply_definitions`] keep all
//! counters as changes come.
//!
//! What is judged is the row alone. What depends on the whole device (the running kernel, the
//! repositories it uses) is left to [`crate::assess::judge`]. Numbers that the index did not give
//! are refused with [`UnknownNumber`].

mod advisory;
mod answer;
mod bits;
mod build;
mod change;
mod classes;
mod compile;
mod count;
mod devices;
mod groups;
mod levels;
pub mod pack;
mod package;
mod query;
mod shard;
mod statement;
mod template;
mod text;

use std::collections::HashMap;

use domain::advisory::Advisory;
use domain::cve::Catalogues;
use domain::judgement::{JudgedPackage, WindowsState};
use domain::release::SystemId;

pub use advisory::{AdvisoryIndex, Counts};
pub use answer::{ClientCounts, Hit, Memory, OpenRow, WorstDevice};
pub use change::Change;
pub use devices::{DeviceIndex, DeviceRecord, OsRecord};
pub use groups::FleetGroups;
pub use levels::{JudgeLevels, LevelOpen};
pub use package::PackageId;
pub use query::Unanswerable;
pub use statement::Open;

use advisory::{Advisories, Entry};
use devices::{Devices, NO_SHARD};
use package::Packages;
use shard::Shard;
use statement::Statements;
use text::Texts;

/// A number, or packed list of numbers, that the index did not give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fleet index has no such {what}")]
pub struct UnknownNumber {
    /// What was looked for.
    pub what: &'static str,
}

/// The fleet, its packages and what is open on them.
#[derive(Debug, Clone, Default)]
pub struct FleetIndex {
    texts: Texts,
    packages: Packages,
    statements: Statements,
    advisories: Advisories,
    shards: Vec<Shard>,
    shard_ids: HashMap<Vec<SystemId>, u16>,
    devices: Devices,
    levels: levels::Levels,
}

impl FleetIndex {
    /// An index of no devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a package row, which is kept from now on.
    pub fn package(&mut self, package: &JudgedPackage) -> PackageId {
        self.packages.intern(&mut self.texts, package)
    }

    /// The number of a Windows level (product, build, KBs), which is kept as a package row.
    pub fn level(&mut self, level: &WindowsState) -> PackageId {
        self.packages.intern_level(&mut self.texts, level)
    }

    /// How many devices there are.
    pub fn device_count(&self) -> u64 {
        self.devices.sums.iter().map(|sums| sums.devices).sum()
    }

    /// How many distinct package rows there are.
    pub fn package_count(&self) -> usize {
        self.packages.all().len()
    }

    /// Takes in advisories without counting anything yet: call [`FleetIndex::assess`] afterwards.
    ///
    /// The key is the caller's (the feed and the advisory's own id); a second one with the same key
    /// takes the place of the first.
    pub fn load_definitions<'a>(
        &mut self,
        advisories: impl IntoIterator<Item = (&'a str, &'a Advisory)>,
        catalogues: &Catalogues,
    ) {
        for (key, advisory) in advisories {
            let number = self.advisories.number(key);
            if let Some(old) = self.advisories.put(number, None) {
                self.statements.remove(&old.statements);
            }
            let mut entry = Entry::new(key, advisory, catalogues);
            entry.statements = self.statements.add(&mut self.texts, number, advisory);
            self.advisories.put(number, Some(entry));
        }
    }

    /// Forgets all advisories.
    pub fn clear_definitions(&mut self) {
        self.statements = Statements::default();
        self.advisories = Advisories::default();
        self.levels.clear();
        for shard in &mut self.shards {
            shard.classes.clear();
        }
        self.devices.clear_counts();
    }

    /// Judges every distinct row and counts everything anew, with so many threads.
    pub fn assess(&mut self, threads: usize) {
        self.compile(threads);
        self.count(threads);
    }

    /// The shard of a device with these systems.
    fn shard(&mut self, systems: &[SystemId]) -> u16 {
        if systems.is_empty() {
            return NO_SHARD;
        }
        if let Some(id) = self.shard_ids.get(systems) {
            return *id;
        }
        let id = u16::try_from(self.shards.len()).unwrap_or(NO_SHARD);
        if id == NO_SHARD {
            // More systems than any fleet has: such a device's state is unknown.
            return NO_SHARD;
        }
        let texts = systems
            .iter()
            .map(|system| self.texts.intern(system.as_str()))
            .collect();
        self.shards.push(Shard::new(texts));
        self.shard_ids.insert(systems.to_vec(), id);
        id
    }
}

/// Runs `task` on every item, with so many threads; the order of the answers is that of the items.
fn in_parallel<I: Send, O: Send>(
    threads: usize,
    items: Vec<I>,
    task: impl Fn(I) -> O + Sync,
) -> Vec<O> {
    if threads <= 1 || items.len() <= 1 {
        return items.into_iter().map(task).collect();
    }
    let queue = std::sync::Mutex::new(items.into_iter().enumerate());
    let mut answers: Vec<(usize, O)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let next = queue.lock().map(|mut queue| queue.next());
                        match next {
                            Ok(Some((at, item))) => done.push((at, task(item))),
                            Ok(None) | Err(_) => return done,
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
