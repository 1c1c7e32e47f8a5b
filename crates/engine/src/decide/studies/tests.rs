use domain::decision::{Level, Word};
use domain::finding::FindingState;
use domain::policy::{ApprovalRule, Delay, Exclusion, Policy, PolicyKind, Study, Unreadable};
use domain::query::Query;

use super::*;
use crate::testing::{at, decision, monday, rules, view};
use crate::view::DeviceView;

/// What a case changes.
type Change = fn(&mut DeviceView, &mut Policy);

fn study_rule() -> ApprovalRule {
    ApprovalRule {
        id: domain::id::PolicyId::unsaved(),
        client: None,
        name: "Kernels".parse().unwrap(),
        owner: "Grace".into(),
        patches: Query::everything(),
        devices: Query::everything(),
        action: RuleAction::Hold,
        after: Delay::NONE,
        kev_after: None,
        windows: vec![],
        rings: None,
        study: Some(Study {
            owner: "the Linux team".into(),
            due: "5d".parse().unwrap(),
        }),
        why: "it was bad once".into(),
    }
}

/// A rule that asks the Linux team, and no decision.
fn asking() -> Policy {
    Policy {
        decisions: vec![],
        rules: vec![study_rule()],
        ..rules()
    }
}

fn held(view: &DeviceView, policy: &Policy) -> Vec<String> {
    let evaluator = Evaluator::new(view, policy, monday());
    let studies = evaluator.studies();
    let line = |one: &HeldForStudy<'_>| {
        format!(
            "{} {} {} {}",
            one.rule.name, one.study.owner, one.patch, one.missing
        )
    };
    studies.held.iter().map(line).collect()
}

#[test]
fn a_missing_patch_that_the_rule_decides_waits_for_its_study() {
    let view = view();
    let patch = &view.findings[0].finding.patch;
    let waits = held(&view, &asking());
    assert!(
        waits.contains(&format!("Kernels the Linux team {patch} true")),
        "{waits:?}"
    );

    let mut decided = asking();
    decided.decisions = vec![decision(1, Word::Hold, Level::Client, "")];
    assert_eq!(held(&view, &decided), Vec::<String>::new());

    let mut nobody = asking();
    nobody.rules[0].study = None;
    assert_eq!(held(&view, &nobody), Vec::<String>::new());
}

#[test]
fn what_is_fixed_waits_no_more_and_what_is_not_known_goes_on_waiting() {
    let mut view = view();
    view.findings.truncate(1);
    let patch = view.findings[0].finding.patch.clone();
    view.findings[0].finding.state = FindingState::Unknown;
    assert_eq!(
        held(&view, &asking()),
        [format!("Kernels the Linux team {patch} false")]
    );
    for state in [
        FindingState::Fixed,
        FindingState::NoFix,
        FindingState::NotAffected,
        FindingState::OldCodeRunning,
    ] {
        view.findings[0].finding.state = state;
        assert_eq!(held(&view, &asking()), Vec::<String>::new(), "{state}");
    }
}

#[test]
fn where_a_rule_cannot_be_read_nobody_says_that_nothing_is_held() {
    let view = view();
    let mut policy = asking();
    policy.rules.clear();
    policy.unreadable.push(Unreadable {
        kind: PolicyKind::Rule,
        name: "Kernels".into(),
        devices: Query::everything(),
        client: None,
        why: "its days are torn".into(),
    });
    let evaluator = Evaluator::new(&view, &policy, monday());
    assert!(evaluator.studies().unreadable);
}

#[test]
fn an_accepted_risk_is_looked_at_again_when_it_ends() {
    let view = view();
    let mut policy = asking();
    let mut risk = decision(1, Word::AcceptRisk, Level::Client, "");
    risk.until = Some(at("2026-04-01T00:00:00Z"));
    policy.decisions = vec![risk];
    let evaluator = Evaluator::new(&view, &policy, monday());
    let studies = evaluator.studies();
    assert!(studies.held.is_empty());
    assert_eq!(studies.look_again_at, Some(at("2026-04-01T00:00:00Z")));
}

#[test]
fn why_names_who_was_asked_and_when_the_answer_is_due() {
    let mut view = view();
    view.findings.truncate(1);
    let finding = &view.findings[0];
    let policy = asking();
    let mut said = String::new();
    for (name, rule, due) in [
        ("nobody was asked yet", "Kernels", None),
        ("asked", "Kernels", Some("2026-03-09T12:00:00Z")),
        ("overdue", "Kernels", Some("2026-03-01T12:00:00Z")),
        (
            "another rule asked",
            "Drivers",
            Some("2026-03-01T12:00:00Z"),
        ),
    ] {
        let due: Vec<AnswerDue> = due
            .map(|due| AnswerDue {
                rule: rule.to_owned(),
                patch: finding.finding.patch.clone(),
                due_at: at(due),
            })
            .into_iter()
            .collect();
        let evaluator = Evaluator::new(&view, &policy, monday()).knowing(&due);
        let sentence = evaluator.verdict(finding).sentence;
        said.push_str(&format!("{name}: {sentence}\n"));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn every_end_of_a_study_has_a_sentence() {
    let cases: Vec<(&str, Change)> = vec![
        ("approved", |_, p| {
            p.decisions = vec![decision(1, Word::Approve, Level::Client, "")]
        }),
        ("excluded", |_, p| {
            p.exclusions.push(Exclusion {
                id: domain::id::PolicyId::unsaved(),
                client: None,
                name: "Left alone".parse().unwrap(),
                devices: Query::everything(),
                until: None,
                reason: "the client does it".into(),
            });
        }),
        ("installed", |v, _| {
            v.findings[0].finding.state = FindingState::Fixed
        }),
        ("no fix", |v, _| {
            v.findings[0].finding.state = FindingState::NoFix
        }),
        ("gone", |v, _| v.findings.clear()),
        ("no rule", |_, p| p.rules.clear()),
        ("asks nobody", |_, p| p.rules[0].study = None),
        ("denied", |_, p| {
            p.rules[0].study = None;
            p.rules[0].action = RuleAction::Deny;
        }),
        ("another rule", |_, p| {
            p.rules[0].name = "Drivers".parse().unwrap()
        }),
    ];
    let mut said = String::new();
    for (name, change) in cases {
        let (mut view, mut policy) = (view(), asking());
        view.findings.truncate(1);
        let patch = view.findings[0].finding.patch.clone();
        change(&mut view, &mut policy);
        let evaluator = Evaluator::new(&view, &policy, monday());
        said.push_str(&format!(
            "{name}: {}\n",
            evaluator.answered(&patch, "Kernels")
        ));
    }
    insta::assert_snapshot!(said);
}
