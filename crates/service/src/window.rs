//! Change windows: add, list, end, and when they open.

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::id::WindowId;
use domain::page::{Page, PageRequest};
use domain::query::SubjectKind;
use domain::window::{ChangeWindow, InvalidWindow, WindowZone, start_from_text};
use engine::calendar::openings;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Actor, Tx};
use utoipa::ToSchema;

use crate::scan::Walk;
use crate::{Result, Service, ServiceError, audit, chance, naming, query, reach};

/// Most zones in which one window's openings are shown.
const ZONES_MAX: usize = 50;

/// The most openings that can be asked for.
pub const OPENINGS_MAX: u32 = 100;

/// A new weekly window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWindow {
    /// Its name, new.
    pub name: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for")]
    pub devices: String,
    /// `mon,thu`.
    pub days: String,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
}

/// A window as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WindowItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WindowId,
    /// Its name.
    pub name: String,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// `mon,thu`.
    pub days: String,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// From when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpeningItem {
    /// The first instant inside.
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    /// The first instant outside again.
    #[schema(value_type = String, format = DateTime)]
    pub closes_at: Timestamp,
    /// The zone in which it was computed; a window in the devices' own zones has one line a zone.
    pub zone: String,
}

fn item(tx: &mut Tx<'_>, scope: &ClientScope, window: &ChangeWindow) -> Result<WindowItem> {
    let client = match window.client {
        Some(id) => tx
            .client_get(scope, id)?
            .map(|client| client.name.to_string()),
        None => None,
    };
    Ok(WindowItem {
        id: window.id,
        name: window.name.to_string(),
        devices: window.devices.to_string(),
        days: window.recurrence.to_string(),
        start: format!("{:02}:{:02}", window.start.hour(), window.start.minute()),
        duration: window.duration.to_string(),
        zone: window.zone.to_string(),
        client,
        valid_from: window.valid_from,
        ended_at: window.ended_at,
    })
}

/// What is wanted, read and checked as far as it can be without the database.
fn read(wanted: &NewWindow, now: Timestamp) -> Result<ChangeWindow> {
    fn invalid(field: &'static str) -> impl Fn(InvalidWindow) -> ServiceError {
        move |error| ServiceError::Invalid {
            field,
            reason: error.to_string(),
        }
    }
    Ok(ChangeWindow {
        id: chance::id(now)?,
        client: None,
        name: naming::label("name", &wanted.name)?,
        devices: query::parse("for", Some(&wanted.devices), SubjectKind::Device)?,
        recurrence: wanted.days.parse().map_err(invalid("days"))?,
        start: start_from_text(wanted.start.trim()).map_err(invalid("start"))?,
        duration: wanted.duration.parse().map_err(invalid("duration"))?,
        zone: wanted.zone.parse().map_err(invalid("zone"))?,
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        valid_from: now,
        ended_at: None,
    })
}

impl Service {
    /// Adds a window.
    pub fn window_add(&self, who: &Principal, wanted: &NewWindow) -> Result<WindowItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let mut window = read(wanted, now)?;
        let who = who.clone();
        let added = self.write(move |tx| {
            window.client = reach::bound(tx, &who, &scope, &window.devices)?.client;
            if tx.window_find(&scope, window.name.as_str())?.is_some() {
                return Err(ServiceError::Conflict {
                    reason: format!("there is already a window `{}`", window.name),
                });
            }
            tx.window_add(&scope, &window, now)?;
            let mut entry = audit::by(&who, now, "window.add", window.id).saying(format_args!(
                "{}: {} at {:02}:{:02} for {}, {}, devices {}",
                window.name,
                window.recurrence,
                window.start.hour(),
                window.start.minute(),
                window.duration,
                window.zone,
                window.devices
            ));
            if let Some(client) = window.client {
                entry = entry.of(client);
            }
            tx.audit_add(&entry.0)?;
            item(tx, &scope, &window)
        })?;
        self.rules_changed();
        Ok(added)
    }

    /// Lists windows, newest first, ended ones too.
    pub fn window_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<WindowItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.window_list(&scope, &page)?;
            let mut items = Vec::with_capacity(found.items.len());
            for window in &found.items {
                items.push(item(tx, &scope, window)?);
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }

    /// Ends a window (name or id); one that has ended already stays as it is.
    pub fn window_end(&self, who: &Principal, window: &str) -> Result<WindowItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let (who, name) = (who.clone(), window.to_owned());
        let ended = self.write(move |tx| {
            let window = found(tx, &scope, &name)?;
            if window.client.is_none() {
                access::check(&who, Permission::WholeProvider)?;
            }
            if tx.window_end(&scope, window.id, now, now, &Actor::Principal(who.id))? {
                let mut entry = audit::by(&who, now, "window.end", window.id).saying(&window.name);
                if let Some(client) = window.client {
                    entry = entry.of(client);
                }
                tx.audit_add(&entry.0)?;
            }
            let after = found(tx, &scope, &window.id.to_string())?;
            item(tx, &scope, &after)
        })?;
        self.rules_changed();
        Ok(ended)
    }

    /// The next openings of a window (name or id), one that is open now first. A window in the
    /// devices' own zones has `count` openings for each zone in which it has devices.
    pub fn window_openings(
        &self,
        who: &Principal,
        window: &str,
        count: u32,
    ) -> Result<Page<OpeningItem>> {
        let scope = access::check(who, Permission::Read)?;
        if count == 0 || count > OPENINGS_MAX {
            return Err(ServiceError::Invalid {
                field: "count",
                reason: format!("expected 1 to {OPENINGS_MAX}"),
            });
        }
        let (now, name) = (self.now(), window.to_owned());
        let (window, zones) = self.read(move |tx| {
            let window = found(tx, &scope, &name)?;
            let zones = zones(tx, &scope, &window, now)?;
            Ok((window, zones))
        })?;
        next_openings(&window, zones, count, now)
    }

    /// When a window would open that is not saved: its next `count` openings.
    pub fn window_preview(
        &self,
        who: &Principal,
        wanted: &NewWindow,
        count: u32,
    ) -> Result<Page<OpeningItem>> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let mut window = read(wanted, now)?;
        let who = who.clone();
        let (window, zones) = self.read(move |tx| {
            window.client = reach::bound(tx, &who, &scope, &window.devices)?.client;
            let zones = zones(tx, &scope, &window, now)?;
            Ok((window, zones))
        })?;
        next_openings(&window, zones, count, now)
    }
}

/// The next openings of a window in each of these zones, by time.
fn next_openings(
    window: &ChangeWindow,
    zones: BTreeSet<String>,
    count: u32,
    now: Timestamp,
) -> Result<Page<OpeningItem>> {
    let mut items = Vec::new();
    for zone in zones {
        let openings = openings(window, &zone, now).map_err(|error| ServiceError::Invalid {
            field: "zone",
            reason: error.to_string(),
        })?;
        items.extend(openings.take(count as usize).map(|opening| OpeningItem {
            opens_at: opening.opens_at,
            closes_at: opening.closes_at,
            zone: zone.clone(),
        }));
    }
    items.sort_by(|a, b| (a.opens_at, &a.zone).cmp(&(b.opens_at, &b.zone)));
    Ok(Page { items, next: None })
}

fn found(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<ChangeWindow> {
    tx.window_find(scope, name)?
        .ok_or_else(|| ServiceError::NotFound {
            what: "change window",
            name: name.chars().take(200).collect(),
        })
}

/// The zones in which a window's openings are to be computed.
fn zones(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    window: &ChangeWindow,
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    if let WindowZone::Named(zone) = &window.zone {
        return Ok(BTreeSet::from([zone.clone()]));
    }
    let scope = match window.client {
        Some(client) => scope.narrowed(client).unwrap_or_else(|| scope.clone()),
        None => scope.clone(),
    };
    let walk = Walk {
        scope,
        query: window.devices.clone(),
        at: None,
        now,
    };
    let mut zones = BTreeSet::new();
    walk.each_device(tx, None, false, |_, seen| {
        if window.devices.matches(&seen.subject(), now) {
            zones.insert(seen.device.zone);
        }
        Ok(zones.len() < ZONES_MAX)
    })?;
    Ok(zones)
}
