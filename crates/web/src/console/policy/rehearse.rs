//! A draft is rehearsed: what it would have done with the patches of past months, beside the policy
//! in force. Nothing is saved.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::policy::Delay;
use jiff::Timestamp;
use serde::Deserialize;
use service::policy::{Month, PolicyRun, Promise, Rehearsal, Tally, Trouble};
use service::{Principal, ServiceError};

use super::super::parts::{Mark, Moment, minute};
use super::super::report::Figure;
use super::super::{Area, Rendered, Shell, page};
use super::draft::{Draft, Refused, Start, Starts, TEXT_BYTES_MAX, starts};
use super::plan::PlanAsked;
use crate::ask::{Asked, Filled};
use crate::problem::Problem;
use crate::state::AppState;

/// More devices than a page can answer for in time.
pub(in crate::console) const DEVICES_MAX: u64 = 10_000;
/// The months that can be chosen.
pub(in crate::console) const MONTHS: [u32; 4] = [1, 3, 6, 12];
/// How many lines of a list are shown.
const SHOWN: usize = 20;

/// The form, as typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RehearseForm {
    #[serde(default)]
    pub(in crate::console) file: String,
    #[serde(default)]
    pub(in crate::console) text: String,
    #[serde(default)]
    pub(in crate::console) months: String,
}

impl RehearseForm {
    pub(in crate::console) fn draft(&self) -> Draft {
        Draft {
            file: self.file.clone(),
            text: self.text.clone(),
            ..Draft::default()
        }
        .tidied()
    }

    /// How many months; `None`: what was typed is none of those that can be chosen.
    pub(in crate::console) fn months(&self) -> Option<u32> {
        let wanted: u32 = self.months.trim().parse().ok()?;
        MONTHS.into_iter().find(|months| *months == wanted)
    }
}

struct MonthChoice {
    months: u32,
    chosen: bool,
}

/// One line of the totals.
struct TotalRow {
    name: &'static str,
    draft: String,
    in_force: String,
    differs: bool,
}

struct MonthRow {
    month: String,
    draft: [u64; 5],
    in_force: [u64; 5],
}

struct TroubleRow {
    patch: String,
    severity: Mark,
    client: String,
    device: String,
    devices: u64,
    came: Moment,
    fixed: Option<Moment>,
    why: String,
}

struct Troubles {
    heading: &'static str,
    none: &'static str,
    rows: Vec<TroubleRow>,
    total: u64,
    before: u64,
}

struct ClientRow {
    name: String,
    devices: u64,
    numbers: [u64; 5],
    kept: String,
}

struct HourRow {
    when: String,
    reboots: u64,
}

/// The rehearsal, ready to print.
struct Rehearsed {
    sentence: String,
    notes: Vec<String>,
    promise: String,
    numbers: Vec<Figure>,
    totals: Vec<TotalRow>,
    months: Vec<MonthRow>,
    troubles: Vec<Troubles>,
    clients: Vec<ClientRow>,
    clients_more: u64,
    hours: Vec<HourRow>,
    empty_rings: Vec<String>,
}

/// One digit after the point; nothing to measure is said, and is not a hundred percent.
fn share(value: Option<f64>) -> String {
    value.map_or_else(
        || "nothing to measure".to_owned(),
        |value| format!("{value:.1}"),
    )
}

fn five(tally: &Tally) -> [u64; 5] {
    [
        tally.pairs,
        tally.installed,
        tally.starved,
        tally.missed,
        tally.reboots,
    ]
}

fn totals(draft: &Tally, in_force: &Tally) -> Vec<TotalRow> {
    type Line = (&'static str, fn(&Tally) -> String);
    let lines: [Line; 12] = [
        ("Installed", |t| t.installed.to_string()),
        ("Replaced by a newer one that was installed", |t| {
            t.replaced.to_string()
        }),
        ("Approved, and their time is still to come", |t| {
            t.waiting.to_string()
        }),
        ("Approved, and starved", |t| t.starved.to_string()),
        ("Not approved", |t| t.not_approved.to_string()),
        ("Days until fixed, on average", |t| share(t.days_mean())),
        ("Promises kept, of a hundred", |t| share(t.kept_percent())),
        ("Promises missed", |t| t.missed.to_string()),
        ("Promises still open at the end", |t| t.promised.to_string()),
        ("Reboots", |t| t.reboots.to_string()),
        ("Reboots left to a person", |t| {
            t.reboots_by_hand.to_string()
        }),
        (
            "Installations of which nobody knows whether they need a reboot",
            |t| t.reboots_unknown.to_string(),
        ),
    ];
    let row = |(name, value): Line| {
        let (draft, in_force) = (value(draft), value(in_force));
        TotalRow {
            name,
            differs: draft != in_force,
            draft,
            in_force,
        }
    };
    lines.into_iter().map(row).collect()
}

fn months(draft: &PolicyRun, in_force: &PolicyRun) -> Vec<MonthRow> {
    let of = |all: &[Month], month: &str| {
        let found = all.iter().find(|one| one.month == month);
        found.map_or([0; 5], |one| five(&one.tally))
    };
    let mut names: Vec<&str> = [draft, in_force]
        .into_iter()
        .flat_map(|run| run.months.iter().map(|one| one.month.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|month| MonthRow {
            draft: of(&draft.months, month),
            in_force: of(&in_force.months, month),
            month: month.to_owned(),
        })
        .collect()
}

fn trouble(one: &Trouble, now: Timestamp) -> TroubleRow {
    TroubleRow {
        patch: one.patch.clone(),
        severity: Mark::severity(one.severity, false),
        client: one.client.clone(),
        device: one.device.clone(),
        devices: one.devices,
        came: Moment::new(one.came_at, now),
        fixed: one.fixed_at.map(|at| Moment::new(at, now)),
        why: one.why.clone(),
    }
}

/// Whole days as days, everything else as policies write it.
fn days(delay: Delay) -> String {
    match (delay.minutes() / 1440, delay.minutes() % 1440) {
        (1, 0) => "one day".to_owned(),
        (days, 0) => format!("{days} days"),
        _ => delay.to_string(),
    }
}

fn promise(promise: &Promise) -> String {
    let parts: Vec<String> = [
        ("critical", promise.critical),
        ("important", promise.important),
        ("moderate", promise.moderate),
        ("low", promise.low),
    ]
    .into_iter()
    .filter_map(|(word, delay)| Some(format!("{word} within {}", days(delay?))))
    .collect();
    format!("Promised: {}.", parts.join(", "))
}

fn notes(rehearsal: &Rehearsal) -> Vec<String> {
    [
        (rehearsal.undated, "have no date and are not replayed"),
        (rehearsal.outside, "came before or after this time"),
        (
            rehearsal.not_replayed,
            "say nothing about a patch that came (no fix, not affected, unknown)",
        ),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} findings {what}."))
    .collect()
}

fn numbers(draft: &Tally, in_force: &Tally) -> Vec<Figure> {
    let figure =
        |name, draft: u64, in_force: u64| Figure::new(name, draft, format!("in force: {in_force}"));
    vec![
        figure("Installed", draft.installed, in_force.installed),
        figure("Reboots", draft.reboots, in_force.reboots),
        figure("Promises missed", draft.missed, in_force.missed),
        figure("Starved", draft.starved, in_force.starved),
        figure("Not approved", draft.not_approved, in_force.not_approved),
    ]
}

impl Rehearsed {
    fn new(rehearsal: &Rehearsal) -> Self {
        let nothing = PolicyRun::default();
        let (draft, now) = (&rehearsal.draft, rehearsal.until);
        let in_force = rehearsal.in_force.as_ref().unwrap_or(&nothing);
        let list = |heading, none, all: &[Trouble], total, before| Troubles {
            heading,
            none,
            rows: all
                .iter()
                .take(SHOWN)
                .map(|one| trouble(one, now))
                .collect(),
            total,
            before,
        };
        Self {
            sentence: format!(
                "{} patches for {} devices, from {} to {} UTC.",
                rehearsal.patches,
                rehearsal.devices,
                minute(rehearsal.from),
                minute(rehearsal.until)
            ),
            notes: notes(rehearsal),
            promise: promise(&rehearsal.promise),
            numbers: numbers(&draft.tally, &in_force.tally),
            totals: totals(&draft.tally, &in_force.tally),
            months: months(draft, in_force),
            troubles: vec![
                list(
                    "Starved: approved and never installed",
                    "No approved patch starved.",
                    &draft.starved,
                    draft.starved_total,
                    in_force.starved_total,
                ),
                list(
                    "Promises missed",
                    "No promise was missed.",
                    &draft.missed,
                    draft.missed_total,
                    in_force.missed_total,
                ),
            ],
            clients: draft
                .clients
                .iter()
                .take(SHOWN)
                .map(|client| ClientRow {
                    name: client.client.clone(),
                    devices: client.devices,
                    numbers: five(&client.tally),
                    kept: share(client.tally.kept_percent()),
                })
                .collect(),
            clients_more: draft.clients_total.saturating_sub(SHOWN as u64),
            hours: draft
                .reboot_hours
                .iter()
                .take(SHOWN)
                .map(|hour| HourRow {
                    when: format!("{} {:02}:00", hour.weekday, hour.hour),
                    reboots: hour.reboots,
                })
                .collect(),
            empty_rings: draft.empty_rings.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/policy/rehearse.html")]
pub(in crate::console) struct RehearsePage {
    shell: Shell,
    draft: Draft,
    months: Vec<MonthChoice>,
    devices_max: u64,
    starts: Vec<Start>,
    start_refused: Option<String>,
    text_bytes_max: usize,
    refused: Option<Refused>,
    rehearsed: Option<Rehearsed>,
}

/// What the page knows.
pub(in crate::console) enum Stage {
    /// Nothing was asked yet.
    Asked,
    /// The draft was refused.
    Refused(Refused),
    /// What came of it.
    Rehearsed(Box<Rehearsal>),
}

impl RehearsePage {
    pub(in crate::console) fn new(
        who: &Principal,
        form: &RehearseForm,
        starts: Starts,
        stage: Stage,
        now: Timestamp,
    ) -> Self {
        let mut draft = form.draft();
        if let Some((file, text)) = starts.text {
            (draft.file, draft.text) = (file, text);
        }
        let months = form.months().unwrap_or(6);
        let (refused, rehearsed) = match stage {
            Stage::Asked => (None, None),
            Stage::Refused(refused) => (Some(refused), None),
            Stage::Rehearsed(rehearsal) => (None, Some(Rehearsed::new(&rehearsal))),
        };
        Self {
            shell: Shell::new("Rehearse a policy", Area::Policy, Some(who), now),
            draft,
            months: MONTHS
                .iter()
                .map(|one| MonthChoice {
                    months: *one,
                    chosen: *one == months,
                })
                .collect(),
            devices_max: DEVICES_MAX,
            starts: starts.all,
            start_refused: starts.refused,
            text_bytes_max: TEXT_BYTES_MAX,
            refused,
            rehearsed,
        }
    }
}

/// `GET /policy/rehearse`
pub async fn ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<PlanAsked>,
) -> Rendered {
    let person = who.clone();
    let starts = state
        .run(move |service| starts(service, &person, &asked.start))
        .await?;
    let (now, form) = (state.service().now(), RehearseForm::default());
    page(&RehearsePage::new(&who, &form, starts, Stage::Asked, now))
}

/// `POST /policy/rehearse`
pub async fn rehearse(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(form): Filled<RehearseForm>,
) -> Rendered {
    let draft = form.draft();
    let months = form.months().ok_or_else(|| {
        Problem::from(ServiceError::Invalid {
            field: "months",
            reason: format!("expected one of {MONTHS:?}"),
        })
    });
    let (person, sent) = (who.clone(), draft.sent());
    let found = match months {
        Ok(months) => {
            state
                .run(move |service| service.policy_rehearse(&person, &sent, months, DEVICES_MAX))
                .await
        }
        Err(problem) => Err(problem),
    };
    let (status, stage) = match found {
        Ok(rehearsal) => (StatusCode::OK, Stage::Rehearsed(Box::new(rehearsal))),
        Err(problem) => {
            let status = problem.status_code();
            (status, Stage::Refused(Refused::of(problem, &draft.text)?))
        }
    };
    let person = who.clone();
    let starts = state
        .run(move |service| starts(service, &person, ""))
        .await?;
    let now = state.service().now();
    let body = page(&RehearsePage::new(&who, &form, starts, stage, now))?;
    Ok((status, body).into_response())
}
