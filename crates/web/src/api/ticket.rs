//! `/api/v1/tickets`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::ticket::TicketState;
use serde::Deserialize;
use service::Principal;
use service::decision::DecisionMade;
use service::ticket::{TicketAnswer, TicketAsked, TicketItem};
use utoipa::IntoParams;

use super::{List, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Which tickets are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TicketsAsked {
    /// Only `open` or `closed` ones.
    #[param(value_type = Option<String>)]
    state: Option<TicketState>,
    /// Only those that this person or team owes an answer to.
    owner: Option<String>,
    /// Only those whose answer is overdue.
    #[serde(default)]
    overdue: bool,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// Lists tickets: first those whose answer is overdue, then newest first
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", operation_id = "ticket_list", params(TicketsAsked), responses(
    (status = 200, description = "One part of the list", body = List<TicketItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<TicketsAsked>,
) -> Listed<TicketItem> {
    let request = part(asked.limit, asked.cursor)?;
    let asked = TicketAsked {
        state: asked.state,
        owner: asked.owner,
        overdue: asked.overdue,
    };
    let page = state
        .run(move |service| service.ticket_list(&who, &asked, &request))
        .await?;
    Ok(listed(page))
}

/// Answers a ticket that asks for a study: makes the decision and closes it; with `dry_run`, only says what the
/// decision would touch
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/answer", tag = "tickets", operation_id = "ticket_answer", request_body = TicketAnswer,
    params(("ticket" = String, Path, description = "Its id")), responses(
    (status = 201, description = "Decided", body = DecisionMade),
    (status = 200, description = "What it would touch (`dry_run`); nothing was saved", body = DecisionMade),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn answer(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(ticket): Named,
    Sent(answer): Sent<TicketAnswer>,
) -> Result<(StatusCode, Json<DecisionMade>), Problem> {
    let status = if answer.dry_run {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let made = state
        .run(move |service| service.ticket_answer(&who, &ticket, &answer))
        .await?;
    Ok((status, Json(made)))
}
