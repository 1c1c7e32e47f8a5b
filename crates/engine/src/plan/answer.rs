//! Asks every pair of a class and a finding under both policies and counts what changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::snapshot::{Snapshot, SnapshotFinding};
use domain::verdict::{Answer, GateName};
use jiff::Timestamp;

use super::group::{Class, Grouped};
use super::{CLIENTS_SHOWN_MAX, ClientDifference, Counts, EXAMPLES_MAX, Effect, Example, Standing};

/// How a pair stands under one policy, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    pub verdict: Answer,
    pub at: Option<Timestamp>,
    pub gate: Option<GateName>,
    /// A denial, a hold or an exclusion keeps it closed.
    pub kept: bool,
    /// A freeze keeps it closed.
    pub frozen: bool,
}

impl Short {
    /// What becomes of it.
    pub fn effect(&self, after: &Self) -> Option<Effect> {
        let installed = |short: &Self| short.at.filter(|_| short.verdict != Answer::Never);
        match (installed(self), installed(after)) {
            (None, Some(_)) => Some(Effect::Opens),
            (Some(_), None) => Some(Effect::Closes),
            (Some(was), Some(is)) if is < was => Some(Effect::Sooner),
            (Some(was), Some(is)) if is > was => Some(Effect::Later),
            _ => (self.gate != after.gate).then_some(Effect::OtherReason),
        }
    }

    /// Whether it opens what somebody's word or a freeze kept closed.
    ///
    /// What would be never for another reason all the same is opened too: that reason may go next.
    /// A patch that needs nothing (it is fixed, or does not apply) is opened by nothing.
    pub fn releases(&self, after: &Self) -> bool {
        let asked = |short: &Self| {
            let gate = short.gate;
            !matches!(gate, Some(GateName::Known | GateName::Applicable))
        };
        let released = (self.kept && !after.kept) || (self.frozen && !after.frozen);
        released && asked(self) && asked(after)
    }
}

/// Pairs of one client that change alike: the same patch, with the same effect.
#[derive(Debug, Clone, Copy)]
struct Sort {
    class: usize,
    finding: u32,
    device: u32,
    devices: u64,
    released: bool,
    effect: Effect,
}

/// What changes for one class.
#[derive(Debug, Default)]
pub(super) struct ClassChange {
    class: usize,
    counts: Counts,
    devices_changed: u64,
    first_due_at: Option<Timestamp>,
    sorts: Vec<Sort>,
}

/// Who asks a pair: by the places of a class and of a finding in its list.
pub(super) trait Ask: Sync {
    /// The pairs of one class, in the order of the class's findings.
    fn class(&self, class: usize, findings: &[&SnapshotFinding]) -> Vec<(Short, Short)>;
    /// How one pair stands, in words.
    fn standings(&self, class: usize, place: usize) -> (Standing, Standing);
    /// Why somebody's word or a freeze kept it closed.
    fn kept_by(&self, class: usize, place: usize) -> Option<String>;
}

/// Asks one class.
pub(super) fn class_change(
    number: usize,
    class: &Class,
    grouped: &Grouped<'_>,
    ask: &dyn Ask,
) -> ClassChange {
    let mut change = ClassChange {
        class: number,
        ..ClassChange::default()
    };
    let findings: Vec<&SnapshotFinding> = class
        .findings
        .iter()
        .filter_map(|finding| grouped.findings.get(*finding as usize).copied())
        .collect();
    let mut changed: HashSet<u32> = HashSet::new();
    let answers = ask.class(number, &findings);
    for (at, (before, after)) in answers.iter().enumerate() {
        let (Some(finding), Some((count, first))) = (class.findings.get(at), class.counts.get(at))
        else {
            continue;
        };
        let (effect, released) = (before.effect(after), before.releases(after));
        change.counts.add(effect, released, u64::from(*count));
        if let Some(effect) = effect.or(released.then_some(Effect::OtherReason)) {
            change.sorts.push(Sort {
                class: number,
                finding: *finding,
                device: *first,
                devices: u64::from(*count),
                released,
                effect,
            });
        }
        if effect.is_some_and(|effect| effect != Effect::OtherReason) {
            changed.insert(*finding);
            if after.verdict != Answer::Never {
                change.first_due_at = earliest(change.first_due_at, after.at);
            }
        }
    }
    change.devices_changed = match changed.len() == class.findings.len() {
        true => class.devices.len() as u64,
        false => devices_with(class, grouped, &changed),
    };
    change
}

fn devices_with(class: &Class, grouped: &Grouped<'_>, findings: &HashSet<u32>) -> u64 {
    if findings.is_empty() {
        return 0;
    }
    let has = |device: &&u32| {
        let own = grouped.of_device.get(**device as usize);
        own.is_some_and(|own| own.iter().any(|finding| findings.contains(finding)))
    };
    class.devices.iter().filter(has).count() as u64
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// What is gathered of one client.
#[derive(Default)]
struct OfClient<'s> {
    difference: ClientDifference,
    patches: HashSet<&'s str>,
    sorts: HashMap<(&'s str, Effect, bool), Sort>,
}

/// The totals of a fleet, and its clients with most changes first.
pub(super) struct Summed {
    pub counts: Counts,
    pub devices_changed: u64,
    pub patches_changed: u64,
    pub first_due_at: Option<Timestamp>,
    pub clients: Vec<ClientDifference>,
    pub clients_total: u64,
}

/// Sums classes up by client.
pub(super) fn summed<'s>(
    snapshot: &'s Snapshot,
    grouped: &Grouped<'s>,
    changes: &[ClassChange],
    ask: &dyn Ask,
) -> Summed {
    let mut clients: BTreeMap<&str, OfClient<'s>> = BTreeMap::new();
    let mut patches: HashSet<&str> = HashSet::new();
    for change in changes {
        let Some(class) = grouped.classes.get(change.class) else {
            continue;
        };
        let Some(device) = snapshot.devices.get(class.representative) else {
            continue;
        };
        let one = clients.entry(device.client.as_str()).or_default();
        let difference = &mut one.difference;
        difference.counts.join(&change.counts);
        difference.devices += class.devices.len() as u64;
        difference.devices_changed += change.devices_changed;
        difference.first_due_at = earliest(difference.first_due_at, change.first_due_at);
        for sort in &change.sorts {
            let Some(finding) = grouped.findings.get(sort.finding as usize) else {
                continue;
            };
            let patch = finding.patch.as_str();
            if sort.effect != Effect::OtherReason {
                one.patches.insert(patch);
                patches.insert(patch);
            }
            one.sorts
                .entry((patch, sort.effect, sort.released))
                .and_modify(|known| known.devices = known.devices.saturating_add(sort.devices))
                .or_insert(*sort);
        }
    }
    let mut summed = Summed {
        counts: Counts::default(),
        devices_changed: 0,
        patches_changed: patches.len() as u64,
        first_due_at: None,
        clients: Vec::new(),
        clients_total: 0,
    };
    let mut open: Vec<(ClientDifference, Vec<Sort>)> = Vec::new();
    for (client, mut one) in clients {
        let difference = &mut one.difference;
        summed.counts.join(&difference.counts);
        summed.devices_changed += difference.devices_changed;
        summed.first_due_at = earliest(summed.first_due_at, difference.first_due_at);
        if one.sorts.is_empty() {
            continue;
        }
        difference.client = client.to_owned();
        difference.patches_changed = one.patches.len() as u64;
        difference.examples_total = one.sorts.len() as u64;
        let mut sorts: Vec<Sort> = one.sorts.into_values().collect();
        sorts.sort_by_key(|sort| {
            (
                !sort.released,
                sort.effect,
                u64::MAX - sort.devices,
                sort.finding,
            )
        });
        sorts.truncate(EXAMPLES_MAX);
        open.push((one.difference, sorts));
    }
    summed.clients_total = open.len() as u64;
    open.sort_by_key(|(one, _)| std::cmp::Reverse((one.counts.released, one.counts.changed())));
    open.truncate(CLIENTS_SHOWN_MAX);
    for (mut difference, sorts) in open {
        let shown = sorts
            .iter()
            .filter_map(|sort| example(snapshot, grouped, sort, ask));
        difference.examples = shown.collect();
        summed.clients.push(difference);
    }
    summed
}

fn example(
    snapshot: &Snapshot,
    grouped: &Grouped<'_>,
    sort: &Sort,
    ask: &dyn Ask,
) -> Option<Example> {
    let class = grouped.classes.get(sort.class)?;
    let place = class.findings.binary_search(&sort.finding).ok()?;
    let device = snapshot.devices.get(sort.device as usize)?;
    let finding = grouped.findings.get(sort.finding as usize)?;
    let (before, after) = ask.standings(sort.class, place);
    let released = sort.released.then(|| ask.kept_by(sort.class, place));
    Some(Example {
        device: device.id.clone(),
        name: device.name.clone(),
        patch: finding.patch.clone(),
        effect: sort.effect,
        released: released.flatten(),
        devices: sort.devices,
        before,
        after,
    })
}
