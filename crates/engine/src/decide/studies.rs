//! What rules hold for somebody to study: which patches of a device wait for an answer, until when that may
//! stay so, and why one does not wait any more.

use domain::decision::Decision;
use domain::finding::{DatedFinding, FindingState};
use domain::patch::PatchId;
use domain::policy::{ApprovalRule, RuleAction, Study};
use jiff::Timestamp;

use super::Evaluator;
use super::gates::{because, done, whose};
use super::pair::decides;
use super::states::Deciding;

/// When the answer to a study is due that somebody was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerDue {
    /// The rule that holds the patch, by name.
    pub rule: String,
    /// The patch.
    pub patch: PatchId,
    /// When.
    pub due_at: Timestamp,
}

impl AnswerDue {
    pub(super) fn is_of(&self, rule: &ApprovalRule, patch: &PatchId) -> bool {
        self.rule == rule.name.as_str() && self.patch == *patch
    }
}

/// A patch of a device that a rule holds for somebody to study.
#[derive(Debug, Clone, Copy)]
pub struct HeldForStudy<'a> {
    /// The patch.
    pub patch: &'a PatchId,
    /// The rule.
    pub rule: &'a ApprovalRule,
    /// Who studies it, and how soon.
    pub study: &'a Study,
    /// Whether the patch is certainly missing. One that could not be assessed goes on waiting, and nobody
    /// is asked about it anew.
    pub missing: bool,
}

/// What a device waits for.
#[derive(Debug, Clone, Default)]
pub struct Studies<'a> {
    /// What is held now, by patch.
    pub held: Vec<HeldForStudy<'a>>,
    /// Whether something that may decide cannot be read: then nobody knows whether the rest is held.
    pub unreadable: bool,
    /// When that may be otherwise without anything happening: a decision or an exclusion ends, or a patch
    /// grows old enough for another rule.
    pub look_again_at: Option<Timestamp>,
}

/// Says which decision answered a study.
pub fn answered_by(decision: &Decision) -> String {
    format!(
        "Answered: {} by {} for the {}{}.",
        done(decision.word),
        whose(decision),
        decision.level,
        because(&decision.reason)
    )
}

impl<'a> Evaluator<'a> {
    /// What the rules hold on this device for somebody to study.
    pub fn studies(&self) -> Studies<'a> {
        let mut studies = Studies::default();
        let mut unreadable = self.side.coverage.unreadable.iter();
        studies.unreadable = unreadable.any(|object| decides(object.kind));
        let asks = |rule: &ApprovalRule| rule.study.is_some();
        if !self
            .side
            .coverage
            .rules
            .iter()
            .any(|rule| asks(rule.object))
        {
            return studies;
        }
        for finding in &self.view.findings {
            let missing = match finding.finding.state {
                FindingState::Missing => true,
                FindingState::Unknown => false,
                FindingState::NoFix
                | FindingState::OldCodeRunning
                | FindingState::Fixed
                | FindingState::NotAffected => continue,
            };
            let (decided, turn) = self.deciding_now(finding);
            if let Some(turn) = turn {
                let next = studies.look_again_at.map_or(turn, |at| at.min(turn));
                studies.look_again_at = Some(next);
            }
            if let Some(Deciding::Rule(rule, ..)) = decided
                && let (RuleAction::Hold, Some(study)) = (rule.action, &rule.study)
            {
                studies.held.push(HeldForStudy {
                    patch: &finding.finding.patch,
                    rule,
                    study,
                    missing,
                });
            }
        }
        studies
    }

    /// Who decides about a patch now, and when that may be otherwise.
    fn deciding_now(&self, finding: &DatedFinding) -> (Option<Deciding<'a>>, Option<Timestamp>) {
        self.ask(finding, |side, pair, _| {
            let decided = pair.parts.first().map(|part| side.deciding(part, side.now));
            (decided, side.turns(pair, side.now).first().copied())
        })
    }

    /// Why a patch that this device waited for is not held for study any more, as a sentence. `rule` is the
    /// name of the rule that held it.
    pub fn answered(&self, patch: &PatchId, rule: &str) -> String {
        let device = &self.view.device.name;
        let mut findings = self.view.findings.iter();
        let Some(finding) = findings.find(|dated| dated.finding.patch == *patch) else {
            return self.replaced(patch);
        };
        let why = &finding.finding.why;
        match finding.finding.state {
            FindingState::Missing | FindingState::Unknown => {}
            FindingState::Fixed | FindingState::OldCodeRunning => {
                return format!(
                    "No device waits any more: {device}, the last one, has it ({why})."
                );
            }
            FindingState::NotAffected | FindingState::NoFix => {
                return format!(
                    "No device waits any more: {device}, the last one, does not need it or cannot have it ({why})."
                );
            }
        }
        match self.deciding_now(finding).0 {
            Some(Deciding::Decision(decision, _)) => answered_by(decision),
            Some(Deciding::Excluded(exclusion, _)) => format!(
                "No device waits any more: the exclusion {} keeps {device}, the last one, out{}.",
                exclusion.name,
                because(&exclusion.reason)
            ),
            Some(Deciding::Rule(other, ..)) if other.name.as_str() == rule => match other.action {
                RuleAction::Hold => format!("The rule {rule} asks nobody any more."),
                RuleAction::Approve => format!("The rule {rule} approves it now."),
                RuleAction::Deny => format!("The rule {rule} denies it now."),
            },
            Some(Deciding::Rule(other, ..)) => format!(
                "The rule {rule} does not decide about it any more: the rule {} does.",
                other.name
            ),
            Some(Deciding::Unreadable(_) | Deciding::Nobody) | None => {
                format!("The rule {rule} does not hold it any more.")
            }
        }
    }

    /// The sentence for a patch that the device does not list any more.
    fn replaced(&self, patch: &PatchId) -> String {
        let device = &self.view.device.name;
        let newer = self.view.findings.iter().find(|dated| {
            dated.finding.state == FindingState::Missing
                && dated.finding.patch.product() == patch.product()
        });
        match newer {
            Some(newer) => format!(
                "No device waits any more: on {device}, the last one, {} stands in its place.",
                newer.finding.patch
            ),
            None => {
                format!("No device waits any more: {device}, the last one, does not list it now.")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
