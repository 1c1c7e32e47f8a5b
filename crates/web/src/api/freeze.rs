//! `/api/v1/freezes`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use service::Principal;
use service::freeze::{FreezeItem, FreezePreview, NewFreeze};

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Lists freezes, those of policy files and ended ones too
#[utoipa::path(get, path = "/api/v1/freezes", tag = "freezes", operation_id = "freeze_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<FreezeItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<FreezeItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.freeze_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Adds a freeze; it holds at once
#[utoipa::path(post, path = "/api/v1/freezes", tag = "freezes", operation_id = "freeze_add", request_body = NewFreeze, responses(
    (status = 201, description = "Added", body = FreezeItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewFreeze>,
) -> Result<(StatusCode, Json<FreezeItem>), Problem> {
    let freeze = state
        .run(move |service| service.freeze_add(&who, &new))
        .await?;
    Ok((StatusCode::CREATED, Json(freeze)))
}

/// Says what a freeze would cover that is not saved
#[utoipa::path(post, path = "/api/v1/freezes/preview", tag = "freezes", operation_id = "freeze_preview", request_body = NewFreeze, responses(
    (status = 200, description = "From when to when, and which devices; nothing was saved", body = FreezePreview),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn preview(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewFreeze>,
) -> Answered<FreezePreview> {
    let preview = state
        .run(move |service| service.freeze_preview(&who, &new))
        .await?;
    Ok(Json(preview))
}

/// Makes another freeze instead of one that was made by hand
#[utoipa::path(post, path = "/api/v1/freezes/{freeze}/edit", tag = "freezes", operation_id = "freeze_edit", request_body = NewFreeze,
    params(("freeze" = String, Path, description = "Name or id")), responses(
    (status = 200, description = "The new freeze", body = FreezeItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
    Sent(new): Sent<NewFreeze>,
) -> Answered<FreezeItem> {
    let freeze = state
        .run(move |service| service.freeze_edit(&who, &freeze, &new))
        .await?;
    Ok(Json(freeze))
}

/// Ends a freeze
#[utoipa::path(post, path = "/api/v1/freezes/{freeze}/end", tag = "freezes", operation_id = "freeze_end",
    params(("freeze" = String, Path, description = "Name or id")), responses(
    (status = 200, description = "The freeze as it is now", body = FreezeItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
) -> Answered<FreezeItem> {
    let freeze = state
        .run(move |service| service.freeze_end(&who, &freeze))
        .await?;
    Ok(Json(freeze))
}
