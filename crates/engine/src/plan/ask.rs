//! The evaluator, asked about every class of devices under the policy before and after.

use domain::id::Id;
use domain::policy::{ApprovalRule, Delay, Policy, RuleAction};
use domain::query::Query;
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFinding};
use domain::verdict::{Gate, GateName, Verdict};
use jiff::Timestamp;

use super::answer::{Ask, Short, class_change, summed};
use super::group::{Class, Looked, group, reduced};
use super::{OBJECTS_SHOWN_MAX, PolicyDifference, Standing, THREADS_MAX, object_changes, spread};
use crate::decide::{Outcome, SnapshotEvaluator, SnapshotWorld};

/// The difference that `after` makes where `before` was in force, on a fleet as it stands at `now`.
pub fn difference(
    snapshot: &Snapshot,
    before: &Policy,
    after: &Policy,
    now: Timestamp,
) -> PolicyDifference {
    let grouped = group(
        snapshot,
        Looked::at(&[before, after]),
        Some(now),
        THREADS_MAX,
    );
    let stage = reduced(snapshot, &grouped);
    let permissive = permissive(before);
    let worlds = Worlds {
        before: SnapshotWorld::new(&stage, before),
        after: SnapshotWorld::new(&stage, after),
        permissive: SnapshotWorld::new(&stage, &permissive),
        devices: &stage.devices,
        now,
    };
    let mut work: Vec<(usize, &Class, Option<_>)> = grouped
        .classes
        .iter()
        .enumerate()
        .map(|(number, class)| (number, class, None))
        .collect();
    spread(&mut work, THREADS_MAX, |(number, class, change)| {
        *change = Some(class_change(*number, class, &grouped, &worlds));
    });
    let changes: Vec<_> = work
        .into_iter()
        .filter_map(|(_, _, change)| change)
        .collect();
    let summed = summed(snapshot, &grouped, &changes, &worlds);
    let mut objects = object_changes(before, after);
    let objects_total = objects.len() as u64;
    objects.truncate(OBJECTS_SHOWN_MAX);
    PolicyDifference {
        at: now,
        objects,
        objects_total,
        counts: summed.counts,
        devices: snapshot.devices.len() as u64,
        devices_changed: summed.devices_changed,
        patches_changed: summed.patches_changed,
        first_due_at: summed.first_due_at,
        clients: summed.clients,
        clients_total: summed.clients_total,
    }
}

/// The policy with one more rule, behind all others, that approves everything: what is still not
/// approved under it is kept closed by somebody's word, and not because nobody spoke.
fn permissive(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    if let Ok(name) = "everything else".parse() {
        policy.rules.push(ApprovalRule {
            id: Id::unsaved(),
            client: None,
            name,
            owner: String::new(),
            patches: Query::everything(),
            devices: Query::everything(),
            action: RuleAction::Approve,
            after: Delay::NONE,
            kev_after: None,
            windows: Vec::new(),
            rings: None,
            study: None,
            why: String::new(),
        });
    }
    policy
}

struct Worlds<'a> {
    before: SnapshotWorld<'a>,
    after: SnapshotWorld<'a>,
    permissive: SnapshotWorld<'a>,
    devices: &'a [SnapshotDevice],
    now: Timestamp,
}

impl Ask for Worlds<'_> {
    fn class(&self, class: usize, findings: &[&SnapshotFinding]) -> Vec<(Short, Short)> {
        let Some(device) = self.devices.get(class) else {
            return Vec::new();
        };
        let before = self.before.device(device, self.now);
        let after = self.after.device(device, self.now);
        let frozen = (frozen(&before, findings), frozen(&after, findings));
        // Asked only where it is needed.
        let mut permissive = None;
        let mut kept = |finding: &SnapshotFinding| {
            let world = permissive.get_or_insert_with(|| self.permissive.device(device, self.now));
            world.outcome(finding).gate == Some(GateName::Decided)
        };
        let answers = findings.iter().map(|finding| {
            let (was, is) = (before.outcome(finding), after.outcome(finding));
            let opened = was.gate == Some(GateName::Decided) && is.gate != Some(GateName::Decided);
            let kept = opened && kept(finding);
            (short(was, kept, frozen.0), short(is, false, frozen.1))
        });
        answers.collect()
    }

    fn standings(&self, class: usize, place: usize) -> (Standing, Standing) {
        let of = |world: &SnapshotWorld<'_>| standing(self.verdict(world, class, place));
        (of(&self.before), of(&self.after))
    }

    fn kept_by(&self, class: usize, place: usize) -> Option<String> {
        let was = self.verdict(&self.before, class, place)?;
        let is = self.verdict(&self.after, class, place)?;
        let opened = |name| {
            let (was, is) = (gate(&was, name)?, gate(&is, name)?);
            (was.open == Some(false) && is.open != Some(false)).then(|| was.reason.clone())
        };
        opened(GateName::Decided).or_else(|| opened(GateName::Frozen))
    }
}

impl Worlds<'_> {
    fn verdict(&self, world: &SnapshotWorld<'_>, class: usize, place: usize) -> Option<Verdict> {
        let device = self.devices.get(class)?;
        let finding = device.findings.get(place)?;
        Some(world.device(device, self.now).verdict(finding))
    }
}

fn gate(verdict: &Verdict, name: GateName) -> Option<&Gate> {
    verdict.gates.iter().find(|gate| gate.gate == name)
}

/// Whether a freeze keeps the device as it is; that does not depend on the patch.
fn frozen(device: &SnapshotEvaluator<'_, '_>, findings: &[&SnapshotFinding]) -> bool {
    findings.first().is_some_and(|finding| {
        let verdict = device.verdict(finding);
        gate(&verdict, GateName::Frozen).is_some_and(|gate| gate.open == Some(false))
    })
}

fn short(outcome: Outcome, kept: bool, frozen: bool) -> Short {
    Short {
        verdict: outcome.answer,
        at: outcome.at,
        gate: outcome.gate,
        kept,
        frozen,
    }
}

fn standing(verdict: Option<Verdict>) -> Standing {
    match verdict {
        Some(verdict) => Standing {
            verdict: verdict.verdict,
            at: verdict.at,
            gate: verdict.gate,
            sentence: verdict.sentence,
        },
        None => Standing {
            verdict: domain::verdict::Answer::Never,
            at: None,
            gate: None,
            sentence: String::new(),
        },
    }
}
