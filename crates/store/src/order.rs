//! Orders as they stand, and every generation, state, outcome, look and proof as it came.
//!
//! Whether a change of state is legal says `domain`; the caller asks it in the same transaction.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, DeviceId, OrderId};
use domain::order::record::OrderRecord;
use domain::order::{OrderState, Outcome};
use domain::page::{Page, PageRequest};
use domain::proof::{Proof, SecondLook};
use serde_json::json;

use crate::connection::{Tx, page, page_limit};
use crate::decision::LAST;
use crate::error::StoreError;
use crate::statement::{Statement, in_scope, statements};
use crate::value::{Row, binds, from_json, to_json};

macro_rules! order_columns {
    () => {
        "SELECT o.id, d.id, o.client, o.generation, o.sequence, o.items, o.restart_services,
            o.opens_at, o.closes_at, o.deadline, o.contact_within_seconds, o.made_at, o.state,
            o.state_since, o.reason, o.outcome, o.look, o.proof
         FROM device_order o JOIN device d ON d.key = o.device WHERE "
    };
}

statements! {
    ORDER_ADD = "order.add", Scoped,
        concat!("INSERT INTO device_order (id, client, device, generation, sequence, items,
            restart_services, opens_at, closes_at, deadline, contact_within_seconds, made_at, state,
            state_since, reason, outcome, look, proof)
            SELECT $3, d.client, d.key, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19
            FROM device d WHERE d.id = $4 AND ", in_scope!("d.client"));
    ORDER_REPLACE = "order.replace", Scoped,
        concat!("UPDATE device_order SET generation = $4, sequence = $5, items = $6,
            restart_services = $7, opens_at = $8, closes_at = $9, deadline = $10,
            contact_within_seconds = $11, state = $12, state_since = $13, reason = $14
            WHERE id = $3 AND generation < $4 AND ", in_scope!("device_order.client"));
    ORDER_STATE = "order.state", Scoped,
        concat!("UPDATE device_order SET state = $4, state_since = $5, reason = $6
            WHERE id = $3 AND ", in_scope!("device_order.client"));
    ORDER_OUTCOME = "order.outcome", Scoped,
        concat!("UPDATE device_order SET outcome = $4 WHERE id = $3 AND ",
            in_scope!("device_order.client"));
    ORDER_LOOK = "order.look", Scoped,
        concat!("UPDATE device_order SET look = $4 WHERE id = $3 AND ",
            in_scope!("device_order.client"));
    ORDER_PROOF = "order.proof", Scoped,
        concat!("UPDATE device_order SET proof = $4 WHERE id = $3 AND ",
            in_scope!("device_order.client"));
    ORDER_CHANGE_ADD = "order.change-add", Scoped,
        concat!("INSERT INTO order_change (order_id, what, body, valid_from, recorded_at)
            SELECT o.id, $4, $5, $6, $7 FROM device_order o WHERE o.id = $3 AND ",
            in_scope!("o.client"));
    ORDER_CHANGES = "order.changes", Scoped,
        concat!("SELECT h.what, h.body, h.valid_from FROM order_change h
            JOIN device_order o ON o.id = h.order_id
            WHERE o.id = $3 AND ", in_scope!("o.client"), " ORDER BY h.id");
    ORDER_GET = "order.get", Scoped,
        concat!(order_columns!(), "o.id = $3 AND ", in_scope!("o.client"));
    ORDER_LIST = "order.list", Scoped,
        concat!(order_columns!(), in_scope!("o.client"), "
            AND ($3 = '' OR o.client = $3) AND ($4 = '' OR d.id = $4)
            AND (CAST($5 AS TEXT) = '[]' OR o.state IN (SELECT value FROM json_each(CAST($5 AS TEXT))))
            AND o.id < $6 ORDER BY o.id DESC LIMIT $7");
    ORDER_OPEN = "order.open", Scoped,
        concat!(order_columns!(), "d.id = $3 AND o.state IN ('waiting', 'delivered', 'running') AND ",
            in_scope!("o.client"), " ORDER BY o.id");
    ORDER_DUE = "order.due", Scoped,
        concat!(order_columns!(), "o.state IN ('waiting', 'delivered', 'running')
            AND (o.closes_at <= $3 OR o.deadline <= $3) AND ", in_scope!("o.client"),
            " ORDER BY o.id LIMIT $4");
    ORDER_NEXT_TIME = "order.next-time", Scoped,
        concat!("SELECT MIN(CASE WHEN o.state = 'waiting' THEN o.closes_at ELSE o.deadline END)
            FROM device_order o WHERE o.state IN ('waiting', 'delivered', 'running') AND ",
            in_scope!("o.client"));
    ORDER_SEQUENCE = "order.sequence", Scoped,
        concat!("UPDATE device_link SET last_sequence = last_sequence + 1
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ", in_scope!("d.client"),
            ") RETURNING last_sequence");
}

/// Which orders a list holds, beyond the scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderFilter {
    /// Of this client only.
    pub client: Option<ClientId>,
    /// Of this device only.
    pub device: Option<DeviceId>,
    /// In one of these states only; empty is any.
    pub states: Vec<OrderState>,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderProgress {
    /// The state.
    pub state: OrderState,
    /// Since when.
    pub since: Timestamp,
    /// Why, in one sentence; empty when there is nothing to say.
    pub reason: String,
}

fn order(row: Row) -> Result<OrderRecord, StoreError> {
    let mut c = row.columns("order");
    Ok(OrderRecord {
        id: c.parsed()?,
        device: c.parsed()?,
        client: c.parsed()?,
        generation: c.number()?,
        sequence: c.number()?,
        items: c.json()?,
        restart_services: c.json()?,
        opens_at: c.time()?,
        closes_at: c.time()?,
        deadline: c.time()?,
        contact_within_seconds: c.number()?,
        made_at: c.time()?,
        state: c.parsed()?,
        state_since: c.time()?,
        reason: c.text()?,
        outcome: c.maybe_json()?,
        look: c.maybe_json()?,
        proof: c.json()?,
    })
}

fn generation_body(order: &OrderRecord) -> String {
    json!({
        "generation": order.generation,
        "sequence": order.sequence,
        "items": order.items,
        "restart_services": order.restart_services,
        "opens_at": order.opens_at,
        "closes_at": order.closes_at,
        "deadline": order.deadline,
        "contact_within_seconds": order.contact_within_seconds,
    })
    .to_string()
}

impl Tx<'_> {
    /// Takes the next order sequence of a device: above all that were given or seen.
    pub fn order_next_sequence(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<u64, StoreError> {
        self.scoped_rows(&ORDER_SEQUENCE, scope, binds![device])?
            .into_iter()
            .next()
            .ok_or(StoreError::Missing { what: "device" })?
            .columns("order sequence")
            .number()
    }

    /// Keeps a new order. The device gives the client; `order.client` must be the same.
    pub fn order_add(
        &mut self,
        scope: &ClientScope,
        order: &OrderRecord,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![
            order.id,
            order.device,
            order.generation,
            order.sequence,
            to_json(&order.items),
            to_json(&order.restart_services),
            order.opens_at,
            order.closes_at,
            order.deadline,
            order.contact_within_seconds,
            order.made_at,
            order.state.word(),
            order.state_since,
            &order.reason,
            order.outcome.as_ref().map(to_json),
            order.look.as_ref().map(to_json),
            to_json(&order.proof),
        ];
        self.scoped_change("device", &ORDER_ADD, scope, binds)?;
        let (at, body) = (order.made_at, generation_body(order));
        self.order_change(scope, order.id, "generation", &body, at, recorded_at)?;
        self.order_state_change(scope, order.id, &progress(order), recorded_at)
    }

    /// Puts a newer generation in place; `Missing` when the one kept is not older.
    pub fn order_replace(
        &mut self,
        scope: &ClientScope,
        order: &OrderRecord,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![
            order.id,
            order.generation,
            order.sequence,
            to_json(&order.items),
            to_json(&order.restart_services),
            order.opens_at,
            order.closes_at,
            order.deadline,
            order.contact_within_seconds,
            order.state.word(),
            order.state_since,
            &order.reason,
        ];
        self.scoped_change(
            "older generation of this order",
            &ORDER_REPLACE,
            scope,
            binds,
        )?;
        let (at, body) = (order.state_since, generation_body(order));
        self.order_change(scope, order.id, "generation", &body, at, recorded_at)?;
        self.order_state_change(scope, order.id, &progress(order), recorded_at)
    }

    /// Writes where an order stands now.
    pub fn order_set_state(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
        progress: &OrderProgress,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![id, progress.state.word(), progress.since, &progress.reason];
        self.scoped_change("order", &ORDER_STATE, scope, binds)?;
        self.order_state_change(scope, id, progress, recorded_at)
    }

    /// Writes what a device says came of an order.
    pub fn order_set_outcome(
        &mut self,
        scope: &ClientScope,
        outcome: &Outcome,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (body, at) = (to_json(outcome), outcome.ended_at);
        let (id, statement) = (outcome.order, &ORDER_OUTCOME);
        self.order_set(scope, id, ("outcome", statement), &body, (at, recorded_at))
    }

    /// Writes what a device saw when it looked again.
    pub fn order_set_look(
        &mut self,
        scope: &ClientScope,
        look: &SecondLook,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (body, at) = (to_json(look), look.looked_at);
        let statement = &ORDER_LOOK;
        self.order_set(
            scope,
            look.order,
            ("look", statement),
            &body,
            (at, recorded_at),
        )
    }

    /// Writes the verdict over the second look.
    pub fn order_set_proof(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
        proof: &Proof,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let at = proof.checked_at.unwrap_or(recorded_at);
        let statement = &ORDER_PROOF;
        self.order_set(
            scope,
            id,
            ("proof", statement),
            &to_json(proof),
            (at, recorded_at),
        )
    }

    fn order_set(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
        (what, statement): (&str, &'static Statement),
        body: &str,
        (valid_from, recorded_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        self.scoped_change("order", statement, scope, binds![id, body])?;
        self.order_change(scope, id, what, body, valid_from, recorded_at)
    }

    fn order_state_change(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
        progress: &OrderProgress,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let body = json!({"state": progress.state, "reason": progress.reason}).to_string();
        self.order_change(scope, id, "state", &body, progress.since, recorded_at)
    }

    fn order_change(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
        what: &str,
        body: &str,
        valid_from: Timestamp,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![id, what, body, valid_from, recorded_at];
        self.scoped_change("order", &ORDER_CHANGE_ADD, scope, binds)
    }

    /// Reads one order.
    pub fn order_get(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
    ) -> Result<Option<OrderRecord>, StoreError> {
        self.scoped_rows(&ORDER_GET, scope, binds![id])?
            .into_iter()
            .next()
            .map(order)
            .transpose()
    }

    /// The states an order went through, in the order in which they were written down.
    pub fn order_history(
        &mut self,
        scope: &ClientScope,
        id: OrderId,
    ) -> Result<Vec<OrderProgress>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Body {
            state: OrderState,
            reason: String,
        }
        let mut states = Vec::new();
        for row in self.scoped_rows(&ORDER_CHANGES, scope, binds![id])? {
            let mut c = row.columns("order change");
            if c.text()? == "state" {
                let body: Body = from_json("order change", &c.text()?)?;
                states.push(OrderProgress {
                    state: body.state,
                    since: c.time()?,
                    reason: body.reason,
                });
            }
        }
        Ok(states)
    }

    /// Lists orders, newest first.
    pub fn order_list(
        &mut self,
        scope: &ClientScope,
        filter: &OrderFilter,
        request: &PageRequest,
    ) -> Result<Page<OrderRecord>, StoreError> {
        let (limit, before) = (
            page_limit(request),
            request.cursor.as_deref().unwrap_or(LAST),
        );
        let client = filter.client.map(|id| id.to_string()).unwrap_or_default();
        let device = filter.device.map(|id| id.to_string()).unwrap_or_default();
        let states = to_json(&filter.states);
        let binds = binds![client, device, states, before, limit + 1];
        let rows = self.scoped_rows(&ORDER_LIST, scope, binds)?;
        let items = rows.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &OrderRecord| item.id.to_string()))
    }

    /// A device's orders that have not ended, oldest first.
    pub fn order_open(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        self.scoped_rows(&ORDER_OPEN, scope, binds![device])?
            .into_iter()
            .map(order)
            .collect()
    }

    /// Open orders whose window has closed or whose deadline has passed at `now`, oldest first.
    pub fn order_due(
        &mut self,
        scope: &ClientScope,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, StoreError> {
        self.scoped_rows(&ORDER_DUE, scope, binds![now, limit])?
            .into_iter()
            .map(order)
            .collect()
    }

    /// When the next open order is due: a waiting one at its window's end, others at their deadline.
    pub fn order_next_time(
        &mut self,
        scope: &ClientScope,
    ) -> Result<Option<Timestamp>, StoreError> {
        let rows = self.scoped_rows(&ORDER_NEXT_TIME, scope, &[])?;
        rows.into_iter()
            .next()
            .map_or(Ok(None), |row| row.columns("order").maybe_time())
    }
}

fn progress(order: &OrderRecord) -> OrderProgress {
    OrderProgress {
        state: order.state,
        since: order.state_since,
        reason: order.reason.clone(),
    }
}
