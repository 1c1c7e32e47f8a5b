//! Every distinct row judged once: statements become ranges of ranks, ranges become classes.
//!
//! Per system and name the distinct versions are put in order once; a threshold is then one binary
//! search, and what it makes open is a range of neighbours. Advisories with the same ranges share a
//! class.

use std::collections::{BTreeMap, HashMap};

use domain::package::Ecosystem;

use super::advisory::Advisories;
use super::package::Packages;
use super::shard::Shard;
use super::statement::{About, Compiled, Condition, Fit, Open, Statements, plain};
use super::text::{NONE, Texts};
use super::{FleetIndex, in_parallel, levels::Levels};
use crate::assess::scheme;

/// What compiling reads.
#[derive(Clone, Copy)]
struct Definitions<'a> {
    texts: &'a Texts,
    packages: &'a Packages,
    statements: &'a Statements,
    advisories: &'a Advisories,
    levels: &'a Levels,
}

impl FleetIndex {
    /// Judges all rows and makes the classes anew; counts nothing.
    pub(super) fn compile(&mut self, threads: usize) {
        let definitions = Definitions {
            texts: &self.texts,
            packages: &self.packages,
            statements: &self.statements,
            advisories: &self.advisories,
            levels: &self.levels,
        };
        let shards: Vec<&mut Shard> = self.shards.iter_mut().collect();
        let found = in_parallel(threads, shards, |shard| compile(shard, definitions));
        for (_, entry) in self.advisories.iter_mut() {
            entry.classes.clear();
        }
        for (shard, memberships) in found.into_iter().enumerate() {
            for (advisory, class) in memberships {
                if let Some(entry) = self.advisories.get_mut(advisory) {
                    entry.classes.push((shard as u16, class));
                }
            }
        }
    }
}

/// The distinct versions of the rows of one name, in order.
struct Group {
    ecosystem: Ecosystem,
    /// Number of a text, its sort key (deb and rpm), the rows that have it.
    versions: Vec<(u32, Vec<u8>, Vec<u32>)>,
    /// Rows whose version has no place in the order.
    unordered: Vec<u32>,
    /// Of some row the architecture or the stream is not told.
    untold: bool,
}

impl Group {
    fn all(d: Definitions<'_>, shard: &Shard, rows: &[u32], is_source: bool) -> Vec<Self> {
        let mut by_ecosystem: BTreeMap<Ecosystem, (BTreeMap<u32, Vec<u32>>, bool)> =
            BTreeMap::new();
        for &row in rows {
            let package = d.packages.get(shard.rows[row as usize]);
            let version = if is_source {
                package.source_version
            } else {
                package.version
            };
            let (versions, untold) = by_ecosystem.entry(package.ecosystem).or_default();
            versions.entry(version).or_default().push(row);
            *untold |=
                package.architecture == NONE || package.is_module || package.source_epoch_untold;
        }
        by_ecosystem
            .into_iter()
            .map(|(ecosystem, (versions, untold))| Self {
                untold,
                ..Self::of(d.texts, ecosystem, versions)
            })
            .collect()
    }

    fn of(texts: &Texts, ecosystem: Ecosystem, rows: BTreeMap<u32, Vec<u32>>) -> Self {
        let mut group = Self {
            ecosystem,
            versions: Vec::with_capacity(rows.len()),
            unordered: Vec::new(),
            untold: false,
        };
        for (version, rows) in rows {
            match key(ecosystem, plain(ecosystem, texts.get(version))) {
                Some(key) => group.versions.push((version, key, rows)),
                None => group.unordered.extend(rows),
            }
        }
        group.versions.sort_by(|a, b| match ecosystem {
            Ecosystem::Deb | Ecosystem::Rpm => a.1.cmp(&b.1),
            _ => versions::order(
                scheme(ecosystem),
                plain(ecosystem, texts.get(a.0)),
                plain(ecosystem, texts.get(b.0)),
            )
            .expect("those that cannot be ordered were put aside"),
        });
        group
    }

    /// Where a version would stand: before how many it is not, and how many it is not below.
    fn place(&self, texts: &Texts, version: u32) -> Option<(u32, u32)> {
        let text = plain(self.ecosystem, texts.get(version));
        let key = key(self.ecosystem, text)?;
        let order = |known: &(u32, Vec<u8>, Vec<u32>)| match self.ecosystem {
            Ecosystem::Deb | Ecosystem::Rpm => known.1.cmp(&key),
            _ => versions::order(
                scheme(self.ecosystem),
                plain(self.ecosystem, texts.get(known.0)),
                text,
            )
            .expect("both can be ordered"),
        };
        let lower = self.versions.partition_point(|known| order(known).is_lt());
        let upper = self.versions.partition_point(|known| order(known).is_le());
        Some((lower as u32, upper as u32))
    }

    /// What is open on which ranges of ranks, and from which rank on the fix is there.
    fn ranges(&self, texts: &Texts, condition: &Condition) -> (Vec<(u32, u32, Open)>, u32) {
        let end = self.versions.len() as u32;
        let unknown = (vec![(0, end, Open::Unknown)], end);
        let from = |introduced: u32| {
            if introduced == NONE {
                Some(0)
            } else {
                self.place(texts, introduced).map(|(lower, _)| lower)
            }
        };
        let begun = |introduced: u32, until: u32, open: Open| match from(introduced) {
            Some(from) => (from, until, open),
            None => (0, until, Open::Unknown),
        };
        match condition {
            Condition::FixedIn {
                introduced,
                fixed,
                open,
            } => match self.place(texts, *fixed) {
                Some((until, _)) => (vec![begun(*introduced, until, *open)], until),
                None => unknown,
            },
            Condition::UpTo { introduced, last } => match self.place(texts, *last) {
                Some((_, until)) => {
                    let mut ranges = vec![begun(*introduced, until, Open::NoFix)];
                    if self.ecosystem == Ecosystem::Pacman {
                        ranges.push((until, end, Open::Unknown));
                    }
                    (ranges, end)
                }
                None => unknown,
            },
            Condition::Exactly {
                versions,
                fixed,
                open,
            } => {
                let until = if *fixed == NONE {
                    Some(end)
                } else {
                    self.place(texts, *fixed).map(|(lower, _)| lower)
                };
                match until {
                    Some(until) => (self.exactly(texts, versions, until, *open), until),
                    None => unknown,
                }
            }
            Condition::All(open) => (vec![(0, end, *open)], end),
            Condition::Never => (Vec::new(), end),
        }
    }

    /// The ranges below `until` of versions that are named, and of those that are not.
    fn exactly(
        &self,
        texts: &Texts,
        versions: &[u32],
        until: u32,
        open: Open,
    ) -> Vec<(u32, u32, Open)> {
        let mut named = vec![Open::Unknown; until as usize];
        for &version in versions {
            let Some((lower, upper)) = self.place(texts, version) else {
                return vec![(0, until, Open::Unknown)];
            };
            for rank in lower..upper.min(until) {
                named[rank as usize] = open;
            }
        }
        let mut ranges = Vec::new();
        let mut from = 0;
        for same in named.chunk_by(|a, b| a == b) {
            let to = from + same.len() as u32;
            ranges.push((from, to, same[0]));
            from = to;
        }
        ranges
    }
}

/// The order-preserving key of a version; empty in ecosystems without keys, `None` where the
/// ecosystem's own tool would not order it.
fn key(ecosystem: Ecosystem, version: &str) -> Option<Vec<u8>> {
    versions::order(scheme(ecosystem), version, version).ok()?;
    Some(match ecosystem {
        Ecosystem::Deb => versions::deb::sort_key(version),
        Ecosystem::Rpm => versions::rpm::sort_key(version),
        Ecosystem::Apk | Ecosystem::Pacman | Ecosystem::Windows | Ecosystem::Winget => Vec::new(),
    })
}

/// A range of ranks of one group, filtered: everything that decides which rows it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Range {
    group: u32,
    /// `None`: the rows without a place in the order.
    ranks: Option<(u32, u32)>,
    architectures: u32,
    stream: u32,
    fix_is_module: bool,
    fix_has_epoch: bool,
    fit: Fit,
}

/// Ranges as they are met, each with its rows.
#[derive(Default)]
struct Ranges {
    ids: HashMap<Range, u32>,
    rows: Vec<Vec<u32>>,
    /// What is open: advisory, what, range.
    open: Vec<(u32, Open, u32)>,
}

impl Ranges {
    fn add(
        &mut self,
        (d, shard): (Definitions<'_>, &Shard),
        (group, number): (&Group, u32),
        compiled: &Compiled,
        (ranks, fit, open): (Option<(u32, u32)>, Fit, Open),
    ) {
        let range = Range {
            group: number,
            ranks,
            architectures: compiled.architectures,
            stream: compiled.stream,
            fix_is_module: compiled.fix_is_module,
            fix_has_epoch: compiled.fix_has_epoch,
            fit,
        };
        let rows = &mut self.rows;
        let id = *self.ids.entry(range).or_insert_with(|| {
            let fits = |row: &&u32| {
                let package = d.packages.get(shard.rows[**row as usize]);
                d.statements.fit(compiled, package) == Some(fit)
            };
            rows.push(match ranks {
                None => group.unordered.iter().filter(fits).copied().collect(),
                Some((from, to)) => group.versions[from as usize..to as usize]
                    .iter()
                    .flat_map(|(_, _, rows)| rows)
                    .filter(fits)
                    .copied()
                    .collect(),
            });
            rows.len() as u32 - 1
        });
        if !self.rows[id as usize].is_empty() {
            self.open.push((compiled.advisory, open, id));
        }
    }

    fn judge(
        &mut self,
        place: (Definitions<'_>, &Shard),
        group: (&Group, u32),
        compiled: &Compiled,
    ) {
        let end = group.0.versions.len() as u32;
        let (ranges, fixed) = group.0.ranges(place.0.texts, &compiled.condition);
        let mut add = |from: u32, to: u32, fit: Fit, open: Open| {
            if from < to {
                self.add(place, group, compiled, (Some((from, to)), fit, open));
            }
        };
        for (from, to, open) in ranges {
            add(from, to, Fit::Comparable, open);
        }
        if group.0.untold {
            add(0, fixed, Fit::ArchitectureUntold, Open::Unknown);
            add(0, end, Fit::StreamUntold, Open::Unknown);
        }
        if !group.0.unordered.is_empty() {
            let open = match compiled.condition {
                Condition::All(open) => Some(open),
                Condition::Never => None,
                Condition::FixedIn { .. } | Condition::UpTo { .. } | Condition::Exactly { .. } => {
                    Some(Open::Unknown)
                }
            };
            let untold = [Fit::ArchitectureUntold, Fit::StreamUntold];
            let untold = untold.map(|fit| (fit, Some(Open::Unknown)));
            for (fit, open) in [(Fit::Comparable, open)].into_iter().chain(untold) {
                if let Some(open) = open {
                    self.add(place, group, compiled, (None, fit, open));
                }
            }
        }
    }
}

/// Makes the classes of a system; gives (advisory, class).
fn compile(shard: &mut Shard, d: Definitions<'_>) -> Vec<(u32, u32)> {
    shard.classes.clear();
    let mut ranges = Ranges::default();
    let mut groups = 0;
    let names = (shard.by_source.iter().map(|named| (true, named)))
        .chain(shard.by_name.iter().map(|named| (false, named)));
    for (is_source, (&name, rows)) in names {
        let ids: Vec<u32> = shard
            .system_texts
            .iter()
            .flat_map(|&system| {
                d.statements.about(About {
                    system,
                    is_source,
                    name,
                })
            })
            .copied()
            .collect();
        if ids.is_empty() {
            continue;
        }
        for group in Group::all(d, shard, rows, is_source) {
            groups += 1;
            for compiled in ids.iter().filter_map(|&id| d.statements.get(id)) {
                ranges.judge((d, shard), (&group, groups), compiled);
            }
        }
    }
    for (row, &package) in shard.rows.iter().enumerate() {
        let open = d.levels.open(package);
        if !open.is_empty() {
            let id = ranges.rows.len() as u32;
            ranges.rows.push(vec![row as u32]);
            let of_row = open.iter().map(|&(advisory, open)| (advisory, open, id));
            ranges.open.extend(of_row);
        }
    }
    make_classes(shard, ranges, d.advisories)
}

fn make_classes(shard: &mut Shard, mut ranges: Ranges, advisories: &Advisories) -> Vec<(u32, u32)> {
    ranges.open.sort_unstable();
    ranges.open.dedup();
    let mut known: HashMap<(Open, Vec<u32>), u32> = HashMap::new();
    let mut memberships = Vec::new();
    for same in ranges.open.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (advisory, open, _) = same[0];
        let Some(entry) = advisories.get(advisory) else {
            continue;
        };
        let ids: Vec<u32> = same.iter().map(|(_, _, range)| *range).collect();
        let class = *known.entry((open, ids)).or_insert_with_key(|(open, ids)| {
            let mut rows: Vec<u32> = ids
                .iter()
                .flat_map(|&id| &ranges.rows[id as usize])
                .copied()
                .collect();
            rows.sort_unstable();
            rows.dedup();
            shard.classes.intern(*open, rows).0
        });
        let members = shard.classes.get_mut(class);
        members.advisories.push(advisory);
        for (sum, one) in members.weight.iter_mut().zip(entry.weight(open)) {
            *sum += one;
        }
        memberships.push((advisory, class));
    }
    memberships
}
