//! The policy as files over a real store: applied whole or not at all, kept with its comments, seen
//! only by those whom it concerns, and closed where it cannot be read.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::page::PageRequest;
use domain::policy::PolicyKind;
use service::ServiceError;
use service::policy::{PolicyApplied, PolicyFile, PolicyLook, PolicySent, PolicyStepKind};
use support::*;

const ACME: &str = r#"# The policy of Acme.
# Signed on paper.

[policy]
title = "How Acme is patched"

# At night only.
[[window]]
name = "Night"   # theirs
for = "client:Acme"
zone = "Europe/Berlin"
days = ["mon", "tue"]
start = "22:00"
duration = "2h"

[[freeze]]
name = "Year end"
for = "client:Acme"
zone = "Europe/Berlin"
from = "2026-12-18T00:00"
until = "2027-01-07T00:00"
reason = "closing of the books"

# Security soon.
[[rule]]
name = "Security"
owner = "Grace"
patches = "severity>=important"
for = "client:Acme"
action = "approve"
after = "7d"
windows = ["Night"]
why = "the insurance asks for it"

[[decision]]
verdict = "hold"
patches = "product:linux"
for = "client:Acme"
reason = "the driver is not ready"
"#;

fn sent(files: &[(&str, &str)]) -> PolicySent {
    PolicySent {
        files: files
            .iter()
            .map(|(file, text)| PolicyFile {
                file: (*file).to_owned(),
                text: (*text).to_owned(),
            })
            .collect(),
        ..PolicySent::default()
    }
}

fn apply(server: &Server, text: &str) -> PolicyApplied {
    server
        .service
        .policy_apply(&server.owner, &sent(&[("acme.toml", text)]))
        .unwrap()
}

fn changes(applied: &PolicyApplied) -> Vec<String> {
    applied
        .steps
        .iter()
        .map(|step| format!("{} {} {}", step.change.word(), step.kind, step.name))
        .collect()
}

#[test]
fn files_are_applied_once_and_come_back_byte_for_byte() {
    let server = Server::new();
    let applied = apply(&server, ACME);
    assert_eq!(
        changes(&applied),
        [
            "made window Night",
            "made freeze Year end",
            "made rule Security",
            "made decision decision 1"
        ]
    );
    assert_eq!(applied.version, Some(1));
    let again = apply(&server, ACME);
    assert_eq!((again.version, again.unchanged), (None, 4));
    assert!(again.steps.is_empty());
    let export = server.service.policy_export(&server.owner).unwrap();
    assert_eq!(export.files.len(), 1);
    assert_eq!(export.files[0].text, ACME);
    let drift = server
        .service
        .policy_drift(&server.owner, &sent(&[("acme.toml", ACME)]))
        .unwrap();
    assert!(drift.same, "{drift:?}");
}

#[test]
fn what_changed_is_made_anew_and_what_is_the_same_keeps_its_age() {
    let server = Server::new();
    apply(&server, ACME);
    let ids = |server: &Server| -> Vec<(PolicyKind, String)> {
        let list = server.service.policy_list(&server.owner, None).unwrap();
        list.items
            .into_iter()
            .map(|one| (one.kind, one.id))
            .collect()
    };
    let before = ids(&server);
    server.set("2026-03-03T09:00:00Z");
    // A comment is not a change, a delay is, and what is left out ends.
    let text = ACME
        .replace("# At night only.", "# At night, when nobody works.")
        .replace("\"7d\"", "\"3d\"");
    let text = format!(
        "{}{}",
        text.split("[[freeze]]").next().unwrap(),
        text.split_once("# Security soon.").unwrap().1
    );
    let planned = server
        .service
        .policy_apply(
            &server.owner,
            &PolicySent {
                dry_run: true,
                ..sent(&[("acme.toml", &text)])
            },
        )
        .unwrap();
    assert_eq!(planned.version, None);
    assert_eq!(ids(&server), before, "a look changes nothing");
    let applied = apply(&server, &text);
    assert_eq!(changes(&applied), changes(&planned));
    assert_eq!(
        changes(&applied),
        [
            "moved window Night",
            "changed rule Security",
            "moved decision decision 1",
            "ended freeze Year end"
        ]
    );
    let after = ids(&server);
    let same = |kind| {
        let of = |list: &[(PolicyKind, String)]| list.iter().find(|one| one.0 == kind).cloned();
        of(&before) == of(&after)
    };
    assert!(same(PolicyKind::Window) && same(PolicyKind::Decision));
    assert!(!same(PolicyKind::Rule));
    assert_eq!(after.len(), 3);
    let export = server.service.policy_export(&server.owner).unwrap();
    assert_eq!(export.files[0].text, text);
    let history = server
        .service
        .policy_history(&server.owner, &PageRequest::default())
        .unwrap();
    let counts: Vec<&str> = history
        .items
        .iter()
        .map(|one| one.counts.as_str())
        .collect();
    assert_eq!(counts, ["1 changed, 2 moved, 1 ended", "4 made"]);
}

#[test]
fn with_one_mistake_nothing_is_applied_and_every_mistake_is_told() {
    let server = Server::new();
    let text = ACME
        .replace("Europe/Berlin", "Europe/Berln")
        .replace("severity>=important", "severty>=important");
    let refused = server
        .service
        .policy_apply(&server.owner, &sent(&[("acme.toml", &text)]));
    let Err(ServiceError::Policy { problems }) = refused else {
        panic!("{refused:?}");
    };
    assert!(problems.len() >= 3, "{problems:?}");
    assert!(problems.iter().all(|one| one.line > 0 && one.column > 0));
    // A client that is misspelled would leave out whom it was meant for.
    let text = ACME.replace("client:Acme", "client:Acmee");
    let refused = server
        .service
        .policy_apply(&server.owner, &sent(&[("acme.toml", &text)]));
    let Err(ServiceError::Policy { problems }) = refused else {
        panic!("{refused:?}");
    };
    assert!(problems[0].what.contains("Acmee"), "{problems:?}");
    let list = server.service.policy_list(&server.owner, None).unwrap();
    assert_eq!(list.items, []);
}

#[test]
fn a_file_keeps_its_place_and_a_new_one_comes_last() {
    let server = Server::new();
    let rule =
        |name: &str| format!("[[rule]]\nname = \"{name}\"\naction = \"deny\"\nwhy = \"w\"\n");
    let week = format!("{}{}", rule("week one"), rule("week two"));
    let acme = format!("{}{}", rule("acme one"), rule("acme two"));
    let put = |files: &[(&str, &str)]| {
        server
            .service
            .policy_apply(&server.owner, &sent(files))
            .unwrap();
    };
    let order = || {
        let look = PolicyLook::default();
        let seen = server
            .service
            .policy_overview(&server.owner, &look)
            .unwrap();
        let names = seen.lines.iter().map(|line| line.name.clone());
        names.collect::<Vec<_>>().join(", ")
    };
    put(&[("week.toml", &week)]);
    put(&[("acme.toml", &acme)]);
    assert_eq!(order(), "week one, week two, acme one, acme two");
    // Again, longer than before: it does not reach into the next file.
    let longer = format!("{week}{}", rule("week three"));
    put(&[("week.toml", &longer)]);
    assert_eq!(
        order(),
        "week one, week two, week three, acme one, acme two"
    );
    // Given together, the order in which they are given counts.
    put(&[("acme.toml", &acme), ("week.toml", &longer)]);
    assert_eq!(
        order(),
        "acme one, acme two, week one, week two, week three"
    );
}

#[test]
fn what_was_made_by_hand_stays_unless_a_file_says_the_same() {
    let server = Server::new();
    server.add_window();
    apply(&server, ACME);
    let drift = |text: &str| {
        let sent = sent(&[("acme.toml", text)]);
        server.service.policy_drift(&server.owner, &sent).unwrap()
    };
    let found = drift(ACME);
    assert!(!found.same);
    assert_eq!(found.differences[0].change, PolicyStepKind::ByHand);
    // The export holds it, and applying the export takes it over.
    let export = server.service.policy_export(&server.owner).unwrap();
    assert_eq!(export.files.len(), 2);
    let all = PolicySent {
        files: export.files,
        ..PolicySent::default()
    };
    let drift_of = |sent: &PolicySent| server.service.policy_drift(&server.owner, sent).unwrap();
    assert!(drift_of(&all).same, "an export is what stands");
    let applied = server.service.policy_apply(&server.owner, &all).unwrap();
    let adopted: Vec<_> = applied.steps.iter().map(|step| step.change).collect();
    assert!(adopted.contains(&PolicyStepKind::Adopted), "{applied:?}");
    assert!(
        server
            .service
            .policy_drift(&server.owner, &all)
            .unwrap()
            .same
    );
    // What came from another file stays, and is told.
    let found = drift(ACME);
    assert!(
        found
            .differences
            .iter()
            .any(|one| one.change == PolicyStepKind::Elsewhere)
    );
    let one = apply(&server, ACME);
    assert_eq!(one.elsewhere, 1);
}

#[test]
fn only_who_speaks_for_the_whole_provider_applies_and_nobody_sees_anothers_objects() {
    let server = Server::new();
    let owner = &server.owner;
    let other = server.service.client_add(owner, "Beta").unwrap();
    apply(&server, ACME);
    let whole = r#"
[[group]]
name = "Servers"
for = "tag:server"
"#;
    server
        .service
        .policy_apply(owner, &sent(&[("all.toml", whole)]))
        .unwrap();
    let reader = |role| Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Rita".into(),
        role,
        reach: Reach::Clients(vec![other.id]),
    };
    let rita = reader(Role::Technician);
    let seen = server.service.policy_list(&rita, None).unwrap();
    let names: Vec<_> = seen
        .items
        .iter()
        .filter_map(|one| one.name.clone())
        .collect();
    assert_eq!(names, ["Servers"], "what is for all is seen by all");
    for refused in [
        server
            .service
            .policy_apply(&rita, &sent(&[("acme.toml", ACME)]))
            .err(),
        server.service.policy_export(&rita).err(),
        server
            .service
            .policy_drift(&rita, &sent(&[("acme.toml", ACME)]))
            .err(),
        server
            .service
            .policy_history(&rita, &PageRequest::default())
            .err(),
    ] {
        assert!(
            matches!(refused, Some(ServiceError::Denied(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_in_the_store_closes_what_it_covers_and_raises_one_alarm() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    server.approve("product:openssl");
    server.add_window();
    server.manage("web1");
    apply(&server, ACME);
    let why = || {
        server
            .service
            .why(&server.owner, "web1", "openssl")
            .unwrap()
    };
    assert_eq!(why().verdict, domain::verdict::Answer::Later);
    let raw = rusqlite::Connection::open(server.dir.path().join("patchloop.db")).unwrap();
    raw.execute(
        "UPDATE policy_object SET source = replace(source, 'Europe/Berlin', 'Mars') WHERE kind = 'freeze'",
        [],
    )
    .unwrap();
    // Any change has the policy read again.
    server.approve("product:nothing");
    let events = || {
        let page = PageRequest::default();
        let inbox = server.service.event_list(&server.owner, &page).unwrap();
        let trouble = domain::event::EventKind::PolicyTrouble;
        inbox
            .items
            .into_iter()
            .filter(|event| event.kind == trouble)
            .map(|event| event.subject)
            .collect::<Vec<_>>()
    };
    let verdict = why();
    assert_eq!(
        verdict.verdict,
        domain::verdict::Answer::Never,
        "{verdict:?}"
    );
    assert!(
        verdict.sentence.contains("Year end"),
        "{}",
        verdict.sentence
    );
    server.approve("product:nothing-else");
    why();
    assert_eq!(events(), ["the freeze `Year end` cannot be read"]);
    // Applying the files again repairs it.
    let applied = apply(&server, ACME);
    assert_eq!(changes(&applied), ["changed freeze Year end"]);
    assert_eq!(why().verdict, domain::verdict::Answer::Later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_for_whom_what_changes_and_when_and_changes_nothing() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    server.manage("web1");
    let text = ACME
        .replace("severity>=important", "product:openssl")
        .replace("\"7d\"", "\"0d\"");
    let sent = sent(&[("acme.toml", &text)]);
    let plan = server.service.policy_plan(&server.owner, &sent).unwrap();
    assert_eq!(plan.objects.version, None);
    assert_eq!(plan.objects.steps.len(), 4);
    let difference = &plan.difference;
    assert_eq!(
        (
            difference.devices,
            difference.devices_changed,
            difference.counts.opens
        ),
        (1, 1, 1)
    );
    assert_eq!(difference.first_due_at, Some(at("2026-03-02T21:00:00Z")));
    assert_eq!(difference.clients[0].client, "Acme");
    let list = server.service.policy_list(&server.owner, None).unwrap();
    assert!(list.items.is_empty(), "nothing was applied");
    // What stands already changes nothing.
    server.service.policy_apply(&server.owner, &sent).unwrap();
    let why = server
        .service
        .why(&server.owner, "web1", "openssl")
        .unwrap();
    assert_eq!(why.at, difference.first_due_at, "as planned");
    let again = server.service.policy_plan(&server.owner, &sent).unwrap();
    assert!(again.difference.is_nothing(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_is_applied_while_the_window_is_open_withdraws_what_has_not_begun() {
    let server = Server::new();
    let mut agent = Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    server.manage("web1");
    server.approve("product:openssl");
    let open = |freeze: &str| {
        ACME.replace("2026-12-18T00:00", freeze)
            .replace("2027-01-07T00:00", "2026-12-31T00:00")
    };
    apply(&server, &open("2026-12-18T00:00"));
    server.service.planner_turn().unwrap();
    assert_eq!(server.orders().len(), 1);
    server.set("2026-03-02T21:05:00Z");
    agent.sync(&server).await;
    let applied = apply(&server, &open("2026-03-02T22:06"));
    assert_eq!(changes(&applied), ["changed freeze Year end"]);
    server.set("2026-03-02T21:06:30Z");
    let why = server
        .service
        .why(&server.owner, "web1", "openssl")
        .unwrap();
    assert_eq!(why.gate, Some(domain::verdict::GateName::Frozen), "{why:?}");
    server.service.planner_turn().unwrap();
    let orders = server.orders();
    assert!(
        orders.iter().all(|order| order.state.is_final()),
        "{orders:?}"
    );
}

#[test]
fn a_decision_is_edited_by_another_that_names_it_and_a_risk_is_accepted_until_a_day() {
    let server = Server::new();
    let made = server.decide("hold", "product:openssl", false);
    let old = made.id.unwrap().to_string();
    let edit = service::decision::DecisionEdit {
        reason: Some("the driver is ready on Friday".into()),
        until: Some(at("2026-03-06T12:00:00Z")),
        ..Default::default()
    };
    let service = &server.service;
    let new = service.decision_edit(&server.owner, &old, &edit).unwrap();
    let all = service
        .decision_list(&server.owner, &PageRequest::default())
        .unwrap()
        .items;
    let find = |id: &str| all.iter().find(|one| one.id.to_string() == id).unwrap();
    let new = find(&new.id.unwrap().to_string());
    assert_eq!(new.reason, "the driver is ready on Friday");
    assert_eq!(
        (new.word, new.patches.as_str()),
        (find(&old).word, "product:openssl")
    );
    assert!(new.in_force && !find(&old).in_force);
    assert!(
        server
            .audit_actions()
            .iter()
            .any(|one| one == "decision.edit")
    );
    // The old one has ended: it is not edited again.
    let again = service.decision_edit(&server.owner, &old, &edit);
    assert!(
        matches!(again, Err(ServiceError::NotFound { .. })),
        "{again:?}"
    );
    let other = service.client_add(&server.owner, "Beta").unwrap();
    let rita = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Rita".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![other.id]),
    };
    let theirs = service.decision_edit(&rita, &new.id.to_string(), &edit);
    assert!(theirs.is_err(), "another client's decision stays as it is");
    let risk = service::decision::NewDecision {
        word: domain::decision::Word::AcceptRisk,
        patches: "product:openssl".into(),
        devices: "client:Acme".into(),
        level: None,
        until: None,
        version: None,
        reason: "no way around it".into(),
        dry_run: false,
    };
    let refused = service.decision_add(&server.owner, &risk);
    assert!(
        matches!(refused, Err(ServiceError::Invalid { field: "until", .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_names_the_newest_version_and_a_preview_counts_devices_and_clients() {
    let server = Server::new();
    let service = &server.service;
    // Two clients with a device of the same name each.
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap()
        .sync(&server)
        .await;
    service.client_add(&server.owner, "Beta").unwrap();
    service
        .site_add(&server.owner, "Beta", "Bonn", "Europe/Berlin")
        .unwrap();
    let wanted = service::enrolment::NewEnrolment {
        site: "Beta/Bonn".into(),
        uses: 1,
        expires: "24h".into(),
    };
    let token = service
        .enrolment_create(&server.owner, &wanted)
        .unwrap()
        .token;
    Agent::enrol(&server, "web1", &token, 2)
        .await
        .unwrap()
        .sync(&server)
        .await;
    let pin = service::decision::NewDecision {
        word: "pin".parse().unwrap(),
        patches: "product:openssl".into(),
        devices: String::new(),
        level: None,
        until: None,
        version: Some("3.0.14-9".into()),
        reason: "the driver needs it".into(),
        dry_run: false,
    };
    let look = service::decision::NewDecision {
        dry_run: true,
        ..pin.clone()
    };
    let made = service.decision_add(&server.owner, &look).unwrap();
    assert_eq!((made.devices_count, made.clients_count), (2, 2));
    service.decision_add(&server.owner, &pin).unwrap();
    let all = service
        .decision_list(&server.owner, &PageRequest::default())
        .unwrap()
        .items;
    assert_eq!(all[0].version.as_deref(), Some("3.0.14-9"));
    let verdict = service.why(&server.owner, "Acme/web1", OPENSSL).unwrap();
    assert_eq!(verdict.gate, Some(domain::verdict::GateName::Decided));
    assert!(verdict.sentence.contains("pinned"), "{}", verdict.sentence);
    // Another newest version lets the patch through the pin.
    let edit = service::decision::DecisionEdit {
        version: Some("3.0.15-1~deb12u1".into()),
        ..Default::default()
    };
    let old = all[0].id.to_string();
    service.decision_edit(&server.owner, &old, &edit).unwrap();
    let verdict = service.why(&server.owner, "Acme/web1", OPENSSL).unwrap();
    assert!(!verdict.sentence.contains("pinned"), "{}", verdict.sentence);
    // Only a pin names a version, and it is one.
    for (word, version) in [("hold", "3.0.14-9"), ("pin", "3.0\n4")] {
        let wrong = service::decision::NewDecision {
            word: word.parse().unwrap(),
            version: Some(version.into()),
            ..pin.clone()
        };
        let refused = service.decision_add(&server.owner, &wrong).unwrap_err();
        assert!(refused.to_string().contains("version"), "{refused}");
    }
}
