//! The pages of devices: the list, one device, its mode, and "why not patched?".

pub(super) mod holds;
pub(super) mod mode;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::device::{Mode, Standing};
use domain::finding::FindingState;
use domain::page::{PAGE_ITEMS_MAX, Page};
use domain::query::{Field, Query as Selection, SubjectKind};
use jiff::Timestamp;
use serde::Deserialize;
use service::device::{DeviceDetail, DeviceItem};
use service::finding::FindingItem;
use service::policy::EffectivePolicy;
use service::{Permission, Principal};

use self::holds::Holds;
use super::parts::{Cves, DecisionPart, Filter, Mark, Moment, OrderPart, Pager, query_shown};
use super::report::UncountedLine;
use super::{Area, ListAsked, PAGE_ITEMS, Rendered, Shell, address, counted, escaped, page};
use crate::ask::{Asked, Named};
use crate::state::AppState;

/// A device as the pages show it.
pub(super) struct DeviceRow {
    href: String,
    name: String,
    client: String,
    site: String,
    zone: String,
    os: String,
    mode: Mark,
    packages: String,
    inventory: MaybeMoment,
    seen: MaybeMoment,
}

/// An instant, or the word for its absence.
pub(super) enum MaybeMoment {
    At(Moment),
    Not(&'static str),
}

impl std::fmt::Display for MaybeMoment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(f),
            Self::Not(word) => f.write_str(word),
        }
    }
}
// The words are ours, the moment escapes itself.
impl askama::filters::HtmlSafe for MaybeMoment {}

impl MaybeMoment {
    fn new(at: Option<Timestamp>, otherwise: &'static str, now: Timestamp) -> Self {
        at.map_or(Self::Not(otherwise), |at| Self::At(Moment::new(at, now)))
    }
}

impl DeviceRow {
    fn new(device: &DeviceItem, now: Timestamp) -> Self {
        Self {
            href: format!("/devices/{}", device.id),
            name: device.name.clone(),
            client: device.client.clone(),
            site: device.site.clone(),
            zone: device.zone.clone(),
            os: device
                .os
                .clone()
                .unwrap_or_else(|| "not reported yet".to_owned()),
            mode: Mark::mode(device.mode),
            packages: device.packages.map_or_else(
                || "not reported yet".to_owned(),
                |number| number.to_string(),
            ),
            inventory: MaybeMoment::new(device.inventory_at, "none yet", now),
            seen: MaybeMoment::new(device.last_seen, "never", now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/device/list.html")]
pub(super) struct DevicesPage {
    shell: Shell,
    filter: Filter,
    devices: Vec<DeviceRow>,
    pager: Pager,
}

impl DevicesPage {
    pub(super) fn new(
        who: &Principal,
        asked: &ListAsked,
        found: Page<DeviceItem>,
        now: Timestamp,
    ) -> Self {
        let mut filter = Filter::new(
            "/devices",
            "Filter devices",
            "client:acme site:berlin tag:server os:debian>=12 seen<7d",
            SubjectKind::Device,
            asked.q(),
        );
        if let Err(mistake) = Selection::parse_for(asked.q(), SubjectKind::Device) {
            filter.refuse(&mistake);
        }
        Self {
            shell: Shell::new("Devices", Area::Devices, Some(who), now).saying(asked.done),
            filter,
            pager: Pager::new(
                "/devices",
                asked.q(),
                asked,
                found.next.as_deref(),
                found.items.len(),
            ),
            devices: found
                .items
                .iter()
                .map(|device| DeviceRow::new(device, now))
                .collect(),
        }
    }
}

/// `GET /devices`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<ListAsked>,
) -> Rendered {
    let found = if Selection::parse_for(asked.q(), SubjectKind::Device).is_ok() {
        let (person, request, q) = (who.clone(), asked.page(PAGE_ITEMS), asked.q().to_owned());
        state
            .run(move |service| service.device_list(&person, Some(&q), None, &request))
            .await?
    } else {
        Page {
            items: Vec::new(),
            next: None,
        }
    };
    page(&DevicesPage::new(
        &who,
        &asked,
        found,
        state.service().now(),
    ))
}

struct TagLink {
    name: String,
    href: String,
}

struct ModeLine {
    mode: Mark,
    since: Moment,
    by: String,
}

struct PackageLine {
    name: String,
    change: String,
}

struct FindingRow {
    patch: String,
    needs: Vec<String>,
    severity: Mark,
    kev: Option<Mark>,
    state: Mark,
    why: String,
    why_href: Option<String>,
    packages: Vec<PackageLine>,
    cves: Cves,
    first_seen: Moment,
}

impl FindingRow {
    fn new(finding: &FindingItem, now: Timestamp) -> Self {
        let patch = finding.patch.to_string();
        Self {
            why_href: (finding.state == FindingState::Missing).then(|| {
                address(
                    &format!("/devices/{}/why", finding.device_id),
                    &[("patch", &patch)],
                )
            }),
            patch,
            needs: finding.needs.iter().map(ToString::to_string).collect(),
            severity: Mark::severity(finding.severity, finding.derived),
            kev: Mark::kev(finding.kev),
            state: Mark::finding(finding.state),
            why: finding.why.clone(),
            packages: finding
                .packages
                .iter()
                .map(|package| PackageLine {
                    name: format!("{}:{}", package.name, package.architecture),
                    change: match (&package.installed, &package.candidate) {
                        (Some(from), Some(to)) => format!("{from} → {to}"),
                        (None, Some(to)) => format!("new: {to}"),
                        (Some(installed), None) => installed.clone(),
                        (None, None) => "not installed".to_owned(),
                    },
                })
                .collect(),
            cves: Cves::new(finding.cves.clone()),
            first_seen: Moment::new(finding.first_seen, now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/device/show.html")]
pub(super) struct DevicePage {
    shell: Shell,
    device: DeviceRow,
    id: String,
    client_href: String,
    standing: Option<Mark>,
    reboot_mark: Option<Mark>,
    as_of_past: bool,
    at: Moment,
    kernel: String,
    tags: Vec<TagLink>,
    lists: MaybeMoment,
    pending: String,
    reboot: Option<Vec<String>>,
    old_code: Option<Vec<String>>,
    enrolled: Moment,
    agent: String,
    verbs: Vec<String>,
    guardrails: Vec<String>,
    unknown: Vec<UncountedLine>,
    mode_sentence: &'static str,
    mode_refusal: Option<String>,
    mode_href: String,
    mode_other: Mode,
    mode_button: &'static str,
    modes: Vec<ModeLine>,
    findings: Vec<FindingRow>,
    findings_sentence: String,
    findings_empty: &'static str,
    pager: Pager,
    orders: Vec<OrderPart>,
    decisions: Vec<DecisionPart>,
    groups: Vec<TagLink>,
    holds: Option<Holds>,
}

/// What one device is asked with.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct DeviceAsked {
    /// As it was at this instant.
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
    #[serde(default)]
    pub(super) done: Option<super::Done>,
}

impl DevicePage {
    pub(super) fn new(
        who: &Principal,
        asked: &DeviceAsked,
        detail: DeviceDetail,
        policy: Option<&EffectivePolicy>,
        mut findings: Page<FindingItem>,
        now: Timestamp,
    ) -> Self {
        // What asks for action first, the worst of it first; the list is whole unless it says so.
        findings.items.sort_by(|a, b| {
            (
                a.state,
                std::cmp::Reverse(a.severity),
                a.kev != Some(true),
                &a.patch,
            )
                .cmp(&(
                    b.state,
                    std::cmp::Reverse(b.severity),
                    b.kev != Some(true),
                    &b.patch,
                ))
        });
        let row = DeviceRow::new(&detail.device, now);
        let listed = ListAsked {
            q: None,
            cursor: asked.cursor.clone(),
            done: None,
        };
        let path = row.href.clone();
        let mode = detail.device.mode;
        let agent = match &detail.agent {
            Some(agent) => format!(
                "{}, protocol {}, {}",
                agent.version,
                agent.protocol,
                if agent.privileged {
                    "may change the device"
                } else {
                    "without the right to change anything"
                }
            ),
            None => "not reported yet".to_owned(),
        };
        Self {
            shell: Shell::new(detail.device.name.clone(), Area::Devices, Some(who), now)
                .saying(asked.done),
            id: detail.device.id.to_string(),
            client_href: address(
                &format!("/reports/clients/{}", escaped(&detail.device.client)),
                &[],
            ),
            standing: (detail.standing == Standing::Ahead).then(|| {
                Mark::warn(
                    "remembers more than the server",
                    "the server's database was restored from an older copy; no order is given until its outcomes were read again",
                )
            }),
            reboot_mark: detail
                .reboot
                .as_ref()
                .is_some_and(|reasons| !reasons.is_empty())
                .then(|| Mark::warn("reboot due", "")),
            as_of_past: asked.at.is_some(),
            at: Moment::new(detail.at, now),
            kernel: detail.kernel.unwrap_or_else(|| "not known".to_owned()),
            tags: detail
                .tags
                .iter()
                .map(|tag| TagLink {
                    name: tag.clone(),
                    href: address("/devices", &[("q", &format!("tag:{tag}"))]),
                })
                .collect(),
            pending: detail
                .pending
                .map_or_else(|| "not known".to_owned(), |number| counted(number as usize, "package", "packages")),
            lists: MaybeMoment::new(detail.lists_fetched_at, "not known", now),
            reboot: detail.reboot,
            old_code: detail.old_code,
            enrolled: Moment::new(detail.enrolled_at, now),
            agent,
            verbs: detail
                .agent
                .iter()
                .flat_map(|agent| agent.verbs.iter().map(ToString::to_string))
                .collect(),
            guardrails: detail
                .agent
                .iter()
                .flat_map(|agent| agent.guardrails.iter().cloned())
                .collect(),
            unknown: detail
                .unknown
                .iter()
                .map(|line| UncountedLine {
                    what: line.what.clone(),
                    why: line.why.clone(),
                    since: line.since.map(|since| Moment::new(since, now)),
                })
                .collect(),
            mode_sentence: mode_sentence(mode),
            mode_refusal: access::check(who, Permission::ManageDevice)
                .err()
                .map(|denied| format!("{denied}.")),
            mode_href: format!("{path}/mode"),
            mode_other: other(mode),
            mode_button: match mode {
                Mode::Observe => "Let it be managed…",
                Mode::Managed => "Only observe it…",
            },
            modes: detail
                .modes
                .iter()
                .map(|change| ModeLine {
                    mode: Mark::mode(change.mode),
                    since: Moment::new(change.since, now),
                    by: change.by.clone(),
                })
                .collect(),
            findings_sentence: findings_sentence(&findings),
            findings_empty: if detail.device.inventory_at.is_some() {
                "No patch concerns it, as far as its own package lists know. What could not be looked up stands under “Not known”."
            } else {
                "Its first inventory has not arrived, so nothing can be said yet."
            },
            pager: Pager::new(&path, "", &listed, findings.next.as_deref(), findings.items.len()),
            findings: findings
                .items
                .iter()
                .map(|finding| FindingRow::new(finding, now))
                .collect(),
            orders: detail
                .orders
                .iter()
                .map(|order| OrderPart::new(order, false, now))
                .collect(),
            decisions: detail
                .decisions
                .iter()
                .map(|decision| DecisionPart::new(decision, now))
                .collect(),
            groups: detail
                .groups
                .iter()
                .map(|group| TagLink {
                    name: group.clone(),
                    href: address("/devices", &[("q", &query_of(Field::Group, group))]),
                })
                .collect(),
            holds: policy.map(|policy| {
                let own = query_of(Field::Device, &detail.device.id.to_string());
                Holds::new(policy, &own, now)
            }),
            device: row,
        }
    }
}

/// The query for one value of a field.
fn query_of(field: Field, value: &str) -> String {
    Selection::of(field, value)
        .map(|query| query.to_string())
        .unwrap_or_default()
}

fn other(mode: Mode) -> Mode {
    match mode {
        Mode::Observe => Mode::Managed,
        Mode::Managed => Mode::Observe,
    }
}

fn mode_sentence(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "Only looked at. Nothing is installed on it, whatever is approved.",
        Mode::Managed => "Approved patches are installed in its change windows.",
    }
}

fn findings_sentence(findings: &Page<FindingItem>) -> String {
    let number = |state| {
        findings
            .items
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    };
    let parts: Vec<String> = FindingState::ALL
        .iter()
        .map(|&state| (number(state), state.word().replace('-', " ")))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let more = if findings.next.is_some() {
        " on this part of the list"
    } else {
        ""
    };
    format!("{}{more}", parts.join(", "))
}

/// `GET /devices/{device}`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(device): Named,
    Asked(asked): Asked<DeviceAsked>,
) -> Rendered {
    let (person, at) = (who.clone(), asked.at);
    let request = domain::page::PageRequest {
        cursor: asked.cursor.clone(),
        limit: PAGE_ITEMS_MAX,
    };
    let (detail, policy, findings) = state
        .run(move |service| {
            let detail = service.device_show(&person, &device, at)?;
            let q = Selection::of(Field::Device, &detail.device.id.to_string())
                .expect("an id is a value of the field")
                .to_string();
            let findings = service.finding_list(&person, Some(&q), at, &request)?;
            // What held in the past is not worked out.
            let policy = match at {
                None => Some(service.policy_effective(&person, &detail.device.id.to_string())?),
                Some(_) => None,
            };
            Ok((detail, policy, findings))
        })
        .await?;
    page(&DevicePage::new(
        &who,
        &asked,
        detail,
        policy.as_ref(),
        findings,
        state.service().now(),
    ))
}

/// How many devices a sentence counts.
pub(super) fn devices_counted(number: u32) -> String {
    counted(number as usize, "device", "devices")
}
