//! Policies: verdicts for many pairs, what a change of policy changes, openings of a year, a rehearsal.
//!
//! Every measurement is a process of its own (`crates/engine/examples/policy_bench`), which holds its
//! answers against an evaluator that was written apart before it tells any time.
//! `PATCHLOOP_BENCH_DEVICES` bounds the fleet where a machine is small.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::figure::{Figure, Goal, median};
use super::programs::{example, json, number};

const BENCH: &str = "policy";
/// Pairs of a device and a patch that are evaluated.
const PAIRS: usize = 1_000_000;
/// Devices of a plan and of a rehearsal.
const DEVICES: usize = 100_000;
/// Rules of the policy that is planned.
const RULES: usize = 500;
/// Windows whose openings of a year are listed.
const WINDOWS: usize = 10_000;
/// Months that are rehearsed.
const MONTHS: usize = 6;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = example("patchloop-engine", "policy_bench")?;
    let bound = std::env::var("PATCHLOOP_BENCH_DEVICES").ok();
    let bound: usize = match bound {
        Some(text) => text
            .parse()
            .context("PATCHLOOP_BENCH_DEVICES is no number")?,
        None => DEVICES,
    };
    let devices = DEVICES.min(bound);
    let mut figures = evaluation(&program)?;
    figures.push(plan(&program, devices)?);
    figures.push(openings(&program)?);
    figures.extend(rehearsal(&program, devices)?);
    Ok(figures)
}

fn run(program: &Path, arguments: &[&str]) -> Result<Value> {
    eprintln!("  {}", arguments.join(" "));
    json(Command::new(program).args(arguments), "")
}

fn seconds(found: &Value, name: &str) -> Result<Vec<f64>> {
    let list = found[name]
        .as_array()
        .with_context(|| format!("no list `{name}`"))?;
    Ok(list.iter().filter_map(Value::as_f64).collect())
}

fn evaluation(program: &Path) -> Result<Vec<Figure>> {
    let found = run(program, &["evaluate", &PAIRS.to_string()])?;
    let (ours, naive) = (
        seconds(&found, "seconds")?,
        seconds(&found, "naive_seconds")?,
    );
    let (pairs, rules) = (number(&found, "pairs")?, number(&found, "rules")?);
    let what = format!("verdicts for {pairs} pairs of device and patch, {rules} rules");
    let alone = seconds(&found, "each_alone_seconds")?;
    Ok(vec![
        Figure::rounds(BENCH, what, &ours, "s")
            .paired("every rule asked for every pair", &ours, &naive)
            .goal(Goal::AtMost(1.0)),
        Figure::one(
            BENCH,
            "the same, each device asked by itself",
            median(&alone),
            "s",
        ),
    ])
}

fn plan(program: &Path, devices: usize) -> Result<Figure> {
    let found = run(program, &["plan", &devices.to_string(), &RULES.to_string()])?;
    let (pairs, changed) = (number(&found, "pairs")?, number(&found, "changed")?);
    let what = format!(
        "what a change of {RULES} rules changes, {devices} devices, {changed} of {pairs} pairs"
    );
    let seconds = seconds(&found, "seconds")?;
    Ok(Figure::rounds(BENCH, what, &seconds, "s")
        .against("limit", 2.0)
        .goal(Goal::AtMost(2.0)))
}

fn openings(program: &Path) -> Result<Figure> {
    let found = run(program, &["openings", &WINDOWS.to_string()])?;
    let count = number(&found, "openings")?;
    let what = format!("all {count} openings of {WINDOWS} windows in a year");
    let milliseconds: Vec<f64> = seconds(&found, "seconds")?
        .iter()
        .map(|seconds| seconds * 1e3)
        .collect();
    Ok(Figure::rounds(BENCH, what, &milliseconds, "ms")
        .against("limit", 100.0)
        .goal(Goal::AtMost(100.0)))
}

fn rehearsal(program: &Path, devices: usize) -> Result<Vec<Figure>> {
    let found = run(
        program,
        &["rehearse", &devices.to_string(), &MONTHS.to_string()],
    )?;
    let pairs = number(&found, "pairs")?;
    let what = format!(
        "rehearsal of {MONTHS} months against the policy in force, {devices} devices, {pairs} pairs"
    );
    let both = seconds(&found, "seconds")?;
    let alone = seconds(&found, "alone_seconds")?;
    Ok(vec![
        Figure::rounds(BENCH, what, &both, "s")
            .against("limit", 30.0)
            .goal(Goal::AtMost(30.0)),
        Figure::one(BENCH, "the same, the draft alone", median(&alone), "s"),
    ])
}
