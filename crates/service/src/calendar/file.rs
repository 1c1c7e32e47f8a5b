//! The text of a client's calendar: openings of every window that covers one of its devices, and every
//! freeze that does.
//!
//! Nothing of another client is in it. What covers a device is asked of the evaluator, so the
//! calendar says what the planner does; queries are not printed, because those of the whole provider
//! may name other clients. A window or freeze in the devices' own zones has entries for each zone. An
//! opening is left out where it is frozen for all devices of that series.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{self, ClientScope};
use domain::finding::FindingState;
use domain::id::{ClientId, WindowId};
use domain::inventory::Digest;
use domain::policy::{Freeze, Policy, RebootRule, RebootWhen, Unreadable};
use domain::query::Query;
use domain::window::{ChangeWindow, Opening, WindowZone};
use engine::calendar::ics::{self, Event};
use engine::calendar::{Frozen, freeze_span, openings_between};
use engine::decide::Evaluator;
use engine::view::DeviceView;
use jiff::{SignedDuration, Timestamp};
use store::Tx;

use crate::rules::{ask_for_findings, ask_for_packages};
use crate::scan::Walk;
use crate::{Result, Service};

/// How far back the calendar reaches, in days.
pub const DAYS_BACK: i64 = 30;
/// How far ahead, in days.
pub const DAYS_AHEAD: i64 = 180;
/// The most entries; the last one then says that there are more.
pub const EVENTS_MAX: usize = 1_000;
/// The longest description of an entry, in characters.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;
/// The most different sets of freezes that one series is worked out for; beyond, what is frozen for
/// some of the devices is not cut out.
const FREEZE_SETS_MAX: usize = 64;
/// The most releases that one series follows.
const RELEASES_MAX: usize = 2_000;

/// A window in one zone.
pub(super) struct Series<'p> {
    pub window: &'p ChangeWindow,
    pub devices: u32,
    /// What is frozen, for each kind of device.
    frozen: BTreeSet<Vec<Opening>>,
    releases: BTreeSet<Timestamp>,
}

/// By id and the devices' zone, where that matters.
type ByZone<T> = BTreeMap<(String, Option<String>), T>;

/// What covers the devices of a client.
pub(super) struct Calendar<'p> {
    policy: &'p Policy,
    by_id: BTreeMap<WindowId, &'p ChangeWindow>,
    pub windows: ByZone<Series<'p>>,
    pub freezes: ByZone<(&'p Freeze, u32)>,
    /// Reboot rules that name a window, with that window; each device has one that counts.
    pub reboots: ByZone<(&'p RebootRule, Series<'p>)>,
    /// How many devices are closed by what cannot be read.
    pub closed: u32,
    /// What cannot be read, by kind and name.
    pub unreadable: BTreeMap<(String, String), Unreadable>,
}

/// The devices' zone, for what is meant in theirs.
fn own_zone(zone: &WindowZone, device_zone: &str) -> Option<String> {
    match zone {
        WindowZone::Device => Some(device_zone.to_owned()),
        WindowZone::Named(_) => None,
    }
}

impl<'p> Calendar<'p> {
    pub fn new(policy: &'p Policy) -> Self {
        let windows = policy.windows.iter();
        Self {
            policy,
            by_id: windows.map(|window| (window.id, window)).collect(),
            windows: BTreeMap::new(),
            freezes: BTreeMap::new(),
            reboots: BTreeMap::new(),
            closed: 0,
            unreadable: BTreeMap::new(),
        }
    }

    fn add(&mut self, view: &DeviceView, now: Timestamp) {
        let evaluator = Evaluator::new(view, self.policy, now);
        let effective = evaluator.effective();
        let zone = &view.device.zone;
        let frozen = effective.frozen.spans();
        // Where a window or freeze cannot be read, none of its windows opens the device.
        let closed = effective.closed_by().is_some();
        self.closed = self.closed.saturating_add(u32::from(closed));
        for window in effective.windows {
            let Some(window) = self.by_id.get(&window.id).copied() else {
                continue;
            };
            let key = (window.id.to_string(), own_zone(&window.zone, zone));
            let series = self
                .windows
                .entry(key)
                .or_insert_with(|| Series::of(window));
            if !closed {
                series.add(view, frozen);
            }
        }
        let counts = effective.reboot.map(|reboot| reboot.rule.id);
        let mut reboots = self.policy.reboots.iter();
        if let Some(rule) = reboots.find(|rule| Some(rule.id) == counts)
            && rule.when != RebootWhen::Never
            && !closed
            && let Some(name) = &rule.window
            && let Some(window) = self.policy.windows.iter().find(|one| one.name == *name)
        {
            let key = (rule.id.to_string(), own_zone(&window.zone, zone));
            let new = || (rule, Series::of(window));
            let (_, series) = self.reboots.entry(key).or_insert_with(new);
            series.add(view, frozen);
        }
        for covering in &effective.freezes {
            let Some(freeze) = self.policy.freezes.get(covering.index) else {
                continue;
            };
            let key = (freeze.id.to_string(), own_zone(&freeze.zone, zone));
            let (_, devices) = self.freezes.entry(key).or_insert((freeze, 0));
            *devices = devices.saturating_add(1);
        }
        for object in effective.unreadable.iter().copied() {
            let key = (object.kind.to_string(), object.name.clone());
            self.unreadable.entry(key).or_insert_with(|| object.clone());
        }
    }

    /// Adds the devices in the scope, at most so many; says whether these were all.
    pub fn read(
        &mut self,
        tx: &mut Tx<'_>,
        scope: &ClientScope,
        now: Timestamp,
        devices_max: u32,
    ) -> Result<bool> {
        let walk = Walk {
            scope: scope.clone(),
            query: Query::everything(),
            at: None,
            now,
        };
        let packages = ask_for_packages(self.policy);
        let findings = ask_for_findings(self.policy);
        let (mut count, mut all) = (0_u32, true);
        walk.each_device(tx, None, findings, |tx, seen| {
            if count >= devices_max {
                all = false;
                return Ok(false);
            }
            count = count.saturating_add(1);
            let id = seen.device.id;
            let inventory = match packages {
                true => tx.inventory_get(scope, id)?,
                false => None,
            };
            let view = DeviceView {
                facts: tx.facts_get(scope, id)?.map(|(facts, _)| facts),
                inventory: inventory.map(|known| known.inventory),
                findings: seen.findings.unwrap_or_default(),
                orders: Vec::new(),
                contacts: None,
                clocks: BTreeMap::new(),
                sequence: 0,
                device: seen.device,
            };
            self.add(&view, now);
            Ok(true)
        })?;
        Ok(all)
    }

    /// The entries, freezes before openings, each by time.
    fn events(&self, client: &str, now: Timestamp) -> Vec<Event> {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let from = now.checked_sub(days(DAYS_BACK)).unwrap_or(Timestamp::MIN);
        let to = now.checked_add(days(DAYS_AHEAD)).unwrap_or(Timestamp::MAX);
        let of = |count: u32| format!("{count} of {client}");
        let mut events: Vec<Event> = Vec::new();
        for ((_, zone), (freeze, devices)) in &self.freezes {
            let zone = zone.as_deref();
            match freeze_span(freeze, zone.unwrap_or("UTC")) {
                Ok(span) if span.opens_at < span.closes_at => {
                    if span.opens_at < to && from < span.closes_at {
                        events.push(ics::freeze_event(freeze, zone, &of(*devices), span));
                    }
                }
                Ok(_) => {}
                Err(why) => {
                    let (name, why) = (freeze.name.as_str(), why.to_string());
                    events.push(closed("freeze", name, &why, now, to));
                }
            }
        }
        for object in self.unreadable.values() {
            let kind = object.kind.to_string();
            events.push(closed(&kind, &object.name, &object.why, now, to));
        }
        let by_time = |event: &Event| (event.span, event.uid.clone());
        events.sort_by_key(by_time);
        let mut openings: Vec<Event> = Vec::new();
        for ((_, zone), series) in &self.windows {
            for mut opening in series.openings(zone.as_deref().unwrap_or("UTC"), from, to) {
                // A window without end is shown as far as the calendar reaches.
                opening.closes_at = opening.closes_at.min(to.max(opening.opens_at));
                let devices = of(series.devices);
                let window = series.window;
                openings.push(ics::window_event(
                    window,
                    zone.as_deref(),
                    &devices,
                    opening,
                ));
            }
        }
        openings.sort_by_key(by_time);
        events.extend(openings);
        bounded(events)
    }
}

impl<'p> Series<'p> {
    fn of(window: &'p ChangeWindow) -> Self {
        Self {
            window,
            devices: 0,
            frozen: BTreeSet::new(),
            releases: BTreeSet::new(),
        }
    }

    fn add(&mut self, view: &DeviceView, frozen: &[Opening]) {
        self.devices = self.devices.saturating_add(1);
        if self.frozen.len() <= FREEZE_SETS_MAX {
            self.frozen.insert(frozen.to_vec());
        }
        if self.window.recurrence.follows_release() {
            self.follow(view);
        }
    }

    /// Adds the releases that the window's days follow.
    fn follow(&mut self, view: &DeviceView) {
        let missing = view
            .findings
            .iter()
            .filter(|dated| dated.finding.state == FindingState::Missing);
        for dated in missing {
            if self.releases.len() >= RELEASES_MAX {
                break;
            }
            let released = dated.finding.facts.released_at;
            self.releases.insert(released.unwrap_or(dated.first_seen));
        }
    }

    /// When at least one of its devices may be changed.
    pub fn openings(&self, zone: &str, from: Timestamp, to: Timestamp) -> Vec<Opening> {
        let releases: Vec<Timestamp> = self.releases.iter().copied().collect();
        let whole = BTreeSet::from([Vec::new()]);
        let sets = if self.frozen.len() > FREEZE_SETS_MAX {
            &whole
        } else {
            &self.frozen
        };
        let mut all = Vec::new();
        for set in sets {
            let frozen = Frozen::new(set.iter().copied());
            // A zone that is not known keeps the window closed.
            let openings = openings_between(self.window, zone, &releases, &frozen, from, to);
            all.extend(openings.unwrap_or_default());
        }
        Frozen::new(all).spans().to_vec()
    }
}

/// Something that cannot be read keeps devices closed until it is repaired.
fn closed(kind: &str, name: &str, why: &str, now: Timestamp, to: Timestamp) -> Event {
    let key = Digest::of(format!("{kind}/{name}").as_bytes());
    Event {
        uid: format!("unreadable-{key}@patchloop"),
        summary: format!("Nothing is changed: the {kind} {name} cannot be read"),
        description: format!("{why}\nNothing is changed until it is repaired."),
        span: Opening {
            opens_at: now,
            closes_at: to.max(now),
        },
    }
}

/// At most so many entries; the last one says how many more there are and from when on.
fn bounded(mut events: Vec<Event>) -> Vec<Event> {
    for event in &mut events {
        if event.description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
            let kept = event.description.chars().take(DESCRIPTION_CHARACTERS_MAX);
            event.description = kept.collect();
        }
    }
    if events.len() <= EVENTS_MAX {
        return events;
    }
    let cut = events.split_off(EVENTS_MAX - 1);
    if let Some(first) = cut.iter().map(|event| event.span.opens_at).min() {
        events.push(Event {
            uid: "cut@patchloop".to_owned(),
            summary: format!("This calendar ends here: {} more entries", cut.len()),
            description: format!(
                "A calendar holds at most {EVENTS_MAX} entries. {} more, from here on, are not \
                 shown: `patchloop window openings` shows them.",
                cut.len()
            ),
            span: Opening {
                opens_at: first,
                closes_at: first
                    .checked_add(SignedDuration::from_hours(1))
                    .unwrap_or(first),
            },
        });
    }
    events
}

impl Service {
    /// The calendar of a client as text; `None`: there is no such client.
    pub(super) fn calendar_text(&self, client: ClientId, now: Timestamp) -> Result<Option<String>> {
        let policy = self.rules()?;
        let Some(scope) = access::of_loops().narrowed(client) else {
            return Ok(None);
        };
        self.read(move |tx| {
            let Some(found) = tx.client_get(&scope, client)? else {
                return Ok(None);
            };
            let mut calendar = Calendar::new(&policy);
            calendar.read(tx, &scope, now, u32::MAX)?;
            let name = found.name.as_str();
            let title = format!("Changes: {name}");
            Ok(Some(ics::write(&title, now, calendar.events(name, now))))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_is_bounded_and_says_what_it_left_out() {
        let begin: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let event = |number: usize| {
            let hours = i64::try_from(number).unwrap();
            let opens_at = begin
                .checked_add(SignedDuration::from_hours(hours))
                .unwrap();
            Event {
                uid: number.to_string(),
                summary: String::new(),
                description: "x".repeat(5_000),
                span: Opening {
                    opens_at,
                    closes_at: opens_at,
                },
            }
        };
        let all = bounded((0..EVENTS_MAX).map(event).collect());
        assert_eq!(all.len(), EVENTS_MAX);
        assert_eq!(all[0].description.len(), DESCRIPTION_CHARACTERS_MAX);
        let cut = bounded((0..EVENTS_MAX + 5).map(event).collect());
        assert_eq!(cut.len(), EVENTS_MAX);
        let last = cut.last().unwrap();
        assert_eq!(last.uid, "cut@patchloop");
        assert!(last.summary.contains("6 more"), "{}", last.summary);
        assert_eq!(last.span.opens_at, event(EVENTS_MAX - 1).span.opens_at);
    }
}
