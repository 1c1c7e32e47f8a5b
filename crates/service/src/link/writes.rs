//! What a check-in writes: the engine's effects, the findings and the answer, in one transaction.

use domain::access::ClientScope;
use domain::id::DeviceId;
use domain::offer::System;
use engine::assess::Assessment;
use engine::link::{Effect, LinkView, Reaction};
use jiff::{SignedDuration, Timestamp};
use protocol::sync::WantedChangelog;
use store::{FixClock, InventoryWrite, LinkUpdate, Tx};

use super::check_in::{Answer, answered_before};
use crate::{Result, assess, audit, view, writing};

/// Everything that a check-in writes, in one transaction.
pub(super) struct Writes {
    pub device: DeviceId,
    pub scope: ClientScope,
    pub link_counter: u64,
    pub update: LinkUpdate,
    pub reaction: Reaction,
    pub view: LinkView,
    pub assessment: Option<Assessment>,
    /// What the assessment says of the clocks of fixes that is new.
    pub clocks: Vec<FixClock>,
    pub asked: Vec<WantedChangelog>,
    /// The device was away, and comes back with this.
    pub new_contact: bool,
    pub now: Timestamp,
}

/// How long it is remembered when a device was in contact.
const CONTACTS_DAYS: i64 = 60;

impl Writes {
    /// Writes all of it; gives an answer instead when the message was answered meanwhile.
    pub fn write(&self, tx: &mut Tx<'_>) -> Result<Option<Answer>> {
        let link = tx.link_get(self.device)?;
        if let Some(link) = link
            .as_ref()
            .filter(|link| link.counter != self.link_counter)
        {
            return Ok(Some(
                answered_before(link, self.update.counter).unwrap_or(Answer::WholeWay),
            ));
        }
        for effect in &self.reaction.effects {
            self.effect(tx, effect)?;
        }
        if let Some(assessment) = &self.assessment {
            let clocks = &self.clocks;
            assess::write(tx, &self.scope, self.device, assessment, clocks, self.now)?;
        }
        for asked in &self.asked {
            tx.changelog_ask(&asked.source, &asked.version, self.now)?;
        }
        if self.new_contact {
            self.begin_contact(tx, link.and_then(|link| link.last_seen))?;
        }
        tx.link_update(&self.scope, self.device, &self.update)?;
        Ok(None)
    }

    /// The contact before this one ended right after the device was last seen.
    fn begin_contact(&self, tx: &mut Tx<'_>, last_seen: Option<Timestamp>) -> Result<()> {
        let forget_before = self
            .now
            .checked_sub(SignedDuration::from_hours(24 * CONTACTS_DAYS))
            .unwrap_or(Timestamp::MIN);
        let ended_at = last_seen.map(view::end_of_contact);
        tx.contact_begin(&self.scope, self.device, self.now, ended_at, forget_before)?;
        Ok(())
    }

    fn effect(&self, tx: &mut Tx<'_>, effect: &Effect) -> Result<()> {
        let (scope, device, now) = (&self.scope, self.device, self.now);
        let entry = |action: &str, detail: &dyn std::fmt::Display| {
            audit::by_device(device, now, action, device)
                .of(self.view.device.device.client)
                .saying(detail)
        };
        match effect {
            // Written with the answer, at the end.
            Effect::Seen { .. } | Effect::InventoryConfirmed => {}
            Effect::Inventory(inventory) => {
                let write = InventoryWrite {
                    inventory,
                    digest: inventory.digest(),
                    valid_from: now,
                    recorded_at: now,
                };
                tx.inventory_put(scope, device, write)?;
            }
            Effect::Facts { facts, mark } => {
                let known = self.view.device.facts.as_ref();
                let said = dated(&facts.system);
                if known.is_none_or(|known| dated(&known.system) != said) {
                    tx.device_set_system(scope, device, &said, now)?;
                }
                tx.facts_put(scope, device, facts, mark, now)?;
            }
            Effect::Agent(agent) => tx.device_set_agent(scope, device, agent, now)?,
            Effect::Standing { standing, reason } => {
                tx.device_set_standing(scope, device, *standing, now)?;
                tx.audit_add(&entry("device.standing", &format_args!("{standing}: {reason}")).0)?;
            }
            Effect::Order(change) => {
                let orders = &self.view.device.orders;
                let known = orders.iter().find(|order| order.id == change.record.id);
                // An order older than what the engine looks back at may still be corrected.
                let kept = match known {
                    Some(_) => None,
                    None => tx.order_get(scope, change.record.id)?,
                };
                writing::order(tx, scope, known.or(kept.as_ref()), change, now)?;
            }
            Effect::Changelog(changelog) => tx.changelog_put(changelog)?,
            Effect::ClockSkew { seconds } => {
                tracing::warn!(%device, seconds, "the device's clock is off");
            }
            Effect::Odd { what } => tx.audit_add(&entry("link.odd", what).0)?,
        }
        Ok(())
    }
}

/// What is kept of a system for questions about the past: all but the boot, which changes often.
fn dated(system: &System) -> System {
    System {
        boot_id: String::new(),
        ..system.clone()
    }
}
