//! `/api/v1/devices`

use axum::extract::State;
use axum::{Extension, Json};
use domain::device::Mode;
use domain::name::Tag;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::Principal;
use service::device::{DeviceDetail, DeviceItem};
use service::evidence::DeviceEvidence;
use utoipa::{IntoParams, ToSchema};

use super::{Answered, DatedAsked, List, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// One device, as it is or was.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeviceAsked {
    /// As it was at this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// What evidence is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EvidenceAsked {
    /// Only of this patch: its id, or its product.
    patch: Option<String>,
}

/// A mode to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMode {
    /// `observe` or `managed`.
    #[schema(value_type = String)]
    mode: Mode,
}

/// Tags to add and to remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagChange {
    /// What it shall have.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    add: Vec<Tag>,
    /// What it shall not have.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    remove: Vec<Tag>,
}

/// The tags a device has.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tags {
    /// Sorted.
    #[schema(value_type = Vec<String>)]
    tags: Vec<Tag>,
}

/// Lists devices
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", operation_id = "device_list", params(DatedAsked), responses(
    (status = 200, description = "One part of the list", body = List<DeviceItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<DatedAsked>,
) -> Listed<DeviceItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.device_list(&who, asked.q.as_deref(), asked.at, &request))
        .await?;
    Ok(listed(page))
}

/// Shows one device with its history
#[utoipa::path(get, path = "/api/v1/devices/{device}", tag = "devices", operation_id = "device_show",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME"), DeviceAsked), responses(
    (status = 200, description = "The device", body = DeviceDetail),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Asked(asked): Asked<DeviceAsked>,
) -> Answered<DeviceDetail> {
    let detail = state
        .run(move |service| service.device_show(&who, &device, asked.at))
        .await?;
    Ok(Json(detail))
}

/// Shows what the findings of a device rest on: versions, rule, document, date, hash
#[utoipa::path(get, path = "/api/v1/devices/{device}/evidence", tag = "devices", operation_id = "device_evidence",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME"), EvidenceAsked), responses(
    (status = 200, description = "The evidence, by patch", body = DeviceEvidence),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn evidence(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Asked(asked): Asked<EvidenceAsked>,
) -> Answered<DeviceEvidence> {
    let found = state
        .run(move |service| service.device_evidence(&who, &device, asked.patch.as_deref()))
        .await?;
    Ok(Json(found))
}

/// Sets what may be done to a device
#[utoipa::path(put, path = "/api/v1/devices/{device}/mode", tag = "devices", operation_id = "device_mode",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME")), request_body = NewMode, responses(
    (status = 200, description = "The device as it is now", body = DeviceItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn mode(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Sent(new): Sent<NewMode>,
) -> Answered<DeviceItem> {
    let device = state
        .run(move |service| service.device_mode(&who, &device, new.mode))
        .await?;
    Ok(Json(device))
}

/// Adds and removes tags of a device
#[utoipa::path(post, path = "/api/v1/devices/{device}/tags", tag = "devices", operation_id = "device_tag",
    params(("device" = String, Path, description = "Id, name or CLIENT/NAME")), request_body = TagChange, responses(
    (status = 200, description = "All the tags it now has", body = Tags),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn tags(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Sent(change): Sent<TagChange>,
) -> Answered<Tags> {
    let tags = state
        .run(move |service| service.device_tag(&who, &device, &change.add, &change.remove))
        .await?;
    Ok(Json(Tags { tags }))
}
