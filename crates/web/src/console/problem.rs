//! Problems as pages, in the console's look.
//!
//! Handlers and the guard answer with problem documents (`crate::problem`); a browser that asked for
//! a page outside of the API gets the same problem as a page, with the same status.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use service::Principal;

use super::{Area, Shell, page};
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/problem/show.html")]
pub(super) struct ProblemPage {
    shell: Shell,
    status: String,
    heading: String,
    sentence: String,
    pointer: String,
    next: &'static str,
}

impl ProblemPage {
    pub(super) fn new(problem: &Problem, who: Option<&Principal>, now: Timestamp) -> Self {
        let status = problem.status_code();
        let next = match status {
            StatusCode::NOT_FOUND => {
                "The link may be old, or it names something that you cannot see."
            }
            StatusCode::FORBIDDEN => "Nothing was changed.",
            StatusCode::CONFLICT => {
                "Nothing was changed. Load the page before and look what is there now."
            }
            status if status.is_server_error() => {
                "Nothing was half done: a change is made whole or not at all. Try again in a moment."
            }
            _ => "Nothing was changed. Go back, correct it, and send it again.",
        };
        Self {
            shell: Shell::new(problem.title.clone(), Area::None, who, now),
            status: format!("Error {}", problem.status),
            heading: problem.title.clone(),
            sentence: sentence(&problem.detail),
            pointer: String::new(),
            next,
        }
    }
}

/// The text with a capital first letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut out: String = first.to_uppercase().chain(chars).collect();
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}

/// Turns a problem document into a page where a browser asked for a page.
pub async fn problem_pages(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let for_browser = !request.uri().path().starts_with("/api/")
        && request
            .headers()
            .get_all(header::ACCEPT)
            .iter()
            .any(|accept| {
                accept
                    .to_str()
                    .is_ok_and(|accept| accept.contains("text/html"))
            });
    let response = next.run(request).await;
    if !for_browser {
        return response;
    }
    let Some(problem) = response.extensions().get::<Problem>() else {
        return response;
    };
    // Who is signed in is not known here: the guard may have refused before it asked.
    match page(&ProblemPage::new(problem, None, state.service().now())) {
        Ok(body) => (problem.status_code(), body).into_response(),
        Err(_) => response,
    }
}
