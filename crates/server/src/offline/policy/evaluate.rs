//! `patchloop policy evaluate FILES... --fleet SNAPSHOT|--simulated N --at T`: what policy files allow
//! on the devices of a snapshot or of a simulated fleet, and why not.
//!
//! With `--json` one object a line, that of `why` with `device` and `patch`; devices and findings in
//! the order of the snapshot. Several threads work on stretches of devices; their lines are written
//! in order.

use std::io::{self, BufWriter, Write};
use std::num::NonZero;

use clap::Args;
use domain::snapshot::{Snapshot, SnapshotDevice};
use domain::verdict::Verdict;
use engine::decide::SnapshotWorld;
use jiff::Timestamp;
use serde::Serialize;

use super::files::FileArgs;
use super::fleet::{ChoiceArgs, SIMULATED_MONTHS};
use crate::cli::Global;
use crate::commands::instant;
use crate::failure::{Failure, Outcome};
use crate::table;

/// How many devices a thread takes at a time.
const STRETCH_DEVICES: usize = 256;
/// The most threads.
const THREADS_MAX: usize = 16;

/// `patchloop policy evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    fleet: ChoiceArgs,
    /// At which time, such as 2026-01-06T21:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Timestamp,
    /// Only this device, by its id or name
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Only this patch
    #[arg(long, value_name = "PATCH")]
    patch: Option<String>,
}

/// One line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    device: &'a str,
    patch: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Runs `policy evaluate`.
pub fn run(args: &EvaluateArgs, global: &Global) -> Result<Outcome, Failure> {
    let policy = args.files.policy()?.policy;
    let snapshot = args.fleet.read(SIMULATED_MONTHS, args.at)?;
    let world = SnapshotWorld::new(&snapshot, &policy);
    if global.json {
        let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
        return match lines(args, &world, &snapshot, &mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            Ok(()) | Err(_) => Ok(Outcome::Done),
        };
    }
    let mut rows = Vec::new();
    for device in chosen(args, &snapshot.devices) {
        each(args, &world, device, |line| {
            rows.push(vec![
                line.device.to_owned(),
                line.patch.to_owned(),
                line.verdict.verdict.to_string(),
                table::maybe_minute(line.verdict.at),
                table::maybe(line.verdict.gate),
                line.verdict.sentence.clone(),
            ]);
        });
    }
    table::rows(
        &["device", "patch", "verdict", "at", "gate", "why"],
        rows,
        "There is no such finding in the fleet.",
    )?;
    Ok(Outcome::Done)
}

fn chosen<'s>(
    args: &EvaluateArgs,
    devices: &'s [SnapshotDevice],
) -> impl Iterator<Item = &'s SnapshotDevice> {
    devices.iter().filter(|device| {
        args.device.as_ref().is_none_or(|wanted| {
            device.id == *wanted || device.name.as_ref().is_some_and(|name| name == wanted)
        })
    })
}

fn each<'s>(
    args: &EvaluateArgs,
    world: &SnapshotWorld<'s>,
    device: &'s SnapshotDevice,
    mut told: impl FnMut(Line<'_>),
) {
    let evaluator = world.device(device, args.at);
    for finding in &device.findings {
        if args
            .patch
            .as_ref()
            .is_some_and(|wanted| finding.patch != *wanted)
        {
            continue;
        }
        told(Line {
            device: &device.id,
            patch: &finding.patch,
            verdict: &evaluator.verdict(finding),
        });
    }
}

/// Writes the lines of all devices: every thread works on one stretch at a time, and a round of
/// stretches is written before the next begins, so that memory stays bounded.
fn lines<'s>(
    args: &EvaluateArgs,
    world: &SnapshotWorld<'s>,
    snapshot: &'s Snapshot,
    out: &mut dyn Write,
) -> io::Result<()> {
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(THREADS_MAX);
    let devices: Vec<&SnapshotDevice> = chosen(args, &snapshot.devices).collect();
    for round in devices.chunks(STRETCH_DEVICES * threads) {
        let texts: Vec<io::Result<Vec<u8>>> = std::thread::scope(|scope| {
            let workers: Vec<_> = round
                .chunks(STRETCH_DEVICES)
                .map(|stretch| scope.spawn(move || text(args, world, stretch)))
                .collect();
            let ended = |_| Err(io::Error::other("a thread ended before its work"));
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(ended))
                .collect()
        });
        for text in texts {
            out.write_all(&text?)?;
        }
    }
    Ok(())
}

fn text<'s>(
    args: &EvaluateArgs,
    world: &SnapshotWorld<'s>,
    devices: &[&'s SnapshotDevice],
) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut failed = None;
    for device in devices {
        each(args, world, device, |line| {
            match serde_json::to_writer(&mut text, &line) {
                Ok(()) => text.push(b'\n'),
                Err(error) => failed = Some(io::Error::from(error)),
            }
        });
    }
    failed.map_or(Ok(text), Err)
}
