//! `/api/v1/query`: what could be typed next.

use axum::extract::State;
use axum::{Extension, Json};
use domain::query::SubjectKind;
use serde::{Deserialize, Serialize};
use service::Principal;
use service::complete::CompletionItem;
use utoipa::{IntoParams, ToSchema};

use super::Answered;
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// What a query is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Over {
    /// Devices: groups, windows, `for`.
    #[default]
    Devices,
    /// Patches.
    Patches,
    /// Both: findings, orders, lists of patches.
    Findings,
}

impl From<Over> for SubjectKind {
    fn from(over: Over) -> Self {
        match over {
            Over::Devices => Self::Device,
            Over::Patches => Self::Patch,
            Over::Findings => Self::Finding,
        }
    }
}

/// A query that is being typed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CompleteAsked {
    /// The query as far as it is typed.
    #[serde(default)]
    q: String,
    /// Where the cursor is, in bytes; at the end by default.
    at: Option<u32>,
    /// What the query is over: `devices` (the default), `patches` or `findings`.
    #[serde(default)]
    of: Over,
}

/// What could be typed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Completions {
    /// Fields in the order of the table of fields, or values; at most 50 values of free text.
    completions: Vec<CompletionItem>,
}

/// Lists what could be typed next in a query; values are those of the clients that you may see
#[utoipa::path(get, path = "/api/v1/query/complete", tag = "queries", operation_id = "query_complete", params(CompleteAsked), responses(
    (status = 200, description = "What could be typed", body = Completions),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn complete(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<CompleteAsked>,
) -> Answered<Completions> {
    let completions = state
        .run(move |service| service.query_complete(&who, &asked.q, asked.at, asked.of.into()))
        .await?;
    Ok(Json(Completions { completions }))
}
