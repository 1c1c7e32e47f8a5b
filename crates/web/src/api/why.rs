//! `/api/v1/why`: whether a patch may be installed on a device, and why not.

use axum::extract::State;
use axum::{Extension, Json};
use domain::verdict::Verdict;
use serde::Deserialize;
use service::Principal;
use utoipa::{IntoParams, ToSchema};

use super::Answered;
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// Which device and which patch.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhyAsked {
    /// Id, name or CLIENT/NAME of the device.
    device: String,
    /// Id of the patch, or its product where only one patch of it concerns the device.
    patch: String,
}

/// A decision or rule that did not count, because another one goes before it.
#[derive(ToSchema)]
#[schema(as = Loser)]
#[expect(
    dead_code,
    reason = "describes `domain::verdict::Loser`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct LoserDescribed {
    /// Which: the name of the rule or decision, or who decided.
    object: String,
    /// How close it is: `provider`, `client`, `site`, `group` or `device`.
    level: String,
    /// What it says: `approve`, `accept-risk`, `pin`, `hold` or `deny`.
    verdict: String,
}

/// One gate as it stands.
#[derive(ToSchema)]
#[schema(as = Gate)]
#[expect(
    dead_code,
    reason = "describes `domain::verdict::Gate`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct GateDescribed {
    /// Which: `known`, `applicable`, `decided`, `delay`, `ring`, `frozen`, `window`, `budget`,
    /// `reachable` or `guardrails`.
    gate: String,
    /// Open, closed, or not asked (null).
    #[schema(required)]
    open: Option<bool>,
    /// Why, in one sentence.
    reason: String,
    /// Who can open it.
    #[schema(required)]
    owner: Option<String>,
    /// When it opens by itself, where that is known.
    #[schema(required, format = DateTime)]
    opens_at: Option<String>,
    /// What did not count: there at the gate `decided` and at no other.
    losers: Option<Vec<LoserDescribed>>,
}

/// The evaluator's answer.
#[derive(ToSchema)]
#[schema(as = Verdict)]
#[expect(
    dead_code,
    reason = "describes `domain::verdict::Verdict`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct VerdictDescribed {
    /// `now`, `later` or `never`.
    verdict: String,
    /// When, for `later`; the present for `now`.
    #[schema(required, format = DateTime)]
    at: Option<String>,
    /// The first closed gate.
    #[schema(required)]
    gate: Option<String>,
    /// One sentence for people.
    sentence: String,
    /// All gates, in the order in which they are asked.
    gates: Vec<GateDescribed>,
}

/// Says whether a patch may be installed on a device now, later or never, with every gate
#[utoipa::path(get, path = "/api/v1/why", tag = "findings", operation_id = "why", params(WhyAsked), responses(
    (status = 200, description = "The evaluator's answer", body = VerdictDescribed),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<WhyAsked>,
) -> Answered<Verdict> {
    let verdict = state
        .run(move |service| service.why(&who, &asked.device, &asked.patch))
        .await?;
    Ok(Json(verdict))
}
