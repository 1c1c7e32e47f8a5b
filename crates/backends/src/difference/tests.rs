use domain::order::{Difference, OrderItem};
use domain::package::{Ecosystem, Item, Package};

use super::*;
use crate::backend::{NotOffered, SimulatedRemoval};

fn item(name: &str, from: Option<&str>, to: &str) -> OrderItem {
    OrderItem {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        from: from.map(|text| text.parse().unwrap()),
        to: to.parse().unwrap(),
        patch: format!("deb:bookworm/{name}@{to}").parse().unwrap(),
    }
}

fn install(name: &str, from: Option<&str>, to: &str) -> SimulatedInstall {
    SimulatedInstall {
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        from: from.map(|text| text.parse().unwrap()),
        to: to.parse().unwrap(),
    }
}

fn installed(packages: &[(&str, &str, &str)]) -> Inventory {
    Inventory::new(
        packages
            .iter()
            .map(|(name, architecture, version)| {
                Item::Package(Package {
                    ecosystem: Ecosystem::Deb,
                    name: name.parse().unwrap(),
                    architecture: architecture.parse().unwrap(),
                    version: version.parse().unwrap(),
                    state: PackageState::Installed,
                    source: None,
                    origin: None,
                })
            })
            .collect(),
    )
}

fn simulated(installs: Vec<SimulatedInstall>) -> Simulation {
    Simulation {
        installs,
        ..Simulation::default()
    }
}

#[test]
fn the_same_is_no_difference() {
    let order = [item("openssl", Some("3.0.20-1"), "3.0.22-1")];
    let device = installed(&[("openssl", "amd64", "3.0.20-1")]);
    let simulation = simulated(vec![install("openssl", Some("3.0.20-1"), "3.0.22-1")]);
    assert_eq!(differences(&order, &simulation, &device), vec![]);
}

#[test]
fn an_order_that_was_carried_out_has_nothing_left() {
    let order = [item("openssl", Some("3.0.20-1"), "3.0.22-1")];
    let device = installed(&[("openssl", "amd64", "3.0.22-1")]);
    assert_eq!(differences(&order, &simulated(vec![]), &device), vec![]);
}

#[test]
fn more_less_and_other_are_told_apart() {
    let order = [
        item("a", Some("1"), "2"),
        item("b", Some("1"), "2"),
        item("c", Some("1"), "2"),
        item("new", None, "1"),
    ];
    let device = installed(&[
        ("a", "amd64", "1"),
        ("b", "amd64", "1.5"),
        ("c", "amd64", "1"),
        ("d", "amd64", "5"),
    ]);
    let mut simulation = simulated(vec![
        install("a", Some("1"), "3"),
        install("b", Some("1.5"), "2"),
        install("new", None, "1"),
        install("extra", None, "7"),
        install("d", Some("5"), "4"),
    ]);
    simulation.removals.push(SimulatedRemoval {
        name: "e".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
    });
    simulation.not_offered.push(NotOffered {
        name: "c".parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        ordered: "2".parse().unwrap(),
        offered: Some("2.1".parse().unwrap()),
    });
    let lines: Vec<String> = differences(&order, &simulation, &device)
        .iter()
        .map(|difference| match difference {
            Difference::Extra { name, version, .. } => format!("extra {name} {version}"),
            Difference::Removal { name, .. } => format!("removal {name}"),
            Difference::Downgrade { name, from, to, .. } => format!("downgrade {name} {from} {to}"),
            Difference::OtherVersion {
                name, simulated, ..
            } => format!("other version {name} {simulated}"),
            Difference::NotOffered { name, offered, .. } => {
                format!(
                    "not offered {name} now {:?}",
                    offered.as_ref().map(Version::as_str)
                )
            }
            Difference::OtherInstalled {
                name, installed, ..
            } => {
                format!(
                    "other installed {name} {:?}",
                    installed.as_ref().map(Version::as_str)
                )
            }
        })
        .collect();
    assert_eq!(
        lines,
        [
            "extra extra 7",
            "removal e",
            "downgrade d 5 4",
            "other version a 3",
            "not offered c now Some(\"2.1\")",
            "other installed b Some(\"1.5\")",
        ]
    );
}

#[test]
fn an_ordered_downgrade_is_a_difference_too() {
    let order = [item("a", Some("1:2"), "3")];
    let device = installed(&[("a", "amd64", "1:2")]);
    let simulation = simulated(vec![install("a", Some("1:2"), "3")]);
    assert!(matches!(
        differences(&order, &simulation, &device)[..],
        [Difference::Downgrade { .. }]
    ));
}

#[test]
fn a_package_that_becomes_architecture_all_is_the_same_package() {
    let mut order = [item("tzdata", Some("1"), "2")];
    order[0].architecture = "all".parse().unwrap();
    let device = installed(&[("tzdata", "amd64", "1")]);
    let mut simulation = simulated(vec![install("tzdata", Some("1"), "2")]);
    simulation.installs[0].architecture = "all".parse().unwrap();
    assert_eq!(differences(&order, &simulation, &device), vec![]);
}

#[test]
fn another_architecture_is_another_package() {
    let order = [item("libc6", Some("1"), "2")];
    let device = installed(&[("libc6", "amd64", "1"), ("libc6", "i386", "1")]);
    let mut foreign = install("libc6", Some("1"), "2");
    foreign.architecture = "i386".parse().unwrap();
    let simulation = simulated(vec![install("libc6", Some("1"), "2"), foreign]);
    assert!(matches!(
        &differences(&order, &simulation, &device)[..],
        [Difference::Extra { architecture, .. }] if architecture.as_str() == "i386"
    ));
}
