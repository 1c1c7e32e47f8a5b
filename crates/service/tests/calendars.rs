//! A client's calendar over a real store: what it holds, and that it holds nothing of anybody else.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use std::collections::BTreeSet;

use domain::access::{Principal, Reach, Role};
use domain::page::PageRequest;
use engine::calendar::ics::{ImportedFreeze, read_freezes};
use service::ServiceError;
use service::calendar::{CalendarSpan, NewCalendar};
use service::policy::{PolicyFile, PolicySent};
use support::*;

/// Windows and freezes of two clients, and of the provider in words that name both.
const POLICY: &str = r#"
[[window]]
name = "nights, with; \\ signs"
for = "client:Acme"
zone = "Europe/Berlin"
start = "22:00"
duration = "2h"
days = ["mon"]

[[window]]
name = "weekends"
for = "client:Acme,Secretco -device:hiddenbox"
zone = "device"
start = "03:00"
duration = "4h"
days = ["sat"]

[[window]]
name = "secretnights"
for = "client:Secretco"
zone = "Europe/Berlin"
start = "01:00"
duration = "1h"
days = ["tue"]

[[freeze]]
name = "year end"
for = "client:Acme"
zone = "Europe/Berlin"
from = "2026-03-14T00:00"
until = "2026-03-17T00:00"
reason = "stock is counted"

[[freeze]]
name = "secretfreeze"
for = "client:Secretco"
zone = "Europe/Berlin"
from = "2026-03-20T00:00"
until = "2026-03-21T00:00"
reason = "secretreason"
"#;

async fn fleet() -> Server {
    let server = Server::new();
    let service = &server.service;
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    service
        .site_add(&server.owner, "Acme", "Boston", "America/New_York")
        .unwrap();
    enrol(&server, "Acme/Boston", "web2", 2).await;
    service.client_add(&server.owner, "Secretco").unwrap();
    service
        .site_add(&server.owner, "Secretco", "Secretown", "Asia/Tokyo")
        .unwrap();
    enrol(&server, "Secretco/Secretown", "hiddenbox", 3).await;
    enrol(&server, "Secretco/Secretown", "secretbox", 4).await;
    let sent = PolicySent {
        files: vec![PolicyFile {
            file: "policy.toml".into(),
            text: POLICY.into(),
        }],
        ..PolicySent::default()
    };
    service.policy_apply(&server.owner, &sent).unwrap();
    server
}

async fn enrol(server: &Server, site: &str, name: &str, seed: u8) {
    let wanted = service::enrolment::NewEnrolment {
        site: site.into(),
        uses: 1,
        expires: "24h".into(),
    };
    let made = server.service.enrolment_create(&server.owner, &wanted);
    let token = made.unwrap().token;
    Agent::enrol(server, name, &token, seed).await.unwrap();
}

/// The last part of a new address.
fn address(server: &Server, client: &str) -> String {
    let wanted = NewCalendar {
        client: client.into(),
    };
    let made = server.service.calendar_add(&server.owner, &wanted).unwrap();
    let path = made.path.strip_prefix("/calendar/").unwrap().to_owned();
    assert!(path.starts_with("plc_") && path.ends_with(".ics"), "{path}");
    path
}

fn text(server: &Server, file: &str) -> Option<String> {
    let found = server.service.calendar_file(file, support::address());
    found.unwrap().map(|text| text.to_string())
}

fn entries(text: &str) -> Vec<ImportedFreeze> {
    read_freezes(text, &"Europe/Berlin".parse().unwrap()).unwrap()
}

/// The values of a property, unfolded.
fn values(text: &str, property: &str) -> Vec<String> {
    let unfolded = text.replace("\r\n ", "");
    let with = format!("{property}:");
    let lines = unfolded.split("\r\n");
    lines
        .filter_map(|line| line.strip_prefix(&with).map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_holds_windows_and_freezes_in_each_zone_and_nothing_of_another_client() {
    let server = fleet().await;
    let file = address(&server, "Acme");
    let text = text(&server, &file).unwrap();
    let unfolded = text.replace("\r\n ", "");
    for secret in [
        "ecretco",
        "secretnights",
        "secretfreeze",
        "secretreason",
        "hiddenbox",
        "secretbox",
        "ecretown",
        "Tokyo",
        "web1",
        "web2",
    ] {
        assert!(!unfolded.contains(secret), "{secret}");
    }
    // Every line is one of iCalendar: its end, its length, its escapes.
    assert!(text.ends_with("END:VCALENDAR\r\n"));
    for line in text.split_terminator("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line}");
    }
    let stamps: BTreeSet<String> = values(&text, "DTSTAMP").into_iter().collect();
    assert_eq!(stamps, BTreeSet::from(["20260302T120000Z".to_owned()]));
    assert!(text.contains("SUMMARY:Change window: nights\\, with\\; \\\\ signs\r\n"));
    let uids = values(&text, "UID");
    let distinct: BTreeSet<&String> = uids.iter().collect();
    assert_eq!(distinct.len(), uids.len(), "no two entries are the same");
    // Read back: from today on, because nothing was valid before, for 180 days.
    let entries = entries(&text);
    assert_eq!(entries.len(), uids.len());
    let of = |name: &str| -> Vec<String> {
        let named = entries.iter().filter(|entry| entry.name.contains(name));
        named.map(|entry| entry.from.to_string()).collect()
    };
    // A night begins at 22:00 in Berlin, an hour earlier in UTC and from April on two; the Monday in
    // the freeze is left out.
    let nights = of("nights");
    assert_eq!(
        nights[..4],
        [
            "2026-03-02T21:00:00",
            "2026-03-09T21:00:00",
            "2026-03-23T21:00:00",
            "2026-03-30T20:00:00"
        ]
    );
    assert_eq!(nights.last().unwrap(), "2026-08-24T20:00:00");
    // One series a zone, both with their own clocks.
    assert_eq!(of("weekends (Europe/Berlin)")[0], "2026-03-07T02:00:00");
    assert_eq!(of("weekends (America/New_York)")[0], "2026-03-07T08:00:00");
    assert!(of("weekends (America/New_York)").contains(&"2026-03-21T07:00:00".to_owned()));
    assert_eq!(of("Change freeze: year end"), ["2026-03-13T23:00:00"]);
    assert!(values(&text, "DESCRIPTION")[0].contains("stock is counted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_stays_the_same_entry_and_a_change_shows_at_once() {
    let server = fleet().await;
    let file = address(&server, "Acme");
    let first = text(&server, &file).unwrap();
    // The day after: one day moved on, and what stays is the same.
    server.set("2026-03-03T12:00:00Z");
    let second = text(&server, &file).unwrap();
    assert_ne!(first, second);
    let after: BTreeSet<String> = values(&second, "UID").into_iter().collect();
    let kept = values(&first, "UID")
        .into_iter()
        .filter(|uid| after.contains(uid));
    assert_eq!(kept.count(), values(&first, "UID").len());
    server.add_window();
    let third = text(&server, &file).unwrap();
    assert!(third.contains("SUMMARY:Change window: nights\r\n"));
    // A freeze that cannot be read closes everything, and the calendar says so.
    let raw = rusqlite::Connection::open(server.dir.path().join("patchloop.db")).unwrap();
    let damaged = raw.execute(
        "UPDATE policy_object SET source = 'not TOML' WHERE name = 'year end'",
        [],
    );
    assert_eq!(damaged.unwrap(), 1);
    // The policy is read anew after any change.
    server.decide("hold", "product:bash", false);
    let closed = text(&server, &file).unwrap();
    assert!(closed.contains("cannot be read"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_address_and_one_that_never_was_get_the_same_answer() {
    let server = fleet().await;
    let service = &server.service;
    let file = address(&server, "Acme");
    assert!(text(&server, &file).is_some());
    for wrong in [
        "",
        ".ics",
        "plc_.ics",
        file.strip_suffix(".ics").unwrap(),
        &format!("{file}.ics"),
        &file.replace("plc_", "plc_x"),
        &"x".repeat(10_000),
    ] {
        assert_eq!(text(&server, wrong), None, "{wrong}");
    }
    let page = PageRequest::default();
    let list = service.calendar_list(&server.owner, &page).unwrap().items;
    assert_eq!((list.len(), list[0].client.as_str()), (1, "Acme"));
    let id = list[0].id.to_string();
    // Somebody of another client neither sees nor revokes nor makes it.
    let other = service.client_add(&server.owner, "Beta").unwrap();
    let theo = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Theo".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![other.id]),
    };
    assert!(
        service
            .calendar_list(&theo, &page)
            .unwrap()
            .items
            .is_empty()
    );
    let refused = service.calendar_revoke(&theo, &id).unwrap_err();
    assert!(matches!(refused, ServiceError::NotFound { .. }));
    let wanted = NewCalendar {
        client: "Acme".into(),
    };
    let refused = service.calendar_add(&theo, &wanted).unwrap_err();
    assert!(matches!(refused, ServiceError::NotFound { .. }));
    let revoked = service.calendar_revoke(&server.owner, &id).unwrap();
    assert_eq!(revoked.revoked_at, Some(service.now()));
    assert_eq!(text(&server, &file), None);
    assert_eq!(
        service.calendar_revoke(&server.owner, &id).unwrap(),
        revoked
    );
    // Written down, once each, and without the secret.
    let audit = service.audit_list(&server.owner, &page).unwrap().items;
    let of = |action: &str| audit.iter().filter(|row| row.action == action).count();
    assert_eq!((of("calendar.add"), of("calendar.revoke")), (1, 1));
    assert!(of("calendar.refused") > 0);
    let secret = file.strip_suffix(".ics").unwrap();
    assert!(audit.iter().all(|row| !format!("{row:?}").contains(secret)));
}

fn days(from: &str, until: &str, client: Option<&str>) -> CalendarSpan {
    CalendarSpan {
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
        zone: None,
        client: client.map(Into::into),
    }
}

#[tokio::test]
async fn the_days_of_a_client_show_what_the_planner_does() {
    let server = fleet().await;
    let span = days("2026-03-02", "2026-03-23", Some("Acme"));
    let seen = server.service.calendar_days(&server.owner, &span).unwrap();
    assert_eq!(seen.zone, "UTC", "its sites are in two zones");
    let of = |name: &str| -> Vec<String> {
        let named = seen.entries.iter().filter(|one| one.name.starts_with(name));
        named
            .map(|one| format!("{} {}", one.opens_at, one.devices))
            .collect()
    };
    // Of the three Mondays the last is frozen; in Boston the clocks changed on the 8th.
    assert_eq!(
        of("nights"),
        ["2026-03-02T21:00:00Z 2", "2026-03-09T21:00:00Z 2"]
    );
    let weekends = of("weekends");
    assert!(
        weekends.contains(&"2026-03-07T08:00:00Z 1".to_owned())
            && weekends.contains(&"2026-03-21T07:00:00Z 1".to_owned())
            && weekends.contains(&"2026-03-21T02:00:00Z 1".to_owned()),
        "{weekends:?}"
    );
    assert_eq!(of("year end"), ["2026-03-13T23:00:00Z 2"]);
    let clocks: Vec<_> = seen
        .clocks
        .iter()
        .map(|one| (one.zone.as_str(), one.minutes, one.at.to_string()))
        .collect();
    assert_eq!(
        clocks,
        [("America/New_York", 60, "2026-03-08T07:00:00Z".to_owned())]
    );
    assert!(seen.all && seen.unreadable.is_empty());
}

#[tokio::test]
async fn the_days_hold_nothing_of_another_client() {
    let server = fleet().await;
    let service = &server.service;
    let clients = service.client_list(&server.owner, &PageRequest::default());
    let acme = clients
        .unwrap()
        .items
        .into_iter()
        .find(|one| one.name == "Acme")
        .unwrap();
    let reader = Principal {
        role: Role::Reader,
        reach: Reach::Clients(vec![acme.id]),
        ..server.owner.clone()
    };
    let seen = service
        .calendar_days(&reader, &days("2026-03-02", "2026-04-06", None))
        .unwrap();
    let names: BTreeSet<&str> = seen.entries.iter().map(|one| one.name.as_str()).collect();
    assert!(names.contains("year end"), "{names:?}");
    assert!(
        names.iter().all(|name| !name.contains("secret")),
        "{names:?}"
    );
    assert_eq!(
        seen.idle_windows, 0,
        "windows of others are not counted either"
    );
    let refused =
        service.calendar_days(&reader, &days("2026-03-02", "2026-04-06", Some("Secretco")));
    assert!(matches!(refused, Err(ServiceError::NotFound { .. })));
    let mut span = days("2026-03-02", "2026-04-06", None);
    span.zone = Some("Mars/Olympus".into());
    let refused = service.calendar_days(&reader, &span);
    assert!(matches!(
        refused,
        Err(ServiceError::Invalid { field: "zone", .. })
    ));
}

#[tokio::test]
async fn a_freeze_that_cannot_be_read_closes_the_days_of_what_it_covers() {
    let server = fleet().await;
    let service = &server.service;
    let span = days("2026-03-02", "2026-03-14", Some("Acme"));
    let before = service.calendar_days(&server.owner, &span).unwrap();
    assert!(before.closed == 0 && !before.entries.is_empty());
    let raw = rusqlite::Connection::open(server.dir.path().join("patchloop.db")).unwrap();
    raw.execute(
        "UPDATE policy_object SET source = replace(source, 'Europe/Berlin', 'Mars') WHERE name = 'year end'",
        [],
    )
    .unwrap();
    // Any change has the policy read again.
    server.approve("product:nothing");
    let seen = service.calendar_days(&server.owner, &span).unwrap();
    assert_eq!(seen.entries, [], "nothing opens there");
    assert_eq!((seen.closed, seen.unreadable.len()), (2, 1));
    let other = days("2026-03-02", "2026-03-14", Some("Secretco"));
    let other = service.calendar_days(&server.owner, &other).unwrap();
    assert!(other.closed == 0 && !other.entries.is_empty(), "{other:?}");
}
