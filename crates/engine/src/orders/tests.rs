use super::*;
use crate::testing::{at, decision, device, missing, monday, order_id, patch, rules, view};
use domain::decision::{Level, Word};
use domain::device::{Mode, Standing};
use domain::finding::FindingState;
use domain::order::{Action, OrderEvent};
use domain::verdict::GateName;
use proptest::prelude::*;

/// Carries the plan out; new orders get ids that count up.
fn carry(view: &mut DeviceView, plan: &Plan, now: Timestamp) {
    for action in &plan.actions {
        let id = order_id(u8::try_from(view.orders.len() + 1).unwrap());
        let change = carried_out(action, view, id, now).unwrap();
        view.sequence = view.sequence.max(change.record.sequence);
        view.orders.retain(|record| record.id != change.record.id);
        view.orders.push(change.record);
    }
}

fn turn(view: &mut DeviceView, rules: &Policy, now: Timestamp) -> Plan {
    let first = plan(view, rules, now);
    assert_eq!(plan(view, rules, now), first, "planning twice");
    carry(view, &first, now);
    assert_eq!(
        plan(view, rules, now).actions,
        [],
        "planning after carrying out"
    );
    first
}

fn event(view: &mut DeviceView, event: OrderEvent, now: Timestamp) {
    let record = view.orders.last_mut().unwrap();
    record.state = record.state.after(event).unwrap();
    record.state_since = now;
}

#[test]
fn all_patches_approved_for_one_opening_go_in_one_order() {
    let (mut view, mut rules) = (view(), rules());
    view.findings.push(missing("zlib", "2"));
    view.findings.push(missing("bash", "3"));
    rules.decisions[0] = decision(1, Word::Approve, Level::Client, "product:openssl,zlib");
    let plan = turn(&mut view, &rules, monday());
    let record = &view.orders[0];
    assert_eq!(
        record.patches(),
        [patch("openssl", "3.0.17-1~deb12u2"), patch("zlib", "2")]
    );
    // Monday 22:00 to 24:00 in Berlin; the deadline is two hours later.
    assert_eq!(record.opens_at, at("2026-03-02T21:00:00Z"));
    assert_eq!(record.closes_at, at("2026-03-02T23:00:00Z"));
    assert_eq!(record.deadline, at("2026-03-03T01:00:00Z"));
    assert_eq!((record.generation, record.sequence), (1, 1));
    assert_eq!(plan.waiting.len(), 1);
    assert!(
        plan.waiting[0]
            .reason
            .sentence()
            .contains("nobody has decided")
    );
}

#[test]
fn an_order_is_made_at_most_a_day_ahead() {
    let mut view = view();
    let friday = at("2026-02-27T09:00:00Z");
    view.device.inventory_at = Some(friday);
    let plan = turn(&mut view, &rules(), friday);
    assert!(view.orders.is_empty());
    let made_at = at("2026-03-01T21:00:00Z");
    assert_eq!(
        plan.waiting[0].reason,
        WaitingReason::Gate(crate::decide::evaluate(
            &view,
            &view.findings[0],
            &rules(),
            friday,
        ))
    );
    // The decision of the fixture is of 1 March, 12:00.
    let saturday = made_at - SignedDuration::from_hours(1);
    let plan = turn(&mut view, &rules(), saturday);
    assert_eq!(plan.actions, []);
    assert!(matches!(
        plan.waiting[0].reason,
        WaitingReason::NotYetMade { .. }
    ));
    assert_eq!(plan.look_again_at, Some(made_at));
    assert_eq!(turn(&mut view, &rules(), made_at).actions.len(), 1);
}

#[test]
fn what_people_change_before_the_beginning_is_followed() {
    let (mut view, mut rules) = (view(), rules());
    turn(&mut view, &rules, monday());
    event(&mut view, OrderEvent::Taken, monday());
    // More is approved: a new generation under the same id, to be taken again.
    view.findings.push(missing("zlib", "2"));
    rules
        .decisions
        .push(decision(2, Word::Approve, Level::Client, "product:zlib"));
    turn(&mut view, &rules, monday());
    let record = &view.orders[0];
    assert_eq!(
        (record.generation, record.sequence, record.state),
        (2, 2, OrderState::Waiting)
    );
    assert_eq!(record.items.len(), 2);
    // Nothing is approved any more: withdrawn, with the reason, and a cancel to be signed.
    event(&mut view, OrderEvent::Taken, monday());
    rules
        .decisions
        .push(decision(3, Word::Deny, Level::Device, "product:*"));
    turn(&mut view, &rules, monday());
    let record = &view.orders[0];
    assert_eq!((record.generation, record.sequence), (3, 3));
    assert_eq!(record.state, OrderState::Cancelled);
    assert!(record.reason.contains("denied by Ada"), "{}", record.reason);
    assert_eq!(to_sign(record).action, Action::Cancel);
}

#[test]
fn an_order_is_withdrawn_when_the_device_is_only_observed_or_its_window_is_ended() {
    for change in 0..2 {
        let (mut view, mut rules) = (view(), rules());
        turn(&mut view, &rules, monday());
        match change {
            0 => view.device.mode = Mode::Observe,
            _ => rules.windows[0].ended_at = Some(monday()),
        }
        turn(&mut view, &rules, monday());
        assert_eq!(view.orders[0].state, OrderState::Cancelled);
    }
}

#[test]
fn nothing_is_given_to_a_device_that_is_ahead() {
    let mut view = view();
    view.device.standing = Standing::Ahead;
    assert_eq!(turn(&mut view, &rules(), monday()).actions, []);
    // Nor is anything withdrawn from it: the server knows too little.
    view.device.standing = Standing::Level;
    turn(&mut view, &rules(), monday());
    view.device.standing = Standing::Ahead;
    assert_eq!(turn(&mut view, &rules(), monday()).actions, []);
}

#[test]
fn every_order_ends_by_its_deadline() {
    let mut view = view();
    turn(&mut view, &rules(), monday());
    let mut taken = view.clone();
    // Never taken: expired when the window closes.
    turn(&mut view, &rules(), at("2026-03-02T23:00:00Z"));
    assert_eq!(view.orders[0].state, OrderState::Expired);
    // Taken: the device may be at work after the window; lost at the deadline.
    event(&mut taken, OrderEvent::Taken, monday());
    turn(&mut taken, &rules(), at("2026-03-03T00:30:00Z"));
    assert_eq!(taken.orders[0].state, OrderState::Delivered);
    turn(&mut taken, &rules(), at("2026-03-03T01:00:00Z"));
    assert_eq!(taken.orders[0].state, OrderState::Lost);
}

#[test]
fn a_success_without_a_second_look_is_not_proven_by_the_deadline() {
    let mut view = view();
    turn(&mut view, &rules(), monday());
    let end = OrderEvent::Ended(domain::order::End::Succeeded);
    event(&mut view, end, at("2026-03-02T21:10:00Z"));
    turn(&mut view, &rules(), at("2026-03-03T01:00:00Z"));
    assert_eq!(view.orders[0].proof.state, ProofState::NotProven);
}

#[test]
fn a_failed_patch_is_tried_once_an_opening_and_three_times_at_most() {
    let (mut view, mut rules) = (view(), rules());
    let week = SignedDuration::from_hours(7 * 24);
    let mut now = at("2026-03-02T21:30:00Z");
    let mut orders = 0;
    for _ in 0..5 {
        view.device.last_seen = Some(now);
        view.device.inventory_at = Some(now);
        let plan = turn(&mut view, &rules, now);
        if view.orders.len() > orders {
            orders += 1;
            event(
                &mut view,
                OrderEvent::Ended(domain::order::End::Failed),
                now,
            );
            view.orders.last_mut().unwrap().proof.state = ProofState::NotProven;
            let same_night = turn(&mut view, &rules, now + SignedDuration::from_mins(10));
            assert!(!matches!(
                same_night.waiting[0].reason,
                WaitingReason::Gate(_)
            ));
        } else {
            assert_eq!(
                plan.waiting[0].reason.sentence(),
                "failed 3 times, needs a person"
            );
        }
        now += week;
    }
    assert_eq!(orders, TRIES_MAX);

    // "Why not?" says what the planner does, and who can change it.
    view.device.inventory_at = Some(now);
    view.device.last_seen = Some(now);
    let why = crate::decide::evaluate(&view, &view.findings[0], &rules, now);
    let gate = why
        .gates
        .iter()
        .find(|gate| gate.open == Some(false) && gate.gate == GateName::Budget);
    let gate = gate.expect("the budget of tries is used up");
    assert_eq!(
        gate.reason,
        "it failed 3 times on this device, and a person has to look"
    );
    assert_eq!(gate.owner.as_deref(), Some("whoever approves it anew"));
    assert_eq!(why.verdict, Answer::Never);

    // A new approval begins a new count.
    rules.decisions[0].decided_at = now;
    view.device.inventory_at = Some(now);
    turn(&mut view, &rules, now);
    assert_eq!(view.orders.len(), TRIES_MAX + 1);
}

#[test]
fn one_order_at_a_time() {
    let (mut view, mut rules) = (view(), rules());
    turn(&mut view, &rules, monday());
    let now = at("2026-03-02T21:30:00Z");
    view.device.last_seen = Some(now);
    event(&mut view, OrderEvent::Started, now);
    view.findings.push(missing("zlib", "2"));
    rules
        .decisions
        .push(decision(2, Word::Approve, Level::Client, "product:zlib"));
    let plan = turn(&mut view, &rules, now);
    assert_eq!(plan.actions, []);
    assert_eq!(
        plan.waiting[0].reason,
        WaitingReason::OtherOrderRuns { order: order_id(1) }
    );
}

#[test]
fn a_patch_goes_only_with_all_that_it_needs() {
    let (mut view, mut rules) = (view(), rules());
    view.findings.push(missing("zlib", "2"));
    view.findings[0].finding.needs = vec![patch("zlib", "2")];
    assert_eq!(turn(&mut view, &rules, monday()).actions, []);
    rules
        .decisions
        .push(decision(2, Word::Approve, Level::Client, "product:zlib"));
    turn(&mut view, &rules, monday());
    assert_eq!(view.orders[0].items.len(), 2);
}

proptest! {
    /// Whatever people and devices do, an order lies inside an opening, holds only what is approved
    /// at that moment, and the plan comes to rest.
    #[test]
    fn plans_come_to_rest_and_no_order_is_outside_a_window_or_unapproved(
        steps in proptest::collection::vec((0_u8..9, 1_i64..30), 1..40),
    ) {
        let (mut view, mut rules) = (view(), rules());
        view.findings.push(missing("zlib", "2"));
        let mut now = monday();
        for (what, hours) in steps {
            match what {
                0 => view.device.mode = Mode::Observe,
                1 => view.device.mode = Mode::Managed,
                2 => rules.decisions.push(decision(7, Word::Hold, Level::Device, "product:openssl")),
                3 => rules.decisions.retain(|decision| decision.word == Word::Approve),
                4 => rules.decisions.push(decision(8, Word::Approve, Level::Client, "product:zlib")),
                5 => {
                    let state = &mut view.findings[0].finding.state;
                    *state = match *state {
                        FindingState::Missing => FindingState::Fixed,
                        _ => FindingState::Missing,
                    };
                }
                6..=8 => if let Some(record) = view.orders.last_mut() {
                    let event = match what {
                        6 => OrderEvent::Taken,
                        7 => OrderEvent::Started,
                        _ => OrderEvent::Ended(domain::order::End::Failed),
                    };
                    if let Ok(state) = record.state.after(event) {
                        record.state = state;
                        record.state_since = now;
                    }
                },
                _ => {}
            }
            now += SignedDuration::from_hours(hours);
            view.device.last_seen = Some(now);
            view.device.inventory_at = Some(now);
            let planned = plan(&view, &rules, now);
            prop_assert_eq!(&planned, &plan(&view, &rules, now));
            for action in &planned.actions {
                if let OrderAction::Make { content } | OrderAction::Replace { content, .. } = action {
                    prop_assert_eq!(view.device.mode, Mode::Managed);
                    let (opening, _) = crate::calendar::opening_at_or_after(
                        rules.windows.iter(), &device().zone, now,
                    );
                    let opening = opening.unwrap();
                    prop_assert_eq!((content.opens_at, content.closes_at), (opening.opens_at, opening.closes_at));
                    prop_assert!(content.opens_at.duration_since(now) <= SignedDuration::from_hours(24));
                    prop_assert!(content.sequence > view.sequence);
                    for item in &content.items {
                        let finding = view.findings.iter().find(|f| f.finding.patch == item.patch).unwrap();
                        let evaluator = Evaluator::new(&view, &rules, now);
                        prop_assert!(evaluator.approval(finding).is_some());
                        prop_assert_eq!(finding.finding.state, FindingState::Missing);
                    }
                }
            }
            carry(&mut view, &planned, now);
            prop_assert_eq!(plan(&view, &rules, now).actions, vec![]);
            let open = view.orders.iter().filter(|r| !r.state.is_final()).count();
            prop_assert!(open <= 1, "{} open orders", open);
        }
    }
}

/// Berlin, in winter one hour ahead of UTC.
fn freeze(from: &str, until: &str) -> domain::policy::Freeze {
    domain::policy::Freeze {
        id: domain::id::PolicyId::from_bytes([6; 16]),
        client: None,
        name: "Year end".parse().unwrap(),
        devices: domain::query::Query::everything(),
        zone: "Europe/Berlin".parse().unwrap(),
        from: from.parse().unwrap(),
        until: until.parse().unwrap(),
        reason: "the books are closed".into(),
        exception: None,
    }
}

#[test]
fn a_freeze_added_while_the_window_is_open_takes_back_what_did_not_begin() {
    let (mut view, mut rules) = (view(), rules());
    turn(&mut view, &rules, monday());
    event(&mut view, OrderEvent::Taken, monday());
    // Monday 22:30 in Berlin: the window is open, and somebody freezes the week.
    let now = at("2026-03-02T21:30:00Z");
    view.device.last_seen = Some(now);
    rules
        .freezes
        .push(freeze("2026-03-02T22:00", "2026-03-08T00:00"));
    turn(&mut view, &rules, now);
    let record = &view.orders[0];
    assert_eq!(record.state, OrderState::Cancelled);
    assert!(
        record.reason.contains("frozen until 8 March 2026 at 00:00"),
        "{}",
        record.reason
    );
    assert_eq!(to_sign(record).action, Action::Cancel);
    // What began goes on: nobody can stop it half-way.
    let (mut view, rules) = (self::view(), rules);
    let mut before = rules.clone();
    before.freezes.clear();
    turn(&mut view, &before, monday());
    event(&mut view, OrderEvent::Started, now);
    view.device.last_seen = Some(now);
    assert_eq!(turn(&mut view, &rules, now).actions, []);
}

#[test]
fn a_freeze_that_ends_in_the_window_leaves_the_rest_of_it() {
    let (mut view, mut rules) = (view(), rules());
    turn(&mut view, &rules, monday());
    rules
        .freezes
        .push(freeze("2026-03-02T12:00", "2026-03-02T23:00"));
    let now = at("2026-03-02T12:00:00Z");
    view.device.last_seen = Some(now);
    let plan = turn(&mut view, &rules, now);
    assert!(matches!(plan.actions[..], [OrderAction::Replace { .. }]));
    let record = &view.orders[0];
    assert_eq!(record.opens_at, at("2026-03-02T22:00:00Z"));
    assert_eq!(record.closes_at, at("2026-03-02T23:00:00Z"));
}

#[test]
fn nothing_new_begins_in_the_reserve_at_the_end_of_a_window() {
    let (mut view, mut rules) = (view(), rules());
    rules.windows[0].reserve = Some("30m".parse().unwrap());
    turn(&mut view, &rules, monday());
    assert_eq!(view.orders[0].closes_at, at("2026-03-02T22:30:00Z"));
    // In the reserve itself it waits for next week.
    let mut late = self::view();
    let now = at("2026-03-02T22:45:00Z");
    late.device.last_seen = Some(now);
    let plan = turn(&mut late, &rules, now);
    assert_eq!(plan.actions, []);
    assert!(
        matches!(&plan.waiting[0].reason, WaitingReason::NotYetMade { opens_at, .. }
        if *opens_at == at("2026-03-09T21:00:00Z"))
    );
}

#[test]
fn a_device_that_was_off_gets_its_order_for_the_time_of_catching_up() {
    use domain::snapshot::Contact;
    let (mut view, mut rules) = (view(), rules());
    rules.windows[0].catch_up = Some(domain::window::CatchUp {
        within: "2h".parse().unwrap(),
        not: Some("09:00-17:00".parse().unwrap()),
        expires: Some("3d".parse().unwrap()),
    });
    // Off from Monday morning until Tuesday, 16:30 in Berlin.
    let now = at("2026-03-03T15:30:00Z");
    let contact = |from: &str, until: Option<&str>| Contact {
        from: at(from),
        until: until.map(at),
    };
    view.contacts = Some(vec![
        contact("2026-02-25T00:00:00Z", Some("2026-03-02T09:00:00Z")),
        contact("2026-03-03T15:30:00Z", None),
    ]);
    view.device.last_seen = Some(now);
    view.device.inventory_at = Some(now);
    turn(&mut view, &rules, now);
    // Not before five, and not after two hours.
    assert_eq!(view.orders[0].opens_at, at("2026-03-03T16:00:00Z"));
    assert_eq!(view.orders[0].closes_at, at("2026-03-03T17:30:00Z"));
}

#[test]
fn patches_that_may_begin_at_different_times_go_in_different_orders() {
    use domain::policy::{ApprovalRule, Delay, RuleAction};
    let (mut view, mut rules) = (view(), rules());
    view.findings.push(missing("zlib", "2"));
    let mut late = rules.windows[0].clone();
    late.name = "Monday late".parse().unwrap();
    late.start = domain::window::start_from_text("23:00").unwrap();
    rules.windows.push(late);
    rules.rules.push(ApprovalRule {
        id: domain::id::PolicyId::from_bytes([7; 16]),
        client: None,
        name: "Libraries".parse().unwrap(),
        owner: "Ada".into(),
        patches: "product:zlib".parse().unwrap(),
        devices: domain::query::Query::everything(),
        action: RuleAction::Approve,
        after: Delay::NONE,
        kev_after: None,
        windows: vec!["Monday late".parse().unwrap()],
        rings: None,
        study: None,
        why: "late is quiet".into(),
    });
    turn(&mut view, &rules, monday());
    assert_eq!(
        view.orders[0].patches(),
        [patch("openssl", "3.0.17-1~deb12u2")]
    );
    // At eleven both may begin, until the earlier end of their windows: one order.
    let now = at("2026-03-02T22:00:00Z");
    view.device.last_seen = Some(now);
    turn(&mut view, &rules, now);
    let record = &view.orders[0];
    assert_eq!(record.patches().len(), 2);
    assert_eq!(record.opens_at, now);
    assert_eq!(record.closes_at, at("2026-03-03T00:00:00Z"));
}
