//! `/api/v1/patches`

use axum::Extension;
use axum::extract::State;
use service::Principal;
use service::patch::PatchItem;

use super::{FilteredAsked, List, Listed, listed, part};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Lists patches with a finding that matches; by default those that are missing somewhere
#[utoipa::path(get, path = "/api/v1/patches", tag = "patches", operation_id = "patch_list", params(FilteredAsked), responses(
    (status = 200, description = "One part of the list", body = List<PatchItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<FilteredAsked>,
) -> Listed<PatchItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.patch_list(&who, asked.q.as_deref(), &request))
        .await?;
    Ok(listed(page))
}
