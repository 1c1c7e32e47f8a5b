//! Orders: what devices were told to do, and what came of it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::device::Device;
use domain::finding::{Finding, FindingPackage, FindingState, PatchFacts};
use domain::id::{DeviceId, OrderId};
use domain::order::record::OrderRecord;
use domain::order::{OrderState, Outcome};
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::patch::PatchId;
use domain::proof::ProofState;
use domain::query::{DevicePatch, Query, SubjectKind};
use domain::severity::Classification;
use engine::subject::PatchSubject;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{OrderFilter, Tx};
use utoipa::ToSchema;

use crate::scan::{Seen, Walk};
use crate::{Result, Service, ServiceError, query};

/// One package of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderPackageItem {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// What was installed; `None` when it is new.
    pub from: Option<String>,
    /// What must be installed afterwards.
    pub to: String,
}

/// What a second look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofItem {
    /// `pending`, `proven` or `not-proven`.
    #[schema(value_type = String)]
    pub state: ProofState,
    /// When the second look was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// One sentence a fact.
    pub facts: Vec<String>,
}

/// An order as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// The device's name.
    pub device: String,
    /// The device.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// The client's name.
    pub client: String,
    /// The packages.
    pub items: Vec<OrderPackageItem>,
    /// The patches they belong to.
    #[schema(value_type = Vec<String>)]
    pub patches: Vec<PatchId>,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub state_since: Timestamp,
    /// When it was first made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When the device may start.
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    /// When nothing new may start.
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Timestamp,
    /// Why it stands so, in one sentence.
    pub reason: String,
    /// What a second look found.
    pub proof: ProofItem,
    /// What the device said; not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<Outcome>,
}

/// Whether an order is shown with what the device said of it; it is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcomes {
    Shown,
    Left,
}

/// An order as lists show it.
pub(crate) fn item(device: &Device, order: &OrderRecord, outcomes: Outcomes) -> OrderView {
    OrderView {
        id: order.id,
        device: device.name.to_string(),
        device_id: device.id,
        client: device.client_name.to_string(),
        items: order
            .items
            .iter()
            .map(|item| OrderPackageItem {
                name: item.name.to_string(),
                architecture: item.architecture.to_string(),
                from: item.from.as_ref().map(ToString::to_string),
                to: item.to.to_string(),
            })
            .collect(),
        patches: order.patches(),
        state: order.state,
        state_since: order.state_since,
        made_at: order.made_at,
        opens_at: order.opens_at,
        closes_at: order.closes_at,
        reason: order.reason.clone(),
        proof: ProofItem {
            state: order.proof.state,
            checked_at: order.proof.checked_at,
            facts: order.proof.facts.clone(),
        },
        outcome: match outcomes {
            Outcomes::Shown => order.outcome.clone(),
            Outcomes::Left => None,
        },
    }
}

impl Service {
    /// Lists orders that match `q` (fields of the device, and of one of its patches), newest first.
    pub fn order_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<OrderView>> {
        let scope = access::check(who, Permission::Read)?;
        let query = query::parse("q", q, SubjectKind::Finding)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
            let mut request = page.clone();
            let mut items: Vec<OrderView> = Vec::new();
            let mut devices: BTreeMap<DeviceId, Option<Seen>> = BTreeMap::new();
            loop {
                let found = tx.order_list(&scope, &OrderFilter::default(), &request)?;
                for order in found.items {
                    let known = match devices.entry(order.device) {
                        Entry::Occupied(entry) => entry.into_mut(),
                        Entry::Vacant(entry) => {
                            entry.insert(seen(tx, &scope, order.device, &query, now)?)
                        }
                    };
                    let Some(seen) = known else {
                        continue;
                    };
                    if matches(&query, seen, &order, now) {
                        items.push(item(&seen.device, &order, Outcomes::Left));
                    }
                }
                match found.next {
                    Some(cursor) if items.len() <= limit => request.cursor = Some(cursor),
                    Some(_) | None => break,
                }
            }
            let next = (items.len() > limit).then(|| {
                items.truncate(limit);
                items
                    .last()
                    .map_or_else(String::new, |order| order.id.to_string())
            });
            Ok(Page { items, next })
        })
    }

    /// Shows one order with its outcome.
    pub fn order_show(&self, who: &Principal, id: &str) -> Result<OrderView> {
        let scope = access::check(who, Permission::Read)?;
        let not_found = ServiceError::NotFound {
            what: "order",
            name: id.chars().take(200).collect(),
        };
        let Ok(id) = id.parse() else {
            return Err(not_found);
        };
        self.read(move |tx| {
            let Some(order) = tx.order_get(&scope, id)? else {
                return Err(not_found);
            };
            match tx.device_get(&scope, order.device)? {
                Some(device) => Ok(item(&device, &order, Outcomes::Shown)),
                None => Err(not_found),
            }
        })
    }
}

/// Loads a device as far as the query asks about it.
fn seen(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
    query: &Query,
    now: Timestamp,
) -> Result<Option<Seen>> {
    let Some(device) = tx.device_get(scope, device)? else {
        return Ok(None);
    };
    if query.is_everything() {
        return Ok(Some(Seen {
            device,
            system: None,
            inventory: None,
            findings: None,
            groups: None,
        }));
    }
    let walk = Walk {
        scope: scope.clone(),
        query: query.clone(),
        at: None,
        now,
    };
    walk.one(tx, device)
}

/// Whether one of an order's patches, on its device, matches.
fn matches(query: &Query, seen: &Seen, order: &OrderRecord, now: Timestamp) -> bool {
    if query.is_everything() {
        return true;
    }
    let subject = seen.subject();
    order.patches().iter().any(|patch| {
        let known = seen
            .findings
            .iter()
            .flatten()
            .find(|dated| dated.finding.patch == *patch);
        match known {
            Some(dated) => query.matches(
                &DevicePatch {
                    device: &subject,
                    patch: &PatchSubject::of(dated),
                },
                now,
            ),
            None => query.matches(
                &DevicePatch {
                    device: &subject,
                    patch: &PatchSubject {
                        finding: &forgotten(order, patch),
                        first_seen: None,
                        class: None,
                        fix: None,
                    },
                },
                now,
            ),
        }
    })
}

/// A patch of an old order that no finding names any more: only its name and packages are known.
fn forgotten(order: &OrderRecord, patch: &PatchId) -> Finding {
    Finding {
        patch: patch.clone(),
        packages: order
            .items
            .iter()
            .filter(|item| item.patch == *patch)
            .map(|item| FindingPackage {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                installed: item.from.clone(),
                candidate: Some(item.to.clone()),
            })
            .collect(),
        state: FindingState::Unknown,
        why: String::new(),
        facts: PatchFacts::default(),
        classification: Classification::Hotfix,
        origin: None,
        needs: Vec::new(),
        refused: None,
    }
}
