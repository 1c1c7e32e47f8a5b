use super::*;
use crate::testing::{at, inventory, missing, monday, order_id, package, rules, view};
use domain::inventory::{Digest, Inventory};
use domain::order::{End, Outcome};
use domain::proof::{Fact, Proof, SecondLook};

/// An order for openssl that the device says it carried out.
fn succeeded() -> OrderRecord {
    let view = view();
    let plan = crate::orders::plan(&view, &rules(), monday());
    let change = crate::orders::carried_out(&plan.actions[0], &view, order_id(1), monday());
    let mut record = change.unwrap().record;
    record.state = OrderState::Succeeded;
    record.outcome = Some(Outcome {
        order: record.id,
        generation: 1,
        sequence: 1,
        end: End::Succeeded,
        reason: String::new(),
        refusal: None,
        items: vec![],
        restarted: vec!["nginx.service".into()],
        kept_files: vec![],
        repaired: vec![],
        started_at: None,
        ended_at: at("2026-03-02T21:05:00Z"),
        log: String::new(),
    });
    record
}

fn look(version: Option<&str>) -> SecondLook {
    let name = || "openssl".parse().unwrap();
    let architecture = || "amd64".parse().unwrap();
    SecondLook {
        order: order_id(1),
        looked_at: at("2026-03-02T21:06:00Z"),
        inventory: Digest::of(b"x"),
        facts: vec![
            Fact::Installed {
                name: name(),
                architecture: architecture(),
                version: version.map(|v| v.parse().unwrap()),
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
            Fact::Service {
                name: "nginx.service".into(),
                running: true,
            },
            Fact::Unfinished { packages: vec![] },
        ],
    }
}

const ORDERED: &str = "3.0.17-1~deb12u2";

fn world(version: &str) -> Inventory {
    inventory(&[package("openssl", version), package("bash", "5.2-1")])
}

#[test]
fn proven_when_all_that_was_looked_at_agrees() {
    let proof = judge(
        &succeeded(),
        &look(Some(ORDERED)),
        Some(&world("1.0-1")),
        Some(&world(ORDERED)),
    );
    assert_eq!(proof.state, ProofState::Proven);
    insta::assert_snapshot!(proof.facts.join("\n"), @r"
    openssl:amd64 is at 3.0.17-1~deb12u2, as ordered.
    The files of openssl:amd64 are as the vendor made them.
    Nothing runs the replaced code any more.
    nginx.service is running.
    The package manager has no unfinished work.
    Nothing else changed on the device.
    ");
}

/// The install step claimed success in each of these.
#[test]
fn a_claim_alone_proves_nothing() {
    type Change = fn(&mut OrderRecord, &mut SecondLook);
    let cases: &[(&str, Change)] = &[
        ("another version", |_, l| *l = look(Some("1.0-1"))),
        ("not there", |_, l| *l = look(None)),
        ("no facts at all", |_, l| l.facts.clear()),
        ("not usable", |_, l| {
            let Fact::Installed { usable, .. } = &mut l.facts[0] else {
                panic!()
            };
            *usable = false;
        }),
        ("files differ", |_, l| {
            let Fact::Files { differing, .. } = &mut l.facts[1] else {
                panic!()
            };
            *differing = Some(vec!["/usr/bin/openssl".into()]);
        }),
        ("files not checked", |_, l| {
            let Fact::Files { differing, .. } = &mut l.facts[1] else {
                panic!()
            };
            *differing = None;
        }),
        ("old code", |_, l| {
            l.facts[2] = Fact::OldCode {
                running: Some(vec!["nginx.service".into()]),
            };
        }),
        ("service down", |_, l| {
            l.facts[3] = Fact::Service {
                name: "nginx.service".into(),
                running: false,
            };
        }),
        ("unfinished", |_, l| {
            l.facts[4] = Fact::Unfinished {
                packages: vec!["bash".parse().unwrap()],
            };
        }),
        ("other generation", |o, _| {
            o.outcome.as_mut().unwrap().generation = 2
        }),
        ("other order", |_, l| l.order = order_id(2)),
        ("failed", |o, _| o.state = OrderState::Failed),
    ];
    for (name, change) in cases {
        let (mut order, mut look) = (succeeded(), look(Some(ORDERED)));
        change(&mut order, &mut look);
        let after = world(ORDERED);
        let proof = judge(&order, &look, Some(&world("1.0-1")), Some(&after));
        assert_eq!(
            proof.state,
            ProofState::NotProven,
            "{name}: {:?}",
            proof.facts
        );
    }
    // The look says so, and the inventory that came with it does not.
    let proof = judge(
        &succeeded(),
        &look(Some(ORDERED)),
        None,
        Some(&world("1.0-1")),
    );
    assert_eq!(proof.state, ProofState::NotProven);
}

#[test]
fn what_somebody_else_changed_is_named() {
    let mut after = vec![package("openssl", ORDERED), package("bash", "5.2-2")];
    after.push(package("vim", "9"));
    let proof = judge(
        &succeeded(),
        &look(Some(ORDERED)),
        Some(&inventory(&[
            package("openssl", "1.0-1"),
            package("bash", "5.2-1"),
            package("nano", "7"),
        ])),
        Some(&inventory(&after)),
    );
    assert_eq!(proof.state, ProofState::Proven);
    assert_eq!(
        proof.facts.last().unwrap(),
        "Changed meanwhile, and not by this order: bash:amd64 went from 5.2-1 to 5.2-2, vim:amd64 \
         9 is new, nano:amd64 is gone."
    );
}

#[test]
fn a_ticket_for_every_success_and_every_failure() {
    let mut record = succeeded();
    assert_eq!(ticket_for(&record, "web1"), None);
    record.proof = judge(&record, &look(Some(ORDERED)), None, None);
    let ticket = ticket_for(&record, "web1").unwrap();
    assert_eq!(
        ticket.subject,
        "web1: openssl 3.0.17-1~deb12u2 installed and proven"
    );
    assert_eq!(
        (ticket.state, ticket.cause),
        (TicketState::Closed, record.id.to_string())
    );
    for (state, words) in [
        (OrderState::Failed, "failed"),
        (OrderState::NeedsHands, "failed, needs hands"),
        (OrderState::Refused, "refused by the device"),
        (OrderState::Lost, "without a report by its deadline"),
    ] {
        record.state = state;
        record.reason = "postinst failed".into();
        record.proof = Proof::pending();
        let ticket = ticket_for(&record, "web1").unwrap();
        assert_eq!(
            ticket.subject,
            format!("web1: openssl 3.0.17-1~deb12u2 {words}")
        );
        assert_eq!(ticket.state, TicketState::Open);
        assert!(ticket.evidence[0].contains("postinst failed"));
    }
    record.state = OrderState::Cancelled;
    assert_eq!(ticket_for(&record, "web1"), None);
    assert_eq!(
        missing("openssl", ORDERED).finding.patch,
        record.patches()[0]
    );
}
