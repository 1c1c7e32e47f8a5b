//! The overview: a few numbers, each with what it does not count.

use std::collections::BTreeMap;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::device::Mode;
use domain::finding::FindingState;
use domain::order::OrderState;
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::report::{MissingCount, NotCounted};
use domain::severity::Severity;
use engine::decide::REPORT_FRESH_DAYS;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{DeviceFilter, OrderFilter, Tx};
use utoipa::ToSchema;

use crate::order::{self, OrderView, Outcomes};
use crate::{Result, Service};

/// How many of the newest orders the first page shows.
const LATEST: u32 = 10;

/// What the first page shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// Devices known.
    pub devices: u32,
    /// Of them, in mode `managed`.
    pub managed: u32,
    /// Of them, with a fresh and assessed report: those that the numbers count.
    pub counted: u32,
    /// Missing patches by severity.
    #[schema(value_type = Vec<Object>)]
    pub missing: Vec<MissingCount>,
    /// Findings by state, over all devices: `(state, how many)`.
    pub findings: Vec<(String, u64)>,
    /// Orders that have not ended, by state.
    pub orders: Vec<(String, u64)>,
    /// Tickets that somebody has to look at.
    pub tickets_open: u64,
    /// Of them, those for a study whose answer is overdue.
    pub studies_overdue: u64,
    /// The newest orders.
    pub latest: Vec<OrderView>,
    /// What is not counted, and why.
    #[schema(value_type = Vec<Object>)]
    pub not_counted: Vec<NotCounted>,
}

impl Service {
    /// The numbers of the first page.
    pub fn overview(&self, who: &Principal) -> Result<Overview> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        self.read(move |tx| {
            let mut overview = Overview::default();
            devices(tx, &scope, &mut overview, now)?;
            patches(tx, &scope, &mut overview)?;
            orders(tx, &scope, &mut overview)?;
            let tickets = tx.ticket_count(&scope, now)?;
            overview.tickets_open = tickets.open;
            overview.studies_overdue = tickets.overdue;
            Ok(overview)
        })
    }
}

/// Whole pages of a list, one after the other.
fn each_page<'t, T>(
    tx: &mut Tx<'t>,
    mut list: impl FnMut(&mut Tx<'t>, &PageRequest) -> Result<Page<T>>,
    mut visit: impl FnMut(T),
) -> Result<()> {
    let mut request = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    loop {
        let found = list(tx, &request)?;
        found.items.into_iter().for_each(&mut visit);
        match found.next {
            Some(cursor) => request.cursor = Some(cursor),
            None => return Ok(()),
        }
    }
}

fn devices(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    overview: &mut Overview,
    now: Timestamp,
) -> Result<()> {
    let fresh_since = now
        .checked_sub(SignedDuration::from_hours(24 * REPORT_FRESH_DAYS))
        .unwrap_or(Timestamp::MIN);
    let (mut silent, mut stale) = (0_u32, 0_u32);
    let mut oldest: Option<Timestamp> = None;
    each_page(
        tx,
        |tx, page| Ok(tx.device_list(scope, DeviceFilter::default(), page)?),
        |device| {
            overview.devices += 1;
            overview.managed += u32::from(device.mode == Mode::Managed);
            match (device.packages, device.last_seen) {
                (Some(_), Some(seen)) if seen >= fresh_since => overview.counted += 1,
                (Some(_), Some(seen)) => {
                    stale += 1;
                    oldest = Some(oldest.map_or(seen, |old| old.min(seen)));
                }
                (None, _) | (_, None) => silent += 1,
            }
        },
    )?;
    if silent > 0 {
        overview.not_counted.push(NotCounted {
            what: format!("{silent} devices"),
            why: "they have not reported yet".to_owned(),
            since: None,
        });
    }
    if stale > 0 {
        overview.not_counted.push(NotCounted {
            what: format!("{stale} devices"),
            why: format!("their last report is older than {REPORT_FRESH_DAYS} days"),
            since: oldest,
        });
    }
    Ok(())
}

fn patches(tx: &mut Tx<'_>, scope: &ClientScope, overview: &mut Overview) -> Result<()> {
    let mut states: BTreeMap<FindingState, u64> = BTreeMap::new();
    let mut missing: BTreeMap<Option<Severity>, (u32, u32)> = BTreeMap::new();
    each_page(
        tx,
        |tx, page| Ok(tx.patch_list(scope, page)?),
        |summary| {
            for (state, devices) in &summary.devices {
                *states.entry(*state).or_default() += u64::from(*devices);
            }
            if let Some(devices) = summary.devices.get(&FindingState::Missing) {
                let entry = missing.entry(summary.newest.facts.severity).or_default();
                entry.0 += 1;
                entry.1 += devices;
            }
        },
    )?;
    overview.findings = states
        .into_iter()
        .map(|(state, count)| (state.to_string(), count))
        .collect();
    overview.missing = missing
        .into_iter()
        .rev()
        .map(|(severity, (patches, findings))| MissingCount {
            severity,
            patches,
            findings,
        })
        .collect();
    Ok(())
}

fn orders(tx: &mut Tx<'_>, scope: &ClientScope, overview: &mut Overview) -> Result<()> {
    let mut open: BTreeMap<OrderState, u64> = BTreeMap::new();
    let filter = OrderFilter {
        states: vec![
            OrderState::Waiting,
            OrderState::Delivered,
            OrderState::Running,
        ],
        ..OrderFilter::default()
    };
    each_page(
        tx,
        |tx, page| Ok(tx.order_list(scope, &filter, page)?),
        |order| *open.entry(order.state).or_default() += 1,
    )?;
    overview.orders = open
        .into_iter()
        .map(|(state, count)| (state.to_string(), count))
        .collect();
    let latest = PageRequest {
        cursor: None,
        limit: LATEST,
    };
    for record in tx
        .order_list(scope, &OrderFilter::default(), &latest)?
        .items
    {
        if let Some(device) = tx.device_get(scope, record.device)? {
            overview
                .latest
                .push(order::item(&device, &record, Outcomes::Left));
        }
    }
    Ok(())
}
