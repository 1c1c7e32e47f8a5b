//! Timed runs: messages made first, then sent over many kept connections at once.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use domain::Timestamp;
use protocol::sync::{CounterBehind, SyncReply};
use serde_json::{Value, json};

use crate::device::{Device, Kind};
use crate::link::{Connection, Server};

/// Threads that send.
const SENDERS: usize = 4;
/// Connections of each: it sends on all of them, then reads all answers.
const CONNECTIONS: usize = 32;
const SYNC: &str = "/agent/v1/sync";
/// Every how manieth device installs updates on the simulated day: once a week each.
const PATCHED_EVERY: usize = 7;
/// Unchanged check-ins of the simulated day. There are more in truth; they leave no history.
const UNCHANGED_A_DAY: usize = 4;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was answered.
    Finished,
    /// The server broke off.
    Cut,
}

/// What a run gave.
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    answered: usize,
    wanted: usize,
    seconds: f64,
    bytes_up: usize,
    bytes_down: usize,
    own_seconds: f64,
}

impl Ran {
    /// As the answer to the command.
    pub fn json(&self) -> Value {
        let each = |bytes: usize| bytes as f64 / self.answered.max(1) as f64;
        json!({
            "answered": self.answered,
            "per_second": self.answered as f64 / self.seconds,
            "seconds": self.seconds,
            "bytes_up_each": each(self.bytes_up),
            "body_down_each": each(self.bytes_down),
            "asked_for_more": self.wanted,
            "own_seconds": self.own_seconds,
        })
    }
}

#[derive(Default)]
struct Count {
    answered: usize,
    wanted: usize,
    bytes_up: usize,
    bytes_down: usize,
    cut: bool,
}

/// Lets every device check in `times` times.
pub fn run(
    server: &Server,
    fleet: &mut [Device],
    kind: Kind,
    times: usize,
    now: Timestamp,
) -> Result<Ran> {
    run_telling(server, fleet, kind, times, now, || Ok(()))
}

/// As [`run`]; calls `begun` when the messages are made and sending begins.
pub fn run_telling(
    server: &Server,
    fleet: &mut [Device],
    kind: Kind,
    times: usize,
    now: Timestamp,
    begun: impl FnOnce() -> Result<()>,
) -> Result<Ran> {
    ensure!(
        fleet.len() >= SENDERS * CONNECTIONS,
        "enrol at least {} devices first",
        SENDERS * CONNECTIONS
    );
    let share = fleet.len().div_ceil(SENDERS);
    let requests = std::thread::scope(|scope| {
        let makers: Vec<_> = fleet
            .chunks_mut(share)
            .map(|devices| scope.spawn(move || make(server, devices, kind, times, now)))
            .collect();
        makers
            .into_iter()
            .map(|maker| maker.join().expect("making messages does not panic"))
            .collect::<Result<Vec<_>>>()
    })?;
    let mut connections = Vec::with_capacity(SENDERS);
    for _ in 0..SENDERS {
        let own: Result<Vec<Connection>> = (0..CONNECTIONS).map(|_| server.connect()).collect();
        connections.push(own?);
    }
    begun()?;
    let (start, own) = (Instant::now(), own_seconds()?);
    let counts = std::thread::scope(|scope| {
        let senders: Vec<_> = fleet
            .chunks_mut(share)
            .zip(&requests)
            .zip(&mut connections)
            .map(|((devices, requests), own)| scope.spawn(move || send(devices, requests, own)))
            .collect();
        senders
            .into_iter()
            .map(|sender| sender.join().expect("sending does not panic"))
            .collect::<Result<Vec<Count>>>()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let sum = |of: fn(&Count) -> usize| counts.iter().map(of).sum();
    Ok(Ran {
        ended: if counts.iter().any(|count| count.cut) {
            Ended::Cut
        } else {
            Ended::Finished
        },
        answered: sum(|count| count.answered),
        wanted: sum(|count| count.wanted),
        seconds,
        bytes_up: sum(|count| count.bytes_up),
        bytes_down: sum(|count| count.bytes_down),
        own_seconds: own_seconds()? - own,
    })
}

/// Seconds of processor time that this process has used, in hundredths; proc(5), fields 14 and 15.
fn own_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = text.rsplit_once(") ").context("stat has no name")?;
    let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// The requests in the order in which they are sent: all devices once, then all again.
fn make(
    server: &Server,
    devices: &mut [Device],
    kind: Kind,
    times: usize,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::with_capacity(devices.len() * times);
    for _ in 0..times {
        for device in &mut *devices {
            requests.push(server.post(SYNC, &device.message(kind, now)?));
        }
    }
    Ok(requests)
}

fn send(devices: &mut [Device], requests: &[Vec<u8>], own: &mut [Connection]) -> Result<Count> {
    let mut count = Count::default();
    // What was made and not sent, so that counters can be told from positions.
    let times = (requests.len() / devices.len()) as u64;
    let before: Vec<u64> = devices
        .iter()
        .map(|device| device.counter - times)
        .collect();
    let mut first = 0;
    for batch in requests.chunks(own.len()) {
        for (connection, request) in own.iter_mut().zip(batch) {
            if connection.send(request).is_err() {
                count.cut = true;
            }
        }
        for (at, (connection, request)) in own.iter_mut().zip(batch).enumerate() {
            let Ok(answer) = connection.receive() else {
                count.cut = true;
                continue;
            };
            let place = (first + at) % devices.len();
            let counter = before[place] + ((first + at) / devices.len()) as u64 + 1;
            if answer.status != 200 {
                bail!(
                    "a check-in was answered with {}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                );
            }
            let reply: SyncReply =
                serde_json::from_slice(&answer.body).context("the answer cannot be read")?;
            ensure!(reply.counter == counter, "an answer to another message");
            devices[place].acknowledged = counter;
            devices[place].asked = reply.changelogs;
            count.answered += 1;
            count.wanted += usize::from(!reply.wants.is_empty());
            count.bytes_up += request.len();
            count.bytes_down += answer.body.len();
        }
        if count.cut {
            break;
        }
        first += batch.len();
    }
    Ok(count)
}

/// Answers what the server asks for, until it asks no more, as the agent does.
pub fn answer(server: &Server, fleet: &mut [Device], now: Timestamp) -> Result<()> {
    const TIMES: usize = 8;
    for _ in 0..TIMES {
        if fleet.iter().all(|device| device.asked.is_empty()) {
            return Ok(());
        }
        let ran = run(server, fleet, Kind::Changelogs, 1, now)?;
        ensure!(ran.ended == Ended::Finished, "the server broke off");
    }
    bail!("the server asks for changelogs again and again")
}

/// A day: lists fetched anew by all, updates installed by some, the usual check-ins by all.
pub fn day(server: &Server, fleet: &mut [Device], now: Timestamp) -> Result<Value> {
    let mut answered = 0;
    let mut wanted = 0;
    for (kind, times) in [(Kind::NewLists, 1), (Kind::Unchanged, UNCHANGED_A_DAY)] {
        let ran = run(server, fleet, kind, times, now)?;
        ensure!(ran.ended == Ended::Finished, "the server broke off");
        answered += ran.answered;
        wanted += ran.wanted;
        answer(server, fleet, now)?;
    }
    let patched = fleet.len() / PATCHED_EVERY;
    let ran = run(server, &mut fleet[..patched], Kind::Patched, 1, now)?;
    ensure!(ran.ended == Ended::Finished, "the server broke off");
    Ok(json!({
        "answered": answered + ran.answered,
        "asked_for_more": wanted + ran.wanted,
        "patched": patched,
    }))
}

/// Asks the server for the highest counter that it knows of each device, by sending a used one.
pub fn check(server: &Server, fleet: &mut [Device], now: Timestamp) -> Result<Value> {
    let mut connection = server.connect()?;
    let (mut lost, mut beyond) = (0, 0);
    for device in &mut *fleet {
        connection.send(&server.post(SYNC, &device.stale(now)?))?;
        let answer = connection.receive()?;
        ensure!(
            answer.status == 409,
            "a used counter was answered with {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        let behind: CounterBehind = serde_json::from_slice(&answer.body)?;
        lost += usize::from(behind.counter < device.acknowledged);
        beyond += usize::from(behind.counter > device.acknowledged);
        device.counter = behind.counter;
        device.acknowledged = behind.counter;
    }
    Ok(json!({"devices": fleet.len(), "lost": lost, "not_acknowledged_but_kept": beyond}))
}
