//! Loads what the engine looks at: one device with all that is known of it.

use std::collections::BTreeMap;

use domain::access::ClientScope;
use domain::device::Device;
use domain::id::DeviceId;
use domain::order::record::OrderRecord;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::snapshot::Contact;
use engine::decide::REACHABLE_SECONDS;
use engine::orders::MEMORY_DAYS;
use engine::view::{DeviceView, FixClock};
use jiff::{SignedDuration, Timestamp};
use store::{OrderFilter, Tx};

use crate::Result;
use crate::clocks::{self, Clocks};

/// Whether the inventory is loaded too; it is by far the largest part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packages {
    /// Yes.
    Loaded,
    /// No: then `package:` in a query for devices is unknown.
    Left,
}

/// Loads one device; `None` when it is not there or out of scope.
pub(crate) fn load(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    id: DeviceId,
    packages: Packages,
    now: Timestamp,
) -> Result<Option<DeviceView>> {
    match tx.device_get(scope, id)? {
        Some(device) => of_device(tx, scope, device, packages, now).map(Some),
        None => Ok(None),
    }
}

/// Loads the rest of a device that was read.
pub(crate) fn of_device(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: Device,
    packages: Packages,
    now: Timestamp,
) -> Result<DeviceView> {
    let id = device.id;
    let inventory = match packages {
        Packages::Loaded => tx.inventory_get(scope, id)?.map(|known| known.inventory),
        Packages::Left => None,
    };
    let orders = orders(tx, scope, id, now)?;
    let given = orders.iter().map(|order| order.sequence).max();
    let link = tx.link_get(id)?.map(|link| link.last_sequence);
    Ok(DeviceView {
        facts: tx.facts_get(scope, id)?.map(|(facts, _)| facts),
        inventory,
        findings: tx.finding_of_device(scope, id)?.unwrap_or_default(),
        orders,
        contacts: contacts(tx, scope, &device, now)?,
        clocks: BTreeMap::new(),
        sequence: link.max(given).unwrap_or(0),
        device,
    })
}

/// Says when the clocks of a device's patches began.
pub(crate) fn wind(view: &mut DeviceView, clocks: &Clocks) {
    let began = view.findings.iter().filter_map(|dated| {
        let (_, clock) = clocks::of_finding(clocks, &dated.finding)?;
        let clock = FixClock {
            began_at: clock.released_at.unwrap_or(clock.first_seen_at),
            released: clock.released_at.is_some(),
        };
        Some((dated.finding.patch.clone(), clock))
    });
    view.clocks = began.collect();
}

/// The first instant without contact, for a device that was last seen then.
pub(crate) fn end_of_contact(last_seen: Timestamp) -> Timestamp {
    last_seen
        .checked_add(SignedDuration::from_secs(1))
        .unwrap_or(last_seen)
}

/// When a device was in contact; `None`: not recorded. The last one goes on as long as the device is
/// taken for reachable.
fn contacts(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: &Device,
    now: Timestamp,
) -> Result<Option<Vec<Contact>>> {
    let mut contacts = tx.contact_list(scope, device.id)?;
    let Some(last) = contacts.last_mut() else {
        return Ok(None);
    };
    let seen = device.last_seen.unwrap_or(last.from);
    if now.duration_since(seen) > SignedDuration::from_secs(REACHABLE_SECONDS) {
        last.until = Some(end_of_contact(seen));
    }
    Ok(Some(contacts))
}

/// The orders that have not ended, and the ended ones that the planner looks back at.
fn orders(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
    now: Timestamp,
) -> Result<Vec<OrderRecord>> {
    let since = now
        .checked_sub(SignedDuration::from_hours(24 * MEMORY_DAYS))
        .unwrap_or(Timestamp::MIN);
    let filter = OrderFilter {
        device: Some(device),
        ..OrderFilter::default()
    };
    let mut orders = tx.order_open(scope, device)?;
    let mut page = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    loop {
        let found = tx.order_list(scope, &filter, &page)?;
        let old = found.items.last().is_none_or(|order| order.made_at < since);
        orders.extend(
            found
                .items
                .into_iter()
                .filter(|order| order.state.is_final() && order.made_at >= since),
        );
        match found.next {
            Some(cursor) if !old => page.cursor = Some(cursor),
            Some(_) | None => break,
        }
    }
    orders.sort_by_key(|order| order.id);
    Ok(orders)
}
