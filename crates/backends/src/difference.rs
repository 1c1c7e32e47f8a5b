//! What differs between an order and what the package manager would do.
//!
//! Pure. No difference means: the simulation does exactly what was ordered and nothing else.

use std::cmp::Ordering;

use domain::inventory::Inventory;
use domain::name::{Architecture, PackageName, Version};
use domain::order::{Difference, OrderItem};
use domain::package::{Ecosystem, Package, PackageState};
use versions::Scheme;

use crate::backend::{SimulatedInstall, Simulation};

/// Compares an order with its simulation and with what is installed; sorted, each difference once.
///
/// An item that is already installed at the ordered version is no difference: an order that was
/// carried out, and is tried again, has nothing left to do.
pub fn differences(
    order: &[OrderItem],
    simulation: &Simulation,
    inventory: &Inventory,
) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for item in order {
        ordered_item(item, simulation, inventory, &mut found);
    }
    for install in &simulation.installs {
        let ordered = order.iter().any(|item| {
            item.name == install.name && same_place(&item.architecture, &install.architecture)
        });
        if !ordered {
            found.push(beyond_order(install));
        }
    }
    for removal in &simulation.removals {
        found.push(Difference::Removal {
            name: removal.name.clone(),
            architecture: removal.architecture.clone(),
        });
    }
    found.sort();
    found.dedup();
    found
}

fn ordered_item(
    item: &OrderItem,
    simulation: &Simulation,
    inventory: &Inventory,
    found: &mut Vec<Difference>,
) {
    let installed = installed_package(inventory, &item.name, &item.architecture);
    let version = installed.map(|package| &package.version);
    let done = version == Some(&item.to) && installed.is_some_and(|p| p.state.is_usable());
    if !done && version != item.from.as_ref() {
        found.push(Difference::OtherInstalled {
            name: item.name.clone(),
            architecture: item.architecture.clone(),
            expected: item.from.clone(),
            installed: version.cloned(),
        });
    }
    if let Some(from) = version
        && order_of(item.ecosystem, &item.to, from) == Ordering::Less
    {
        found.push(Difference::Downgrade {
            name: item.name.clone(),
            architecture: item.architecture.clone(),
            from: from.clone(),
            to: item.to.clone(),
        });
    }
    let simulated = simulation.installs.iter().find(|install| {
        install.name == item.name && same_place(&install.architecture, &item.architecture)
    });
    match simulated {
        Some(install) if install.to == item.to => {}
        Some(install) => found.push(Difference::OtherVersion {
            name: item.name.clone(),
            architecture: item.architecture.clone(),
            ordered: item.to.clone(),
            simulated: install.to.clone(),
        }),
        None if done => {}
        None => {
            let gone = simulation.not_offered.iter().find(|gone| {
                gone.name == item.name && same_place(&gone.architecture, &item.architecture)
            });
            // Where the package manager refused the whole order for another reason, the caller has
            // that reason; saying that each item is not offered would be untrue.
            if gone.is_some() || simulation.refused.is_none() {
                found.push(Difference::NotOffered {
                    name: item.name.clone(),
                    architecture: item.architecture.clone(),
                    ordered: item.to.clone(),
                    offered: gone.and_then(|gone| gone.offered.clone()),
                });
            }
        }
    }
}

fn beyond_order(install: &SimulatedInstall) -> Difference {
    match &install.from {
        Some(from) if order_of(Ecosystem::Deb, &install.to, from) == Ordering::Less => {
            Difference::Downgrade {
                name: install.name.clone(),
                architecture: install.architecture.clone(),
                from: from.clone(),
                to: install.to.clone(),
            }
        }
        Some(_) | None => Difference::Extra {
            name: install.name.clone(),
            architecture: install.architecture.clone(),
            version: install.to.clone(),
        },
    }
}

/// The installed package of that name; one whose architecture became `all`, or was, is the same one.
pub(crate) fn installed_package<'a>(
    inventory: &'a Inventory,
    name: &PackageName,
    architecture: &Architecture,
) -> Option<&'a Package> {
    let there = |package: &&Package| {
        package.name == *name
            && match package.state {
                PackageState::ConfigFiles => false,
                PackageState::Installed
                | PackageState::Held
                | PackageState::HalfInstalled
                | PackageState::Unpacked
                | PackageState::HalfConfigured
                | PackageState::TriggersAwaited
                | PackageState::TriggersPending
                | PackageState::Broken => true,
            }
    };
    inventory
        .packages()
        .filter(there)
        .find(|package| package.architecture == *architecture)
        .or_else(|| {
            inventory
                .packages()
                .filter(there)
                .find(|package| same_place(&package.architecture, architecture))
        })
}

/// Whether two architectures can be the same package's: equal, or one of them `all`.
pub(crate) fn same_place(a: &Architecture, b: &Architecture) -> bool {
    a == b || a.as_str() == "all" || b.as_str() == "all"
}

/// The order of two versions; versions that cannot be ordered count as equal only when they are the
/// same text.
pub(crate) fn order_of(ecosystem: Ecosystem, a: &Version, b: &Version) -> Ordering {
    let scheme = match ecosystem {
        Ecosystem::Deb => Scheme::Deb,
        Ecosystem::Rpm => Scheme::Rpm,
        Ecosystem::Apk => Scheme::Apk,
        Ecosystem::Pacman => Scheme::Pacman,
        Ecosystem::Windows => Scheme::Windows,
        Ecosystem::Winget => Scheme::Winget,
    };
    versions::order(scheme, a.as_str(), b.as_str()).unwrap_or_else(|_| a.cmp(b))
}

#[cfg(test)]
mod tests;
