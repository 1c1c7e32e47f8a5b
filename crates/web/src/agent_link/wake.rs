//! The wake stream: one word, no authority.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use serde::Deserialize;
use service::LinkError;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};

use crate::problem::Problem;
use crate::state::AppState;

/// How often a silent stream says that it is alive.
const ALIVE_SECONDS: u64 = 30;

/// What the address carries.
#[derive(Debug, Deserialize)]
pub struct Asked {
    token: String,
}

/// Opens the stream of the device that the token is for.
pub async fn wake(
    State(state): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Query(asked) = asked.map_err(|_| LinkError::WakeToken)?;
    let bell = state.service().link_wake(&asked.token)?;
    let stream =
        WatchStream::from_changes(bell).map(|_| Ok(Event::default().event("sync").data("")));
    let alive = KeepAlive::new().interval(Duration::from_secs(ALIVE_SECONDS));
    Ok(Sse::new(stream).keep_alive(alive))
}
