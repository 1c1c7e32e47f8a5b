//! Tickets, found again by their cause; what they said before is kept.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, DeviceId, OrderId, TicketId};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::ticket::{Ticket, TicketState};

use crate::connection::{Tx, page, page_limit};
use crate::decision::LAST;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds, to_json};

macro_rules! ticket_columns {
    () => {
        "SELECT t.id, t.cause, t.subject, t.client, t.device, t.device_name, t.order_id, t.patches,
            t.evidence, t.state, t.made_at, t.changed_at FROM ticket t WHERE "
    };
}

statements! {
    TICKET_PUT = "ticket.put", Scoped,
        concat!("INSERT INTO ticket (id, cause, subject, client, device, device_name, order_id, patches,
            evidence, state, made_at, changed_at)
            SELECT $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13 WHERE ",
            in_scope!("CAST($6 AS TEXT)"), "
            ON CONFLICT (cause) DO UPDATE SET subject = excluded.subject,
                patches = excluded.patches, evidence = excluded.evidence, state = excluded.state,
                changed_at = excluded.changed_at
            WHERE ticket.client = excluded.client AND (ticket.subject <> excluded.subject
                OR ticket.evidence <> excluded.evidence OR ticket.state <> excluded.state
                OR ticket.patches <> excluded.patches)");
    TICKET_CHANGE_ADD = "ticket.change-add", Scoped,
        concat!("INSERT INTO ticket_change (ticket, subject, evidence, state, valid_from, recorded_at)
            SELECT t.id, t.subject, t.evidence, t.state, $4, $4 FROM ticket t WHERE t.cause = $3 AND ",
            in_scope!("t.client"));
    TICKET_BY_CAUSE = "ticket.by-cause", Scoped,
        concat!(ticket_columns!(), "t.cause = $3 AND ", in_scope!("t.client"));
    TICKET_GET = "ticket.get", Scoped,
        concat!(ticket_columns!(), "t.id = $3 AND ", in_scope!("t.client"));
    TICKET_LIST = "ticket.list", Scoped,
        concat!(ticket_columns!(), in_scope!("t.client"), " AND ($3 = '' OR t.client = $3)
            AND ($4 = '' OR t.state = $4) AND t.id < $5 ORDER BY t.id DESC LIMIT $6");
}

/// A ticket as it is to stand. Two with the same cause are the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// Its id, if it is new.
    pub id: TicketId,
    /// What it is about.
    pub cause: String,
    /// One line.
    pub subject: String,
    /// Whose.
    pub client: ClientId,
    /// Which device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: String,
    /// The order it came from.
    pub order: OrderId,
    /// Which patches.
    pub patches: Vec<PatchId>,
    /// What was found.
    pub evidence: Vec<String>,
    /// Whether somebody has to do something.
    pub state: TicketState,
    /// The present instant.
    pub now: Timestamp,
}

fn ticket(row: Row) -> Result<Ticket, StoreError> {
    let mut c = row.columns("ticket");
    Ok(Ticket {
        id: c.parsed()?,
        cause: c.text()?,
        subject: c.text()?,
        client: c.parsed()?,
        device: c.parsed()?,
        device_name: c.text()?,
        order: c.parsed()?,
        patches: c.json()?,
        evidence: c.json()?,
        state: c.parsed()?,
        made_at: c.time()?,
        changed_at: c.time()?,
    })
}

impl Tx<'_> {
    /// Makes a ticket, or brings the one with the same cause up to date; returns it as it stands.
    pub fn ticket_put(
        &mut self,
        scope: &ClientScope,
        new: &NewTicket,
    ) -> Result<Ticket, StoreError> {
        let binds = binds![
            new.id,
            &new.cause,
            &new.subject,
            new.client,
            new.device,
            &new.device_name,
            new.order,
            to_json(&new.patches),
            to_json(&new.evidence),
            new.state.word(),
            new.now,
        ];
        if self.scoped_execute(&TICKET_PUT, scope, binds)? > 0 {
            let binds = binds![&new.cause, new.now];
            self.scoped_execute(&TICKET_CHANGE_ADD, scope, binds)?;
        }
        self.ticket_by_cause(scope, &new.cause)?
            .ok_or(StoreError::Missing { what: "client" })
    }

    /// Finds a ticket by its cause.
    pub fn ticket_by_cause(
        &mut self,
        scope: &ClientScope,
        cause: &str,
    ) -> Result<Option<Ticket>, StoreError> {
        self.scoped_rows(&TICKET_BY_CAUSE, scope, binds![cause])?
            .into_iter()
            .next()
            .map(ticket)
            .transpose()
    }

    /// Reads one ticket.
    pub fn ticket_get(
        &mut self,
        scope: &ClientScope,
        id: TicketId,
    ) -> Result<Option<Ticket>, StoreError> {
        self.scoped_rows(&TICKET_GET, scope, binds![id])?
            .into_iter()
            .next()
            .map(ticket)
            .transpose()
    }

    /// Lists tickets, newest first.
    pub fn ticket_list(
        &mut self,
        scope: &ClientScope,
        client: Option<ClientId>,
        state: Option<TicketState>,
        request: &PageRequest,
    ) -> Result<Page<Ticket>, StoreError> {
        let (limit, before) = (
            page_limit(request),
            request.cursor.as_deref().unwrap_or(LAST),
        );
        let client = client.map(|id| id.to_string()).unwrap_or_default();
        let state = state.map_or("", TicketState::word);
        let binds = binds![client, state, before, limit + 1];
        let rows = self.scoped_rows(&TICKET_LIST, scope, binds)?;
        let items = rows.into_iter().map(ticket).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &Ticket| item.id.to_string()))
    }
}
