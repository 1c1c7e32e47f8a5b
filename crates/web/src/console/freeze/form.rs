//! The form of a freeze: say from when to when and for whom, look at what it covers, then save.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use service::freeze::{FreezePreview, NewFreeze};
use service::{Permission, Principal, ServiceError};

use crate::ask::{Asked, Filled, Named};
use crate::console::form::{Line, Mistakes, Told, zones};
use crate::console::local::LocalMoment;
use crate::console::{Area, Rendered, Shell, counted, page};
use crate::problem::Problem;
use crate::state::AppState;

/// How many devices are named before the rest is counted.
const DEVICES_NAMED: usize = 24;

const FIELDS: [&str; 7] = [
    "name",
    "for",
    "zone",
    "from",
    "until",
    "reason",
    "exception",
];

/// The form, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::console) struct FreezeForm(pub NewFreeze);

impl FreezeForm {
    /// Reads the form from an address or a body; says whether a look is asked for.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> (Self, bool) {
        let (mut form, mut preview) = (NewFreeze::default(), false);
        for (name, value) in pairs {
            let value = value.trim().to_owned();
            match name.as_str() {
                "name" => form.name = value,
                "for" => form.devices = value,
                "zone" => form.zone = value,
                "from" => form.from = value,
                "until" => form.until = value,
                "reason" => form.reason = value,
                "exception" => form.exception = Some(value).filter(|value| !value.is_empty()),
                "preview" => preview = true,
                _ => {}
            }
        }
        (Self(form), preview)
    }

    /// A form for something new: from this minute on.
    fn fresh(zones: &[String], devices: String, now: Timestamp) -> Self {
        let zone = match zones {
            [only] => only.clone(),
            _ => "device".to_owned(),
        };
        let local = now.to_zoned(TimeZone::get(&zone).unwrap_or(TimeZone::UTC));
        Self(NewFreeze {
            devices,
            zone,
            from: local.strftime("%Y-%m-%dT%H:%M").to_string(),
            ..NewFreeze::default()
        })
    }

    /// What the form of the second step sends again.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let form = &self.0;
        vec![
            ("name", form.name.clone()),
            ("for", form.devices.clone()),
            ("zone", form.zone.clone()),
            ("from", form.from.clone()),
            ("until", form.until.clone()),
            ("reason", form.reason.clone()),
            ("exception", form.exception.clone().unwrap_or_default()),
        ]
    }
}

/// From when to when in one zone.
struct SpanRow {
    from: LocalMoment,
    until: LocalMoment,
}

/// What it covers.
pub(in crate::console) struct Covered {
    spans: Vec<SpanRow>,
    sentence: String,
    clients: String,
    devices: Vec<String>,
    devices_more: usize,
}

impl Covered {
    fn new(preview: &FreezePreview, now: Timestamp) -> Self {
        let count = preview.devices_count as usize;
        let span = |span: &service::window::OpeningItem| SpanRow {
            from: LocalMoment::new(span.opens_at, &span.zone, now),
            until: LocalMoment::new(span.closes_at, &span.zone, now),
        };
        let mut devices = preview.devices.clone();
        devices.truncate(DEVICES_NAMED);
        Self {
            spans: preview.spans.iter().map(span).collect(),
            sentence: format!(
                "{} of {} today",
                counted(count, "device", "devices"),
                counted(preview.clients_count as usize, "client", "clients")
            ),
            clients: preview.clients.join(", "),
            devices_more: count.saturating_sub(devices.len()),
            devices,
        }
    }
}

/// What the page of the form knows.
pub(in crate::console) enum Seen {
    /// Nothing was asked yet.
    Asked,
    /// The form was refused.
    Refused(Mistakes),
    /// What it would cover.
    Previewed(FreezePreview),
}

type Instead = Option<(String, String)>;

#[derive(Template)]
#[template(path = "pages/freeze/form.html")]
pub(in crate::console) struct FormPage {
    shell: Shell,
    heading: String,
    action: String,
    name: String,
    first: Vec<Line>,
    times: Vec<Line>,
    last: Vec<Line>,
    elsewhere: Vec<Told>,
    wrong: usize,
    covered: Option<Covered>,
    again: Vec<(&'static str, String)>,
    zones: Vec<String>,
    denied: Option<String>,
}

impl FormPage {
    pub fn new(
        who: &Principal,
        instead: Instead,
        form: &FreezeForm,
        seen: Seen,
        zones: Vec<String>,
        now: Timestamp,
    ) -> Self {
        let (mistakes, covered) = match seen {
            Seen::Asked => (Mistakes::default(), None),
            Seen::Refused(mistakes) => (mistakes, None),
            Seen::Previewed(preview) => (Mistakes::default(), Some(Covered::new(&preview, now))),
        };
        let told = &mistakes;
        let (heading, action) = match &instead {
            None => ("New freeze".to_owned(), "/freezes/new".to_owned()),
            Some((id, name)) => (
                format!("Change the freeze {name}"),
                format!("/freezes/{id}/edit"),
            ),
        };
        let again = if covered.is_some() {
            form.pairs()
        } else {
            Vec::new()
        };
        let form = &form.0;
        Self {
            shell: Shell::new(heading.clone(), Area::Policy, Some(who), now),
            heading,
            action,
            name: form.name.clone(),
            first: vec![
                Line::new("name", "Name", &form.name, "What it is called in lists and in answers to “why not?”.", told).example("Christmas 2026"),
                Line::new("for", "For which devices", &form.devices, "A query over devices, such as client:acme. Empty is every device of every client.", told).query(),
            ],
            times: vec![
                Line::new("from", "Frozen from", &form.from, "The first local time that is frozen.", told).kind("datetime-local").example("2026-12-18T17:00"),
                Line::new("until", "Until", &form.until, "The first local time that is not frozen any more.", told).kind("datetime-local").example("2027-01-04T06:00"),
                Line::new("zone", "In which zone", &form.zone, "“device” is each device's own; else a name such as Europe/Berlin.", told).offered("zones"),
            ],
            last: vec![
                Line::new("reason", "Why", &form.reason, "One sentence; it is shown wherever the freeze holds something back.", told),
                Line::new("exception", "Whom to ask for an exception", form.exception.as_deref().unwrap_or(""), "A name, a role or a telephone number; shown with it.", told),
            ],
            elsewhere: told.elsewhere(&FIELDS),
            wrong: told.count(),
            covered,
            again,
            zones,
            denied: access::check(who, Permission::SetWindow)
                .err()
                .map(|denied| format!("{denied}.")),
        }
    }
}

/// Asks the use case what it covers; what a person can correct comes back as mistakes.
async fn previewed(state: &AppState, who: &Principal, form: &FreezeForm) -> Result<Seen, Problem> {
    let (person, wanted) = (who.clone(), form.0.clone());
    let asked = state
        .run(move |service| service.freeze_preview(&person, &wanted))
        .await;
    match asked {
        Ok(preview) => Ok(Seen::Previewed(preview)),
        Err(problem) => {
            let mut mistakes = Mistakes::of(problem)?;
            mistakes.query("for", &form.0.devices);
            Ok(Seen::Refused(mistakes))
        }
    }
}

/// The zones of the sites in reach.
async fn zones_of(state: &AppState, who: &Principal) -> Result<Vec<String>, Problem> {
    let person = who.clone();
    state.run(move |service| zones(service, &person)).await
}

async fn show(
    state: &AppState,
    who: &Principal,
    instead: Instead,
    form: &FreezeForm,
    seen: Seen,
) -> Rendered {
    let zones = zones_of(state, who).await?;
    page(&FormPage::new(
        who,
        instead,
        form,
        seen,
        zones,
        state.service().now(),
    ))
}

/// `GET /freezes/new`
pub async fn new(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let (form, preview) = FreezeForm::from_pairs(pairs);
    if preview {
        let seen = previewed(&state, &who, &form).await?;
        return show(&state, &who, None, &form, seen).await;
    }
    let zones = zones_of(&state, &who).await?;
    // A link may fill in for whom it is.
    let fresh = FreezeForm::fresh(&zones, form.0.devices, state.service().now());
    show(&state, &who, None, &fresh, Seen::Asked).await
}

/// The freeze that is to be changed, and its form; one of a file is changed there.
async fn standing(
    state: &AppState,
    who: &Principal,
    freeze: String,
) -> Result<((String, String), FreezeForm), Problem> {
    let person = who.clone();
    let (item, written) = state
        .run(move |service| service.freeze_show(&person, &freeze))
        .await?;
    if let Some(file) = &item.file {
        return Err(ServiceError::Conflict {
            reason: format!("this freeze is written in `{file}`: change it there"),
        }
        .into());
    }
    let form = FreezeForm(written.unwrap_or_default());
    Ok(((item.id.to_string(), item.name), form))
}

/// `GET /freezes/{freeze}/edit`
pub async fn edit_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let (instead, standing) = standing(&state, &who, freeze).await?;
    let (form, preview) = FreezeForm::from_pairs(pairs);
    if preview {
        let seen = previewed(&state, &who, &form).await?;
        return show(&state, &who, Some(instead), &form, seen).await;
    }
    show(&state, &who, Some(instead), &standing, Seen::Asked).await
}

async fn put(
    state: &AppState,
    who: &Principal,
    instead: Instead,
    pairs: Vec<(String, String)>,
) -> Rendered {
    let (form, _) = FreezeForm::from_pairs(pairs);
    let (person, old, wanted) = (who.clone(), instead.clone(), form.0.clone());
    let saved = state.run(move |service| match old {
        None => service.freeze_add(&person, &wanted),
        Some((id, _)) => service.freeze_edit(&person, &id, &wanted),
    });
    let seen = match saved.await {
        Ok(_) => return Ok(Redirect::to("/freezes?done=freeze").into_response()),
        Err(problem) => Seen::Refused(Mistakes::of(problem)?),
    };
    let body = show(state, who, instead, &form, seen).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
}

/// `POST /freezes/new`
pub async fn save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(pairs): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    put(&state, &who, None, pairs).await
}

/// `POST /freezes/{freeze}/edit`
pub async fn edit_save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(freeze): Named,
    Filled(pairs): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (instead, _) = standing(&state, &who, freeze).await?;
    put(&state, &who, Some(instead), pairs).await
}
