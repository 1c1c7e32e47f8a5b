//! The devices of the index: where each stands, what it runs, and what it has beside its template.
//!
//! Everything is a column, so that a question about a million devices reads one array.

use std::collections::HashMap;
use std::hash::Hash;

use domain::device::Mode;
use domain::id::{ClientId, DeviceId, SiteId};
use domain::name::{Label, Tag};
use domain::release::SystemId;
use jiff::Timestamp;

use super::advisory::{SLOTS, Weight};
use super::pack;

/// The dense number of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIndex(pub u32);

/// A device without a system, or that is gone.
pub(super) const NO_SHARD: u16 = u16::MAX;

/// The operating system, as the device reports it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OsRecord {
    /// `ID` of `os-release`.
    pub id: String,
    /// `VERSION_ID`.
    pub version: Option<String>,
    /// `VERSION_CODENAME`.
    pub codename: Option<String>,
}

/// A device as it is put into the index.
#[derive(Debug, Clone)]
pub struct DeviceRecord<'a> {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub client: (ClientId, &'a Label),
    /// Where it stands.
    pub site: (SiteId, &'a Label),
    /// Its tags, sorted.
    pub tags: &'a [Tag],
    /// Its zone, by IANA name.
    pub zone: &'a str,
    /// What may be done to it.
    pub mode: Mode,
    /// Its operating system; `None`: not reported.
    pub os: Option<&'a OsRecord>,
    /// The systems whose statements count for it; empty: not known.
    pub systems: &'a [SystemId],
    /// When it last spoke with the server.
    pub seen: Option<Timestamp>,
    /// Its package rows, as [`pack::pack`] packs their numbers; `None`: not reported.
    pub packages: Option<&'a [u8]>,
}

/// Distinct values by number.
#[derive(Debug, Clone)]
pub(super) struct Distinct<T> {
    ids: HashMap<T, u32>,
    pub(super) all: Vec<T>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            all: Vec::new(),
        }
    }
}

impl<T: Hash + Eq + Clone> Distinct<T> {
    pub(super) fn intern<Q>(&mut self, value: &Q) -> u32
    where
        Q: Hash + Eq + ToOwned<Owned = T> + ?Sized,
        T: std::borrow::Borrow<Q>,
    {
        if let Some(id) = self.ids.get(value) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("fewer than 2^32 values fit");
        self.all.push(value.to_owned());
        self.ids.insert(value.to_owned(), id);
        id
    }
}

/// What a client's devices add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) devices: u64,
    /// Devices with at least one in the slot.
    pub(super) with: [u64; SLOTS],
    pub(super) open: [u64; SLOTS],
}

/// The columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Devices {
    pub(super) ids: Vec<DeviceId>,
    by_id: HashMap<DeviceId, u32>,
    free: Vec<u32>,
    pub(super) alive: Vec<bool>,
    pub(super) client: Vec<u32>,
    pub(super) site: Vec<u32>,
    pub(super) tags: Vec<u32>,
    pub(super) zone: Vec<u32>,
    pub(super) mode: Vec<Mode>,
    pub(super) os: Vec<u32>,
    /// `None`: never.
    pub(super) seen: Vec<Option<Timestamp>>,
    pub(super) shard: Vec<u16>,
    pub(super) reported: Vec<bool>,
    pub(super) template: Vec<u32>,
    changes: Vec<(u64, u32)>,
    arena: Vec<u8>,
    garbage: usize,
    pub(super) counts: Vec<Weight>,
    pub(super) clients: Distinct<ClientId>,
    pub(super) client_names: Vec<Label>,
    pub(super) sites: Distinct<SiteId>,
    pub(super) site_names: Vec<Label>,
    /// The client of each site.
    pub(super) site_clients: Vec<u32>,
    pub(super) tag_sets: Distinct<Vec<Tag>>,
    pub(super) zones: Distinct<String>,
    pub(super) systems: Distinct<OsRecord>,
    pub(super) sums: Vec<Sums>,
}

impl Devices {
    /// The bound of all numbers.
    pub(super) fn bound(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn find(&self, id: DeviceId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// Puts a device's own columns down; its packages come later.
    pub(super) fn put(&mut self, record: &DeviceRecord<'_>, shard: u16) -> u32 {
        let client = self.clients.intern(&record.client.0);
        put_name(&mut self.client_names, client, record.client.1);
        if self.sums.len() < self.clients.all.len() {
            self.sums.resize(self.clients.all.len(), Sums::default());
        }
        let site = self.sites.intern(&record.site.0);
        put_name(&mut self.site_names, site, record.site.1);
        if self.site_clients.len() < self.sites.all.len() {
            self.site_clients.resize(self.sites.all.len(), client);
        }
        self.site_clients[site as usize] = client;
        let tags = self.tag_sets.intern(record.tags);
        let os = record
            .os
            .map_or(super::text::NONE, |os| self.systems.intern(os));
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.grow(record.id),
        };
        let index = at as usize;
        self.ids[index] = record.id;
        self.alive[index] = true;
        self.client[index] = client;
        self.site[index] = site;
        self.tags[index] = tags;
        self.zone[index] = self.zones.intern(record.zone);
        self.mode[index] = record.mode;
        self.os[index] = os;
        self.seen[index] = record.seen;
        self.shard[index] = shard;
        self.reported[index] = record.packages.is_some() && shard != NO_SHARD;
        self.template[index] = 0;
        self.changes[index] = (0, 0);
        self.counts[index] = [0; SLOTS];
        self.by_id.insert(record.id, at);
        self.sums[client as usize].devices += 1;
        at
    }

    fn grow(&mut self, id: DeviceId) -> u32 {
        let at = u32::try_from(self.ids.len()).expect("fewer than 2^32 devices fit");
        self.ids.push(id);
        self.alive.push(false);
        self.client.push(0);
        self.site.push(0);
        self.tags.push(0);
        self.zone.push(0);
        self.mode.push(Mode::Observe);
        self.os.push(0);
        self.seen.push(None);
        self.shard.push(NO_SHARD);
        self.reported.push(false);
        self.template.push(0);
        self.changes.push((0, 0));
        self.counts.push([0; SLOTS]);
        at
    }

    /// Takes a device away; its packages must be gone before.
    pub(super) fn remove(&mut self, device: u32) {
        let index = device as usize;
        self.by_id.remove(&self.ids[index]);
        self.alive[index] = false;
        self.reported[index] = false;
        self.shard[index] = NO_SHARD;
        self.sums[self.client[index] as usize].devices -= 1;
        self.free.push(device);
    }

    /// Keeps what a device lacks of its template and has beside it.
    pub(super) fn set_changes(&mut self, device: u32, less: &[u32], more: &[u32]) {
        let at = self.arena.len();
        self.garbage += self.changes[device as usize].1 as usize;
        pack::push(less.len() as u32, &mut self.arena);
        pack::pack(less, &mut self.arena);
        pack::pack(more, &mut self.arena);
        self.changes[device as usize] = (at as u64, (self.arena.len() - at) as u32);
        if self.garbage > 1 << 20 && self.garbage > self.arena.len() / 2 {
            self.compact();
        }
    }

    /// Takes changes over that are packed already.
    pub(super) fn set_packed(&mut self, device: u32, packed: &[u8]) {
        let at = self.arena.len();
        self.arena.extend_from_slice(packed);
        self.changes[device as usize] = (at as u64, packed.len() as u32);
    }

    /// The packed changes of a device.
    pub(super) fn packed(&self, device: u32) -> &[u8] {
        let (at, length) = self.changes[device as usize];
        &self.arena[at as usize..at as usize + length as usize]
    }

    /// Reads what a device lacks and has beside; both lists are emptied first.
    pub(super) fn changes(&self, device: u32, less: &mut Vec<u32>, more: &mut Vec<u32>) {
        unpack_changes(self.packed(device), less, more);
    }

    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.garbage);
        for (at, length) in &mut self.changes {
            let old = &self.arena[*at as usize..*at as usize + *length as usize];
            *at = arena.len() as u64;
            arena.extend_from_slice(old);
        }
        self.arena = arena;
        self.garbage = 0;
    }

    /// Adds `weight` to (or takes it from) a device's counters and its client's sums.
    #[inline]
    pub(super) fn shift(&mut self, device: u32, slot: usize, amount: u32, add: bool) {
        let sums = &mut self.sums[self.client[device as usize] as usize];
        let count = &mut self.counts[device as usize][slot];
        if add {
            sums.with[slot] += u64::from(*count == 0 && amount > 0);
            *count += amount;
            sums.open[slot] += u64::from(amount);
        } else {
            *count -= amount;
            sums.with[slot] -= u64::from(*count == 0 && amount > 0);
            sums.open[slot] -= u64::from(amount);
        }
    }

    /// Sets a device's counters, of which it had none.
    pub(super) fn set_counts(&mut self, device: u32, counts: &Weight) {
        self.counts[device as usize] = *counts;
        let sums = &mut self.sums[self.client[device as usize] as usize];
        for (slot, &count) in counts.iter().enumerate() {
            sums.with[slot] += u64::from(count > 0);
            sums.open[slot] += u64::from(count);
        }
    }

    /// Sets all counters to nought.
    pub(super) fn clear_counts(&mut self) {
        self.counts
            .iter_mut()
            .for_each(|counts| *counts = [0; SLOTS]);
        for sums in &mut self.sums {
            sums.with = [0; SLOTS];
            sums.open = [0; SLOTS];
        }
    }

    /// Bytes of the packed changes.
    pub(super) fn arena_bytes(&self) -> usize {
        self.arena.len()
    }
}

fn put_name(names: &mut Vec<Label>, id: u32, name: &Label) {
    match names.get_mut(id as usize) {
        Some(known) if known == name => {}
        Some(known) => *known = name.clone(),
        None => names.push(name.clone()),
    }
}

/// Packs what a device lacks of its template and has beside it.
pub(super) fn pack_changes(less: &[u32], more: &[u32], out: &mut Vec<u8>) {
    pack::push(less.len() as u32, out);
    pack::pack(less, out);
    pack::pack(more, out);
}

/// Reads what [`pack_changes`] wrote, or nothing; both lists are emptied first.
pub(super) fn unpack_changes(mut bytes: &[u8], less: &mut Vec<u32>, more: &mut Vec<u32>) {
    less.clear();
    more.clear();
    let count = pack::take(&mut bytes).unwrap_or(0);
    let mut before = 0;
    for _ in 0..count {
        before += pack::take(&mut bytes).unwrap_or(0);
        less.push(before);
    }
    // What the index wrote itself is never broken; a snapshot is checked when it is read.
    let _ = pack::unpack(bytes, more);
}
