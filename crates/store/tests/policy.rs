//! Objects of the policy, contacts, clocks and calendars on both engines.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::BTreeSet;

use domain::access::ClientScope;
use domain::inventory::Digest;
use domain::page::PageRequest;
use domain::policy::PolicyKind;
use domain::snapshot::Contact;
use store::{
    Actor, CalendarFeed, FixClock, Interned, OpenOptions, Place, PolicyRow, PolicyVersion, Store,
    StoreError, Tx, catalogue,
};
use support::Cluster;
use support::sample::{at, client, decision, device, id, only, provider, site, window};

fn story(tx: &mut Tx<'_>) {
    for number in [1, 2] {
        tx.client_add(&provider(), &client(number)).unwrap();
        tx.site_add(&provider(), &site(number)).unwrap();
        tx.device_add(&provider(), &device(number, id(number)))
            .unwrap();
    }
    objects(tx);
    versions(tx);
    windows_and_decisions(tx);
    contacts(tx);
    clocks(tx);
    calendars(tx);
}

fn place(position: u32) -> Place {
    Place {
        file: Some("acme.toml".to_owned()),
        position,
        source: Some("# why\n[[freeze]]\n".to_owned()),
    }
}

fn freeze(number: u64, of: Option<u64>, position: u32) -> PolicyRow {
    PolicyRow {
        id: id(number),
        kind: PolicyKind::Freeze,
        client: of.map(id),
        name: format!("Year end {number}"),
        devices: "tag:server".to_owned(),
        made_by: id(1),
        made_by_name: "Grace".to_owned(),
        valid_from: at(50),
        ended_at: None,
        place: place(position),
    }
}

fn objects(tx: &mut Tx<'_>) {
    let (whole, own, other) = (
        freeze(1, None, 2),
        freeze(2, Some(1), 1),
        freeze(3, Some(2), 0),
    );
    for row in [&whole, &own, &other] {
        tx.policy_add(&provider(), row, at(50)).unwrap();
    }
    // A name that stands is refused, and so is another client's or the whole provider's.
    let again = PolicyRow {
        id: id(9),
        ..own.clone()
    };
    assert!(matches!(
        tx.policy_add(&only(id(1)), &freeze(8, None, 0), at(50)),
        Err(StoreError::Missing { .. })
    ));
    assert!(matches!(
        tx.policy_add(&only(id(1)), &freeze(8, Some(2), 0), at(50)),
        Err(StoreError::Missing { .. })
    ));
    let standing = |tx: &mut Tx<'_>, scope: &ClientScope, seconds| {
        tx.policy_standing(scope, at(seconds)).unwrap()
    };
    assert_eq!(
        standing(tx, &provider(), 60),
        [other.clone(), own.clone(), whole.clone()]
    );
    assert_eq!(standing(tx, &only(id(1)), 60), [own.clone(), whole.clone()]);
    assert_eq!(standing(tx, &provider(), 49), []);
    let kind = PolicyKind::Freeze;
    let find = |tx: &mut Tx<'_>, scope: &ClientScope, name: &str| {
        tx.policy_find(scope, kind, name).unwrap()
    };
    assert_eq!(find(tx, &only(id(1)), &other.name), None);
    assert_eq!(find(tx, &only(id(1)), &own.name), Some(own.clone()));
    let moved = PolicyRow {
        place: place(7),
        ..own.clone()
    };
    assert!(tx.policy_place(&only(id(2)), own.id, &place(7)).is_err());
    tx.policy_place(&only(id(1)), own.id, &place(7)).unwrap();
    assert_eq!(find(tx, &only(id(1)), &own.name), Some(moved));
    // Ended is not deleted: it is read by its id, and stands in the list and in the past.
    let actor = Actor::Server;
    let end = |tx: &mut Tx<'_>, scope: &ClientScope| {
        tx.policy_end(scope, own.id, at(70), at(70), &actor)
            .unwrap()
    };
    assert!(!end(tx, &only(id(2))));
    assert!(end(tx, &only(id(1))));
    assert!(!end(tx, &provider()));
    assert_eq!(standing(tx, &provider(), 69).len(), 3);
    assert_eq!(standing(tx, &provider(), 70).len(), 2);
    assert_eq!(find(tx, &provider(), &own.name), None);
    let ended = find(tx, &provider(), &own.id.to_string()).unwrap();
    assert_eq!(ended.ended_at, Some(at(70)));
    // Its name is free again.
    tx.policy_add(&provider(), &again, at(80)).unwrap();
    let page = PageRequest::default();
    let listed = tx.policy_list(&only(id(1)), Some(kind), &page).unwrap();
    let ids: BTreeSet<_> = listed.items.iter().map(|row| row.id).collect();
    assert_eq!(ids, BTreeSet::from([id(1), id(2), id(9)]));
    let groups = tx.policy_list(&provider(), Some(PolicyKind::Group), &page);
    assert_eq!(groups.unwrap().items, []);
}

fn versions(tx: &mut Tx<'_>) {
    let version = |note: &str| PolicyVersion {
        number: 0,
        applied_at: at(90),
        applied_by_name: "Grace".to_owned(),
        note: note.to_owned(),
        files: [("acme.toml".to_owned(), "# top\n".to_owned())].into(),
        counts: "2 made".to_owned(),
    };
    let digest = Digest::of(b"files");
    // The order of files is kept, whatever their names.
    let texts = vec![
        ("b.toml".to_owned(), "# b\n".to_owned()),
        ("a.toml".to_owned(), String::new()),
    ];
    let first = tx
        .policy_version_add(id(1), &version("first"), &texts, digest)
        .unwrap();
    let second = tx
        .policy_version_add(id(1), &version("second"), &Vec::new(), digest)
        .unwrap();
    assert_eq!(tx.policy_version_texts(first).unwrap(), Some(texts));
    assert_eq!(tx.policy_version_texts(second).unwrap(), Some(Vec::new()));
    assert_eq!(tx.policy_version_texts(second + 1).unwrap(), None);
    assert!(second > first);
    let listed = tx.policy_version_list(&PageRequest::default()).unwrap();
    let notes: Vec<&str> = listed.items.iter().map(|v| v.note.as_str()).collect();
    assert_eq!(notes, ["second", "first"]);
    let read = tx.policy_version_get(first).unwrap().unwrap();
    assert_eq!((read.number, read.files.len()), (first, 1));
    assert_eq!(tx.policy_version_get(second + 1).unwrap(), None);
}

fn windows_and_decisions(tx: &mut Tx<'_>) {
    let mut night = window(1, Some(id(1)));
    night.recurrence = "last friday + 2 days".parse().unwrap();
    night.from = Some("2026-01-01".parse().unwrap());
    night.until = Some("2026-12-31".parse().unwrap());
    night.reserve = Some("30m".parse().unwrap());
    night.catch_up = Some(domain::window::CatchUp {
        within: "2h".parse().unwrap(),
        not: Some("09:00-17:00".parse().unwrap()),
        expires: Some("7d".parse().unwrap()),
    });
    tx.window_add_from(&provider(), &night, &place(4), at(50))
        .unwrap();
    tx.window_add(&provider(), &window(2, Some(id(2))), at(50))
        .unwrap();
    let standing = tx.window_standing(&only(id(1)), at(60)).unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].object, Ok(night));
    assert_eq!(standing[0].place, place(4));
    assert!(tx.window_place(&only(id(2)), id(1), &place(6)).is_err());
    tx.window_place(&only(id(1)), id(1), &place(6)).unwrap();
    let standing = tx.window_standing(&only(id(1)), at(60)).unwrap();
    assert_eq!(standing[0].place, place(6));
    let by_hand = tx.window_standing(&only(id(2)), at(60)).unwrap();
    assert_eq!(by_hand[0].place, Place::default());

    let mut pinned = decision(1, Some(id(1)));
    pinned.word = domain::decision::Word::Pin;
    pinned.name = Some("Old database".parse().unwrap());
    pinned.version = Some("3.1".parse().unwrap());
    tx.decision_add_from(&provider(), &pinned, &place(5), Some(id(7)), at(100))
        .unwrap();
    let standing = tx.decision_standing(&only(id(1)), at(110)).unwrap();
    assert_eq!(standing[0].name.as_deref(), Some("Old database"));
    assert_eq!(standing[0].place, place(5));
    assert_eq!(standing[0].object, Ok(pinned));
    assert_eq!(tx.decision_standing(&only(id(2)), at(110)).unwrap(), []);
    assert!(tx.decision_place(&only(id(2)), id(1), &place(8)).is_err());
    tx.decision_place(&only(id(1)), id(1), &place(8)).unwrap();
    let standing = tx.decision_standing(&only(id(1)), at(110)).unwrap();
    assert_eq!(standing[0].place, place(8));
    let replaced =
        |tx: &mut Tx<'_>, scope: &ClientScope| tx.decision_replaced(scope, id(1)).unwrap();
    assert_eq!(replaced(tx, &only(id(1))), Some(id(7)));
    assert_eq!(replaced(tx, &only(id(2))), None);
}

fn contacts(tx: &mut Tx<'_>) {
    let (mine, theirs) = (only(id(1)), only(id(2)));
    let contact = |from, until: Option<i64>| Contact {
        from: at(from),
        until: until.map(at),
    };
    let list = |tx: &mut Tx<'_>, scope: &ClientScope| tx.contact_list(scope, id(1)).unwrap();
    tx.contact_begin(&mine, id(1), at(10), None, at(0)).unwrap();
    tx.contact_begin(&theirs, id(1), at(11), None, at(0))
        .unwrap();
    assert_eq!(list(tx, &mine), [contact(10, None)]);
    assert_eq!(list(tx, &theirs), []);
    tx.contact_begin(&mine, id(1), at(90), Some(at(20)), at(0))
        .unwrap();
    assert_eq!(list(tx, &mine), [contact(10, Some(20)), contact(90, None)]);
    // What is old is forgotten, never what still holds.
    tx.contact_begin(&mine, id(1), at(190), Some(at(100)), at(50))
        .unwrap();
    assert_eq!(
        list(tx, &mine),
        [contact(90, Some(100)), contact(190, None)]
    );
}

fn clocks(tx: &mut Tx<'_>) {
    let clock = |released: Option<i64>, seen| FixClock {
        fix: "CVE-2026-0001".to_owned(),
        released_at: released.map(at),
        first_seen_at: at(seen),
    };
    for (given, changed, kept) in [
        (clock(None, 50), true, clock(None, 50)),
        (clock(None, 60), false, clock(None, 50)),
        (clock(Some(40), 70), true, clock(Some(40), 50)),
        (clock(Some(45), 30), true, clock(Some(40), 30)),
        (clock(None, 30), false, clock(Some(40), 30)),
    ] {
        assert_eq!(tx.clock_put(&given).unwrap(), changed, "{given:?}");
        assert_eq!(tx.clock_list().unwrap(), [kept]);
    }
}

fn calendars(tx: &mut Tx<'_>) {
    let feed = CalendarFeed {
        id: id(1),
        client: id(1),
        made_at: at(10),
        made_by_name: "Grace".to_owned(),
        ended_at: None,
    };
    let secret = Digest::of(b"secret");
    assert!(tx.calendar_add(&only(id(2)), &feed, secret).is_err());
    tx.calendar_add(&only(id(1)), &feed, secret).unwrap();
    assert_eq!(tx.calendar_by_secret(secret).unwrap(), Some(feed.clone()));
    assert_eq!(tx.calendar_by_secret(Digest::of(b"other")).unwrap(), None);
    assert_eq!(tx.calendar_list(&only(id(2))).unwrap(), []);
    assert_eq!(tx.calendar_list(&provider()).unwrap(), [feed]);
    let actor = Actor::Server;
    assert!(
        !tx.calendar_end(&only(id(2)), id(1), at(20), &actor)
            .unwrap()
    );
    assert!(
        tx.calendar_end(&only(id(1)), id(1), at(20), &actor)
            .unwrap()
    );
    assert_eq!(tx.calendar_by_secret(secret).unwrap(), None);
}

#[test]
fn sqlite_keeps_a_policy() {
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
fn postgresql_keeps_a_policy() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut connection = cluster.connect("policy");
    let mut interned = Interned::default();
    story(&mut Tx::new(&mut connection, &mut interned));
    let areas = [
        "policy.",
        "contact.",
        "clock.",
        "calendar.",
        "decision.replaces",
        "decision.place",
        "window.place",
    ];
    let declared: BTreeSet<&str> = catalogue()
        .iter()
        .map(|statement| statement.name())
        .filter(|name| areas.iter().any(|area| name.starts_with(area)))
        .collect();
    let idle: Vec<_> = declared.difference(&connection.used).collect();
    assert!(idle.is_empty(), "statements that no step runs: {idle:?}");
}

#[test]
fn an_object_that_cannot_be_read_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    store
        .write_blocking(|tx| {
            tx.client_add(&provider(), &client(1))?;
            for number in [1, 2] {
                tx.window_add(&provider(), &window(number, Some(id(1))), at(50))?;
                tx.decision_add(&provider(), &decision(number, None), at(100))?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute(
        "UPDATE change_window SET zone = 'Mars' WHERE name = 'Night 1'",
        [],
    )
    .unwrap();
    raw.execute("UPDATE decision SET patches = '((' WHERE id LIKE '%1'", [])
        .unwrap();
    let (windows, decisions) = store
        .read_blocking(|tx| {
            Ok::<_, StoreError>((
                tx.window_standing(&provider(), at(110))?,
                tx.decision_standing(&provider(), at(110))?,
            ))
        })
        .unwrap();
    let sound = |fine: Vec<bool>| assert_eq!(fine, [false, true]);
    sound(windows.iter().map(|window| window.object.is_ok()).collect());
    sound(decisions.iter().map(|found| found.object.is_ok()).collect());
    assert_eq!(windows[0].name.as_deref(), Some("Night 1"));
    assert_eq!(windows[0].client, Some(id(1)));
    let why = windows[0].object.as_ref().unwrap_err();
    assert!(why.contains("Mars"), "{why}");
}
