//! Looking at the device: what is installed, what is offered, and what could not be seen.

use backends::Backend;
use domain::inventory::Inventory;
use domain::offer::{Facts, Lists, OfferReport, Unknown};
use jiff::Timestamp;
use protocol::sync::facts_mark;

use crate::failure::{Failure, chain};

/// One look at the device.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is installed.
    pub inventory: Inventory,
    /// Everything else.
    pub facts: Facts,
    /// The mark of the facts.
    pub mark: String,
}

/// Looks at the device. What could not be found out is said, never left out.
///
/// # Errors
/// When the package database or the system's own name cannot be read.
pub fn collect(
    backend: &dyn Backend,
    now: Timestamp,
    progress: &mut dyn FnMut(&str),
) -> Result<Snapshot, Failure> {
    progress("reading what is installed");
    let read = backend
        .inventory()
        .map_err(|problem| Failure::caused(&problem))?;
    let system = backend
        .system()
        .map_err(|problem| Failure::caused(&problem))?;
    let mut unknown: Vec<Unknown> = read
        .unreadable
        .into_iter()
        .map(|why| unknown("package", why, now))
        .collect();
    let inventory = match backend.fill_origins(&read.inventory) {
        Ok(inventory) => inventory,
        Err(problem) => {
            unknown.push(self::unknown("origins", chain(&problem), now));
            read.inventory
        }
    };
    let offers = backend
        .offers(progress)
        .unwrap_or_else(|problem| OfferReport {
            lists: Lists::Absent,
            offers: vec![],
            withheld: vec![],
            needs: vec![],
            failed: Some(chain(&problem)),
        });
    progress("looking for processes that run old code");
    let old_code = backend.old_code(&inventory).unwrap_or_else(|problem| {
        unknown.push(self::unknown("old code", chain(&problem), now));
        None
    });
    let facts = Facts {
        system,
        offers,
        old_code,
        reboot: backend.reboot_need(&inventory),
        unknown,
    };
    let mark = facts_mark(&facts);
    Ok(Snapshot {
        inventory,
        facts,
        mark,
    })
}

fn unknown(what: &str, why: String, _now: Timestamp) -> Unknown {
    // No time: it would make the facts look new at every look.
    Unknown {
        what: what.to_owned(),
        why,
        since: None,
    }
}
