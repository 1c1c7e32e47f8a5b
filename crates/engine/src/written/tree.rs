//! The decision tree: the questions that decide whether a patch is installed, in their order.

use domain::decision::{Decision, Word};
use domain::policy::{ApprovalRule, Policy, RuleAction};

use super::objects::capital;
use super::query::{devices, patches};
use super::times::{delay, instant};
use super::{Outcome, Step};

/// A question before the steps are numbered.
struct Draft {
    question: String,
    yes: Then,
    no: Then,
}

enum Then {
    /// The next question.
    Next,
    /// The first question after all about the decision.
    Approved,
    End(String),
}

fn end(text: impl Into<String>) -> Then {
    Then::End(text.into())
}

/// The steps for this policy; objects that it does not have make no step.
pub(super) fn tree(policy: &Policy) -> Vec<Step> {
    let mut deciding = vec![Draft {
        question:
            "Is it known that the patch is missing on the device, from definitions that are fresh?"
                .to_owned(),
        yes: Then::Next,
        no: end("Nothing is changed; the gap in knowledge is shown and told."),
    }];
    deciding.extend(policy.exclusions.iter().map(|one| Draft {
        question: format!(
            "Is it one of {} (exclusion “{}”)?",
            devices(&one.devices),
            one.name
        ),
        yes: end("Nothing is changed."),
        no: Then::Next,
    }));
    deciding.extend(decisions(policy).into_iter().map(decided));
    deciding.extend(policy.rules.iter().map(ruled));
    if let Some(last) = deciding
        .last_mut()
        .filter(|last| matches!(last.no, Then::Next))
    {
        last.no = end("Nothing is changed: nobody has decided about it.");
    }
    numbered(deciding, gates(policy))
}

/// Decisions of persons in their order: the closest level first, within a level the strictest.
fn decisions(policy: &Policy) -> Vec<&Decision> {
    let mut all: Vec<&Decision> = policy.decisions.iter().collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.level, one.word)));
    all
}

fn decided(decision: &Decision) -> Draft {
    let until = decision
        .until
        .map_or_else(String::new, |until| format!(" until {}", instant(until)));
    let yes = match decision.word {
        Word::Approve => Then::Approved,
        Word::AcceptRisk => end(format!("It is left open{until}: the risk is accepted.")),
        Word::Pin => match &decision.version {
            Some(version) => end(format!(
                "Only versions up to {version} are installed{until}."
            )),
            None => end(format!(
                "It is not installed{until}: the version in use stays."
            )),
        },
        Word::Hold => end(format!("It is held{until}.")),
        Word::Deny => end(format!("It is not installed{until}.")),
    };
    Draft {
        question: format!(
            "Is it one of {} on {} (decision at the level {})?",
            patches(&decision.patches),
            devices(&decision.devices),
            decision.level
        ),
        yes,
        no: Then::Next,
    }
}

fn ruled(rule: &ApprovalRule) -> Draft {
    let yes = match rule.action {
        RuleAction::Approve => Then::Approved,
        RuleAction::Hold => end(match &rule.study {
            Some(study) => format!("It waits until {} decides.", study.owner),
            None => "It waits until a person decides.".to_owned(),
        }),
        RuleAction::Deny => end("It is not installed."),
    };
    Draft {
        question: format!(
            "Is it one of {} on {} (rule “{}”)?",
            patches(&rule.patches),
            devices(&rule.devices),
            rule.name
        ),
        yes,
        no: Then::Next,
    }
}

/// What is asked of everything that is approved.
fn gates(policy: &Policy) -> Vec<Draft> {
    let approving = || {
        policy
            .rules
            .iter()
            .filter(|rule| rule.action == RuleAction::Approve)
    };
    let mut drafts = Vec::new();
    if approving().any(|rule| !rule.after.is_none()) {
        let longest = approving().map(|rule| rule.after).max().unwrap_or_default();
        drafts.push(Draft {
            question: format!(
                "Is the delay over that the rule gives (at most {} after the fix was released)?",
                delay(longest)
            ),
            yes: Then::Next,
            no: end("It waits until the delay is over."),
        });
    }
    if !policy.rings.is_empty() {
        drafts.push(Draft {
            question: "Has the ring of the device been reached?".to_owned(),
            yes: Then::Next,
            no: end("It waits for its ring."),
        });
    }
    if !policy.freezes.is_empty() {
        let names: Vec<String> = policy
            .freezes
            .iter()
            .map(|one| format!("“{}”", one.name))
            .collect();
        drafts.push(Draft {
            question: format!(
                "Is the device frozen ({})?",
                super::query::listed(&names, "or")
            ),
            yes: end("It waits until the freeze is over."),
            no: Then::Next,
        });
    }
    drafts.push(Draft {
        question: "Is a change window open for the device?".to_owned(),
        yes: Then::Next,
        no: end("It waits for the next opening."),
    });
    drafts.push(Draft {
        question: "Is the device in contact, set to managed, and do its own guardrails allow it?"
            .to_owned(),
        yes: end("It is installed, looked at again, and reported."),
        no: end("It waits; the reason is shown."),
    });
    drafts
}

/// Numbers the questions and turns `Next` and `Approved` into numbers.
fn numbered(deciding: Vec<Draft>, gates: Vec<Draft>) -> Vec<Step> {
    let approved = deciding.len() + 1;
    deciding
        .into_iter()
        .chain(gates)
        .enumerate()
        .map(|(at, draft)| {
            let outcome = |then: Then| match then {
                Then::Next => Outcome::Step(at + 2),
                Then::Approved => Outcome::Step(approved),
                Then::End(text) => Outcome::End(capital(&text)),
            };
            Step {
                number: at + 1,
                question: draft.question,
                yes: outcome(draft.yes),
                no: outcome(draft.no),
            }
        })
        .collect()
}
