//! What a new decision would touch, shown before it is saved.

use std::collections::BTreeSet;

use domain::decision::{Decision, Level};
use domain::finding::FindingState;
use domain::id::DeviceId;
use domain::patch::PatchId;
use domain::policy::{ApprovalRule, Exclusion, PolicyKind};
use jiff::Timestamp;

use super::{Evaluator, gates};
use crate::subject::PatchSubject;
use crate::view::DeviceView;
use domain::policy::Policy;

/// What a new decision would touch today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionPreview {
    /// Missing patches that it covers on at least one device, sorted.
    pub patches: Vec<PatchId>,
    /// Devices on which it covers at least one of them, sorted.
    pub devices: Vec<DeviceId>,
    /// The earliest time at which one of them would be installed; `None` when nothing would.
    pub first_due_at: Option<Timestamp>,
    /// Patches that covered ones need and that nobody approved, sorted.
    pub needed: Vec<PatchId>,
    /// What goes before it for one of those patches, sorted: there it does not count.
    pub loses_to: Vec<Rival>,
    /// What it goes before for one of those patches, sorted.
    pub beats: Vec<Rival>,
}

/// Something else that matches a patch which a decision covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rival {
    /// How close it is.
    pub level: Level,
    /// `exclude`, or the word of a decision or rule.
    pub says: &'static str,
    /// Which: its name, or who decided.
    pub object: String,
}

impl Rival {
    pub(super) fn decision(decision: &Decision) -> Self {
        let one = gates::of_decision(decision);
        Self {
            level: one.level,
            says: one.verdict.word(),
            object: one.object,
        }
    }

    pub(super) fn rule(rule: &ApprovalRule) -> Self {
        let one = gates::of_rule(rule);
        Self {
            level: one.level,
            says: one.verdict.word(),
            object: one.object,
        }
    }

    pub(super) fn exclusion(exclusion: &Exclusion) -> Self {
        Self {
            level: Level::of_query(&exclusion.devices),
            says: PolicyKind::Exclude.word(),
            object: exclusion.name.to_string(),
        }
    }
}

/// What else matches a patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rivals {
    /// What goes before the decision.
    pub before: Vec<Rival>,
    /// What it goes before.
    pub behind: Vec<Rival>,
}

/// What `decision` would touch, if it joined `rules` now.
pub fn preview(
    decision: &Decision,
    views: &[DeviceView],
    rules: &Policy,
    now: Timestamp,
) -> DecisionPreview {
    let mut after = rules.clone();
    after.decisions.push(decision.clone());
    let (mut patches, mut devices) = (BTreeSet::new(), BTreeSet::new());
    let (mut needed, mut first_due_at) = (BTreeSet::new(), None);
    let (mut loses_to, mut beats) = (BTreeSet::new(), BTreeSet::new());
    for view in views {
        let evaluator = Evaluator::new(view, &after, now);
        // The evaluator knows the groups of the device, which the query may name.
        let new = rules.decisions.len();
        let covering = evaluator.effective().decisions;
        if !covering.iter().any(|one| one.index == new && one.certain) {
            continue;
        }
        for finding in &view.findings {
            let covered = finding.finding.state == FindingState::Missing
                && decision.patches.matches(&PatchSubject::of(finding), now);
            if !covered {
                continue;
            }
            patches.insert(finding.finding.patch.clone());
            devices.insert(view.device.id);
            needed.extend(evaluator.needed(finding));
            if let Some(own) = after.decisions.get(new) {
                let rivals = evaluator.rivals(finding, own);
                loses_to.extend(rivals.before);
                beats.extend(rivals.behind);
            }
            if let Some(at) = evaluator.verdict(finding).at {
                first_due_at = Some(first_due_at.map_or(at, |first: Timestamp| first.min(at)));
            }
        }
    }
    DecisionPreview {
        patches: patches.into_iter().collect(),
        devices: devices.into_iter().collect(),
        first_due_at,
        needed: needed.into_iter().collect(),
        loses_to: loses_to.into_iter().collect(),
        beats: beats.into_iter().collect(),
    }
}
