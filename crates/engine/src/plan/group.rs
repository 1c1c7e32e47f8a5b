//! Devices that a policy cannot tell apart, put together, so that each is asked once.
//!
//! Two devices are equal when every attribute is equal that a query or a gate may look at. What
//! nothing in the policies asks for is left out: a device's name counts only where a query names
//! devices, its contacts only where a window catches up, its findings only where a query asks what
//! is missing. Findings are put together likewise.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use domain::policy::Policy;
use domain::query::{Field, Query};
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFinding};
use jiff::Timestamp;

use crate::decide::REACHABLE_SECONDS;

/// What the queries of some policies look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// A query names devices.
    devices: bool,
    /// A query asks when a device was last seen.
    seen: bool,
    /// A query over devices asks for findings or packages.
    findings: bool,
    /// A window catches up, so contacts count.
    contacts: bool,
}

impl Looked {
    /// What any of these policies looks at.
    pub fn at(policies: &[&Policy]) -> Self {
        let mut looked = Self::default();
        for policy in policies {
            device_queries(policy, &mut |query| looked.add(query));
            looked.contacts |= policy.windows.iter().any(|w| w.catch_up.is_some());
        }
        looked
    }

    fn add(&mut self, query: &Query) {
        for term in query.terms() {
            match term.field() {
                None | Some(Field::Device) => self.devices = true,
                Some(Field::Seen) => self.seen = true,
                Some(Field::Client | Field::Site | Field::Tag | Field::Os | Field::Group) => {}
                Some(_) => self.findings = true,
            }
        }
    }
}

/// Every query over devices of a policy.
fn device_queries(policy: &Policy, see: &mut dyn FnMut(&Query)) {
    policy.groups.iter().for_each(|one| see(&one.devices));
    policy.windows.iter().for_each(|one| see(&one.devices));
    policy.freezes.iter().for_each(|one| see(&one.devices));
    policy.rules.iter().for_each(|one| see(&one.devices));
    policy.decisions.iter().for_each(|one| see(&one.devices));
    policy.reboots.iter().for_each(|one| see(&one.devices));
    policy.exclusions.iter().for_each(|one| see(&one.devices));
    policy.unreadable.iter().for_each(|one| see(&one.devices));
    for set in &policy.rings {
        see(&set.devices);
        set.rings.iter().for_each(|ring| see(&ring.devices));
    }
}

/// Devices that are equal for the policies at hand.
#[derive(Debug, Clone)]
pub struct Class {
    /// The first of them, by its place in the snapshot.
    pub representative: usize,
    /// All of them, by their places, in order.
    pub devices: Vec<u32>,
    /// Findings that at least one of them has, by number, sorted.
    pub findings: Vec<u32>,
    /// How many devices have the finding beside it, and the first that has it.
    pub counts: Vec<(u32, u32)>,
}

/// A fleet in classes.
#[derive(Debug)]
pub struct Grouped<'s> {
    /// Findings that differ, by number.
    pub findings: Vec<&'s SnapshotFinding>,
    /// The classes, in the order of their first devices.
    pub classes: Vec<Class>,
    /// Per device the numbers of its findings, in its own order.
    pub of_device: Vec<Vec<u32>>,
}

/// Puts a fleet in classes for `looked`, as it stands at `now`, on at most `threads` threads.
pub fn group<'s>(
    snapshot: &'s Snapshot,
    looked: Looked,
    now: Option<Timestamp>,
    threads: usize,
) -> Grouped<'s> {
    let (findings, of_device) = number_findings(snapshot, threads);
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut classes: Vec<Class> = Vec::new();
    for (at, device) in snapshot.devices.iter().enumerate() {
        let own = &of_device[at];
        let mut hasher = DefaultHasher::new();
        hash_device(device, looked, now, &mut hasher);
        if looked.findings {
            own.hash(&mut hasher);
        }
        let candidates = by_hash.entry(hasher.finish()).or_default();
        let found = candidates.iter().copied().find(|class| {
            let first = classes[*class].representative;
            are_equal(&snapshot.devices[first], device, looked, now)
                && (!looked.findings || of_device[first] == *own)
        });
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        match found {
            Some(class) => classes[class].devices.push(number),
            None => {
                candidates.push(classes.len());
                classes.push(Class {
                    representative: at,
                    devices: vec![number],
                    findings: Vec::new(),
                    counts: Vec::new(),
                });
            }
        }
    }
    crate::plan::spread(&mut classes, threads, |class| {
        count_findings(class, &of_device);
    });
    Grouped {
        findings,
        classes,
        of_device,
    }
}

/// Fills in which findings the devices of a class have.
fn count_findings(class: &mut Class, of_device: &[Vec<u32>]) {
    let mut pairs: Vec<(u32, u32)> = class
        .devices
        .iter()
        .flat_map(|device| {
            let own = of_device.get(*device as usize);
            own.into_iter().flatten().map(|finding| (*finding, *device))
        })
        .collect();
    pairs.sort_unstable();
    for (finding, device) in pairs {
        if class.findings.last() == Some(&finding) {
            if let Some((count, _)) = class.counts.last_mut() {
                *count = count.saturating_add(1);
            }
        } else {
            class.findings.push(finding);
            class.counts.push((1, device));
        }
    }
}

/// Numbers findings that differ. The numbers depend on the snapshot alone, not on `threads`.
fn number_findings(snapshot: &Snapshot, threads: usize) -> (Vec<&SnapshotFinding>, Vec<Vec<u32>>) {
    let size = snapshot.devices.len().div_ceil(threads.max(1)).max(1);
    let chunks: Vec<(Vec<&SnapshotFinding>, Vec<Vec<u32>>)> = std::thread::scope(|scope| {
        let running: Vec<_> = snapshot
            .devices
            .chunks(size)
            .map(|devices| {
                scope.spawn(move || {
                    let mut numbers = Numbers::default();
                    let own = devices
                        .iter()
                        .map(|device| device.findings.iter().map(|f| numbers.of(f)).collect())
                        .collect();
                    (numbers.findings, own)
                })
            })
            .collect();
        running
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let mut numbers = Numbers::default();
    let mut of_device = Vec::with_capacity(snapshot.devices.len());
    for (findings, devices) in chunks {
        let global: Vec<u32> = findings.iter().map(|f| numbers.of(f)).collect();
        for mut own in devices {
            for number in &mut own {
                *number = global.get(*number as usize).copied().unwrap_or(*number);
            }
            of_device.push(own);
        }
    }
    (numbers.findings, of_device)
}

#[derive(Default)]
struct Numbers<'s> {
    by_hash: HashMap<u64, Vec<u32>>,
    findings: Vec<&'s SnapshotFinding>,
    /// What came after each finding when it was last seen: devices lack the same patches in the same
    /// order, so that most findings are known without a hash.
    next: Vec<u32>,
    last: Option<u32>,
}

impl<'s> Numbers<'s> {
    fn of(&mut self, finding: &'s SnapshotFinding) -> u32 {
        let last = self.last.map(|last| last as usize);
        let guess = last.and_then(|last| self.next.get(last)).copied();
        let guessed = guess.filter(|guess| {
            let other = self.findings.get(*guess as usize);
            other.is_some_and(|other| same_finding(other, finding))
        });
        let number = guessed.unwrap_or_else(|| self.looked_up(finding));
        if let Some(next) = last.and_then(|last| self.next.get_mut(last)) {
            *next = number;
        }
        self.last = Some(number);
        number
    }

    fn looked_up(&mut self, finding: &'s SnapshotFinding) -> u32 {
        let mut hasher = DefaultHasher::new();
        finding.patch.hash(&mut hasher);
        finding.state.hash(&mut hasher);
        finding.first_seen_at.hash(&mut hasher);
        finding.clock_at.hash(&mut hasher);
        let candidates = self.by_hash.entry(hasher.finish()).or_default();
        let known = candidates.iter().copied().find(|number| {
            self.findings
                .get(*number as usize)
                .is_some_and(|other| same_finding(other, finding))
        });
        known.unwrap_or_else(|| {
            let number = u32::try_from(self.findings.len()).unwrap_or(u32::MAX);
            self.findings.push(finding);
            self.next.push(number);
            candidates.push(number);
            number
        })
    }
}

fn same_finding(a: &SnapshotFinding, b: &SnapshotFinding) -> bool {
    std::ptr::eq(a, b)
        || (a.patch == b.patch
            && a.state == b.state
            && a.first_seen_at == b.first_seen_at
            && a.clock_at == b.clock_at
            && a.released_at == b.released_at
            && a.product == b.product
            && a.severity == b.severity
            && a.classification == b.classification
            && a.kev == b.kev
            && a.fix == b.fix
            && a.superseded_by == b.superseded_by
            && a.feed == b.feed
            && a.cves == b.cves
            && a.why == b.why)
}

/// How a device's last contact counts: never recorded, before `now` by more than allowed, or else.
fn reach(device: &SnapshotDevice, now: Option<Timestamp>) -> u8 {
    let Some(now) = now else {
        return 0;
    };
    if let Some(contacts) = &device.contacts {
        let within = contacts
            .iter()
            .any(|c| c.from <= now && c.until.is_none_or(|until| now < until));
        return if within { 3 } else { 4 };
    }
    match device.last_seen {
        None => 0,
        Some(seen) if now.duration_since(seen).as_secs() > REACHABLE_SECONDS => 1,
        Some(_) => 2,
    }
}

fn hash_device(
    device: &SnapshotDevice,
    looked: Looked,
    now: Option<Timestamp>,
    hasher: &mut DefaultHasher,
) {
    (&device.client, &device.site, &device.zone, &device.os).hash(hasher);
    (&device.tags, &device.groups).hash(hasher);
    if looked.devices {
        (&device.id, &device.name).hash(hasher);
    }
    if looked.seen {
        device.last_seen.hash(hasher);
    }
    reach(device, now).hash(hasher);
}

fn are_equal(
    a: &SnapshotDevice,
    b: &SnapshotDevice,
    looked: Looked,
    now: Option<Timestamp>,
) -> bool {
    a.client == b.client
        && a.site == b.site
        && a.zone == b.zone
        && a.os == b.os
        && a.tags == b.tags
        && a.groups == b.groups
        && (!looked.devices || (a.id == b.id && a.name == b.name))
        && (!looked.seen || a.last_seen == b.last_seen)
        && (!looked.contacts || a.contacts == b.contacts)
        && reach(a, now) == reach(b, now)
}

/// A snapshot with one device a class that has all findings of its class, so that whatever is
/// computed over a whole snapshot, such as when a fix was first released, stays as it was.
pub fn reduced(snapshot: &Snapshot, grouped: &Grouped<'_>) -> Snapshot {
    let devices = grouped.classes.iter().filter_map(|class| {
        let device = snapshot.devices.get(class.representative)?;
        let findings = class
            .findings
            .iter()
            .filter_map(|number| grouped.findings.get(*number as usize))
            .map(|finding| SnapshotFinding::clone(finding))
            .collect();
        Some(SnapshotDevice {
            id: device.id.clone(),
            name: device.name.clone(),
            client: device.client.clone(),
            site: device.site.clone(),
            zone: device.zone.clone(),
            groups: device.groups.clone(),
            tags: device.tags.clone(),
            os: device.os.clone(),
            last_seen: device.last_seen,
            contacts: device.contacts.clone(),
            findings,
            unknown: Default::default(),
        })
    });
    Snapshot {
        v: snapshot.v,
        feeds: snapshot.feeds.clone(),
        devices: devices.collect(),
        unknown: Default::default(),
    }
}
