//! Outcomes for a whole snapshot: devices and findings that a policy cannot tell apart are asked
//! once, on several threads.
//!
//! Devices with the same client, site, zone, groups, tags and system share what covers them and
//! their calendar. A device that a query names in another way (by its name, by when it was seen, by
//! what it lacks) or that catches up is asked by itself. The answer does not depend on the number of
//! threads.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use domain::query::{Field, Query, Truth};
use domain::snapshot::{SnapshotDevice, SnapshotFinding, SnapshotState};
use domain::verdict::{Answer, GateName};
use jiff::Timestamp;

use super::Outcome;
use super::covered::{Fit, Grouped};
use super::evaluator::turns;
use super::pair::{Side, Tables};
use super::snapshot::{SnapshotWorld, reaches, version};
use super::snapshot_subject::{
    SnapshotDeviceSubject, SnapshotPatchSubject, exploited, replaced_by,
};
use super::states::{Clock, Pair, Part};

/// A snapshot ready to be asked as a whole, at any time.
pub struct Fleet<'w, 'a> {
    world: &'w SnapshotWorld<'a>,
    /// Findings that differ.
    patches: Vec<Patch<'a>>,
    /// Per finding, in the order of the devices, the number of its patch.
    of_finding: Vec<u32>,
    /// Per device where its findings begin.
    begins: Vec<usize>,
    /// Per device the number of its class.
    of_device: Vec<u32>,
    /// Queries for devices that look at more than a class has in common.
    special: Vec<&'a Query>,
    /// Whether a group of the policy is among them.
    special_groups: bool,
    catches_up: bool,
}

/// A finding as all that are equal to it.
struct Patch<'a> {
    finding: &'a SnapshotFinding,
    clock: Clock,
    kev: Option<bool>,
    version: Option<(versions::Scheme, &'a str)>,
    /// The first gate that is closed for good before anybody's word is asked.
    never: Option<GateName>,
}

impl<'a> SnapshotWorld<'a> {
    /// Prepares the whole snapshot, on at most `threads` threads.
    pub fn fleet(&self, threads: usize) -> Fleet<'_, 'a> {
        Fleet::new(self, threads)
    }
}

impl<'w, 'a> Fleet<'w, 'a> {
    fn new(world: &'w SnapshotWorld<'a>, threads: usize) -> Self {
        let devices = &world.snapshot.devices;
        let mut begins = Vec::with_capacity(devices.len());
        let mut findings = 0;
        for device in devices {
            begins.push(findings);
            findings += device.findings.len();
        }
        let hashes: Vec<Vec<u64>> = in_parts(devices.len(), threads, |range| {
            let findings = devices[range].iter().flat_map(|device| &device.findings);
            findings.map(finding_hash).collect()
        });
        let all = devices.iter().flat_map(|device| &device.findings);
        let (of_finding, found) = numbered(all, hashes.into_iter().flatten(), same_finding);
        let classes = devices.iter().map(device_hash);
        let (of_device, _) = numbered(devices.iter(), classes, same_device);
        let patches = found.into_iter().map(|finding| Patch::of(world, finding));
        let (special, special_groups) = special(world);
        let windows = &world.policy().windows;
        Self {
            patches: patches.collect(),
            of_finding,
            begins,
            of_device,
            special,
            special_groups,
            catches_up: windows.iter().any(|window| window.catch_up.is_some()),
            world,
        }
    }

    /// How many pairs of a device and a finding there are.
    pub fn pairs(&self) -> usize {
        self.of_finding.len()
    }

    /// The outcome of every finding, in the order of the devices and their findings.
    pub fn outcomes(&self, now: Timestamp, threads: usize) -> Vec<Outcome> {
        let parts = in_parts(self.begins.len(), threads, |range| {
            let mut asking = Asking::new(self, now);
            let mut outcomes = Vec::new();
            for device in range {
                asking.device(device, &mut outcomes);
            }
            outcomes
        });
        parts.into_iter().flatten().collect()
    }

    fn findings(&self, device: usize) -> &[u32] {
        let begins = self.begins[device];
        let ends = self.begins.get(device + 1).copied();
        &self.of_finding[begins..ends.unwrap_or(self.of_finding.len())]
    }
}

impl<'a> Patch<'a> {
    fn of(world: &SnapshotWorld<'a>, finding: &'a SnapshotFinding) -> Self {
        let unknown = finding.state == SnapshotState::Unknown || world.stale(finding).is_some();
        let applies = finding.state == SnapshotState::Missing && replaced_by(finding).is_none();
        Self {
            finding,
            clock: world.clock(finding),
            kev: exploited(finding),
            version: version(&finding.patch),
            never: match (unknown, applies) {
                (true, _) => Some(GateName::Known),
                (false, false) => Some(GateName::Applicable),
                (false, true) => None,
            },
        }
    }
}

/// How a patch stands to the policy at the instant that is asked about.
struct Fits {
    now: Fit,
    later: Vec<(Timestamp, Fit)>,
}

/// One thread's work.
struct Asking<'f, 'w, 'a> {
    fleet: &'f Fleet<'w, 'a>,
    now: Timestamp,
    sides: HashMap<u32, Rc<Side<'a>>>,
    fits: Vec<Option<Fits>>,
    tables: Rc<Tables>,
}

impl<'f, 'w, 'a> Asking<'f, 'w, 'a> {
    fn new(fleet: &'f Fleet<'w, 'a>, now: Timestamp) -> Self {
        Self {
            fleet,
            now,
            sides: HashMap::new(),
            fits: fleet.patches.iter().map(|_| None).collect(),
            tables: Rc::default(),
        }
    }

    fn device(&mut self, at: usize, outcomes: &mut Vec<Outcome>) {
        let device = &self.fleet.world.snapshot.devices[at];
        let mut side = None;
        let reachable = reaches(device, self.now) != Some(false);
        for number in self.fleet.findings(at) {
            let patch = &self.fleet.patches[*number as usize];
            if let Some(gate) = patch.never {
                outcomes.push(Outcome {
                    answer: Answer::Never,
                    at: None,
                    gate: Some(gate),
                });
                continue;
            }
            let side = side.get_or_insert_with(|| self.side(at));
            let fits = self.fits[*number as usize]
                .get_or_insert_with(|| fits(self.fleet.world, patch.finding, self.now));
            let part = Part {
                fit: &fits.now,
                later: &fits.later,
                clock: patch.clock,
                kev: patch.kev,
                version: patch.version,
            };
            let finding = patch.finding;
            let pair = Pair {
                parts: std::slice::from_ref(&part),
                broken: false,
                release: finding.released_at.or(finding.first_seen_at),
                not_before: None,
            };
            outcomes.push(side.outcome(&pair, reachable));
        }
    }

    /// The side of a device: that of its class, or its own.
    fn side(&mut self, at: usize) -> Rc<Side<'a>> {
        let device = &self.fleet.world.snapshot.devices[at];
        let catches_up = self.fleet.catches_up && device.contacts.is_some();
        if catches_up || self.is_special(device) {
            return self.fresh(device);
        }
        let class = self.fleet.of_device[at];
        if let Some(side) = self.sides.get(&class) {
            return Rc::clone(side);
        }
        let side = self.fresh(device);
        self.sides.insert(class, Rc::clone(&side));
        side
    }

    fn fresh(&self, device: &'a SnapshotDevice) -> Rc<Side<'a>> {
        let coverage = self.fleet.world.coverage(device, self.now).1;
        let catches_up = coverage.windows.iter().any(|w| w.catch_up.is_some());
        let contacts = device.contacts.as_deref().filter(|_| catches_up);
        let policy = self.fleet.world.policy();
        let side = Side::new(policy, coverage, &device.zone, contacts, self.now);
        Rc::new(match contacts {
            Some(_) => side,
            None => side.sharing(Rc::clone(&self.tables)),
        })
    }

    /// Whether a query that looks at more than its class has in common may match a device.
    fn is_special(&self, device: &SnapshotDevice) -> bool {
        if self.fleet.special.is_empty() {
            return false;
        }
        let subject = SnapshotDeviceSubject::of(device);
        let world = self.fleet.world;
        let groups = world.groups(device, &subject, self.now);
        let subject = Grouped {
            base: &subject,
            groups: &groups,
        };
        self.fleet.special_groups
            || self.fleet.special.iter().any(|query| {
                let other = |name: &str| {
                    let name = name.to_lowercase();
                    !name.contains('/')
                        && name != device.id.to_lowercase()
                        && device
                            .name
                            .as_deref()
                            .is_none_or(|own| own.to_lowercase() != name)
                };
                !query.required(Field::Device).is_some_and(other)
                    && query.evaluate(&subject, self.now) != Truth::No
            })
    }
}

fn fits(world: &SnapshotWorld<'_>, finding: &SnapshotFinding, now: Timestamp) -> Fits {
    let subject = SnapshotPatchSubject::of(finding);
    let fit = |at| Fit::whole(world.policy(), &subject, at);
    let later = turns(&world.compiled, &subject, now);
    Fits {
        now: fit(now),
        later: later.into_iter().map(|at| (at, fit(at))).collect(),
    }
}

/// Queries for devices that look at more than a class has in common, and whether one of them is
/// that of a group.
fn special<'a>(world: &SnapshotWorld<'a>) -> (Vec<&'a Query>, bool) {
    let policy = world.policy();
    let common = |query: &&Query| {
        query.terms().iter().all(|term| {
            matches!(
                term.field(),
                Some(
                    Field::Client
                        | Field::Site
                        | Field::Zone
                        | Field::Group
                        | Field::Tag
                        | Field::Os
                )
            )
        })
    };
    let groups = policy.groups.iter().map(|group| &group.devices);
    let special_groups = !groups.clone().all(|query| common(&query));
    let all = groups
        .chain(policy.windows.iter().map(|o| &o.devices))
        .chain(policy.freezes.iter().map(|o| &o.devices))
        .chain(policy.rules.iter().map(|o| &o.devices))
        .chain(policy.decisions.iter().map(|o| &o.devices))
        .chain(policy.rings.iter().map(|o| &o.devices))
        .chain(
            policy
                .rings
                .iter()
                .flat_map(|o| &o.rings)
                .map(|ring| &ring.devices),
        )
        .chain(policy.exclusions.iter().map(|o| &o.devices))
        .chain(policy.unreadable.iter().map(|o| &o.devices));
    (all.filter(|query| !common(query)).collect(), special_groups)
}

/// Splits `0..count` among threads; the answers come in order.
fn in_parts<T: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(std::ops::Range<usize>) -> Vec<T> + Sync,
) -> Vec<Vec<T>> {
    let threads = threads.clamp(1, 64);
    let size = count.div_ceil(threads).max(1);
    if threads == 1 || count <= size {
        return vec![work(0..count)];
    }
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..count)
            .step_by(size)
            .map(|from| scope.spawn(move || work(from..count.min(from + size))))
            .collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Gives equal things one number, and each number its first thing.
fn numbered<'t, T>(
    things: impl Iterator<Item = &'t T>,
    hashes: impl Iterator<Item = u64>,
    same: impl Fn(&T, &T) -> bool,
) -> (Vec<u32>, Vec<&'t T>) {
    let mut known: HashMap<u64, Vec<u32>> = HashMap::new();
    let (mut numbers, mut firsts): (Vec<u32>, Vec<&T>) = (Vec::new(), Vec::new());
    for (thing, hash) in things.zip(hashes) {
        let alike = known.entry(hash).or_default();
        let number = alike.iter().find(|at| same(firsts[**at as usize], thing));
        let number = match number {
            Some(number) => *number,
            None => {
                let number = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
                alike.push(number);
                firsts.push(thing);
                number
            }
        };
        numbers.push(number);
    }
    (numbers, firsts)
}

/// What of a finding the evaluator looks at.
fn looked_at(finding: &SnapshotFinding) -> impl Hash + PartialEq {
    (
        (
            &finding.patch,
            &finding.product,
            &finding.fix,
            &finding.feed,
        ),
        (
            finding.severity,
            finding.classification,
            &finding.cves,
            finding.kev,
        ),
        (finding.released_at, finding.first_seen_at, finding.clock_at),
        (finding.state, &finding.superseded_by),
    )
}

fn finding_hash(finding: &SnapshotFinding) -> u64 {
    let mut hasher = DefaultHasher::new();
    looked_at(finding).hash(&mut hasher);
    hasher.finish()
}

fn same_finding(one: &SnapshotFinding, other: &SnapshotFinding) -> bool {
    looked_at(one) == looked_at(other)
}

/// What devices of a class have in common.
fn in_common(device: &SnapshotDevice) -> impl Hash + PartialEq {
    (
        (&device.client, &device.site, &device.zone),
        (&device.groups, &device.tags, &device.os),
    )
}

fn device_hash(device: &SnapshotDevice) -> u64 {
    let mut hasher = DefaultHasher::new();
    in_common(device).hash(&mut hasher);
    hasher.finish()
}

fn same_device(one: &SnapshotDevice, other: &SnapshotDevice) -> bool {
    in_common(one) == in_common(other)
}
