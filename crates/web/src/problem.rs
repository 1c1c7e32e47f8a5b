//! Errors as HTTP: the one place that chooses statuses and writes problem documents (RFC 9457).
//!
//! A thing of another client and a thing that never was get the same answer, byte for byte but for
//! the name that was asked for. What the server knows and the caller should not (SQL, paths) is
//! logged here, once, and not sent.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service::{LinkError, ServiceError};
use utoipa::ToSchema;

/// What the types of problems begin with; the word after it is stable and can be relied on.
const TYPE_PREFIX: &str = "urn:patchloop:problem:";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:patchloop:problem:WORD`; the word never changes.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem in a few words.
    pub title: String,
    /// This problem in one sentence.
    pub detail: String,
    /// What to do next, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// More, as data: `position` and `expected` of a query, `candidates` of a name, `counter`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: Box<Map<String, Value>>,
}

impl Problem {
    /// A problem; `word` is the end of its type.
    pub fn new(status: StatusCode, word: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{word}"),
            status: status.as_u16(),
            title: title.to_owned(),
            detail: detail.into(),
            hint: None,
            more: Box::default(),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds data.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The word at the end of its type.
    pub fn word(&self) -> &str {
        self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind)
    }

    /// The status.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// No such address.
    pub fn no_such_address() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            "there is nothing at this address",
        )
    }

    /// A body, path or query string that cannot be read.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unreadable",
            "The request cannot be read",
            detail,
        )
    }

    /// A body over its limit.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            detail,
        )
    }

    /// A form that another site may have sent.
    pub fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "Not from this site",
            "the browser says that this form was not sent by a page of this server",
        )
        .hint("open the console anew and send the form from there; a proxy in between must keep the Host and Origin headers")
    }

    /// An unexpected failure: logged with its causes, told without them.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = chain(error), "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the server could not do this; its log says why",
        )
    }
}

/// The error and its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        use {ServiceError as E, StatusCode as S};
        let detail = error.to_string();
        match &error {
            E::SignedOut { .. } => {
                Self::new(S::UNAUTHORIZED, "signed-out", "Sign in first", detail)
                    .hint("send `Authorization: Bearer TOKEN`; in the console, use a sign-in link")
            }
            E::Denied(_) => Self::new(S::FORBIDDEN, "denied", "Not allowed", detail),
            E::NotFound { .. } => Self::new(S::NOT_FOUND, "not-found", "Not found", detail),
            E::Ambiguous { candidates, .. } => {
                Self::new(S::CONFLICT, "ambiguous", "More than one fits", detail)
                    .with("candidates", json!(candidates))
            }
            E::Query {
                place,
                text,
                mistake,
            } => Self::new(S::BAD_REQUEST, "query", "The query cannot be read", detail)
                .with("place", json!(place))
                .with("query", json!(text))
                .with("position", json!(mistake.position))
                .with("length", json!(mistake.length))
                .with("column", json!(mistake.column))
                .with("found", json!(mistake.found))
                .with("expected", json!(mistake.expected)),
            E::Invalid { field, .. } => Self::new(
                S::UNPROCESSABLE_ENTITY,
                "invalid",
                "A value is not right",
                detail,
            )
            .with("field", json!(field)),
            E::Policy { problems } => Self::new(
                S::UNPROCESSABLE_ENTITY,
                "policy",
                "The policy has mistakes",
                detail,
            )
            .with("problems", json!(problems)),
            E::Fields { problems } => Self::new(
                S::UNPROCESSABLE_ENTITY,
                "invalid",
                "A value is not right",
                detail,
            )
            .with("field", json!(problems.first().map(|one| &one.field)))
            .with("fields", json!(problems)),
            E::Conflict { .. } => Self::new(S::CONFLICT, "conflict", "It is there already", detail),
            E::Store(_) | E::Internal { .. } => Self::internal(&error),
        }
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        use {LinkError as E, StatusCode as S};
        let detail = error.to_string();
        match &error {
            E::Malformed { .. } => Self::unreadable(detail),
            E::TooLarge { .. } => Self::too_large(detail),
            E::Signature => Self::new(
                S::FORBIDDEN,
                "signature",
                "Not signed by a known device",
                detail,
            )
            .hint("enrol the device again when its record was removed"),
            E::Token(refused) => Self::new(
                S::FORBIDDEN,
                "token",
                "The token does not enrol a device",
                detail,
            )
            .with("reason", json!(refused))
            .hint("make a new one: `patchloop enrolment create --site CLIENT/SITE`"),
            E::CounterBehind { counter } => Self::new(
                S::CONFLICT,
                "counter-behind",
                "The counter is behind",
                detail,
            )
            .with("counter", json!(counter)),
            E::WakeToken => Self::new(
                S::UNAUTHORIZED,
                "wake-token",
                "The wake token is not valid",
                detail,
            )
            .hint("check in: each answer carries a new one"),
            E::TooMany { retry_at } => Self::new(
                S::TOO_MANY_REQUESTS,
                "too-many",
                "Too many refused messages",
                detail,
            )
            .with("retry_at", json!(retry_at)),
            E::Store(_) | E::Internal { .. } => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status_code();
        let mut response = (status, Json(&self)).into_response();
        // The console shows it as a page instead, to a browser.
        response.extensions_mut().insert(self);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
