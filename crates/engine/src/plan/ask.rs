//! The evaluator, asked about every class of devices under the policy before and after.

use domain::decision::Word;
use domain::id::Id;
use domain::policy::{ApprovalRule, Delay, Policy, PolicyKind, RuleAction};
use domain::query::Query;
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFinding};
use domain::verdict::{Gate, GateName, Verdict};
use jiff::Timestamp;

use super::answer::{Ask, Short, class_change, summed};
use super::group::{Class, Looked, group, reduced};
use super::{OBJECTS_SHOWN_MAX, PolicyDifference, Standing, THREADS_MAX, object_changes, spread};
use crate::decide::{Outcome, SnapshotWorld};

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
    let worlds = Worlds::ask(
        SnapshotWorld::new(&stage, before),
        SnapshotWorld::new(&stage, after),
        &SnapshotWorld::new(&stage, &permissive),
        &stage.devices,
        now,
    );
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
    devices: &'a [SnapshotDevice],
    now: Timestamp,
    /// Per class where its pairs begin in the lists below.
    begins: Vec<usize>,
    was: Vec<Outcome>,
    is: Vec<Outcome>,
    /// How pairs would stand if everything else were approved; empty where that was not asked.
    permitted: Vec<Outcome>,
}

/// Whether an outcome is that nobody's word lets the patch through.
fn undecided(outcome: &Outcome) -> bool {
    outcome.gate == Some(GateName::Decided)
}

/// Whether a policy can keep something closed by a word.
fn keeps(policy: &Policy) -> bool {
    let rules = policy
        .rules
        .iter()
        .any(|rule| rule.action != RuleAction::Approve);
    let decisions = policy.decisions.iter().any(|one| one.word != Word::Approve);
    rules || decisions || !policy.exclusions.is_empty() || !policy.unreadable.is_empty()
}

impl<'a> Worlds<'a> {
    fn ask(
        before: SnapshotWorld<'a>,
        after: SnapshotWorld<'a>,
        permissive: &SnapshotWorld<'_>,
        devices: &'a [SnapshotDevice],
        now: Timestamp,
    ) -> Self {
        let mut begins = Vec::with_capacity(devices.len());
        let mut pairs = 0;
        for device in devices {
            begins.push(pairs);
            pairs += device.findings.len();
        }
        let all = |world: &SnapshotWorld<'_>| world.fleet(THREADS_MAX).outcomes(now, THREADS_MAX);
        let (was, is) = (all(&before), all(&after));
        let opened = was
            .iter()
            .zip(&is)
            .any(|(was, is)| undecided(was) && !undecided(is));
        let permitted = match opened && keeps(before.policy()) {
            true => all(permissive),
            false => Vec::new(),
        };
        Self {
            before,
            after,
            devices,
            now,
            begins,
            was,
            is,
            permitted,
        }
    }

    /// Whether a freeze keeps a device as it is under one policy; that does not depend on the patch.
    fn is_frozen(&self, world: &SnapshotWorld<'a>, device: &'a SnapshotDevice) -> bool {
        let policy = world.policy();
        let freezes = policy.freezes.iter().map(|freeze| &freeze.devices);
        let broken = policy
            .unreadable
            .iter()
            .filter(|one| one.kind == PolicyKind::Freeze);
        let queries: Vec<&Query> = freezes.chain(broken.map(|one| &one.devices)).collect();
        if queries.is_empty() || !world.may_cover(device, &queries, self.now) {
            return false;
        }
        let evaluator = world.device(device, self.now);
        device.findings.first().is_some_and(|finding| {
            let verdict = evaluator.verdict(finding);
            gate(&verdict, GateName::Frozen).is_some_and(|gate| gate.open == Some(false))
        })
    }
}

impl Ask for Worlds<'_> {
    fn class(&self, class: usize, findings: &[&SnapshotFinding]) -> Vec<(Short, Short)> {
        let (Some(device), Some(begins)) = (self.devices.get(class), self.begins.get(class)) else {
            return Vec::new();
        };
        let frozen = self.is_frozen(&self.before, device);
        let still = frozen && self.is_frozen(&self.after, device);
        let pairs = (*begins..).take(findings.len());
        let answers = pairs.filter_map(|pair| {
            let (was, is) = (self.was.get(pair)?, self.is.get(pair)?);
            let kept =
                undecided(was) && !undecided(is) && self.permitted.get(pair).is_some_and(undecided);
            Some((short(*was, kept, frozen), short(*is, false, still)))
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
