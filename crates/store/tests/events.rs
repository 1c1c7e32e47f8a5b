//! Exclusions and events on both engines: the same story is told to SQLite and to PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::BTreeSet;

use domain::access::ClientScope;
use domain::coverage::Exclusion;
use domain::event::{Audience, Event, EventKind, EventText, TextState, Told, Urgency};
use domain::feed::Feed;
use domain::page::PageRequest;
use store::{Actor, Interned, OpenOptions, Store, StoreError, Tx, catalogue};
use support::Cluster;
use support::sample::{at, client, device, id, only, provider, site};

fn story(tx: &mut Tx<'_>) {
    for number in [1, 2] {
        tx.client_add(&provider(), &client(number)).unwrap();
        tx.site_add(&provider(), &site(number)).unwrap();
        tx.device_add(&provider(), &device(number, id(number)))
            .unwrap();
    }
    exclusions(tx);
    events(tx);
    told(tx);
}

fn exclusions(tx: &mut Tx<'_>) {
    let actor = Actor::Server;
    let exclusion = |number: u64, reason: &str, until: i64| Exclusion {
        device: id(number),
        by: "Grace".to_owned(),
        at: at(20),
        reason: reason.to_owned(),
        until: at(until),
    };
    let scrapped = exclusion(1, "is being scrapped", 1000);
    tx.exclusion_add(&provider(), &scrapped, &actor).unwrap();
    let other = exclusion(2, "in repair", 30);
    // Another client's device is missing, like one that never was.
    assert_eq!(
        tx.exclusion_add(&only(id(1)), &other, &actor),
        Err(StoreError::Missing { what: "device" })
    );
    tx.exclusion_add(&only(id(2)), &other, &actor).unwrap();
    let of = |tx: &mut Tx<'_>, scope: &ClientScope, seconds| {
        tx.exclusion_in_force(scope, at(seconds)).unwrap()
    };
    assert_eq!(of(tx, &provider(), 25), [scrapped.clone(), other.clone()]);
    assert_eq!(of(tx, &only(id(2)), 25), [other]);
    // It ends by itself.
    assert_eq!(of(tx, &provider(), 30), [scrapped]);
    // A newer one takes the place of the older.
    let longer = exclusion(1, "waits for the carrier", 2000);
    tx.exclusion_add(&provider(), &longer, &actor).unwrap();
    assert_eq!(of(tx, &provider(), 40), [longer]);
    assert!(
        !tx.exclusion_end(&only(id(2)), id(1), at(50), &actor)
            .unwrap()
    );
    assert!(
        tx.exclusion_end(&provider(), id(1), at(50), &actor)
            .unwrap()
    );
    assert!(
        !tx.exclusion_end(&provider(), id(1), at(51), &actor)
            .unwrap()
    );
    assert_eq!(of(tx, &provider(), 60), []);
}

fn event(key: &str, urgency: Urgency) -> Event {
    let text = |audience, subject: &str| EventText {
        audience,
        subject: subject.to_owned(),
        body: "body\n".to_owned(),
    };
    Event {
        key: key.to_owned(),
        kind: EventKind::AdvisoryNew,
        urgency,
        owner: "Grace".to_owned(),
        texts: vec![
            text(Audience::Provider, "2 clients"),
            text(Audience::Client(id(1)), "one device"),
            text(Audience::Client(id(2)), "two devices"),
        ],
        at: at(70),
    }
}

fn events(tx: &mut Tx<'_>) {
    let all = PageRequest::default();
    assert!(
        tx.event_add(&provider(), &event("a", Urgency::Now))
            .unwrap()
    );
    assert!(
        !tx.event_add(&provider(), &event("a", Urgency::Now))
            .unwrap()
    );
    assert!(
        tx.event_add(&provider(), &event("b", Urgency::Quiet))
            .unwrap()
    );
    let subjects = |tx: &mut Tx<'_>, scope: &ClientScope| -> Vec<(String, TextState)> {
        let page = tx.event_inbox(scope, &PageRequest::default()).unwrap();
        page.items
            .into_iter()
            .map(|item| (item.text.subject, item.state))
            .collect()
    };
    let line = |subject: &str, state| (subject.to_owned(), state);
    assert_eq!(
        subjects(tx, &provider()),
        [
            line("2 clients", TextState::Quiet),
            line("2 clients", TextState::ToDeliver)
        ]
    );
    assert_eq!(
        subjects(tx, &only(id(2))),
        [
            line("two devices", TextState::Quiet),
            line("two devices", TextState::ToDeliver)
        ]
    );
    let one = PageRequest {
        cursor: None,
        limit: 1,
    };
    let first = tx.event_inbox(&provider(), &one).unwrap();
    let rest = PageRequest {
        cursor: first.next,
        limit: 1,
    };
    let second = tx.event_inbox(&provider(), &rest).unwrap();
    assert_eq!(second.items[0].state, TextState::ToDeliver);
    assert_eq!(second.next, None);
    let waiting = tx.event_waiting(&provider(), &all).unwrap().items;
    assert_eq!(waiting.len(), 3);
    let theirs = tx.event_waiting(&only(id(1)), &all).unwrap().items;
    assert_eq!(theirs.len(), 1);
    let number = theirs[0].number;
    assert_eq!(
        tx.event_text_set(&only(id(2)), number, TextState::Delivered, at(80)),
        Err(StoreError::Missing { what: "event" })
    );
    tx.event_text_set(&only(id(1)), number, TextState::Delivered, at(80))
        .unwrap();
    assert_eq!(tx.event_waiting(&provider(), &all).unwrap().items.len(), 2);
}

fn told(tx: &mut Tx<'_>) {
    assert_eq!(tx.told_get(Feed::DebianDsa, "DSA-1-1").unwrap(), None);
    let mut told = Told::default();
    for exploited in [false, true] {
        told.exploited = exploited;
        told.cves.insert("CVE-2026-0001".parse().unwrap());
        tx.told_put(Feed::DebianDsa, "DSA-1-1", &told, at(90))
            .unwrap();
        let found = tx.told_get(Feed::DebianDsa, "DSA-1-1").unwrap();
        assert_eq!(found, Some(told.clone()));
    }
    assert_eq!(tx.told_count().unwrap(), 1);
}

#[test]
fn sqlite_keeps_exclusions_and_events() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    store
        .write_blocking(|tx| {
            story(tx);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn postgresql_keeps_exclusions_and_events() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut connection = cluster.connect("events");
    let mut interned = Interned::default();
    story(&mut Tx::new(&mut connection, &mut interned));
    let declared: BTreeSet<&str> = catalogue()
        .iter()
        .map(|statement| statement.name())
        .filter(|name| name.starts_with("event.") || name.starts_with("exclusion."))
        .collect();
    let idle: Vec<_> = declared.difference(&connection.used).collect();
    assert!(idle.is_empty(), "statements that no step runs: {idle:?}");
}
