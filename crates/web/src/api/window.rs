//! `/api/v1/windows`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use service::Principal;
use service::window::{NewWindow, OpeningItem, WindowItem};
use utoipa::IntoParams;

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// How many openings are given by default.
const OPENINGS_DEFAULT: u32 = 12;

/// How many openings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OpeningsAsked {
    /// How many, 1 to 100; 12 by default.
    count: Option<u32>,
}

/// Lists change windows, ended ones too
#[utoipa::path(get, path = "/api/v1/windows", tag = "windows", operation_id = "window_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<WindowItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<WindowItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.window_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Adds a change window
#[utoipa::path(post, path = "/api/v1/windows", tag = "windows", operation_id = "window_add", request_body = NewWindow, responses(
    (status = 201, description = "Added", body = WindowItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewWindow>,
) -> Result<(StatusCode, Json<WindowItem>), Problem> {
    let window = state
        .run(move |service| service.window_add(&who, &new))
        .await?;
    Ok((StatusCode::CREATED, Json(window)))
}

/// Says when a window would open that is not saved: the next twelve times
#[utoipa::path(post, path = "/api/v1/windows/preview", tag = "windows", operation_id = "window_preview", request_body = NewWindow, responses(
    (status = 200, description = "The openings; nothing was saved", body = List<OpeningItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn preview(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewWindow>,
) -> Listed<OpeningItem> {
    let page = state
        .run(move |service| service.window_preview(&who, &new, OPENINGS_DEFAULT))
        .await?;
    Ok(listed(page))
}

/// Makes another window instead of one that was made by hand
#[utoipa::path(post, path = "/api/v1/windows/{window}/edit", tag = "windows", operation_id = "window_edit", request_body = NewWindow,
    params(("window" = String, Path, description = "Name or id")), responses(
    (status = 200, description = "The new window", body = WindowItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
    Sent(new): Sent<NewWindow>,
) -> Answered<WindowItem> {
    let window = state
        .run(move |service| service.window_edit(&who, &window, &new))
        .await?;
    Ok(Json(window))
}

/// Ends a change window
#[utoipa::path(post, path = "/api/v1/windows/{window}/end", tag = "windows", operation_id = "window_end",
    params(("window" = String, Path, description = "Name or id")), responses(
    (status = 200, description = "The window as it is now", body = WindowItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
) -> Answered<WindowItem> {
    let window = state
        .run(move |service| service.window_end(&who, &window))
        .await?;
    Ok(Json(window))
}

/// Says when a change window opens next; one that is open now comes first
#[utoipa::path(get, path = "/api/v1/windows/{window}/openings", tag = "windows", operation_id = "window_openings",
    params(("window" = String, Path, description = "Name or id"), OpeningsAsked), responses(
    (status = 200, description = "The openings", body = List<OpeningItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn openings(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
    Asked(asked): Asked<OpeningsAsked>,
) -> Listed<OpeningItem> {
    let count = asked.count.unwrap_or(OPENINGS_DEFAULT);
    let page = state
        .run(move |service| service.window_openings(&who, &window, count))
        .await?;
    Ok(listed(page))
}
