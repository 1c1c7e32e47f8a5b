//! The agents' three routes.
//!
//! `POST /agent/v1/enrol` and `POST /agent/v1/sync` take an envelope and answer JSON, or a problem
//! document; 409 `counter-behind` carries `counter`. `GET /agent/v1/wake?token=WAKE` (the `wake` of
//! the last answer) answers an endless `text/event-stream`: `event: sync` when the device shall check
//! in at once, and a comment line (`:`) every 30 seconds. The stream carries nothing else and no
//! authority. The server ends it when it stops.

mod wake;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use protocol::limits::BODY_BYTES_MAX;
use tower_http::timeout::TimeoutLayer;

use crate::problem::Problem;
use crate::state::AppState;

/// Most bytes of an enrolment.
const ENROL_BYTES_MAX: usize = 64 * 1024;
/// How long one message may take, its body included.
const MESSAGE_SECONDS: u64 = 60;

/// The routes, without fallback.
pub fn routes() -> Router<AppState> {
    let messages = Router::new()
        .route(
            "/agent/v1/enrol",
            post(enrol).layer(DefaultBodyLimit::max(ENROL_BYTES_MAX)),
        )
        .route(
            "/agent/v1/sync",
            post(sync).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
        )
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(MESSAGE_SECONDS),
        ));
    messages.route("/agent/v1/wake", get(wake::wake))
}

async fn enrol(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let body = whole(&state, body, ENROL_BYTES_MAX, peer).await?;
    let answer = state.service().link_enrol(&body, peer.ip()).await?;
    Ok(json(answer))
}

async fn sync(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let body = whole(&state, body, BODY_BYTES_MAX, peer).await?;
    let answer = state.service().link_sync(body.into(), peer.ip()).await?;
    Ok(json(answer))
}

/// The answer's bytes as they are kept, so that a repeated message gets the same ones.
fn json(bytes: Vec<u8>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], bytes)
}

/// The body; one over its limit is refused and written down like every other bad message.
async fn whole(
    state: &AppState,
    body: Result<Bytes, BytesRejection>,
    bytes_max: usize,
    peer: SocketAddr,
) -> Result<Bytes, Problem> {
    match body {
        Ok(body) => Ok(body),
        Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let service = state.service();
            Err(service.link_too_large(bytes_max, peer.ip()).await.into())
        }
        Err(refused) => Err(Problem::unreadable(refused.body_text())),
    }
}
