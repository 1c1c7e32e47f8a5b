//! Windows and freezes that people make by hand: with every key of policy files, edited with
//! history, and refused field by field.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::page::PageRequest;
use domain::verdict::GateName;
use service::ServiceError;
use service::freeze::{FreezeState, NewFreeze};
use service::policy::{PolicyFile, PolicySent};
use service::window::NewWindow;

use support::*;

fn christmas() -> NewFreeze {
    NewFreeze {
        name: "Christmas".into(),
        devices: "client:Acme".into(),
        zone: "Europe/Berlin".into(),
        from: "2026-03-02T17:00".into(),
        until: "2026-03-09T06:00".into(),
        reason: "the shop is full".into(),
        exception: Some("Mr Sand, the shop's manager".into()),
    }
}

fn fields(refused: Result<impl std::fmt::Debug, ServiceError>) -> Vec<String> {
    match refused.unwrap_err() {
        ServiceError::Fields { problems } => problems.into_iter().map(|one| one.field).collect(),
        other => panic!("not told field by field: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_made_by_hand_holds_until_it_is_ended_and_says_whom_to_ask() {
    let server = Server::new();
    let agent = Agent::enrol(&server, "web1", &server.token(1), 1).await;
    let mut agent = agent.unwrap();
    agent.changelogs = vec![openssl_changelog()];
    agent.sync(&server).await;
    server.manage("web1");
    server.approve("product:openssl");
    server.add_window();
    let (service, owner) = (&server.service, &server.owner);

    let preview = service.freeze_preview(owner, &christmas()).unwrap();
    assert_eq!((preview.devices_count, preview.clients_count), (1, 1));
    assert_eq!(preview.spans[0].opens_at, at("2026-03-02T16:00:00Z"));
    let made = service.freeze_add(owner, &christmas()).unwrap();
    assert_eq!(
        (made.state, made.client.as_deref()),
        (FreezeState::Coming, Some("Acme"))
    );
    server.set("2026-03-02T21:05:00Z");
    agent.sync(&server).await;
    let why = service.why(owner, "web1", "openssl").unwrap();
    assert_eq!(why.gate, Some(GateName::Frozen), "{why:?}");
    assert!(why.sentence.contains("Mr Sand"), "{}", why.sentence);

    // A second of the same name is refused; another one stands instead of the first.
    let again = service.freeze_add(owner, &christmas());
    assert!(
        matches!(again, Err(ServiceError::Conflict { .. })),
        "{again:?}"
    );
    let shorter = NewFreeze {
        until: "2026-03-03T06:00".into(),
        ..christmas()
    };
    service.freeze_edit(owner, "Christmas", &shorter).unwrap();
    let listed = service.freeze_list(owner, &PageRequest::default()).unwrap();
    let states: Vec<_> = listed
        .items
        .iter()
        .map(|one| (one.state, one.until.as_str()))
        .collect();
    assert_eq!(
        states,
        [
            (FreezeState::InForce, "2026-03-03T06:00"),
            (FreezeState::Ended, "2026-03-09T06:00")
        ]
    );
    service.freeze_end(owner, "Christmas").unwrap();
    let why = service.why(owner, "web1", "openssl").unwrap();
    assert_ne!(why.gate, Some(GateName::Frozen), "{why:?}");
    let actions = server.audit_actions();
    for action in ["freeze.add", "freeze.edit", "freeze.end"] {
        assert!(
            actions.iter().any(|one| one == action),
            "{action}: {actions:?}"
        );
    }
}

#[test]
fn a_freeze_that_says_nothing_sensible_is_refused_at_its_fields() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    let wrong = NewFreeze {
        zone: "Europe/Berlim".into(),
        from: "2026-02-30T00:00".into(),
        ..christmas()
    };
    assert_eq!(fields(service.freeze_add(owner, &wrong)), ["zone", "from"]);
    let over = NewFreeze {
        from: "2025-12-18T00:00".into(),
        until: "2026-01-04T06:00".into(),
        ..christmas()
    };
    assert_eq!(fields(service.freeze_add(owner, &over)), ["until"]);
    let backwards = NewFreeze {
        until: "2026-03-01T06:00".into(),
        ..christmas()
    };
    assert_eq!(fields(service.freeze_preview(owner, &backwards)), ["until"]);
    let empty = NewFreeze {
        until: String::new(),
        ..christmas()
    };
    let told = service
        .freeze_preview(owner, &empty)
        .unwrap_err()
        .to_string();
    assert!(told.starts_with("until: nothing is written here"), "{told}");
    // A client that is misspelled would freeze nothing.
    let nobody = NewFreeze {
        devices: "client:Acmee".into(),
        ..christmas()
    };
    let refused = service.freeze_add(owner, &nobody);
    assert!(
        matches!(refused, Err(ServiceError::NotFound { .. })),
        "{refused:?}"
    );
    assert!(
        service
            .freeze_list(owner, &PageRequest::default())
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn a_window_is_edited_by_another_of_its_name_and_one_of_a_file_in_its_file() {
    let server = Server::new();
    let (service, owner) = (&server.service, &server.owner);
    let second_tuesday = NewWindow {
        name: "nights".into(),
        devices: "client:Acme".into(),
        nth: Some("2 tuesday".into()),
        plus_days: Some(2),
        start: "22:00".into(),
        duration: "2h".into(),
        zone: "Europe/Berlin".into(),
        ..NewWindow::default()
    };
    server.add_window();
    let edited = service
        .window_edit(owner, "nights", &second_tuesday)
        .unwrap();
    assert_eq!(edited.days, "2 tuesday + 2 days");
    assert_eq!(edited.opens_next.as_deref(), Some("Thu 2026-03-12 22:00"));
    let shown = service.window_show(owner, "nights").unwrap();
    assert_eq!(shown.written, Some(second_tuesday.clone()));
    let all = service
        .window_list(owner, &PageRequest::default())
        .unwrap()
        .items;
    let ended = all.iter().filter(|one| one.ended_at.is_some()).count();
    assert_eq!((all.len(), ended), (2, 1));

    // A rule that names it keeps its name.
    let text = "[[rule]]\nname = \"all\"\npatches = \"severity>=low\"\naction = \"approve\"\nwindows = [\"nights\"]\n\n\
        [[window]]\nname = \"filed\"\ndays = [\"sun\"]\nstart = \"02:00\"\nduration = \"2h\"\nzone = \"Europe/Berlin\"\n\n\
        [[window]]\nname = \"nights\"\nfor = \"client:Acme\"\nnth = \"2 tuesday\"\nplus_days = 2\nstart = \"22:00\"\nduration = \"2h\"\nzone = \"Europe/Berlin\"\n";
    let file = PolicyFile {
        file: "windows.toml".into(),
        text: text.into(),
    };
    let sent = PolicySent {
        files: vec![file],
        ..PolicySent::default()
    };
    service.policy_apply(owner, &sent).unwrap();
    let shown = service.window_show(owner, "nights").unwrap();
    assert_eq!(shown.named_by, ["the rule all"]);
    let refused = service.window_edit(owner, "filed", &second_tuesday);
    let told = refused.unwrap_err().to_string();
    assert_eq!(
        told,
        "this window is written in `windows.toml`: change it there"
    );
    let filed = service.window_show(owner, "filed").unwrap().item;
    assert_eq!(filed.file.as_deref(), Some("windows.toml"));
}
