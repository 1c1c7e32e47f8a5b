//! The wake stream: one word, no authority.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use service::LinkError;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};

use crate::problem::Problem;
use crate::state::AppState;

/// How often a silent stream says that it is alive.
const ALIVE_SECONDS: u64 = 30;

/// Opens the stream of the device that the token is for.
pub async fn wake(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(LinkError::WakeToken)?;
    let bell = state.service().link_wake(token.trim())?;
    let stream = WatchStream::from_changes(bell).map(|_| Ok(Event::default().data("sync")));
    let alive = KeepAlive::new().interval(Duration::from_secs(ALIVE_SECONDS));
    Ok(Sse::new(stream).keep_alive(alive))
}
