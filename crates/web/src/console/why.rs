//! The page "why not patched?": the evaluator's answer with every gate.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::query::{Field, Query as Selection};
use domain::verdict::Verdict;
use jiff::Timestamp;
use serde::Deserialize;
use service::Principal;
use service::device::DeviceItem;
use service::evidence::{EvidenceItem, FindingEvidence};

use super::parts::{Mark, Moment};
use super::{Area, Rendered, Shell, address, page};
use crate::ask::{Asked, Named};
use crate::state::AppState;

/// A patch that is asked about.
#[derive(Debug, Clone, Deserialize)]
pub struct WhyAsked {
    patch: String,
}

struct GateRow {
    name: String,
    open: Mark,
    first: bool,
    reason: String,
    owner: Option<String>,
    opens: Option<Moment>,
}

struct EvidenceRow {
    feed: String,
    says: String,
    installed: Option<String>,
    fixed: Option<String>,
    rule: String,
    cves: String,
    document: String,
    dated: Option<Moment>,
    fetched: Option<Moment>,
    sha256: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/device/why.html")]
pub(super) struct WhyPage {
    shell: Shell,
    device: String,
    device_href: String,
    patch: String,
    mark: Mark,
    sentence: String,
    at: Option<Moment>,
    gates: Vec<GateRow>,
    evidence: Vec<EvidenceRow>,
    unknown: Option<String>,
    decide_href: String,
}

impl WhyPage {
    pub(super) fn new(
        who: &Principal,
        device: &DeviceItem,
        patch: &str,
        verdict: Verdict,
        evidence: Option<FindingEvidence>,
        now: Timestamp,
    ) -> Self {
        let (evidence, unknown) = evidence.map_or_else(
            || (Vec::new(), None),
            |found| (found.evidence, found.unknown),
        );
        let device_query = Selection::of(Field::Device, &device.id.to_string())
            .map(|query| query.to_string())
            .unwrap_or_default();
        Self {
            shell: Shell::new("Why not patched?", Area::Devices, Some(who), now),
            device: device.name.clone(),
            device_href: format!("/devices/{}", device.id),
            patch: patch.to_owned(),
            mark: Mark::answer(verdict.verdict),
            sentence: super::problem::sentence(&verdict.sentence),
            at: verdict.at.map(|at| Moment::new(at, now)),
            gates: verdict
                .gates
                .iter()
                .map(|gate| GateRow {
                    name: gate.gate.to_string(),
                    open: Mark::gate(gate.open),
                    first: Some(gate.gate) == verdict.gate,
                    reason: super::problem::sentence(&gate.reason),
                    owner: gate.owner.clone(),
                    opens: gate.opens_at.map(|at| Moment::new(at, now)),
                })
                .collect(),
            evidence: evidence.into_iter().map(|one| row(one, now)).collect(),
            unknown,
            decide_href: address(
                "/decisions/new",
                &[("patch", patch), ("for", &device_query)],
            ),
        }
    }
}

fn row(one: EvidenceItem, now: Timestamp) -> EvidenceRow {
    EvidenceRow {
        feed: one.feed.to_string(),
        says: one.says,
        installed: one.installed,
        fixed: one.fixed,
        rule: super::problem::sentence(&one.rule),
        cves: one.cves.join(" "),
        document: one.document,
        dated: one.dated.map(|at| Moment::new(at, now)),
        fetched: one.fetched_at.map(|at| Moment::new(at, now)),
        sha256: one.sha256,
    }
}

/// `GET /devices/{device}/why`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Asked(asked): Asked<WhyAsked>,
) -> Rendered {
    let (person, patch) = (who.clone(), asked.patch.clone());
    let (detail, verdict, evidence) = state
        .run(move |service| {
            let verdict = service.why(&person, &device, &patch)?;
            let detail = service.device_show(&person, &device, None)?;
            // A patch that is no finding has no evidence; the verdict says what it is.
            let evidence = service.device_evidence(&person, &device, Some(&patch));
            let evidence = evidence.ok().and_then(|mut found| found.findings.pop());
            Ok((detail, verdict, evidence))
        })
        .await?;
    page(&WhyPage::new(
        &who,
        &detail.device,
        &asked.patch,
        verdict,
        evidence,
        state.service().now(),
    ))
}
