//! Bytes on disk per device: the present state, and the history of one day.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::figure::{Figure, Goal};
use super::fleet::Fleet;
use super::machine::settle;
use super::programs::{binary, example, json};
use super::server::{Folder, Server};

const BENCH: &str = "storage";
const DEVICES: usize = 2000;
const DATABASE: &str = "state/patchloop.db";
/// Tables with dated rows, which only grow. Indices carry their table's name.
const HISTORY: &[&str] = &[
    "inventory_change",
    "finding_change",
    "device_change",
    "order_change",
    "ticket_change",
    "audit",
];

/// Bytes by table: whole pages, and what is used of them.
type Sizes = BTreeMap<String, (f64, f64)>;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = binary("patchloop-server", "patchloop")?;
    let sizes_program = example("patchloop-store", "table_sizes")?;
    let folder = Folder::make()?;
    let database = folder.path().join(DATABASE);
    let sizes = || sizes(&sizes_program, &database);
    let server = Server::start(&program, folder.path())?;
    let token = server.furnish()?;
    let mut fleet = Fleet::start(&server, folder.path())?;
    let stopped = server.stop()?;
    let empty = sizes()?;

    let server = stopped.start()?;
    let packages = fleet.enrol(&server, &token, DEVICES)?;
    fleet.ask("first")?;
    settle(server.pid())?;
    let stopped = server.stop()?;
    let filled = sizes()?;

    let server = stopped.start()?;
    let day = fleet.ask("day")?;
    settle(server.pid())?;
    server.stop()?;
    let later = sizes()?;
    eprintln!("simulated day: {day}; {packages} packages each");

    let devices = DEVICES as f64;
    eprintln!("grown by the first check-ins:");
    show(devices, &filled, &empty);
    eprintln!("grown by the day:");
    show(devices, &later, &filled);
    let state = |sizes: &Sizes| sum(sizes, |name| !is_history(name));
    let history = |sizes: &Sizes| sum(sizes, is_history);
    let file = std::fs::metadata(&database)?.len() as f64;
    Ok(vec![
        Figure::one(
            BENCH,
            format!("present state, {DEVICES} devices of {packages} packages, whole pages"),
            (state(&filled).0 - state(&empty).0) / devices,
            "B/device",
        )
        .goal(Goal::AtMost(3_000.0)),
        Figure::one(
            BENCH,
            "history of a day: lists anew, each seventh device patched",
            (history(&later).1 - history(&filled).1) / devices,
            "B/device",
        )
        .goal(Goal::AtMost(100.0)),
        Figure::one(
            BENCH,
            "history that the first check-in left",
            (history(&filled).1 - history(&empty).1) / devices,
            "B/device",
        ),
        Figure::one(
            BENCH,
            "whole database file after the day",
            file / devices,
            "B/device",
        ),
    ])
}

fn sizes(program: &Path, database: &Path) -> Result<Sizes> {
    let tables = json(Command::new(program).arg(database), "")?;
    let tables = tables.as_object().context("no object")?;
    tables
        .iter()
        .map(|(name, sizes)| {
            let number = |at: usize| sizes[at].as_f64().context("no number");
            Ok((name.clone(), (number(0)?, number(1)?)))
        })
        .collect()
}

fn is_history(name: &str) -> bool {
    HISTORY.iter().any(|table| name.contains(table))
}

fn sum(sizes: &Sizes, wanted: impl Fn(&str) -> bool) -> (f64, f64) {
    sizes
        .iter()
        .filter(|(name, _)| wanted(name))
        .fold((0.0, 0.0), |sum, (_, sizes)| {
            (sum.0 + sizes.0, sum.1 + sizes.1)
        })
}

/// The largest tables, for whoever looks for the reason.
fn show(devices: f64, sizes: &Sizes, before: &Sizes) {
    let mut grown: Vec<(f64, &str)> = sizes
        .iter()
        .map(|(name, now)| {
            let then = before.get(name).map_or(0.0, |sizes| sizes.1);
            ((now.1 - then) / devices, name.as_str())
        })
        .filter(|(bytes, _)| bytes.abs() >= 1.0)
        .collect();
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (bytes, name) in grown {
        eprintln!("  {bytes:>8.1} B/device  {name}");
    }
}
