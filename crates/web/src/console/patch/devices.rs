//! The devices that a patch concerns, each with the way to "why not?".

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::finding::FindingState;
use domain::page::Page;
use domain::query::{Field, Query as Selection};
use jiff::Timestamp;
use serde::Deserialize;
use service::finding::FindingItem;
use service::{Principal, ServiceError};

use crate::ask::Asked;
use crate::console::parts::{Mark, Moment};
use crate::console::{Area, PAGE_ITEMS, Rendered, Shell, address, page};
use crate::problem::Problem;
use crate::state::AppState;

/// Which patch, and which part of the list.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PatchAsked {
    pub(in crate::console) patch: String,
    #[serde(default)]
    pub(in crate::console) cursor: String,
}

struct DeviceLine {
    href: String,
    name: String,
    client: String,
    state: Mark,
    why: String,
    why_href: Option<String>,
    since: Moment,
}

#[derive(Template)]
#[template(path = "pages/patch/devices.html")]
pub(in crate::console) struct PatchDevicesPage {
    shell: Shell,
    patch: String,
    decide: String,
    devices: Vec<DeviceLine>,
    next: Option<String>,
}

impl PatchDevicesPage {
    pub fn new(
        who: &Principal,
        asked: &PatchAsked,
        found: &Page<FindingItem>,
        now: Timestamp,
    ) -> Self {
        let patch = asked.patch.as_str();
        let line = |finding: &FindingItem| {
            let href = format!("/devices/{}", finding.device_id);
            DeviceLine {
                name: finding.device.clone(),
                client: finding.client.clone(),
                state: Mark::finding(finding.state),
                why: finding.why.clone(),
                why_href: (finding.state == FindingState::Missing)
                    .then(|| address(&format!("{href}/why"), &[("patch", patch)])),
                since: Moment::new(finding.first_seen, now),
                href,
            }
        };
        Self {
            shell: Shell::new("Devices of a patch", Area::Patches, Some(who), now),
            patch: patch.to_owned(),
            decide: address("/decisions/new", &[("patch", patch)]),
            devices: found.items.iter().map(line).collect(),
            next: found
                .next
                .as_deref()
                .map(|cursor| address("/patches/devices", &[("patch", patch), ("cursor", cursor)])),
        }
    }
}

/// `GET /patches/devices`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<PatchAsked>,
) -> Rendered {
    let query = Selection::of(Field::Patch, &asked.patch).map_err(|_| {
        Problem::from(ServiceError::NotFound {
            what: "patch",
            name: asked.patch.chars().take(200).collect(),
        })
    })?;
    let request = domain::page::PageRequest {
        cursor: Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty()),
        limit: PAGE_ITEMS,
    };
    let person = who.clone();
    let found = state
        .run(move |service| service.finding_list(&person, Some(&query.to_string()), None, &request))
        .await?;
    page(&PatchDevicesPage::new(
        &who,
        &asked,
        &found,
        state.service().now(),
    ))
}
