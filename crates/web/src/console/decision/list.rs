//! The list of decisions: what stands, and what has ended.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::decision::Word;
use jiff::Timestamp;
use service::decision::DecisionItem;
use service::{Permission, Principal};

use crate::ask::Asked;
use crate::console::kept::{Kept, KeptAsked, Shown};
use crate::console::parts::DecisionPart;
use crate::console::{Area, Rendered, Shell, page};
use crate::state::AppState;

#[derive(Template)]
#[template(path = "pages/decision/list.html")]
pub(in crate::console) struct DecisionsPage {
    shell: Shell,
    kept: Shown,
    decisions: Vec<DecisionPart>,
    denied: Option<String>,
}

impl DecisionsPage {
    pub fn new(
        who: &Principal,
        asked: &KeptAsked,
        found: Kept<DecisionItem>,
        now: Timestamp,
    ) -> Self {
        let words = Word::ALL
            .iter()
            .map(|word| (word.word(), asked.word == word.word()))
            .collect();
        Self {
            shell: Shell::new("Decisions", Area::Policy, Some(who), now).saying(asked.done),
            kept: Shown::new(
                "/decisions",
                asked,
                found.next.as_deref(),
                found.items.len(),
            )
            .with_words(words),
            decisions: found
                .items
                .iter()
                .map(|decision| DecisionPart::new(decision, now))
                .collect(),
            denied: access::check(who, Permission::Decide)
                .err()
                .map(|denied| format!("{denied}.")),
        }
    }
}

/// `GET /decisions`
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
                |request| service.decision_list(&person, request),
                |decision| {
                    let texts = [
                        &decision.patches,
                        &decision.devices,
                        &decision.reason,
                        &decision.decided_by,
                    ];
                    let word = wanted.word.as_str();
                    (word.is_empty() || decision.word.word() == word)
                        && wanted.wants(decision.in_force, decision.client.as_deref(), &texts)
                },
            )
        })
        .await?;
    page(&DecisionsPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}
