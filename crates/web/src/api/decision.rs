//! `/api/v1/decisions`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use service::Principal;
use service::decision::{DecisionEdit, DecisionItem, DecisionMade, NewDecision};

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Lists decisions, newest first, ended ones too
#[utoipa::path(get, path = "/api/v1/decisions", tag = "decisions", operation_id = "decision_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<DecisionItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<DecisionItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.decision_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Approves, holds or denies patches; with `dry_run`, only says what that would touch
#[utoipa::path(post, path = "/api/v1/decisions", tag = "decisions", operation_id = "decision_add", request_body = NewDecision, responses(
    (status = 201, description = "Decided", body = DecisionMade),
    (status = 200, description = "What it would touch (`dry_run`); nothing was saved", body = DecisionMade),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewDecision>,
) -> Result<(StatusCode, Json<DecisionMade>), Problem> {
    let status = if new.dry_run {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let made = state
        .run(move |service| service.decision_add(&who, &new))
        .await?;
    Ok((status, Json(made)))
}

/// Makes another decision instead of one; with `dry_run`, only says what it would touch then
#[utoipa::path(post, path = "/api/v1/decisions/{decision}/edit", tag = "decisions", operation_id = "decision_edit", request_body = DecisionEdit,
    params(("decision" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The new decision, which names the old one", body = DecisionMade),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
    Sent(change): Sent<DecisionEdit>,
) -> Answered<DecisionMade> {
    let made = state
        .run(move |service| service.decision_edit(&who, &decision, &change))
        .await?;
    Ok(Json(made))
}

/// Ends a decision; one that has ended already stays as it is
#[utoipa::path(post, path = "/api/v1/decisions/{decision}/end", tag = "decisions", operation_id = "decision_end",
    params(("decision" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The decision as it is now", body = DecisionItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
) -> Answered<DecisionItem> {
    let decision = state
        .run(move |service| service.decision_end(&who, &decision))
        .await?;
    Ok(Json(decision))
}
