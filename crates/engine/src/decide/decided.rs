//! The gate `decided`: whose word counts, and whether everything that the patch needs is approved.
//!
//! The closest level wins; within a level deny beats hold beats approve. A decision approves only
//! what it certainly covers. A hold or deny also stops what it perhaps covers (its query asks for
//! something that is not known yet): better late than against somebody's word.

use std::collections::BTreeSet;

use domain::decision::{Decision, Word};
use domain::finding::{DatedFinding, FindingState};
use domain::patch::PatchId;
use domain::query::Truth;
use domain::verdict::{Gate, GateName};
use jiff::Timestamp;

use super::words::when;
use super::{closed, open};
use crate::subject::{DeviceSubject, PatchSubject};
use crate::view::DeviceView;

/// Most losers that a reason names.
const LOSERS_NAMED_MAX: usize = 3;

/// A decision whose client and devices fit, or may fit.
pub(super) struct Candidate<'a> {
    decision: &'a Decision,
    devices: Truth,
}

pub(super) fn candidates<'a>(
    view: &DeviceView,
    decisions: &'a [Decision],
    now: Timestamp,
) -> Vec<Candidate<'a>> {
    let subject = DeviceSubject::of(view);
    decisions
        .iter()
        .filter(|decision| decision.client.is_none_or(|id| id == view.device.client))
        .map(|decision| Candidate {
            decision,
            devices: decision.devices.evaluate(&subject, now),
        })
        .filter(|candidate| candidate.devices != Truth::No)
        .collect()
}

/// A decision that counts for a patch.
#[derive(Clone, Copy)]
struct Counting<'a> {
    decision: &'a Decision,
    /// Whether it certainly covers the patch on the device.
    certain: bool,
}

/// The decisions that count at `at`, the winner first.
fn counting<'a>(
    candidates: &[Candidate<'a>],
    finding: &DatedFinding,
    at: Timestamp,
    now: Timestamp,
) -> Vec<Counting<'a>> {
    let subject = PatchSubject::of(finding);
    let mut counting: Vec<Counting<'a>> = candidates
        .iter()
        .filter(|candidate| candidate.decision.is_in_force(at))
        .filter_map(|candidate| {
            let decision = candidate.decision;
            let truth = candidate
                .devices
                .and(decision.patches.evaluate(&subject, now));
            let counts = match decision.word {
                Word::Approve => truth == Truth::Yes,
                Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny => truth != Truth::No,
            };
            counts.then_some(Counting {
                decision,
                certain: truth == Truth::Yes,
            })
        })
        .collect();
    counting.sort_by(|a, b| {
        let rank = |c: &Counting<'_>| {
            (
                c.decision.level,
                c.decision.word,
                c.decision.decided_at,
                c.decision.id,
            )
        };
        rank(b).cmp(&rank(a))
    });
    counting
}

fn approved<'a>(
    candidates: &[Candidate<'a>],
    finding: &DatedFinding,
    at: Timestamp,
    now: Timestamp,
) -> Option<&'a Decision> {
    counting(candidates, finding, at, now)
        .first()
        .filter(|winner| winner.decision.word == Word::Approve)
        .map(|winner| winner.decision)
}

/// The decision that approves the patch itself now.
pub(super) fn approval<'a>(
    candidates: &[Candidate<'a>],
    finding: &DatedFinding,
    now: Timestamp,
) -> Option<&'a Decision> {
    approved(candidates, finding, now, now)
}

pub(super) fn gate(
    view: &DeviceView,
    candidates: &[Candidate<'_>],
    finding: &DatedFinding,
    now: Timestamp,
) -> Gate {
    let mut gate = own_gate(view, candidates, finding, now);
    if gate.open == Some(true) {
        let lacking = lacking(view, candidates, finding, now, now);
        if !lacking.is_empty() {
            let reason = format!("it needs {}", lacking.join(" and "));
            gate = closed(GateName::Decided, reason, Some(&approver(view)));
        }
    }
    if gate.open == Some(false) {
        gate.opens_at = opens_by_itself(view, candidates, finding, now);
        if let Some(at) = gate.opens_at {
            let until = when(at, &view.device.zone);
            gate.reason = format!("{}, until {until}", gate.reason);
        }
    }
    gate
}

fn own_gate(
    view: &DeviceView,
    candidates: &[Candidate<'_>],
    finding: &DatedFinding,
    now: Timestamp,
) -> Gate {
    let counting = counting(candidates, finding, now, now);
    let Some(winner) = counting.first() else {
        let reason = "nobody has decided about this patch for this device";
        return closed(GateName::Decided, reason, Some(&approver(view)));
    };
    let decision = winner.decision;
    let who = &decision.decided_by_name;
    let perhaps = match winner.certain {
        true => "",
        false => ", and whether that covers it is not known yet",
    };
    let word = match decision.word {
        Word::Approve => "approved",
        Word::AcceptRisk => "left open knowingly",
        Word::Pin => "pinned",
        Word::Hold => "put on hold",
        Word::Deny => "denied",
    };
    let losers = losers(&counting[1..]);
    let reason = format!(
        "{word} by {who} for the {} ({}){perhaps}{losers}",
        decision.level, decision.reason
    );
    match decision.word {
        Word::Approve => open(GateName::Decided, reason),
        Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny => {
            closed(GateName::Decided, reason, Some(who))
        }
    }
}

fn losers(counting: &[Counting<'_>]) -> String {
    if counting.is_empty() {
        return String::new();
    }
    let mut named: Vec<String> = counting
        .iter()
        .take(LOSERS_NAMED_MAX)
        .map(|loser| {
            let decision = loser.decision;
            format!(
                "{} by {} for the {}",
                decision.word, decision.decided_by_name, decision.level
            )
        })
        .collect();
    if counting.len() > LOSERS_NAMED_MAX {
        named.push(format!("{} more", counting.len() - LOSERS_NAMED_MAX));
    }
    format!("; this goes before {}", named.join(", "))
}

fn approver(view: &DeviceView) -> String {
    format!(
        "whoever may approve patches for {}",
        view.device.client_name
    )
}

/// What the patch needs and nobody approved, as parts of a sentence.
fn lacking(
    view: &DeviceView,
    candidates: &[Candidate<'_>],
    finding: &DatedFinding,
    at: Timestamp,
    now: Timestamp,
) -> Vec<String> {
    let mut seen = BTreeSet::from([&finding.finding.patch]);
    let mut ask: Vec<&PatchId> = finding.finding.needs.iter().collect();
    let mut lacking = BTreeSet::new();
    while let Some(patch) = ask.pop() {
        if !seen.insert(patch) {
            continue;
        }
        let needed = view
            .findings
            .iter()
            .find(|other| other.finding.patch == *patch);
        let Some(needed) = needed else {
            lacking.insert(format!("{patch}, which the device does not list"));
            continue;
        };
        match needed.finding.state {
            FindingState::Missing => {
                if approved(candidates, needed, at, now).is_none() {
                    lacking.insert(format!("{patch}, which is not approved"));
                }
                ask.extend(&needed.finding.needs);
            }
            FindingState::Fixed | FindingState::OldCodeRunning => {}
            FindingState::NoFix | FindingState::NotAffected | FindingState::Unknown => {
                lacking.insert(format!("{patch}, which cannot be installed"));
            }
        }
    }
    lacking.into_iter().collect()
}

/// Patches that `finding` needs and nobody approved.
pub(super) fn needed(
    view: &DeviceView,
    candidates: &[Candidate<'_>],
    finding: &DatedFinding,
    now: Timestamp,
) -> Vec<PatchId> {
    let needed = needs_closure(view, finding);
    needed
        .into_iter()
        .filter(|other| approved(candidates, other, now, now).is_none())
        .map(|other| other.finding.patch.clone())
        .collect()
}

/// The missing patches without which `finding` cannot be installed, whatever anybody decided.
pub(super) fn needs_closure<'v>(
    view: &'v DeviceView,
    finding: &DatedFinding,
) -> Vec<&'v DatedFinding> {
    let mut seen = BTreeSet::from([finding.finding.patch.clone()]);
    let mut ask = finding.finding.needs.clone();
    let mut all = Vec::new();
    while let Some(patch) = ask.pop() {
        if !seen.insert(patch.clone()) {
            continue;
        }
        let needed = view
            .findings
            .iter()
            .find(|other| other.finding.patch == patch);
        if let Some(needed) = needed.filter(|n| n.finding.state == FindingState::Missing) {
            ask.extend(needed.finding.needs.iter().cloned());
            all.push(needed);
        }
    }
    all.sort_by(|a, b| a.finding.patch.cmp(&b.finding.patch));
    all
}

/// The first end of a decision at which the patch and all its needs will be approved.
fn opens_by_itself(
    view: &DeviceView,
    candidates: &[Candidate<'_>],
    finding: &DatedFinding,
    now: Timestamp,
) -> Option<Timestamp> {
    let ends: BTreeSet<Timestamp> = candidates
        .iter()
        .filter(|candidate| candidate.decision.is_in_force(now))
        .flat_map(|candidate| [candidate.decision.until, candidate.decision.ended_at])
        .flatten()
        .filter(|end| *end > now)
        .collect();
    ends.into_iter().find(|at| {
        approved(candidates, finding, *at, now).is_some()
            && lacking(view, candidates, finding, *at, now).is_empty()
    })
}
