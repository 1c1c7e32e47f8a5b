//! The list of change windows, and ending one.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access;
use jiff::Timestamp;
use service::window::{WindowItem, WindowShown};
use service::{Permission, Principal};

use crate::ask::{Asked, Named};
use crate::console::kept::{Kept, KeptAsked, Shown};
use crate::console::parts::{Moment, query_shown};
use crate::console::{Area, Rendered, Shell, page};
use crate::problem::Problem;
use crate::state::AppState;

struct WindowRow {
    name: String,
    devices: String,
    client: Option<String>,
    when: String,
    zone: String,
    more: Vec<String>,
    next: String,
    file: Option<String>,
    unreadable: Option<String>,
    ended: Option<Moment>,
    edit: Option<String>,
    end: Option<String>,
}

impl WindowRow {
    fn new(window: &WindowItem, may_set: bool, now: Timestamp) -> Self {
        let stands = window.ended_at.is_none_or(|ended| ended > now);
        let mut more = window.limits.clone();
        if let Some(catch_up) = &window.catch_up {
            more.push(format!("devices that were off: {catch_up}"));
        }
        Self {
            name: window.name.clone(),
            devices: query_shown(&window.devices),
            client: window.client.clone(),
            when: format!(
                "{} at {} for {}",
                window.days, window.start, window.duration
            ),
            zone: match window.zone.as_str() {
                "device" => "each device's own zone".to_owned(),
                zone => zone.to_owned(),
            },
            more,
            next: window
                .opens_next
                .clone()
                .unwrap_or_else(|| "not again".to_owned()),
            file: window.file.clone(),
            unreadable: window.unreadable.clone(),
            ended: window.ended_at.map(|at| Moment::new(at, now)),
            edit: (stands && may_set && window.file.is_none() && window.unreadable.is_none())
                .then(|| format!("/windows/{}/edit", window.id)),
            end: (stands && may_set).then(|| format!("/windows/{}/end", window.id)),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/window/list.html")]
pub(in crate::console) struct WindowsPage {
    shell: Shell,
    kept: Shown,
    windows: Vec<WindowRow>,
    denied: Option<String>,
}

impl WindowsPage {
    pub fn new(
        who: &Principal,
        asked: &KeptAsked,
        found: Kept<WindowItem>,
        now: Timestamp,
    ) -> Self {
        let denied = access::check(who, Permission::SetWindow).err();
        Self {
            shell: Shell::new("Change windows", Area::Policy, Some(who), now).saying(asked.done),
            kept: Shown::new("/windows", asked, found.next.as_deref(), found.items.len()),
            windows: found
                .items
                .iter()
                .map(|window| WindowRow::new(window, denied.is_none(), now))
                .collect(),
            denied: denied.map(|denied| format!("{denied}.")),
        }
    }
}

/// `GET /windows`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<KeptAsked>,
) -> Rendered {
    let (person, wanted, now) = (who.clone(), asked.clone(), state.service().now());
    let found = state
        .run(move |service| {
            Kept::collect(
                &wanted,
                |request| service.window_list(&person, request),
                |window| {
                    let stands = window.ended_at.is_none_or(|ended| ended > now);
                    let texts = [&window.name, &window.devices, &window.days, &window.zone];
                    wanted.wants(stands, window.client.as_deref(), &texts)
                },
            )
        })
        .await?;
    page(&WindowsPage::new(&who, &asked, found, now))
}

#[derive(Template)]
#[template(path = "pages/window/end.html")]
pub(in crate::console) struct EndPage {
    shell: Shell,
    window: WindowRow,
    named_by: Vec<String>,
    action: String,
}

impl EndPage {
    pub fn new(who: &Principal, shown: &WindowShown, now: Timestamp) -> Self {
        Self {
            shell: Shell::new("End a change window", Area::Policy, Some(who), now),
            named_by: shown.named_by.clone(),
            action: format!("/windows/{}/end", shown.item.id),
            window: WindowRow::new(&shown.item, true, now),
        }
    }
}

/// `GET /windows/{window}/end`
pub async fn end_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
) -> Rendered {
    let person = who.clone();
    let shown = state
        .run(move |service| service.window_show(&person, &window))
        .await?;
    page(&EndPage::new(&who, &shown, state.service().now()))
}

/// `POST /windows/{window}/end`
pub async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
) -> Result<Response, Problem> {
    state
        .run(move |service| service.window_end(&who, &window))
        .await?;
    Ok(Redirect::to("/windows?done=window-ended").into_response())
}
