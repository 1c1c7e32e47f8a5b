//! `cargo xtask bench`: speed and memory as ratios within one run.

use std::process::ExitCode;

use anyhow::Result;

/// Runs all benches, or the one that is named.
pub fn run(_arguments: &[String]) -> Result<ExitCode> {
    anyhow::bail!("no bench is registered yet")
}
