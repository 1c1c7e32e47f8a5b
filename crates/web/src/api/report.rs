//! `/api/v1/reports`

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use service::Principal;
use utoipa::{IntoParams, ToSchema};

use crate::ask::{Asked, Named};
use crate::console;
use crate::problem::Problem;
use crate::state::AppState;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// For machines.
    Json,
    /// For people: one file that needs nothing beside it and prints well.
    Html,
}

/// How a report is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportAsked {
    /// By default what `Accept` says, else JSON.
    format: Option<Format>,
}

/// Something that is not in a number.
#[derive(ToSchema)]
#[schema(as = NotCounted)]
#[expect(
    dead_code,
    reason = "describes a type of `domain::report`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct NotCountedDescribed {
    /// What is not counted.
    what: String,
    /// Why.
    why: String,
    /// Since when.
    #[schema(required, format = DateTime)]
    since: Option<String>,
}

/// Missing patches of one severity.
#[derive(ToSchema)]
#[schema(as = MissingCount)]
#[expect(
    dead_code,
    reason = "describes a type of `domain::report`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct MissingDescribed {
    /// The severity; null: not looked up.
    #[schema(required)]
    severity: Option<String>,
    /// Distinct patches.
    patches: u32,
    /// Pairs of device and patch.
    findings: u32,
}

/// One device's line.
#[derive(ToSchema)]
#[schema(as = DeviceLine)]
#[expect(
    dead_code,
    reason = "describes a type of `domain::report`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct LineDescribed {
    /// Its name.
    name: String,
    /// Its site.
    site: String,
    /// Its system.
    os: String,
    /// When it last spoke with the server.
    #[schema(required, format = DateTime)]
    last_seen: Option<String>,
    /// Missing patches; null: not known.
    #[schema(required)]
    missing: Option<u32>,
    /// Patches installed and proven.
    proven: u32,
}

/// One patch that was installed and proven.
#[derive(ToSchema)]
#[schema(as = ProvenLine)]
#[expect(
    dead_code,
    reason = "describes a type of `domain::report`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct ProvenDescribed {
    /// The patch.
    patch: String,
    /// The device.
    device: String,
    /// When the second look was made.
    #[schema(format = DateTime)]
    proven_at: String,
}

/// The report for one client.
#[derive(ToSchema)]
#[schema(as = ClientReport)]
#[expect(
    dead_code,
    reason = "describes a type of `domain::report`, which knows no OpenAPI; compared by a test"
)]
pub(super) struct ReportDescribed {
    /// The client's name.
    client: String,
    /// As of when.
    #[schema(format = DateTime)]
    at: String,
    /// Devices known.
    devices: u32,
    /// Devices that are in the numbers.
    counted: u32,
    /// Missing by severity, over the counted devices.
    missing: Vec<MissingDescribed>,
    /// Installed and proven.
    proven: Vec<ProvenDescribed>,
    /// Orders that failed or need hands.
    failed: u32,
    /// Line by line.
    lines: Vec<LineDescribed>,
    /// What is not counted, and why.
    not_counted: Vec<NotCountedDescribed>,
}

/// The report for one client, as of now
#[utoipa::path(get, path = "/api/v1/reports/clients/{client}", tag = "reports", operation_id = "report_client",
    params(("client" = String, Path, description = "Name or id"), ReportAsked), responses(
    (status = 200, description = "The report", content(
        (ReportDescribed = "application/json"),
        (String = "text/html"),
    )),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn client(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(client): Named,
    Asked(asked): Asked<ReportAsked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = asked.format.unwrap_or_else(|| {
        let html = headers.get_all(header::ACCEPT).iter().any(|accept| {
            accept
                .to_str()
                .is_ok_and(|accept| accept.contains("text/html"))
        });
        if html { Format::Html } else { Format::Json }
    });
    let report = state
        .run(move |service| service.report_client(&who, &client))
        .await?;
    Ok(match format {
        Format::Json => Json(report).into_response(),
        Format::Html => Html(console::report_file(report)?).into_response(),
    })
}
