//! A draft is planned, looked at, and applied: the same text, and only if nothing changed meanwhile.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use serde::Deserialize;
use service::policy::{
    ClientDifference, Counts, Example, PolicyDifference, PolicyPlan, PolicyStep, Standing,
};
use service::{Principal, ServiceError};

use super::super::device::devices_counted;
use super::super::parts::{Mark, Moment};
use super::super::report::Figure;
use super::super::{Area, Rendered, Shell, page};
use super::draft::{
    DEVICES_MAX, Draft, ProblemRow, Refused, Start, Starts, TEXT_BYTES_MAX, starts,
};
use super::history::mark;
use super::kind_name;
use crate::ask::{Asked, Filled};
use crate::problem::Problem;
use crate::state::AppState;

/// How many clients are shown.
const CLIENTS_SHOWN: usize = 50;

/// What the form is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PlanAsked {
    #[serde(default)]
    pub(in crate::console) start: String,
}

struct StepRow {
    change: Mark,
    kind: &'static str,
    name: String,
    place: String,
    before: Option<String>,
    after: Option<String>,
}

impl StepRow {
    fn new(step: &PolicyStep) -> Self {
        let text = |text: &Option<String>| text.as_ref().map(|text| text.trim().to_owned());
        Self {
            change: mark(step.change),
            kind: kind_name(step.kind),
            name: step.name.clone(),
            place: match (&step.file, step.line) {
                (Some(file), Some(line)) => format!("{file}, line {line}"),
                (Some(file), None) => file.clone(),
                (None, _) => "made by hand".to_owned(),
            },
            before: text(&step.before),
            after: text(&step.after),
        }
    }
}

struct StandingCell {
    answer: Mark,
    at: Option<Moment>,
}

impl StandingCell {
    fn new(standing: &Standing, now: Timestamp) -> Self {
        Self {
            answer: Mark::answer(standing.verdict),
            at: standing.at.map(|at| Moment::new(at, now)),
        }
    }
}

struct ExampleRow {
    device: String,
    patch: String,
    devices: String,
    before: StandingCell,
    after: StandingCell,
    released: Option<String>,
    why: String,
}

impl ExampleRow {
    fn new(example: &Example, now: Timestamp) -> Self {
        let name = example.name.clone();
        Self {
            device: name.unwrap_or_else(|| example.device.clone()),
            patch: example.patch.clone(),
            devices: devices_counted(u32::try_from(example.devices).unwrap_or(u32::MAX)),
            before: StandingCell::new(&example.before, now),
            after: StandingCell::new(&example.after, now),
            released: example.released.clone(),
            why: example.after.sentence.clone(),
        }
    }
}

struct ClientRow {
    name: String,
    devices: String,
    patches: u64,
    counts: Counts,
    first: Option<Moment>,
    examples: Vec<ExampleRow>,
    more: u64,
}

impl ClientRow {
    fn new(client: &ClientDifference, now: Timestamp) -> Self {
        Self {
            name: client.client.clone(),
            devices: format!("{} of {}", client.devices_changed, client.devices),
            patches: client.patches_changed,
            counts: client.counts,
            first: client.first_due_at.map(|at| Moment::new(at, now)),
            more: client
                .examples_total
                .saturating_sub(client.examples.len() as u64),
            examples: client
                .examples
                .iter()
                .map(|example| ExampleRow::new(example, now))
                .collect(),
        }
    }
}

/// The plan, ready to print.
struct Planned {
    against: String,
    nothing: bool,
    steps: Vec<StepRow>,
    unchanged: String,
    warnings: Vec<ProblemRow>,
    numbers: Vec<Figure>,
    released: u64,
    clients: Vec<ClientRow>,
    clients_more: u64,
}

impl Planned {
    fn new(plan: &PolicyPlan, draft: &Draft, now: Timestamp) -> Self {
        let objects = &plan.objects;
        let mut unchanged = vec![format!("{} stay as they are", objects.unchanged)];
        if objects.over > 0 {
            unchanged.push(format!(
                "{} decisions are over and make nothing",
                objects.over
            ));
        }
        if objects.elsewhere > 0 {
            unchanged.push(format!(
                "{} stand from other files and stay",
                objects.elsewhere
            ));
        }
        let clients = plan.difference.clients.iter().take(CLIENTS_SHOWN);
        Self {
            against: plan.against.clone(),
            nothing: objects.steps.is_empty(),
            steps: objects.steps.iter().map(StepRow::new).collect(),
            unchanged: unchanged.join("; "),
            warnings: ProblemRow::all(&objects.warnings, &draft.text),
            numbers: numbers(&plan.difference, now),
            released: plan.difference.counts.released,
            clients_more: plan
                .difference
                .clients_total
                .saturating_sub(CLIENTS_SHOWN as u64),
            clients: clients.map(|client| ClientRow::new(client, now)).collect(),
        }
    }
}

fn numbers(difference: &PolicyDifference, now: Timestamp) -> Vec<Figure> {
    let counts = &difference.counts;
    let first = difference.first_due_at.map_or_else(
        || "nothing is installed because of it".to_owned(),
        |at| {
            let distance = super::super::parts::distance(at, now);
            format!("first {} UTC, {distance}", super::super::parts::minute(at))
        },
    );
    vec![
        Figure::new(
            "Devices",
            format!("{} of {}", difference.devices_changed, difference.devices),
            "with a patch whose time changes",
        ),
        Figure::new("Patches", difference.patches_changed, first),
        Figure::new("Opens", counts.opens, "never before, now installed"),
        Figure::new("Sooner", counts.sooner, "installed earlier than before"),
        Figure::new("Later", counts.later, "installed later than before"),
        Figure::new("Closes", counts.closes, "not installed any more"),
        Figure::new("Other reason", counts.other_reason, "the same in the end"),
    ]
}

#[derive(Template)]
#[template(path = "pages/policy/plan.html")]
pub(in crate::console) struct PlanPage {
    shell: Shell,
    draft: Draft,
    starts: Vec<Start>,
    start_refused: Option<String>,
    text_bytes_max: usize,
    refused: Option<Refused>,
    planned: Option<Planned>,
}

/// What the page knows.
pub(in crate::console) enum Stage {
    /// Nothing was asked yet.
    Asked,
    /// The draft was refused.
    Refused(Refused),
    /// The plan.
    Planned(Box<PolicyPlan>),
}

impl PlanPage {
    pub(in crate::console) fn new(
        who: &Principal,
        mut draft: Draft,
        starts: Starts,
        stage: Stage,
        now: Timestamp,
    ) -> Self {
        if let Some((file, text)) = starts.text {
            (draft.file, draft.text) = (file, text);
        }
        let (refused, planned) = match stage {
            Stage::Asked => (None, None),
            Stage::Refused(refused) => (Some(refused), None),
            Stage::Planned(plan) => (None, Some(Planned::new(&plan, &draft, now))),
        };
        Self {
            shell: Shell::new("Plan a change of the policy", Area::Policy, Some(who), now),
            draft,
            starts: starts.all,
            start_refused: starts.refused,
            text_bytes_max: TEXT_BYTES_MAX,
            refused,
            planned,
        }
    }
}

/// `GET /policy/plan`
pub async fn ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<PlanAsked>,
) -> Rendered {
    let person = who.clone();
    let starts = state
        .run(move |service| starts(service, &person, &asked.start))
        .await?;
    let now = state.service().now();
    let draft = Draft::default();
    page(&PlanPage::new(&who, draft, starts, Stage::Asked, now))
}

async fn offered(state: &AppState, who: &Principal) -> Result<Starts, Problem> {
    let person = who.clone();
    state.run(move |service| starts(service, &person, "")).await
}

/// `POST /policy/plan`
pub async fn plan(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(draft): Filled<Draft>,
) -> Rendered {
    let draft = draft.tidied();
    let (person, sent) = (who.clone(), draft.sent());
    let planned = state
        .run(move |service| service.policy_plan_within(&person, &sent, Some(DEVICES_MAX)))
        .await;
    let (status, stage) = match planned {
        Ok(plan) => (StatusCode::OK, Stage::Planned(Box::new(plan))),
        Err(problem) => {
            let status = problem.status_code();
            (status, Stage::Refused(Refused::of(problem, &draft.text)?))
        }
    };
    let starts = offered(&state, &who).await?;
    let now = state.service().now();
    let body = page(&PlanPage::new(&who, draft, starts, stage, now))?;
    Ok((status, body).into_response())
}

/// `POST /policy/apply`
pub async fn apply(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(draft): Filled<Draft>,
) -> Rendered {
    let draft = draft.tidied();
    let mut sent = draft.sent();
    sent.against = Some(draft.against.clone());
    let (person, unseen) = (who.clone(), draft.against.is_empty());
    let applied = state
        .run(move |service| {
            if unseen {
                return Err(ServiceError::Conflict {
                    reason: "nothing is applied before its plan was looked at".to_owned(),
                });
            }
            service.policy_apply(&person, &sent)
        })
        .await;
    match applied {
        Ok(_) => Ok(Redirect::to("/policy?done=applied").into_response()),
        Err(problem) => {
            let status = problem.status_code();
            let stage = Stage::Refused(Refused::of(problem, &draft.text)?);
            let starts = offered(&state, &who).await?;
            let now = state.service().now();
            let body = page(&PlanPage::new(&who, draft, starts, stage, now))?;
            Ok((status, body).into_response())
        }
    }
}
