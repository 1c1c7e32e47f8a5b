//! Change windows: add, edit, list, end, and when they open.

mod written;

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::id::WindowId;
use domain::page::{Page, PageRequest};
use domain::window::{CatchUp, ChangeWindow, OpensFor, WindowZone};
use engine::calendar::openings;
use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use store::{Actor, ListedWindow, Tx};
use utoipa::ToSchema;

use crate::policy::standing;
use crate::scan::Walk;
use crate::{Result, Service, ServiceError, audit, chance, reach};

pub use written::{NewCatchUp, NewWindow};

/// Most zones in which one window's openings are shown.
const ZONES_MAX: usize = 50;

/// The most openings that can be asked for.
pub const OPENINGS_MAX: u32 = 100;

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
    /// On which days, in words: `mon,thu`, `2 tuesday + 2 days`.
    pub days: String,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
    /// The first and the last local date on which it may open, and how long before its end nothing
    /// begins: `from 2026-01-05`.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What a device may that was off: `within 2h, not 09:00-17:00, expires after 7d`.
    #[serde(default)]
    pub catch_up: Option<String>,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// The policy file that it is written in; `None`: it was made by hand.
    #[serde(default)]
    pub file: Option<String>,
    /// When it opens next in its zone, freezes apart; in the devices' own zones the local time there.
    #[serde(default)]
    pub opens_next: Option<String>,
    /// Why it cannot be read; then nothing is changed on the devices it covers.
    #[serde(default)]
    pub unreadable: Option<String>,
    /// From when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// One window with what its page needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowShown {
    /// As lists show it.
    pub item: WindowItem,
    /// As it would be written anew; `None`: it cannot be read.
    pub written: Option<NewWindow>,
    /// The rules that name it.
    pub named_by: Vec<String>,
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

/// A time of day as files have it.
fn hour_and_minute(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn item(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    listed: &ListedWindow,
    now: Timestamp,
) -> Result<WindowItem> {
    let standing = &listed.standing;
    let client = match standing.client {
        Some(id) => tx
            .client_get(scope, id)?
            .map(|client| client.name.to_string()),
        None => None,
    };
    let id = standing.id.parse().map_err(|_| ServiceError::Internal {
        what: "a window has an id that cannot be read".to_owned(),
    })?;
    let mut item = WindowItem {
        id,
        name: standing.name.clone().unwrap_or_default(),
        devices: standing.devices.clone(),
        days: String::new(),
        start: String::new(),
        duration: String::new(),
        zone: String::new(),
        limits: Vec::new(),
        catch_up: None,
        client,
        file: standing.place.file.clone(),
        opens_next: None,
        unreadable: None,
        valid_from: listed.valid_from,
        ended_at: listed.ended_at,
    };
    match &standing.object {
        Ok(window) => says(&mut item, window, now),
        Err(why) => item.unreadable = Some(why.clone()),
    }
    Ok(item)
}

fn says(item: &mut WindowItem, window: &ChangeWindow, now: Timestamp) {
    item.devices = window.devices.to_string();
    item.days = window.recurrence.to_string();
    item.start = hour_and_minute(window.start);
    item.duration = window.duration.to_string();
    item.zone = window.zone.to_string();
    let limits = [
        window.from.map(|date| format!("from {date}")),
        window.until.map(|date| format!("until {date}")),
        window
            .reserve
            .map(|reserve| format!("nothing begins in its last {reserve}")),
        (window.opens_for == OpensFor::Reboots).then(|| "for reboots only".to_owned()),
    ];
    item.limits = limits.into_iter().flatten().collect();
    item.catch_up = window.catch_up.as_ref().map(catch_up_in_words);
    item.opens_next = next_in_words(window, now);
}

fn catch_up_in_words(catch_up: &CatchUp) -> String {
    let mut words = format!("within {}", catch_up.within);
    if let Some(not) = catch_up.not {
        words.push_str(&format!(", not {not}"));
    }
    if let Some(expires) = catch_up.expires {
        words.push_str(&format!(", expires after {expires}"));
    }
    words
}

/// When a window opens next, as a clock on the wall says it there; a window in the devices' own
/// zones opens everywhere at the same time on the wall.
fn next_in_words(window: &ChangeWindow, now: Timestamp) -> Option<String> {
    let zone = match &window.zone {
        WindowZone::Named(zone) => zone.as_str(),
        WindowZone::Device => "UTC",
    };
    let next = openings(window, zone, now).ok()?.next()?;
    let local = next.opens_at.in_tz(zone).ok()?;
    Some(local.strftime("%a %Y-%m-%d %H:%M").to_string())
}

/// What is wanted, read and checked as far as it can be without the database.
fn read(wanted: &NewWindow, now: Timestamp) -> Result<ChangeWindow> {
    Ok(ChangeWindow {
        id: chance::id(now)?,
        valid_from: now,
        ..wanted.read()?
    })
}

/// Adds a window in a transaction that may have ended another before.
fn put(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    window: &ChangeWindow,
    instead: Option<&ListedWindow>,
    now: Timestamp,
) -> Result<WindowItem> {
    if tx
        .window_find_listed(scope, window.name.as_str())?
        .is_some()
    {
        return Err(ServiceError::Conflict {
            reason: format!("there is already a window `{}`", window.name),
        });
    }
    tx.window_add(scope, window, now)?;
    let (action, of) = match instead {
        None => ("window.add", String::new()),
        Some(old) => ("window.edit", format!(", instead of {}", old.standing.id)),
    };
    let mut entry = audit::by(who, now, action, window.id).saying(format_args!(
        "{}: {} at {} for {}, {}, devices {}{of}",
        window.name,
        window.recurrence,
        hour_and_minute(window.start),
        window.duration,
        window.zone,
        window.devices
    ));
    if let Some(client) = window.client {
        entry = entry.of(client);
    }
    tx.audit_add(&entry.0)?;
    let listed = found(tx, scope, &window.id.to_string())?;
    item(tx, scope, &listed, now)
}

/// Ends a window that a person may end; says whether it was still standing.
fn end(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    listed: &ListedWindow,
    now: Timestamp,
) -> Result<bool> {
    if listed.standing.client.is_none() {
        access::check(who, Permission::WholeProvider)?;
    }
    let id: WindowId = listed
        .standing
        .id
        .parse()
        .map_err(|_| ServiceError::Internal {
            what: "a window has an id that cannot be read".to_owned(),
        })?;
    Ok(tx.window_end(scope, id, now, now, &Actor::Principal(who.id))?)
}

/// The rules that name a window: they cannot be read without it.
fn named_by(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    name: &str,
    now: Timestamp,
) -> Result<Vec<String>> {
    let policy = standing::load(tx, scope, now)?.policy;
    let rules = policy
        .rules
        .iter()
        .filter(|rule| rule.windows.iter().any(|window| window.as_str() == name))
        .map(|rule| format!("the rule {}", rule.name));
    let reboots = policy
        .reboots
        .iter()
        .filter(|rule| {
            rule.window
                .as_ref()
                .is_some_and(|window| window.as_str() == name)
        })
        .map(|rule| format!("the reboot rule {}", rule.name));
    Ok(rules.chain(reboots).collect())
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
            put(tx, &who, &scope, &window, None, now)
        })?;
        self.rules_changed();
        Ok(added)
    }

    /// Makes another window instead of one (name or id): the old one ends in the same moment. One
    /// that came from a file is changed in its file.
    pub fn window_edit(
        &self,
        who: &Principal,
        window: &str,
        wanted: &NewWindow,
    ) -> Result<WindowItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let (who, name, wanted) = (who.clone(), window.to_owned(), wanted.clone());
        let edited = self.write(move |tx| {
            let old = found(tx, &scope, &name)?;
            let mut window = read(&wanted, now)?;
            if let Some(file) = &old.standing.place.file {
                return Err(ServiceError::Conflict {
                    reason: format!("this window is written in `{file}`: change it there"),
                });
            }
            let old_name = old.standing.name.clone().unwrap_or_default();
            if old_name != window.name.as_str() {
                let rules = named_by(tx, &scope, &old_name, now)?;
                if !rules.is_empty() {
                    return Err(ServiceError::Conflict {
                        reason: format!(
                            "it cannot have another name, because it is named by {}",
                            rules.join(" and ")
                        ),
                    });
                }
            }
            window.client = reach::bound(tx, &who, &scope, &window.devices)?.client;
            if !end(tx, &who, &scope, &old, now)? {
                return Err(ServiceError::Conflict {
                    reason: format!("the window `{old_name}` has ended: add a new one"),
                });
            }
            put(tx, &who, &scope, &window, Some(&old), now)
        })?;
        self.rules_changed();
        Ok(edited)
    }

    /// One window (name or id): as lists show it, as it would be written anew (`None`: it cannot be
    /// read), and what names it.
    pub fn window_show(&self, who: &Principal, window: &str) -> Result<WindowShown> {
        let scope = access::check(who, Permission::Read)?;
        let (now, name) = (self.now(), window.to_owned());
        self.read(move |tx| {
            let listed = found(tx, &scope, &name)?;
            let item = item(tx, &scope, &listed, now)?;
            let named_by = named_by(tx, &scope, &item.name, now)?;
            Ok(WindowShown {
                item,
                written: listed.standing.object.ok().as_ref().map(NewWindow::of),
                named_by,
            })
        })
    }

    /// Lists windows, newest first, ended ones too.
    pub fn window_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<WindowItem>> {
        let scope = access::check(who, Permission::Read)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            let found = tx.window_list_listed(&scope, &page)?;
            let mut items = Vec::with_capacity(found.items.len());
            for window in &found.items {
                items.push(item(tx, &scope, window, now)?);
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
            let id = &window.standing.id;
            if end(tx, &who, &scope, &window, now)? {
                let name = window.standing.name.as_deref().unwrap_or_default();
                let mut entry = audit::by(&who, now, "window.end", id).saying(name);
                if let Some(client) = window.standing.client {
                    entry = entry.of(client);
                }
                tx.audit_add(&entry.0)?;
            }
            let after = found(tx, &scope, id)?;
            item(tx, &scope, &after, now)
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
            let listed = found(tx, &scope, &name)?;
            let window = listed
                .standing
                .object
                .map_err(|why| ServiceError::Conflict {
                    reason: format!("this window cannot be read: {why}; end it and add a new one"),
                })?;
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

fn found(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<ListedWindow> {
    tx.window_find_listed(scope, name)?
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
