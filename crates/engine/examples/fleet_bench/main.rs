//! The fleet index under load: one process per measurement, figures as one JSON object on stdout.
//!
//!     fleet_bench assess DEVICES       cold, after a change of the definitions, queries; checked first
//!     fleet_bench memory DEVICES       memory of the index, devices streamed in
//!     fleet_bench advisory DEVICES DIR injected advisories, each durable before it is answered
//!     fleet_bench debsecan DEVICES DIR files for debsecan, and what the index says of the same devices
//!
//! Nothing is read but the arguments; every fleet comes from one seed (see `universe`, `advisories`
//! and `fleet` for its shape).

mod advisories;
mod dice;
mod fleet;
mod inject;
mod naive;
mod peer;
mod universe;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use domain::judgement::JudgedPackage;
use domain::query::Query;
use engine::assess::fleet::{Change, FleetIndex, Open};
use engine::assess::scheme;
use serde_json::{Value, json};

use advisories::Advisories;
use dice::Dice;
use fleet::{Inventories, Places};
use naive::Reference;
use universe::Universe;

/// The seed of everything.
pub const SEED: u64 = 20_261_123;
const ROWS: usize = 300_000;
const THREADS: usize = 2;
/// Devices that are held against the reference.
const SAMPLE: usize = 1_000;
/// Devices drawn at a time where they are not kept.
const STREAM: usize = 65_536;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["assess", devices] => devices.parse().ok().map(assess),
        ["memory", devices] => devices.parse().ok().map(memory),
        ["advisory", devices, folder] => devices.parse().ok().map(|n| inject::run(n, folder)),
        ["debsecan", devices, folder] => devices.parse().ok().map(|n| peer::write(n, folder)),
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
            eprintln!("usage: fleet_bench assess|memory|advisory|debsecan DEVICES [DIR]");
            ExitCode::from(2)
        }
    }
}

/// A number of `/proc/self/status` in bytes.
pub fn status_bytes(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = line.map(|line| line.trim().trim_end_matches("kB").trim());
    digits
        .and_then(|digits| digits.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// Seconds of processor time of this process, over all threads.
pub fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|t| t.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// What a step took: seconds of wall clock and of processor.
pub struct Step {
    began: Instant,
    processor: f64,
}

impl Step {
    /// Begins.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            processor: processor_seconds(),
        }
    }

    /// Ends, with a word on stderr.
    pub fn end(self, what: &str) -> (f64, f64) {
        let wall = self.began.elapsed().as_secs_f64();
        let processor = processor_seconds() - self.processor;
        eprintln!("  {what}: {wall:.3} s, processor {processor:.2} s");
        (wall, processor)
    }
}

/// Everything but the devices.
pub struct World {
    /// The index.
    pub index: FleetIndex,
    /// What is installed.
    pub universe: Universe,
    /// What is stated.
    pub advisories: Advisories,
}

/// Draws universe and definitions, and loads the definitions.
pub fn world() -> World {
    let mut index = FleetIndex::new();
    let step = Step::begin();
    let universe = Universe::draw(&mut index, SEED);
    let advisories = advisories::draw(&universe, ROWS, SEED + 1);
    step.end("drawing packages and advisories");
    let step = Step::begin();
    index.load_definitions(
        advisories
            .iter()
            .map(|(key, advisory)| (key.as_str(), advisory)),
        &advisories::catalogues(),
    );
    step.end("loading definitions");
    World {
        index,
        universe,
        advisories,
    }
}

/// Puts devices in without keeping their inventories.
pub fn stream(world: &mut World, places: &Places, devices: usize) -> Result<(), String> {
    for begin in (0..devices).step_by(STREAM) {
        let end = devices.min(begin + STREAM);
        let drawn = Inventories::draw(&world.universe, SEED + 2, begin..end);
        let records = (begin..end).map(|number| {
            let (system, packed) = drawn.get(number - begin);
            places.record(number, system, packed)
        });
        world
            .index
            .enrol(records, THREADS)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn assess(devices: usize) -> Result<Value, String> {
    let mut world = world();
    let places = Places::new(&world.universe, devices, SEED + 3);
    let step = Step::begin();
    let drawn = Inventories::draw(&world.universe, SEED + 2, 0..devices);
    step.end("drawing inventories");
    let step = Step::begin();
    let records = (0..devices).map(|number| {
        let (system, packed) = drawn.get(number);
        places.record(number, system, packed)
    });
    world
        .index
        .enrol(records, THREADS)
        .map_err(|error| error.to_string())?;
    let enrol = step.end("taking inventories in");
    let step = Step::begin();
    world.index.assess(THREADS);
    let first = step.end("first assessment");
    check(&world, &drawn, devices)?;
    let mut colds = Vec::new();
    for _ in 0..5 {
        let step = Step::begin();
        world.index.assess(THREADS);
        colds.push(step.end("cold assessment"));
    }
    let change = change(&mut world, &drawn, devices)?;
    let cells: usize = (0..devices.min(SAMPLE))
        .map(|n| world.index.packages_of(index_of(&world, n)).len())
        .sum();
    let rows: usize = world.advisories.values().map(|a| a.statements.len()).sum();
    Ok(json!({
        "devices": devices,
        "packages_mean": cells as f64 / devices.min(SAMPLE) as f64,
        "rows": rows,
        "inventory_bytes": drawn.bytes(),
        "enrol_seconds": enrol.0,
        "first_seconds": first.0,
        "cold_seconds": colds.iter().map(|cold| cold.0).collect::<Vec<_>>(),
        "cold_processor_seconds": colds.iter().map(|cold| cold.1).collect::<Vec<_>>(),
        "change_seconds": change,
        "queries": queries(&world.index),
        "memory": memory_of(&world.index),
    }))
}

fn index_of(world: &World, number: usize) -> engine::assess::fleet::DeviceIndex {
    world
        .index
        .device(fleet::device(number))
        .expect("the device was put in")
}

/// Holds a sample of devices against the reference: verdicts and counters.
fn check(world: &World, drawn: &Inventories, devices: usize) -> Result<(), String> {
    let reference = Reference::new(world.advisories.iter().map(|(key, a)| (key.as_str(), a)));
    let (mut dice, mut verdicts) = (Dice::new(SEED + 4), 0);
    for _ in 0..devices.min(SAMPLE) {
        let number = dice.below(devices);
        let system = &world.universe.systems[drawn.get(number).0];
        let device = index_of(world, number);
        let ids = world.index.packages_of(device);
        let packages: Vec<JudgedPackage> = ids
            .iter()
            .map(|id| world.index.package_row(*id).ok_or("a package is gone"))
            .collect::<Result<_, _>>()?;
        let lent: Vec<&JudgedPackage> = packages.iter().collect();
        let expected = reference.open(std::slice::from_ref(&system.id), &lent);
        let expected: BTreeSet<_> = expected
            .into_iter()
            .map(|(at, key, open)| (ids[at], key, open))
            .collect();
        let found: BTreeSet<_> = world
            .index
            .open_rows_of(device)
            .into_iter()
            .filter_map(|row| Some((row.package, world.index.key(row.advisory)?, row.open)))
            .collect();
        if expected != found {
            return Err(format!(
                "device {number}: the verdicts differ from the reference's"
            ));
        }
        let missing: BTreeSet<&str> = expected
            .iter()
            .filter(|(_, _, open)| *open == Open::Missing)
            .map(|(_, key, _)| *key)
            .collect();
        let counts = world
            .index
            .counts(device)
            .map_err(|error| error.to_string())?;
        if counts.missing() != missing.len() as u64 {
            return Err(format!(
                "device {number}: the counters differ from the reference's"
            ));
        }
        verdicts += expected.len();
    }
    eprintln!(
        "  {verdicts} verdicts of {} devices agree",
        devices.min(SAMPLE)
    );
    Ok(())
}

/// A day's change of the feeds: one advisory in a hundred says something else.
fn change(world: &mut World, drawn: &Inventories, devices: usize) -> Result<Vec<f64>, String> {
    let mut seconds = Vec::new();
    let catalogues = advisories::catalogues();
    for round in 0..5 {
        let mut dice = Dice::new(SEED + 10 + round);
        let keys: Vec<String> = world.advisories.keys().cloned().collect();
        let mut changed = Advisories::new();
        while changed.len() < keys.len() / 100 {
            let number = dice.below(1 << 40);
            let (_, advisory) = advisories::one(&mut dice, &world.universe, number % 300_000);
            changed.insert(dice.of(&keys).clone(), advisory);
        }
        let changes: Vec<Change<'_>> = changed.iter().map(|(k, a)| Change::Put(k, a)).collect();
        let step = Step::begin();
        world
            .index
            .apply_definitions(&changes, &catalogues, THREADS);
        seconds.push(step.end(&format!("{} advisories changed", changes.len())).0);
        world.advisories.extend(changed);
    }
    let kept = world.index.totals();
    check(world, drawn, devices)?;
    world.index.assess(THREADS);
    if world.index.totals() == kept {
        Ok(seconds)
    } else {
        Err("the counters that were kept differ from those that are counted anew".to_owned())
    }
}

/// The slowest of a few answers to each query, in milliseconds.
fn queries(index: &FleetIndex) -> Value {
    const TEXTS: &[&str] = &[
        "client:client1",
        "tag:server os:debian>=12 seen<7d",
        "missing:critical -tag:dmz",
        "package:source0-7",
        "kev:yes missing>=important",
        "cve:CVE-2016-12345",
    ];
    let mut found = serde_json::Map::new();
    for text in TEXTS {
        let query: Query = text.parse().expect("these are queries");
        let (mut worst, mut devices) = (0.0_f64, 0);
        for _ in 0..7 {
            let began = Instant::now();
            devices = index
                .select(&query, fleet::now())
                .map_or(0, |set| set.len());
            worst = worst.max(began.elapsed().as_secs_f64() * 1e3);
        }
        eprintln!("  {text}: {devices} devices, at most {worst:.2} ms");
        found.insert((*text).to_owned(), json!(worst));
    }
    let mut worst = 0.0_f64;
    for _ in 0..7 {
        let began = Instant::now();
        let page = index.worst_devices(50, None);
        worst = worst.max(began.elapsed().as_secs_f64() * 1e3);
        assert!(!page.is_empty(), "somebody is always worst off");
    }
    eprintln!("  the worst 50 devices: at most {worst:.2} ms");
    found.insert("worst".to_owned(), json!(worst));
    Value::Object(found)
}

fn memory_of(index: &FleetIndex) -> Value {
    let memory = index.memory();
    eprintln!(
        "  {memory:?}, resident {} MB",
        status_bytes("VmRSS:") / 1_000_000
    );
    json!({
        "rows": memory.rows,
        "templates": memory.templates,
        "changes": memory.changes,
        "change_bytes": memory.change_bytes,
        "classes": memory.classes,
        "resident": status_bytes("VmRSS:"),
        "peak": status_bytes("VmHWM:"),
    })
}

fn memory(devices: usize) -> Result<Value, String> {
    let mut world = world();
    let places = Places::new(&world.universe, devices, SEED + 3);
    // The documents are not the index; what it took from them it keeps.
    world.advisories = Advisories::new();
    let before = status_bytes("VmRSS:");
    stream(&mut world, &places, devices)?;
    world.index.assess(THREADS);
    let mut found = memory_of(&world.index);
    found["devices"] = json!(devices);
    found["before_devices"] = json!(before);
    Ok(found)
}
