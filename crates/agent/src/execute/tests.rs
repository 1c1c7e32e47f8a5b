//! Orders through the executing half, with a package manager that forgets nothing and can be told to
//! fail, and with an agent and steps that are killed at every point.

pub(crate) mod device;

use std::sync::atomic::Ordering;

use domain::order::{End, ItemResult, Refusal};

use self::device::{CLOSES, Device, Fate, OPENS, order, order_of};
use super::*;

#[test]
fn an_order_waits_for_its_window_installs_and_is_looked_at_again() {
    let device = Device::new();
    device.send(&order(1, 1));
    device.run_until(OPENS - 1);
    assert_eq!(device.installs(), 0, "nothing before the window");
    device.run_until(OPENS + 60);
    let report = device.only_report();
    assert_eq!(report.outcome.outcome.end, End::Succeeded);
    assert_eq!(report.outcome.outcome.restarted, ["web.service"]);
    assert!(
        report
            .outcome
            .outcome
            .items
            .iter()
            .all(|item| item.result == ItemResult::Installed)
    );
    let look = report.look.expect("a second look");
    assert_eq!(look.facts.len(), device::FACTS_OF_A_LOOK);
    assert_eq!(device.versions(), ["2", "2"]);
    assert_eq!(device.installs(), 1);
}

#[test]
fn an_agent_killed_at_any_record_ends_the_order_once() {
    let mut records = 0;
    for kill_after in 0..40 {
        let device = Device::new();
        device.send(&order(1, 1));
        let finished = device.run_killed_after(kill_after, OPENS + 60);
        device.run_until(OPENS + 120);
        let report = device.only_report();
        assert_eq!(
            report.outcome.outcome.end,
            End::Succeeded,
            "killed after {kill_after}"
        );
        assert_eq!(device.versions(), ["2", "2"], "killed after {kill_after}");
        assert_eq!(device.installs(), 1, "killed after {kill_after}");
        if finished {
            records = kill_after;
            break;
        }
    }
    // Seen, taken, and each state: the order was really cut at every one of them.
    assert!(records >= 9, "{records}");
}

#[test]
fn a_lost_install_is_repaired_and_done_once_more() {
    for packages_before_death in 0..=2 {
        let device = Device::new();
        device.plan([Fate::DiesAfter(packages_before_death)]);
        device.send(&order(1, 1));
        device.run_until(OPENS + 60);
        let report = device.only_report();
        assert_eq!(
            report.outcome.outcome.end,
            End::Succeeded,
            "{packages_before_death}"
        );
        assert_eq!(device.versions(), ["2", "2"]);
        // Where everything was there already, it is not installed again.
        let again = if packages_before_death == 2 { 1 } else { 2 };
        assert_eq!(device.installs(), again, "{packages_before_death}");
        assert_eq!(device.at_once_max(), 1);
    }
}

#[test]
fn an_install_lost_twice_ends_as_failed_and_in_order() {
    let device = Device::new();
    device.plan([Fate::DiesAfter(0), Fate::DiesAfter(0)]);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let outcome = device.only_report().outcome.outcome;
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.reason.contains("interrupted"), "{}", outcome.reason);
    assert_eq!(device.installs(), 2);
    assert!(device.unfinished().is_empty());
}

#[test]
fn a_failing_package_goes_back_and_the_others_stay() {
    let device = Device::new();
    device.plan([Fate::Fails("web")]);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let outcome = device.only_report().outcome.outcome;
    assert_eq!(outcome.end, End::Failed);
    assert!(outcome.reason.contains("web"), "{}", outcome.reason);
    assert_eq!(device.versions(), ["2", "1"]);
    assert!(device.unfinished().is_empty());
    assert!(matches!(outcome.items[0].result, ItemResult::Installed));
    assert!(matches!(outcome.items[1].result, ItemResult::Failed { .. }));
    assert!(
        outcome
            .repaired
            .iter()
            .any(|line| line.contains("put back to 1")),
        "{:?}",
        outcome.repaired
    );
}

#[test]
fn what_cannot_be_put_back_needs_hands_and_is_named() {
    let device = Device::new();
    device.plan([Fate::Fails("web")]);
    device.fake.cannot_go_back.store(true, Ordering::SeqCst);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let outcome = device.only_report().outcome.outcome;
    assert_eq!(outcome.end, End::NeedsHands);
    assert!(outcome.reason.contains("web"), "{}", outcome.reason);
}

#[test]
fn a_locked_package_manager_is_waited_for_and_named_at_the_close() {
    let device = Device::new();
    device.lock(true);
    device.send(&order(1, 1));
    device.run_until(OPENS + 300);
    assert_eq!(device.installs(), 0);
    device.lock(false);
    device.run_until(OPENS + 400);
    assert_eq!(device.only_report().outcome.outcome.end, End::Succeeded);

    let device = Device::new();
    device.lock(true);
    device.send(&order(1, 1));
    device.run_until(CLOSES + 1);
    let outcome = device.only_report().outcome.outcome;
    assert!(
        matches!(&outcome.refusal, Some(Refusal::Locked { holder }) if holder.contains("unattended")),
        "{:?}",
        outcome.refusal
    );
    assert_eq!(device.installs(), 0);
}

#[test]
fn the_server_hears_of_a_beginning_before_the_long_look() {
    // The simulation refuses it, so nothing but the look can have told.
    let device = Device::new();
    device.fake.drags_along.store(true, Ordering::SeqCst);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    assert_eq!(device.told(), [Step::Taken, Step::Downloading]);
    // A lock only holds it up: it can still be cancelled at the server.
    let device = Device::new();
    device.lock(true);
    device.send(&order(1, 1));
    device.run_until(CLOSES + 1);
    assert_eq!(device.told(), [Step::Taken]);
}

#[test]
fn an_order_without_room_is_refused_with_both_figures() {
    // More than any disk has, to fetch and to keep.
    let petabyte = 1_000_000_000_000_000;
    for (download_bytes, growth_bytes) in [(petabyte, 0), (0, petabyte)] {
        let device = Device::new();
        *device.fake.room.lock().unwrap() = Some(backends::Room {
            download_bytes,
            growth_bytes,
        });
        device.send(&order(1, 1));
        device.run_until(OPENS + 60);
        let outcome = device.only_report().outcome.outcome;
        assert!(
            matches!(
                outcome.refusal,
                Some(Refusal::NoSpace { needed_bytes, free_bytes })
                    if needed_bytes > petabyte && free_bytes > 0 && free_bytes < petabyte
            ),
            "{outcome:?}"
        );
        assert_eq!(device.installs(), 0);
    }
}

#[test]
fn leftovers_of_somebody_else_are_repaired_first() {
    let device = Device::new();
    device.break_package("other");
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let outcome = device.only_report().outcome.outcome;
    assert_eq!(outcome.end, End::Succeeded);
    assert!(!outcome.repaired.is_empty());
    assert!(device.unfinished().is_empty());
}

#[test]
fn a_simulation_that_differs_and_a_version_that_is_gone_are_told_as_data() {
    let device = Device::new();
    device.fake.drags_along.store(true, Ordering::SeqCst);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let outcome = device.only_report().outcome.outcome;
    assert_eq!(outcome.end, End::Refused);
    assert!(matches!(outcome.refusal, Some(Refusal::Difference { .. })));

    let device = Device::new();
    device.fake.gone.store(true, Ordering::SeqCst);
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    assert_eq!(device.only_report().outcome.outcome.end, End::Superseded);
    assert_eq!(device.installs(), 0);
}

#[test]
fn without_contact_nothing_begins_and_the_server_is_sought() {
    let device = Device::new();
    device.contact_at(OPENS - 3601);
    device.keep_contact(false);
    device.send(&order(1, 1));
    device.run_until(CLOSES + 1);
    let outcome = device.only_report().outcome.outcome;
    assert!(matches!(outcome.refusal, Some(Refusal::NoContact { .. })));
    assert_eq!(device.installs(), 0);
    assert!(device.nudges() > 10);
}

#[test]
fn a_newer_generation_replaces_and_a_cancel_withdraws() {
    let device = Device::new();
    device.send(&order(1, 1));
    device.run_until(OPENS - 100);
    let mut later = order(2, 2);
    later.opens_at = device::at(OPENS + 1000);
    later.closes_at = device::at(OPENS + 2000);
    device.send(&later);
    device.run_until(OPENS + 900);
    assert_eq!(device.installs(), 0, "the older one is not carried out");
    let mut cancel = order(3, 3);
    cancel.action = Action::Cancel;
    device.send(&cancel);
    device.run_until(OPENS + 1500);
    let report = device.only_report();
    assert_eq!(report.outcome.outcome.end, End::Cancelled);
    assert_eq!(device.installs(), 0);
}

#[test]
fn orders_of_one_answer_are_taken_in_the_order_of_their_sequences() {
    // By name, `10-1.order` comes before `9-1.order`.
    let device = Device::new();
    device.send(&order_of(1, 1, 9));
    device.send(&order_of(2, 1, 10));
    device.run_until(OPENS - 1);
    let reports = device.reports();
    assert!(
        reports.is_empty(),
        "one was taken for a replay: {reports:?}"
    );
}

#[test]
fn what_was_replayed_forged_or_meant_for_others_is_refused_with_its_code() {
    let device = Device::new();
    device.send(&order_of(7, 1, 5));
    device.run_until(OPENS + 60);
    // The same bytes again change nothing.
    device.send(&order_of(7, 1, 5));
    device.run_until(OPENS + 90);
    assert_eq!(device.reports().len(), 1);
    assert_eq!(device.installs(), 1);
    // Another order with a sequence that was seen.
    device.send(&order_of(8, 1, 5));
    device.run_until(OPENS + 120);
    assert_eq!(
        device.refusal_of(8),
        Some(Refusal::Replayed { last_seen: 5 })
    );
    // For another device.
    let mut other = order_of(9, 1, 6);
    other.device = domain::id::DeviceId::from_bytes([99; 16]);
    device.send(&other);
    device.run_until(OPENS + 150);
    assert_eq!(device.refusal_of(9), Some(Refusal::OtherDevice));
    // By another key.
    device.send_signed_by_another(&order_of(10, 1, 7));
    device.run_until(OPENS + 180);
    assert_eq!(device.refusal_of(10), Some(Refusal::BadSignature));
    assert_eq!(device.installs(), 1);
}

#[test]
fn an_unknown_verb_and_a_malformed_order_are_refused_with_their_code() {
    let device = Device::new();
    device.send_changed(&order_of(11, 3, 1), |order| {
        order["action"] = serde_json::json!({"verb": "Reboot", "grace_minutes": 5});
    });
    device.send_changed(&order_of(12, 1, 2), |order| {
        order["action"]["items"][0]["to"] = serde_json::json!(7);
    });
    // Unknown too, and for another device: that comes first.
    let mut other = order_of(13, 1, 3);
    other.device = domain::id::DeviceId::from_bytes([99; 16]);
    device.send_changed(&other, |order| {
        order["action"] = serde_json::json!({"verb": "Reboot"});
    });
    device.send_changed(&order_of(14, 1, 4), |order| {
        order["sequence"] = serde_json::json!("four");
    });
    device.run_until(OPENS + 60);
    assert_eq!(
        device.refusal_of(11),
        Some(Refusal::UnknownVerb {
            verb: "Reboot".into()
        })
    );
    let report = device.reports().remove(0);
    let outcome = &report.outcome.outcome;
    assert_eq!((outcome.generation, outcome.sequence), (3, 1));
    assert_eq!(outcome.end, End::Refused);
    assert!(matches!(
        device.refusal_of(12),
        Some(Refusal::Malformed { .. })
    ));
    assert_eq!(device.refusal_of(13), Some(Refusal::OtherDevice));
    assert_eq!(
        device.reports().len(),
        3,
        "what does not say which order it is cannot be reported"
    );
    assert_eq!(device.installs(), 0);
}

#[test]
fn a_device_that_observes_or_cannot_read_its_guardrails_changes_nothing() {
    for rails in ["observe_only = true", "nonsense ="] {
        let device = Device::new();
        device.guardrails(rails);
        device.send(&order(1, 1));
        device.run_until(OPENS + 60);
        assert_eq!(device.only_report().outcome.outcome.end, End::Refused);
        assert_eq!(device.installs(), 0);
    }
}

#[test]
fn a_step_that_was_given_up_does_not_begin_later() {
    let device = Device::new();
    let folder = device.lone_step(JobKind::Install { attempt: 1 }, &order(1, 1));
    folder.abandon().unwrap();
    device.clock.set(device::at(OPENS + 1));
    device.run_step(&folder);
    assert_eq!(device.installs(), 0);
    assert!(folder.result().unwrap().is_none());
}

#[test]
fn a_step_checks_its_order_and_its_window_again() {
    let device = Device::new();
    device.clock.set(device::at(OPENS - 1));
    let early = device.lone_step(JobKind::Install { attempt: 1 }, &order(1, 1));
    device.run_step(&early);
    device.clock.set(device::at(CLOSES));
    let late = device.lone_step(JobKind::Install { attempt: 2 }, &order(1, 1));
    device.run_step(&late);
    device.clock.set(device::at(OPENS));
    let forged = device.lone_step_signed_by_another(&order(1, 1));
    device.run_step(&forged);
    for folder in [early, late, forged] {
        let result = folder.result().unwrap().unwrap();
        assert!(
            matches!(result.end, job::JobEnd::Failed { .. }),
            "{result:?}"
        );
    }
    assert_eq!(device.installs(), 0);
}

#[test]
fn compaction_forgets_old_ends_and_keeps_the_sequence() {
    let device = Device::new();
    device.send(&order(1, 1));
    device.run_until(OPENS + 60);
    let mut executor = device.open();
    executor.compact().unwrap();
    assert_eq!(executor.held().count(), 1);
    device.clock.set(device::at(OPENS + 41 * 86_400));
    executor.compact().unwrap();
    assert_eq!(executor.held().count(), 0);
    drop(executor);
    assert_eq!(device.open().last_seen, 1);
}
