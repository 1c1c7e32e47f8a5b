//! The page of patches: what is missing somewhere, the form to decide, and the decisions.

pub mod devices;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::page::{Page, PageRequest};
use domain::query::{Query as Selection, SubjectKind};
use jiff::Timestamp;
use service::decision::DecisionItem;
use service::patch::PatchItem;
use service::{Permission, Principal};

use super::parts::{Cves, DecisionPart, Filter, Mark, Pager};
use super::{Area, ListAsked, PAGE_ITEMS, Rendered, Shell, address, page};
use crate::ask::Asked;
use crate::state::AppState;

struct PatchRow {
    id: String,
    severity: Mark,
    kev: Option<Mark>,
    kind: String,
    devices_href: String,
    devices: u32,
    cves: Cves,
    epss: String,
}

#[derive(Template)]
#[template(path = "pages/patch/list.html")]
pub(super) struct PatchesPage {
    shell: Shell,
    filter: Filter,
    patches: Vec<PatchRow>,
    pager: Pager,
    decide_refusal: Option<String>,
    decisions: Vec<DecisionPart>,
    decisions_more: bool,
}

/// A probability from 0 to 1 in percent: `<0.1 %`, `2.4 %`, `97 %`.
fn percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "<0.1 %".to_owned()
    } else if percent < 10.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

impl PatchesPage {
    pub(super) fn new(
        who: &Principal,
        asked: &ListAsked,
        found: Page<PatchItem>,
        decisions: Page<DecisionItem>,
        now: Timestamp,
    ) -> Self {
        let mut filter = Filter::new(
            "/patches",
            "Filter patches",
            "severity>=important kev:yes product:openssl age>14d",
            SubjectKind::Finding,
            asked.q(),
        );
        if let Err(mistake) = Selection::parse_for(asked.q(), SubjectKind::Finding) {
            filter.refuse(&mistake);
        }
        Self {
            shell: Shell::new("Patches", Area::Patches, Some(who), now).saying(asked.done),
            filter,
            pager: Pager::new(
                "/patches",
                asked.q(),
                asked,
                found.next.as_deref(),
                found.items.len(),
            ),
            patches: found
                .items
                .into_iter()
                .map(|patch| PatchRow {
                    id: patch.patch.to_string(),
                    severity: Mark::severity(patch.severity, false),
                    kev: Mark::kev(patch.kev),
                    kind: patch.classification.word().replace('-', " "),
                    devices_href: address(
                        "/patches/devices",
                        &[("patch", &patch.patch.to_string())],
                    ),
                    devices: patch.devices,
                    cves: Cves::new(patch.cves),
                    epss: patch.epss.map_or_else(|| "not known".to_owned(), percent),
                })
                .collect(),
            decide_refusal: access::check(who, Permission::Decide)
                .err()
                .map(|denied| format!("{denied}.")),
            decisions_more: decisions.next.is_some(),
            decisions: decisions
                .items
                .iter()
                .map(|decision| DecisionPart::new(decision, now))
                .collect(),
        }
    }
}

/// `GET /patches`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Rendered {
    let readable = Selection::parse_for(asked.q(), SubjectKind::Finding).is_ok();
    let (person, request, q) = (who.clone(), asked.page(PAGE_ITEMS), asked.q().to_owned());
    let (found, decisions) = state
        .run(move |service| {
            let found = if readable {
                let q = (!q.is_empty()).then_some(q.as_str());
                service.patch_list(&person, q, &request)?
            } else {
                Page {
                    items: Vec::new(),
                    next: None,
                }
            };
            let newest = PageRequest {
                cursor: None,
                limit: PAGE_ITEMS,
            };
            Ok((found, service.decision_list(&person, &newest)?))
        })
        .await?;
    page(&PatchesPage::new(
        &who,
        &asked,
        found,
        decisions,
        state.service().now(),
    ))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_small_chance_is_not_shown_as_none() {
        let shown: Vec<String> = [0.0, 0.0004, 0.001, 0.024, 0.0994, 0.973, 1.0]
            .into_iter()
            .map(percent)
            .collect();
        assert_eq!(
            shown,
            [
                "0.0 %", "<0.1 %", "0.1 %", "2.4 %", "9.9 %", "97 %", "100 %"
            ]
        );
    }
}
