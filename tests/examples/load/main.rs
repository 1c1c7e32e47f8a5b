//! A fleet of simulated devices for the benches: each has its own Ed25519 key, its own inventory and
//! its own counters, and speaks the real protocol over real TLS.
//!
//! `load URL PIN INVENTORY`: the last names a file in the form of `Inventory::to_text`. Reads one
//! command a line and answers each with one line of JSON:
//! `enrol TOKEN COUNT`, `first` (everything in full), `unchanged TIMES`, `full TIMES` (inventory in
//! full, a few packages changed each time), `day` (a day's changes), `until-cut` (says `begun`,
//! then unchanged until the server is gone), `check` (is every acknowledged counter known to the server), `limits`.
//! Messages are made and signed before the clock runs; answers are read and checked while it runs.

mod device;
mod limits;
mod link;
mod run;

use std::io::{BufRead as _, Write as _};

use anyhow::{Context, Result, bail, ensure};
use clock::SystemClock;
use domain::clock::Clock as _;
use domain::inventory::Inventory;
use serde_json::{Value, json};

use device::{Device, Kind};
use link::Server;
use run::Ended;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, pin, inventory] = arguments.as_slice() else {
        bail!("usage: load URL PIN INVENTORY");
    };
    let text =
        std::fs::read_to_string(inventory).with_context(|| format!("cannot read {inventory}"))?;
    let base = Inventory::from_text(&text).context("the inventory cannot be read")?;
    let server = Server::new(url, pin)?;
    let mut fleet = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = obey(&words, &server, &base, &mut fleet)
            .with_context(|| format!("command `{}`", words.first().unwrap_or(&"")))?;
        say(&answer)?;
    }
    Ok(())
}

fn say(answer: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()?;
    Ok(())
}

fn obey(
    words: &[&str],
    server: &Server,
    base: &Inventory,
    fleet: &mut Vec<Device>,
) -> Result<Value> {
    let now = SystemClock.now();
    let timed = |fleet: &mut Vec<Device>, kind: Kind, times: usize| -> Result<Value> {
        let ran = run::run(server, fleet, kind, times, now)?;
        ensure!(ran.ended == Ended::Finished, "the server broke off");
        Ok(ran.json())
    };
    match words {
        ["enrol", token, count] => {
            let count: usize = count.parse()?;
            let begun = fleet.len();
            for number in begun..begun + count {
                fleet.push(Device::enrol(server, token, number, base)?);
            }
            Ok(json!({"devices": fleet.len(), "packages": fleet[0].packages()}))
        }
        ["first"] => {
            let ran = timed(fleet, Kind::First, 1)?;
            run::answer(server, fleet, now)?;
            Ok(ran)
        }
        ["unchanged", times] => timed(fleet, Kind::Unchanged, times.parse()?),
        ["full", times] => timed(fleet, Kind::Full, times.parse()?),
        ["day"] => run::day(server, fleet, now),
        ["until-cut"] => {
            // More than any server answers before it is killed.
            let ran = run::run_telling(server, fleet, Kind::Unchanged, 100, now, || {
                say(&json!({"begun": true}))
            })?;
            ensure!(ran.ended == Ended::Cut, "the server was not killed in time");
            Ok(ran.json())
        }
        ["check"] => run::check(server, fleet, now),
        ["limits"] => limits::measure(),
        _ => bail!("unknown command"),
    }
}
