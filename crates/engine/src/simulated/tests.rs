//! Claims about the simulated fleet.

use std::collections::BTreeSet;

use domain::snapshot::SnapshotState;

use super::*;

fn simulation(devices: u32) -> Simulation {
    Simulation {
        seed: 7,
        devices,
        months: 6,
        until: "2026-10-01T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn the_same_seed_gives_the_same_fleet_and_another_another() {
    let text = |seed| {
        let fleet = fleet(&Simulation {
            seed,
            ..simulation(50)
        });
        serde_json::to_string(&fleet).unwrap()
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn patches_come_in_every_month_and_one_of_each_product_is_the_newest() {
    let fleet = fleet(&simulation(500));
    assert_eq!(fleet.devices.len(), 500);
    let mut months = BTreeSet::new();
    for device in &fleet.devices {
        let mut open = BTreeSet::new();
        for finding in &device.findings {
            let released = finding.released_at.unwrap();
            assert!(released < simulation(1).until);
            months.insert(released.to_string()[..7].to_owned());
            if finding.state != SnapshotState::Superseded {
                assert!(
                    open.insert(finding.product.clone()),
                    "{:?}",
                    finding.product
                );
            }
        }
    }
    assert!(months.len() >= 6, "{months:?}");
}

#[test]
fn a_policy_has_as_many_rules_as_asked_and_covers_the_fleet() {
    let policy = policy(500, 400).unwrap();
    assert_eq!(policy.rules.len(), 500);
    assert_eq!(policy.windows.len(), 4);
}
