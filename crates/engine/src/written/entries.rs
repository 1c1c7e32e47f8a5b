//! The five sections: which object answers which question.

use std::collections::BTreeMap;

use domain::decision::Word;
use domain::policy::{Policy, PolicyKind, RuleAction};
use jiff::Timestamp;

use super::objects::{self, capital, selection, stopped};
use super::query::{devices, listed, patches};
use super::{Entry, Exception, Section};

/// What a reader has to know until the agent reboots by itself.
const NOT_YET: &str =
    "This is agreed, not yet automatic: until Patchloop can reboot devices, a person does it.";

/// Who, what, how, when, why.
pub(super) fn sections(policy: &Policy) -> Vec<Section> {
    let mut when: Vec<Entry> = policy.windows.iter().map(objects::window).collect();
    when.extend(policy.freezes.iter().map(objects::freeze));
    let mut how: Vec<Entry> = policy.rings.iter().map(objects::rings).collect();
    how.extend(policy.reboots.iter().map(|one| {
        let mut entry = objects::reboot(one, policy);
        entry.sentences.push(NOT_YET.to_owned());
        entry
    }));
    let mut what: Vec<Entry> = policy
        .rules
        .iter()
        .map(|one| objects::rule(one, policy))
        .collect();
    what.extend(policy.decisions.iter().map(objects::decision));
    vec![
        Section {
            key: "who",
            heading: "Who answers for what",
            empty: "Nobody is named.",
            entries: who(policy),
        },
        Section {
            key: "what",
            heading: "What is installed, and what is not",
            empty: "No rule approves anything, so nothing is installed.",
            entries: what,
        },
        Section {
            key: "how",
            heading: "How it goes through the devices",
            empty: "All devices at once, in their windows; no reboot rule is written, so Patchloop reboots nothing.",
            entries: how,
        },
        Section {
            key: "when",
            heading: "When devices may be changed",
            empty: "No window is written, so nothing is changed.",
            entries: when,
        },
        Section {
            key: "why",
            heading: "Why",
            empty: "No reason is written.",
            entries: why(policy),
        },
    ]
}

/// One entry a person or team, then the groups that the words speak of.
fn who(policy: &Policy) -> Vec<Entry> {
    let mut duties: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut owned: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for rule in policy
        .rules
        .iter()
        .filter(|rule| !rule.owner.trim().is_empty())
    {
        let names = owned.entry(rule.owner.trim()).or_default();
        names.push(format!("“{}”", rule.name));
    }
    for (name, rules) in owned {
        let word = if rules.len() == 1 { "rule" } else { "rules" };
        let duty = format!("answers for the {word} {}", listed(&rules, "and"));
        duties.entry(name).or_default().push(duty);
    }
    for rule in &policy.rules {
        if let (RuleAction::Hold, Some(study)) = (rule.action, &rule.study) {
            duties.entry(study.owner.trim()).or_default().push(format!(
                "studies {} on {} and decides",
                patches(&rule.patches),
                devices(&rule.devices)
            ));
        }
    }
    for freeze in &policy.freezes {
        if let Some(whom) = &freeze.exception {
            duties.entry(whom.trim()).or_default().push(format!(
                "is asked for exceptions to the freeze “{}”",
                freeze.name
            ));
        }
    }
    for decision in &policy.decisions {
        let name = decision.decided_by_name.trim();
        if !name.is_empty() && decision.decided_at != Timestamp::MIN {
            let what = match decision.word {
                Word::Approve => "approved",
                Word::AcceptRisk => "accepted the risk of",
                Word::Pin => "pinned",
                Word::Hold => "held",
                Word::Deny => "denied",
            };
            duties
                .entry(name)
                .or_default()
                .push(format!("{what} {}", patches(&decision.patches)));
        }
    }
    let people = duties.into_iter().map(|(name, mut duties)| {
        duties.dedup();
        Entry {
            kind: PolicyKind::Rule,
            name: name.to_owned(),
            sentences: vec![format!(
                "{} {}",
                capital(name),
                stopped(&listed(&duties, "and"))
            )],
            queries: Vec::new(),
        }
    });
    people
        .chain(policy.groups.iter().map(objects::group))
        .collect()
}

/// The reasons, object by object.
fn why(policy: &Policy) -> Vec<Entry> {
    let rules = policy
        .rules
        .iter()
        .map(|one| (PolicyKind::Rule, one.name.to_string(), &one.why));
    let freezes = policy
        .freezes
        .iter()
        .map(|one| (PolicyKind::Freeze, one.name.to_string(), &one.reason));
    let exclusions = policy
        .exclusions
        .iter()
        .map(|one| (PolicyKind::Exclude, one.name.to_string(), &one.reason));
    let decisions = policy.decisions.iter().map(|one| {
        (
            PolicyKind::Decision,
            objects::decision(one).name,
            &one.reason,
        )
    });
    rules
        .chain(freezes)
        .chain(exclusions)
        .chain(decisions)
        .filter(|(_, _, reason)| !reason.trim().is_empty())
        .map(|(kind, name, reason)| Entry {
            kind,
            name,
            sentences: vec![stopped(&capital(reason.trim()))],
            queries: Vec::new(),
        })
        .collect()
}

/// What is left open on purpose, the soonest end first, what has no end last.
pub(super) fn exceptions(policy: &Policy) -> Vec<Exception> {
    let mut all: Vec<Exception> = policy
        .exclusions
        .iter()
        .map(|one| Exception {
            kind: PolicyKind::Exclude,
            what: "excluded",
            name: one.name.to_string(),
            sentence: format!("{} are kept as they are.", capital(&devices(&one.devices))),
            owner: None,
            until: one.until,
            why: one.reason.clone(),
            queries: vec![selection("devices", &one.devices)],
        })
        .collect();
    for one in &policy.decisions {
        let what = match one.word {
            Word::AcceptRisk => "risk accepted",
            Word::Pin => "pinned",
            Word::Hold => "held",
            Word::Deny => "denied",
            Word::Approve => continue,
        };
        let entry = objects::decision(one);
        all.push(Exception {
            kind: PolicyKind::Decision,
            what,
            name: entry.name,
            sentence: entry.sentences.into_iter().next().unwrap_or_default(),
            owner: Some(one.decided_by_name.trim().to_owned()).filter(|name| !name.is_empty()),
            until: one.until,
            why: one.reason.clone(),
            queries: entry.queries,
        });
    }
    all.sort_by(|a, b| {
        (a.until.is_none(), a.until, &a.name).cmp(&(b.until.is_none(), b.until, &b.name))
    });
    all
}
