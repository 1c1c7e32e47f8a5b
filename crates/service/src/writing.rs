//! Writes what the engine decided about orders: only what differs from what is kept.

use domain::access::ClientScope;
use domain::order::record::OrderRecord;
use engine::orders::OrderChange;
use jiff::Timestamp;
use store::{NewTicket, OrderProgress, Tx};

use crate::{Result, chance};

/// Writes one order as it stands now, and its ticket. `before` is the order as it is kept.
pub(crate) fn order(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    before: Option<&OrderRecord>,
    change: &OrderChange,
    now: Timestamp,
) -> Result<()> {
    let record = &change.record;
    match before {
        None => tx.order_add(scope, record, now)?,
        Some(before) => differences(tx, scope, before, record, now)?,
    }
    if let Some(ticket) = &change.ticket {
        tx.ticket_put(
            scope,
            &NewTicket {
                id: chance::id(now)?,
                cause: ticket.cause.clone(),
                subject: ticket.subject.clone(),
                client: ticket.client,
                device: ticket.device,
                device_name: ticket.device_name.clone(),
                order: ticket.order,
                patches: ticket.patches.clone(),
                evidence: ticket.evidence.clone(),
                state: ticket.state,
                now,
            },
        )?;
    }
    Ok(())
}

fn differences(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    before: &OrderRecord,
    record: &OrderRecord,
    now: Timestamp,
) -> Result<()> {
    if record.generation != before.generation {
        tx.order_replace(scope, record, now)?;
    } else if (record.state, record.state_since, &record.reason)
        != (before.state, before.state_since, &before.reason)
    {
        let progress = OrderProgress {
            state: record.state,
            since: record.state_since,
            reason: record.reason.clone(),
        };
        tx.order_set_state(scope, record.id, &progress, now)?;
    }
    if let Some(outcome) = &record.outcome
        && record.outcome != before.outcome
    {
        tx.order_set_outcome(scope, outcome, now)?;
    }
    if let Some(look) = &record.look
        && record.look != before.look
    {
        tx.order_set_look(scope, look, now)?;
    }
    if record.proof != before.proof {
        tx.order_set_proof(scope, record.id, &record.proof, now)?;
    }
    Ok(())
}
