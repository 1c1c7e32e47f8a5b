//! The page of events and of vendors' release days to come.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::page::Page;
use jiff::Timestamp;
use service::Principal;
use service::event::EventItem;
use service::release::ReleaseItem;

use super::parts::{Moment, Pager, minute};
use super::{Area, ListAsked, PAGE_ITEMS, Rendered, Shell, counted, page};
use crate::ask::Asked;
use crate::state::AppState;

/// How many release days the page shows.
const RELEASES_SHOWN: u32 = 3;

struct EventRow {
    number: u64,
    urgency: String,
    kind: String,
    subject: String,
    lines: Vec<String>,
    owner: String,
    state: String,
    at: Moment,
}

struct ReleaseRow {
    name: String,
    what: String,
    at: Moment,
    notice: String,
    meets: Vec<String>,
}

#[derive(Template)]
#[template(path = "pages/event/list.html")]
pub(super) struct EventsPage {
    shell: Shell,
    releases: Vec<ReleaseRow>,
    events: Vec<EventRow>,
    pager: Pager,
}

impl EventsPage {
    pub(super) fn new(
        who: &Principal,
        asked: &ListAsked,
        found: Page<EventItem>,
        releases: Vec<ReleaseItem>,
        now: Timestamp,
    ) -> Self {
        Self {
            shell: Shell::new("Events", Area::Events, Some(who), now),
            pager: Pager::new(
                "/events",
                "",
                asked,
                found.next.as_deref(),
                found.items.len(),
            ),
            releases: releases.into_iter().map(|day| release(day, now)).collect(),
            events: found
                .items
                .into_iter()
                .map(|event| EventRow {
                    number: event.number,
                    urgency: event.urgency.to_string(),
                    kind: event.kind.to_string().replace('-', " "),
                    subject: event.subject,
                    lines: event.body.lines().map(str::to_owned).collect(),
                    owner: event.owner,
                    state: event.state.to_string().replace('-', " "),
                    at: Moment::new(event.at, now),
                })
                .collect(),
        }
    }
}

fn release(day: ReleaseItem, now: Timestamp) -> ReleaseRow {
    let devices = |count: u64| {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        counted(count, "device", "devices")
    };
    let mut meets = vec![format!("{} concerned", devices(day.devices))];
    for window in &day.windows {
        meets.push(format!(
            "{} opens {} UTC for {}",
            window.window,
            minute(window.opens_at),
            devices(window.devices)
        ));
    }
    if day.without_window > 0 {
        meets.push(format!(
            "no window opens for {}",
            devices(day.without_window)
        ));
    }
    ReleaseRow {
        name: day.name,
        what: day.what,
        at: Moment::new(day.at, now),
        notice: format!("{} UTC", minute(day.notice_at)),
        meets,
    }
}

/// `GET /events`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Rendered {
    let (person, request) = (who.clone(), asked.page(PAGE_ITEMS));
    let (found, releases) = state
        .run(move |service| {
            let found = service.event_list(&person, &request)?;
            Ok((found, service.release_list(&person, RELEASES_SHOWN)?.items))
        })
        .await?;
    let now = state.service().now();
    page(&EventsPage::new(&who, &asked, found, releases, now))
}
