//! The planner: makes, replaces, withdraws and gives up orders, device by device.

use domain::access;
use domain::id::{ClientId, DeviceId};
use domain::order::record::OrderRecord;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use engine::orders::{OrderAction, OrderChange, carried_out, plan};
use store::{DeviceFilter, Tx};

use super::Look;
use crate::rules::ask_for_packages;
use crate::view::{self, Packages};
use crate::{Result, Service, audit, chance, writing};

/// Devices taken from the due list at once.
const BATCH: usize = 100;

impl Service {
    /// One turn: looks at every device that is due now. Returns when none is left.
    pub fn planner_turn(&self) -> Result<()> {
        if let Some(look) = self.due.take_everything() {
            self.every_device_is_due(look)?;
        }
        loop {
            let devices = self.due.take(self.now(), BATCH);
            if devices.is_empty() {
                return Ok(());
            }
            for (device, look) in devices {
                let done = match look {
                    Look::Plan => self.plan_device(device),
                    Look::Assess => self
                        .assess_device(device)
                        .and_then(|()| self.plan_device(device)),
                };
                if let Err(error) = done {
                    // One device's fault must not stop the others; it is due again next time.
                    let cause: &dyn std::error::Error = &error;
                    tracing::error!(%device, error = cause, "a device could not be planned");
                    self.due.later(device, Some(soon(self.now())));
                }
            }
        }
    }

    fn every_device_is_due(&self, look: Look) -> Result<()> {
        let mut page = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        loop {
            let request = page.clone();
            let found = self.read(move |tx| {
                Ok(tx.device_list(&access::of_loops(), DeviceFilter::default(), &request)?)
            })?;
            for device in found.items {
                self.due.at_once(device.id, look);
            }
            match found.next {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    /// Plans one device and carries the plan out.
    pub(crate) fn plan_device(&self, device: DeviceId) -> Result<()> {
        let _held = self.locks.hold(device);
        let now = self.now();
        let rules = self.rules()?;
        let packages = if ask_for_packages(&rules) {
            Packages::Loaded
        } else {
            Packages::Left
        };
        let loaded = self.read(move |tx| {
            let scope = access::of_loops();
            let view = view::load(tx, &scope, device, packages, now)?;
            Ok((view, tx.study_of_device(&scope, device)?))
        })?;
        let (Some(mut view), studies) = loaded else {
            self.due.later(device, None);
            return Ok(());
        };
        view::wind(&mut view, &*self.clocks()?);
        let look_again_at = self.study_device(&view, &rules, &studies, now)?;
        let plan = plan(&view, &rules, now);
        let mut changes = Vec::new();
        for action in &plan.actions {
            if let Some(change) = carried_out(action, &view, chance::id(now)?, now) {
                changes.push((action_word(action), change));
            }
        }
        let again = [plan.look_again_at, look_again_at];
        self.due.later(device, again.into_iter().flatten().min());
        if changes.is_empty() {
            return Ok(());
        }
        let (client, known) = (view.device.client, view.orders);
        self.write(move |tx| {
            for (word, change) in &changes {
                let before = known.iter().find(|order| order.id == change.record.id);
                writing::order(tx, &access::of_loops(), before, change, now)?;
                let taken = before.is_none_or(|before| before.sequence != change.record.sequence);
                if taken {
                    take_sequence(tx, device, change.record.sequence)?;
                }
                tx.audit_add(&entry(word, client, change, now).0)?;
            }
            Ok(())
        })?;
        self.quiet.forget(device);
        self.wake.ring(device);
        Ok(())
    }
}

/// Takes the sequence that the plan gave an order, so that no later one is given it again.
fn take_sequence(tx: &mut Tx<'_>, device: DeviceId, sequence: u64) -> Result<()> {
    while tx.order_next_sequence(&access::of_loops(), device)? < sequence {}
    Ok(())
}

/// When a device whose plan failed is looked at again.
fn soon(now: jiff::Timestamp) -> jiff::Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(30))
        .unwrap_or(now)
}

fn action_word(action: &OrderAction) -> &'static str {
    match action {
        OrderAction::Make { .. } => "order.make",
        OrderAction::Replace { .. } => "order.replace",
        OrderAction::Cancel { .. } => "order.cancel",
        OrderAction::Supersede { .. } => "order.supersede",
        OrderAction::Expire { .. } => "order.expire",
        OrderAction::Lose { .. } => "order.lose",
        OrderAction::GiveUpProof { .. } => "order.give-up-proof",
    }
}

fn entry(word: &str, client: ClientId, change: &OrderChange, now: jiff::Timestamp) -> audit::Entry {
    let record: &OrderRecord = &change.record;
    let patches: Vec<String> = record.patches().iter().map(ToString::to_string).collect();
    audit::by_server(now, word, record.id)
        .of(client)
        .saying(format_args!(
            "device {}, {}, opens {}: {}",
            record.device,
            record.state,
            record.opens_at,
            patches.join(" ")
        ))
}
