//! New advisories, one after the other: from the committed document to the durable answer.
//!
//! Before the clock runs, the document is appended to a file and synchronised: it is committed. Then
//! the index takes it over, lists whom it hits, the counters that changed are appended to a second
//! file and synchronised (`fdatasync`), and the answer is there. Reach is drawn evenly in its
//! logarithm from 0.01 to 50 % of the fleet.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use domain::advisory::{Advisory, Rating, Says, Statement, Target};
use domain::cve::Catalogues;
use domain::severity::{Severity, SeveritySource};
use engine::assess::fleet::{Change, FleetIndex, Open};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::fleet::Places;
use crate::universe::Universe;
use crate::{SEED, THREADS, World, advisories, stream, world};

const ADVISORIES: usize = 1_000;
/// Statements that are tried for one advisory.
const TRIES: usize = 60;

/// Injects the advisories.
pub fn run(devices: usize, folder: &str) -> Result<Value, String> {
    let mut world = world();
    let places = Places::new(&world.universe, devices, SEED + 3);
    stream(&mut world, &places, devices)?;
    world.index.assess(THREADS);
    let (mut documents, mut counters) = (create(folder, "documents")?, create(folder, "counters")?);
    let catalogues = advisories::catalogues();
    let tag = "dmz".parse().expect("a tag");
    let mut dice = Dice::new(SEED + 20);
    let mut drawn = Vec::with_capacity(ADVISORIES);
    for number in 0..ADVISORIES {
        let share = 10_f64.powf(-4.0 + 3.7 * dice.below(1_000_000) as f64 / 1e6);
        let wanted = (share * devices as f64).max(1.0) as u64;
        drawn.push(draw(&mut dice, &mut world, number, wanted));
    }
    let mut found: Vec<[f64; 4]> = Vec::with_capacity(ADVISORIES);
    for (key, advisory) in drawn {
        append(&mut documents, format!("{advisory:?}\n").as_bytes())?;
        let began = Instant::now();
        world
            .index
            .apply_definitions(&[Change::Put(&key, &advisory)], &catalogues, THREADS);
        let known = world.index.advisory(&key).ok_or("the advisory is gone")?;
        let hit = world.index.hit_by(known, Some(&tag));
        let in_index = began.elapsed();
        let record = json!({
            "advisory": key,
            "devices": hit.devices.len(),
            "exposed": hit.exposed,
            "clients": hit.clients.iter().map(|(c, n)| json!([c, n])).collect::<Vec<_>>(),
        });
        append(&mut counters, format!("{record}\n").as_bytes())?;
        let whole = began.elapsed();
        let listed = hit.devices.iter().filter(|d| *d < devices as u32).count();
        let reach = listed as f64 / devices as f64;
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        found.push([
            millis(whole),
            millis(in_index),
            millis(whole) - millis(in_index),
            reach,
        ]);
    }
    let kept = world.index.totals();
    world.index.assess(THREADS);
    if world.index.totals() != kept {
        return Err("the counters that were kept differ from those counted anew".to_owned());
    }
    let column = |at: usize| {
        let mut values: Vec<f64> = found.iter().map(|row| row[at]).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
        json!({"median": at(0.5), "p99": at(0.99), "least": at(0.0), "most": at(1.0)})
    };
    Ok(json!({
        "devices": devices,
        "advisories": found.len(),
        "whole_ms": column(0),
        "index_ms": column(1),
        "durable_ms": column(2),
        "reach": column(3),
    }))
}

fn create(folder: &str, name: &str) -> Result<File, String> {
    let path = Path::new(folder).join(name);
    File::create(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn append(file: &mut File, bytes: &[u8]) -> Result<(), String> {
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    written.map_err(|error| format!("cannot write: {error}"))
}

/// An advisory about sources of some systems, enough of them to reach about so many devices.
fn draw(dice: &mut Dice, world: &mut World, number: usize, wanted: u64) -> (String, Advisory) {
    let key = format!("injected/{number}");
    let mut advisory = Advisory::new(key.clone());
    advisory.rating = Some(Rating {
        severity: Severity::Critical,
        source: SeveritySource::Vendor,
        word: "critical".to_owned(),
        cvss_tenths: None,
    });
    let World {
        index, universe, ..
    } = world;
    let universe: &Universe = universe;
    let mut left = wanted as i64;
    // A statement of a rare package reaches few devices, one of a base package a whole system.
    for _ in 0..TRIES {
        if left <= 0 {
            break;
        }
        let system = dice.of(&universe.systems);
        let sources = &universe.families[system.family];
        let common = sources.len() / 5;
        let at = if dice.below(2) == 0 {
            dice.below(common)
        } else {
            dice.below(sources.len())
        };
        let versions = &system.built[at].versions;
        let bound = &versions[dice.below(versions.len())];
        let says = match dice.below(2) {
            0 => Says::FixedIn {
                introduced: None,
                fixed: bound.parse().expect("generated versions are versions"),
            },
            _ => Says::AffectedUpTo {
                introduced: None,
                last: bound.parse().expect("generated versions are versions"),
            },
        };
        let statement = Statement {
            system: system.id.clone(),
            target: Target::Source(sources[at].name.parse().expect("a name")),
            architectures: Vec::new(),
            module: None,
            cves: None,
            subscription: None,
            says,
        };
        let reach = reach(index, &statement) as i64;
        if reach > 0 && reach <= left.max(wanted as i64 / 8).saturating_mul(2) {
            left -= reach;
            advisory.statements.push(statement);
        }
    }
    (key, advisory)
}

/// How many devices a statement alone would reach: taken in, asked and taken out again.
fn reach(index: &mut FleetIndex, statement: &Statement) -> u64 {
    const KEY: &str = "trial";
    let mut advisory = Advisory::new(KEY);
    advisory.statements.push(statement.clone());
    let none = Catalogues::default();
    index.apply_definitions(&[Change::Put(KEY, &advisory)], &none, THREADS);
    let count = |known, open| index.affected_count(known, open);
    let found = index.advisory(KEY).map_or(0, |known| {
        count(known, Open::Missing) + count(known, Open::NoFix)
    });
    index.apply_definitions(&[Change::Remove(KEY)], &none, THREADS);
    found
}
