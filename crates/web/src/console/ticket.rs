//! The page of tickets.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::page::{Page, PageRequest};
use domain::query::{Field, Query};
use domain::ticket::TicketState;
use jiff::Timestamp;
use serde::Deserialize;
use service::Principal;
use service::ticket::{TicketAsked, TicketItem};

use super::parts::{Mark, Moment, Pager};
use super::{Area, PAGE_ITEMS, Rendered, Shell, address, counted, page};
use crate::ask::Asked;
use crate::state::AppState;

/// What the list is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct TicketsAsked {
    #[serde(default)]
    pub(super) owner: String,
    #[serde(default)]
    pub(super) overdue: bool,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/ticket/list.html")]
pub(super) struct TicketsPage {
    shell: Shell,
    owner: String,
    overdue: bool,
    tickets: Vec<TicketRow>,
    pager: Pager,
}

struct TicketRow {
    id: String,
    state: Mark,
    open: bool,
    subject: String,
    evidence: Vec<String>,
    order: Option<String>,
    client: String,
    device: Option<(String, String)>,
    study: Option<StudyRow>,
    patches: Vec<String>,
    made: Moment,
}

/// What somebody is asked.
struct StudyRow {
    owner: String,
    /// When the answer is due; `None`: it is answered.
    due: Option<Moment>,
    /// How many devices wait; empty where it is answered.
    waits: String,
    /// Where it is answered; `None`: it is answered already.
    decide: Option<String>,
}

impl TicketRow {
    fn of(ticket: TicketItem, now: Timestamp) -> Self {
        let open = ticket.state == TicketState::Open;
        Self {
            study: StudyRow::of(&ticket, now),
            id: ticket.id.to_string(),
            open,
            state: match ticket.overdue {
                true => Mark::overdue(),
                false => Mark::ticket(ticket.state),
            },
            subject: ticket.subject,
            evidence: ticket.evidence,
            order: ticket.order.map(|order| order.to_string()),
            client: ticket.client,
            device: ticket
                .device_id
                .map(|id| (ticket.device, format!("/devices/{id}"))),
            patches: ticket.patches.iter().map(ToString::to_string).collect(),
            made: Moment::new(ticket.made_at, now),
        }
    }
}

impl StudyRow {
    fn of(ticket: &TicketItem, now: Timestamp) -> Option<Self> {
        let owner = ticket.owner.clone()?;
        let (patch, due_at) = (ticket.patches.first()?.to_string(), ticket.due_at?);
        let open = ticket.state == TicketState::Open;
        let query = |field, value: &str| Query::of(field, value).ok().map(|q| q.to_string());
        let decide = match (
            query(Field::Patch, &patch),
            query(Field::Client, &ticket.client),
        ) {
            (Some(patches), Some(client)) if open => Some(address(
                "/decisions/new",
                &[("patches", &patches), ("for", &client)],
            )),
            _ => None,
        };
        let devices = ticket.devices.unwrap_or_default() as usize;
        Some(Self {
            owner,
            due: open.then(|| Moment::new(due_at, now)),
            waits: match open {
                true => format!("{} waiting", counted(devices, "device", "devices")),
                false => String::new(),
            },
            decide,
        })
    }
}

impl TicketsPage {
    pub(super) fn new(
        who: &Principal,
        asked: &TicketsAsked,
        found: Page<TicketItem>,
        now: Timestamp,
    ) -> Self {
        let overdue = if asked.overdue { "true" } else { "" };
        Self {
            shell: Shell::new("Tickets", Area::Tickets, Some(who), now),
            owner: asked.owner.clone(),
            overdue: asked.overdue,
            pager: Pager::filtered(
                "/tickets",
                &[("owner", &asked.owner), ("overdue", overdue)],
                asked.cursor.is_some(),
                found.next.as_deref(),
                found.items.len(),
            ),
            tickets: found
                .items
                .into_iter()
                .map(|ticket| TicketRow::of(ticket, now))
                .collect(),
        }
    }

    /// Whether only some tickets are asked for.
    fn filtered(&self) -> bool {
        self.overdue || !self.owner.is_empty()
    }
}

/// `GET /tickets`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<TicketsAsked>,
) -> Rendered {
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: PAGE_ITEMS,
    };
    let owner = asked.owner.trim();
    let wanted = TicketAsked {
        state: None,
        owner: (!owner.is_empty()).then(|| owner.to_owned()),
        overdue: asked.overdue,
    };
    let person = who.clone();
    let found = state
        .run(move |service| service.ticket_list(&person, &wanted, &request))
        .await?;
    page(&TicketsPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}
