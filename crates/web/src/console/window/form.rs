//! The form of a change window: every rule for days, its next twelve openings, then save.
//!
//! The openings are the use case's own preview, so that what is shown is what will be saved. Saving
//! is offered on the preview alone.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access;
use jiff::Timestamp;
use service::window::OpeningItem;
use service::{Permission, Principal, ServiceError};

use super::openings::{ZoneOpenings, by_zone};
use super::typed::WindowForm;
use crate::ask::{Asked, Filled, Named};
use crate::console::form::{Line, Mistakes, Told, zones};
use crate::console::{Area, Rendered, Shell, page};
use crate::problem::Problem;
use crate::state::AppState;

/// How many openings are shown before a window is saved.
const OPENINGS_SHOWN: u32 = 12;

const WEEKDAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];
const COUNTS: [(&str, &str); 6] = [
    ("1", "first"),
    ("2", "second"),
    ("3", "third"),
    ("4", "fourth"),
    ("5", "fifth"),
    ("last", "last"),
];

/// The fields that show what is wrong with them.
const FIELDS: [&str; 18] = [
    "name",
    "for",
    "zone",
    "start",
    "duration",
    "from",
    "until",
    "reserve",
    "days",
    "every_weeks",
    "nth",
    "plus_days",
    "month_day",
    "dates",
    "after_release",
    "within",
    "not",
    "opens_for",
];

/// A box or an option to pick.
struct Pick {
    value: &'static str,
    name: &'static str,
    picked: bool,
}

fn picks(all: &[(&'static str, &'static str)], picked: impl Fn(&str) -> bool) -> Vec<Pick> {
    let pick = |(value, name): &(&'static str, &'static str)| Pick {
        value,
        name,
        picked: picked(value),
    };
    all.iter().map(pick).collect()
}

/// What the page of the form knows.
pub(in crate::console) enum Seen {
    /// Nothing was asked yet.
    Asked,
    /// The form was refused.
    Refused(Mistakes),
    /// When it would open.
    Previewed(Vec<OpeningItem>),
}

/// The window that another is to stand instead of: its id and name.
pub(in crate::console) type Instead = Option<(String, String)>;

#[derive(Template)]
#[template(path = "pages/window/form.html")]
pub(in crate::console) struct FormPage {
    shell: Shell,
    heading: String,
    action: String,
    form: WindowForm,
    first: Vec<Line>,
    hours: Vec<Line>,
    limits: Vec<Line>,
    catch_up: Vec<Line>,
    every_weeks: Line,
    plus_days: Line,
    month_day: Line,
    dates: Line,
    after_release: Line,
    days: Vec<Pick>,
    days_told: Vec<Told>,
    nth_counts: Vec<Pick>,
    nth_days: Vec<Pick>,
    nth_told: Vec<Told>,
    elsewhere: Vec<Told>,
    wrong: usize,
    preview: Option<Vec<ZoneOpenings>>,
    no_openings: &'static str,
    again: Vec<(&'static str, String)>,
    zones: Vec<String>,
    denied: Option<String>,
}

impl FormPage {
    pub fn new(
        who: &Principal,
        instead: Instead,
        form: WindowForm,
        seen: Seen,
        zones: Vec<String>,
        now: Timestamp,
    ) -> Self {
        let (mistakes, preview) = match seen {
            Seen::Asked => (Mistakes::default(), None),
            Seen::Refused(mistakes) => (mistakes, None),
            Seen::Previewed(openings) => (
                Mistakes::default(),
                Some(by_zone(&openings, &form.start, now)),
            ),
        };
        let told = &mistakes;
        let (heading, action) = match &instead {
            None => ("New change window".to_owned(), "/windows/new".to_owned()),
            Some((id, name)) => (
                format!("Change the window {name}"),
                format!("/windows/{id}/edit"),
            ),
        };
        // `tue` and `tuesday` are the same.
        let nth_day = |day: &str| form.nth_day.to_lowercase().starts_with(day);
        Self {
            shell: Shell::new(heading.clone(), Area::Policy, Some(who), now),
            heading,
            action,
            first: first_lines(&form, told),
            hours: hour_lines(&form, told),
            limits: limit_lines(&form, told),
            catch_up: catch_up_lines(&form, told),
            every_weeks: Line::new(
                "every_weeks",
                "Every so many weeks",
                &form.every_weeks,
                "Empty is every week. Weeks are counted from the week of “From” below.",
                told,
            ),
            plus_days: Line::new(
                "plus_days",
                "Days after it",
                &form.plus_days,
                "Such as 2 for the Thursday after; before it with a minus.",
                told,
            ),
            month_day: Line::new(
                "month_day",
                "Day of the month",
                &form.month_day,
                "1 to 31, or last. Months without that day are skipped.",
                told,
            ),
            dates: Line::new(
                "dates",
                "Dates",
                &form.dates,
                "With commas between them, each opened on once.",
                told,
            )
            .example("2026-12-24, 2026-12-31"),
            after_release: Line::new(
                "after_release",
                "Days after release",
                &form.after_release,
                "Once for each patch, so many days after its own release.",
                told,
            )
            .example("2d"),
            days: picks(&WEEKDAYS, |day| form.days.iter().any(|own| own == day)),
            days_told: told.at("days"),
            nth_counts: picks(&COUNTS, |count| form.nth_count == count),
            nth_days: picks(&WEEKDAYS, nth_day),
            nth_told: told.at("nth"),
            elsewhere: told.elsewhere(&[&FIELDS[..], &["expires"]].concat()),
            wrong: told.count(),
            no_openings: if form.rule == "after_release" {
                "It opens for each patch on its own day, so it has no openings until a patch is missing."
            } else {
                "It does not open again: its days are over, or, in the devices' own zones, no device is in it yet."
            },
            again: if preview.is_some() {
                form.pairs()
            } else {
                Vec::new()
            },
            preview,
            form,
            zones,
            denied: access::check(who, Permission::SetWindow)
                .err()
                .map(|denied| format!("{denied}.")),
        }
    }
}

fn first_lines(form: &WindowForm, told: &Mistakes) -> Vec<Line> {
    vec![
        Line::new("name", "Name", &form.name, "What it is called in lists, rules and answers to “why not?”.", told).example("Servers at night"),
        Line::new("for", "For which devices", &form.devices, "A query over devices, such as client:acme tag:server. Empty is every device of every client.", told).query(),
    ]
}

fn hour_lines(form: &WindowForm, told: &Mistakes) -> Vec<Line> {
    vec![
        Line::new(
            "start",
            "Opens at",
            &form.start,
            "Local time, such as 22:00.",
            told,
        )
        .example("22:00"),
        Line::new(
            "duration",
            "For how long",
            &form.duration,
            "Such as 2h, 90m or 1h30m; two hours are two hours, also when the clocks change.",
            told,
        )
        .example("2h"),
        Line::new(
            "zone",
            "In which zone",
            &form.zone,
            "“device” is each device's own; else a name such as Europe/Berlin.",
            told,
        )
        .offered("zones"),
    ]
}

fn limit_lines(form: &WindowForm, told: &Mistakes) -> Vec<Line> {
    vec![
        Line::new(
            "from",
            "From",
            &form.from,
            "The first date on which it may open.",
            told,
        )
        .kind("date"),
        Line::new(
            "until",
            "Until",
            &form.until,
            "The last date on which it may open.",
            told,
        )
        .kind("date"),
        Line::new(
            "reserve",
            "Nothing begins in its last",
            &form.reserve,
            "Such as 30m, so that what begins can also end.",
            told,
        )
        .example("30m"),
    ]
}

fn catch_up_lines(form: &WindowForm, told: &Mistakes) -> Vec<Line> {
    vec![
        Line::new("within", "Within", &form.within, "How long after its next contact it may be changed. Empty: it waits for the next opening.", told).example("2h"),
        Line::new("not", "But not at", &form.not, "Local hours at which people work.", told).example("09:00-17:00"),
        Line::new("expires", "And not later than", &form.expires, "So long after the missed opening. Empty: until the next one.", told).example("7d"),
    ]
}

/// Asks the use case for the openings; what a person can correct comes back as mistakes.
async fn previewed(state: &AppState, who: &Principal, form: &WindowForm) -> Result<Seen, Problem> {
    let (wanted, mistakes) = form.read();
    let person = who.clone();
    let asked = state
        .run(move |service| service.window_preview(&person, &wanted, OPENINGS_SHOWN))
        .await;
    match asked {
        Ok(openings) if mistakes.is_empty() => Ok(Seen::Previewed(openings.items)),
        Ok(_) => Ok(Seen::Refused(mistakes)),
        Err(problem) => {
            let mut all = mistakes.and(Mistakes::of(problem)?);
            all.query("for", &form.devices);
            Ok(Seen::Refused(all))
        }
    }
}

async fn show(
    state: &AppState,
    who: &Principal,
    instead: Instead,
    form: WindowForm,
    seen: Seen,
) -> Rendered {
    let person = who.clone();
    let zones = state.run(move |service| zones(service, &person)).await?;
    let now = state.service().now();
    page(&FormPage::new(who, instead, form, seen, zones, now))
}

/// `GET /windows/new`
pub async fn new(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let (form, preview) = WindowForm::from_pairs(pairs);
    if preview {
        let seen = previewed(&state, &who, &form).await?;
        return show(&state, &who, None, form, seen).await;
    }
    // A link may fill in for whom it is.
    let form = WindowForm {
        devices: form.devices,
        ..WindowForm::fresh()
    };
    show(&state, &who, None, form, Seen::Asked).await
}

/// The window that is to be changed, and its form; one of a file is changed there.
async fn standing(
    state: &AppState,
    who: &Principal,
    window: String,
) -> Result<((String, String), WindowForm), Problem> {
    let person = who.clone();
    let shown = state
        .run(move |service| service.window_show(&person, &window))
        .await?;
    if let Some(file) = &shown.item.file {
        return Err(ServiceError::Conflict {
            reason: format!("this window is written in `{file}`: change it there"),
        }
        .into());
    }
    let form = shown
        .written
        .as_ref()
        .map_or_else(WindowForm::fresh, WindowForm::of);
    Ok(((shown.item.id.to_string(), shown.item.name), form))
}

/// `GET /windows/{window}/edit`
pub async fn edit_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let (instead, standing) = standing(&state, &who, window).await?;
    let (form, preview) = WindowForm::from_pairs(pairs);
    if preview {
        let seen = previewed(&state, &who, &form).await?;
        return show(&state, &who, Some(instead), form, seen).await;
    }
    show(&state, &who, Some(instead), standing, Seen::Asked).await
}

async fn put(
    state: &AppState,
    who: &Principal,
    instead: Instead,
    pairs: Vec<(String, String)>,
) -> Rendered {
    let (form, _) = WindowForm::from_pairs(pairs);
    let (wanted, mistakes) = form.read();
    let seen = if mistakes.is_empty() {
        let (person, old) = (who.clone(), instead.clone());
        let saved = state.run(move |service| match old {
            None => service.window_add(&person, &wanted),
            Some((id, _)) => service.window_edit(&person, &id, &wanted),
        });
        match saved.await {
            Ok(_) => return Ok(Redirect::to("/windows?done=window").into_response()),
            Err(problem) => Seen::Refused(Mistakes::of(problem)?),
        }
    } else {
        Seen::Refused(mistakes)
    };
    let body = show(state, who, instead, form, seen).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
}

/// `POST /windows/new`
pub async fn save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(pairs): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    put(&state, &who, None, pairs).await
}

/// `POST /windows/{window}/edit`
pub async fn edit_save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(window): Named,
    Filled(pairs): Filled<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let (instead, _) = standing(&state, &who, window).await?;
    put(&state, &who, Some(instead), pairs).await
}
