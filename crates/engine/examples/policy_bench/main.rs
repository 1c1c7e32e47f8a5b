//! Policies under load: one process per measurement, figures as one JSON object on stdout.
//!
//!     policy_bench evaluate PAIRS        pairs of devices and patches, and the naive evaluator beside it
//!     policy_bench plan DEVICES RULES    what a change of policy changes
//!     policy_bench openings WINDOWS      all openings of a year
//!     policy_bench rehearse DEVICES MONTHS
//!
//! Nothing is read but the arguments; the fleet comes from one seed (`engine::simulated`). Answers are
//! held against an evaluator that was written apart (`naive`) before any time is told.

mod naive;

use std::process::ExitCode;
use std::time::Instant;

use domain::policy::{Policy, RuleAction};
use domain::query::Query;
use domain::snapshot::{Snapshot, SnapshotState};
use domain::window::{ChangeWindow, Recurrence};
use engine::calendar::{self, Frozen};
use engine::decide::SnapshotWorld;
use engine::plan::difference;
use engine::rehearse::{Promise, Span, rehearse};
use engine::simulated::{self, Simulation};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const SEED: u64 = 20_261_123;
const THREADS: usize = 2;
const ROUNDS: usize = 3;
/// Rules of the policy under which pairs are evaluated.
const RULES: usize = 100;
/// Devices that are held against the naive evaluator.
const SAMPLE: usize = 400;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["evaluate", pairs] => pairs.parse().ok().map(evaluate),
        ["plan", devices, rules] => match (devices.parse(), rules.parse()) {
            (Ok(devices), Ok(rules)) => Some(plan(devices, rules)),
            _ => None,
        },
        ["openings", windows] => windows.parse().ok().map(openings),
        ["rehearse", devices, months] => match (devices.parse(), months.parse()) {
            (Ok(devices), Ok(months)) => Some(rehearsal(devices, months)),
            _ => None,
        },
        _ => None,
    };
    match done {
        Some(Ok(figures)) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Some(Err(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!(
                "usage: policy_bench evaluate PAIRS | plan DEVICES RULES | openings WINDOWS | rehearse DEVICES MONTHS"
            );
            ExitCode::from(2)
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_812_800).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn fleet(devices: u32, months: u32) -> Snapshot {
    simulated::fleet(&Simulation {
        seed: SEED,
        devices,
        months,
        until: now(),
    })
}

fn policy(rules: usize, devices: u32) -> Result<Policy, String> {
    let clients = devices.div_ceil(250) as usize;
    simulated::policy(rules, clients).ok_or_else(|| "the simulated policy is none".to_owned())
}

fn timed(rounds: usize, mut run: impl FnMut()) -> Vec<f64> {
    (0..rounds)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64()
        })
        .collect()
}

/// Does `work` on parts of a list, on all threads, and sums the answers up.
fn parallel<T: Sync>(items: &[T], work: impl Fn(&[T]) -> u64 + Sync) -> u64 {
    let size = items.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = items
            .chunks(size)
            .map(|part| {
                let work = &work;
                scope.spawn(move || work(part))
            })
            .collect();
        running
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .sum()
    })
}

fn evaluate(pairs: usize) -> Result<Value, String> {
    // Every finding is missing, so that no pair ends at the second gate.
    let per_device = fleet(1_000, 2)
        .devices
        .iter()
        .map(|d| d.findings.len())
        .sum::<usize>()
        / 1_000;
    let devices = u32::try_from(pairs / per_device.max(1) + 1).map_err(|_| "too many pairs")?;
    let mut fleet = fleet(devices, 2);
    for finding in fleet
        .devices
        .iter_mut()
        .flat_map(|device| &mut device.findings)
    {
        finding.state = SnapshotState::Missing;
        finding.superseded_by = None;
    }
    let policy = policy(RULES, devices)?;
    let checked = naive::check(&fleet, &policy, now(), SAMPLE)?;
    let world = SnapshotWorld::new(&fleet, &policy);
    let count: usize = fleet
        .devices
        .iter()
        .map(|device| device.findings.len())
        .sum();
    let mut open = 0;
    // With all that has to be made ready for a fleet and a policy that were not seen before.
    let seconds = timed(ROUNDS, || {
        let world = SnapshotWorld::new(&fleet, &policy);
        let outcomes = world.fleet(THREADS).outcomes(now(), THREADS);
        open = outcomes
            .iter()
            .filter(|outcome| outcome.at.is_some())
            .count();
    });
    let each = timed(1, || {
        let found = parallel(&fleet.devices, |devices| {
            let evaluators = devices
                .iter()
                .map(|device| (world.device(device, now()), device));
            let outcomes = evaluators.map(|(evaluator, device)| {
                let outcomes = device
                    .findings
                    .iter()
                    .map(|finding| evaluator.outcome(finding));
                outcomes.filter(|outcome| outcome.at.is_some()).count() as u64
            });
            outcomes.sum()
        });
        std::hint::black_box(found);
    });
    let sample = &fleet.devices[..fleet.devices.len().min(SAMPLE)];
    let sampled: usize = sample.iter().map(|device| device.findings.len()).sum();
    let clocks = naive::clocks(&fleet);
    let naive = timed(ROUNDS, || {
        let found = parallel(sample, |devices| {
            let pairs = devices
                .iter()
                .flat_map(|d| d.findings.iter().map(move |f| (d, f)));
            pairs
                .filter(|(d, f)| naive::answer(d, f, &policy, &clocks, now()).is_some())
                .count() as u64
        });
        std::hint::black_box(found);
    });
    let scale = count as f64 / sampled.max(1) as f64;
    Ok(json!({
        "pairs": count, "devices": devices, "rules": policy.rules.len(), "open": open,
        "checked": checked, "seconds": seconds, "each_alone_seconds": each,
        "naive_seconds": naive.iter().map(|seconds| seconds * scale).collect::<Vec<_>>(),
        "sampled": sampled,
    }))
}

/// The policy with the changes that people make: a rule changed, one gone, a denial narrowed, a window
/// moved.
fn changed(policy: &Policy) -> Result<Policy, String> {
    let mut changed = policy.clone();
    let more = "3d".parse().map_err(|_| "no duration")?;
    if let Some(rule) = changed
        .rules
        .iter_mut()
        .rev()
        .find(|r| r.name.as_str() == "severe on servers")
    {
        rule.after = more;
    }
    if let Some(rule) = changed
        .rules
        .iter_mut()
        .find(|rule| rule.action == RuleAction::Deny)
    {
        let narrowed = format!("{} -tag:pilot", rule.devices);
        rule.devices = Query::parse(&narrowed).map_err(|error| error.to_string())?;
    }
    if let Some(window) = changed
        .windows
        .iter_mut()
        .find(|w| w.name.as_str() == "workstations")
    {
        window.start = window.start.saturating_add(SignedDuration::from_hours(1));
    }
    changed.exclusions.clear();
    Ok(changed)
}

fn plan(devices: u32, rules: usize) -> Result<Value, String> {
    let fleet = fleet(devices, 2);
    let before = policy(rules, devices)?;
    let after = changed(&before)?;
    let checked = naive::check(&fleet, &before, now(), SAMPLE)?
        + naive::check(&fleet, &after, now(), SAMPLE)?;
    let mut last = None;
    let seconds = timed(ROUNDS, || {
        last = Some(difference(&fleet, &before, &after, now()))
    });
    let last = last.ok_or("no round")?;
    Ok(json!({
        "devices": devices, "rules": rules, "pairs": last.counts.pairs, "changed": last.counts.changed(),
        "released": last.counts.released, "clients": last.clients_total, "checked": checked,
        "seconds": seconds,
    }))
}

fn openings(count: usize) -> Result<Value, String> {
    let base = policy(6, 250)?.windows;
    let base = base.first().ok_or("no window")?;
    let days = [
        "tue",
        "mon,tue,wed,thu,fri",
        "sat,sun",
        "2 tuesday + 4 days",
        "last friday",
        "day 31",
        "wed every 2 weeks",
    ];
    let zones = [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Santiago",
    ];
    let windows: Vec<(ChangeWindow, &str)> = (0..count)
        .map(|number| {
            let recurrence: Recurrence =
                days[number % days.len()].parse().map_err(|_| "no days")?;
            let minutes = i64::try_from(number % 1440).unwrap_or(0);
            let window = ChangeWindow {
                recurrence,
                start: jiff::civil::Time::midnight()
                    .wrapping_add(SignedDuration::from_mins(minutes)),
                ..base.clone()
            };
            Ok((window, zones[number % zones.len()]))
        })
        .collect::<Result<_, String>>()?;
    let until = now()
        .checked_add(SignedDuration::from_hours(365 * 24))
        .map_err(|e| e.to_string())?;
    let mut found = 0;
    let seconds = timed(5, || {
        found = parallel(&windows, |windows| {
            let all = windows.iter().filter_map(|(window, zone)| {
                calendar::openings_between(window, zone, &[], &Frozen::default(), now(), until).ok()
            });
            all.map(|openings| openings.len() as u64).sum()
        });
    });
    Ok(json!({"windows": count, "openings": found, "seconds": seconds}))
}

fn rehearsal(devices: u32, months: u32) -> Result<Value, String> {
    let began = Instant::now();
    let fleet = fleet(devices, months);
    let simulated = began.elapsed().as_secs_f64();
    let in_force = policy(60, devices)?;
    let draft = changed(&in_force)?;
    let span = Span {
        months,
        until: now(),
        promise: Promise::default(),
    };
    let mut last = None;
    let alone = timed(1, || {
        last = Some(rehearse(&fleet, &draft, None, &span, &|_, _| {}))
    });
    let seconds = timed(ROUNDS, || {
        last = Some(rehearse(&fleet, &draft, Some(&in_force), &span, &|_, _| {}));
    });
    let last = last.ok_or("no round")?;
    Ok(json!({
        "devices": devices, "months": months, "pairs": last.draft.tally.pairs,
        "installed": last.draft.tally.installed, "reboots": last.draft.tally.reboots,
        "starved": last.draft.tally.starved, "missed": last.draft.tally.missed,
        "simulated_seconds": simulated, "alone_seconds": alone, "seconds": seconds,
    }))
}
