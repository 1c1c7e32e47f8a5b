//! Every method on both engines: the same story is told to SQLite and to PostgreSQL, and each step
//! must give the same. A second pass asks for everything with another client's scope.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Debug;

use domain::access::ClientScope;
use domain::changelog::{ChangelogEntry, ChangelogFacts};
use domain::device::{Mode, Standing};
use domain::enrolment::TokenRefused;
use domain::finding::FindingState;
use domain::id::{ClientId, DeviceId, OrderId};
use domain::inventory::Digest;
use domain::order::OrderState;
use domain::page::PageRequest;
use domain::proof::{Proof, ProofState};
use domain::ticket::TicketState;
use store::{
    Actor, AuditEntry, Credential, DeviceFilter, FindingsWrite, Interned, InventoryWrite,
    LinkUpdate, NewStudy, NewTicket, OpenOptions, OrderFilter, OrderProgress, Store, StoreError,
    TicketCount, TicketFilter, Tx, catalogue,
};
use support::Cluster;
use support::sample::*;

/// What each step gave, in words.
#[derive(Default)]
struct Log(Vec<String>);

impl Log {
    fn add<T: Debug>(&mut self, step: &str, result: &Result<T, StoreError>) {
        let said = match result {
            Ok(value) => format!("{value:?}"),
            // The engines word their reasons differently.
            Err(StoreError::Conflict { statement, .. }) => format!("conflict in {statement}"),
            Err(error) => format!("{error:?}"),
        };
        self.0.push(format!("{step}: {said}"));
    }
}

/// Runs a step, keeps what it gave in the log, and gives it on.
macro_rules! step {
    ($log:ident, $call:expr) => {{
        let result = $call;
        $log.add(stringify!($call), &result);
        result
    }};
}

fn pages(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { cursor, limit }
}

/// The sentence of the test tells the expected values; the comparison tells that both agree.
fn story(tx: &mut Tx<'_>) -> Vec<String> {
    let mut log = Log::default();
    people(tx, &mut log);
    places(tx, &mut log);
    devices(tx, &mut log);
    looks(tx, &mut log);
    findings(tx, &mut log);
    rules(tx, &mut log);
    orders(tx, &mut log);
    tickets_and_audit(tx, &mut log);
    log.0
}

fn study(number: u64, client: u64, asked: i64, due: i64) -> NewStudy {
    NewStudy {
        id: id(40 + number),
        cause: format!("study {number}"),
        subject: format!("study package-{number}"),
        client: id(client),
        rule: format!("Rule {client}"),
        patch: patch(number),
        owner: format!("Team {client}"),
        asked_at: at(asked),
        due_at: at(due),
        evidence: vec![format!("the rule Rule {client} holds it")],
        now: at(asked),
    }
}

/// Two studies of client 1 and one of client 2: asked, waited for, overdue, closed, asked again.
fn studies(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    let one = step!(log, tx.study_ask(&all, &study(1, 1, 400, 500))).unwrap();
    let two = step!(log, tx.study_ask(&all, &study(2, 1, 410, 450))).unwrap();
    let other = step!(log, tx.study_ask(&all, &study(3, 2, 420, 900))).unwrap();
    let (first, third): (DeviceId, DeviceId) = (id(1), id(3));
    step!(log, tx.study_wait(&all, first, &[two.key, one.key])).unwrap();
    step!(log, tx.study_wait(&all, first, &[one.key, two.key])).unwrap();
    step!(log, tx.study_wait(&all, third, &[other.key])).unwrap();
    let waits = step!(log, tx.study_of_device(&all, first)).unwrap();
    let devices = |ticket: &domain::ticket::Ticket| ticket.study.as_ref().unwrap().devices;
    assert_eq!(waits.len(), 2);
    assert!(waits.iter().all(|study| devices(&study.ticket) == 1));

    // What is overdue comes first, the longest overdue before the others; then newest first. Where the
    // pages are cut makes no difference, and neither does what becomes overdue between two pages.
    let mut seen = Vec::new();
    let mut cursor = None;
    for now in [600, 600, 1_000, 1_000, 1_000] {
        let filter = TicketFilter::all(at(now));
        let found = step!(log, tx.ticket_list(&all, &filter, &pages(1, cursor))).unwrap();
        seen.extend(found.items.into_iter().map(|ticket| ticket.cause));
        cursor = found.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["study 2", "study 1", "study 3", "order 1"]);
    let whole = TicketFilter::all(at(600));
    let found = step!(log, tx.ticket_list(&all, &whole, &pages(9, None))).unwrap();
    let causes: Vec<&str> = found.items.iter().map(|t| t.cause.as_str()).collect();
    assert_eq!(causes, seen);
    let overdue = TicketFilter {
        overdue: true,
        owner: Some("team 1".to_owned()),
        ..TicketFilter::all(at(499))
    };
    let found = step!(log, tx.ticket_list(&all, &overdue, &pages(9, None))).unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(found.items[0].id, two.ticket.id);
    let counted = step!(log, tx.ticket_count(&all, at(600))).unwrap();
    assert_eq!(
        counted,
        TicketCount {
            open: 3,
            overdue: 2
        }
    );

    // Answered: nobody waits, and it is not overdue any more. The second answer changes nothing.
    step!(log, tx.study_wait(&all, first, &[one.key])).unwrap();
    let two = step!(log, tx.study_by_keys(&all, &[two.key]))
        .unwrap()
        .remove(0);
    assert_eq!(devices(&two.ticket), 0);
    step!(
        log,
        tx.study_close(&all, &two.ticket, "approved by Ada", at(610))
    )
    .unwrap();
    let closed = step!(log, tx.ticket_get(&all, two.ticket.id))
        .unwrap()
        .unwrap();
    assert_eq!(closed.state, TicketState::Closed);
    assert_eq!(closed.evidence.last().unwrap(), "approved by Ada");
    step!(log, tx.study_close(&all, &closed, "twice", at(620))).unwrap();
    assert_eq!(
        step!(log, tx.ticket_get(&all, two.ticket.id)).unwrap(),
        Some(closed.clone())
    );
    // Asked again it is the same ticket.
    let again = step!(log, tx.study_ask(&all, &study(2, 1, 700, 800))).unwrap();
    assert_eq!(
        (again.key, again.ticket.id, again.ticket.made_at),
        (two.key, two.ticket.id, at(410))
    );
    assert_eq!(again.ticket.state, TicketState::Open);
    assert_eq!(again.ticket.study.as_ref().unwrap().due_at, at(800));
}

fn people(tx: &mut Tx<'_>, log: &mut Log) {
    step!(log, tx.setting_get("key")).unwrap();
    step!(log, tx.setting_get_or_add("key", b"one", at(0))).unwrap();
    let kept = step!(log, tx.setting_get_or_add("key", b"two", at(1))).unwrap();
    assert_eq!(kept, b"one");
    step!(log, tx.setting_put("key", b"three", at(2))).unwrap();
    assert_eq!(
        step!(log, tx.setting_get("key")).unwrap().unwrap(),
        b"three"
    );

    step!(log, tx.principal_add(&owner(), at(0))).unwrap();
    assert!(step!(log, tx.principal_add(&owner(), at(0))).is_err());
    assert_eq!(step!(log, tx.principal_list()).unwrap().len(), 1);
    let (token, link) = (Digest::of(b"token"), Digest::of(b"link"));
    step!(
        log,
        tx.credential_add(Credential::Token, token, owner().id, at(0), None)
    )
    .unwrap();
    let expires = Some(at(60));
    step!(
        log,
        tx.credential_add(Credential::SignInLink, link, owner().id, at(0), expires)
    )
    .unwrap();
    let found = step!(
        log,
        tx.credential_principal(Credential::Token, token, at(9_999))
    )
    .unwrap();
    assert_eq!(found, Some(owner()));
    let wrong = step!(
        log,
        tx.credential_principal(Credential::Session, token, at(1))
    )
    .unwrap();
    assert_eq!(wrong, None);
    assert_eq!(
        step!(
            log,
            tx.credential_take(Credential::SignInLink, link, at(60))
        )
        .unwrap(),
        None
    );
    let taken = step!(
        log,
        tx.credential_take(Credential::SignInLink, link, at(59))
    )
    .unwrap();
    assert_eq!(taken, Some(owner()));
    assert_eq!(
        step!(
            log,
            tx.credential_take(Credential::SignInLink, link, at(59))
        )
        .unwrap(),
        None
    );
    assert!(step!(log, tx.credential_end(token, at(100))).unwrap());
    assert!(!step!(log, tx.credential_end(token, at(101))).unwrap());
    let ended = step!(
        log,
        tx.credential_principal(Credential::Token, token, at(102))
    )
    .unwrap();
    assert_eq!(ended, None);
}

fn places(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    for number in [1, 2] {
        step!(log, tx.client_add(&all, &client(number))).unwrap();
        step!(log, tx.site_add(&all, &site(number))).unwrap();
    }
    assert!(step!(log, tx.client_add(&all, &client(1))).is_err());
    assert!(step!(log, tx.site_add(&only(id(2)), &site(1))).is_err());
    let first = step!(log, tx.client_list(&all, &pages(1, None))).unwrap();
    assert_eq!(first.items, [client(1)]);
    let second = step!(log, tx.client_list(&all, &pages(1, first.next))).unwrap();
    assert_eq!((second.items, second.next), (vec![client(2)], None));
    assert!(
        step!(log, tx.client_find(&all, "Client 2"))
            .unwrap()
            .is_some()
    );
    assert!(step!(log, tx.client_get(&all, id(1))).unwrap().is_some());
    assert_eq!(
        step!(log, tx.site_list(&all, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        2
    );
    let found = step!(log, tx.site_find(&all, id(1), "Main")).unwrap();
    assert_eq!(found, Some(site(1)));

    step!(log, tx.enrolment_add(&all, &enrolment(1, id(1), id(1), 1))).unwrap();
    let foreign = enrolment(2, id(2), id(1), 1);
    assert!(step!(log, tx.enrolment_add(&all, &foreign)).is_err());
    let hash = enrolment(1, id(1), id(1), 1).token_hash;
    let late = step!(log, tx.enrolment_take(hash, at(86_400))).unwrap();
    assert_eq!(late, Err(TokenRefused::Expired));
    let taken = step!(log, tx.enrolment_take(hash, at(86_399))).unwrap();
    assert_eq!(taken.unwrap().uses_left, 0);
    let again = step!(log, tx.enrolment_take(hash, at(86_399))).unwrap();
    assert_eq!(again, Err(TokenRefused::UsedUp));
    let none = step!(log, tx.enrolment_take(Digest::of(b"x"), at(1))).unwrap();
    assert_eq!(none, Err(TokenRefused::Unknown));
    assert_eq!(
        step!(log, tx.enrolment_list(&all, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
}

fn devices(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    let (one, actor) = (id(1), Actor::Principal(owner().id));
    for (number, place) in [(1, 1), (2, 1), (3, 2)] {
        step!(log, tx.device_add(&all, &device(number, id(place)))).unwrap();
    }
    assert!(step!(log, tx.device_add(&all, &device(1, id(1)))).is_err());
    assert_eq!(step!(log, tx.device_count(&all)).unwrap(), 3);
    let first = step!(
        log,
        tx.device_list(&all, DeviceFilter::default(), &pages(2, None))
    )
    .unwrap();
    assert_eq!(first.items.len(), 2);
    let rest = step!(
        log,
        tx.device_list(&all, DeviceFilter::default(), &pages(2, first.next))
    )
    .unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let filter = DeviceFilter {
        client: Some(id(2)),
    };
    assert_eq!(
        step!(log, tx.device_list(&all, filter, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        step!(log, tx.device_find(&all, "device-2")).unwrap().len(),
        1
    );

    step!(
        log,
        tx.device_set_mode(&all, one, Mode::Managed, at(100), at(101), &actor)
    )
    .unwrap();
    let tags = ["web", "db", "web"].map(|tag| tag.parse().unwrap());
    step!(
        log,
        tx.device_set_tags(&all, one, &tags, at(200), at(200), &actor)
    )
    .unwrap();
    step!(
        log,
        tx.device_set_standing(&all, one, Standing::Ahead, at(300))
    )
    .unwrap();
    step!(
        log,
        tx.device_set_agent(&all, one, &agent("0.2.0"), at(400))
    )
    .unwrap();
    let now = step!(log, tx.device_get(&all, one)).unwrap().unwrap();
    assert_eq!((now.mode, now.standing), (Mode::Managed, Standing::Ahead));
    assert_eq!(
        now.tags.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
        ["db", "web"]
    );
    assert_eq!(now.agent.unwrap().version, "0.2.0");
    let then = step!(log, tx.device_at(&all, one, at(150)))
        .unwrap()
        .unwrap();
    assert_eq!((then.mode, then.standing), (Mode::Managed, Standing::Level));
    assert_eq!(
        (then.tags.len(), then.agent.unwrap().version.as_str()),
        (0, "0.1.0")
    );
    assert_eq!(
        step!(log, tx.device_at(&all, one, at(99)))
            .unwrap()
            .unwrap()
            .mode,
        Mode::Observe
    );
    assert_eq!(step!(log, tx.device_at(&all, one, at(9))).unwrap(), None);

    let modes = step!(log, tx.device_modes(&all, one)).unwrap();
    let modes: Vec<_> = modes.iter().map(|m| (m.mode, m.valid_from)).collect();
    assert_eq!(modes, [(Mode::Managed, at(100)), (Mode::Observe, at(10))]);

    let update = LinkUpdate {
        counter: 7,
        reply: Some(b"reply".to_vec()),
        acknowledged: 6,
        last_sequence: 3,
        seen_at: at(500),
        inventory_confirmed: true,
    };
    step!(log, tx.link_update(&all, one, &update)).unwrap();
    let link = step!(log, tx.link_get(one)).unwrap().unwrap();
    assert_eq!(
        (link.counter, link.acknowledged, link.last_sequence),
        (7, 6, 3)
    );
    assert_eq!(
        (link.last_seen, link.inventory_at),
        (Some(at(500)), Some(at(500)))
    );
    assert_eq!(link.reply.as_deref(), Some(&b"reply"[..]));
    let key = device(1, id(1)).public_key;
    assert_eq!(step!(log, tx.link_device_by_key(&key)).unwrap(), Some(one));
    assert_eq!(step!(log, tx.link_get(id(77))).unwrap(), None);
}

fn looks(tx: &mut Tx<'_>, log: &mut Log) {
    let (all, one): (_, DeviceId) = (provider(), id(1));
    let first = inventory((0..50).map(|n| (n, 0)));
    let second = inventory((1..51).map(|n| (n, u64::from(n == 7))));
    assert_eq!(step!(log, tx.inventory_get(&all, one)).unwrap(), None);
    for (inventory, when, changed) in [
        (&first, 1_000, true),
        (&first, 1_500, false),
        (&second, 2_000, true),
        (&first, 3_000, true),
    ] {
        let write = InventoryWrite {
            inventory,
            digest: inventory.digest(),
            valid_from: at(when),
            recorded_at: at(when + 1),
        };
        assert_eq!(
            step!(log, tx.inventory_put(&all, one, write)).unwrap(),
            changed
        );
    }
    let now = step!(log, tx.inventory_get(&all, one)).unwrap().unwrap();
    assert_eq!(
        (now.inventory, now.valid_from),
        (first.clone(), Some(at(3_000)))
    );
    for (when, want) in [
        (1_000, &first),
        (1_999, &first),
        (2_000, &second),
        (3_000, &first),
    ] {
        let then = step!(log, tx.inventory_at(&all, one, at(when)))
            .unwrap()
            .unwrap();
        assert_eq!(then.inventory, *want, "{when}");
    }
    assert_eq!(
        step!(log, tx.inventory_at(&all, one, at(999))).unwrap(),
        None
    );
    let then = step!(log, tx.device_at(&all, one, at(2_000)))
        .unwrap()
        .unwrap();
    assert_eq!(then.packages, Some(50));
    let link = step!(log, tx.link_get(one)).unwrap().unwrap();
    assert_eq!(link.inventory_digest, Some(first.digest()));

    assert_eq!(step!(log, tx.facts_get(&all, one)).unwrap(), None);
    for offers in [3, 5] {
        step!(
            log,
            tx.facts_put(&all, one, &facts(1, offers), "mark", at(600))
        )
        .unwrap();
    }
    let (kept, looked_at) = step!(log, tx.facts_get(&all, one)).unwrap().unwrap();
    assert_eq!((kept, looked_at), (facts(1, 5), at(600)));
    let systems = step!(log, tx.facts_systems(&all, &[one, id(2)])).unwrap();
    assert_eq!(systems.len(), 1);
    let mut system = facts(1, 3).system;
    for (codename, when) in [("bookworm", 600), ("trixie", 700)] {
        system.codename = Some(codename.parse().unwrap());
        step!(log, tx.device_set_system(&all, one, &system, at(when))).unwrap();
    }
    for (when, codename) in [(599, None), (600, Some("bookworm")), (900, Some("trixie"))] {
        let then = step!(log, tx.device_system_at(&all, one, at(when))).unwrap();
        let found = then.and_then(|system| system.codename);
        assert_eq!(found, codename.map(|name| name.parse().unwrap()), "{when}");
    }

    let (source, version) = ("openssl".parse().unwrap(), "3.0.22-1".parse().unwrap());
    assert_eq!(
        step!(log, tx.changelog_get(&source, &version)).unwrap(),
        None
    );
    step!(log, tx.changelog_ask(&source, &version, at(1))).unwrap();
    step!(log, tx.changelog_ask(&source, &version, at(5))).unwrap();
    let asked = step!(log, tx.changelog_asked_at(&source, &version)).unwrap();
    assert_eq!(asked, Some(at(5)));
    let said = ChangelogFacts {
        source: source.clone(),
        version: version.clone(),
        entries: Ok(vec![ChangelogEntry {
            version: version.clone(),
            urgency: "high".to_owned(),
            cves: vec!["CVE-2026-1".to_owned()],
            written_at: Some(at(-9)),
        }]),
        read_at: at(7),
    };
    step!(log, tx.changelog_put(&said)).unwrap();
    let count = step!(log, tx.changelog_count()).unwrap();
    assert_eq!(count, (1, Some(said.read_at)));
    step!(log, tx.changelog_put(&said)).unwrap();
    assert_eq!(
        step!(log, tx.changelog_get(&source, &version)).unwrap(),
        Some(said)
    );
}

fn findings(tx: &mut Tx<'_>, log: &mut Log) {
    use FindingState::{Fixed, Missing};
    let all = provider();
    let mut apply = |tx: &mut Tx<'_>, number, states: &[(u64, FindingState)], when| {
        let findings: Vec<_> = states.iter().map(|&(n, state)| finding(n, state)).collect();
        let write = FindingsWrite {
            findings: &findings,
            valid_from: at(when),
            recorded_at: at(when),
        };
        step!(log, tx.finding_apply(&all, id(number), write)).unwrap()
    };
    let changed = apply(tx, 1, &[(1, Missing), (2, Missing)], 1_000);
    assert_eq!(changed.len(), 2);
    assert_eq!(apply(tx, 1, &[(1, Missing), (2, Missing)], 1_500).len(), 0);
    apply(tx, 2, &[(1, Missing), (3, Missing)], 1_600);
    apply(tx, 3, &[(1, Missing)], 1_700);
    let changed = apply(tx, 1, &[(1, Fixed), (4, Missing)], 2_000);
    assert_eq!(
        changed,
        [
            (patch(1), Some(Fixed)),
            (patch(2), None),
            (patch(4), Some(Missing))
        ]
    );

    let one = id(1);
    let now = step!(log, tx.finding_of_device(&all, one))
        .unwrap()
        .unwrap();
    let dates: Vec<_> = now.iter().map(|f| (f.first_seen, f.since)).collect();
    assert_eq!(dates, [(at(1_000), at(2_000)), (at(2_000), at(2_000))]);
    let then = step!(log, tx.finding_at(&all, one, at(1_999)))
        .unwrap()
        .unwrap();
    let then: Vec<_> = then
        .into_iter()
        .map(|f| (f.finding.patch, f.finding.state))
        .collect();
    assert_eq!(then, [(patch(1), Missing), (patch(2), Missing)]);
    assert_eq!(step!(log, tx.finding_at(&all, one, at(999))).unwrap(), None);
    assert_eq!(step!(log, tx.finding_of_device(&all, id(9))).unwrap(), None);
    let got = step!(log, tx.finding_get(&all, one, &patch(4)))
        .unwrap()
        .unwrap();
    assert_eq!(got.finding, finding(4, Missing));

    let mut cursor = None;
    let mut walked = Vec::new();
    for _ in 0..3 {
        let page = step!(log, tx.finding_list(&all, &pages(2, cursor.take()))).unwrap();
        walked.extend(
            page.items
                .into_iter()
                .map(|f| (f.device, f.found.finding.patch)),
        );
        cursor = page.next;
    }
    let want: Vec<(DeviceId, _)> = [(1, 1), (1, 4), (2, 1), (2, 3), (3, 1)]
        .map(|(device, number)| (id(device), patch(number)))
        .into();
    assert_eq!((walked, cursor), (want, None));
    let bad = pages(2, Some("zzz".to_owned()));
    assert!(step!(log, tx.finding_list(&all, &bad)).is_err());
    let of = step!(log, tx.finding_of_patch(&all, &patch(1), &pages(2, None))).unwrap();
    assert_eq!(of.items.len(), 2);
    let of = step!(
        log,
        tx.finding_of_patch(&all, &patch(1), &pages(2, of.next))
    )
    .unwrap();
    assert_eq!((of.items.len(), of.next), (1, None));
    assert!(
        step!(log, tx.finding_of_patch(&all, &patch(2), &pages(2, None)))
            .unwrap()
            .items
            .is_empty()
    );

    let list = step!(log, tx.patch_list(&all, &pages(2, None))).unwrap();
    let states: Vec<_> = list
        .items
        .iter()
        .map(|p| (p.patch.clone(), p.devices.clone()))
        .collect();
    assert_eq!(
        states,
        [
            (patch(1), [(Missing, 2), (Fixed, 1)].into()),
            (patch(3), [(Missing, 1)].into()),
        ]
    );
    let rest = step!(log, tx.patch_list(&all, &pages(2, list.next))).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    let inside = step!(log, tx.patch_get(&only(id(2)), &patch(1)))
        .unwrap()
        .unwrap();
    assert_eq!(inside.devices, [(Missing, 1)].into());
    assert_eq!(step!(log, tx.patch_get(&all, &patch(2))).unwrap(), None);
}

fn rules(tx: &mut Tx<'_>, log: &mut Log) {
    let (all, mine) = (provider(), only(id(1)));
    let actor = Actor::Principal(owner().id);
    let (own, whole) = (decision(1, Some(id(1))), decision(2, None));
    step!(log, tx.decision_add(&mine, &own, at(100))).unwrap();
    assert!(step!(log, tx.decision_add(&mine, &whole, at(100))).is_err());
    step!(log, tx.decision_add(&all, &whole, at(100))).unwrap();
    assert_eq!(
        step!(log, tx.decision_get(&mine, id(1))).unwrap(),
        Some(own.clone())
    );
    let list = step!(log, tx.decision_list(&mine, &pages(1, None))).unwrap();
    assert_eq!(list.items, [whole]);
    let list = step!(log, tx.decision_list(&mine, &pages(1, list.next))).unwrap();
    assert_eq!((list.items, list.next), (vec![own], None));
    for (when, count) in [(99, 0), (100, 2), (99_999, 2), (100_000, 0)] {
        assert_eq!(
            step!(log, tx.decision_in_force(&mine, at(when)))
                .unwrap()
                .len(),
            count,
            "{when}"
        );
    }
    assert!(!step!(log, tx.decision_end(&mine, id(2), at(500), at(500), &actor)).unwrap());
    assert!(step!(log, tx.decision_end(&mine, id(1), at(500), at(501), &actor)).unwrap());
    assert!(!step!(log, tx.decision_end(&mine, id(1), at(600), at(600), &actor)).unwrap());
    assert_eq!(
        step!(log, tx.decision_in_force(&mine, at(499)))
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        step!(log, tx.decision_in_force(&mine, at(500)))
            .unwrap()
            .len(),
        1
    );

    let (own, whole) = (window(1, Some(id(1))), window(2, None));
    step!(log, tx.window_add(&mine, &own, at(50))).unwrap();
    assert!(step!(log, tx.window_add(&mine, &whole, at(50))).is_err());
    step!(log, tx.window_add(&all, &whole, at(50))).unwrap();
    assert!(step!(log, tx.window_add(&all, &whole, at(50))).is_err());
    assert_eq!(
        step!(log, tx.window_find(&mine, "Night 1")).unwrap(),
        Some(own)
    );
    assert_eq!(
        step!(log, tx.window_list(&mine, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        2
    );
    assert_eq!(
        step!(log, tx.window_in_force(&mine, at(49))).unwrap().len(),
        0
    );
    assert!(step!(log, tx.window_end(&all, id(2), at(80), at(80), &actor)).unwrap());
    assert_eq!(
        step!(log, tx.window_in_force(&mine, at(79))).unwrap().len(),
        2
    );
    assert_eq!(
        step!(log, tx.window_in_force(&mine, at(80))).unwrap().len(),
        1
    );
    assert_eq!(step!(log, tx.window_find(&mine, "Night 2")).unwrap(), None);
}

fn orders(tx: &mut Tx<'_>, log: &mut Log) {
    let (all, one, owner): (_, DeviceId, ClientId) = (provider(), id(1), id(1));
    // The link's update above said that the device has seen 3.
    assert_eq!(step!(log, tx.order_next_sequence(&all, one)).unwrap(), 4);
    assert_eq!(step!(log, tx.order_next_sequence(&all, one)).unwrap(), 5);
    assert!(step!(log, tx.order_next_sequence(&all, id(77))).is_err());
    let (first, second) = (order(1, one, owner), order(2, one, owner));
    step!(log, tx.order_add(&all, &first, at(200))).unwrap();
    step!(log, tx.order_add(&all, &second, at(200))).unwrap();
    assert!(step!(log, tx.order_add(&all, &order(3, id(77), owner), at(200))).is_err());
    assert_eq!(
        step!(log, tx.order_get(&all, first.id)).unwrap(),
        Some(first.clone())
    );
    assert_eq!(step!(log, tx.order_open(&all, one)).unwrap().len(), 2);
    assert_eq!(
        step!(log, tx.order_next_time(&all)).unwrap(),
        Some(at(2_000))
    );
    assert_eq!(
        step!(log, tx.order_due(&all, at(1_999), 10)).unwrap().len(),
        0
    );
    assert_eq!(
        step!(log, tx.order_due(&all, at(2_000), 10)).unwrap().len(),
        2
    );

    let mut newer = second.clone();
    (newer.generation, newer.sequence, newer.closes_at) = (2, 5, at(2_500));
    newer.state_since = at(300);
    step!(log, tx.order_replace(&all, &newer, at(300))).unwrap();
    assert!(step!(log, tx.order_replace(&all, &newer, at(301))).is_err());
    assert_eq!(
        step!(log, tx.order_get(&all, newer.id)).unwrap(),
        Some(newer.clone())
    );

    let id: OrderId = first.id;
    for (state, when) in [
        (OrderState::Delivered, 900),
        (OrderState::Running, 1_010),
        (OrderState::Succeeded, 1_060),
    ] {
        let progress = OrderProgress {
            state,
            since: at(when),
            reason: format!("{state}"),
        };
        step!(log, tx.order_set_state(&all, id, &progress, at(when + 5))).unwrap();
    }
    let proof = Proof {
        state: ProofState::Proven,
        checked_at: Some(at(1_070)),
        facts: vec!["package-1 is 2.0-1".to_owned()],
    };
    step!(log, tx.order_set_outcome(&all, &outcome(id), at(1_065))).unwrap();
    step!(log, tx.order_set_look(&all, &look(id), at(1_075))).unwrap();
    step!(log, tx.order_set_proof(&all, id, &proof, at(1_076))).unwrap();
    let done = step!(log, tx.order_get(&all, id)).unwrap().unwrap();
    assert_eq!(
        (done.state, done.state_since),
        (OrderState::Succeeded, at(1_060))
    );
    assert_eq!(
        (done.outcome, done.look),
        (Some(outcome(id)), Some(look(id)))
    );
    assert_eq!(done.proof, proof);
    let states: Vec<_> = step!(log, tx.order_history(&all, id))
        .unwrap()
        .into_iter()
        .map(|progress| (progress.state, progress.since))
        .collect();
    assert_eq!(
        states,
        [
            (OrderState::Waiting, at(200)),
            (OrderState::Delivered, at(900)),
            (OrderState::Running, at(1_010)),
            (OrderState::Succeeded, at(1_060)),
        ]
    );
    assert_eq!(step!(log, tx.order_open(&all, one)).unwrap().len(), 1);
    let list = step!(
        log,
        tx.order_list(&all, &OrderFilter::default(), &pages(1, None))
    )
    .unwrap();
    assert_eq!(list.items, [newer]);
    let list = step!(
        log,
        tx.order_list(&all, &OrderFilter::default(), &pages(1, list.next))
    )
    .unwrap();
    assert_eq!((list.items.len(), list.next), (1, None));
    let filter = OrderFilter {
        client: Some(owner),
        device: Some(one),
        states: vec![OrderState::Succeeded, OrderState::Failed],
    };
    assert_eq!(
        step!(log, tx.order_list(&all, &filter, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
}

fn tickets_and_audit(tx: &mut Tx<'_>, log: &mut Log) {
    let all = provider();
    let mut new = NewTicket {
        id: id(1),
        cause: "order 1".to_owned(),
        subject: "openssl failed on device-1".to_owned(),
        client: id(1),
        device: id(1),
        device_name: "device-1".to_owned(),
        order: id(1),
        patches: vec![patch(1)],
        evidence: vec!["postinst failed".to_owned()],
        state: TicketState::Open,
        now: at(100),
    };
    let made = step!(log, tx.ticket_put(&all, &new)).unwrap();
    (new.id, new.now) = (id(2), at(200));
    assert_eq!(step!(log, tx.ticket_put(&all, &new)).unwrap(), made);
    (new.state, new.now) = (TicketState::Closed, at(300));
    let closed = step!(log, tx.ticket_put(&all, &new)).unwrap();
    assert_eq!(
        (closed.id, closed.made_at, closed.changed_at),
        (id(1), at(100), at(300))
    );
    assert_eq!(
        step!(log, tx.ticket_get(&all, id(1))).unwrap(),
        Some(closed)
    );
    assert_eq!(
        step!(log, tx.ticket_by_cause(&all, "order 2")).unwrap(),
        None
    );
    let open = TicketFilter {
        state: Some(TicketState::Open),
        ..TicketFilter::all(at(300))
    };
    assert_eq!(
        step!(log, tx.ticket_list(&all, &open, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        0
    );
    let mine = TicketFilter {
        client: Some(id(1)),
        ..TicketFilter::all(at(300))
    };
    assert_eq!(
        step!(log, tx.ticket_list(&all, &mine, &pages(9, None)))
            .unwrap()
            .items
            .len(),
        1
    );
    studies(tx, log);

    for (number, actor, client) in [
        (1, Actor::Principal(owner().id), Some(id(1))),
        (2, Actor::Device(id(3)), Some(id(2))),
        (3, Actor::Server, None),
        (4, Actor::Unknown("192.0.2.7".to_owned()), None),
    ] {
        let entry = AuditEntry {
            at: at(number),
            actor,
            action: "test.done".to_owned(),
            object: format!("thing {number}"),
            client,
            detail: String::new(),
        };
        step!(log, tx.audit_add(&entry)).unwrap();
    }
    let list = step!(log, tx.audit_list(&all, &pages(3, None))).unwrap();
    assert_eq!(list.items.len(), 3);
    assert_eq!(
        list.items[0].entry.actor,
        Actor::Unknown("192.0.2.7".to_owned())
    );
    let rest = step!(log, tx.audit_list(&all, &pages(3, list.next))).unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    assert_eq!(
        step!(log, tx.audit_list(&only(id(1)), &pages(3, None)))
            .unwrap()
            .items
            .len(),
        1
    );
}

/// Everything of client 1, asked for and changed with the scope of client 2: nothing is there, and
/// nothing happens. Runs after `story`.
fn trespass(tx: &mut Tx<'_>) {
    let (other, all) = (only(id(2)), provider());
    let (one, own): (DeviceId, ClientId) = (id(1), id(1));
    let actor = Actor::Principal(owner().id);
    let before = everything(tx, &all);
    let refused = |result: Result<(), StoreError>| {
        assert!(
            matches!(result, Err(StoreError::Missing { .. })),
            "{result:?}"
        );
    };
    refused(tx.client_add(&other, &client(3)));
    refused(tx.site_add(
        &other,
        &domain::client::Site {
            id: id(9),
            name: "Other".parse().unwrap(),
            ..site(1)
        },
    ));
    refused(tx.enrolment_add(&other, &enrolment(9, id(1), id(1), 1)));
    refused(tx.device_add(&other, &device(9, id(1))));
    refused(tx.device_set_mode(&other, one, Mode::Observe, at(1), at(1), &actor));
    refused(tx.device_set_tags(&other, one, &[], at(1), at(1), &actor));
    refused(tx.device_set_standing(&other, one, Standing::Level, at(1)));
    refused(tx.device_set_agent(&other, one, &agent("6.6.6"), at(1)));
    refused(tx.facts_put(&other, one, &facts(6, 6), "x", at(1)));
    refused(tx.device_set_system(&other, one, &facts(6, 6).system, at(1)));
    refused(tx.decision_add(&other, &decision(9, Some(own)), at(1)));
    refused(tx.window_add(&other, &window(9, Some(own)), at(1)));
    refused(tx.order_add(&other, &order(9, one, id(2)), at(1)));
    let progress = OrderProgress {
        state: OrderState::Lost,
        since: at(1),
        reason: String::new(),
    };
    refused(tx.order_set_state(&other, id(1), &progress, at(1)));
    refused(tx.order_set_outcome(&other, &outcome(id(1)), at(1)));
    refused(tx.order_set_look(&other, &look(id(1)), at(1)));
    refused(tx.order_set_proof(&other, id(1), &Proof::pending(), at(1)));
    refused(tx.order_replace(
        &other,
        &domain::order::record::OrderRecord {
            generation: 9,
            ..order(2, one, own)
        },
        at(1),
    ));
    let update = LinkUpdate {
        counter: 99,
        reply: None,
        acknowledged: 0,
        last_sequence: 0,
        seen_at: at(1),
        inventory_confirmed: true,
    };
    refused(tx.link_update(&other, one, &update));
    assert!(tx.order_next_sequence(&other, one).is_err());
    let empty = inventory([]);
    let write = InventoryWrite {
        inventory: &empty,
        digest: empty.digest(),
        valid_from: at(9_999),
        recorded_at: at(9_999),
    };
    assert!(tx.inventory_put(&other, one, write).is_err());
    let write = FindingsWrite {
        findings: &[],
        valid_from: at(9_999),
        recorded_at: at(9_999),
    };
    assert!(tx.finding_apply(&other, one, write).is_err());
    assert!(
        !tx.decision_end(&other, id(1), at(1), at(1), &actor)
            .unwrap()
    );
    assert!(!tx.window_end(&other, id(1), at(1), at(1), &actor).unwrap());
    // The cause of another client's ticket.
    let new = NewTicket {
        id: id(9),
        cause: "order 1".to_owned(),
        subject: "taken over".to_owned(),
        client: id(2),
        device: id(3),
        device_name: "device-3".to_owned(),
        order: id(9),
        patches: vec![],
        evidence: vec![],
        state: TicketState::Open,
        now: at(999),
    };
    assert!(tx.ticket_put(&other, &new).is_err());
    assert!(tx.study_ask(&other, &study(1, 2, 999, 999)).is_err());
    assert!(tx.study_ask(&other, &study(8, 1, 999, 999)).is_err());
    let theirs = tx
        .study_by_causes(&all, &["study 1".to_owned()])
        .unwrap()
        .remove(0);
    assert!(
        tx.study_close(&other, &theirs.ticket, "x", at(999))
            .is_err()
    );
    assert!(tx.study_wait(&other, one, &[theirs.key]).is_err());
    assert_eq!(everything(tx, &all), before);

    let seen: Vec<String> = everything(tx, &other)
        .into_iter()
        .map(|line| line.split_once("): ").unwrap().1.to_owned())
        .collect();
    let seen = seen.join("\n");
    for foreign in [
        "Client 1",
        "device-1",
        "host-1",
        "Night 1",
        "thing 1",
        "0.2.0",
        "package-4",
        "Rule 1",
        "Team 1",
    ] {
        assert!(!seen.contains(foreign), "{foreign} was seen: {seen}");
    }
    for foreign in [id::<domain::id::DeviceKind>(1).to_string(), own.to_string()] {
        assert!(!seen.contains(&foreign), "{foreign} was seen: {seen}");
    }
}

/// All that can be read about client 1 under a scope.
fn everything(tx: &mut Tx<'_>, scope: &ClientScope) -> Vec<String> {
    let (one, own): (DeviceId, ClientId) = (id(1), id(1));
    let all = pages(1_000, None);
    let mut seen = Log::default();
    let log = &mut seen;
    step!(log, tx.client_list(scope, &all)).unwrap();
    step!(log, tx.client_find(scope, "Client 1")).unwrap();
    step!(log, tx.client_get(scope, own)).unwrap();
    step!(log, tx.site_list(scope, &all)).unwrap();
    step!(log, tx.site_find(scope, own, "Main")).unwrap();
    step!(log, tx.enrolment_list(scope, &all)).unwrap();
    step!(log, tx.device_list(scope, DeviceFilter::default(), &all)).unwrap();
    step!(
        log,
        tx.device_list(
            scope,
            DeviceFilter {
                client: Some(id(1))
            },
            &all
        )
    )
    .unwrap();
    step!(log, tx.device_find(scope, "device-1")).unwrap();
    step!(log, tx.device_get(scope, one)).unwrap();
    step!(log, tx.device_at(scope, one, at(9_999))).unwrap();
    step!(log, tx.device_modes(scope, one)).unwrap();
    step!(log, tx.device_system_at(scope, one, at(9_999))).unwrap();
    step!(log, tx.inventory_get(scope, one)).unwrap();
    step!(log, tx.inventory_at(scope, one, at(2_000))).unwrap();
    step!(log, tx.facts_get(scope, one)).unwrap();
    step!(log, tx.facts_systems(scope, &[id(1)])).unwrap();
    step!(log, tx.finding_of_device(scope, one)).unwrap();
    step!(log, tx.finding_at(scope, one, at(1_500))).unwrap();
    step!(log, tx.finding_get(scope, one, &patch(4))).unwrap();
    step!(log, tx.finding_list(scope, &all)).unwrap();
    step!(log, tx.finding_of_patch(scope, &patch(4), &all)).unwrap();
    step!(log, tx.patch_list(scope, &all)).unwrap();
    step!(log, tx.patch_get(scope, &patch(4))).unwrap();
    step!(log, tx.decision_get(scope, id(1))).unwrap();
    step!(log, tx.decision_list(scope, &all)).unwrap();
    step!(log, tx.decision_in_force(scope, at(200))).unwrap();
    step!(log, tx.window_find(scope, "Night 1")).unwrap();
    step!(log, tx.window_list(scope, &all)).unwrap();
    step!(log, tx.window_in_force(scope, at(60))).unwrap();
    step!(log, tx.order_get(scope, id(1))).unwrap();
    step!(log, tx.order_history(scope, id(1))).unwrap();
    step!(log, tx.order_list(scope, &OrderFilter::default(), &all)).unwrap();
    step!(log, tx.order_open(scope, one)).unwrap();
    step!(log, tx.order_due(scope, at(9_999), 100)).unwrap();
    step!(log, tx.order_next_time(scope)).unwrap();
    step!(log, tx.ticket_get(scope, id(1))).unwrap();
    step!(log, tx.ticket_by_cause(scope, "order 1")).unwrap();
    let tickets = TicketFilter::all(at(9_999));
    step!(log, tx.ticket_list(scope, &tickets, &all)).unwrap();
    step!(log, tx.ticket_count(scope, at(9_999))).unwrap();
    step!(log, tx.study_by_causes(scope, &["study 1".to_owned()])).unwrap();
    step!(log, tx.study_by_keys(scope, &[1, 2])).unwrap();
    step!(log, tx.study_of_device(scope, one)).unwrap();
    step!(log, tx.audit_list(scope, &all)).unwrap();
    seen.0
}

fn on_sqlite() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    let log = store
        .write_blocking(|tx| Ok::<_, StoreError>(story(tx)))
        .unwrap();
    store
        .write_blocking(|tx| {
            trespass(tx);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    log
}

#[test]
fn sqlite_keeps_what_it_is_given_and_shows_each_client_its_own() {
    assert!(on_sqlite().len() > 150);
}

#[test]
fn postgresql_gives_the_same_answers_as_sqlite() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut connection = cluster.connect("conformance");
    let mut interned = Interned::default();
    let there = story(&mut Tx::new(&mut connection, &mut interned));
    trespass(&mut Tx::new(&mut connection, &mut interned));
    for (here, there) in on_sqlite().iter().zip(&there) {
        assert_eq!(here, there);
    }
    // Those of feeds, events, exclusions and the policy are run by tests of their own.
    let elsewhere = [
        "feed.",
        "event.",
        "exclusion.",
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
        .map(|s| s.name())
        .filter(|name| !elsewhere.iter().any(|area| name.starts_with(area)))
        .collect();
    let idle: Vec<_> = declared.difference(&connection.used).collect();
    assert!(
        idle.is_empty(),
        "statements that no step of the story runs: {idle:?}"
    );
}
