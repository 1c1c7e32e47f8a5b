//! Who may pass: every request to the console and the API goes through here, after its route is
//! known and before its handler runs.
//!
//! A route that is not in the table of `router` is refused, whatever handler stands behind it. The
//! principal is put into the request's extensions (`Extension<Principal>`); handlers give it to the
//! use case, which checks again what it touches. API: `Authorization: Bearer TOKEN` and never a
//! cookie. Console: the session's cookie, and for everything but reading the word of the browser that
//! the form came from this site.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access;
use service::{Principal, ServiceError};

use crate::problem::Problem;
use crate::router::{Gate, gate_of};
use crate::state::{AppState, Transport};

/// The name of the session's cookie over plain HTTP on loopback.
const COOKIE_PLAIN: &str = "patchloop-session";
/// Its name over TLS; browsers accept the prefix only with Secure, Path=/ and without Domain.
const COOKIE_TLS: &str = "__Host-patchloop-session";

/// The name of the session's cookie.
pub fn cookie_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Plain => COOKIE_PLAIN,
        Transport::Tls => COOKIE_TLS,
    }
}

/// The `Set-Cookie` value that opens a session in the browser; `max_age_seconds` 0 ends it.
pub fn session_cookie(transport: Transport, secret: &str, max_age_seconds: i64) -> String {
    let secure = match transport {
        Transport::Plain => "",
        Transport::Tls => "; Secure",
    };
    format!(
        "{}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_seconds}{secure}",
        cookie_name(transport)
    )
}

/// The session's secret in a request's cookies.
pub fn session_secret(transport: Transport, headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == cookie_name(transport))
        .map(|(_, secret)| secret)
}

/// Lets a request pass to its handler, or answers for it.
pub async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned())
        .unwrap_or_default();
    let Some(gate) = gate_of(request.method(), &path) else {
        return Problem::no_such_address().into_response();
    };
    let (permission, principal) = match gate {
        Gate::Public => {
            if let Err(problem) = same_site(request.method(), request.headers()) {
                return problem.into_response();
            }
            return next.run(request).await;
        }
        Gate::Api(permission) => {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
            (permission, of_token(&state, request.headers(), from).await)
        }
        Gate::Console(permission) => {
            if let Err(problem) = same_site(request.method(), request.headers()) {
                return problem.into_response();
            }
            match of_session(&state, request.headers()).await {
                Err(problem) if problem.word() == "signed-out" => {
                    return Redirect::to("/sign-in").into_response();
                }
                principal => (permission, principal),
            }
        }
    };
    let allowed = principal.and_then(|principal| {
        access::check(&principal, permission)
            .map_err(|denied| Problem::from(ServiceError::from(denied)))?;
        Ok(principal)
    });
    match allowed {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn of_token(
    state: &AppState,
    headers: &HeaderMap,
    from: IpAddr,
) -> Result<Principal, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| token.trim().to_owned())
        .ok_or_else(|| {
            Problem::from(ServiceError::SignedOut {
                reason: "no token was sent",
            })
        })?;
    state
        .run(move |service| service.token_principal(&token, from))
        .await
}

async fn of_session(state: &AppState, headers: &HeaderMap) -> Result<Principal, Problem> {
    let secret = session_secret(state.transport(), headers)
        .map(str::to_owned)
        .ok_or_else(|| {
            Problem::from(ServiceError::SignedOut {
                reason: "nobody is signed in",
            })
        })?;
    state
        .run(move |service| service.session_principal(&secret))
        .await
}

/// Refuses a change that another site may have sent. Browsers say where a form came from
/// (`Sec-Fetch-Site`, older ones `Origin`); who says neither is refused too.
fn same_site(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let same = match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) => origin
                .split_once("://")
                .is_some_and(|(_, origin_host)| origin_host.eq_ignore_ascii_case(host)),
            (None | Some(_), _) => false,
        },
    };
    same.then_some(()).ok_or_else(Problem::cross_site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    header::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_form_from_another_site_is_refused_and_reading_is_not() {
        let cases: &[(&[(&str, &str)], bool)] = &[
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("origin", "http://127.0.0.1:8480"),
                    ("host", "127.0.0.1:8480"),
                ],
                true,
            ),
            (
                &[
                    ("origin", "http://evil.example"),
                    ("host", "127.0.0.1:8480"),
                ],
                false,
            ),
            (&[("origin", "null"), ("host", "127.0.0.1:8480")], false),
            (&[("host", "127.0.0.1:8480")], false),
            // What a browser says beats what a proxy may have changed.
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://a"),
                    ("host", "a"),
                ],
                false,
            ),
        ];
        for (pairs, passes) in cases {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<header::HeaderName>().unwrap(),
                        value.parse::<HeaderValue>().unwrap(),
                    )
                })
                .collect();
            assert_eq!(
                same_site(&Method::POST, &headers).is_ok(),
                *passes,
                "{pairs:?}"
            );
            assert!(same_site(&Method::GET, &headers).is_ok());
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies_and_only_by_its_whole_name() {
        let sent = headers(&[(
            "cookie",
            "a=b; patchloop-session=s3cret; x-patchloop-session=no",
        )]);
        assert_eq!(session_secret(Transport::Plain, &sent), Some("s3cret"));
        assert_eq!(session_secret(Transport::Tls, &sent), None);
    }

    #[test]
    fn the_cookie_is_bound_to_the_server_under_tls() {
        assert_eq!(
            session_cookie(Transport::Tls, "s", 60),
            "__Host-patchloop-session=s; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
        );
    }
}
