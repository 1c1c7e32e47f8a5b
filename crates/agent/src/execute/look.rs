//! The second look: the device is read anew, and nothing that the install said is reused.

use backends::{Backend, PackageKey};
use domain::id::OrderId;
use domain::inventory::{Digest, Inventory};
use domain::name::Version;
use domain::offer::OldCode;
use domain::order::OrderItem;
use domain::package::Package;
use domain::proof::{Fact, SecondLook};
use jiff::Timestamp;

use crate::platform;

/// The version of an ordered package and whether it is in order.
pub fn installed<'a>(inventory: &'a Inventory, item: &OrderItem) -> Option<(&'a Version, bool)> {
    let found: Vec<&Package> = inventory
        .packages()
        .filter(|package| {
            package.name == item.name && package.state != domain::package::PackageState::ConfigFiles
        })
        .collect();
    // A package can move between its own architecture and `all` with a new version.
    let package = found
        .iter()
        .find(|package| package.architecture == item.architecture)
        .or_else(|| {
            found.iter().find(|package| {
                package.architecture.as_str() == "all" || item.architecture.as_str() == "all"
            })
        })?;
    Some((&package.version, package.state.is_usable()))
}

/// Services that run what the order replaced, as far as the agent itself may restart them.
pub fn services_to_restart(old: &[OldCode], items: &[OrderItem]) -> Vec<String> {
    let own = platform::own_service();
    let mut services: Vec<String> = old
        .iter()
        .filter(|code| concerns(code, items))
        .filter_map(|code| code.service.clone())
        .filter(|service| Some(service) != own.as_ref() && platform::may_restart(service))
        .collect();
    services.sort();
    services.dedup();
    services
}

fn concerns(code: &OldCode, items: &[OrderItem]) -> bool {
    code.packages
        .iter()
        .any(|package| items.iter().any(|item| &item.name == package))
}

/// Looks at the device.
///
/// # Errors
/// When not even the package database can be read.
pub fn look(
    backend: &dyn Backend,
    order: OrderId,
    items: &[OrderItem],
    services: &[String],
    now: Timestamp,
) -> Result<SecondLook, backends::BackendError> {
    let inventory = backend.inventory()?.inventory;
    let mut facts: Vec<Fact> = items
        .iter()
        .map(|item| {
            let found = installed(&inventory, item);
            Fact::Installed {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                version: found.map(|(version, _)| version.clone()),
                usable: found.is_some_and(|(_, usable)| usable),
            }
        })
        .collect();
    facts.extend(files(backend, &inventory, items));
    let running = backend.old_code(&inventory).ok().flatten().map(|old| {
        old.iter()
            .filter(|code| concerns(code, items))
            .map(describe)
            .collect()
    });
    facts.push(Fact::OldCode { running });
    facts.extend(services.iter().map(|name| Fact::Service {
        name: name.clone(),
        running: backend.service_running(name).unwrap_or(false),
    }));
    if let Ok(packages) = backend.unfinished() {
        facts.push(Fact::Unfinished { packages });
    }
    if let Ok(system) = backend.system() {
        facts.push(Fact::Boot {
            boot_id: system.boot_id,
        });
    }
    Ok(SecondLook {
        order,
        looked_at: now,
        inventory: inventory.digest(),
        facts,
    })
}

/// A look for a device that could not be looked at: it proves nothing, and says so.
pub fn blind(order: OrderId, now: Timestamp) -> SecondLook {
    SecondLook {
        order,
        looked_at: now,
        inventory: Digest::of(b""),
        facts: vec![Fact::OldCode { running: None }],
    }
}

fn files(backend: &dyn Backend, inventory: &Inventory, items: &[OrderItem]) -> Vec<Fact> {
    let packages: Vec<PackageKey> = items
        .iter()
        .filter(|item| installed(inventory, item).is_some())
        .map(PackageKey::from)
        .collect();
    let checked = backend.verify_files(&packages).unwrap_or_default();
    packages
        .into_iter()
        .map(|key| {
            let differing = checked
                .iter()
                .find(|found| found.package == key)
                .and_then(|found| found.differing.clone());
            Fact::Files {
                name: key.name,
                architecture: key.architecture,
                differing,
            }
        })
        .collect()
}

fn describe(code: &OldCode) -> String {
    let of = code
        .service
        .as_ref()
        .map_or(String::new(), |service| format!(" of {service}"));
    let file = code.files.first().map_or("", String::as_str);
    format!(
        "{} (process {}){of} runs {file}",
        code.program, code.process
    )
}
