//! Deciding about patches: pick, look, save, end.

use service::decision::DecisionRival;

use super::kept::{Kept, KeptAsked};
use super::*;

#[test]
fn patches_can_be_picked_and_decisions_ended() {
    let decisions = vec![
        decision(Word::Hold, true),
        decision(Word::Approve, true),
        decision(Word::Deny, false),
    ];
    let asked = ListAsked {
        done: Some(Done::Decided),
        ..ListAsked::default()
    };
    look(
        "patches",
        &patch::PatchesPage::new(
            &owner(),
            &asked,
            page_of(patches()),
            page_of(decisions),
            now(),
        ),
    );
}

#[test]
fn a_reader_is_told_why_nothing_can_be_decided() {
    let page = patch::PatchesPage::new(
        &reader(),
        &asked(""),
        page_of(patches()),
        page_of(Vec::new()),
        now(),
    );
    let html = page.render().unwrap();
    assert!(html.contains("Rita may not decide about patches: an owner can give the right."));
    assert!(!html.contains(">Continue…<"));
}

fn form() -> decision::DecisionForm {
    decision::DecisionForm {
        word: "approve".into(),
        patches: "product:openssl".into(),
        devices: "site:Berlin".into(),
        level: String::new(),
        until: "2026-03-31".into(),
        version: String::new(),
        reason: "security <soon>".into(),
    }
}

fn rival(says: &str, object: &str, level: Level) -> DecisionRival {
    DecisionRival {
        object: object.into(),
        level,
        says: says.into(),
    }
}

#[test]
fn a_decision_is_previewed_before_it_is_saved() {
    let made = DecisionMade {
        id: None,
        patches: vec!["deb:bookworm/openssl@3.0.22-1~deb12u2".into()],
        devices: vec!["Acme GmbH/db-1".into(), "Acme GmbH/web-1".into()],
        needed: vec!["deb:bookworm/linux-signed-amd64@6.1.170+1".into()],
        patches_count: 1,
        devices_count: 2,
        clients_count: 1,
        first_due_at: Some(at("2026-03-02T21:00:00Z")),
        loses_to: vec![rival("deny", "Ada Berg", Level::Device)],
        beats: vec![rival("hold", "<late> rule", Level::Provider)],
    };
    let wanted = form().read(true).unwrap();
    assert_eq!(wanted.until, Some(at("2026-03-31T00:00:00Z")));
    look(
        "decision_preview",
        &decision::DecisionPage::new(
            &owner(),
            form(),
            decision::Stage::Previewed(Box::new(made), wanted),
            now(),
        ),
    );
}

#[test]
fn what_is_wrong_with_a_decision_is_said_and_the_form_kept() {
    for (name, change) in [
        (
            "decision_query",
            (|form| form.patches = "severity>=hgih".into()) as fn(&mut decision::DecisionForm),
        ),
        ("decision_until", |form| form.until = "tomorrow".into()),
        ("decision_reason", |form| form.reason.clear()),
    ] {
        let mut form = form();
        change(&mut form);
        let refusal = form.read(true).unwrap_err();
        look(
            name,
            &decision::DecisionPage::new(&owner(), form, decision::Stage::Refused(refusal), now()),
        );
    }
}

#[test]
fn picked_patches_become_a_query_for_exactly_them() {
    let pairs = [
        ("patch", "deb:bookworm/openssl@3.0.22-1~deb12u2"),
        ("patch", "deb:bookworm/nginx@1.22.1-9+deb12u4"),
        ("word", "hold"),
        ("filter", "severity:low"),
    ];
    let (form, preview) = decision::DecisionForm::from_pairs(
        pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec(),
    );
    assert_eq!(
        form.patches,
        "patch:deb:bookworm/openssl@3.0.22-1~deb12u2,deb:bookworm/nginx@1.22.1-9+deb12u4"
    );
    assert_eq!((form.word.as_str(), preview), ("hold", false));
    domain::query::Query::parse_for(&form.patches, domain::query::SubjectKind::Patch).unwrap();
}

#[test]
fn ending_a_decision_says_what_follows() {
    look(
        "decision_end",
        &decision::end::EndPage::new(&owner(), &decision(Word::Approve, true), now()),
    );
}

#[test]
fn decisions_are_listed_with_what_has_ended_and_a_filter() {
    let asked = KeptAsked {
        show: "all".into(),
        word: "hold".into(),
        ..KeptAsked::default()
    };
    let mut pinned = decision(Word::Pin, true);
    (pinned.name, pinned.version) = (Some("php stays".into()), Some("8.2.7".into()));
    let found = Kept {
        items: vec![
            decision(Word::Hold, true),
            pinned,
            decision(Word::Approve, false),
        ],
        next: None,
    };
    let page = decision::list::DecisionsPage::new(&owner(), &asked, found, now());
    // What a file names is changed in the file.
    assert_eq!(page.render().unwrap().matches("/edit\"").count(), 1);
    look("decisions", &page);
}

#[test]
fn a_decision_is_changed_without_its_word_and_level() {
    let mut form = form();
    form.level = "site".into();
    let page =
        decision::DecisionPage::about(&owner(), Some("dec_1"), form, decision::Stage::Asked, now());
    let html = page.render().unwrap();
    assert!(!html.contains("name=\"word\" value=\"hold\"") && !html.contains("id=\"level\""));
    assert!(html.contains("action=\"/decisions/dec_1/edit\""));
    look("decision_edit", &page);
}

#[test]
fn a_risk_is_accepted_until_a_day() {
    let mut form = form();
    form.word = "accept-risk".into();
    assert!(form.read(true).is_ok());
    form.until.clear();
    assert!(form.read(true).is_err());
}
