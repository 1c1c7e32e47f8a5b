//! `/api/v1/me`, `/api/v1/overview`, `/api/v1/audit`

use axum::extract::State;
use axum::{Extension, Json};
use domain::access::{Reach, Role};
use serde::Serialize;
use service::Principal;
use service::audit::AuditItem;
use service::overview::Overview;
use utoipa::ToSchema;

use super::{Answered, List, ListAsked, Listed, listed, part};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Who the token belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// `owner`, `technician` or `reader`.
    #[schema(value_type = String)]
    role: Role,
    /// The ids of the clients whose data it may reach; null: all of the provider's.
    #[schema(required)]
    clients: Option<Vec<String>>,
}

/// Says who the token belongs to
#[utoipa::path(get, path = "/api/v1/me", tag = "overview", operation_id = "me", responses(
    (status = 200, description = "Who you are", body = Me),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn me(Extension(who): Extension<Principal>) -> Json<Me> {
    Json(Me {
        id: who.id.to_string(),
        name: who.name,
        role: who.role,
        clients: match who.reach {
            Reach::Provider => None,
            Reach::Clients(clients) => Some(clients.iter().map(ToString::to_string).collect()),
        },
    })
}

/// A few numbers, each with what it does not count
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview", operation_id = "overview", responses(
    (status = 200, description = "The numbers", body = Overview),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
) -> Answered<Overview> {
    let overview = state.run(move |service| service.overview(&who)).await?;
    Ok(Json(overview))
}

/// Lists who changed what, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "overview", operation_id = "audit_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<AuditItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn audit(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<AuditItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.audit_list(&who, &request))
        .await?;
    Ok(listed(page))
}
