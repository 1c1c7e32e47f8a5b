//! Patches: what is missing somewhere, and on how many devices.

use std::collections::BTreeMap;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::finding::{Finding, FindingState};
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::patch::PatchId;
use domain::query::{DevicePatch, Field, Query, SubjectKind};
use domain::severity::{Classification, Severity};
use engine::subject::PatchSubject;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Tx;
use utoipa::ToSchema;

use crate::finding::share;
use crate::scan::Walk;
use crate::{Result, Service, query};

/// A patch as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PatchItem {
    /// Its id.
    #[schema(value_type = String)]
    pub patch: PatchId,
    /// How severe it is; `None`: not looked up.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// What kind of patch it is.
    #[schema(value_type = String)]
    pub classification: Classification,
    /// Its CVEs; `None`: not looked up.
    pub cves: Option<Vec<String>>,
    /// On how many devices it is missing.
    pub devices: u32,
    /// Whether one of the CVEs is known to be exploited; `None`: not known.
    pub kev: Option<bool>,
    /// The highest probability of exploitation, 0 to 1; `None`: not known.
    pub epss: Option<f64>,
}

fn item(finding: &Finding, devices: u32) -> PatchItem {
    PatchItem {
        patch: finding.patch.clone(),
        severity: finding.facts.severity,
        classification: finding.classification,
        cves: finding.facts.cves.clone(),
        devices,
        kev: finding.facts.kev,
        epss: finding.facts.epss_millionths.map(share),
    }
}

/// Whether a query can be answered from the patch alone, without looking at its devices.
fn of_patch_alone(query: &Query) -> bool {
    query.terms().iter().all(|term| match term.field() {
        // A word alone is also looked for in devices' names; state and age differ by device.
        None | Some(Field::State | Field::Age | Field::Released) => false,
        Some(field) => field.applies_to(SubjectKind::Patch),
    })
}

impl Service {
    /// Lists patches with a finding that matches `q`, by id; without `q`, those that are missing
    /// somewhere. `devices` counts the devices on which it is missing and that `q` matches.
    pub fn patch_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<PatchItem>> {
        let scope = access::check(who, Permission::Read)?;
        let query = query::parse("q", q, SubjectKind::Finding)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            if of_patch_alone(&query) {
                summaries(tx, &scope, &query, &page, now)
            } else {
                gathered(tx, scope, query, &page, now)
            }
        })
    }
}

/// From the counters that are kept as findings change.
fn summaries(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    query: &Query,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<PatchItem>> {
    let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
    let mut items: Vec<PatchItem> = Vec::new();
    let mut request = page.clone();
    request.limit = PAGE_ITEMS_MAX;
    loop {
        let found = tx.patch_list(scope, &request)?;
        for summary in found.items {
            let missing = summary.devices.get(&FindingState::Missing).copied();
            let subject = PatchSubject {
                finding: &summary.newest,
                first_seen: None,
                class: Some(summary.newest.classification),
                fix: None,
            };
            if let Some(devices) = missing.filter(|devices| *devices > 0)
                && query.matches(&subject, now)
            {
                items.push(item(&summary.newest, devices));
            }
        }
        match found.next {
            Some(cursor) if items.len() <= limit => request.cursor = Some(cursor),
            Some(_) | None => break,
        }
    }
    Ok(cut(items, limit))
}

/// From the findings themselves, where the query asks about devices.
fn gathered(
    tx: &mut Tx<'_>,
    scope: ClientScope,
    query: Query,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<PatchItem>> {
    let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
    let walk = Walk {
        scope,
        query,
        at: None,
        now,
    };
    let mut found: BTreeMap<String, PatchItem> = BTreeMap::new();
    walk.each_device(tx, None, true, |_, seen| {
        let subject = seen.subject();
        for dated in seen.findings.iter().flatten() {
            let pair = DevicePatch {
                device: &subject,
                patch: &PatchSubject::of(dated),
            };
            if walk.query.matches(&pair, now) {
                let entry = found
                    .entry(dated.finding.patch.to_string())
                    .or_insert_with(|| item(&dated.finding, 0));
                entry.devices += u32::from(dated.finding.state == FindingState::Missing);
            }
        }
        Ok(true)
    })?;
    let after = page.cursor.clone().unwrap_or_default();
    let items = found
        .into_iter()
        .filter(|(patch, _)| *patch > after)
        .map(|(_, item)| item)
        .collect();
    Ok(cut(items, limit))
}

fn cut(mut items: Vec<PatchItem>, limit: usize) -> Page<PatchItem> {
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items
            .last()
            .map_or_else(String::new, |item| item.patch.to_string())
    });
    Page { items, next }
}
