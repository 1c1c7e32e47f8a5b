//! Tickets, found again by their cause; what they said before is kept.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, DeviceId, OrderId, TicketId};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::ticket::{AskedStudy, Ticket, TicketState};

use crate::connection::{Tx, page, page_limit};
use crate::decision::LAST;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds, to_json};

/// The columns that `ticket` reads.
macro_rules! ticket_columns {
    () => {
        "t.id, t.cause, t.subject, t.client, t.device, t.device_name, t.order_id, t.patches,
            t.evidence, t.state, t.made_at, t.changed_at, t.owner, t.due_at, s.rule, s.asked_at,
            s.devices"
    };
}
pub(crate) use ticket_columns;

macro_rules! ticket_select {
    () => {
        concat!(
            "SELECT ",
            ticket_columns!(),
            " FROM ticket t LEFT JOIN study s ON s.ticket = t.id WHERE "
        )
    };
}

/// The filters of a list: client, state, owner.
macro_rules! ticket_filtered {
    () => {
        concat!(
            in_scope!("t.client"),
            " AND ($3 = '' OR t.client = $3) AND ($4 = '' OR t.state = $4)
              AND ($5 = '' OR LOWER(t.owner) = LOWER($5))"
        )
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
        concat!(ticket_select!(), "t.cause = $3 AND ", in_scope!("t.client"));
    TICKET_GET = "ticket.get", Scoped,
        concat!(ticket_select!(), "t.id = $3 AND ", in_scope!("t.client"));
    TICKET_OVERDUE = "ticket.overdue", Scoped,
        concat!(ticket_select!(), ticket_filtered!(), " AND t.state = 'open' AND t.due_at <= $6
            AND (t.due_at > $7 OR (t.due_at = $7 AND t.id > $8)) ORDER BY t.due_at, t.id LIMIT $9");
    TICKET_LIST = "ticket.list", Scoped,
        concat!(ticket_select!(), ticket_filtered!(), "
            AND (t.due_at IS NULL OR t.due_at > $6 OR t.state <> 'open')
            AND t.id < $7 ORDER BY t.id DESC LIMIT $8");
    TICKET_COUNT = "ticket.count", Scoped,
        concat!("SELECT COUNT(*), COUNT(CASE WHEN t.due_at <= $3 THEN 1 END) FROM ticket t
            WHERE t.state = 'open' AND ", in_scope!("t.client"));
}

/// Which tickets a list is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFilter {
    /// Of one client; `None`: of all in scope.
    pub client: Option<ClientId>,
    /// In one state; `None`: in any.
    pub state: Option<TicketState>,
    /// Of one owner, in any letter case; `None`: of all, and those that have none.
    pub owner: Option<String>,
    /// Only those whose answer was due before `now` and is open.
    pub overdue: bool,
    /// The present instant.
    pub now: Timestamp,
}

impl TicketFilter {
    /// All tickets.
    pub fn all(now: Timestamp) -> Self {
        Self {
            client: None,
            state: None,
            owner: None,
            overdue: false,
            now,
        }
    }
}

/// How many tickets somebody has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TicketCount {
    /// Open ones.
    pub open: u64,
    /// Of them, those whose answer is overdue.
    pub overdue: u64,
}

/// Where a list goes on. What is overdue comes first, as of the instant at which its first page was read, so
/// that no ticket is listed twice or left out when it becomes overdue in between.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    now: Timestamp,
    /// The last overdue ticket listed; `None`: those are all listed.
    overdue: Option<i64>,
    /// The last ticket listed.
    id: String,
}

impl Cursor {
    fn begin(now: Timestamp) -> Self {
        Self {
            now,
            overdue: Some(i64::MIN),
            id: String::new(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let now = parts.next()?.parse().ok()?;
        let overdue = match parts.next()? {
            "" => None,
            due => Some(due.parse().ok()?),
        };
        Some(Self {
            now: Timestamp::from_microsecond(now).ok()?,
            overdue,
            id: parts.next()?.to_owned(),
        })
    }

    fn after(now: Timestamp, ticket: &Ticket) -> String {
        let due = ticket.study.as_ref().map(|study| study.due_at);
        let due = due.filter(|_| ticket.is_overdue(now));
        let due = due.map_or_else(String::new, |due| due.as_microsecond().to_string());
        format!("{}.{due}.{}", now.as_microsecond(), ticket.id)
    }
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

/// Reads the columns of `ticket_columns!`.
pub(crate) fn ticket(row: Row) -> Result<Ticket, StoreError> {
    let mut c = row.columns("ticket");
    let (id, cause, subject, client) = (c.parsed()?, c.text()?, c.text()?, c.parsed()?);
    // A ticket that came from no order has neither.
    let device = match c.text()?.as_str() {
        "" => None,
        text => Some(text.parse().map_err(unreadable)?),
    };
    let device_name = c.text()?;
    let order = match c.text()?.as_str() {
        "" => None,
        text => Some(text.parse().map_err(unreadable)?),
    };
    let mut ticket = Ticket {
        id,
        cause,
        subject,
        client,
        device,
        device_name,
        order,
        patches: c.json()?,
        evidence: c.json()?,
        state: c.parsed()?,
        made_at: c.time()?,
        changed_at: c.time()?,
        study: None,
    };
    let (owner, due_at) = (c.maybe_text()?, c.maybe_time()?);
    if let Some(rule) = c.maybe_text()? {
        ticket.study = Some(AskedStudy {
            rule,
            owner: owner.unwrap_or_default(),
            asked_at: c.time()?,
            due_at: due_at.unwrap_or(ticket.made_at),
            devices: c.number()?,
        });
    }
    Ok(ticket)
}

fn unreadable(error: domain::id::InvalidId) -> StoreError {
    StoreError::Unreadable {
        what: "ticket",
        reason: error.to_string(),
    }
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

    /// Keeps what a ticket says now beside what it said before.
    pub(crate) fn ticket_change_add(
        &mut self,
        scope: &ClientScope,
        cause: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.scoped_execute(&TICKET_CHANGE_ADD, scope, binds![cause, now])?;
        Ok(())
    }

    /// Lists tickets: first those whose answer is overdue, the longest one first, then newest first.
    pub fn ticket_list(
        &mut self,
        scope: &ClientScope,
        filter: &TicketFilter,
        request: &PageRequest,
    ) -> Result<Page<Ticket>, StoreError> {
        let limit = page_limit(request);
        let client = filter.client.map(|id| id.to_string()).unwrap_or_default();
        let state = filter.state.map_or("", TicketState::word);
        let owner = filter.owner.as_deref().unwrap_or_default();
        let asked = request.cursor.as_deref();
        let from = match asked.map(Cursor::read) {
            None => Cursor::begin(filter.now),
            Some(Some(cursor)) => cursor,
            // As of other lists: behind what is named, by id.
            Some(None) => Cursor {
                now: filter.now,
                overdue: None,
                id: asked.unwrap_or(LAST).to_owned(),
            },
        };
        let mut items = Vec::new();
        if let Some(due) = from.overdue {
            let binds = binds![&client, state, owner, from.now, due, &from.id, limit + 1];
            for row in self.scoped_rows(&TICKET_OVERDUE, scope, binds)? {
                items.push(ticket(row)?);
            }
        }
        let room = (limit as usize + 1).saturating_sub(items.len());
        if room > 0 && !filter.overdue {
            let before = match from.overdue {
                Some(_) => LAST,
                None => &from.id,
            };
            let room = u32::try_from(room).unwrap_or(u32::MAX);
            let binds = binds![&client, state, owner, from.now, before, room];
            for row in self.scoped_rows(&TICKET_LIST, scope, binds)? {
                items.push(ticket(row)?);
            }
        }
        Ok(page(items, limit, |item| Cursor::after(from.now, item)))
    }

    /// Counts the tickets that somebody has to look at.
    pub fn ticket_count(
        &mut self,
        scope: &ClientScope,
        now: Timestamp,
    ) -> Result<TicketCount, StoreError> {
        let rows = self.scoped_rows(&TICKET_COUNT, scope, binds![now])?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(TicketCount::default());
        };
        let mut c = row.columns("ticket");
        Ok(TicketCount {
            open: c.number()?,
            overdue: c.number()?,
        })
    }
}
