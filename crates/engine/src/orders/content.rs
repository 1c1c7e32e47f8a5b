//! What the order for the next opening has to hold.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::{DatedFinding, Finding, FindingState};
use domain::order::{
    CONTACT_WITHIN_SECONDS_DEFAULT, DELIVERY_LEAD_HOURS, ITEMS_MAX, OrderItem, Switch,
};
use domain::package::Ecosystem;
use domain::patch::PatchId;
use domain::verdict::{GateName, Verdict};
use domain::window::Opening;
use jiff::{SignedDuration, Timestamp};

use super::{GRACE_HOURS, OrderContent, Plan, Waiting, WaitingReason, look_again};
use crate::decide::Evaluator;
use crate::tries::{self, Tried};
use crate::view::DeviceView;

pub(super) fn of(
    items: Vec<OrderItem>,
    opening: Opening,
    generation: u32,
    sequence: u64,
) -> OrderContent {
    OrderContent {
        generation,
        sequence,
        items,
        restart_services: Switch::On,
        opens_at: opening.opens_at,
        closes_at: opening.closes_at,
        deadline: opening.closes_at + SignedDuration::from_hours(GRACE_HOURS),
        contact_within_seconds: CONTACT_WITHIN_SECONDS_DEFAULT,
    }
}

/// The items for the next opening, if there are any and it is near enough; says what waits.
///
/// Each patch has its own opening, because rules may limit its windows. Those that may begin first go
/// in one order, within the time that all of them have in common.
pub(super) fn content(
    view: &DeviceView,
    evaluator: &Evaluator<'_>,
    now: Timestamp,
    plan: &mut Plan,
) -> Option<(Vec<OrderItem>, Opening)> {
    let mut fit: BTreeMap<&PatchId, &DatedFinding> = BTreeMap::new();
    let mut openings: BTreeMap<&PatchId, Opening> = BTreeMap::new();
    for dated in &view.findings {
        if dated.finding.state != FindingState::Missing {
            continue;
        }
        let opening = evaluator.opening_for(dated);
        if let Some(opening) = opening {
            look_again(plan, made_at(opening), now);
            look_again(plan, opening.opens_at, now);
            look_again(plan, opening.closes_at, now);
        }
        match (keeps(view, evaluator, dated, opening, now), opening) {
            (None, Some(opening)) => {
                fit.insert(&dated.finding.patch, dated);
                openings.insert(&dated.finding.patch, opening);
            }
            (None, None) => {}
            (Some(reason), _) => {
                if let WaitingReason::Gate(Verdict { at: Some(at), .. }) = reason {
                    let lead = SignedDuration::from_hours(DELIVERY_LEAD_HOURS);
                    look_again(plan, at, now);
                    look_again(plan, at - lead, now);
                }
                plan.waiting.push(Waiting {
                    patch: dated.finding.patch.clone(),
                    reason,
                });
            }
        }
    }
    without_needs(&mut fit, view, evaluator, plan);
    let opening = in_common(&mut fit, &openings, now, plan)?;
    let items = items(&fit, plan);
    (!items.is_empty()).then_some((items, opening))
}

/// Leaves the patches that may begin first, and gives the time that all of them have in common.
fn in_common(
    fit: &mut BTreeMap<&PatchId, &DatedFinding>,
    openings: &BTreeMap<&PatchId, Opening>,
    now: Timestamp,
    plan: &mut Plan,
) -> Option<Opening> {
    let of = |patch: &PatchId| openings.get(patch).copied();
    let all = || fit.keys().filter_map(|patch| of(patch));
    let first = all().map(|opening| opening.opens_at.max(now)).min()?;
    let together = |opening: &Opening| opening.opens_at <= first;
    let opening = all().filter(together).reduce(|common, opening| Opening {
        opens_at: common.opens_at.max(opening.opens_at),
        closes_at: common.closes_at.min(opening.closes_at),
    })?;
    fit.retain(|patch, _| {
        let later = of(patch).filter(|opening| !together(opening));
        if let Some(later) = later {
            plan.waiting.push(Waiting {
                patch: (*patch).clone(),
                reason: WaitingReason::NotYetMade {
                    made_at: later.opens_at,
                    opens_at: later.opens_at,
                },
            });
        }
        later.is_none()
    });
    Some(opening)
}

fn made_at(opening: Opening) -> Timestamp {
    opening.opens_at - SignedDuration::from_hours(DELIVERY_LEAD_HOURS)
}

/// What keeps a patch out of the order for `opening`.
fn keeps(
    view: &DeviceView,
    evaluator: &Evaluator<'_>,
    dated: &DatedFinding,
    opening: Option<Opening>,
    now: Timestamp,
) -> Option<WaitingReason> {
    let verdict = evaluator.verdict(dated);
    let (Some(opening), true) = (opening, may_be_ordered(&verdict)) else {
        return Some(WaitingReason::Gate(verdict));
    };
    match tries::tried(
        view,
        &dated.finding.patch,
        evaluator.approval(dated),
        Some(opening),
    ) {
        Tried::NotYet => {}
        Tried::TooOften { times } => return Some(WaitingReason::FailedTooOften { tries: times }),
        Tried::InThisOpening { order, .. } => {
            return Some(WaitingReason::TriedInThisOpening { order });
        }
    }
    (now < made_at(opening)).then(|| WaitingReason::NotYetMade {
        made_at: made_at(opening),
        opens_at: opening.opens_at,
    })
}

/// Whether all gates are open but for the window, whose opening the order carries, a freeze that is
/// over by then, and the budget of tries, which is asked apart for that opening. Whether the device is
/// reachable now does not matter: it takes the order when it comes.
fn may_be_ordered(verdict: &Verdict) -> bool {
    verdict.gates.iter().all(|gate| match gate.gate {
        GateName::Window | GateName::Budget | GateName::Reachable => true,
        GateName::Frozen => gate.open == Some(true) || gate.opens_at.is_some(),
        GateName::Known
        | GateName::Applicable
        | GateName::Decided
        | GateName::Delay
        | GateName::Ring
        | GateName::Guardrails => gate.open == Some(true),
    })
}

/// Takes out patches whose needs are not in the order, until all fit together.
fn without_needs<'a>(
    fit: &mut BTreeMap<&'a PatchId, &'a DatedFinding>,
    view: &DeviceView,
    evaluator: &Evaluator<'_>,
    plan: &mut Plan,
) {
    let missing: BTreeSet<&PatchId> = view
        .findings
        .iter()
        .filter(|dated| dated.finding.state == FindingState::Missing)
        .map(|dated| &dated.finding.patch)
        .collect();
    loop {
        let lacking = fit.iter().find_map(|(patch, dated)| {
            let lacks = |need: &&PatchId| missing.contains(*need) && !fit.contains_key(*need);
            dated
                .finding
                .needs
                .iter()
                .find(lacks)
                .map(|_| (*patch, *dated))
        });
        let Some((patch, dated)) = lacking else {
            return;
        };
        fit.remove(patch);
        plan.waiting.push(Waiting {
            patch: patch.clone(),
            reason: WaitingReason::Gate(evaluator.verdict(dated)),
        });
    }
}

/// The items of as many patches as fit, most pressing first; a patch and its needs stay together.
fn items(fit: &BTreeMap<&PatchId, &DatedFinding>, plan: &mut Plan) -> Vec<OrderItem> {
    let findings: Vec<Finding> = fit.values().map(|dated| dated.finding.clone()).collect();
    let mut taken: BTreeSet<&PatchId> = BTreeSet::new();
    let mut items: BTreeSet<OrderItem> = BTreeSet::new();
    for (finding, _) in crate::assess::by_risk(&findings) {
        let mut group = BTreeSet::from([&finding.patch]);
        let mut ask: Vec<&PatchId> = finding.needs.iter().collect();
        while let Some(need) = ask.pop() {
            if let Some(other) = fit.get(need)
                && group.insert(need)
            {
                ask.extend(&other.finding.needs);
            }
        }
        let more: BTreeSet<OrderItem> = group
            .iter()
            .filter(|patch| !taken.contains(**patch))
            .flat_map(|patch| of_finding(&fit[*patch].finding))
            .collect();
        if items.len() + more.len() > ITEMS_MAX {
            plan.waiting.push(Waiting {
                patch: finding.patch.clone(),
                reason: WaitingReason::OrderFull,
            });
            continue;
        }
        items.extend(more);
        for patch in group {
            if let Some((own, _)) = fit.get_key_value(patch) {
                taken.insert(own);
            }
        }
    }
    items.into_iter().collect()
}

fn of_finding(finding: &Finding) -> Vec<OrderItem> {
    let ecosystem = match &finding.patch {
        PatchId::Source { ecosystem, .. } => *ecosystem,
        PatchId::Update(_) => Ecosystem::Windows,
        PatchId::Application { .. } => Ecosystem::Winget,
    };
    finding
        .packages
        .iter()
        .filter_map(|package| {
            Some(OrderItem {
                ecosystem,
                name: package.name.clone(),
                architecture: package.architecture.clone(),
                from: package.installed.clone(),
                to: package.candidate.clone()?,
                patch: finding.patch.clone(),
            })
        })
        .collect()
}
