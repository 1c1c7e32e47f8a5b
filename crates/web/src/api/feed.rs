//! `/api/v1/feeds`: definitions, how old each feed is, and the documents that are kept.

use std::io::Write as _;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::document::DocumentStanding;
use domain::feed::Feed;
use serde::Deserialize;
use service::feed::bundle::{BundleImport, BundleImported, IMPORT_BYTES_MAX};
use service::feed::document::{DocumentChange, DocumentChanged, DocumentItem};
use service::feed::refresh::FeedsAsked;
use service::feed::{FeedItem, FeedStatus};
use service::{Principal, ServiceError};
use tokio_stream::StreamExt as _;
use utoipa::{IntoParams, ToSchema};

use super::{Answered, List, Listed, listed, part};
use crate::ask::{Asked, Named, Sent};
use crate::problem::Problem;
use crate::state::AppState;

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentsAsked {
    /// Only those of this feed.
    feed: Option<String>,
    /// Only those that stand so: `good`, `beside`, `replaced`, `quarantined` or `deleted`.
    standing: Option<String>,
    /// How many items, 1 to 1000; 200 by default.
    limit: Option<u32>,
    /// Where the part before ended: its `next`.
    cursor: Option<String>,
}

/// How a bundle is taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BundleAsked {
    /// Fingerprint of a signer to trust from now on.
    trust: Option<String>,
    /// Only verify, and say what it holds.
    dry_run: Option<bool>,
}

/// Whether a feed is fetched.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedEnabled {
    /// Whether this server fetches it.
    enabled: bool,
}

/// Reads the name of a feed.
pub(super) fn feed(text: &str) -> Result<Feed, Problem> {
    text.parse().map_err(|_| {
        Problem::from(ServiceError::NotFound {
            what: "feed",
            name: text.chars().take(200).collect(),
        })
    })
}

fn standing(text: &str) -> Result<DocumentStanding, Problem> {
    text.parse().map_err(|error: domain::package::UnknownWord| {
        Problem::from(ServiceError::Invalid {
            field: "standing",
            reason: error.to_string(),
        })
    })
}

/// Shows all feeds with how they stand
#[utoipa::path(get, path = "/api/v1/feeds", tag = "feeds", operation_id = "feed_status", responses(
    (status = 200, description = "The feeds", body = FeedStatus),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn status(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
) -> Answered<FeedStatus> {
    let status = state.run(move |service| service.feed_status(&who)).await?;
    Ok(Json(status))
}

/// Chooses whether a feed is fetched
#[utoipa::path(put, path = "/api/v1/feeds/{feed}/enabled", tag = "feeds", operation_id = "feed_enable",
    params(("feed" = String, Path, description = "Name of the feed")), request_body = FeedEnabled, responses(
    (status = 200, description = "The feed as it stands now", body = FeedItem),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn enable(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(name): Named,
    Sent(wanted): Sent<FeedEnabled>,
) -> Answered<FeedItem> {
    let feed = feed(&name)?;
    let item = state
        .run(move |service| service.feed_enable(&who, feed, wanted.enabled))
        .await?;
    Ok(Json(item))
}

/// Lists kept documents in the order in which they came
#[utoipa::path(get, path = "/api/v1/feeds/documents", tag = "feeds", operation_id = "feed_documents", params(DocumentsAsked), responses(
    (status = 200, description = "One part of the list", body = List<DocumentItem>),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn documents(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<DocumentsAsked>,
) -> Listed<DocumentItem> {
    let request = part(asked.limit, asked.cursor)?;
    let of = asked.feed.as_deref().map(feed).transpose()?;
    let stands = asked.standing.as_deref().map(standing).transpose()?;
    let page = state
        .run(move |service| service.document_list(&who, of, stands, &request))
        .await?;
    Ok(listed(page))
}

/// Has feeds fetched at once; `feed_status` shows what came of it
#[utoipa::path(post, path = "/api/v1/feeds/refresh", tag = "feeds", operation_id = "feed_refresh", request_body = FeedsAsked, responses(
    (status = 200, description = "The feeds that will be fetched", body = FeedsAsked),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn refresh(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Sent(asked): Sent<FeedsAsked>,
) -> Answered<FeedsAsked> {
    let asked = state
        .run(move |service| service.feeds_ask(&who, &asked))
        .await?;
    Ok(Json(asked))
}

/// Puts a quarantined document in force
#[utoipa::path(post, path = "/api/v1/feeds/{feed}/release", tag = "feeds", operation_id = "feed_release",
    params(("feed" = String, Path, description = "Name of the feed")), request_body = DocumentChange, responses(
    (status = 200, description = "What it means, and whether it was done", body = DocumentChanged),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn release(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(name): Named,
    Sent(change): Sent<DocumentChange>,
) -> Answered<DocumentChanged> {
    let feed = feed(&name)?;
    let changed = state
        .run(move |service| service.document_release(&who, feed, &change))
        .await?;
    Ok(Json(changed))
}

/// Takes a signed bundle: verified as a whole, then each document like a fetched one
#[utoipa::path(post, path = "/api/v1/feeds/bundle", tag = "feeds", operation_id = "feed_bundle_import", params(BundleAsked),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bundle, at most 1 GiB"), responses(
    (status = 200, description = "What became of each document", body = BundleImported),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn bundle(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<BundleAsked>,
    body: Body,
) -> Answered<BundleImported> {
    let mut file = tempfile::tempfile().map_err(|error| Problem::internal(&error))?;
    let (mut parts, mut bytes) = (body.into_data_stream(), 0_usize);
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| Problem::unreadable(error.to_string()))?;
        bytes = bytes.saturating_add(part.len());
        if bytes > IMPORT_BYTES_MAX {
            let limit = format!("a bundle has at most {IMPORT_BYTES_MAX} bytes");
            return Err(Problem::too_large(limit));
        }
        // Small writes to a file of this computer; the rest runs on a thread for blocking work.
        file.write_all(&part)
            .map_err(|error| Problem::internal(&error))?;
    }
    let how = BundleImport {
        trust: asked.trust,
        dry_run: asked.dry_run.unwrap_or(false),
    };
    let imported = state
        .run(move |service| service.bundle_import(&who, &mut file, &how))
        .await?;
    Ok(Json(imported))
}

/// Gives a bundle of everything in force, signed with this server's key
#[utoipa::path(get, path = "/api/v1/feeds/bundle", tag = "feeds", operation_id = "feed_bundle_export", responses(
    (status = 200, description = "The bundle", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn export(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
) -> Result<Response, Problem> {
    let bytes = state
        .run(move |service| {
            let mut bytes = Vec::new();
            service.bundle_export(&who, &mut bytes)?;
            Ok(bytes)
        })
        .await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, bytes).into_response())
}

/// Takes a document out of force for good
#[utoipa::path(post, path = "/api/v1/feeds/{feed}/delete", tag = "feeds", operation_id = "feed_delete",
    params(("feed" = String, Path, description = "Name of the feed")), request_body = DocumentChange, responses(
    (status = 200, description = "What it means, and whether it was done", body = DocumentChanged),
    (status = "default", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(name): Named,
    Sent(change): Sent<DocumentChange>,
) -> Answered<DocumentChanged> {
    let feed = feed(&name)?;
    let changed = state
        .run(move |service| service.document_delete(&who, feed, &change))
        .await?;
    Ok(Json(changed))
}
