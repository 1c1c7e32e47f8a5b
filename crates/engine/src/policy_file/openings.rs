//! When the windows of a policy open, freezes cut out: what is printed before anybody saves it.
//!
//! A freeze is cut out of a window with the same query, and of one whose devices it covers: told
//! from the two queries, or from the devices of a snapshot. Where a window stands differently on
//! several devices (their zones, their freezes), it counts as open while it is on one of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::{Freeze, Policy};
use domain::query::Truth;
use domain::snapshot::{Snapshot, SnapshotState};
use domain::window::{ChangeWindow, Opening, WindowZone};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::problem::shown;
use crate::calendar::{CompiledWindow, Frozen, OPENING_DAYS_MAX, freeze_span};
use crate::decide::SnapshotWorld;

/// Which devices the windows are for.
#[derive(Debug, Clone, Copy)]
pub enum OpeningsOf<'a> {
    /// Nothing is known of them.
    Unknown,
    /// Devices of this zone.
    Zone(&'a str),
    /// The devices of a snapshot.
    Fleet(&'a Snapshot),
}

/// One opening of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowOpening {
    /// The window's name.
    pub window: String,
    /// The zone in which its start is meant.
    pub zone: String,
    /// The first instant inside.
    pub opens_at: Timestamp,
    /// The first instant outside again.
    pub closes_at: Timestamp,
}

/// Openings in order of time, and what to say beside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// By `opens_at`, then by window.
    pub openings: Vec<WindowOpening>,
    /// What could not be listed, or was guessed.
    pub notes: Vec<String>,
}

/// One way in which a window stands: for devices of a zone, under freezes, for releases.
#[derive(Debug, Default)]
struct Standing {
    releases: BTreeSet<Timestamp>,
}

/// The zone of the devices, and the freezes that cover them by their places in the policy.
type Ways = BTreeMap<(String, Vec<usize>), Standing>;

/// Lists every opening that touches `[from, to)`, whole.
pub fn openings(policy: &Policy, of: OpeningsOf<'_>, from: Timestamp, to: Timestamp) -> Listing {
    let mut listing = Listing::default();
    let fleet = match of {
        OpeningsOf::Fleet(snapshot) => ways_of_fleet(policy, snapshot, from),
        OpeningsOf::Unknown | OpeningsOf::Zone(_) => Vec::new(),
    };
    for (at, window) in policy.windows.iter().enumerate() {
        let known = fleet.get(at).filter(|ways| !ways.is_empty());
        let ways = match (known, of) {
            (Some(ways), _) => ways,
            (None, OpeningsOf::Fleet(_)) => {
                let name = window.name.as_str();
                let note = format!("the window `{name}` covers no device of the snapshot");
                listing.notes.push(note);
                &ways_of_queries(policy, window, None, &mut listing.notes)
            }
            (None, OpeningsOf::Zone(zone)) => {
                &ways_of_queries(policy, window, Some(zone), &mut listing.notes)
            }
            (None, OpeningsOf::Unknown) => {
                &ways_of_queries(policy, window, None, &mut listing.notes)
            }
        };
        list(policy, window, ways, (from, to), &mut listing);
    }
    let key = |opening: &WindowOpening| (opening.opens_at, opening.closes_at);
    listing.openings.sort_by(|a, b| {
        (a.opens_at, &a.window, &a.zone, key(a)).cmp(&(b.opens_at, &b.window, &b.zone, key(b)))
    });
    listing
}

/// How a window stands where no devices are at hand.
fn ways_of_queries(
    policy: &Policy,
    window: &ChangeWindow,
    device_zone: Option<&str>,
    notes: &mut Vec<String>,
) -> Ways {
    let name = window.name.as_str();
    if window.recurrence.follows_release() {
        notes.push(format!(
            "the window `{name}` follows the release of patches, which only a fleet's snapshot tells"
        ));
        return Ways::new();
    }
    let zone = match (&window.zone, device_zone) {
        (_, Some(zone)) => zone,
        (WindowZone::Named(zone), None) => zone,
        (WindowZone::Device, None) => {
            notes.push(format!(
                "the window `{name}` is in each device's zone: give a zone or a fleet's snapshot"
            ));
            return Ways::new();
        }
    };
    let freezes: Vec<usize> = covering(policy, window).map(|(at, _)| at).collect();
    for freeze in freezes.iter().map(|at| &policy.freezes[*at]) {
        if freeze.zone == WindowZone::Device && device_zone.is_none() {
            notes.push(format!(
                "the freeze `{}` is in each device's zone: for the window `{name}` it is read as \
                 {zone}",
                freeze.name
            ));
        }
    }
    Ways::from([((zone.to_owned(), freezes), Standing::default())])
}

/// The freezes that cover every device of a window, as their queries tell, with their places in the
/// policy.
pub fn freezes_of<'p>(policy: &'p Policy, window: &'p ChangeWindow) -> Vec<(usize, &'p Freeze)> {
    covering(policy, window).collect()
}

fn covering<'p>(
    policy: &'p Policy,
    window: &'p ChangeWindow,
) -> impl Iterator<Item = (usize, &'p Freeze)> {
    policy.freezes.iter().enumerate().filter(|(_, freeze)| {
        freeze.devices.is_everything()
            || freeze.devices == window.devices
            || window.devices.implies(&freeze.devices)
    })
}

/// How each window stands on the devices that it covers, in the order of the windows.
fn ways_of_fleet(policy: &Policy, snapshot: &Snapshot, at: Timestamp) -> Vec<Ways> {
    let mut all: Vec<Ways> = policy.windows.iter().map(|_| Ways::new()).collect();
    // What holds back all devices of a window needs no look at them.
    let always: Vec<Vec<usize>> = policy
        .windows
        .iter()
        .map(|window| covering(policy, window).map(|(at, _)| at).collect())
        .collect();
    let world = SnapshotWorld::new(snapshot, policy);
    for device in &snapshot.devices {
        let evaluator = world.device(device, at);
        let mut frozen: Option<Vec<usize>> = None;
        for (place, window) in policy.windows.iter().enumerate() {
            if evaluator.covers(&window.devices) != Truth::Yes {
                continue;
            }
            let frozen = frozen.get_or_insert_with(|| {
                let freezes = policy.freezes.iter().enumerate();
                freezes
                    .filter(|(_, freeze)| evaluator.covers(&freeze.devices) != Truth::No)
                    .map(|(at, _)| at)
                    .collect()
            });
            let mut freezes: Vec<usize> = frozen.iter().chain(&always[place]).copied().collect();
            freezes.sort_unstable();
            freezes.dedup();
            let way = all[place]
                .entry((device.zone.clone(), freezes))
                .or_default();
            if window.recurrence.follows_release() {
                let missing = device.findings.iter();
                way.releases.extend(
                    missing
                        .filter(|finding| finding.state == SnapshotState::Missing)
                        .filter(|finding| {
                            let by = finding.superseded_by.as_deref();
                            by.is_none_or(|by| by.trim().is_empty())
                        })
                        .filter_map(|finding| finding.released_at.or(finding.first_seen_at)),
                );
            }
        }
    }
    all
}

fn list(
    policy: &Policy,
    window: &ChangeWindow,
    ways: &Ways,
    (from, to): (Timestamp, Timestamp),
    listing: &mut Listing,
) {
    let mut by_zone: BTreeMap<&str, Vec<Opening>> = BTreeMap::new();
    // What one device has beyond the ends may belong to what another has inside.
    let beyond = SignedDuration::from_hours(24 * (OPENING_DAYS_MAX + 1));
    let wide_from = from.checked_sub(beyond).unwrap_or(from);
    let wide_to = to.checked_add(beyond).unwrap_or(to);
    for ((device_zone, freezes), standing) in ways {
        let label = match &window.zone {
            WindowZone::Device => device_zone,
            WindowZone::Named(zone) => zone,
        };
        let mut spans = Vec::new();
        for freeze in freezes.iter().map(|at| &policy.freezes[*at]) {
            match freeze_span(freeze, device_zone) {
                Ok(span) => spans.push(span),
                Err(error) => {
                    // What is frozen cannot be told, so nothing of it is open.
                    let note = format!("the freeze `{}` cannot be read: {error}", freeze.name);
                    listing.notes.push(note);
                    return;
                }
            }
        }
        let releases: Vec<Timestamp> = standing.releases.iter().copied().collect();
        match CompiledWindow::after_releases(window, device_zone, &releases) {
            Ok(compiled) => by_zone.entry(label).or_default().extend(compiled.between(
                &Frozen::new(spans),
                wide_from,
                wide_to,
            )),
            Err(error) => listing.notes.push(format!(
                "the window `{}` has no openings: {error}",
                shown(window.name.as_str())
            )),
        }
    }
    for (zone, openings) in by_zone {
        // The same and touching openings of several devices are one.
        let whole = Frozen::new(openings);
        let touching = |one: &&Opening| one.opens_at < to && from < one.closes_at;
        for opening in whole.spans().iter().filter(touching) {
            listing.openings.push(WindowOpening {
                window: window.name.to_string(),
                zone: zone.to_owned(),
                opens_at: opening.opens_at,
                closes_at: opening.closes_at,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_device_has_beyond_the_end_belongs_to_the_opening() {
        let files = crate::policy_file::read(&[(
            "a.toml".to_owned(),
            r#"
[[window]]
name = "monday"
zone = "UTC"
start = "22:00"
duration = "4h"
days = ["mon"]

[[freeze]]
name = "midnight"
zone = "device"
from = "2026-03-02T23:00"
until = "2026-03-03T01:00"
reason = "the books are closed"
"#
            .to_owned(),
        )])
        .unwrap();
        // Frozen in UTC: 22 to 24 o'clock on the first, 0 to 2 on the second.
        let snapshot: Snapshot = serde_json::from_str(
            r#"{"v":1,"devices":[{"id":"a","zone":"Europe/Berlin"},{"id":"b","zone":"Atlantic/Azores"}]}"#,
        )
        .unwrap();
        let listed = |from: &str, to: &str| -> Vec<String> {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            let of = OpeningsOf::Fleet(&snapshot);
            let listing = openings(&files.policy, of, from, to);
            let all = listing.openings.iter();
            all.map(|one| format!("{} {}", one.opens_at, one.closes_at))
                .collect()
        };
        let whole = ["2026-03-02T22:00:00Z 2026-03-03T02:00:00Z"];
        assert_eq!(
            listed("2026-03-02T22:00:00Z", "2026-03-02T22:30:00Z"),
            whole
        );
        assert_eq!(
            listed("2026-03-03T01:00:00Z", "2026-03-04T00:00:00Z"),
            whole
        );
        assert!(listed("2026-03-03T02:00:00Z", "2026-03-04T00:00:00Z").is_empty());
        assert!(listed("2026-03-02T00:00:00Z", "2026-03-02T22:00:00Z").is_empty());
    }
}
