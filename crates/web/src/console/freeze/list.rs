//! The list of freezes, and ending one.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access;
use jiff::Timestamp;
use service::freeze::{FreezeItem, FreezeState};
use service::{Permission, Principal};

use crate::ask::{Asked, Named};
use crate::console::kept::{Kept, KeptAsked, Shown};
use crate::console::parts::{Mark, Moment, query_shown};
use crate::console::{Area, Rendered, Shell, page};
use crate::problem::Problem;
use crate::state::AppState;

struct FreezeRow {
    name: String,
    devices: String,
    client: Option<String>,
    state: Mark,
    from: String,
    until: String,
    zone: String,
    reason: String,
    exception: Option<String>,
    file: Option<String>,
    by: String,
    made: Moment,
    unreadable: Option<String>,
    edit: Option<String>,
    end: Option<String>,
}

impl FreezeRow {
    fn new(freeze: &FreezeItem, may_set: bool, now: Timestamp) -> Self {
        let stands = is_standing(freeze);
        let spaced = |local: &str| local.replace('T', " ");
        Self {
            name: freeze.name.clone(),
            devices: query_shown(&freeze.devices),
            client: freeze.client.clone(),
            state: Mark::freeze(freeze.state),
            from: spaced(&freeze.from),
            until: spaced(&freeze.until),
            zone: match freeze.zone.as_str() {
                "device" => "each device's own zone".to_owned(),
                zone => zone.to_owned(),
            },
            reason: freeze.reason.clone(),
            exception: freeze.exception.clone(),
            file: freeze.file.clone(),
            by: freeze.made_by.clone(),
            made: Moment::new(freeze.made_at, now),
            unreadable: freeze.unreadable.clone(),
            edit: (stands && may_set && freeze.file.is_none() && freeze.unreadable.is_none())
                .then(|| format!("/freezes/{}/edit", freeze.id)),
            end: (stands && may_set).then(|| format!("/freezes/{}/end", freeze.id)),
        }
    }
}

fn is_standing(freeze: &FreezeItem) -> bool {
    match freeze.state {
        FreezeState::Coming | FreezeState::InForce | FreezeState::Unreadable => true,
        FreezeState::Over | FreezeState::Ended => false,
    }
}

#[derive(Template)]
#[template(path = "pages/freeze/list.html")]
pub(in crate::console) struct FreezesPage {
    shell: Shell,
    kept: Shown,
    freezes: Vec<FreezeRow>,
    denied: Option<String>,
}

impl FreezesPage {
    pub fn new(
        who: &Principal,
        asked: &KeptAsked,
        found: Kept<FreezeItem>,
        now: Timestamp,
    ) -> Self {
        let denied = access::check(who, Permission::SetWindow).err();
        Self {
            shell: Shell::new("Freezes", Area::Policy, Some(who), now).saying(asked.done),
            kept: Shown::new("/freezes", asked, found.next.as_deref(), found.items.len()),
            freezes: found
                .items
                .iter()
                .map(|freeze| FreezeRow::new(freeze, denied.is_none(), now))
                .collect(),
            denied: denied.map(|denied| format!("{denied}.")),
        }
    }
}

/// `GET /freezes`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<KeptAsked>,
) -> Rendered {
    let (person, wanted) = (who.clone(), asked.clone());
    let found = state
        .run(move |service| {
            Kept::collect(
                &wanted,
                |request| service.freeze_list(&person, request),
                |freeze| {
                    let texts = [&freeze.name, &freeze.devices, &freeze.reason, &freeze.zone];
                    wanted.wants(is_standing(freeze), freeze.client.as_deref(), &texts)
                },
            )
        })
        .await?;
    page(&FreezesPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}

#[derive(Template)]
#[template(path = "pages/freeze/end.html")]
pub(in crate::console) struct EndPage {
    shell: Shell,
    freeze: FreezeRow,
    action: String,
}

impl EndPage {
    pub fn new(who: &Principal, freeze: &FreezeItem, now: Timestamp) -> Self {
        Self {
            shell: Shell::new("End a freeze", Area::Policy, Some(who), now),
            action: format!("/freezes/{}/end", freeze.id),
            freeze: FreezeRow::new(freeze, true, now),
        }
    }
}

/// `GET /freezes/{freeze}/end`
pub async fn end_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
) -> Rendered {
    let person = who.clone();
    let (freeze, _) = state
        .run(move |service| service.freeze_show(&person, &freeze))
        .await?;
    page(&EndPage::new(&who, &freeze, state.service().now()))
}

/// `POST /freezes/{freeze}/end`
pub async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
) -> Result<Response, Problem> {
    state
        .run(move |service| service.freeze_end(&who, &freeze))
        .await?;
    Ok(Redirect::to("/freezes?done=freeze-ended").into_response())
}
