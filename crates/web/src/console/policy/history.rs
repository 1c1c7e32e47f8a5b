//! The versions of the policy: who applied which, when and why, and what each changed.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::page::Page;
use jiff::Timestamp;
use service::policy::{
    PolicyStepKind, PolicyVersionChange, PolicyVersionDetail, PolicyVersionItem,
};
use service::{Principal, ServiceError};

use super::super::parts::{Mark, Moment, Pager};
use super::super::{Area, ListAsked, PAGE_ITEMS, Rendered, Shell, page};
use super::kind_name;
use crate::ask::{Asked, Named};
use crate::problem::Problem;
use crate::state::AppState;

struct VersionRow {
    number: u64,
    at: Moment,
    by: String,
    note: String,
    counts: String,
    files: Vec<String>,
}

impl VersionRow {
    fn new(version: PolicyVersionItem, now: Timestamp) -> Self {
        Self {
            number: version.number,
            at: Moment::new(version.applied_at, now),
            by: version.applied_by,
            note: version.note,
            counts: version.counts,
            files: version.files,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/policy/history.html")]
pub(in crate::console) struct HistoryPage {
    shell: Shell,
    versions: Vec<VersionRow>,
    pager: Pager,
}

impl HistoryPage {
    pub(in crate::console) fn new(
        who: &Principal,
        asked: &ListAsked,
        found: Page<PolicyVersionItem>,
        now: Timestamp,
    ) -> Self {
        let shown = found.items.len();
        Self {
            shell: Shell::new("Versions of the policy", Area::Policy, Some(who), now),
            pager: Pager::new("/policy/history", "", asked, found.next.as_deref(), shown),
            versions: found
                .items
                .into_iter()
                .map(|version| VersionRow::new(version, now))
                .collect(),
        }
    }
}

/// One object that changed.
pub(super) struct ChangeRow {
    pub(super) change: Mark,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl ChangeRow {
    fn new(change: PolicyVersionChange) -> Self {
        Self {
            change: mark(change.change),
            kind: kind_name(change.kind),
            name: change.name,
            before: change.before.map(|text| text.trim().to_owned()),
            after: change.after.map(|text| text.trim().to_owned()),
        }
    }
}

/// What becomes of an object.
pub(super) fn mark(change: PolicyStepKind) -> Mark {
    let (look, hint) = match change {
        PolicyStepKind::Made => ("good", "it is new"),
        PolicyStepKind::Changed => ("warn", "it says something else than before"),
        PolicyStepKind::Moved => ("", "it says the same, and is written elsewhere"),
        PolicyStepKind::Adopted => ("", "it was made by hand, and a file says the same"),
        PolicyStepKind::Ended => ("bad", "no file says it any more"),
        PolicyStepKind::ByHand => ("", "it was made by hand"),
        PolicyStepKind::Elsewhere => ("", "it stands from another file"),
    };
    Mark::named(change.word(), look, hint)
}

#[derive(Template)]
#[template(path = "pages/policy/version.html")]
pub(in crate::console) struct VersionPage {
    shell: Shell,
    version: VersionRow,
    changes: Vec<ChangeRow>,
    more: bool,
}

impl VersionPage {
    pub(in crate::console) fn new(
        who: &Principal,
        detail: PolicyVersionDetail,
        now: Timestamp,
    ) -> Self {
        let title = format!("Version {} of the policy", detail.version.number);
        Self {
            shell: Shell::new(title, Area::Policy, Some(who), now),
            version: VersionRow::new(detail.version, now),
            changes: detail.changes.into_iter().map(ChangeRow::new).collect(),
            more: detail.more,
        }
    }
}

/// `GET /policy/history`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Rendered {
    let (person, request) = (who.clone(), asked.page(PAGE_ITEMS));
    let found = state
        .run(move |service| service.policy_history(&person, &request))
        .await?;
    page(&HistoryPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}

/// `GET /policy/history/{version}`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(version): Named,
) -> Rendered {
    let number: u64 = version.parse().map_err(|_| {
        Problem::from(ServiceError::NotFound {
            what: "version of the policy",
            name: version.chars().take(100).collect(),
        })
    })?;
    let person = who.clone();
    let detail = state
        .run(move |service| service.policy_version_detail(&person, number))
        .await?;
    page(&VersionPage::new(&who, detail, state.service().now()))
}
