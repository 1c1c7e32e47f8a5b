use super::*;
use crate::orders::{carried_out, plan};
use crate::testing::{
    at, device, facts, inventory, monday, order_id, package, rules, view as device_view,
};
use domain::order::record::OrderRecord;
use domain::order::{Action, End, OrderState};
use domain::proof::{Fact, ProofState};

const ORDERED: &str = "3.0.17-1~deb12u2";

fn view() -> LinkView {
    LinkView {
        device: device_view(),
        counter: 10,
        facts_mark: Some("mark".into()),
        before: BTreeMap::new(),
    }
}

/// A view with one order for openssl in this state.
fn with_order(state: OrderState) -> LinkView {
    let mut view = view();
    let made = plan(&view.device, &rules(), monday());
    let change = carried_out(&made.actions[0], &view.device, order_id(1), monday()).unwrap();
    let mut record = change.record;
    record.state = state;
    view.device.sequence = record.sequence;
    view.device.orders.push(record);
    view
}

fn check_in(view: &LinkView) -> CheckIn {
    CheckIn {
        at: monday(),
        counter: view.counter + 1,
        acknowledged: view.counter,
        sequence: 0,
        inventory: InventoryReport::Same(view.device.inventory.as_ref().unwrap().digest()),
        facts: FactsReport::Same {
            mark: "mark".into(),
        },
        agent: None,
        progress: vec![],
        outcomes: vec![],
        looks: vec![],
        changelogs: vec![],
    }
}

fn react(view: &LinkView, check_in: &CheckIn) -> Reaction {
    on_check_in(view, check_in, 500, monday())
}

fn record(reaction: &Reaction) -> Option<&OrderRecord> {
    reaction.effects.iter().find_map(|effect| match effect {
        Effect::Order(change) => Some(&change.record),
        _ => None,
    })
}

fn odd(reaction: &Reaction) -> usize {
    let odd = |effect: &&Effect| matches!(effect, Effect::Odd { .. });
    reaction.effects.iter().filter(odd).count()
}

fn outcome(view: &LinkView, end: End) -> OutcomeReport {
    let record = &view.device.orders[0];
    OutcomeReport {
        outcome: Outcome {
            order: record.id,
            generation: record.generation,
            sequence: record.sequence,
            end,
            reason: String::new(),
            refusal: None,
            items: vec![],
            restarted: vec![],
            kept_files: vec![],
            repaired: vec![],
            started_at: None,
            ended_at: monday(),
            log: String::new(),
        },
        order: Some(crate::orders::to_sign(record)),
    }
}

fn look(after: &Inventory) -> SecondLook {
    let name = || "openssl".parse().unwrap();
    let architecture = || "amd64".parse().unwrap();
    SecondLook {
        order: order_id(1),
        looked_at: monday(),
        inventory: after.digest(),
        facts: vec![
            Fact::Installed {
                name: name(),
                architecture: architecture(),
                version: Some(ORDERED.parse().unwrap()),
                usable: true,
            },
            Fact::Files {
                name: name(),
                architecture: architecture(),
                differing: Some(vec![]),
            },
            Fact::OldCode {
                running: Some(vec![]),
            },
            Fact::Unfinished { packages: vec![] },
        ],
    }
}

#[test]
fn a_counter_is_new_again_or_behind() {
    assert_eq!(counted(1, 0), Counted::New);
    assert_eq!(counted(11, 10), Counted::New);
    assert_eq!(counted(10, 10), Counted::Again);
    assert_eq!(counted(9, 10), Counted::Behind { counter: 10 });
    assert_eq!(counted(0, 0), Counted::Behind { counter: 0 });
}

#[test]
fn an_unchanged_check_in_confirms_and_asks_for_nothing() {
    let view = view();
    let reaction = react(&view, &check_in(&view));
    assert_eq!(
        reaction.effects,
        [
            Effect::Seen {
                at: monday(),
                counter: 11,
                sequence: 0
            },
            Effect::InventoryConfirmed,
        ]
    );
    assert!(!reaction.assess && reaction.reply.wants.is_empty() && reaction.reply.send.is_empty());
    assert!((675..=1125).contains(&reaction.reply.next_seconds));
}

#[test]
fn what_does_not_fit_is_asked_for_in_full_in_one_round_trip() {
    let view = view();
    let other = inventory(&[package("other", "1")]);
    let now = inventory(&[package("openssl", ORDERED)]);
    let mut message = check_in(&view);
    message.inventory = InventoryReport::Same(other.digest());
    message.facts = FactsReport::Same {
        mark: "other".into(),
    };
    let reaction = react(&view, &message);
    assert_eq!(reaction.reply.wants, [Want::Inventory, Want::Facts]);
    assert_eq!(reaction.reply.next_seconds, CHECK_IN_WANTED_SECONDS);
    assert!(!reaction.assess);
    // A difference from another base.
    message.inventory = InventoryReport::Delta(other.delta_to(&now));
    assert_eq!(
        react(&view, &message).reply.wants,
        [Want::Inventory, Want::Facts]
    );
    // A difference from the right one.
    let known = view.device.inventory.clone().unwrap();
    message.inventory = InventoryReport::Delta(known.delta_to(&now));
    message.facts = FactsReport::Full {
        facts: Box::new(facts()),
        mark: "new".into(),
    };
    let reaction = react(&view, &message);
    assert!(reaction.reply.wants.is_empty() && reaction.assess);
    assert!(reaction.effects.contains(&Effect::Inventory(now)));
}

#[test]
fn a_waiting_order_is_sent_until_the_device_confirms_its_generation() {
    let mut view = with_order(OrderState::Waiting);
    let reaction = react(&view, &check_in(&view));
    assert_eq!(reaction.reply.send.len(), 1);
    assert_eq!(record(&reaction), None);
    let mut message = check_in(&view);
    message.sequence = 1;
    let progress = Progress {
        order: order_id(1),
        generation: 1,
        stage: Stage::Taken,
    };
    message.progress = vec![progress];
    let reaction = react(&view, &message);
    assert_eq!(record(&reaction).unwrap().state, OrderState::Delivered);
    assert!(reaction.reply.send.is_empty());
    // A newer generation was made meanwhile: holding the older one confirms nothing.
    view.device.orders[0].generation = 2;
    view.device.orders[0].sequence = 2;
    let reaction = react(&view, &message);
    assert_eq!(reaction.reply.send[0].generation, 2);
    assert_eq!(record(&reaction), None);
}

#[test]
fn a_device_that_passed_an_orders_sequence_gets_it_with_a_new_one() {
    let mut view = with_order(OrderState::Waiting);
    view.device.sequence = 7;
    let mut message = check_in(&view);
    message.sequence = 7;
    let reaction = react(&view, &message);
    assert_eq!(
        (
            reaction.reply.send[0].sequence,
            reaction.reply.send[0].generation
        ),
        (8, 2)
    );
    assert!(matches!(
        reaction.effects[0],
        Effect::Seen { sequence: 8, .. }
    ));
    assert_eq!(record(&reaction).unwrap().sequence, 8);
}

#[test]
fn a_cancel_is_sent_to_a_device_that_still_holds_the_order() {
    let mut view = with_order(OrderState::Cancelled);
    view.device.orders[0].generation = 2;
    view.device.orders[0].sequence = 2;
    let mut message = check_in(&view);
    assert!(react(&view, &message).reply.send.is_empty());
    message.sequence = 1;
    message.progress = vec![Progress {
        order: order_id(1),
        generation: 1,
        stage: Stage::Taken,
    }];
    let reaction = react(&view, &message);
    assert_eq!(reaction.reply.send[0].action, Action::Cancel);
    assert_eq!(odd(&reaction), 0);
}

#[test]
fn an_order_that_the_server_forgot_is_withdrawn_unless_it_has_begun() {
    let view = view();
    let mut message = check_in(&view);
    let held = |stage| Progress {
        order: order_id(9),
        generation: 3,
        stage,
    };
    message.progress = vec![held(Stage::Taken)];
    let reaction = react(&view, &message);
    let [cancel] = &reaction.reply.send[..] else {
        panic!("{:?}", reaction.reply.send)
    };
    assert_eq!(
        (cancel.order, &cancel.action),
        (order_id(9), &Action::Cancel)
    );
    // Above everything that the device has seen, and kept so.
    assert!(cancel.generation > 3 && cancel.sequence > view.device.sequence);
    assert!(reaction.effects.iter().any(|effect| matches!(
        effect,
        Effect::Seen { sequence, .. } if *sequence == cancel.sequence
    )));
    message.progress = vec![held(Stage::Begun)];
    assert!(react(&view, &message).reply.send.is_empty());
}

#[test]
fn an_agent_that_cannot_install_is_never_sent_an_order() {
    let mut view = with_order(OrderState::Waiting);
    view.device.device.agent.as_mut().unwrap().verbs.clear();
    assert!(react(&view, &check_in(&view)).reply.send.is_empty());
}

#[test]
fn outcome_and_look_in_one_message_end_proven_with_a_closed_ticket() {
    let mut view = with_order(OrderState::Running);
    let after = inventory(&[package("openssl", ORDERED), package("bash", "5.2-1")]);
    view.before
        .insert(order_id(1), view.device.inventory.clone().unwrap());
    let mut message = check_in(&view);
    message.inventory = InventoryReport::Full(after.clone());
    message.outcomes = vec![outcome(&view, End::Succeeded)];
    message.looks = vec![look(&after)];
    let reaction = react(&view, &message);
    let record = record(&reaction).unwrap();
    assert_eq!(
        (record.state, record.proof.state),
        (OrderState::Succeeded, ProofState::Proven)
    );
    assert_eq!(reaction.reply.settled, [order_id(1)]);
    let ticket = reaction.effects.iter().find_map(|effect| match effect {
        Effect::Order(change) => change.ticket.as_ref(),
        _ => None,
    });
    assert_eq!(ticket.unwrap().state, domain::ticket::TicketState::Closed);
    // The same words again change nothing.
    view.device.orders[0] = record.clone();
    view.device.inventory = Some(after);
    let again = react(&view, &message);
    assert_eq!((super::tests::record(&again), odd(&again)), (None, 0));
    assert_eq!(again.reply.settled, [order_id(1)]);
}

#[test]
fn a_look_that_comes_before_its_outcome_is_judged_when_the_outcome_comes() {
    let mut view = with_order(OrderState::Running);
    let after = inventory(&[package("openssl", ORDERED)]);
    view.device.inventory = Some(after.clone());
    let mut message = check_in(&view);
    message.looks = vec![look(&after)];
    let first = react(&view, &message);
    view.device.orders[0] = record(&first).unwrap().clone();
    assert_eq!(view.device.orders[0].proof.state, ProofState::Pending);
    let mut message = check_in(&view);
    message.outcomes = vec![outcome(&view, End::Succeeded)];
    assert_eq!(
        record(&react(&view, &message)).unwrap().proof.state,
        ProofState::Proven
    );
}

#[test]
fn an_outcome_that_fits_no_state_changes_nothing_and_is_noted() {
    let mut view = with_order(OrderState::Running);
    let mut message = check_in(&view);
    message.outcomes = vec![outcome(&view, End::Failed)];
    view.device.orders[0].state = OrderState::Succeeded;
    let reaction = react(&view, &message);
    assert_eq!((record(&reaction), odd(&reaction)), (None, 1));
}

#[test]
fn a_late_report_corrects_a_lost_order() {
    let view = with_order(OrderState::Lost);
    let mut message = check_in(&view);
    message.outcomes = vec![outcome(&view, End::Failed)];
    let reaction = react(&view, &message);
    assert_eq!(record(&reaction).unwrap().state, OrderState::Failed);
}

/// The database is yesterday's: counter 10, no order. The device executed one since.
#[test]
fn after_a_restore_the_device_is_ahead_until_it_told_everything() {
    let told = with_order(OrderState::Running);
    let mut view = view();
    let after = inventory(&[package("openssl", ORDERED)]);
    let mut message = check_in(&view);
    message.counter = 31;
    message.acknowledged = 30;
    message.sequence = 1;
    let reaction = react(&view, &message);
    assert!(reaction.effects.iter().any(|effect| matches!(
        effect,
        Effect::Standing {
            standing: Standing::Ahead,
            ..
        }
    )));
    assert_eq!(
        reaction.reply.wants,
        [Want::Inventory, Want::Facts, Want::Agent, Want::Outcomes]
    );
    view.counter = 31;
    view.device.sequence = 1;
    view.device.device.standing = Standing::Ahead;
    // A message that does not know the question yet does not answer it.
    let mut early = check_in(&view);
    early.acknowledged = 30;
    assert!(react(&view, &early).reply.wants.contains(&Want::Outcomes));
    let mut full = check_in(&view);
    full.sequence = 1;
    full.inventory = InventoryReport::Full(after.clone());
    full.facts = FactsReport::Full {
        facts: Box::new(facts()),
        mark: "new".into(),
    };
    full.outcomes = vec![outcome(&told, End::Succeeded)];
    full.looks = vec![look(&after)];
    let reaction = react(&view, &full);
    assert!(reaction.effects.iter().any(|effect| matches!(
        effect,
        Effect::Standing {
            standing: Standing::Level,
            ..
        }
    )));
    let restored = record(&reaction).unwrap();
    assert_eq!(
        (restored.state, restored.proof.state),
        (OrderState::Succeeded, ProofState::Proven)
    );
    assert_eq!(restored.patches(), told.device.orders[0].patches());
    // An order that this server did not sign, or that is another device's, restores nothing.
    full.outcomes[0].order = None;
    full.looks.clear();
    let reaction = react(&view, &full);
    assert_eq!((record(&reaction), odd(&reaction)), (None, 1));
    let mut foreign = outcome(&told, End::Succeeded);
    foreign.order.as_mut().unwrap().device = domain::id::DeviceId::from_bytes([8; 16]);
    full.outcomes = vec![foreign];
    assert_eq!(record(&react(&view, &full)), None);
}

#[test]
fn a_clock_that_is_off_is_noted() {
    let view = view();
    let mut message = check_in(&view);
    message.at = at("2026-03-02T08:00:00Z");
    assert!(
        react(&view, &message)
            .effects
            .contains(&Effect::ClockSkew { seconds: -3600 })
    );
}

#[test]
fn a_device_comes_more_often_while_an_order_is_near() {
    let view = with_order(OrderState::Delivered);
    let mut message = check_in(&view);
    message.sequence = 1;
    let seconds = |now: &str| {
        on_check_in(&view, &message, 500, at(now))
            .reply
            .next_seconds
    };
    // 22:00 in Berlin is 21:00 UTC; near is half an hour.
    assert!(seconds("2026-03-02T20:45:00Z") <= 75);
    // Ten minutes before it is near, the device comes no later than that.
    let soon = seconds("2026-03-02T20:20:00Z");
    assert!((450..=750).contains(&soon), "{soon}");
    assert!(seconds("2026-03-02T10:00:00Z") >= 675);
}

#[test]
fn a_changelog_is_asked_of_one_device_at_a_time() {
    let wanted = |name: &str| ChangelogWanted {
        source: name.parse().unwrap(),
        version: "1".parse().unwrap(),
        package: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        candidate: "1".parse().unwrap(),
        installed: None,
    };
    let all: Vec<_> = (0..30).map(|n| wanted(&format!("p{n}"))).collect();
    let asked = BTreeSet::from([crate::testing::source("p0", "1")]);
    let ask = changelogs_to_ask(&all, &asked);
    assert_eq!(
        (ask.len(), ask[0].source.as_str()),
        (CHANGELOGS_ASKED_MAX, "p1")
    );
    assert_eq!(device().id, view().device.device.id);
}
