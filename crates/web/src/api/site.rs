//! `/api/v1/sites` and `/api/v1/enrolments`: places, and permissions to enrol devices there.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use service::Principal;
use service::enrolment::{EnrolmentMade, NewEnrolment};
use service::site::SiteItem;
use utoipa::{IntoParams, ToSchema};

use super::{List, Listed, listed, part};
use crate::ask::{Asked, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// A list of sites.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SitesAsked {
    /// Only those of this client (name or id).
    client: Option<String>,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// A new site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSite {
    /// Its client, by name or id.
    client: String,
    /// Its name, new within the client.
    name: String,
    /// Its zone, by IANA name.
    zone: String,
}

/// Lists sites
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", operation_id = "site_list", params(SitesAsked), responses(
    (status = 200, description = "One part of the list", body = List<SiteItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<SitesAsked>,
) -> Listed<SiteItem> {
    let request = part(asked.limit, asked.cursor)?;
    let page = state
        .run(move |service| service.site_list(&who, asked.client.as_deref(), &request))
        .await?;
    Ok(listed(page))
}

/// Adds a site to a client
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", operation_id = "site_add", request_body = NewSite, responses(
    (status = 201, description = "Added", body = SiteItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewSite>,
) -> Result<(StatusCode, Json<SiteItem>), Problem> {
    let site = state
        .run(move |service| service.site_add(&who, &new.client, &new.name, &new.zone))
        .await?;
    Ok((StatusCode::CREATED, Json(site)))
}

/// Makes a token that enrols devices at a site; it is shown this once
#[utoipa::path(post, path = "/api/v1/enrolments", tag = "sites", operation_id = "enrolment_create", request_body = NewEnrolment, responses(
    (status = 201, description = "Made", body = EnrolmentMade),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn enrolment_create(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(new): Sent<NewEnrolment>,
) -> Result<(StatusCode, Json<EnrolmentMade>), Problem> {
    let made = state
        .run(move |service| service.enrolment_create(&who, &new))
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}
