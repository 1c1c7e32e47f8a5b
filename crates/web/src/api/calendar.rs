//! `/api/v1/calendars`: secret addresses of clients' calendars; and `/calendar/{file}`, which
//! calendar programs ask without signing in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use service::Principal;
use service::calendar::{CalendarItem, CalendarMade, NewCalendar};

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Lists secret addresses of calendars, newest first, revoked ones too; their secrets are not kept
#[utoipa::path(get, path = "/api/v1/calendars", tag = "calendars", operation_id = "calendar_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<CalendarItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<CalendarItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.calendar_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Makes a secret address at which a client's windows and freezes are read as a calendar (iCalendar)
#[utoipa::path(post, path = "/api/v1/calendars", tag = "calendars", operation_id = "calendar_add", request_body = NewCalendar, responses(
    (status = 201, description = "The address, shown this once", body = CalendarMade),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewCalendar>,
) -> Result<(StatusCode, Json<CalendarMade>), Problem> {
    let made = state
        .run(move |service| service.calendar_add(&who, &new))
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes a secret address; one that was revoked already stays as it is
#[utoipa::path(post, path = "/api/v1/calendars/{calendar}/revoke", tag = "calendars", operation_id = "calendar_revoke",
    params(("calendar" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The address as it is now", body = CalendarItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(calendar): Named,
) -> Answered<CalendarItem> {
    let item = state
        .run(move |service| service.calendar_revoke(&who, &calendar))
        .await?;
    Ok(Json(item))
}

/// `GET /calendar/{file}`: the calendar at a secret address. One that was revoked and one that never
/// was get the same answer.
pub(super) async fn file(
    State(state): State<AppState>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Named(file): Named,
) -> Result<Response, Problem> {
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.0.ip());
    let text = state
        .run(move |service| service.calendar_file(&file, from))
        .await?;
    let text = text.ok_or_else(Problem::no_such_address)?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=300"),
        (
            header::CONTENT_DISPOSITION,
            "inline; filename=\"changes.ics\"",
        ),
    ];
    Ok((headers, text.to_string()).into_response())
}
