//! `/api/v1/findings`

use axum::Extension;
use axum::extract::State;
use service::Principal;
use service::finding::FindingItem;

use super::{DatedAsked, List, Listed, listed, part};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Lists findings: where each device stands with each patch
#[utoipa::path(get, path = "/api/v1/findings", tag = "findings", operation_id = "finding_list", params(DatedAsked), responses(
    (status = 200, description = "One part of the list", body = List<FindingItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<DatedAsked>,
) -> Listed<FindingItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.finding_list(&who, asked.q.as_deref(), asked.at, &request))
        .await?;
    Ok(listed(page))
}
