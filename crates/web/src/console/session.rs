//! Signing in with a one-time link, and signing out.
//!
//! Opening the link changes nothing, because mail programs and chats open links on their own: the
//! page it shows has the form that signs in.

use std::net::SocketAddr;

use askama::Template;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Area, Rendered, Shell, page};
use crate::ask::{Asked, Filled, Named};
use crate::guard::{session_cookie, session_secret};
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/session/sign_in.html")]
pub(super) struct SignInPage {
    pub(super) shell: Shell,
    pub(super) heading: &'static str,
    pub(super) problem: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) button: String,
}

impl SignInPage {
    fn new(state: &AppState, secret: Option<String>, problem: Option<String>) -> Self {
        Self {
            shell: Shell::new("Sign in", Area::None, None, state.service().now()),
            heading: "Sign in to Patchloop",
            problem,
            secret,
            button: "Sign in".to_owned(),
        }
    }
}

/// What a sign-in is asked with.
#[derive(Debug, Deserialize)]
pub struct SignInAsked {
    #[serde(default)]
    token: Option<String>,
}

/// `GET /sign-in`
pub async fn sign_in_page(
    State(state): State<AppState>,
    Asked(asked): Asked<SignInAsked>,
) -> Rendered {
    page(&SignInPage::new(&state, asked.token, None))
}

/// `GET /sign-in/{secret}`
pub async fn sign_in_link(State(state): State<AppState>, Named(secret): Named) -> Rendered {
    page(&SignInPage::new(&state, Some(secret), None))
}

/// `POST /sign-in`
pub async fn sign_in(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Filled(asked): Filled<SignInAsked>,
) -> Rendered {
    let secret = asked.token.unwrap_or_default();
    match state
        .run(move |service| service.session_open(&secret, peer.ip()))
        .await
    {
        Ok(session) => {
            let seconds = session
                .ends_at
                .duration_since(state.service().now())
                .as_secs();
            let cookie = session_cookie(state.transport(), &session.secret, seconds.max(0));
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        Err(problem) if problem.status_code().is_server_error() => Err(problem),
        Err(problem) => {
            let why = super::problem::sentence(&problem.detail);
            let body = page(&SignInPage::new(&state, None, Some(why)))?;
            Ok((StatusCode::FORBIDDEN, body).into_response())
        }
    }
}

/// `POST /sign-out`
pub async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(secret) = session_secret(state.transport(), &headers).map(str::to_owned) {
        state
            .run(move |service| service.session_end(&secret))
            .await?;
    }
    let cookie = session_cookie(state.transport(), "", 0);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}
