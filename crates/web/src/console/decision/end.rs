//! Ending a decision.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::decision::Word;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use jiff::Timestamp;
use service::decision::DecisionItem;
use service::{Principal, Service, ServiceError};

use crate::ask::Named;
use crate::console::parts::DecisionPart;
use crate::console::{Area, Rendered, Shell, page};
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/decision/end.html")]
pub(in crate::console) struct EndPage {
    shell: Shell,
    decision: DecisionPart,
    consequence: &'static str,
    action: String,
}

impl EndPage {
    pub(in crate::console) fn new(
        who: &Principal,
        decision: &DecisionItem,
        now: Timestamp,
    ) -> Self {
        Self {
            shell: Shell::new("End a decision", Area::Policy, Some(who), now),
            consequence: match decision.word {
                Word::Approve => {
                    "What it covers is not installed any more, unless another decision approves it. What is installed stays installed."
                }
                Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny => {
                    "What it covers may be installed again as soon as another decision approves it."
                }
            },
            action: format!("/decisions/{}/end", decision.id),
            decision: DecisionPart::new(decision, now),
        }
    }
}

/// Finds one decision in the list; there is no use case for a single one.
pub(super) fn find(service: &Service, who: &Principal, id: &str) -> service::Result<DecisionItem> {
    let mut request = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    loop {
        let found = service.decision_list(who, &request)?;
        if let Some(decision) = found
            .items
            .into_iter()
            .find(|item| item.id.to_string() == id)
        {
            return Ok(decision);
        }
        match found.next {
            Some(next) => request.cursor = Some(next),
            None => {
                return Err(ServiceError::NotFound {
                    what: "decision",
                    name: id.to_owned(),
                });
            }
        }
    }
}

/// `GET /decisions/{decision}/end`
pub async fn end_ask(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
) -> Rendered {
    let person = who.clone();
    let decision = state
        .run(move |service| find(service, &person, &decision))
        .await?;
    page(&EndPage::new(&who, &decision, state.service().now()))
}

/// `POST /decisions/{decision}/end`
pub async fn end(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(decision): Named,
) -> Result<Response, Problem> {
    state
        .run(move |service| service.decision_end(&who, &decision))
        .await?;
    Ok(Redirect::to("/decisions?done=ended").into_response())
}
