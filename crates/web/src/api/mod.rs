//! The API for people and their tools: `/api/v1`.
//!
//! One file an area; a handler reads its input, calls one use case, and gives its view as JSON. A
//! route and its place in the OpenAPI document come from the same line (`utoipa_axum`), so there is
//! no route that is not in the document; `crates/web/openapi.json` is that document as last reviewed.
//! Every list is `{"items":[...],"next":null|CURSOR}`. Errors: problem documents (RFC 9457).

mod advisory;
mod calendar;
mod client;
mod coverage;
mod decision;
mod device;
mod feed;
mod finding;
mod freeze;
mod order;
mod overview;
mod patch;
mod policy;
mod query;
mod report;
mod site;
mod ticket;
mod why;
mod window;

#[cfg(test)]
mod tests;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use domain::page::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::ServiceError;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Patchloop",
        description = "Patch management: find, approve, install, prove. Times are RFC 3339 in UTC. \
            Things are named by id, or by name where that is unique; a device also as CLIENT/NAME \
            (the slash escaped as %2F). What another client owns is not found."
    ),
    components(schemas(Problem)),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Described;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(
                "token",
                SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
            );
    }
}

/// Every documented route of the API.
fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(overview::me))
        .routes(routes!(overview::show))
        .routes(routes!(overview::audit))
        .routes(routes!(client::list, client::add))
        .routes(routes!(site::list, site::add))
        .routes(routes!(site::enrolment_create))
        .routes(routes!(device::list))
        .routes(routes!(device::show))
        .routes(routes!(device::evidence))
        .routes(routes!(device::mode))
        .routes(routes!(device::tags))
        .routes(routes!(finding::list))
        .routes(routes!(patch::list))
        .routes(routes!(decision::list, decision::add))
        .routes(routes!(decision::end))
        .routes(routes!(decision::edit))
        .routes(routes!(window::list, window::add))
        .routes(routes!(window::preview))
        .routes(routes!(window::end))
        .routes(routes!(window::edit))
        .routes(routes!(window::openings))
        .routes(routes!(calendar::list, calendar::add))
        .routes(routes!(calendar::revoke))
        .routes(routes!(freeze::list, freeze::add))
        .routes(routes!(freeze::preview))
        .routes(routes!(freeze::edit))
        .routes(routes!(freeze::end))
        .routes(routes!(why::show))
        .routes(routes!(policy::list))
        .routes(routes!(policy::apply).layer(DefaultBodyLimit::max(policy::POLICY_BYTES_MAX)))
        .routes(routes!(policy::plan).layer(DefaultBodyLimit::max(policy::POLICY_BYTES_MAX)))
        .routes(routes!(policy::drift).layer(DefaultBodyLimit::max(policy::POLICY_BYTES_MAX)))
        .routes(routes!(policy::export))
        .routes(routes!(policy::history))
        .routes(routes!(policy::version_files))
        .routes(routes!(policy::revert))
        .routes(routes!(policy::effective))
        .routes(routes!(query::complete))
        .routes(routes!(policy::snapshot))
        .routes(routes!(order::list))
        .routes(routes!(order::show))
        .routes(routes!(ticket::list))
        .routes(routes!(ticket::answer))
        .routes(routes!(report::client))
        .routes(routes!(advisory::list))
        .routes(routes!(advisory::show))
        .routes(routes!(coverage::show))
        .routes(routes!(coverage::list))
        .routes(routes!(coverage::exclude))
        .routes(routes!(coverage::include))
        .routes(routes!(coverage::events))
        .routes(routes!(coverage::releases))
        .routes(routes!(feed::status))
        .routes(routes!(feed::documents))
        .routes(routes!(feed::enable))
        .routes(routes!(feed::refresh))
        .routes(routes!(feed::bundle, feed::export))
        .routes(routes!(feed::release))
        .routes(routes!(feed::delete))
}

/// The OpenAPI document.
pub fn document() -> Document {
    described().into_openapi()
}

/// The routes of the API; each must stand in `router::ROUTES`.
pub fn routes() -> Router<AppState> {
    let (router, document) = described().split_for_parts();
    router
        .route(
            "/api/v1/openapi.json",
            get(move || async move { Json(document.clone()) }),
        )
        .route("/calendar/{file}", get(calendar::file))
}

/// One part of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next part; null at the end.
    #[schema(required)]
    pub next: Option<String>,
}

/// Gives one part of a list.
fn listed<T>(page: Page<T>) -> Json<List<T>> {
    Json(List {
        items: page.items,
        next: page.next,
    })
}

/// A list of everything.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListAsked {
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// A list that can be filtered.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FilteredAsked {
    /// Which ones: the query language.
    q: Option<String>,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// A list that can be filtered, as it is or was.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DatedAsked {
    /// Which ones: the query language.
    q: Option<String>,
    /// As it was at this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// The part of a list that is asked for. Errors: a limit that is none.
fn part(limit: Option<u32>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        return Err(Problem::from(ServiceError::Invalid {
            field: "limit",
            reason: format!("expected 1 to {PAGE_ITEMS_MAX}, got {limit}"),
        }));
    }
    Ok(PageRequest { cursor, limit })
}

/// What a handler of a list answers.
type Listed<T> = Result<Json<List<T>>, Problem>;
/// What a handler of one thing answers.
type Answered<T> = Result<Json<T>, Problem>;
