//! The policy as pages show it, over a real store: objects as sentences, their devices and history,
//! versions with what they changed, plans that hold only while nothing else changes.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::decision::Level;
use domain::policy::PolicyKind;
use service::ServiceError;
use service::policy::{PolicyFile, PolicyLook, PolicySent, PolicyStepKind};
use support::*;

const POLICY: &str = r#"
[[window]]
name = "Night"
for = "client:Acme"
zone = "Europe/Berlin"
days = ["mon"]
start = "22:00"
duration = "2h"

[[rule]]
name = "Security"
owner = "Grace"
patches = "severity>=important"
for = "tag:server"
action = "approve"
after = "7d"
why = "the insurance asks for it"

[[rule]]
name = "Never reached"
owner = "Ada"
patches = "severity:critical"
for = "client:Acme tag:server"
action = "approve"
why = "it stands behind the one that matches first"
"#;

fn sent(text: &str) -> PolicySent {
    PolicySent {
        files: vec![PolicyFile {
            file: "policy.toml".into(),
            text: text.into(),
        }],
        ..PolicySent::default()
    }
}

fn names(server: &Server, look: &PolicyLook) -> Vec<String> {
    let seen = server.service.policy_overview(&server.owner, look).unwrap();
    seen.lines.into_iter().map(|line| line.name).collect()
}

#[test]
fn the_overview_says_what_holds_who_answers_and_since_which_version() {
    let server = Server::new();
    let applied = server.service.policy_apply(&server.owner, &sent(POLICY));
    assert_eq!(applied.unwrap().version, Some(1));
    let look = PolicyLook::default();
    let seen = server
        .service
        .policy_overview(&server.owner, &look)
        .unwrap();
    assert_eq!(
        seen.lines
            .iter()
            .map(|line| (line.name.as_str(), line.order))
            .collect::<Vec<_>>(),
        [
            ("Security", Some(1)),
            ("Never reached", Some(2)),
            ("Night", None)
        ],
        "rules come first, in the order in which they are asked"
    );
    let rule = &seen.lines[0];
    assert_eq!(
        (rule.owner.as_deref(), rule.level),
        (Some("Grace"), Level::Group)
    );
    assert!(
        rule.sentences[0]
            .ends_with("7 days after their release, in every window that covers the device."),
        "{:?}",
        rule.sentences
    );
    assert_eq!(rule.made.as_ref().unwrap().version, Some(1));
    assert_eq!(seen.version.unwrap().number, 1);
    assert!(
        seen.warnings
            .iter()
            .any(|one| one.what.contains("Never reached")),
        "{:?}",
        seen.warnings
    );
}

#[test]
fn a_filter_keeps_what_can_concern_a_client_or_holds_a_word() {
    let server = Server::new();
    server.service.client_add(&server.owner, "Beta").unwrap();
    server
        .service
        .policy_apply(&server.owner, &sent(POLICY))
        .unwrap();
    let client = |name: &str| PolicyLook {
        client: Some(name.into()),
        ..PolicyLook::default()
    };
    assert_eq!(names(&server, &client("Acme")).len(), 3);
    assert_eq!(names(&server, &client("Beta")), ["Security"]);
    let look = PolicyLook {
        kind: Some(PolicyKind::Rule),
        text: Some("INSURANCE".into()),
        ..PolicyLook::default()
    };
    assert_eq!(names(&server, &look), ["Security"]);
    let missing = server
        .service
        .policy_overview(&server.owner, &client("Nobody"));
    assert!(matches!(
        missing,
        Err(ServiceError::NotFound { what: "client", .. })
    ));
}

#[test]
fn an_object_keeps_the_history_of_its_name_and_a_version_says_what_it_changed() {
    let server = Server::new();
    server
        .service
        .policy_apply(&server.owner, &sent(POLICY))
        .unwrap();
    server.set("2026-03-03T09:00:00Z");
    let later = POLICY
        .replace("\"7d\"", "\"3d\"")
        .replace("[\"mon\"]", "[\"tue\"]");
    let later = later.split("[[rule]]\nname = \"Never").next().unwrap();
    server
        .service
        .policy_apply(&server.owner, &sent(later))
        .unwrap();
    let seen = server
        .service
        .policy_overview(&server.owner, &PolicyLook::default())
        .unwrap();
    let rule = seen
        .lines
        .iter()
        .find(|line| line.name == "Security")
        .unwrap();
    let detail = server
        .service
        .policy_object(&server.owner, &rule.id)
        .unwrap();
    assert!(detail.text.contains("\"3d\""));
    assert_eq!(detail.past.len(), 2);
    assert!(detail.past[0].until.is_none() && detail.past[0].text.contains("\"3d\""));
    assert!(detail.past[1].until.is_some() && detail.past[1].text.contains("\"7d\""));
    let version = server
        .service
        .policy_version_detail(&server.owner, 2)
        .unwrap();
    let changes: Vec<_> = version
        .changes
        .iter()
        .map(|one| (one.kind, one.name.as_str(), one.change))
        .collect();
    assert_eq!(
        changes,
        [
            (PolicyKind::Window, "Night", PolicyStepKind::Changed),
            (PolicyKind::Rule, "Never reached", PolicyStepKind::Ended),
            (PolicyKind::Rule, "Security", PolicyStepKind::Changed),
        ]
    );
    let none = server.service.policy_version_detail(&server.owner, 9);
    assert!(matches!(none, Err(ServiceError::NotFound { .. })));
}

#[test]
fn a_plan_is_applied_only_while_nothing_else_was_changed() {
    let server = Server::new();
    let plan = server
        .service
        .policy_plan(&server.owner, &sent(POLICY))
        .unwrap();
    let guarded = PolicySent {
        against: Some(plan.against.clone()),
        ..sent(POLICY)
    };
    // Somebody else is faster.
    let other = POLICY.replace("Security", "Secure");
    server
        .service
        .policy_apply(&server.owner, &sent(&other))
        .unwrap();
    let refused = server.service.policy_apply(&server.owner, &guarded);
    let Err(ServiceError::Conflict { reason }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("changed since this was planned"),
        "{reason}"
    );
    let again = server
        .service
        .policy_plan(&server.owner, &sent(POLICY))
        .unwrap();
    assert_ne!(again.against, plan.against);
    let applied = server.service.policy_apply(
        &server.owner,
        &PolicySent {
            against: Some(again.against),
            ..sent(POLICY)
        },
    );
    assert_eq!(applied.unwrap().version, Some(2));
}

#[test]
fn who_reaches_one_client_sees_no_versions_and_nothing_of_others() {
    let server = Server::new();
    let beta = server.service.client_add(&server.owner, "Beta").unwrap();
    server
        .service
        .policy_apply(&server.owner, &sent(POLICY))
        .unwrap();
    let reader = Principal {
        name: "Rita".into(),
        role: Role::Reader,
        reach: Reach::Clients(vec![beta.id]),
        ..server.owner.clone()
    };
    let seen = server
        .service
        .policy_overview(&reader, &PolicyLook::default())
        .unwrap();
    let names: Vec<_> = seen.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["Security"], "the others are of Acme alone");
    assert!(seen.version.is_none() && seen.warnings.is_empty());
    assert!(seen.lines[0].made.as_ref().unwrap().version.is_none());
    let all = server
        .service
        .policy_overview(&server.owner, &PolicyLook::default())
        .unwrap();
    let night = all.lines.iter().find(|line| line.name == "Night").unwrap();
    let hidden = server.service.policy_object(&reader, &night.id);
    assert!(matches!(hidden, Err(ServiceError::NotFound { .. })));
    assert!(server.service.policy_version_detail(&reader, 1).is_err());
    assert!(server.service.policy_plan(&reader, &sent(POLICY)).is_err());
}

#[test]
fn a_rehearsal_is_bounded_and_holds_the_draft_against_what_stands() {
    let server = Server::new();
    let service = &server.service;
    service.policy_apply(&server.owner, &sent(POLICY)).unwrap();
    let draft = sent(&POLICY.replace("\"7d\"", "\"1d\""));
    let found = service
        .policy_rehearse(&server.owner, &draft, 6, 100)
        .unwrap();
    assert_eq!((found.devices, found.draft.tally.installed), (0, 0));
    assert!(found.in_force.is_some());
    let version = service.policy_version(&server.owner).unwrap();
    assert_eq!(version.unwrap().number, 1, "nothing was applied");
    for months in [0, 61, u32::MAX] {
        let refused = service.policy_rehearse(&server.owner, &draft, months, 100);
        assert!(matches!(
            refused,
            Err(ServiceError::Invalid {
                field: "months",
                ..
            })
        ));
    }
    let wrong = service.policy_rehearse(&server.owner, &sent("[[windw]]"), 6, 100);
    assert!(matches!(wrong, Err(ServiceError::Policy { .. })));
}

#[test]
fn the_written_policy_of_a_client_leaves_others_out_and_names_its_version() {
    let server = Server::new();
    server.service.client_add(&server.owner, "Beta").unwrap();
    server
        .service
        .policy_apply(&server.owner, &sent(POLICY))
        .unwrap();
    let written = server
        .service
        .policy_written(&server.owner, Some("Beta"))
        .unwrap();
    assert_eq!(written.client.as_deref(), Some("Beta"));
    assert!(
        written
            .version
            .as_deref()
            .unwrap()
            .starts_with("1, applied on ")
    );
    assert!(written.windows.is_empty(), "the window is of Acme");
    let whole = server.service.policy_written(&server.owner, None).unwrap();
    assert_eq!((whole.client, whole.windows.len()), (None, 1));
    let nobody = server.service.policy_written(&server.owner, Some("Nobody"));
    assert!(matches!(nobody, Err(ServiceError::NotFound { .. })));
}
