//! Vendors' release days: what is due, which windows and devices it will meet, and the notice before.
//!
//! Which devices a release concerns is asked in the query language: Windows devices on a Patch
//! Tuesday; on Oracle's day those with Java, MySQL or VirtualBox packages, under the names that
//! distributions give them. The provider has no zone of its own yet: notices come at eight in UTC.

use std::fmt::Write as _;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::event::{Audience, Event, EventKind, EventText, Urgency};
use domain::id::WindowId;
use domain::page::Page;
use domain::policy::Policy;
use domain::query::Query;
use domain::window::{ChangeWindow, OpensFor};
use engine::releases::{self, Meeting, MetDevice, ReleaseDay, ReleaseKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Tx;
use utoipa::ToSchema;

use crate::scan::Walk;
use crate::{Result, Service, ServiceError};

/// The zone of notices.
const NOTICE_ZONE: &str = "UTC";
/// Most release days that can be asked for.
pub const RELEASES_MAX: u32 = 24;

/// A release day to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseItem {
    /// `Microsoft Patch Tuesday`.
    pub name: String,
    /// What is due.
    pub what: String,
    /// When the vendor publishes.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the advance notice comes.
    #[schema(value_type = String, format = DateTime)]
    pub notice_at: Timestamp,
    /// Devices that it concerns, as far as their reports say.
    pub devices: u64,
    /// The windows that open first after it.
    pub windows: Vec<MetWindowItem>,
    /// Devices that it concerns and that no window opens for.
    pub without_window: u64,
}

/// A window that a release meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetWindowItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WindowId,
    /// Its name.
    pub window: String,
    /// When it opens first.
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    /// For how many of the devices.
    pub devices: u64,
}

/// Which devices a release concerns, as a query over devices.
fn concerned(kind: ReleaseKind) -> Result<Query> {
    let text = match kind {
        ReleaseKind::PatchTuesday => "os:windows",
        ReleaseKind::OracleQuarter => "package:openjdk-*,java-*,jdk-*,mysql-*,virtualbox*",
    };
    text.parse().map_err(|error| ServiceError::Internal {
        what: format!("the query `{text}` of a release day: {error}"),
    })
}

fn meeting(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    day: &ReleaseDay,
    rules: &Policy,
    now: Timestamp,
) -> Result<(u64, Meeting)> {
    let walk = Walk {
        scope: scope.clone(),
        query: concerned(day.kind)?,
        at: None,
        now,
    };
    let mut met: Vec<(domain::id::DeviceId, String, Vec<&ChangeWindow>)> = Vec::new();
    walk.each_device(tx, None, false, |_, seen| {
        let subject = seen.subject();
        if walk.query.matches(&subject, now) {
            let windows = rules
                .windows
                .iter()
                .filter(|window| window.opens_for == OpensFor::Changes)
                .filter(|window| window.client.is_none_or(|id| id == seen.device.client))
                .filter(|window| window.devices.matches(&subject, now))
                .collect();
            met.push((seen.device.id, seen.device.zone.clone(), windows));
        }
        Ok(true)
    })?;
    let devices = met.iter().map(|(device, zone, windows)| MetDevice {
        device: *device,
        zone,
        windows,
    });
    let meeting = releases::meets(day, devices);
    for (window, refused) in &meeting.refused {
        tracing::warn!(
            window,
            zone = refused.zone,
            "a change window's zone is not known"
        );
    }
    Ok((met.len() as u64, meeting))
}

fn item(day: &ReleaseDay, devices: u64, meeting: Meeting) -> Result<ReleaseItem> {
    Ok(ReleaseItem {
        name: day.kind.name().to_owned(),
        what: day.kind.what().to_owned(),
        at: day.at,
        notice_at: notice_at(day)?,
        devices,
        windows: meeting
            .windows
            .into_iter()
            .map(|met| MetWindowItem {
                id: met.window,
                window: met.name,
                opens_at: met.opens_at,
                devices: met.devices.len() as u64,
            })
            .collect(),
        without_window: meeting.without_window.len() as u64,
    })
}

fn notice_at(day: &ReleaseDay) -> Result<Timestamp> {
    releases::notice_at(day, NOTICE_ZONE).map_err(unknown_zone)
}

fn unknown_zone(error: engine::calendar::UnknownZone) -> ServiceError {
    ServiceError::Internal {
        what: format!("the zone `{}` of notices is not known", error.zone),
    }
}

impl Service {
    /// The next release days, with the windows and devices of the clients in reach.
    pub fn release_list(&self, who: &Principal, count: u32) -> Result<Page<ReleaseItem>> {
        let scope = access::check(who, Permission::Read)?;
        if count == 0 || count > RELEASES_MAX {
            return Err(ServiceError::Invalid {
                field: "count",
                reason: format!("expected 1 to {RELEASES_MAX}"),
            });
        }
        let now = self.now();
        let rules = self.rules()?;
        self.read(move |tx| {
            let mut items = Vec::new();
            for day in releases::next(now, count as usize) {
                let (devices, meeting) = meeting(tx, &scope, &day, &rules, now)?;
                items.push(item(&day, devices, meeting)?);
            }
            Ok(Page { items, next: None })
        })
    }

    /// Writes the advance notices that are due, each once.
    pub(crate) fn release_notices(&self, owner: &str) -> Result<()> {
        let now = self.now();
        let due = releases::notices_due(now, NOTICE_ZONE).map_err(unknown_zone)?;
        for day in due {
            let rules = self.rules()?;
            let scope = access::of_loops();
            let (devices, met) =
                self.read(move |tx| meeting(tx, &access::of_loops(), &day, &rules, now))?;
            let event = notice(&item(&day, devices, met)?, &day, owner, now);
            self.write(move |tx| Ok(tx.event_add(&scope, &event)?))?;
        }
        Ok(())
    }
}

/// The notice of a release day. One that concerns no device is quiet.
fn notice(item: &ReleaseItem, day: &ReleaseDay, owner: &str, now: Timestamp) -> Event {
    let mut body = format!("Due: {}.\nPublished: {}.\n", item.what, item.at);
    // Writing into a String cannot fail.
    let _ = writeln!(body, "Devices concerned: {}.", item.devices);
    for window in &item.windows {
        let _ = writeln!(
            body,
            "- window {}: opens {} for {} of them",
            window.window, window.opens_at, window.devices
        );
    }
    if item.without_window > 0 {
        let _ = writeln!(
            body,
            "- no window opens for {} of them: nothing will be installed there",
            item.without_window
        );
    }
    Event {
        key: format!("release/{}/{}", item.name, day.day),
        kind: EventKind::ReleaseDay,
        urgency: if item.devices == 0 {
            Urgency::Quiet
        } else {
            Urgency::Now
        },
        owner: owner.to_owned(),
        texts: vec![EventText {
            audience: Audience::Provider,
            subject: format!("{} on {}: {} devices", item.name, day.day, item.devices),
            body,
        }],
        at: now,
    }
}
