//! `/api/v1/policy` and `/api/v1/snapshot`: the policy as files, and the fleet that it is tried on.

use axum::extract::State;
use axum::{Extension, Json};
use domain::page::PAGE_ITEMS_MAX;
use domain::policy::PolicyKind;
use domain::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use service::policy::{
    EffectivePolicy, PolicyApplied, PolicyDrift, PolicyExport, PolicyItem, PolicyPlan,
    PolicyReverted, PolicySent, PolicyVersionFiles, PolicyVersionItem, RevertAsked,
};
use service::{Principal, ServiceError};
use utoipa::{IntoParams, ToSchema};

use super::{Answered, FilteredAsked, List, ListAsked, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Most bytes of the files of a policy in one request.
pub(super) const POLICY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Which objects.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ObjectsAsked {
    /// Only this kind: `group`, `window`, `freeze`, `rule`, `decision`, `reboot`, `rings` or
    /// `exclude`.
    kind: Option<String>,
    /// How many items, 1 to 1000; all by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// Lists the objects of the policy as they stand, in their order
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", operation_id = "policy_list", params(ObjectsAsked), responses(
    (status = 200, description = "One part of the list", body = List<PolicyItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ObjectsAsked>,
) -> Listed<PolicyItem> {
    let invalid = |field, reason: String| Problem::from(ServiceError::Invalid { field, reason });
    let kind = asked
        .kind
        .as_deref()
        .map(str::parse::<PolicyKind>)
        .transpose()
        .map_err(|error| invalid("kind", error.to_string()))?;
    let request = part(asked.limit.or(Some(PAGE_ITEMS_MAX)), asked.cursor)?;
    let from: usize = match &request.cursor {
        None => 0,
        Some(cursor) => cursor
            .parse()
            .map_err(|_| invalid("cursor", "take it from `next` of the part before".into()))?,
    };
    let mut page = state
        .run(move |service| service.policy_list(&who, kind))
        .await?;
    let end = from.saturating_add(request.limit as usize);
    page.next = (page.items.len() > end).then(|| end.to_string());
    page.items = page
        .items
        .into_iter()
        .skip(from)
        .take(request.limit as usize)
        .collect();
    Ok(listed(page))
}

/// Makes files the policy, as a whole or not at all; with `dry_run`, only says what would change
#[utoipa::path(post, path = "/api/v1/policy/apply", tag = "policy", operation_id = "policy_apply", request_body = PolicySent, responses(
    (status = 200, description = "What changed, or would", body = PolicyApplied),
    (status = "default", description = "A problem; `problems` lists every mistake with its place", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn apply(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(sent): Sent<PolicySent>,
) -> Answered<PolicyApplied> {
    let applied = state
        .run(move |service| service.policy_apply(&who, &sent))
        .await?;
    Ok(Json(applied))
}

/// Says what files would change, for which devices and patches, and when; nothing is applied
#[utoipa::path(post, path = "/api/v1/policy/plan", tag = "policy", operation_id = "policy_plan", request_body = PolicySent, responses(
    (status = 200, description = "What would change", body = PolicyPlan),
    (status = "default", description = "A problem; `problems` lists every mistake with its place", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn plan(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(sent): Sent<PolicySent>,
) -> Answered<PolicyPlan> {
    let plan = state
        .run(move |service| service.policy_plan(&who, &sent))
        .await?;
    Ok(Json(plan))
}

/// Says how what stands differs from files
#[utoipa::path(post, path = "/api/v1/policy/drift", tag = "policy", operation_id = "policy_drift", request_body = PolicySent, responses(
    (status = 200, description = "The differences", body = PolicyDrift),
    (status = "default", description = "A problem; `problems` lists every mistake with its place", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn drift(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(sent): Sent<PolicySent>,
) -> Answered<PolicyDrift> {
    let drift = state
        .run(move |service| service.policy_drift(&who, &sent))
        .await?;
    Ok(Json(drift))
}

/// Gives the policy as it stands as files, with their comments
#[utoipa::path(get, path = "/api/v1/policy/export", tag = "policy", operation_id = "policy_export", responses(
    (status = 200, description = "The files", body = PolicyExport),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn export(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
) -> Answered<PolicyExport> {
    let files = state
        .run(move |service| service.policy_export(&who))
        .await?;
    Ok(Json(files))
}

/// Lists the times that files were applied, newest first
#[utoipa::path(get, path = "/api/v1/policy/history", tag = "policy", operation_id = "policy_history", params(ListAsked), responses(
    (status = 200, description = "One part of the list", body = List<PolicyVersionItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn history(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Listed<PolicyVersionItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.policy_history(&who, &request))
        .await?;
    Ok(listed(page))
}

/// Reads the number of a version.
fn version(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| {
        Problem::from(ServiceError::NotFound {
            what: "version of the policy",
            name: text.chars().take(200).collect(),
        })
    })
}

/// Gives the files that stood after a version
#[utoipa::path(get, path = "/api/v1/policy/history/{version}", tag = "policy", operation_id = "policy_version",
    params(("version" = String, Path, description = "Its number")), responses(
    (status = 200, description = "The files, and what of them was not kept", body = PolicyVersionFiles),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn version_files(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(asked): Named,
) -> Answered<PolicyVersionFiles> {
    let number = version(&asked)?;
    let files = state
        .run(move |service| service.policy_version_files(&who, number))
        .await?;
    Ok(Json(files))
}

/// Applies the files that stood after a version again, as a new version; with `dry_run`, only says
/// what would change
#[utoipa::path(post, path = "/api/v1/policy/history/{version}/revert", tag = "policy", operation_id = "policy_revert", request_body = RevertAsked,
    params(("version" = String, Path, description = "Its number")), responses(
    (status = 200, description = "What changed, or would", body = PolicyReverted),
    (status = "default", description = "A problem; `problems` lists every mistake with its place", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revert(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(asked): Named,
    Sent(how): Sent<RevertAsked>,
) -> Answered<PolicyReverted> {
    let number = version(&asked)?;
    let reverted = state
        .run(move |service| service.policy_revert(&who, number, &how))
        .await?;
    Ok(Json(reverted))
}

/// Which device.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EffectiveAsked {
    /// Id, name or CLIENT/NAME of the device.
    device: String,
}

/// Gives the policy of one device, put together: every part that covers it with where it comes from
#[utoipa::path(get, path = "/api/v1/policy/effective", tag = "policy", operation_id = "policy_effective", params(EffectiveAsked), responses(
    (status = 200, description = "Its policy", body = EffectivePolicy),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn effective(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<EffectiveAsked>,
) -> Answered<EffectivePolicy> {
    let policy = state
        .run(move |service| service.policy_effective(&who, &asked.device))
        .await?;
    Ok(Json(policy))
}

/// One part of the fleet as a snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotPart {
    /// The snapshot: `v`, `feeds` and `devices` with their findings, as `policy evaluate` takes it.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    snapshot: Snapshot,
    /// What to send as `cursor` for the next part; null at the end.
    #[schema(required)]
    next: Option<String>,
}

/// Gives the devices with their findings as a snapshot, for commands that ask no server
#[utoipa::path(get, path = "/api/v1/snapshot", tag = "devices", operation_id = "snapshot", params(FilteredAsked), responses(
    (status = 200, description = "One part of it", body = SnapshotPart),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn snapshot(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<FilteredAsked>,
) -> Answered<SnapshotPart> {
    let request = part(asked.limit, asked.cursor)?;
    let (snapshot, next) = state
        .run(move |service| service.snapshot(&who, asked.q.as_deref(), &request))
        .await?;
    Ok(Json(SnapshotPart { snapshot, next }))
}
