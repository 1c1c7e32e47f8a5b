//! What a message says of orders, and which orders it is answered with.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::OrderId;
use domain::inventory::Inventory;
use domain::order::record::OrderRecord;
use domain::order::{
    Action, CONTACT_WITHIN_SECONDS_DEFAULT, End, Order, OrderEvent, OrderState, Outcome,
};
use domain::proof::{Proof, SecondLook};
use jiff::{SignedDuration, Timestamp};

use super::{CheckIn, Effect, LinkView, OutcomeReport, Progress, Stage};
use crate::orders::{GRACE_HOURS, OrderChange, to_sign};
use crate::prove::judge;
use crate::view::DeviceView;

/// The device's orders while a message is heard.
pub(super) struct Orders<'a> {
    view: &'a LinkView,
    now: Timestamp,
    records: BTreeMap<OrderId, OrderRecord>,
    touched: BTreeSet<OrderId>,
    odd: Vec<String>,
    sequence: u64,
}

impl<'a> Orders<'a> {
    pub(super) fn of(view: &'a LinkView, check_in: &CheckIn, now: Timestamp) -> Self {
        let records = view.device.orders.iter();
        Self {
            view,
            now,
            records: records.map(|record| (record.id, record.clone())).collect(),
            touched: BTreeSet::new(),
            odd: Vec::new(),
            sequence: view.device.sequence.max(check_in.sequence),
        }
    }

    /// The highest sequence that was given or seen.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &OrderRecord> {
        self.records.values()
    }

    /// Takes progress and outcomes, in the order in which things happen on a device.
    pub(super) fn hear(&mut self, check_in: &CheckIn) {
        for progress in &check_in.progress {
            let Some(record) = self.records.get(&progress.order) else {
                self.odd.push(format!(
                    "the device works on order {}, which this server does not know",
                    progress.order
                ));
                continue;
            };
            let event = match progress.stage {
                // Holding an older generation is no word about the present one; nor is holding an
                // order whose cancel is on its way.
                Stage::Taken
                    if progress.generation != record.generation
                        || record.state == OrderState::Cancelled
                        || record.state == OrderState::Superseded =>
                {
                    continue;
                }
                Stage::Taken => OrderEvent::Taken,
                Stage::Begun => OrderEvent::Started,
            };
            self.apply(progress.order, event, "");
        }
        for report in &check_in.outcomes {
            self.outcome(report);
        }
    }

    fn apply(&mut self, order: OrderId, event: OrderEvent, reason: &str) -> bool {
        let Some(record) = self.records.get_mut(&order) else {
            return false;
        };
        match record.state.after(event) {
            Ok(state) => {
                if state != record.state {
                    record.state = state;
                    record.state_since = self.now;
                    record.reason = reason.to_owned();
                    self.touched.insert(order);
                }
                true
            }
            Err(refused) => {
                self.odd.push(format!("order {order}: {refused}"));
                false
            }
        }
    }

    fn outcome(&mut self, report: &OutcomeReport) {
        let outcome = &report.outcome;
        let Some(record) = self.records.get(&outcome.order) else {
            self.restore(report);
            return;
        };
        if record.outcome.as_ref() == Some(outcome) {
            return;
        }
        // Nothing was done by an older generation: the present one still stands.
        let nothing_done = match outcome.end {
            End::Refused | End::Expired | End::Cancelled | End::Superseded => true,
            End::Succeeded | End::Failed | End::NeedsHands => false,
        };
        if nothing_done && outcome.generation < record.generation && !record.state.is_final() {
            return;
        }
        // The cancel of a superseded order arrived; that is no other end.
        if record.state == OrderState::Superseded && outcome.end == End::Cancelled {
            return;
        }
        if self.apply(
            outcome.order,
            OrderEvent::Ended(outcome.end),
            &outcome.reason,
        ) {
            self.keep(outcome);
        }
    }

    fn keep(&mut self, outcome: &Outcome) {
        if let Some(record) = self.records.get_mut(&outcome.order) {
            record.outcome = Some(outcome.clone());
            record.reason.clone_from(&outcome.reason);
            self.touched.insert(outcome.order);
        }
    }

    /// An outcome of an order that this server forgot: the order itself came with it.
    fn restore(&mut self, report: &OutcomeReport) {
        let outcome = &report.outcome;
        let fits = |order: &&Order| {
            order.order == outcome.order && order.device == self.view.device.device.id
        };
        let Some(order) = report.order.as_ref().filter(fits) else {
            self.odd.push(format!(
                "the device reports the end of order {}, which this server does not know and did \
                 not sign",
                outcome.order
            ));
            return;
        };
        let Action::Install {
            items,
            restart_services,
        } = &order.action
        else {
            return;
        };
        let record = OrderRecord {
            id: order.order,
            device: order.device,
            client: self.view.device.device.client,
            generation: order.generation,
            sequence: order.sequence,
            items: items.clone(),
            restart_services: *restart_services,
            opens_at: order.opens_at,
            closes_at: order.closes_at,
            deadline: order.deadline,
            contact_within_seconds: order.contact_within_seconds,
            made_at: order.made_at,
            state: outcome.end.state(),
            state_since: self.now,
            reason: outcome.reason.clone(),
            outcome: Some(outcome.clone()),
            look: None,
            proof: Proof::pending(),
        };
        self.sequence = self.sequence.max(record.sequence);
        self.touched.insert(record.id);
        self.records.insert(record.id, record);
    }

    /// Takes second looks, and judges every order that has one and waits for its proof.
    pub(super) fn look(&mut self, check_in: &CheckIn, inventory: Option<&Inventory>) {
        for look in &check_in.looks {
            match self.records.get_mut(&look.order) {
                None => self.odd.push(format!(
                    "the device looked again after order {}, which this server does not know",
                    look.order
                )),
                Some(record) if record.look.as_ref() == Some(look) => {}
                Some(record) => {
                    record.look = Some(look.clone());
                    self.touched.insert(look.order);
                }
            }
        }
        let touched: Vec<OrderId> = self.touched.iter().copied().collect();
        for order in touched {
            let Some(record) = self.records.get(&order) else {
                continue;
            };
            let Some(look) = record.look.as_ref().filter(|_| record.state.wants_proof()) else {
                continue;
            };
            let proof = self.judged(record, look, inventory);
            if let Some(record) = self.records.get_mut(&order) {
                record.proof = proof;
            }
        }
    }

    fn judged(
        &self,
        record: &OrderRecord,
        look: &SecondLook,
        inventory: Option<&Inventory>,
    ) -> Proof {
        // Only the inventory that this very look read says what the look saw.
        let after = inventory.filter(|inventory| inventory.digest() == look.inventory);
        judge(record, look, self.view.before.get(&record.id), after)
    }

    /// Orders and cancels that the device has not confirmed, by sequence.
    pub(super) fn answer_with(&mut self, check_in: &CheckIn) -> Vec<Order> {
        let held: BTreeMap<OrderId, &Progress> = check_in
            .progress
            .iter()
            .map(|progress| (progress.order, progress))
            .collect();
        let mut send = Vec::new();
        for record in self.records.values_mut() {
            let held = held.get(&record.id).copied();
            let wanted = match record.state {
                OrderState::Waiting => self.now < record.closes_at,
                // Confirmed once. A device that was set back to an older copy of itself gets it again.
                OrderState::Delivered => {
                    held.is_none()
                        && check_in.sequence < record.sequence
                        && self.now < record.closes_at
                }
                OrderState::Cancelled | OrderState::Superseded => {
                    held.is_some_and(|held| held.stage == Stage::Taken)
                }
                OrderState::Running
                | OrderState::Succeeded
                | OrderState::Failed
                | OrderState::Refused
                | OrderState::Expired
                | OrderState::Lost
                | OrderState::NeedsHands => false,
            };
            if !wanted {
                continue;
            }
            // A device refuses a sequence that it has passed. One that has passed this order's
            // without holding the order lost it, or the server's database is an older copy.
            if record.sequence <= check_in.sequence {
                self.sequence += 1;
                record.sequence = self.sequence;
                record.generation += 1;
                if let Ok(state) = record.state.after(OrderEvent::Replaced) {
                    record.state = state;
                    record.state_since = self.now;
                }
                self.touched.insert(record.id);
            }
            send.push(to_sign(record));
        }
        let strangers: Vec<Order> = check_in
            .progress
            .iter()
            .filter(|held| held.stage == Stage::Taken && !self.records.contains_key(&held.order))
            .zip(self.sequence + 1..)
            .map(|(held, sequence)| self.withdrawn(held, sequence))
            .collect();
        if let Some(last) = strangers.last() {
            self.sequence = last.sequence;
        }
        send.extend(strangers);
        send.sort_by_key(|order| order.sequence);
        send
    }

    /// The cancel of an order that a device holds and this server forgot: what people decided is
    /// planned anew, and nothing else is to be installed.
    fn withdrawn(&self, held: &Progress, sequence: u64) -> Order {
        let until = self.now + SignedDuration::from_hours(GRACE_HOURS);
        Order {
            v: 1,
            device: self.view.device.device.id,
            order: held.order,
            generation: held.generation.saturating_add(1),
            sequence,
            action: Action::Cancel,
            opens_at: self.now,
            closes_at: until,
            deadline: until,
            contact_within_seconds: CONTACT_WITHIN_SECONDS_DEFAULT,
            made_at: self.now,
        }
    }

    /// Orders whose outcomes and looks are durable once the effects are written.
    pub(super) fn settled(&self, check_in: &CheckIn) -> Vec<OrderId> {
        let outcomes = check_in.outcomes.iter().map(|report| report.outcome.order);
        let looks = check_in.looks.iter().map(|look| look.order);
        let settled: BTreeSet<OrderId> = outcomes.chain(looks).collect();
        settled.into_iter().collect()
    }

    pub(super) fn into_effects(mut self, device: &DeviceView) -> Vec<Effect> {
        let mut effects = Vec::new();
        for order in &self.touched {
            if let Some(record) = self.records.remove(order) {
                let change = OrderChange::of(record, device.device.name.as_str());
                effects.push(Effect::Order(Box::new(change)));
            }
        }
        effects.extend(self.odd.into_iter().map(|what| Effect::Odd { what }));
        effects
    }
}
