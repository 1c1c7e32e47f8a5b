//! The page of feeds: how old each is, what is in quarantine, what cannot be read.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use service::Principal;
use service::feed::{FeedItem, FeedStatus};

use super::parts::{Mark, Moment};
use super::{Area, Rendered, Shell, page};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/feed/list.html")]
pub(super) struct FeedsPage {
    shell: Shell,
    sentence: String,
    feeds: Vec<FeedRow>,
    quarantined: Vec<QuarantinedRow>,
    problems: Vec<(String, String)>,
}

struct FeedRow {
    name: String,
    what: String,
    publisher: String,
    licence: String,
    freshness: Mark,
    as_of: Option<Moment>,
    fetched: &'static str,
    tried: Option<Moment>,
    succeeded: Option<Moment>,
    error: Option<String>,
    documents: Option<u64>,
    records: Option<u64>,
    broken: u64,
    quarantined: u64,
}

struct QuarantinedRow {
    feed: String,
    document: String,
    why: String,
    records: u64,
    since: Moment,
    sha256: String,
}

impl FeedsPage {
    pub(super) fn new(who: &Principal, status: FeedStatus, now: Timestamp) -> Self {
        Self {
            shell: Shell::new("Feeds", Area::Feeds, Some(who), now),
            sentence: status.sentence,
            feeds: status
                .feeds
                .into_iter()
                .map(|feed| row(feed, now))
                .collect(),
            quarantined: status
                .quarantined
                .into_iter()
                .map(|document| QuarantinedRow {
                    feed: document.feed.to_string(),
                    document: document.document,
                    why: super::problem::sentence(&document.why),
                    records: document.records,
                    since: Moment::new(document.since, now),
                    sha256: document.sha256.chars().take(16).collect(),
                })
                .collect(),
            problems: status
                .problems
                .into_iter()
                .map(|problem| (problem.document, problem.why))
                .collect(),
        }
    }
}

fn row(feed: FeedItem, now: Timestamp) -> FeedRow {
    FeedRow {
        name: feed.feed.to_string(),
        what: feed.what,
        publisher: feed.publisher,
        licence: feed.licence,
        freshness: Mark::freshness(feed.freshness),
        as_of: feed.as_of.map(|at| Moment::new(at, now)),
        fetched: match (feed.addresses.is_empty(), feed.enabled) {
            (true, _) => "comes by itself, by folder or bundle",
            (false, true) => "fetched",
            (false, false) => "not fetched",
        },
        tried: feed.tried_at.map(|at| Moment::new(at, now)),
        succeeded: feed.succeeded_at.map(|at| Moment::new(at, now)),
        error: feed.error,
        documents: feed.documents,
        records: feed.records,
        broken: feed.broken,
        quarantined: feed.quarantined,
    }
}

/// `GET /feeds`
pub async fn list(State(state): State<AppState>, Extension(who): Extension<Principal>) -> Rendered {
    let person = who.clone();
    let status = state
        .run(move |service| service.feed_status(&person))
        .await?;
    page(&FeedsPage::new(&who, status, state.service().now()))
}
