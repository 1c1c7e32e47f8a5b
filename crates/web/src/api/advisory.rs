//! `/api/v1/advisories`

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;
use service::Principal;
use service::advisory::{AdvisoryDetail, AdvisoryItem};
use utoipa::IntoParams;

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Which advisory.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AdvisoryAsked {
    /// `FEED/ID`, or the id alone where only one feed has it.
    advisory: String,
}

/// Lists the advisories that hit devices, worst first
#[utoipa::path(get, path = "/api/v1/advisories", tag = "advisories", operation_id = "advisory_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<AdvisoryItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<AdvisoryItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.advisory_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Shows one advisory with the clients and devices that it hits, and the news beside it
#[utoipa::path(get, path = "/api/v1/advisory", tag = "advisories", operation_id = "advisory_show", params(AdvisoryAsked), responses(
    (status = 200, description = "The advisory", body = AdvisoryDetail),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<AdvisoryAsked>,
) -> Answered<AdvisoryDetail> {
    let detail = state
        .run(move |service| service.advisory_show(&who, &asked.advisory))
        .await?;
    Ok(Json(detail))
}
