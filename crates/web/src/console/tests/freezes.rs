//! Freezes: list, form with what it covers, ending one.

use service::freeze::{FreezeItem, FreezePreview, FreezeState, NewFreeze};

use super::kept::{Kept, KeptAsked};
use super::*;
use crate::console::form::Mistakes;
use crate::console::freeze::{EndPage, FormPage, FreezeForm, FreezesPage, Seen};

fn item(name: &str, state: FreezeState) -> FreezeItem {
    FreezeItem {
        id: domain::id::PolicyId::from_bytes([state as u8 + 1; 16]),
        name: name.into(),
        devices: "client:\"Acme GmbH\"".into(),
        zone: "Europe/Berlin".into(),
        from: "2026-12-18T17:00".into(),
        until: "2027-01-04T06:00".into(),
        reason: "the shop is <full>".into(),
        exception: Some("Mr Sand, the shop's manager".into()),
        client: Some("Acme GmbH".into()),
        file: (state == FreezeState::Coming).then(|| "acme.toml".into()),
        state,
        unreadable: (state == FreezeState::Unreadable).then(|| "its text is not one freeze".into()),
        made_by: "Ada Berg".into(),
        made_at: at("2026-03-01T15:00:00Z"),
        ended_at: (state == FreezeState::Ended).then(|| at("2026-03-02T07:00:00Z")),
    }
}

fn form() -> FreezeForm {
    FreezeForm(NewFreeze {
        name: "Christmas".into(),
        devices: "client:\"Acme GmbH\"".into(),
        zone: "device".into(),
        from: "2026-12-18T17:00".into(),
        until: "2027-01-04T06:00".into(),
        reason: "the shop is <full>".into(),
        exception: Some("Mr Sand".into()),
    })
}

#[test]
fn freezes_are_listed_with_their_state_and_whom_to_ask() {
    let items = [
        FreezeState::InForce,
        FreezeState::Coming,
        FreezeState::Unreadable,
        FreezeState::Over,
        FreezeState::Ended,
    ];
    let found = Kept {
        items: items.map(|state| item("Christmas", state)).to_vec(),
        next: None,
    };
    let asked = KeptAsked {
        show: "all".into(),
        done: Some(Done::Freeze),
        ..KeptAsked::default()
    };
    look("freezes", &FreezesPage::new(&owner(), &asked, found, now()));
}

#[test]
fn a_freeze_is_previewed_before_it_is_saved() {
    let span = |opens: &str, closes: &str, zone: &str| OpeningItem {
        opens_at: at(opens),
        closes_at: at(closes),
        zone: zone.into(),
    };
    let preview = FreezePreview {
        spans: vec![
            span(
                "2026-12-18T16:00:00Z",
                "2027-01-04T05:00:00Z",
                "Europe/Berlin",
            ),
            span(
                "2026-12-18T22:00:00Z",
                "2027-01-04T11:00:00Z",
                "America/New_York",
            ),
        ],
        devices: vec!["Acme GmbH/db-1".into(), "Acme GmbH/web-1".into()],
        devices_count: 30,
        clients: vec!["Acme GmbH".into()],
        clients_count: 1,
    };
    let page = FormPage::new(
        &owner(),
        None,
        &form(),
        Seen::Previewed(preview),
        vec!["Europe/Berlin".into()],
        now(),
    );
    look("freeze_preview", &page);
}

#[test]
fn what_is_wrong_with_a_freeze_stands_at_its_field_and_nothing_is_lost() {
    let mut form = form();
    form.0.until = "Christmas Eve".into();
    let mut mistakes = Mistakes::default();
    mistakes.tell(
        "until",
        "`Christmas Eve` is not a local time",
        "expected such as 2026-12-18T17:00",
    );
    let page = FormPage::new(
        &owner(),
        None,
        &form,
        Seen::Refused(mistakes),
        Vec::new(),
        now(),
    );
    let html = page.render().unwrap();
    // A field for times would not show what is none.
    assert!(
        html.contains("name=\"until\" type=\"text\" value=\"Christmas Eve\""),
        "{html}"
    );
    look("freeze_refused", &page);
}

#[test]
fn ending_a_freeze_says_what_follows() {
    look(
        "freeze_end",
        &EndPage::new(&owner(), &item("Christmas", FreezeState::InForce), now()),
    );
}
