//! The second half of the story: findings, rules, orders, tickets and studies.

use super::*;

pub(super) fn findings(tx: &mut Tx<'_>, log: &mut Log) {
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

pub(super) fn rules(tx: &mut Tx<'_>, log: &mut Log) {
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

pub(super) fn orders(tx: &mut Tx<'_>, log: &mut Log) {
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

pub(super) fn tickets_and_audit(tx: &mut Tx<'_>, log: &mut Log) {
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

pub(super) fn study(number: u64, client: u64, asked: i64, due: i64) -> NewStudy {
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
pub(super) fn studies(tx: &mut Tx<'_>, log: &mut Log) {
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
