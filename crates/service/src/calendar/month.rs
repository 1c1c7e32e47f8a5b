//! Some days of the calendar for people: openings of windows, freezes and reboots that concern the
//! devices in reach, in one zone, with the changes of its clocks.
//!
//! What covers a device is asked of the evaluator, as in the file for calendar programs.

use std::collections::BTreeSet;

use domain::access::{self, Permission, Principal};
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::window::{Opening, OpensFor};
use engine::calendar::freeze_span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::file::{Calendar, Series};
use crate::{Result, Service, ServiceError, naming};

/// The most devices that are asked.
pub const DEVICES_MAX: u32 = 5_000;
/// The most entries.
pub const ENTRIES_MAX: usize = 20_000;
/// The most zones whose clocks are told.
const ZONES_MAX: usize = 20;

/// Which days are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarSpan {
    /// The first day.
    pub from: Date,
    /// The first day that is not wanted.
    pub until: Date,
    /// In which zone; `None`: that of the client's sites where they share one, else UTC.
    pub zone: Option<String>,
    /// Only the devices of this client (name or id).
    pub client: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CalendarKind {
    /// Nothing may be changed.
    Freeze,
    /// Devices may be changed.
    Opening,
    /// Devices are to be rebooted.
    Reboot,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// What it is.
    pub kind: CalendarKind,
    /// The id of the object that says so.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Of a freeze why, of a reboot in which window.
    pub note: String,
    /// The devices' zone, where the object means each device's own.
    pub device_zone: Option<String>,
    /// How many devices it concerns.
    pub devices: u32,
    /// The first instant.
    pub opens_at: Timestamp,
    /// The first instant after it.
    pub closes_at: Timestamp,
}

/// The clocks of a zone change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockChange {
    /// In which zone.
    pub zone: String,
    /// When.
    pub at: Timestamp,
    /// By how many minutes they are put forward; less than nought: back.
    pub minutes: i32,
}

/// The days, ready to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarShown {
    /// In which zone the days are meant.
    pub zone: String,
    /// The client it is limited to.
    pub client: Option<String>,
    /// The entries, by time.
    pub entries: Vec<CalendarEntry>,
    /// How many more there are.
    pub more: usize,
    /// Changes of clocks, by time.
    pub clocks: Vec<ClockChange>,
    /// What cannot be read: kind, name, and why.
    pub unreadable: Vec<(String, String, String)>,
    /// How many devices do not open at all because of it.
    pub closed: u32,
    /// Whether all devices in reach were asked.
    pub all: bool,
    /// How many windows cover none of the devices that were asked.
    pub idle_windows: usize,
    /// How many secret addresses of clients' calendars are good.
    pub addresses: usize,
}

impl Service {
    /// Some days of the calendar.
    pub fn calendar_days(&self, who: &Principal, asked: &CalendarSpan) -> Result<CalendarShown> {
        let scope = access::check(who, Permission::Read)?;
        let (policy, now, asked) = (self.rules()?, self.now(), asked.clone());
        self.read(move |tx| {
            let client = match &asked.client {
                Some(name) => Some(naming::client(tx, &scope, name)?),
                None => None,
            };
            let narrowed = client.as_ref().and_then(|one| scope.narrowed(one.id));
            let scope = narrowed.unwrap_or(scope);
            let sites = PageRequest {
                cursor: None,
                limit: PAGE_ITEMS_MAX,
            };
            let sites = tx.site_list(&scope, &sites)?.items;
            let zones: BTreeSet<&str> = sites.iter().map(|site| site.zone.as_str()).collect();
            let own = zones.first().filter(|_| zones.len() == 1);
            let zone = match (&asked.zone, own) {
                (Some(zone), _) => zone.clone(),
                (None, Some(zone)) => (*zone).to_owned(),
                (None, None) => "UTC".to_owned(),
            };
            let tz = TimeZone::get(&zone).map_err(|_| ServiceError::Invalid {
                field: "zone",
                reason: format!(
                    "`{}` is not a time zone: expected an IANA name such as Europe/Berlin",
                    zone.chars().take(64).collect::<String>()
                ),
            })?;
            let bounds = bounds(&asked, &tz)?;
            let mut calendar = Calendar::new(&policy);
            let all = calendar.read(tx, &scope, now, DEVICES_MAX)?;
            let mut entries = entries(&calendar, bounds);
            let more = entries.len().saturating_sub(ENTRIES_MAX);
            entries.truncate(ENTRIES_MAX);
            let covering: BTreeSet<&String> = calendar.windows.keys().map(|(id, _)| id).collect();
            let in_reach = policy.windows.iter().filter(|one| {
                one.ended_at.is_none() && one.client.is_none_or(|client| scope.contains(client))
            });
            let addresses = tx.calendar_list(&scope)?;
            Ok(CalendarShown {
                clocks: clocks(&zone, &entries, bounds),
                zone,
                client: client.map(|client| client.name.to_string()),
                more,
                closed: calendar.closed,
                unreadable: calendar
                    .unreadable
                    .into_values()
                    .map(|one| (one.kind.to_string(), one.name, one.why))
                    .collect(),
                all,
                idle_windows: in_reach
                    .filter(|one| !covering.contains(&one.id.to_string()))
                    .count(),
                addresses: addresses
                    .iter()
                    .filter(|feed| feed.ended_at.is_none())
                    .count(),
                entries,
            })
        })
    }
}

/// The first instant of the days, and the first after them.
fn bounds(asked: &CalendarSpan, tz: &TimeZone) -> Result<(Timestamp, Timestamp)> {
    let begins = |day: Date| {
        let zoned = day.to_zoned(tz.clone());
        zoned
            .map(|zoned| zoned.timestamp())
            .map_err(|_| ServiceError::Invalid {
                field: "month",
                reason: format!("{day} is beyond what can be counted"),
            })
    };
    Ok((begins(asked.from)?, begins(asked.until)?))
}

/// Everything that touches these instants, by time.
fn entries(calendar: &Calendar<'_>, (from, to): (Timestamp, Timestamp)) -> Vec<CalendarEntry> {
    let mut all = Vec::new();
    for ((id, zone), (freeze, devices)) in &calendar.freezes {
        let span = freeze_span(freeze, zone.as_deref().unwrap_or("UTC"));
        // One that cannot be understood closes what it covers for ever.
        let (span, note) = match span {
            Ok(span) => (span, freeze.reason.clone()),
            Err(why) => (
                Opening {
                    opens_at: from,
                    closes_at: to,
                },
                format!("it cannot be read: {why}"),
            ),
        };
        if span.opens_at < to && from < span.closes_at {
            all.push(CalendarEntry {
                kind: CalendarKind::Freeze,
                id: id.clone(),
                name: freeze.name.to_string(),
                note,
                device_zone: zone.clone(),
                devices: *devices,
                opens_at: span.opens_at,
                closes_at: span.closes_at,
            });
        }
    }
    let mut put =
        |kind, id: &String, name: String, note: &str, zone: &Option<String>, of: &Series<'_>| {
            for opening in of.openings(zone.as_deref().unwrap_or("UTC"), from, to) {
                all.push(CalendarEntry {
                    kind,
                    id: id.clone(),
                    name: name.clone(),
                    note: note.to_owned(),
                    device_zone: zone.clone(),
                    devices: of.devices,
                    opens_at: opening.opens_at,
                    closes_at: opening.closes_at,
                });
            }
        };
    for ((id, zone), series) in &calendar.windows {
        let name = series.window.name.to_string();
        let note = match series.window.opens_for {
            OpensFor::Changes => "",
            OpensFor::Reboots => "for reboots alone",
        };
        put(CalendarKind::Opening, id, name, note, zone, series);
    }
    for ((id, zone), (rule, series)) in &calendar.reboots {
        let note = format!("in the window {}", series.window.name);
        let name = rule.name.to_string();
        put(CalendarKind::Reboot, id, name, &note, zone, series);
    }
    all.sort_by(|a, b| {
        (a.opens_at, a.kind, &a.name, &a.device_zone).cmp(&(
            b.opens_at,
            b.kind,
            &b.name,
            &b.device_zone,
        ))
    });
    all
}

/// When the clocks of the zone shown change, and those of devices in zones of their own.
fn clocks(
    zone: &str,
    entries: &[CalendarEntry],
    (from, to): (Timestamp, Timestamp),
) -> Vec<ClockChange> {
    let own = entries.iter().filter_map(|one| one.device_zone.as_deref());
    let zones: BTreeSet<&str> = own.take(ENTRIES_MAX).collect();
    let others = zones.into_iter().filter(|other| *other != zone);
    let mut all = Vec::new();
    for name in std::iter::once(zone).chain(others).take(ZONES_MAX) {
        let Ok(tz) = TimeZone::get(name) else {
            continue;
        };
        let before = from
            .checked_sub(SignedDuration::from_nanos(1))
            .unwrap_or(from);
        for change in tz.following(before) {
            let at = change.timestamp();
            if at >= to {
                break;
            }
            let earlier = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at);
            let seconds = change.offset().seconds() - tz.to_offset(earlier).seconds();
            // A zone may change its name or its law without its clocks.
            if seconds != 0 {
                all.push(ClockChange {
                    zone: name.to_owned(),
                    at,
                    minutes: seconds / 60,
                });
            }
        }
    }
    all.sort_by(|a, b| (a.at, &a.zone).cmp(&(b.at, &b.zone)));
    all
}
