//! `/api/v1/tickets`

use axum::Extension;
use axum::extract::State;
use service::Principal;
use service::ticket::TicketItem;

use super::{List, ListAsked, Listed, listed, part};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Lists tickets, newest first
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", operation_id = "ticket_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<TicketItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<TicketItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.ticket_list(&who, &request))
        .await?;
    Ok(listed(page))
}
