//! The evaluator: may this patch be installed on this device now, later or never, and which gate
//! says so.
//!
//! Ten gates are asked in their order, and all that can be asked are, so that a person sees what
//! comes after the first closed one. `now`: all are open. `later`: every closed gate opens by
//! itself at a known time (that the device is off until then does not count). `never`: somebody
//! has to do something, and the sentence says who.

mod decided;
mod device;
mod preview;
mod words;

use domain::decision::Decision;
use domain::finding::{DatedFinding, FindingState};
use domain::patch::PatchId;
use domain::verdict::{Answer, Gate, GateName, Verdict};
use domain::window::{ChangeWindow, Opening};
use jiff::Timestamp;

use crate::calendar;
use crate::tries::{self, Tried};
use crate::view::DeviceView;
use domain::policy::Policy;

pub use preview::{DecisionPreview, preview};
pub use words::when;

/// How old a device's last report may be, in days.
pub const REPORT_FRESH_DAYS: i64 = 7;
/// How long ago a device may have spoken with the server to count as reachable, in seconds.
pub const REACHABLE_SECONDS: i64 = domain::order::CONTACT_WITHIN_SECONDS_DEFAULT as i64;

/// Asks all ten gates for one patch on one device. Patches in the finding's `needs` are looked up
/// in `view.findings`.
pub fn evaluate(
    view: &DeviceView,
    finding: &DatedFinding,
    rules: &Policy,
    now: Timestamp,
) -> Verdict {
    Evaluator::new(view, rules, now).verdict(finding)
}

/// The verdict for a patch that no finding of the device names.
pub fn evaluate_absent(
    view: &DeviceView,
    patch: &PatchId,
    rules: &Policy,
    now: Timestamp,
) -> Verdict {
    Evaluator::new(view, rules, now).absent(patch)
}

/// The gates of one device, asked once and used for all its patches.
pub struct Evaluator<'a> {
    view: &'a DeviceView,
    /// Decisions in force or not whose client and devices fit, or may fit.
    decisions: Vec<decided::Candidate<'a>>,
    now: Timestamp,
    known: Gate,
    window: Gate,
    covering: Vec<&'a ChangeWindow>,
    opening: Option<Opening>,
    reachable: Gate,
    guardrails: Gate,
}

impl<'a> Evaluator<'a> {
    /// Asks the gates that do not depend on the patch.
    pub fn new(view: &'a DeviceView, rules: &'a Policy, now: Timestamp) -> Self {
        let covering = device::covering(view, &rules.windows, now);
        let (window, opening) = device::window(view, &covering, now);
        Self {
            view,
            decisions: decided::candidates(view, &rules.decisions, now),
            now,
            known: device::known(view, now),
            window,
            covering,
            opening,
            reachable: device::reachable(view, now),
            guardrails: device::guardrails(view),
        }
    }

    /// The opening of the device's windows that is open now, or the next one.
    pub fn opening(&self) -> Option<Opening> {
        self.opening
    }

    /// The verdict for a patch of the device.
    pub fn verdict(&self, finding: &DatedFinding) -> Verdict {
        let known =
            if finding.finding.state == FindingState::Unknown && self.known.open == Some(true) {
                closed(
                    GateName::Known,
                    format!("it could not be assessed: {}", finding.finding.why),
                    Some("the device's next report"),
                )
            } else {
                self.known.clone()
            };
        self.all(
            known,
            applicable(finding),
            self.decided(finding),
            self.budget(finding),
        )
    }

    /// The verdict for a patch that no finding of the device names.
    pub fn absent(&self, patch: &PatchId) -> Verdict {
        let applicable = closed(
            GateName::Applicable,
            format!("the device does not list {patch}"),
            Some("the device's package sources"),
        );
        let decided = Gate {
            gate: GateName::Decided,
            open: None,
            reason: "not asked, because the device does not list the patch".into(),
            owner: None,
            opens_at: None,
            losers: None,
        };
        let budget = open(GateName::Budget, NO_BUDGET);
        self.all(self.known.clone(), applicable, decided, budget)
    }

    /// The gate `budget`: how often the patch may be tried. A patch that is not missing has no tries.
    fn budget(&self, finding: &DatedFinding) -> Gate {
        if finding.finding.state != FindingState::Missing {
            return open(GateName::Budget, NO_BUDGET);
        }
        let patch = &finding.finding.patch;
        match tries::tried(self.view, patch, self.approval(finding), self.opening) {
            Tried::NotYet => open(GateName::Budget, NO_BUDGET),
            Tried::TooOften { times } => closed(
                GateName::Budget,
                format!("it failed {times} times on this device, and a person has to look"),
                Some("whoever approves it anew"),
            ),
            Tried::InThisOpening { order, until } => Gate {
                opens_at: Some(until),
                ..closed(
                    GateName::Budget,
                    format!(
                        "order {order} tried it in this window; it is tried again in a later one"
                    ),
                    None,
                )
            },
        }
    }

    /// The gate `decided` alone: whether people's word covers the patch and all that it needs.
    pub fn decided(&self, finding: &DatedFinding) -> Gate {
        decided::gate(self.view, &self.decisions, finding, self.now)
    }

    /// The decision that approves the patch itself, where one does.
    pub fn approval(&self, finding: &DatedFinding) -> Option<&'a Decision> {
        decided::approval(&self.decisions, finding, self.now)
    }

    fn all(&self, known: Gate, applicable: Gate, decided: Gate, budget: Gate) -> Verdict {
        let gates = vec![
            known,
            applicable,
            decided,
            open(GateName::Delay, "no delay is configured"),
            open(GateName::Ring, "no rings are configured"),
            open(GateName::Frozen, "no freeze is configured"),
            self.window.clone(),
            budget,
            self.reachable.clone(),
            self.guardrails.clone(),
        ];
        self.answer(gates)
    }

    fn answer(&self, gates: Vec<Gate>) -> Verdict {
        let Some(first) = gates.iter().find(|gate| gate.open != Some(true)) else {
            return Verdict {
                verdict: Answer::Now,
                at: Some(self.now),
                gate: None,
                sentence: words::now(&gates),
                gates,
            };
        };
        let at = self.opens_by_itself(&gates);
        let mut closed = gates.iter().filter(|gate| gate.open == Some(false));
        let stays = closed.clone().find(|gate| gate.opens_at.is_none());
        let sentence = match (at, stays) {
            // The first gate opens by itself, and one behind it does not.
            (None, Some(stays)) if first.opens_at.is_some() => words::held_twice(first, stays),
            _ => words::held(first),
        };
        Verdict {
            verdict: if at.is_some() {
                Answer::Later
            } else {
                Answer::Never
            },
            at,
            gate: closed.next().map(|gate| gate.gate),
            sentence,
            gates,
        }
    }

    /// When all gates will be open, if nobody does anything; `None`: not known.
    fn opens_by_itself(&self, gates: &[Gate]) -> Option<Timestamp> {
        let mut at: Option<Timestamp> = None;
        for gate in gates.iter().filter(|gate| gate.open != Some(true)) {
            match gate.opens_at {
                Some(opens_at) => at = at.max(Some(opens_at)),
                // A device that is off now may be there when its window opens.
                None if gate.gate == GateName::Reachable => {}
                None => return None,
            }
        }
        let at = at?;
        let windows = self.covering.iter().copied();
        let zone = &self.view.device.zone;
        let (opening, _) = calendar::opening_at_or_after(windows, zone, at);
        opening.map(|opening| at.max(opening.opens_at))
    }
}

fn applicable(finding: &DatedFinding) -> Gate {
    let finding = &finding.finding;
    let gate = GateName::Applicable;
    let no = |reason: String, owner| closed(gate, reason, Some(owner));
    match (finding.state, &finding.refused) {
        (FindingState::Missing, None) => open(gate, "a fix can be installed"),
        (FindingState::Missing, Some(why)) => no(
            format!("the device's package manager refuses it: {why}"),
            "the device's administrator",
        ),
        (FindingState::NoFix, _) => no(
            format!("no fix can be installed: {}", finding.why),
            "the vendor or the device's administrator",
        ),
        (FindingState::OldCodeRunning, _) => no(
            format!("it is fixed on disk, and a restart is due: {}", finding.why),
            "whoever may restart it",
        ),
        (FindingState::Fixed, _) => no(format!("it is fixed: {}", finding.why), "nobody"),
        (FindingState::NotAffected, _) => {
            no(format!("it does not apply: {}", finding.why), "nobody")
        }
        (FindingState::Unknown, _) => Gate {
            gate,
            open: None,
            reason: format!("not known: {}", finding.why),
            owner: None,
            opens_at: None,
            losers: None,
        },
    }
}

/// What the gate `budget` says when nothing limits it.
const NO_BUDGET: &str = "no budget is configured";

pub(crate) fn open(gate: GateName, reason: impl Into<String>) -> Gate {
    Gate {
        gate,
        open: Some(true),
        reason: reason.into(),
        owner: None,
        opens_at: None,
        losers: None,
    }
}

pub(crate) fn closed(gate: GateName, reason: impl Into<String>, owner: Option<&str>) -> Gate {
    Gate {
        gate,
        open: Some(false),
        reason: reason.into(),
        owner: owner.map(str::to_owned),
        opens_at: None,
        losers: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
