//! Another client: nothing is there for it, and nothing happens.

use super::*;

/// Everything of client 1, asked for and changed with the scope of client 2: nothing is there, and
/// nothing happens. Runs after `story`.
pub(super) fn trespass(tx: &mut Tx<'_>) {
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
pub(super) fn everything(tx: &mut Tx<'_>, scope: &ClientScope) -> Vec<String> {
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
