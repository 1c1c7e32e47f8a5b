//! `/api/v1/coverage`, exclusions of devices, `/api/v1/events` and `/api/v1/releases`.

use axum::extract::State;
use axum::{Extension, Json};
use domain::coverage::Bucket;
use serde::Deserialize;
use service::Principal;
use service::coverage::{CoverageView, LedgerItem, NewExclusion};
use service::event::EventItem;
use service::release::ReleaseItem;
use utoipa::IntoParams;

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// How many release days are listed when nobody says how many.
const RELEASES_DEFAULT: u32 = 4;

/// Lines of the ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LedgerAsked {
    /// Only this bucket: `current`, `stale`, `never-reported`, `unsupported` or `excluded`.
    #[param(value_type = Option<String>)]
    bucket: Option<Bucket>,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// How many release days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReleasesAsked {
    /// How many, 1 to 24; 4 by default.
    count: Option<u32>,
}

/// Shows how many devices stand in each bucket of the coverage ledger
#[utoipa::path(get, path = "/api/v1/coverage", tag = "coverage", operation_id = "coverage_show", responses(
    (status = 200, description = "The sums", body = CoverageView),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
) -> Answered<CoverageView> {
    let sums = state.run(move |service| service.coverage(&who)).await?;
    Ok(Json(sums))
}

/// Lists the lines of the coverage ledger
#[utoipa::path(get, path = "/api/v1/coverage/devices", tag = "coverage", operation_id = "coverage_list", params(LedgerAsked), responses(
    (status = 200, description = "One part of the list", body = List<LedgerItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<LedgerAsked>,
) -> Listed<LedgerItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.coverage_list(&who, asked.bucket, &request))
        .await?;
    Ok(listed(page))
}

/// Takes a device out of the coverage ledger until a day
#[utoipa::path(put, path = "/api/v1/devices/{device}/exclusion", tag = "coverage", operation_id = "device_exclude",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME")), request_body = NewExclusion, responses(
    (status = 200, description = "The device's line as it is now", body = LedgerItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn exclude(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Sent(new): Sent<NewExclusion>,
) -> Answered<LedgerItem> {
    let line = state
        .run(move |service| service.device_exclude(&who, &device, &new))
        .await?;
    Ok(Json(line))
}

/// Takes a device back into the coverage ledger
#[utoipa::path(post, path = "/api/v1/devices/{device}/exclusion/end", tag = "coverage", operation_id = "device_include",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME")), responses(
    (status = 200, description = "The device's line as it is now", body = LedgerItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn include(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
) -> Answered<LedgerItem> {
    let line = state
        .run(move |service| service.device_include(&who, &device))
        .await?;
    Ok(Json(line))
}

/// Lists events, newest first
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "event_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<EventItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn events(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<EventItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.event_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Lists vendors' release days to come, with the windows and devices that they will meet
#[utoipa::path(get, path = "/api/v1/releases", tag = "events", operation_id = "release_list", params(ReleasesAsked), responses(
    (status = 200, description = "The days, the next one first", body = List<ReleaseItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn releases(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ReleasesAsked>,
) -> Listed<ReleaseItem> {
    let count = asked.count.unwrap_or(RELEASES_DEFAULT);
    let page = state
        .run(move |service| service.release_list(&who, count))
        .await?;
    Ok(listed(page))
}
