//! What the index is asked: who is hit by an advisory, who is worst off, what it all adds up to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use domain::id::{ClientId, DeviceId};
use domain::judgement::JudgedPackage;
use domain::name::Tag;
use roaring::RoaringBitmap;

use super::advisory::{
    AdvisoryIndex, Counts, SLOT_EXPLOITED, SLOT_NO_FIX, SLOT_NOT_RATED, SLOT_UNKNOWN, SLOTS, Weight,
};
use super::bits::Bits;
use super::devices::{DeviceIndex, NO_SHARD};
use super::package::PackageId;
use super::statement::Open;
use super::text::NONE;
use super::{FleetIndex, UnknownNumber};

/// Whom an advisory hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The affected devices: the advisory is missing or has no fix there.
    pub devices: RoaringBitmap,
    /// Of these, how many could install a fix.
    pub missing: u64,
    /// Each client that is hit, with its number of affected devices; most first.
    pub clients: Vec<(ClientId, u64)>,
    /// Affected devices that carry the tag of exposed devices.
    pub exposed: u64,
}

/// What a client's devices add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCounts {
    /// Whose.
    pub client: ClientId,
    /// Its devices.
    pub devices: u64,
    /// Devices with at least one in each counter.
    pub with: Counts,
    /// The sum of its devices' counters.
    pub open: Counts,
}

/// A device of the list that begins with the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstDevice {
    /// Its place in the index.
    pub index: DeviceIndex,
    /// Its id.
    pub device: DeviceId,
    /// What is open on it.
    pub counts: Counts,
}

/// One (package, advisory) that is open on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenRow {
    /// The package.
    pub package: PackageId,
    /// The advisory.
    pub advisory: AdvisoryIndex,
    /// What is open.
    pub open: Open,
}

/// What the index is made of, for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Distinct (system, package) rows.
    pub rows: u64,
    /// Templates.
    pub templates: u64,
    /// (device, row) pairs in which devices differ from their templates.
    pub changes: u64,
    /// Bytes of the packed changes.
    pub change_bytes: u64,
    /// Classes of advisories.
    pub classes: u64,
}

impl FleetIndex {
    /// The number of an advisory by its key.
    pub fn advisory(&self, key: &str) -> Option<AdvisoryIndex> {
        self.advisories.find(key).map(AdvisoryIndex)
    }

    /// The key of an advisory.
    pub fn key(&self, advisory: AdvisoryIndex) -> Option<&str> {
        self.advisories.get(advisory.0).map(|entry| &*entry.key)
    }

    /// The number of a device.
    pub fn device(&self, id: DeviceId) -> Option<DeviceIndex> {
        self.devices.find(id).map(DeviceIndex)
    }

    /// The id of a device, and whose it is.
    pub fn device_id(&self, device: DeviceIndex) -> Option<(DeviceId, ClientId)> {
        let at = device.0 as usize;
        if !*self.devices.alive.get(at)? {
            return None;
        }
        let client = self.devices.client[at] as usize;
        Some((self.devices.ids[at], self.devices.clients.all[client]))
    }

    /// The devices on which an advisory is missing, without fix, or unknown.
    pub fn affected(&self, advisory: AdvisoryIndex, open: Open) -> RoaringBitmap {
        self.bits(advisory, |what| what == open).compressed()
    }

    /// On how many devices an advisory is missing, without fix, or unknown: kept, not counted.
    pub fn affected_count(&self, advisory: AdvisoryIndex, open: Open) -> u64 {
        let classes = self.advisories.get(advisory.0).map(|entry| &entry.classes);
        let classes = classes.into_iter().flatten();
        classes
            .map(|&(shard, class)| self.shards[shard as usize].classes.get(class))
            .filter(|class| class.open == open)
            .map(|class| u64::from(class.devices))
            .sum()
    }

    /// Whom an advisory hits; `exposed` is the tag of devices that can be reached from outside.
    pub fn hit_by(&self, advisory: AdvisoryIndex, exposed: Option<&Tag>) -> Hit {
        let devices = &self.devices;
        let missing = self.bits(advisory, |open| open == Open::Missing);
        let mut all = missing.clone();
        all.union(&self.bits(advisory, |open| open == Open::NoFix));
        let is_exposed: Vec<bool> = devices
            .tag_sets
            .all
            .iter()
            .map(|tags| exposed.is_some_and(|tag| tags.contains(tag)))
            .collect();
        let mut by_client = vec![0_u64; devices.clients.all.len()];
        let mut exposed = 0;
        for device in all.iter() {
            by_client[devices.client[device as usize] as usize] += 1;
            exposed += u64::from(is_exposed[devices.tags[device as usize] as usize]);
        }
        let hit = by_client.into_iter().enumerate().filter(|(_, n)| *n > 0);
        let mut clients: Vec<(ClientId, u64)> = hit
            .map(|(client, count)| (devices.clients.all[client], count))
            .collect();
        clients.sort_by_key(|(client, count)| (Reverse(*count), *client));
        Hit {
            missing: missing.count(),
            devices: all.compressed(),
            clients,
            exposed,
        }
    }

    fn bits(&self, advisory: AdvisoryIndex, wanted: impl Fn(Open) -> bool) -> Bits {
        let mut found = Bits::new(self.devices.bound());
        if let Some(entry) = self.advisories.get(advisory.0) {
            for &(shard, class) in &entry.classes {
                let shard = &self.shards[shard as usize];
                let class = shard.classes.get(class);
                if wanted(class.open) {
                    shard.devices(&class.rows, &self.devices.template, &mut found);
                }
            }
        }
        found
    }

    /// What is open on a device.
    ///
    /// # Errors
    /// A number that the index did not give.
    pub fn counts(&self, device: DeviceIndex) -> Result<Counts, UnknownNumber> {
        let at = device.0 as usize;
        match self.devices.alive.get(at) {
            Some(true) => Ok(counts_of(&self.devices.counts[at])),
            Some(false) | None => Err(UnknownNumber { what: "device" }),
        }
    }

    /// Whether a device's packages are known and its system's statements can be told.
    pub fn is_assessed(&self, device: DeviceIndex) -> bool {
        let at = device.0 as usize;
        self.devices.reported.get(at).copied().unwrap_or(false)
            && self.devices.shard[at] != NO_SHARD
    }

    /// Every (package, advisory) that is open on a device, sorted.
    pub fn open_rows_of(&self, device: DeviceIndex) -> Vec<OpenRow> {
        let at = device.0 as usize;
        if !self.is_assessed(device) {
            return Vec::new();
        }
        let shard = &self.shards[self.devices.shard[at] as usize];
        let mut found = Vec::new();
        for row in self.rows_of(device.0) {
            for &class in shard.classes.of_row(row) {
                let class = shard.classes.get(class);
                found.extend(class.advisories.iter().map(|&advisory| OpenRow {
                    package: PackageId(shard.rows[row as usize]),
                    advisory: AdvisoryIndex(advisory),
                    open: class.open,
                }));
            }
        }
        found.sort_unstable();
        found
    }

    /// A package row by its number, of its module only name and stream; a Windows level has none.
    pub fn package_row(&self, package: PackageId) -> Option<JudgedPackage> {
        let row = self.packages.all().get(package.0 as usize)?;
        if self.packages.level(package.0).is_some() {
            return None;
        }
        let text = |id: u32| self.texts.get(id);
        let some = |id: u32| (id != NONE).then(|| self.texts.get(id));
        Some(JudgedPackage {
            ecosystem: row.ecosystem,
            name: text(row.name).parse().ok()?,
            version: text(row.version).parse().ok()?,
            architecture: some(row.architecture).and_then(|text| text.parse().ok()),
            source: text(row.source).parse().ok(),
            source_version: text(row.source_version).parse().ok(),
            module: some(row.stream).map(str::to_owned),
        })
    }

    /// The packages of a device, ascending by number.
    pub fn packages_of(&self, device: DeviceIndex) -> Vec<PackageId> {
        if !self.is_assessed(device) {
            return Vec::new();
        }
        let shard = &self.shards[self.devices.shard[device.0 as usize] as usize];
        let rows = self.rows_of(device.0);
        let mut packages: Vec<PackageId> = rows
            .iter()
            .map(|&row| PackageId(shard.rows[row as usize]))
            .collect();
        packages.sort_unstable();
        packages
    }

    /// What each client's devices add up to, in the order in which clients came.
    pub fn clients(&self) -> impl Iterator<Item = ClientCounts> + '_ {
        let all = self.devices.sums.iter().zip(&self.devices.clients.all);
        all.map(|(sums, client)| ClientCounts {
            client: *client,
            devices: sums.devices,
            with: Counts::of(sums.with),
            open: Counts::of(sums.open),
        })
    }

    /// What all devices add up to: how many have at least one, and the sums.
    pub fn totals(&self) -> (Counts, Counts) {
        let (mut with, mut open) = ([0; SLOTS], [0; SLOTS]);
        for sums in &self.devices.sums {
            for slot in 0..SLOTS {
                with[slot] += sums.with[slot];
                open[slot] += sums.open[slot];
            }
        }
        (Counts::of(with), Counts::of(open))
    }

    /// A page of devices, the worst first: exploited, then critical, important and so on down; equals
    /// in the order of their numbers. `after` is the last device of the page before.
    pub fn worst_devices(&self, limit: usize, after: Option<DeviceIndex>) -> Vec<WorstDevice> {
        let devices = &self.devices;
        let rank = |at: u32| (risk(&devices.counts[at as usize]), Reverse(at));
        let begin = after
            .filter(|after| (after.0 as usize) < devices.bound())
            .map(|after| rank(after.0));
        let mut heap = BinaryHeap::with_capacity(limit.saturating_add(1));
        for at in 0..devices.bound() as u32 {
            let known = devices.alive[at as usize] && devices.reported[at as usize];
            if !known || limit == 0 {
                continue;
            }
            let own = rank(at);
            if begin.is_some_and(|begin| own >= begin) {
                continue;
            }
            if heap.len() < limit {
                heap.push(Reverse(own));
            } else if heap.peek().is_some_and(|Reverse(least)| own > *least) {
                heap.pop();
                heap.push(Reverse(own));
            }
        }
        let mut page: Vec<_> = heap.into_iter().map(|Reverse(own)| own).collect();
        page.sort_unstable_by(|a, b| b.cmp(a));
        page.into_iter()
            .map(|(_, Reverse(at))| WorstDevice {
                index: DeviceIndex(at),
                device: devices.ids[at as usize],
                counts: counts_of(&devices.counts[at as usize]),
            })
            .collect()
    }

    /// What the index is made of.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory {
            change_bytes: self.devices.arena_bytes() as u64,
            ..Memory::default()
        };
        for shard in &self.shards {
            memory.rows += shard.rows.len() as u64;
            memory.templates += shard.templates.len() as u64;
            memory.classes += shard.classes.len() as u64;
            let both = shard.less.iter().chain(&shard.more);
            memory.changes += both.map(RoaringBitmap::len).sum::<u64>();
        }
        memory
    }
}

fn counts_of(slots: &Weight) -> Counts {
    Counts::of(slots.map(u64::from))
}

/// How badly off a device is, comparable.
fn risk(slots: &Weight) -> [u32; SLOTS] {
    let [unrated, low, moderate, important, critical, ..] = *slots;
    [
        slots[SLOT_EXPLOITED],
        critical,
        important,
        slots[SLOT_NOT_RATED],
        moderate,
        low,
        unrated,
        slots[SLOT_NO_FIX],
        slots[SLOT_UNKNOWN],
    ]
}
