//! The page of tickets.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::page::Page;
use domain::ticket::TicketState;
use jiff::Timestamp;
use service::Principal;
use service::ticket::TicketItem;

use super::parts::{Mark, Moment, Pager};
use super::{Area, ListAsked, PAGE_ITEMS, Rendered, Shell, page};
use crate::ask::Asked;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/ticket/list.html")]
pub(super) struct TicketsPage {
    shell: Shell,
    tickets: Vec<TicketRow>,
    pager: Pager,
}

struct TicketRow {
    id: String,
    state: Mark,
    open: bool,
    subject: String,
    evidence: Vec<String>,
    order: String,
    client: String,
    device: String,
    device_href: String,
    patches: Vec<String>,
    made: Moment,
}

impl TicketsPage {
    pub(super) fn new(
        who: &Principal,
        asked: &ListAsked,
        found: Page<TicketItem>,
        now: Timestamp,
    ) -> Self {
        Self {
            shell: Shell::new("Tickets", Area::Tickets, Some(who), now),
            pager: Pager::new(
                "/tickets",
                "",
                asked,
                found.next.as_deref(),
                found.items.len(),
            ),
            tickets: found
                .items
                .into_iter()
                .map(|ticket| TicketRow {
                    id: ticket.id.to_string(),
                    open: ticket.state == TicketState::Open,
                    state: Mark::ticket(ticket.state),
                    subject: ticket.subject,
                    evidence: ticket.evidence,
                    order: ticket.order.to_string(),
                    client: ticket.client,
                    device: ticket.device,
                    device_href: format!("/devices/{}", ticket.device_id),
                    patches: ticket.patches.iter().map(ToString::to_string).collect(),
                    made: Moment::new(ticket.made_at, now),
                })
                .collect(),
        }
    }
}

/// `GET /tickets`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Rendered {
    let (person, request) = (who.clone(), asked.page(PAGE_ITEMS));
    let found = state
        .run(move |service| service.ticket_list(&person, &request))
        .await?;
    page(&TicketsPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}
