//! The rehearsal of a whole fleet, class by class.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::policy::{Policy, RebootRule, RebootWhen};
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFinding, SnapshotState};
use domain::verdict::{Answer, GateName};
use jiff::Timestamp;

use super::replay::{Asked, Patch, RebootPlan, Replayed, reboots, replay};
use super::sums::Sums;
use super::{MONTHS_MAX, PolicyRun, Rehearsal, Span, needs_reboot};
use crate::calendar;
use crate::decide::{SnapshotEvaluator, SnapshotWorld};
use crate::plan::{Class, Grouped, Looked, THREADS_MAX, group, reduced, spread};

/// Replays the patches of a fleet under a draft and, where given, the policy in force.
/// `progress` is told how many of how many classes of devices are done; it may be called from
/// several threads.
pub fn rehearse(
    snapshot: &Snapshot,
    draft: &Policy,
    in_force: Option<&Policy>,
    span: &Span,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Rehearsal {
    let span = Span {
        months: span.months.clamp(1, MONTHS_MAX),
        ..*span
    };
    let mut policies = vec![draft];
    policies.extend(in_force);
    let grouped = group(snapshot, Looked::at(&policies), None, THREADS_MAX);
    let came = Came::of(snapshot, &grouped, &span);
    let stage = came.stage(snapshot, &grouped);
    let total = grouped.classes.len() * policies.len();
    let one = |policy, done| {
        let told = |at: usize| progress(done + at, total);
        run(snapshot, &grouped, &came, &stage, policy, &span, &told)
    };
    Rehearsal {
        from: span.from(),
        until: span.until,
        promise: span.promise,
        devices: snapshot.devices.len() as u64,
        patches: came.names(),
        undated: came.undated,
        not_replayed: came.not_replayed,
        outside: came.outside,
        draft: one(draft, 0),
        in_force: in_force.map(|policy| one(policy, grouped.classes.len())),
    }
}

/// The patches that came.
struct Came {
    patches: Vec<Patch>,
    /// The patch of each finding; `None`: it is not replayed.
    of_finding: Vec<Option<u32>>,
    undated: u64,
    not_replayed: u64,
    outside: u64,
}

impl Came {
    fn of(snapshot: &Snapshot, grouped: &Grouped<'_>, span: &Span) -> Self {
        let mut came = Self {
            patches: Vec::new(),
            of_finding: Vec::with_capacity(grouped.findings.len()),
            undated: 0,
            not_replayed: 0,
            outside: 0,
        };
        let mut known: HashMap<&str, Vec<u32>> = HashMap::new();
        for finding in &grouped.findings {
            let patch = came.patch(finding, span, known.entry(&finding.patch).or_default());
            came.of_finding.push(patch);
        }
        came.count(snapshot, grouped, span);
        came
    }

    fn patch(
        &mut self,
        finding: &SnapshotFinding,
        span: &Span,
        known: &mut Vec<u32>,
    ) -> Option<u32> {
        let came_at = came_at(finding).filter(|at| span.from() <= *at && *at < span.until)?;
        if !is_replayed(finding.state) {
            return None;
        }
        let patch = Patch {
            finding: SnapshotFinding {
                state: SnapshotState::Missing,
                superseded_by: None,
                feed: None,
                why: None,
                ..finding.clone()
            },
            came_at,
            replaced_by: finding.superseded_by.clone(),
            reboot: needs_reboot(finding),
        };
        let same = |number: &u32| {
            self.patches
                .get(*number as usize)
                .is_some_and(|other| same_patch(other, &patch))
        };
        if let Some(number) = known.iter().copied().find(|number| same(number)) {
            return Some(number);
        }
        let number = u32::try_from(self.patches.len()).unwrap_or(u32::MAX);
        self.patches.push(patch);
        known.push(number);
        Some(number)
    }

    /// Counts findings on devices that are not replayed.
    fn count(&mut self, snapshot: &Snapshot, grouped: &Grouped<'_>, span: &Span) {
        for (at, _) in snapshot.devices.iter().enumerate() {
            for number in grouped.of_device.get(at).into_iter().flatten() {
                let place = *number as usize;
                if self.of_finding.get(place).is_some_and(Option::is_some) {
                    continue;
                }
                let Some(finding) = grouped.findings.get(place) else {
                    continue;
                };
                if !is_replayed(finding.state) {
                    self.not_replayed += 1;
                } else if came_at(finding).is_none() {
                    self.undated += 1;
                } else {
                    debug_assert!(
                        came_at(finding).is_some_and(|at| at < span.from() || at >= span.until)
                    );
                    self.outside += 1;
                }
            }
        }
    }

    fn names(&self) -> u64 {
        let names: HashSet<&str> = self
            .patches
            .iter()
            .map(|p| p.finding.patch.as_str())
            .collect();
        names.len() as u64
    }

    /// The fleet in which the evaluator is asked: one device a class, everything missing, feeds fresh.
    /// Findings of other times stay for the clocks of their fixes.
    fn stage(&self, snapshot: &Snapshot, grouped: &Grouped<'_>) -> Snapshot {
        let mut stage = reduced(snapshot, grouped);
        stage.feeds.clear();
        for device in &mut stage.devices {
            device.last_seen = None;
            for finding in &mut device.findings {
                finding.state = SnapshotState::Missing;
                finding.superseded_by = None;
                finding.feed = None;
            }
        }
        stage
    }
}

/// When a patch came: released, or else first seen.
fn came_at(finding: &SnapshotFinding) -> Option<Timestamp> {
    finding.released_at.or(finding.first_seen_at)
}

fn is_replayed(state: SnapshotState) -> bool {
    match state {
        SnapshotState::Missing
        | SnapshotState::OldCodeRunning
        | SnapshotState::Fixed
        | SnapshotState::Superseded => true,
        SnapshotState::NoFix | SnapshotState::NotAffected | SnapshotState::Unknown => false,
    }
}

fn same_patch(a: &Patch, b: &Patch) -> bool {
    let (x, y) = (&a.finding, &b.finding);
    a.came_at == b.came_at
        && a.replaced_by == b.replaced_by
        && x.patch == y.patch
        && x.product == y.product
        && x.severity == y.severity
        && x.classification == y.classification
        && x.kev == y.kev
        && x.fix == y.fix
        && x.released_at == y.released_at
        && x.first_seen_at == y.first_seen_at
        && x.clock_at == y.clock_at
        && x.cves == y.cves
}

/// The work on one class.
struct Work<'c> {
    number: usize,
    class: &'c Class,
}

/// What threads share.
struct Shared<'a> {
    grouped: &'a Grouped<'a>,
    came: &'a Came,
    stage: &'a Snapshot,
    policy: &'a Policy,
    world: SnapshotWorld<'a>,
    span: &'a Span,
}

fn run(
    snapshot: &Snapshot,
    grouped: &Grouped<'_>,
    came: &Came,
    stage: &Snapshot,
    policy: &Policy,
    span: &Span,
    progress: &(dyn Fn(usize) + Sync),
) -> PolicyRun {
    let shared = Shared {
        grouped,
        came,
        stage,
        policy,
        world: SnapshotWorld::new(stage, policy),
        span,
    };
    let done = std::sync::atomic::AtomicUsize::new(0);
    let classes = &grouped.classes;
    let size = classes.len().div_ceil(THREADS_MAX).max(1);
    // Each thread sums its own part up, so that nothing is kept of a device but its sums.
    let mut parts: Vec<(Vec<Work<'_>>, Sums)> = classes
        .chunks(size)
        .enumerate()
        .map(|(part, chunk)| {
            let works = chunk.iter().enumerate();
            let works = works.map(|(at, class)| Work {
                number: part * size + at,
                class,
            });
            (works.collect(), Sums::default())
        })
        .collect();
    spread(&mut parts, THREADS_MAX, |(works, sums)| {
        for work in works.iter() {
            shared.class(work, sums);
            let so_far = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            if so_far.is_multiple_of(256) {
                progress(so_far);
            }
        }
    });
    let mut all = Sums::default();
    for (_, sums) in parts {
        all.join(sums);
    }
    let mut run = all.finish(&came.patches, snapshot);
    run.empty_rings = shared.empty_rings();
    run
}

impl Shared<'_> {
    fn class(&self, work: &Work<'_>, sums: &mut Sums) {
        let Some(device) = self.stage.devices.get(work.number) else {
            return;
        };
        let asked = self.ask(work.class, device);
        // Devices of a class to which the same patches came end alike.
        let mut profiles: BTreeMap<Vec<u32>, (u64, u32)> = BTreeMap::new();
        for number in &work.class.devices {
            let own = self.grouped.of_device.get(*number as usize);
            let mut own: Vec<u32> = own
                .into_iter()
                .flatten()
                .filter_map(|finding| {
                    self.came
                        .of_finding
                        .get(*finding as usize)
                        .copied()
                        .flatten()
                })
                .collect();
            own.sort_unstable();
            own.dedup();
            let profile = profiles.entry(own).or_insert((0, *number));
            profile.0 += 1;
        }
        let rule = self.world.device(device, self.span.until).reboot_rule();
        for (own, (devices, first)) in &profiles {
            let replayed = replay(own, &self.came.patches, &asked, self.span.until);
            self.add(device, *first, *devices, &replayed, &asked, rule, sums);
        }
    }

    /// Rings that no device of the fleet is in.
    fn empty_rings(&self) -> Vec<String> {
        let mut taken: HashSet<(&str, usize)> = HashSet::new();
        if !self.policy.rings.is_empty() {
            for device in &self.stage.devices {
                let evaluator = self.world.device(device, self.span.until);
                let rings = evaluator.rings();
                taken.extend(rings.filter_map(|(set, ring)| Some((set.name.as_str(), ring?))));
            }
        }
        let sets = self.policy.rings.iter();
        sets.flat_map(|set| {
            set.rings
                .iter()
                .enumerate()
                .map(move |(at, ring)| (set, at, ring))
        })
        .filter(|(set, at, _)| !taken.contains(&(set.name.as_str(), *at)))
        .map(|(set, _, ring)| format!("{} of {}", ring.name, set.name))
        .collect()
    }

    /// Asks the evaluator about every patch of a class, at the moment it came.
    fn ask(&self, class: &Class, device: &SnapshotDevice) -> HashMap<u32, Asked> {
        let mut asked = HashMap::new();
        let mut numbers: Vec<(Timestamp, u32)> = class
            .findings
            .iter()
            .filter_map(|finding| {
                self.came
                    .of_finding
                    .get(*finding as usize)
                    .copied()
                    .flatten()
            })
            .filter_map(|number| Some((self.came.patches.get(number as usize)?.came_at, number)))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut moment: Option<(Timestamp, SnapshotEvaluator<'_, '_>)> = None;
        for (_, number) in numbers {
            let Some(patch) = self.came.patches.get(number as usize) else {
                continue;
            };
            // Most patches of a class came at few moments.
            let evaluator = match &moment {
                Some((at, evaluator)) if *at == patch.came_at => evaluator,
                _ => {
                    &moment
                        .insert((patch.came_at, self.world.device(device, patch.came_at)))
                        .1
                }
            };
            let outcome = evaluator.outcome(&patch.finding);
            // Months are replayed here: an exclusion that ended in them let its devices go on.
            let at = match (outcome.answer, outcome.gate) {
                (Answer::Never, Some(GateName::Decided)) => {
                    evaluator.begins_by_itself(&patch.finding)
                }
                (Answer::Never, _) => None,
                (Answer::Now | Answer::Later, _) => outcome.at,
            };
            asked.insert(
                number,
                Asked {
                    at,
                    gate: outcome.gate,
                },
            );
        }
        asked
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and each of them is needed"
    )]
    fn add(
        &self,
        device: &SnapshotDevice,
        first: u32,
        devices: u64,
        replayed: &[Replayed],
        asked: &HashMap<u32, Asked>,
        rule: Option<&RebootRule>,
        sums: &mut Sums,
    ) {
        let plan = match rule.map(|rule| rule.when) {
            None | Some(RebootWhen::Never) => RebootPlan::ByHand,
            Some(RebootWhen::Needed) => RebootPlan::Needed,
            Some(RebootWhen::Always) => RebootPlan::Always,
        };
        let at = |installed: Timestamp| match rule {
            Some(rule) => reboot_at(self.policy, rule, &device.zone, installed),
            None => None,
        };
        let reboots = reboots(replayed, &self.came.patches, plan, self.span.until, at);
        sums.device(
            device,
            first,
            devices,
            replayed,
            &reboots,
            asked,
            &self.came.patches,
            self.span,
        );
    }
}

/// When a device is rebooted after an installation: at once, in the rule's window, or at its deadline.
/// `None`: its window never opens.
fn reboot_at(
    policy: &Policy,
    rule: &RebootRule,
    zone: &str,
    installed: Timestamp,
) -> Option<Timestamp> {
    let Some(name) = &rule.window else {
        return Some(installed);
    };
    let deadline = rule
        .deadline
        .and_then(|deadline| installed.checked_add(deadline.elapsed()).ok());
    let windows = policy.windows.iter().filter(|window| window.name == *name);
    let (opening, _) = calendar::opening_at_or_after(windows, zone, installed);
    let opens_at = opening.map(|opening| opening.opens_at.max(installed));
    match (opens_at, deadline) {
        (Some(opens_at), Some(deadline)) => Some(opens_at.min(deadline)),
        (one, other) => one.or(other),
    }
}
