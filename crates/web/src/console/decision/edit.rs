//! Changing a decision: another one stands instead of it from the same moment, and both are kept.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use service::Principal;
use service::decision::{DecisionItem, DecisionMade, NewDecision};

use super::end::find;
use super::{DecisionForm, DecisionPage, Refusal, Stage};
use crate::ask::{Asked, Filled, Named};
use crate::console::problem::sentence;
use crate::console::{Rendered, page};
use crate::problem::Problem;
use crate::state::AppState;

/// Asks the use case; what a person can correct comes back as a refusal.
async fn ask(
    state: &AppState,
    who: &Principal,
    before: &DecisionItem,
    form: &DecisionForm,
    dry_run: bool,
) -> Result<Result<(DecisionMade, NewDecision), Refusal>, Problem> {
    let read = form
        .read(dry_run)
        .and_then(|wanted| Ok((wanted, form.edit(before, dry_run)?)));
    let (wanted, edit) = match read {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (person, id) = (who.clone(), before.id.to_string());
    match state
        .run(move |service| service.decision_edit(&person, &id, &edit))
        .await
    {
        Ok(made) => Ok(Ok((made, wanted))),
        Err(problem) if problem.status_code().is_server_error() => Err(problem),
        Err(problem) => Ok(Err(
            Refusal::new(sentence(&problem.detail)).hint(problem.hint.unwrap_or_default())
        )),
    }
}

/// What stands, and the form with its word and level, which an edit does not change.
async fn standing(state: &AppState, who: &Principal, id: String) -> Result<DecisionItem, Problem> {
    let person = who.clone();
    state.run(move |service| find(service, &person, &id)).await
}

fn with_fixed(mut form: DecisionForm, before: &DecisionItem) -> DecisionForm {
    form.word = before.word.to_string();
    form.level = before.level.to_string();
    form
}

/// `GET /decisions/{decision}/edit`
pub async fn form(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let before = standing(&state, &who, decision).await?;
    let (typed, preview) = DecisionForm::from_pairs(pairs);
    let (form, stage) = if preview {
        let form = with_fixed(typed, &before);
        let stage = match ask(&state, &who, &before, &form, true).await? {
            Ok((made, wanted)) => Stage::Previewed(Box::new(made), wanted),
            Err(refusal) => Stage::Refused(refusal),
        };
        (form, stage)
    } else {
        (DecisionForm::of(&before), Stage::Asked)
    };
    let (id, now) = (before.id.to_string(), state.service().now());
    page(&DecisionPage::about(&who, Some(&id), form, stage, now))
}

/// `POST /decisions/{decision}/edit`
pub async fn save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
    Filled(typed): Filled<DecisionForm>,
) -> Result<Response, Problem> {
    let before = standing(&state, &who, decision).await?;
    let form = with_fixed(typed, &before);
    match ask(&state, &who, &before, &form, false).await? {
        Ok(_) => Ok(Redirect::to("/decisions?done=decided").into_response()),
        Err(refusal) => {
            let (id, now) = (before.id.to_string(), state.service().now());
            let stage = Stage::Refused(refusal);
            let body = page(&DecisionPage::about(&who, Some(&id), form, stage, now))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
        }
    }
}
