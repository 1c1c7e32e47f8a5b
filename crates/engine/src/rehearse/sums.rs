//! Sums of replayed devices: by month, by client, and what went worst.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use domain::snapshot::{Snapshot, SnapshotDevice};
use domain::verdict::GateName;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::replay::{Asked, End, Patch, Reboots, Replayed};
use super::{
    CLIENTS_SHOWN_MAX, ClientRun, EXAMPLES_MAX, Month, PolicyRun, RebootHour, Span, Tally, Trouble,
};

/// What is known of a patch that went wrong on devices of one client.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    devices: u64,
    /// The first of them.
    device: u32,
    fixed_at: Option<Timestamp>,
    gate: Option<GateName>,
    replaced: u32,
    end: End,
}

/// Sums of some devices.
#[derive(Debug, Default)]
pub(super) struct Sums {
    tally: Tally,
    months: BTreeMap<(i16, i8), Tally>,
    clients: BTreeMap<String, (u64, Tally)>,
    hours: BTreeMap<(i8, i8), u64>,
    starved: BTreeMap<(String, u32), Wrong>,
    missed: BTreeMap<(String, u32), Wrong>,
    zones: HashMap<String, TimeZone>,
}

fn month(at: Timestamp) -> (i16, i8) {
    let date = TimeZone::UTC.to_datetime(at).date();
    (date.year(), date.month())
}

impl Sums {
    /// Adds `devices` devices that stand like `device`; `first` is one of them in the fleet.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and each of them is needed"
    )]
    pub fn device(
        &mut self,
        device: &SnapshotDevice,
        first: u32,
        devices: u64,
        replayed: &[Replayed],
        reboots: &Reboots,
        asked: &HashMap<u32, Asked>,
        patches: &[Patch],
        span: &Span,
    ) {
        let mut own = Tally::default();
        for one in replayed {
            let Some(patch) = patches.get(one.patch as usize) else {
                continue;
            };
            let tally = pair(one, patch, span);
            self.months
                .entry(month(patch.came_at))
                .or_default()
                .add(&tally, devices);
            own.add(&tally, 1);
            let wrong = Wrong {
                devices,
                device: first,
                fixed_at: one.fixed_at,
                gate: asked.get(&one.patch).and_then(|asked| asked.gate),
                replaced: match one.end {
                    End::Starved { replaced } => replaced,
                    End::Installed | End::Replaced | End::Waiting | End::NotApproved => 0,
                },
                end: one.end,
            };
            let key = || (device.client.clone(), one.patch);
            if tally.starved > 0 {
                note(&mut self.starved, key(), wrong);
            }
            if tally.missed > 0 {
                note(&mut self.missed, key(), wrong);
            }
        }
        own.reboots_unknown = reboots.unknown;
        for (times, made) in [(&reboots.made, true), (&reboots.by_hand, false)] {
            for at in times {
                let mut tally = Tally::default();
                *(if made {
                    &mut tally.reboots
                } else {
                    &mut tally.reboots_by_hand
                }) = 1;
                self.months
                    .entry(month(*at))
                    .or_default()
                    .add(&tally, devices);
                own.add(&tally, 1);
                if made {
                    let hour = self.hour(*at, &device.zone);
                    *self.hours.entry(hour).or_default() += devices;
                }
            }
        }
        let client = self.clients.entry(device.client.clone()).or_default();
        client.0 += devices;
        client.1.add(&own, devices);
        self.tally.add(&own, devices);
    }

    /// Weekday from Monday, and hour, of an instant in a zone; one that is not known is UTC.
    fn hour(&mut self, at: Timestamp, zone: &str) -> (i8, i8) {
        let zone = match self.zones.get(zone) {
            Some(zone) => zone,
            None => {
                let found = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                self.zones.entry(zone.to_owned()).or_insert(found)
            }
        };
        let local = zone.to_datetime(at);
        (local.weekday().to_monday_zero_offset(), local.hour())
    }

    /// Adds the sums of other devices.
    pub fn join(&mut self, other: Self) {
        self.tally.add(&other.tally, 1);
        for (month, tally) in other.months {
            self.months.entry(month).or_default().add(&tally, 1);
        }
        for (client, (devices, tally)) in other.clients {
            let own = self.clients.entry(client).or_default();
            own.0 += devices;
            own.1.add(&tally, 1);
        }
        for (hour, count) in other.hours {
            *self.hours.entry(hour).or_default() += count;
        }
        for (key, wrong) in other.starved {
            note(&mut self.starved, key, wrong);
        }
        for (key, wrong) in other.missed {
            note(&mut self.missed, key, wrong);
        }
    }

    /// The sums as they are shown.
    pub fn finish(self, patches: &[Patch], snapshot: &Snapshot) -> PolicyRun {
        let months = self.months.into_iter();
        let months = months.map(|((year, month), tally)| Month {
            month: format!("{year:04}-{month:02}"),
            tally,
        });
        let clients_total = self.clients.len() as u64;
        let mut clients: Vec<ClientRun> = self
            .clients
            .into_iter()
            .map(|(client, (devices, tally))| ClientRun {
                client,
                devices,
                tally,
            })
            .collect();
        clients.sort_by_key(|one| Reverse((one.tally.missed, one.tally.starved)));
        clients.truncate(CLIENTS_SHOWN_MAX);
        let mut hours: Vec<((i8, i8), u64)> = self.hours.into_iter().collect();
        hours.sort_by_key(|(_, count)| Reverse(*count));
        let (starved_total, missed_total) = (self.starved.len() as u64, self.missed.len() as u64);
        PolicyRun {
            tally: self.tally,
            months: months.collect(),
            clients,
            clients_total,
            reboot_hours: hours.into_iter().map(reboot_hour).collect(),
            starved: worst(self.starved, patches, snapshot),
            starved_total,
            missed: worst(self.missed, patches, snapshot),
            missed_total,
            empty_rings: Vec::new(),
        }
    }
}

fn note(all: &mut BTreeMap<(String, u32), Wrong>, key: (String, u32), wrong: Wrong) {
    all.entry(key)
        .and_modify(|known| known.devices = known.devices.saturating_add(wrong.devices))
        .or_insert(wrong);
}

/// The tally of one pair.
fn pair(one: &Replayed, patch: &Patch, span: &Span) -> Tally {
    let mut tally = Tally {
        pairs: 1,
        ..Tally::default()
    };
    *(match one.end {
        End::Installed => &mut tally.installed,
        End::Replaced => &mut tally.replaced,
        End::Waiting => &mut tally.waiting,
        End::Starved { .. } => &mut tally.starved,
        End::NotApproved => &mut tally.not_approved,
    }) = 1;
    if let Some(fixed_at) = one.fixed_at {
        let hours = fixed_at.duration_since(patch.came_at).as_hours().max(0);
        tally.hours = hours.unsigned_abs();
    }
    let promise = span.promise.of(patch.finding.severity);
    if let Some(deadline) = promise.and_then(|within| patch.came_at.checked_add(within).ok()) {
        *(match one.fixed_at {
            Some(at) if at <= deadline => &mut tally.kept,
            Some(_) => &mut tally.missed,
            None if deadline <= span.until => &mut tally.missed,
            None => &mut tally.promised,
        }) = 1;
    }
    tally
}

impl Tally {
    /// Adds another, so many times.
    pub(super) fn add(&mut self, other: &Self, times: u64) {
        let add = |to: &mut u64, from: u64| *to = to.saturating_add(from.saturating_mul(times));
        add(&mut self.pairs, other.pairs);
        add(&mut self.installed, other.installed);
        add(&mut self.replaced, other.replaced);
        add(&mut self.waiting, other.waiting);
        add(&mut self.starved, other.starved);
        add(&mut self.not_approved, other.not_approved);
        add(&mut self.hours, other.hours);
        add(&mut self.kept, other.kept);
        add(&mut self.missed, other.missed);
        add(&mut self.promised, other.promised);
        add(&mut self.reboots, other.reboots);
        add(&mut self.reboots_by_hand, other.reboots_by_hand);
        add(&mut self.reboots_unknown, other.reboots_unknown);
    }
}

fn reboot_hour(((weekday, hour), reboots): ((i8, i8), u64)) -> RebootHour {
    let name = match Weekday::from_monday_zero_offset(weekday) {
        Ok(Weekday::Monday) | Err(_) => "mon",
        Ok(Weekday::Tuesday) => "tue",
        Ok(Weekday::Wednesday) => "wed",
        Ok(Weekday::Thursday) => "thu",
        Ok(Weekday::Friday) => "fri",
        Ok(Weekday::Saturday) => "sat",
        Ok(Weekday::Sunday) => "sun",
    };
    RebootHour {
        weekday: name.to_owned(),
        hour: hour.unsigned_abs(),
        reboots,
    }
}

/// The worst first: most severe, then on most devices.
fn worst(
    all: BTreeMap<(String, u32), Wrong>,
    patches: &[Patch],
    snapshot: &Snapshot,
) -> Vec<Trouble> {
    let mut all: Vec<((String, u32), Wrong)> = all.into_iter().collect();
    let severity = |patch: u32| patches.get(patch as usize).and_then(|p| p.finding.severity);
    all.sort_by_cached_key(|((client, patch), wrong)| {
        (
            Reverse((severity(*patch), wrong.devices)),
            *patch,
            client.clone(),
        )
    });
    all.truncate(EXAMPLES_MAX);
    all.into_iter()
        .filter_map(|((client, number), wrong)| {
            let patch = patches.get(number as usize)?;
            let device = snapshot.devices.get(wrong.device as usize)?;
            Some(Trouble {
                patch: patch.finding.patch.clone(),
                client,
                device: device.name.clone().unwrap_or_else(|| device.id.clone()),
                devices: wrong.devices,
                severity: patch.finding.severity,
                came_at: patch.came_at,
                fixed_at: wrong.fixed_at,
                gate: wrong.gate,
                why: why(&wrong),
            })
        })
        .collect()
}

fn why(wrong: &Wrong) -> String {
    match (wrong.end, wrong.gate) {
        (End::Starved { .. }, gate) if wrong.replaced > 0 => {
            let gate = gate.map_or("its time", |gate| gate_words(gate));
            let times = match wrong.replaced {
                1 => "a newer patch replaced it".to_owned(),
                times => format!("{times} newer patches replaced it, one after the other,"),
            };
            format!("{times} before {gate} came, and none of them was installed")
        }
        (End::Starved { .. }, Some(gate)) => {
            format!("it is approved, and the gate `{gate}` never opens by itself")
        }
        (End::Starved { .. }, None) => "it is approved, and it was never installed".to_owned(),
        (End::NotApproved, _) => "nothing approves it".to_owned(),
        (End::Waiting, _) => "its time lies after the end of the rehearsal".to_owned(),
        (End::Installed, _) => "it was installed after the promised time".to_owned(),
        (End::Replaced, _) => {
            "a newer patch was installed in its place, after the promised time".to_owned()
        }
    }
}

/// What a patch waits for at a gate.
fn gate_words(gate: GateName) -> &'static str {
    match gate {
        GateName::Delay => "the end of its delay",
        GateName::Ring => "its ring's turn",
        GateName::Frozen => "the end of the freeze",
        GateName::Window => "the next change window",
        GateName::Known
        | GateName::Applicable
        | GateName::Decided
        | GateName::Budget
        | GateName::Reachable
        | GateName::Guardrails => "its time",
    }
}
