//! The page of the coverage ledger: every device in one bucket, and why.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::coverage::Bucket;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::Deserialize;
use service::Principal;
use service::coverage::{CoverageView, LedgerItem};

use super::parts::{Moment, minute};
use super::report::Figure;
use super::{Area, PAGE_ITEMS, Rendered, Shell, address, page};
use crate::ask::Asked;
use crate::state::AppState;

/// What the page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LedgerAsked {
    #[serde(default)]
    bucket: Option<Bucket>,
    #[serde(default)]
    cursor: Option<String>,
}

struct LedgerRow {
    name: String,
    href: String,
    place: String,
    bucket: String,
    why: String,
    overdue: Option<Moment>,
}

#[derive(Template)]
#[template(path = "pages/coverage/list.html")]
pub(super) struct CoveragePage {
    shell: Shell,
    numbers: Vec<Figure>,
    sentence: String,
    only: Option<String>,
    rows: Vec<LedgerRow>,
    next: Option<String>,
}

impl CoveragePage {
    pub(super) fn new(
        who: &Principal,
        asked: &LedgerAsked,
        sums: &CoverageView,
        found: Page<LedgerItem>,
        now: Timestamp,
    ) -> Self {
        let next = found.next.as_deref().map(|cursor| {
            let mut pairs = vec![("cursor", cursor)];
            if let Some(bucket) = asked.bucket {
                pairs.push(("bucket", bucket.word()));
            }
            address("/coverage", &pairs)
        });
        Self {
            shell: Shell::new("Coverage", Area::Devices, Some(who), now),
            numbers: numbers(sums),
            sentence: format!(
                "{} devices known; the buckets add up to them. {} overdue: not scanned within {} hours, as of {} UTC.",
                sums.devices,
                sums.overdue,
                sums.deadline_hours,
                minute(sums.at)
            ),
            only: asked.bucket.map(|bucket| bucket.to_string()),
            rows: found
                .items
                .into_iter()
                .map(|line| LedgerRow {
                    href: format!("/devices/{}", line.id),
                    name: line.device,
                    place: format!("{} / {}", line.client, line.site),
                    bucket: line.bucket.to_string().replace('-', " "),
                    why: line.why,
                    overdue: line.overdue_since.map(|since| Moment::new(since, now)),
                })
                .collect(),
            next,
        }
    }
}

fn numbers(sums: &CoverageView) -> Vec<Figure> {
    let bucket = |bucket: Bucket, count: u64, beside: &str| {
        let href = address("/coverage", &[("bucket", bucket.word())]);
        let name = match bucket {
            Bucket::Current => "Current",
            Bucket::Stale => "Stale",
            Bucket::NeverReported => "Never reported",
            Bucket::Unsupported => "Unsupported",
            Bucket::Excluded => "Excluded",
        };
        Figure::new(name, count, beside).to(href)
    };
    vec![
        bucket(Bucket::Current, sums.current, "scanned within the deadline"),
        bucket(Bucket::Stale, sums.stale, "scanned too long ago: a breach"),
        bucket(
            Bucket::NeverReported,
            sums.never_reported,
            "enrolled, never scanned",
        ),
        bucket(
            Bucket::Unsupported,
            sums.unsupported,
            "listed, not assessed",
        ),
        bucket(Bucket::Excluded, sums.excluded, "by a person, until a day"),
    ]
}

/// `GET /coverage`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<LedgerAsked>,
) -> Rendered {
    let (person, wanted) = (who.clone(), asked.clone());
    let (sums, found) = state
        .run(move |service| {
            let request = PageRequest {
                cursor: wanted.cursor,
                limit: PAGE_ITEMS,
            };
            let found = service.coverage_list(&person, wanted.bucket, &request)?;
            Ok((service.coverage(&person)?, found))
        })
        .await?;
    let now = state.service().now();
    page(&CoveragePage::new(&who, &asked, &sums, found, now))
}
