//! The coverage ledger: every known device in exactly one bucket; who is taken out, by whom, until when.

use std::collections::BTreeMap;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::coverage::{Bucket, Coverage, Exclusion};
use domain::device::Device;
use domain::id::DeviceId;
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use engine::coverage::{Assessable, KnownDevice, SCAN_DEADLINE_HOURS, line};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Actor, DeviceFilter, Tx};
use utoipa::ToSchema;

use crate::{Result, Service, ServiceError, audit, naming};

/// Longest time that a device may be excluded at once, in days.
const EXCLUDED_DAYS_MAX: i64 = 366;
/// Most characters of a reason.
const REASON_MAX: usize = 500;

/// How many devices stand in each bucket. The buckets add up to `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoverageView {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How old a scan may be, in hours.
    pub deadline_hours: u32,
    /// All devices known.
    pub devices: u64,
    /// Scanned within the deadline.
    pub current: u64,
    /// Last scanned longer ago: each a breach in itself.
    pub stale: u64,
    /// Known and never scanned.
    pub never_reported: u64,
    /// Can be listed, not assessed.
    pub unsupported: u64,
    /// Taken out by a person, until a day.
    pub excluded: u64,
    /// Devices whose scan is overdue, in whatever bucket they stand.
    pub overdue: u64,
}

/// One device's line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerItem {
    /// The device.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Its name.
    pub device: String,
    /// Its client's name.
    pub client: String,
    /// Its site's name.
    pub site: String,
    /// `current`, `stale`, `never-reported`, `unsupported` or `excluded`.
    #[schema(value_type = String)]
    pub bucket: Bucket,
    /// Why it stands there.
    pub why: String,
    /// When it was last scanned.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scanned_at: Option<Timestamp>,
    /// Since when its scan is overdue; `None`: it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub overdue_since: Option<Timestamp>,
}

/// A device that is to be taken out of the ledger for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExclusion {
    /// Why.
    pub reason: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

fn item(device: &Device, exclusion: Option<&Exclusion>, now: Timestamp) -> LedgerItem {
    // A report without a single package comes from a system that nothing here can assess.
    let system = match device.packages {
        None => Assessable::Unknown,
        Some(0) => Assessable::No("a system that reports no packages"),
        Some(_) => Assessable::Yes,
    };
    let known = KnownDevice {
        device: device.id,
        enrolled_at: device.enrolled_at,
        scanned_at: device.inventory_at,
        deadline: SignedDuration::from_hours(SCAN_DEADLINE_HOURS),
        system,
        exclusion,
    };
    let line = line(&known, now);
    LedgerItem {
        id: device.id,
        device: device.name.to_string(),
        client: device.client_name.to_string(),
        site: device.site_name.to_string(),
        bucket: line.bucket,
        why: line.why,
        scanned_at: device.inventory_at,
        overdue_since: line.overdue_since,
    }
}

fn exclusions(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    now: Timestamp,
) -> Result<BTreeMap<DeviceId, Exclusion>> {
    let all = tx.exclusion_in_force(scope, now)?;
    Ok(all.into_iter().map(|one| (one.device, one)).collect())
}

/// Visits the ledger's lines behind a cursor, until the visitor says stop.
fn each_line(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    cursor: Option<String>,
    now: Timestamp,
    mut visit: impl FnMut(LedgerItem) -> bool,
) -> Result<()> {
    let excluded = exclusions(tx, scope, now)?;
    let mut request = PageRequest {
        cursor,
        limit: PAGE_ITEMS_MAX,
    };
    loop {
        let found = tx.device_list(scope, DeviceFilter::default(), &request)?;
        for device in &found.items {
            if !visit(item(device, excluded.get(&device.id), now)) {
                return Ok(());
            }
        }
        match found.next {
            Some(cursor) => request.cursor = Some(cursor),
            None => return Ok(()),
        }
    }
}

impl Service {
    /// The ledger's sums.
    pub fn coverage(&self, who: &Principal) -> Result<CoverageView> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        self.read(move |tx| {
            let mut counts = Coverage::default();
            let mut overdue = 0;
            each_line(tx, &scope, None, now, |line| {
                counts.add(line.bucket);
                overdue += u64::from(line.overdue_since.is_some());
                true
            })?;
            Ok(CoverageView {
                at: now,
                deadline_hours: u32::try_from(SCAN_DEADLINE_HOURS).unwrap_or(u32::MAX),
                devices: counts.total(),
                current: counts.current,
                stale: counts.stale,
                never_reported: counts.never_reported,
                unsupported: counts.unsupported,
                excluded: counts.excluded,
                overdue,
            })
        })
    }

    /// The ledger's lines, of one bucket or of all.
    pub fn coverage_list(
        &self,
        who: &Principal,
        bucket: Option<Bucket>,
        page: &PageRequest,
    ) -> Result<Page<LedgerItem>> {
        let scope = access::check(who, Permission::Read)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
            let mut items: Vec<LedgerItem> = Vec::new();
            each_line(tx, &scope, page.cursor, now, |line| {
                if bucket.is_none_or(|wanted| wanted == line.bucket) {
                    items.push(line);
                }
                items.len() <= limit
            })?;
            let next = (items.len() > limit).then(|| {
                items.truncate(limit);
                items
                    .last()
                    .map_or_else(String::new, |line| line.id.to_string())
            });
            Ok(Page { items, next })
        })
    }

    /// Takes a device out of the ledger until a day. It goes on being scanned, and patched if a
    /// decision says so: an exclusion says only that nobody counts it.
    pub fn device_exclude(
        &self,
        who: &Principal,
        device: &str,
        new: &NewExclusion,
    ) -> Result<LedgerItem> {
        let scope = access::check(who, Permission::ManageDevice)?;
        let now = self.now();
        checked(new, now)?;
        let (who, name, new) = (who.clone(), device.to_owned(), new.clone());
        self.write(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            let exclusion = Exclusion {
                device: device.id,
                by: who.name.clone(),
                at: now,
                reason: new.reason.trim().to_owned(),
                until: new.until,
            };
            tx.exclusion_add(&scope, &exclusion, &Actor::Principal(who.id))?;
            let entry = audit::by(&who, now, "device.exclude", device.id)
                .of(device.client)
                .saying(format_args!(
                    "{} until {}: {}",
                    device.name, exclusion.until, exclusion.reason
                ));
            tx.audit_add(&entry.0)?;
            Ok(item(&device, Some(&exclusion), now))
        })
    }

    /// Takes a device back into the ledger; one that is in it stays.
    pub fn device_include(&self, who: &Principal, device: &str) -> Result<LedgerItem> {
        let scope = access::check(who, Permission::ManageDevice)?;
        let now = self.now();
        let (who, name) = (who.clone(), device.to_owned());
        self.write(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            if tx.exclusion_end(&scope, device.id, now, &Actor::Principal(who.id))? {
                let entry = audit::by(&who, now, "device.include", device.id)
                    .of(device.client)
                    .saying(&device.name);
                tx.audit_add(&entry.0)?;
            }
            Ok(item(&device, None, now))
        })
    }
}

fn checked(new: &NewExclusion, now: Timestamp) -> Result<()> {
    let invalid = |field, reason: String| Err(ServiceError::Invalid { field, reason });
    let reason = new.reason.trim();
    if reason.is_empty() {
        return invalid(
            "reason",
            "say why the device is not to be counted".to_owned(),
        );
    }
    if reason.chars().count() > REASON_MAX || !reason.chars().all(domain::name::printable) {
        return invalid(
            "reason",
            format!("one line of at most {REASON_MAX} characters"),
        );
    }
    let latest = now
        .checked_add(SignedDuration::from_hours(24 * EXCLUDED_DAYS_MAX))
        .unwrap_or(Timestamp::MAX);
    if new.until <= now || new.until > latest {
        return invalid(
            "until",
            format!("expected an instant after {now}, at most {EXCLUDED_DAYS_MAX} days away"),
        );
    }
    Ok(())
}
