//! The machine a figure was measured on, in general words: no names, no addresses.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::build::root;

/// Cores, memory, kind of processor, system and commit, in one line.
pub fn describe() -> Result<String> {
    let cores = std::thread::available_parallelism().context("cannot count the cores")?;
    let memory = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| field(&text, "MemTotal:"))
        .and_then(|text| text.trim_end_matches("kB").trim().parse::<f64>().ok())
        .map_or("unknown memory".to_owned(), |kib| {
            format!("{:.0} GiB", kib / 1024.0 / 1024.0)
        });
    let processor = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| field(&text, "model name"))
        .map_or("unknown processor".to_owned(), |model| {
            model.trim_start_matches(':').trim().to_owned()
        });
    let system = fs::read_to_string("/etc/os-release")
        .ok()
        .and_then(|text| field(&text, "PRETTY_NAME="))
        .map_or("unknown system".to_owned(), |name| {
            name.trim_matches('"').to_owned()
        });
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    Ok(format!(
        "{cores} cores ({processor}), {memory}, {system}, load {load} at the start, commit {}",
        commit()
    ))
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line[name.len()..].trim().to_owned())
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(root())
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_none_or(|changes| !changes.is_empty());
    if changed {
        format!("{commit} with changes")
    } else {
        commit
    }
}

/// Seconds of processor time of all children that this process has waited for.
///
/// The kernel counts in nanoseconds and shows hundredths: let children run for a second or more
/// between two readings.
pub fn children_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    seconds_at(&text, 15)
}

/// Seconds of processor time of one process that runs.
pub fn process_seconds(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    seconds_at(&text, 13)
}

/// The sum of two neighbouring fields of `stat`, counted from 0, in seconds (ticks of 1/100 s).
fn seconds_at(stat: &str, first: usize) -> Result<f64> {
    // The name may hold blanks; the fields after it do not.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |at: usize| -> Result<f64> {
        let text = fields.get(at - 2).context("stat is too short")?;
        text.parse().context("stat holds no number")
    };
    Ok((ticks(first)? + ticks(first + 1)?) / 100.0)
}

/// Memory of a process in KiB: resident, and its own share of it.
pub fn memory_kib(pid: u32) -> Result<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .with_context(|| format!("cannot read the memory of process {pid}"))?;
    let kib = |name: &str| -> Result<f64> {
        let text = field(&text, name).with_context(|| format!("no {name}"))?;
        let digits = text.trim_end_matches("kB").trim();
        digits.parse().with_context(|| format!("{name} {text}"))
    };
    Ok((kib("Rss:")?, kib("Pss:")?))
}

/// Waits until a process has used no processor time for a while.
pub fn settle(pid: u32) -> Result<()> {
    const QUIET: u32 = 4;
    const TRIES: u32 = 600;
    let (mut before, mut quiet) = (process_seconds(pid)?, 0);
    for _ in 0..TRIES {
        wait(Duration::from_millis(500));
        let now = process_seconds(pid)?;
        // A hundredth is what a wake-up or two cost.
        quiet = if now - before < 0.015 { quiet + 1 } else { 0 };
        before = now;
        if quiet >= QUIET {
            return Ok(());
        }
    }
    bail!("process {pid} does not come to rest")
}

/// Lets time go by.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no event for `at rest` or `in the middle of a run`; no result rests on the length"
)]
pub fn wait(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_blanks_and_brackets() {
        // proc(5): utime and stime are fields 14 and 15, cutime and cstime 16 and 17, from 1.
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 100 200 0 0 150 50 300 100 20 0 1 0 9";
        assert_eq!(seconds_at(stat, 13).unwrap(), 2.0);
        assert_eq!(seconds_at(stat, 15).unwrap(), 4.0);
        assert!(seconds_at("7 (a) S 1", 13).is_err());
    }
}
