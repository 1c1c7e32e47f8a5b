//! Every route on one page, each with its permission.
//!
//! Two routers for two listeners: a fault in one cannot open the other. A request to the console or
//! the API passes only if its method and path stand in [`ROUTES`]; the permission there is checked
//! before the handler runs, and the use case checks again what it touches.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router, middleware};
use service::Permission::{
    self, Decide, ManageClient, ManageDevice, ManageFeed, Read, SetWindow, WholeProvider,
};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::guard::guard;
use crate::problem::Problem;
use crate::state::AppState;
use crate::{agent_link, api, console};

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everybody.
    Public,
    /// Who holds an API token with this permission.
    Api(Permission),
    /// Who is signed in to the console and has this permission.
    Console(Permission),
}

use Gate::{Api, Console, Public};

/// The routes of console and API: method, path, who may pass. Handlers are mounted by
/// `api::routes()` and `console::routes()`; one that is not in this table answers 404.
#[rustfmt::skip]
pub const ROUTES: &[(&str, &str, Gate)] = &[
    ("GET",  "/health",                            Public),
    // API
    ("GET",  "/api/v1/openapi.json",               Public),
    ("GET",  "/api/v1/me",                         Api(Read)),
    ("GET",  "/api/v1/overview",                   Api(Read)),
    ("GET",  "/api/v1/clients",                    Api(Read)),
    ("POST", "/api/v1/clients",                    Api(ManageClient)),
    ("GET",  "/api/v1/sites",                      Api(Read)),
    ("POST", "/api/v1/sites",                      Api(ManageClient)),
    ("POST", "/api/v1/enrolments",                 Api(ManageDevice)),
    ("GET",  "/api/v1/devices",                    Api(Read)),
    ("GET",  "/api/v1/devices/{device}",           Api(Read)),
    ("GET",  "/api/v1/devices/{device}/evidence",  Api(Read)),
    ("PUT",  "/api/v1/devices/{device}/mode",      Api(ManageDevice)),
    ("POST", "/api/v1/devices/{device}/tags",      Api(ManageDevice)),
    ("GET",  "/api/v1/findings",                   Api(Read)),
    ("GET",  "/api/v1/patches",                    Api(Read)),
    ("GET",  "/api/v1/decisions",                  Api(Read)),
    ("POST", "/api/v1/decisions",                  Api(Decide)),
    ("POST", "/api/v1/decisions/{decision}/end",   Api(Decide)),
    ("POST", "/api/v1/decisions/{decision}/edit",  Api(Decide)),
    ("GET",  "/api/v1/windows",                    Api(Read)),
    ("POST", "/api/v1/windows",                    Api(SetWindow)),
    ("POST", "/api/v1/windows/preview",            Api(SetWindow)),
    ("POST", "/api/v1/windows/{window}/end",       Api(SetWindow)),
    ("POST", "/api/v1/windows/{window}/edit",      Api(SetWindow)),
    ("GET",  "/api/v1/windows/{window}/openings",  Api(Read)),
    ("GET",  "/api/v1/calendars",                  Api(Read)),
    ("POST", "/api/v1/calendars",                  Api(SetWindow)),
    ("POST", "/api/v1/calendars/{calendar}/revoke", Api(SetWindow)),
    // Calendar programs cannot sign in: whoever knows the address may read it.
    ("GET",  "/calendar/{file}",                   Public),
    ("GET",  "/api/v1/freezes",                    Api(Read)),
    ("POST", "/api/v1/freezes",                    Api(SetWindow)),
    ("POST", "/api/v1/freezes/preview",            Api(SetWindow)),
    ("POST", "/api/v1/freezes/{freeze}/end",       Api(SetWindow)),
    ("POST", "/api/v1/freezes/{freeze}/edit",      Api(SetWindow)),
    ("GET",  "/api/v1/why",                        Api(Read)),
    ("GET",  "/api/v1/policy",                     Api(Read)),
    ("POST", "/api/v1/policy/apply",               Api(WholeProvider)),
    ("POST", "/api/v1/policy/plan",                Api(WholeProvider)),
    ("POST", "/api/v1/policy/drift",               Api(WholeProvider)),
    ("GET",  "/api/v1/policy/export",              Api(WholeProvider)),
    ("GET",  "/api/v1/policy/history",             Api(WholeProvider)),
    ("GET",  "/api/v1/policy/history/{version}",   Api(WholeProvider)),
    ("POST", "/api/v1/policy/history/{version}/revert", Api(WholeProvider)),
    ("GET",  "/api/v1/policy/effective",           Api(Read)),
    ("GET",  "/api/v1/query/complete",             Api(Read)),
    ("GET",  "/api/v1/snapshot",                   Api(Read)),
    ("GET",  "/api/v1/orders",                     Api(Read)),
    ("GET",  "/api/v1/orders/{order}",             Api(Read)),
    ("GET",  "/api/v1/tickets",                    Api(Read)),
    ("POST", "/api/v1/tickets/{ticket}/answer",    Api(Decide)),
    ("GET",  "/api/v1/reports/clients/{client}",   Api(Read)),
    ("GET",  "/api/v1/feeds",                      Api(Read)),
    ("GET",  "/api/v1/feeds/documents",            Api(Read)),
    ("GET",  "/api/v1/feeds/bundle",               Api(ManageFeed)),
    ("POST", "/api/v1/feeds/bundle",               Api(ManageFeed)),
    ("POST", "/api/v1/feeds/refresh",              Api(ManageFeed)),
    ("PUT",  "/api/v1/feeds/{feed}/enabled",       Api(ManageFeed)),
    ("POST", "/api/v1/feeds/{feed}/release",       Api(ManageFeed)),
    ("POST", "/api/v1/feeds/{feed}/delete",        Api(ManageFeed)),
    ("GET",  "/api/v1/audit",                      Api(Read)),
    ("GET",  "/api/v1/advisories",                 Api(Read)),
    ("GET",  "/api/v1/advisory",                   Api(Read)),
    ("GET",  "/api/v1/coverage",                   Api(Read)),
    ("GET",  "/api/v1/coverage/devices",           Api(Read)),
    ("PUT",  "/api/v1/devices/{device}/exclusion", Api(ManageDevice)),
    ("POST", "/api/v1/devices/{device}/exclusion/end", Api(ManageDevice)),
    ("GET",  "/api/v1/events",                     Api(Read)),
    ("GET",  "/api/v1/releases",                   Api(Read)),
    // Console
    ("GET",  "/",                                  Console(Read)),
    ("GET",  "/devices",                           Console(Read)),
    ("GET",  "/devices/{device}",                  Console(Read)),
    ("GET",  "/devices/{device}/why",              Console(Read)),
    ("GET",  "/devices/{device}/mode",             Console(ManageDevice)),
    ("POST", "/devices/{device}/mode",             Console(ManageDevice)),
    ("GET",  "/patches",                           Console(Read)),
    ("GET",  "/patches/devices",                   Console(Read)),
    ("GET",  "/decisions/new",                     Console(Read)),
    ("GET",  "/decisions",                         Console(Read)),
    ("POST", "/decisions",                         Console(Decide)),
    ("GET",  "/decisions/{decision}/edit",         Console(Decide)),
    ("POST", "/decisions/{decision}/edit",         Console(Decide)),
    ("GET",  "/decisions/{decision}/end",          Console(Decide)),
    ("POST", "/decisions/{decision}/end",          Console(Decide)),
    ("GET",  "/policy",                            Console(Read)),
    ("GET",  "/policy/objects/{object}",           Console(Read)),
    ("GET",  "/policy/plan",                       Console(WholeProvider)),
    ("POST", "/policy/plan",                       Console(WholeProvider)),
    ("GET",  "/policy/rehearse",                   Console(WholeProvider)),
    ("POST", "/policy/rehearse",                   Console(WholeProvider)),
    ("POST", "/policy/apply",                      Console(WholeProvider)),
    ("GET",  "/policy/document",                   Console(Read)),
    ("GET",  "/policy/document/file",              Console(Read)),
    ("GET",  "/calendar",                          Console(Read)),
    ("GET",  "/policy/history",                    Console(WholeProvider)),
    ("GET",  "/policy/history/{version}",          Console(WholeProvider)),
    ("GET",  "/windows",                           Console(Read)),
    ("GET",  "/windows/new",                       Console(SetWindow)),
    ("POST", "/windows/new",                       Console(SetWindow)),
    ("GET",  "/windows/{window}/edit",             Console(SetWindow)),
    ("POST", "/windows/{window}/edit",             Console(SetWindow)),
    ("GET",  "/windows/{window}/end",              Console(SetWindow)),
    ("POST", "/windows/{window}/end",              Console(SetWindow)),
    ("GET",  "/freezes",                           Console(Read)),
    ("GET",  "/freezes/new",                       Console(SetWindow)),
    ("POST", "/freezes/new",                       Console(SetWindow)),
    ("GET",  "/freezes/{freeze}/edit",             Console(SetWindow)),
    ("POST", "/freezes/{freeze}/edit",             Console(SetWindow)),
    ("GET",  "/freezes/{freeze}/end",              Console(SetWindow)),
    ("POST", "/freezes/{freeze}/end",              Console(SetWindow)),
    ("GET",  "/tickets",                           Console(Read)),
    ("GET",  "/coverage",                          Console(Read)),
    ("GET",  "/events",                            Console(Read)),
    ("GET",  "/feeds",                             Console(Read)),
    ("GET",  "/reports/clients/{client}",          Console(Read)),
    ("GET",  "/sign-in",                           Public),
    // The link itself changes nothing, because mail programs and chats open links on their own: the
    // page it shows has the form that signs in.
    ("GET",  "/sign-in/{secret}",                  Public),
    ("POST", "/sign-in",                           Public),
    ("POST", "/sign-out",                          Console(Read)),
    ("GET",  "/assets/{file}",                     Public),
];

/// Who may pass at a route; `None`: there is no such route.
pub fn gate_of(method: &Method, path: &str) -> Option<Gate> {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    ROUTES
        .iter()
        .find(|(known, at, _)| *known == method && *at == path)
        .map(|(_, _, gate)| *gate)
}

/// Most bytes of a body sent by people.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a request of people may take.
const REQUEST_SECONDS: u64 = 60;

/// The router of the people's listener.
pub fn for_people(state: AppState) -> Router {
    let router = Router::new()
        .route(
            "/health",
            get(|| async { Json(serde_json::json!({ "ok": true })) }),
        )
        .merge(api::routes())
        .merge(console::routes())
        .route_layer(middleware::from_fn_with_state(state.clone(), guard))
        .fallback(|| async { Problem::no_such_address() })
        .method_not_allowed_fallback(|| async { Problem::no_such_address() })
        .layer(middleware::from_fn_with_state(
            state.clone(),
            console::problem_pages,
        ))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(REQUEST_SECONDS),
        ))
        .with_state(state);
    with_security_headers(router)
}

/// The router of the agents' listener: three routes and nothing else.
///
/// | method | path | |
/// | --- | --- | --- |
/// | POST | `/agent/v1/enrol` | a signed envelope with a one-time token |
/// | POST | `/agent/v1/sync` | a signed envelope |
/// | GET | `/agent/v1/wake` | a short-lived token of the last answer |
pub fn for_agents(state: AppState) -> Router {
    agent_link::routes()
        .fallback(|| async { Problem::no_such_address() })
        .method_not_allowed_fallback(|| async { Problem::no_such_address() })
        .with_state(state)
}

/// Headers on every answer to a browser: nothing is loaded from elsewhere, nothing runs.
#[rustfmt::skip]
const SECURITY_HEADERS: &[(HeaderName, &str)] = &[
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

fn with_security_headers(mut router: Router) -> Router {
    let named = [
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in SECURITY_HEADERS.iter().cloned().chain(named) {
        // A handler may say otherwise for its own answer (assets may be kept for a while).
        router = router.layer(SetResponseHeaderLayer::if_not_present(
            name,
            HeaderValue::from_static(value),
        ));
    }
    router
}
