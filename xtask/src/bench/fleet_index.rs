//! The fleet index: assessment of a whole fleet, new advisories, memory, and debsecan beside it.
//!
//! Every measurement is a process of its own (`crates/engine/examples/fleet_bench`), so that memory is
//! that of the case. `PATCHLOOP_BENCH_DEVICES` bounds the series where a machine is small.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::figure::{Figure, Goal, median};
use super::machine::children_seconds;
use super::programs::{example, json, number, output};
use super::server::Folder;

const BENCH: &str = "fleet";
/// The series of fleets.
const SERIES: &[usize] = &[1_000, 10_000, 100_000, 1_000_000];
/// Devices of the fleet that debsecan is held against.
const PEER_DEVICES: usize = 100_000;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = example("patchloop-engine", "fleet_bench")?;
    let bound = std::env::var("PATCHLOOP_BENCH_DEVICES").ok();
    let bound: usize = match bound {
        Some(text) => text
            .parse()
            .context("PATCHLOOP_BENCH_DEVICES is no number")?,
        None => usize::MAX,
    };
    let series: Vec<usize> = SERIES.iter().copied().filter(|n| *n <= bound).collect();
    let mut figures = Vec::new();
    figures.extend(assessments(&program, &series)?);
    figures.extend(advisories(&program, &series)?);
    figures.extend(memory(&program, &series)?);
    figures.extend(peer(&program, PEER_DEVICES.min(bound))?);
    Ok(figures)
}

fn run(program: &Path, mode: &str, devices: usize, folder: Option<&Path>) -> Result<Value> {
    eprintln!("  {mode}, {devices} devices");
    let mut command = Command::new(program);
    command.args([mode, &devices.to_string()]).args(folder);
    json(&mut command, "")
}

fn numbers(value: &Value, name: &str) -> Result<Vec<f64>> {
    let list = value[name]
        .as_array()
        .with_context(|| format!("no list `{name}`"))?;
    Ok(list.iter().filter_map(Value::as_f64).collect())
}

/// The slope of the logarithm of a value over the logarithm of devices, by least squares.
fn exponent(points: &[(usize, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .map(|(devices, value)| ((*devices as f64).ln(), value.ln()))
        .collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    above / below
}

fn assessments(program: &Path, series: &[usize]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let (mut colds, mut changes) = (Vec::new(), Vec::new());
    for &devices in series {
        let found = run(program, "assess", devices, None)?;
        let cold = numbers(&found, "cold_seconds")?;
        let change = numbers(&found, "change_seconds")?;
        colds.push((devices, median(&cold)));
        changes.push((devices, median(&change)));
        let goals = |at_most| {
            if devices == 1_000_000 {
                Goal::AtMost(at_most)
            } else {
                Goal::None
            }
        };
        let rows = number(&found, "rows")?;
        let mean = number(&found, "packages_mean")?;
        let what = format!(
            "cold assessment, {devices} devices of {mean:.0} packages, {rows} advisory rows"
        );
        figures.push(Figure::rounds(BENCH, what, &cold, "s").goal(goals(3.0)));
        let processor = numbers(&found, "cold_processor_seconds")?;
        let what = format!("the same, processor time, {devices} devices");
        figures.push(Figure::rounds(BENCH, what, &processor, "s"));
        let what = format!("after a change of one advisory in a hundred, {devices} devices");
        figures.push(Figure::rounds(BENCH, what, &change, "s").goal(goals(1.0)));
        let start = number(&found, "enrol_seconds")? + number(&found, "first_seconds")?;
        let goal = match devices {
            100_000 => Goal::AtMost(0.5),
            1_000_000 => Goal::AtMost(3.0),
            _ => Goal::None,
        };
        let what =
            format!("packed inventories in memory to the first correct answer, {devices} devices");
        figures.push(Figure::one(BENCH, what, start, "s").goal(goal));
        let queries = found["queries"].as_object().context("no queries")?;
        let worst = queries
            .values()
            .filter_map(Value::as_f64)
            .fold(0.0, f64::max);
        let what = format!(
            "slowest answer of {} queries, {devices} devices",
            queries.len()
        );
        figures.push(Figure::one(BENCH, what, worst, "ms"));
    }
    if series.len() > 1 {
        let what = "exponent of cold assessment over devices";
        figures.push(Figure::one(BENCH, what, exponent(&colds), "").goal(Goal::AtMost(1.0)));
        let what = "exponent of a change of definitions over devices";
        figures.push(Figure::one(BENCH, what, exponent(&changes), ""));
    }
    Ok(figures)
}

fn advisories(program: &Path, series: &[usize]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut points = Vec::new();
    for &devices in series {
        let folder = Folder::make()?;
        let found = run(program, "advisory", devices, Some(folder.path()))?;
        let p99 = number(&found["whole_ms"], "p99")?;
        points.push((devices, number(&found["index_ms"], "median")?));
        let goal = match devices {
            100_000 => Goal::AtMost(5.0),
            1_000_000 => Goal::AtMost(20.0),
            _ => Goal::None,
        };
        let count = number(&found, "advisories")?;
        let (least, most) = (
            number(&found["reach"], "least")?,
            number(&found["reach"], "most")?,
        );
        let what = format!(
            "new advisory to durable answer, p99 of {count}, reach {:.3} to {:.0} %, {devices} devices",
            least * 100.0,
            most * 100.0
        );
        let durable = number(&found["durable_ms"], "p99")?;
        figures.push(
            Figure::one(BENCH, what, p99, "ms")
                .against("append and fdatasync, p99", durable)
                .goal(goal),
        );
        for name in ["median", "p99"] {
            let value = number(&found["index_ms"], name)?;
            let what = format!("the same without the disk, {name}, {devices} devices");
            figures.push(Figure::one(BENCH, what, value, "ms"));
        }
    }
    if series.len() > 1 {
        let what = "exponent of a new advisory over devices, median without the disk";
        figures.push(Figure::one(BENCH, what, exponent(&points), ""));
    }
    Ok(figures)
}

fn memory(program: &Path, series: &[usize]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for &devices in series {
        let found = run(program, "memory", devices, None)?;
        let gigabytes = |name| number(&found, name).map(|bytes| bytes / 1e9);
        let goal = if devices == 1_000_000 {
            Goal::AtMost(4.0)
        } else {
            Goal::None
        };
        let what = format!("resident with definitions and all bitmaps, {devices} devices");
        figures.push(Figure::one(BENCH, what, gigabytes("resident")?, "GB").goal(goal));
        let what = format!("peak while it was built, {devices} devices");
        figures.push(Figure::one(BENCH, what, gigabytes("peak")?, "GB"));
    }
    Ok(figures)
}

/// The same devices and advisories for debsecan; its findings must be ours before time counts.
fn peer(program: &Path, devices: usize) -> Result<Vec<Figure>> {
    let folder = Folder::make()?;
    let there = Command::new("debsecan").arg("--help").output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "  SKIPPED: debsecan is not installed (apt-get install debsecan), so nothing is held against it"
        );
        return Ok(Vec::new());
    }
    let found = run(program, "debsecan", devices, Some(folder.path()))?;
    let shown = found["shown"].as_array().context("no devices shown")?;
    ensure!(!shown.is_empty(), "the fleet has no Debian device");
    let mut seconds = Vec::new();
    let mut findings = 0;
    for device in shown {
        let text = |name: &str| {
            device[name]
                .as_str()
                .with_context(|| format!("no `{name}`"))
        };
        let (before, began) = (children_seconds()?, Instant::now());
        let told = output(
            Command::new("debsecan")
                .args(["--format", "simple", "--suite", text("suite")?, "--source"])
                .arg(format!("file://{}/", folder.path().display()))
                .arg("--status")
                .arg(folder.path().join(text("status")?))
                .arg("--whitelist")
                .arg(folder.path().join("no-whitelist"))
                .args(["--config", "/dev/null"]),
            "",
        )?;
        let processor = children_seconds()? - before;
        // Hundredths of a second are all that the kernel tells of a child; wall time bounds it.
        seconds.push(processor.min(began.elapsed().as_secs_f64()));
        let theirs: BTreeSet<&str> = told.lines().collect();
        let ours = device["findings"].as_array().context("no findings")?;
        let ours: BTreeSet<&str> = ours.iter().filter_map(Value::as_str).collect();
        ensure!(
            theirs == ours,
            "debsecan finds {} and the index {} for {}",
            theirs.len(),
            ours.len(),
            text("status")?
        );
        findings += ours.len();
    }
    eprintln!(
        "  {findings} findings of {} devices are the same",
        shown.len()
    );
    let own = number(&found, "processor_seconds")? / devices as f64 * 1e6;
    let theirs = seconds.iter().sum::<f64>() / seconds.len() as f64 * 1e6;
    let what = format!("processor time a device, {devices} devices, same findings");
    Ok(vec![
        Figure::one(BENCH, what, own, "µs")
            .against("debsecan", theirs)
            .goal(Goal::RatioAtMost(1e-4)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_the_power_of_the_growth() {
        let linear = [(1_000, 0.1), (10_000, 1.0), (100_000, 10.0)];
        assert!((exponent(&linear) - 1.0).abs() < 1e-9);
        let square_root = [(100, 1.0), (10_000, 10.0)];
        assert!((exponent(&square_root) - 0.5).abs() < 1e-9);
        assert!(exponent(&[(10, 3.0), (1_000, 3.0)]).abs() < 1e-9);
    }
}
