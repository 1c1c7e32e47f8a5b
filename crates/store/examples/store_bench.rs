//! Measures the store as one JSON document: unchanged check-ins, full check-ins of 850 packages, and
//! the bytes that a device takes, now and for each day of history.
//!
//! `store_bench [FOLDER] [DEVICES]`. Run it in release, with FOLDER on a real disk.

#[path = "../tests/support/sample.rs"]
#[allow(dead_code)]
mod sample;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use domain::finding::FindingState;
use domain::id::{DeviceId, DeviceKind};
use domain::inventory::{Digest, Inventory};
use domain::offer::Facts;
use sample::*;
use serde_json::json;
use store::{FindingsWrite, InventoryWrite, LinkUpdate, OpenOptions, Pending, Store, StoreError};

const PACKAGES: u64 = 850;
const PENDING: u64 = 80;
/// Check-ins that wait for the writer at once, as many connections would have.
const IN_FLIGHT: usize = 256;
const DAYS: u64 = 30;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(std::path::PathBuf::from);
    let devices: u64 = arguments
        .next()
        .map_or(10_000, |text| text.parse().expect("DEVICES is a number"));
    let made = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = folder.unwrap_or_else(|| made.path().to_owned());
    let path = folder.join("store-bench.db");
    assert!(!path.exists(), "{} is in the way", path.display());

    let begun = Instant::now();
    let store = open(&path);
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    let empty = size(&path);
    enrol(&store, devices);
    let enrolled = size(&path);

    // Made before the clock starts: reading a report is not the store's work.
    let reports: Vec<_> = (0..13)
        .map(|number| {
            let inventory = packages(number, 0);
            (
                Arc::new((inventory.digest(), inventory)),
                facts(number, PENDING),
            )
        })
        .collect();
    let full_per_second = run(&store, devices, |store, number| {
        let (inventory, facts) = &reports[number as usize % reports.len()];
        let mut facts = facts.clone();
        facts.system.hostname = format!("host-{number}");
        full_check_in(store, number, Arc::clone(inventory), facts)
    });
    let looked = size(&path);
    let found_per_second = run(&store, devices, findings);
    let current = size(&path);
    let unchanged_per_second = run(&store, devices, unchanged);
    let cheap = size(&path);
    let some = devices.min(200);
    for day in 1..=DAYS {
        run(&store, some, move |store, number| {
            day_of_changes(store, number, day)
        });
    }
    let history = size(&path);
    drop(store);
    let _ = std::fs::remove_file(&path);
    let each = |bytes: u64, of: u64| bytes as f64 / of as f64;
    let said = json!({
        "open_empty_ms": open_ms,
        "devices": devices,
        "full_check_ins_per_second": full_per_second,
        "assessments_per_second": found_per_second,
        "unchanged_check_ins_per_second": unchanged_per_second,
        "bytes_per_device": {
            "current": each(cheap - empty, devices),
            "enrolled": each(enrolled - empty, devices),
            "inventory_and_facts_with_first_history": each(looked - enrolled, devices),
            "findings_with_first_history": each(current - looked, devices),
            "reply_and_link": each(cheap - current, devices),
            "history_a_day": each(history - cheap, some * DAYS),
        },
    });
    println!("{said:#}");
}

fn open(path: &Path) -> Store {
    Store::open(path, OpenOptions::default()).expect("the database can be made")
}

/// Bytes in the tables, without the pages that wait to be used again.
fn size(path: &Path) -> u64 {
    let raw = rusqlite::Connection::open(path).expect("the database is there");
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("the log can be taken in");
    raw.query_row(
        "SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [],
        |row| row.get::<_, i64>(0),
    )
    .map(|bytes| bytes.unsigned_abs())
    .expect("SQLite knows its pages")
}

fn device_id(number: u64) -> DeviceId {
    id::<DeviceKind>(number)
}

fn enrol(store: &Store, devices: u64) {
    store
        .write_blocking(move |tx| {
            tx.client_add(&provider(), &client(1))?;
            tx.site_add(&provider(), &site(1))?;
            (0..devices).try_for_each(|number| tx.device_add(&provider(), &device(number, id(1))))
        })
        .expect("devices can be enrolled");
}

/// Runs one job for each device, many in flight, and returns how many a second were durable.
fn run(store: &Store, devices: u64, job: impl Fn(&Store, u64) -> Pending<(), StoreError>) -> f64 {
    let begun = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    for number in 0..devices {
        waiting.push_back(job(store, number));
        if waiting.len() == IN_FLIGHT {
            let oldest = waiting.pop_front().expect("it is not empty");
            oldest.wait().expect("the job is sound");
        }
    }
    for pending in waiting {
        pending.wait().expect("the job is sound");
    }
    devices as f64 / begun.elapsed().as_secs_f64()
}

/// Each device has 31 packages in a version of its own choice, and one upgraded on each day.
fn packages(number: u64, day: u64) -> Inventory {
    inventory((0..PACKAGES).map(|package| {
        let own = package % 28 == 0;
        let choice = if own { (number * 31 + package) % 13 } else { 0 };
        let upgraded = (1..=day).any(|day| (number + day * 7) % PACKAGES == package);
        (package, if upgraded { 100 } else { choice })
    }))
}

fn link(number: u64) -> LinkUpdate {
    LinkUpdate {
        counter: number + 1,
        reply: Some(vec![number as u8; 180]),
        acknowledged: number,
        last_sequence: 0,
        seen_at: at(100),
        inventory_confirmed: true,
    }
}

fn full_check_in(
    store: &Store,
    number: u64,
    inventory: Arc<(Digest, Inventory)>,
    facts: Facts,
) -> Pending<(), StoreError> {
    store.write(move |tx| {
        let device = device_id(number);
        tx.link_get(device)?;
        let write = InventoryWrite {
            inventory: &inventory.1,
            digest: inventory.0,
            valid_from: at(100),
            recorded_at: at(101),
        };
        tx.inventory_put(&provider(), device, write)?;
        tx.facts_put(&provider(), device, &facts, "abcdefghijk", at(100))?;
        tx.link_update(&provider(), device, &link(number))
    })
}

fn findings(store: &Store, number: u64) -> Pending<(), StoreError> {
    let findings: Vec<_> = (0..PENDING)
        .filter(|patch| !(number + patch).is_multiple_of(9))
        .map(|patch| finding(patch, FindingState::Missing))
        .collect();
    store.write(move |tx| {
        let write = FindingsWrite {
            findings: &findings,
            valid_from: at(100),
            recorded_at: at(101),
        };
        tx.finding_apply(&provider(), device_id(number), write)?;
        Ok(())
    })
}

fn unchanged(store: &Store, number: u64) -> Pending<(), StoreError> {
    store.write(move |tx| {
        let device = device_id(number);
        tx.link_get(device)?;
        tx.link_update(&provider(), device, &link(number))
    })
}

/// One package changed and one finding was fixed.
fn day_of_changes(store: &Store, number: u64, day: u64) -> Pending<(), StoreError> {
    let inventory = packages(number, day);
    let digest = inventory.digest();
    store.write(move |tx| {
        let (device, now) = (device_id(number), at(86_400 * day as i64));
        let write = InventoryWrite {
            inventory: &inventory,
            digest,
            valid_from: now,
            recorded_at: now,
        };
        tx.inventory_put(&provider(), device, write)?;
        let findings: Vec<_> = (day..PENDING)
            .filter(|patch| !(number + patch).is_multiple_of(9))
            .map(|patch| finding(patch, FindingState::Missing))
            .collect();
        let write = FindingsWrite {
            findings: &findings,
            valid_from: now,
            recorded_at: now,
        };
        tx.finding_apply(&provider(), device, write)?;
        Ok(())
    })
}
