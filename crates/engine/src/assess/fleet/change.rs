//! Changes as they come: a device reports, a device is gone, an advisory is new, changed or gone.
//!
//! Each change touches only the classes that hold the rows in question. Counters are right after every
//! call; nothing has to be counted anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::advisory::Advisory;
use domain::cve::Catalogues;
use domain::id::DeviceId;
use jiff::Timestamp;

use super::advisory::{Entry, SLOTS};
use super::bits::Bits;
use super::count::Shift;
use super::devices::{DeviceIndex, DeviceRecord, NO_SHARD};
use super::package::PackageId;
use super::statement::{About, Open};
use super::template::Signature;
use super::{FleetIndex, UnknownNumber, pack};

/// A change of the definitions.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// An advisory is new or says something else.
    Put(&'a str, &'a Advisory),
    /// An advisory is gone by an explicit word of its vendor.
    Remove(&'a str),
}

/// By how much the counters of the devices of each (shard, class) change.
type Shifts = BTreeMap<(u16, u32), Shift>;

/// From so many classes on one walk over all devices is cheaper than asking for each class.
const WALK_FROM: usize = if cfg!(test) { 2 } else { 256 };

impl FleetIndex {
    /// Puts a device in or takes over what it reports anew, with all counters.
    ///
    /// # Errors
    /// A list of packages that is broken or names a package the index does not know; then nothing
    /// is changed.
    pub fn put(&mut self, record: &DeviceRecord<'_>) -> Result<DeviceIndex, UnknownNumber> {
        let mut packages = Vec::new();
        let known = record.packages.is_none_or(|packed| {
            pack::unpack(packed, &mut packages).is_some()
                && packages
                    .last()
                    .is_none_or(|&last| (last as usize) < self.package_count())
        });
        if !known {
            return Err(UnknownNumber { what: "package" });
        }
        self.retire(record.id);
        let shard = self.shard(record.systems);
        let device = self.devices.put(record, shard);
        if shard == NO_SHARD || record.packages.is_none() {
            return Ok(DeviceIndex(device));
        }
        let rows: Vec<u32> = packages.iter().map(|&p| self.row(shard, p)).collect();
        let own = &mut self.shards[shard as usize];
        let signature = Signature::of(&rows);
        let template = match own.templates.nearest(&rows, &signature) {
            Some(template) => template,
            None => {
                let template = own.templates.found(&rows, &signature);
                for &row in own.templates.rows(template) {
                    own.held_by[row as usize].push(template);
                }
                template
            }
        };
        own.templates.members_mut(template).insert(device);
        self.devices.template[device as usize] = template;
        self.set_rows(device, &rows);
        let hit: BTreeSet<u32> = self.classes_of(shard, &rows);
        self.hit(device, shard, &hit, true);
        Ok(DeviceIndex(device))
    }

    /// Takes over that a device has more and fewer packages than before.
    ///
    /// Packages that it has already, or does not have, are passed over.
    ///
    /// # Errors
    /// A device or package that the index does not know, or a device without a system or inventory;
    /// then nothing is changed.
    pub fn check_in(
        &mut self,
        device: DeviceId,
        added: &[PackageId],
        removed: &[PackageId],
    ) -> Result<(), UnknownNumber> {
        let unknown = |what| UnknownNumber { what };
        let device = self.devices.find(device).ok_or_else(|| unknown("device"))?;
        if !self.devices.reported[device as usize] {
            return Err(unknown("inventory"));
        }
        let count = self.package_count();
        if added.iter().any(|package| package.0 as usize >= count) {
            return Err(unknown("package"));
        }
        let shard = self.devices.shard[device as usize];
        let old = self.rows_of(device);
        let mut rows: BTreeSet<u32> = old.iter().copied().collect();
        for package in removed {
            if let Some(row) = self.shards[shard as usize].row(package.0) {
                rows.remove(&row);
            }
        }
        for package in added {
            rows.insert(self.row(shard, package.0));
        }
        let rows: Vec<u32> = rows.into_iter().collect();
        let before = self.classes_of(shard, &old);
        let after = self.classes_of(shard, &rows);
        self.set_rows(device, &rows);
        self.hit(
            device,
            shard,
            &before.difference(&after).copied().collect(),
            false,
        );
        self.hit(
            device,
            shard,
            &after.difference(&before).copied().collect(),
            true,
        );
        Ok(())
    }

    /// Takes over when a device last spoke with the server.
    pub fn seen(&mut self, device: DeviceId, at: Timestamp) -> Result<(), UnknownNumber> {
        let unknown = UnknownNumber { what: "device" };
        let device = self.devices.find(device).ok_or(unknown)?;
        self.devices.seen[device as usize] = Some(at);
        Ok(())
    }

    /// Takes a device out; says whether it was in.
    pub fn retire(&mut self, device: DeviceId) -> bool {
        let Some(device) = self.devices.find(device) else {
            return false;
        };
        if self.devices.reported[device as usize] {
            let shard = self.devices.shard[device as usize];
            let hit = self.classes_of(shard, &self.rows_of(device));
            self.hit(device, shard, &hit, false);
            let template = self.devices.template[device as usize];
            let rows = self.shards[shard as usize]
                .templates
                .rows(template)
                .to_vec();
            self.set_rows(device, &rows);
            let templates = &mut self.shards[shard as usize].templates;
            templates.members_mut(template).remove(device);
        }
        self.devices.remove(device);
        true
    }

    /// Takes over changed advisories; only they are judged, and only the devices they hit counted.
    ///
    /// Many at once are brought in by one walk over all devices, with so many threads.
    pub fn apply_definitions(
        &mut self,
        changes: &[Change<'_>],
        catalogues: &Catalogues,
        threads: usize,
    ) {
        let mut shifts = Shifts::new();
        for change in changes {
            match change {
                Change::Remove(key) => {
                    if let Some(number) = self.advisories.find(key) {
                        self.detach(number, &mut shifts);
                    }
                }
                Change::Put(key, advisory) => {
                    let number = self.advisories.number(key);
                    self.detach(number, &mut shifts);
                    let mut entry = Entry::new(key, advisory, catalogues);
                    entry.statements = self.statements.add(&mut self.texts, number, advisory);
                    self.attach(number, entry, &mut shifts);
                }
            }
        }
        self.settle(&shifts, threads);
    }

    /// The row of a package in a shard; a new one is judged against all statements about it.
    fn row(&mut self, shard: u16, package: u32) -> u32 {
        let own = &mut self.shards[shard as usize];
        let (row, is_new) = own.intern(&self.packages, package);
        if is_new {
            self.judge_new(shard, row, package);
        }
        row
    }

    /// Puts a row that no device has yet into the classes of what is open on it.
    fn judge_new(&mut self, shard: u16, row: u32, package: u32) {
        let seen = self.packages.get(package);
        let own = &mut self.shards[shard as usize];
        let mut open: BTreeSet<(u32, Open)> = self.levels.open(package).iter().copied().collect();
        for &system in &own.system_texts {
            for (is_source, name) in [(true, seen.source), (false, seen.name)] {
                let about = About {
                    system,
                    is_source,
                    name,
                };
                for compiled in self.statements.about(about) {
                    let compiled = self.statements.get(*compiled);
                    open.extend(compiled.and_then(|compiled| {
                        let found = self.statements.judge(&self.texts, compiled, seen)?;
                        Some((compiled.advisory, found))
                    }));
                }
            }
        }
        // What is open on the row, by the class that each advisory has so far.
        let mut by_class: BTreeMap<(Open, Option<u32>), Vec<u32>> = BTreeMap::new();
        for (advisory, what) in open {
            let Some(entry) = self.advisories.get(advisory) else {
                continue;
            };
            let class = entry
                .classes
                .iter()
                .find(|(at, class)| *at == shard && own.classes.get(*class).open == what);
            let key = (what, class.map(|(_, class)| *class));
            by_class.entry(key).or_default().push(advisory);
        }
        for ((what, class), advisories) in by_class {
            if let Some(class) = class
                && own.classes.get(class).advisories.len() == advisories.len()
            {
                own.classes.grow(class, row);
                continue;
            }
            let mut rows = class.map_or(Vec::new(), |class| own.classes.get(class).rows.clone());
            let devices = class.map_or(0, |class| own.classes.get(class).devices);
            rows.push(row);
            let (fresh, _) = own.classes.intern(what, rows);
            own.classes.get_mut(fresh).devices = devices;
            for advisory in advisories {
                let Some(entry) = self.advisories.get_mut(advisory) else {
                    continue;
                };
                let weight = entry.weight(what);
                if let Some(class) = class {
                    let left = own.classes.get_mut(class);
                    left.advisories.retain(|&other| other != advisory);
                    left.weight
                        .iter_mut()
                        .zip(weight)
                        .for_each(|(sum, one)| *sum -= one);
                    entry.classes.retain(|known| *known != (shard, class));
                }
                let joined = own.classes.get_mut(fresh);
                joined.advisories.push(advisory);
                joined
                    .weight
                    .iter_mut()
                    .zip(weight)
                    .for_each(|(sum, one)| *sum += one);
                entry.classes.push((shard, fresh));
            }
        }
    }

    /// The rows of a device, ascending.
    pub(super) fn rows_of(&self, device: u32) -> Vec<u32> {
        let Some(shard) = self
            .shards
            .get(self.devices.shard[device as usize] as usize)
        else {
            return Vec::new();
        };
        if !self.devices.reported[device as usize] {
            return Vec::new();
        }
        let (mut less, mut more) = (Vec::new(), Vec::new());
        self.devices.changes(device, &mut less, &mut more);
        let held = shard.templates.rows(self.devices.template[device as usize]);
        let mut rows: Vec<u32> = held
            .iter()
            .filter(|row| less.binary_search(row).is_err())
            .copied()
            .collect();
        rows.extend(more);
        rows.sort_unstable();
        rows
    }

    /// Keeps the rows of a device as changes of its template, in columns and bitmaps.
    fn set_rows(&mut self, device: u32, rows: &[u32]) {
        let shard = &mut self.shards[self.devices.shard[device as usize] as usize];
        let (mut old_less, mut old_more) = (Vec::new(), Vec::new());
        self.devices.changes(device, &mut old_less, &mut old_more);
        let (mut less, mut more) = (Vec::new(), Vec::new());
        let template = self.devices.template[device as usize];
        let lists = (&mut less, &mut more);
        shard
            .templates
            .difference(template, rows, &mut Vec::new(), lists);
        for row in old_less {
            shard.less[row as usize].remove(device);
        }
        for row in old_more {
            shard.more[row as usize].remove(device);
        }
        for &row in &less {
            shard.less[row as usize].insert(device);
        }
        for &row in &more {
            shard.more[row as usize].insert(device);
        }
        self.devices.set_changes(device, &less, &more);
    }

    /// The classes that hold at least one of the rows.
    pub(super) fn classes_of(&self, shard: u16, rows: &[u32]) -> BTreeSet<u32> {
        let Some(shard) = self.shards.get(shard as usize) else {
            return BTreeSet::new();
        };
        let classes = rows.iter().flat_map(|&row| shard.classes.of_row(row));
        classes.copied().collect()
    }

    /// Counts that a device is hit by classes, or not any more.
    fn hit(&mut self, device: u32, shard: u16, classes: &BTreeSet<u32>, add: bool) {
        for &class in classes {
            let known = self.shards[shard as usize].classes.get_mut(class);
            known.devices = if add {
                known.devices + 1
            } else {
                known.devices - 1
            };
            for (slot, &amount) in known.weight.iter().enumerate() {
                self.devices.shift(device, slot, amount, add);
            }
        }
    }

    /// Takes an advisory out of its classes.
    fn detach(&mut self, number: u32, shifts: &mut Shifts) {
        let Some(entry) = self.advisories.put(number, None) else {
            return;
        };
        self.statements.remove(&entry.statements);
        for &(shard, class) in &entry.classes {
            let known = self.shards[shard as usize].classes.get_mut(class);
            known.advisories.retain(|&other| other != number);
            let weight = entry.weight(known.open);
            let shift = shifts.entry((shard, class)).or_insert([0; SLOTS]);
            for slot in 0..SLOTS {
                known.weight[slot] -= weight[slot];
                shift[slot] -= i64::from(weight[slot]);
            }
        }
    }

    /// Judges an advisory against the rows that it is about and puts it into its classes.
    fn attach(&mut self, number: u32, mut entry: Entry, shifts: &mut Shifts) {
        for ((shard, open), rows) in self.open_rows(&entry.statements) {
            let classes = &mut self.shards[shard as usize].classes;
            let (class, is_new) = classes.intern(open, rows.into_iter().collect());
            let known = classes.get_mut(class);
            known.advisories.push(number);
            let weight = entry.weight(open);
            let shift = shifts.entry((shard, class)).or_insert([0; SLOTS]);
            for slot in 0..SLOTS {
                known.weight[slot] += weight[slot];
                shift[slot] += i64::from(weight[slot]);
            }
            if is_new {
                let devices = self.bits_of_class(shard, class).count() as u32;
                self.shards[shard as usize].classes.get_mut(class).devices = devices;
            }
            entry.classes.push((shard, class));
        }
        self.advisories.put(number, Some(entry));
    }

    /// The rows on which statements leave something open.
    fn open_rows(&self, statements: &[u32]) -> HashMap<(u16, Open), BTreeSet<u32>> {
        let mut found: HashMap<(u16, Open), BTreeSet<u32>> = HashMap::new();
        let all = statements.iter().filter_map(|&id| self.statements.get(id));
        for compiled in all {
            for (at, shard) in self.shards.iter().enumerate() {
                if !shard.system_texts.contains(&compiled.about.system) {
                    continue;
                }
                let named = if compiled.about.is_source {
                    &shard.by_source
                } else {
                    &shard.by_name
                };
                for &row in named.get(&compiled.about.name).into_iter().flatten() {
                    let package = self.packages.get(shard.rows[row as usize]);
                    if let Some(open) = self.statements.judge(&self.texts, compiled, package) {
                        found.entry((at as u16, open)).or_default().insert(row);
                    }
                }
            }
        }
        found
    }

    /// The devices of a class.
    pub(super) fn bits_of_class(&self, shard: u16, class: u32) -> Bits {
        let mut found = Bits::new(self.devices.bound());
        let shard = &self.shards[shard as usize];
        let rows = &shard.classes.get(class).rows;
        shard.devices(rows, &self.devices.template, &mut found);
        found
    }

    /// Puts collected changes into the counters of devices and clients; empty classes go.
    fn settle(&mut self, shifts: &Shifts, threads: usize) {
        let many = shifts.len() > WALK_FROM;
        if many {
            self.count_shifts(shifts, threads);
        }
        for (&(shard, class), shift) in shifts {
            let slots: Vec<(usize, u32, bool)> = shift
                .iter()
                .enumerate()
                .filter(|(_, by)| **by != 0)
                .map(|(slot, by)| (slot, by.unsigned_abs() as u32, *by > 0))
                .collect();
            if !many && !slots.is_empty() {
                let found = self.bits_of_class(shard, class);
                for device in found.iter() {
                    for &(slot, amount, add) in &slots {
                        self.devices.shift(device, slot, amount, add);
                    }
                }
            }
            let classes = &mut self.shards[shard as usize].classes;
            if classes.get(class).advisories.is_empty() && !classes.get(class).rows.is_empty() {
                classes.release(class);
            }
        }
    }
}
