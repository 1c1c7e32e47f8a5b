//! The page "why not patched?": the evaluator's answer with every gate, and what can be done about it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::query::{Field, Query as Selection};
use domain::verdict::{Gate, GateName, Verdict};
use jiff::Timestamp;
use serde::Deserialize;
use service::device::{DeviceDetail, DeviceItem};
use service::evidence::{EvidenceItem, FindingEvidence};
use service::{Permission, Principal};

use super::local::LocalMoment;
use super::parts::{Mark, Moment};
use super::{Area, Rendered, Shell, page};
use crate::ask::{Asked, Named};
use crate::state::AppState;

/// A patch that is asked about.
#[derive(Debug, Clone, Deserialize)]
pub struct WhyAsked {
    patch: String,
}

struct LoserRow {
    object: String,
    level: String,
    verdict: Mark,
}

struct GateRow {
    name: String,
    open: Mark,
    first: bool,
    reason: String,
    owner: Option<String>,
    opens: Option<LocalMoment>,
    losers: Vec<LoserRow>,
}

impl GateRow {
    fn new(gate: &Gate, first: bool, zone: &str, now: Timestamp) -> Self {
        let losers = gate.losers.iter().flatten();
        Self {
            name: gate.gate.to_string(),
            open: Mark::gate(gate.open),
            first,
            reason: super::problem::sentence(&gate.reason),
            owner: gate.owner.clone(),
            opens: gate.opens_at.map(|at| LocalMoment::new(at, zone, now)),
            losers: losers
                .map(|loser| LoserRow {
                    object: loser.object.clone(),
                    level: loser.level.to_string(),
                    verdict: Mark::word(loser.verdict),
                })
                .collect(),
        }
    }
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

/// For which devices a decision can be made from here.
struct ReachChoice {
    query: String,
    says: String,
}

#[derive(Template)]
#[template(path = "pages/device/why.html")]
pub(super) struct WhyPage {
    shell: Shell,
    device: String,
    device_href: String,
    zone: String,
    patch: String,
    mark: Mark,
    sentence: String,
    at: Option<LocalMoment>,
    first: Option<GateRow>,
    exception: Option<String>,
    gates: Vec<GateRow>,
    evidence: Vec<EvidenceRow>,
    unknown: Option<String>,
    reaches: Vec<ReachChoice>,
    refusal: Option<String>,
}

impl WhyPage {
    pub(super) fn new(
        who: &Principal,
        detail: &DeviceDetail,
        patch: &str,
        verdict: Verdict,
        evidence: Option<FindingEvidence>,
        now: Timestamp,
    ) -> Self {
        let (evidence, unknown) = evidence.map_or_else(
            || (Vec::new(), None),
            |found| (found.evidence, found.unknown),
        );
        let device = &detail.device;
        let is_first = |gate: &Gate| Some(gate.gate) == verdict.gate;
        let row = |gate: &Gate| GateRow::new(gate, is_first(gate), &device.zone, now);
        let frozen = verdict
            .gates
            .iter()
            .find(|gate| gate.gate == GateName::Frozen && gate.open == Some(false));
        Self {
            shell: Shell::new("Why not patched?", Area::Devices, Some(who), now),
            device: device.name.clone(),
            device_href: format!("/devices/{}", device.id),
            zone: device.zone.clone(),
            patch: patch.to_owned(),
            mark: Mark::answer(verdict.verdict),
            sentence: super::problem::sentence(&verdict.sentence),
            at: verdict
                .at
                .filter(|at| *at > now)
                .map(|at| LocalMoment::new(at, &device.zone, now)),
            first: verdict.gates.iter().find(|gate| is_first(gate)).map(row),
            exception: frozen.and_then(|gate| gate.owner.clone()),
            gates: verdict.gates.iter().map(row).collect(),
            evidence: evidence
                .into_iter()
                .map(|one| evidence_row(one, now))
                .collect(),
            unknown,
            reaches: reaches(who, device, &detail.groups),
            refusal: access::check(who, Permission::Decide)
                .err()
                .map(|denied| format!("{denied}.")),
        }
    }
}

/// The devices that a decision may be for: this one, and ever wider around it.
fn reaches(who: &Principal, device: &DeviceItem, groups: &[String]) -> Vec<ReachChoice> {
    let term = |field, value: &str| {
        Selection::of(field, value)
            .map(|query| query.to_string())
            .unwrap_or_default()
    };
    let client = term(Field::Client, &device.client);
    let choice = |query: String, says: String| ReachChoice { query, says };
    let mut choices = vec![choice(
        term(Field::Device, &device.id.to_string()),
        format!("this device, {}", device.name),
    )];
    choices.extend(groups.iter().map(|group| {
        choice(
            format!("{client} {}", term(Field::Group, group)),
            format!("the group {group} of {}", device.client),
        )
    }));
    choices.push(choice(
        format!("{client} {}", term(Field::Site, &device.site)),
        format!("the site {} of {}", device.site, device.client),
    ));
    choices.push(choice(client, format!("the client {}", device.client)));
    if access::check(who, Permission::WholeProvider).is_ok() {
        choices.push(choice(
            String::new(),
            "every device of every client".to_owned(),
        ));
    }
    choices
}

fn evidence_row(one: EvidenceItem, now: Timestamp) -> EvidenceRow {
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
        &detail,
        &asked.patch,
        verdict,
        evidence,
        state.service().now(),
    ))
}
