//! `/api/v1/clients`

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use service::Principal;
use service::client::ClientItem;
use utoipa::ToSchema;

use super::{List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// A new client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    /// Its name, new.
    name: String,
}

/// Lists the clients that you may see
#[utoipa::path(get, path = "/api/v1/clients", tag = "clients", operation_id = "client_list", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<ClientItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<ClientItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.client_list(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Adds a client
#[utoipa::path(post, path = "/api/v1/clients", tag = "clients", operation_id = "client_add", request_body = NewClient, responses(
    (status = 201, description = "Added", body = ClientItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewClient>,
) -> Result<(StatusCode, Json<ClientItem>), Problem> {
    let client = state
        .run(move |service| service.client_add(&who, &new.name))
        .await?;
    Ok((StatusCode::CREATED, Json(client)))
}
