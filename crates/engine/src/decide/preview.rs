//! What a new decision would touch, shown before it is saved.

use std::collections::BTreeSet;

use domain::decision::Decision;
use domain::finding::FindingState;
use domain::id::DeviceId;
use domain::patch::PatchId;
use jiff::Timestamp;

use super::Evaluator;
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
    }
}
