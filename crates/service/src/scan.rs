//! Walks over devices and their findings, and keeps what a query certainly matches.
//!
//! A page ends at its limit, and its cursor names the last thing that was given, so that a list goes
//! on where it ended also when things were added meanwhile. Only what the query asks about is loaded.

use domain::access::ClientScope;
use domain::device::Device;
use domain::finding::DatedFinding;
use domain::id::DeviceId;
use domain::inventory::Inventory;
use domain::offer::System;
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::patch::PatchId;
use domain::policy::Policy;
use domain::query::{DevicePatch, Field, Query};
use engine::decide::GroupLookup;
use engine::subject::{DeviceSubject, Membership, PatchSubject};
use jiff::Timestamp;
use store::{DeviceFilter, Tx};

use crate::policy::standing;
use crate::query::asks;
use crate::{Result, ServiceError};

/// Devices read from the database at once.
const BATCH: u32 = 200;

/// A device with what was loaded of it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub device: Device,
    pub system: Option<System>,
    pub inventory: Option<Inventory>,
    pub findings: Option<Vec<DatedFinding>>,
    /// Its groups, where the query asks for them.
    pub groups: Option<Membership>,
}

impl Seen {
    /// The device as the query language sees it.
    pub fn subject(&self) -> DeviceSubject<'_> {
        DeviceSubject {
            device: &self.device,
            system: self.system.as_ref(),
            inventory: self.inventory.as_ref(),
            findings: self.findings.as_deref(),
            groups: self.groups.as_ref(),
        }
    }
}

/// What a walk looks at.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// Whose devices.
    pub scope: ClientScope,
    /// Which.
    pub query: Query,
    /// As they were then; `None`: as they are.
    pub at: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
}

impl Walk {
    /// One page of the devices that match.
    pub fn devices(&self, tx: &mut Tx<'_>, page: &PageRequest) -> Result<Page<Seen>> {
        let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
        let mut items: Vec<Seen> = Vec::new();
        if let Some(cursor) = &page.cursor {
            cursor.parse::<DeviceId>().map_err(|_| bad_cursor())?;
        }
        self.each_device(tx, page.cursor.clone(), false, |_, seen| {
            if self.query.matches(&seen.subject(), self.now) {
                items.push(seen);
            }
            Ok(items.len() <= limit)
        })?;
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items
                .last()
                .map_or_else(String::new, |seen| seen.device.id.to_string())
        });
        Ok(Page { items, next })
    }

    /// One page of the findings that match, each with its device.
    pub fn findings(
        &self,
        tx: &mut Tx<'_>,
        page: &PageRequest,
    ) -> Result<Page<(Device, DatedFinding)>> {
        let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
        let from = page.cursor.as_deref().map(read_cursor).transpose()?;
        let mut items: Vec<(Device, DatedFinding)> = Vec::new();
        let mut visit = |seen: Seen, after: Option<&PatchId>| {
            let subject = seen.subject();
            for dated in seen.findings.iter().flatten() {
                if after.is_some_and(|after| dated.finding.patch <= *after) {
                    continue;
                }
                let pair = DevicePatch {
                    device: &subject,
                    patch: &PatchSubject::of(dated),
                };
                if self.query.matches(&pair, self.now) {
                    items.push((seen.device.clone(), dated.clone()));
                    if items.len() > limit {
                        return false;
                    }
                }
            }
            true
        };
        let mut goes_on = true;
        let policy = self.policy(tx)?;
        let groups = policy.as_ref().map(GroupLookup::of);
        if let Some((device, patch)) = &from
            && let Some(device) = tx.device_get(&self.scope, *device)?
            && let Some(seen) = self.load(tx, device, None, true, groups.as_ref())?
        {
            goes_on = visit(seen, Some(patch));
        }
        if goes_on {
            let cursor = from.map(|(device, _)| device.to_string());
            self.each_device(tx, cursor, true, |_, seen| Ok(visit(seen, None)))?;
        }
        let next = (items.len() > limit).then(|| {
            items.truncate(limit);
            items.last().map_or_else(String::new, |(device, dated)| {
                format!("{} {}", device.id, dated.finding.patch)
            })
        });
        Ok(Page { items, next })
    }

    /// Visits every device in scope behind a cursor, until the visitor says stop.
    pub fn each_device<'t>(
        &self,
        tx: &mut Tx<'t>,
        mut cursor: Option<String>,
        with_findings: bool,
        mut visit: impl FnMut(&mut Tx<'t>, Seen) -> Result<bool>,
    ) -> Result<()> {
        let policy = self.policy(tx)?;
        let groups = policy.as_ref().map(GroupLookup::of);
        loop {
            let request = PageRequest {
                cursor: cursor.take(),
                limit: BATCH,
            };
            let found = tx.device_list(&self.scope, DeviceFilter::default(), &request)?;
            let ids: Vec<DeviceId> = found.items.iter().map(|device| device.id).collect();
            let mut systems = tx.facts_systems(&self.scope, &ids)?;
            for device in found.items {
                let system = systems.remove(&device.id);
                if let Some(seen) = self.load(tx, device, system, with_findings, groups.as_ref())?
                    && !visit(tx, seen)?
                {
                    return Ok(());
                }
            }
            match found.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// One device with its findings, whether the query matches it or not.
    pub fn one(&self, tx: &mut Tx<'_>, device: Device) -> Result<Option<Seen>> {
        let policy = self.policy(tx)?;
        let groups = policy.as_ref().map(GroupLookup::of);
        self.load(tx, device, None, true, groups.as_ref())
    }

    /// The policy that says who is in which group, where the query asks for it.
    fn policy(&self, tx: &mut Tx<'_>) -> Result<Option<Policy>> {
        if !asks(&self.query, Field::Group) {
            return Ok(None);
        }
        let at = self.at.unwrap_or(self.now);
        Ok(Some(standing::load(tx, &self.scope, at)?.policy))
    }

    /// Loads the rest of a device; `None`: it was not there at that time.
    fn load(
        &self,
        tx: &mut Tx<'_>,
        device: Device,
        system: Option<System>,
        with_findings: bool,
        groups: Option<&GroupLookup<'_>>,
    ) -> Result<Option<Seen>> {
        let id = device.id;
        let group_asks = |field| {
            let mut all = groups.iter().flat_map(|lookup| lookup.groups());
            all.any(|group| asks(&group.devices, field))
        };
        let wants_findings = with_findings
            || asks_findings(&self.query)
            || FINDING_FIELDS.into_iter().any(group_asks);
        // In a query over findings `package` is answered by the patch.
        let wants_packages =
            !with_findings && asks(&self.query, Field::Package) || group_asks(Field::Package);
        let system = match (self.at, system) {
            (Some(at), _) => tx.device_system_at(&self.scope, id, at)?,
            (None, Some(system)) => Some(system),
            (None, None) => tx.facts_systems(&self.scope, &[id])?.remove(&id),
        };
        let device = match self.at {
            None => device,
            Some(at) => match tx.device_at(&self.scope, id, at)? {
                Some(device) => device,
                None => return Ok(None),
            },
        };
        let findings = match self.at {
            _ if !wants_findings => None,
            None => tx.finding_of_device(&self.scope, id)?,
            Some(at) => tx.finding_at(&self.scope, id, at)?,
        };
        let inventory = match self.at {
            _ if !wants_packages => None,
            None => tx.inventory_get(&self.scope, id)?,
            Some(at) => tx.inventory_at(&self.scope, id, at)?,
        };
        let mut seen = Seen {
            device,
            system,
            inventory: inventory.map(|known| known.inventory),
            findings,
            groups: None,
        };
        seen.groups =
            groups.map(|groups| groups.membership(&seen.subject(), seen.device.client, self.now));
        Ok(Some(seen))
    }
}

/// What a device's findings answer.
const FINDING_FIELDS: [Field; 3] = [Field::Missing, Field::Cve, Field::Kev];

/// Whether a query over devices asks where they stand with patches.
fn asks_findings(query: &Query) -> bool {
    FINDING_FIELDS.into_iter().any(|field| asks(query, field))
}

/// Lets a past instant pass: nothing can be said yet about one that is still to come.
pub(crate) fn past(at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>> {
    match at {
        Some(at) if at > now => Err(ServiceError::Invalid {
            field: "at",
            reason: format!("{at} has not come yet: name a past instant"),
        }),
        at => Ok(at),
    }
}

fn read_cursor(text: &str) -> Result<(DeviceId, PatchId)> {
    text.split_once(' ')
        .and_then(|(device, patch)| Some((device.parse().ok()?, patch.parse().ok()?)))
        .ok_or_else(bad_cursor)
}

fn bad_cursor() -> ServiceError {
    ServiceError::Invalid {
        field: "cursor",
        reason: "not a cursor of this list: take it from `next` of the page before".to_owned(),
    }
}
