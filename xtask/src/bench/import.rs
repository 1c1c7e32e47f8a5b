//! Reading real documents of feeds: time, and the peak of memory, each case in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal};
use super::programs::{example, json, number};
use crate::build::data_dir;

const BENCH: &str = "import";
const ROUNDS: usize = 5;
const MONTHS: usize = 42;
/// Most memory of a case.
const PEAK_MEGABYTES: f64 = 200.0;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let Some(data) = data_dir() else {
        eprintln!("  SKIPPED: there is no folder of real documents (PATCHLOOP_DATA)");
        return Ok(Vec::new());
    };
    let program = example("patchloop-feeds", "import")?;
    let cases = [
        (
            "Debian's whole list of advisories",
            vec![data.join("debian/DSA-list.txt")],
            200.0,
        ),
        ("42 Microsoft month documents", months(&data)?, 10_000.0),
        ("EPSS, all scores of a day", vec![scores(&data)?], 500.0),
    ];
    let mut figures = Vec::new();
    for (what, files, at_most) in cases {
        let (mut times, mut peaks, mut records) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..ROUNDS {
            let found = json(Command::new(&program).args(&files), "")?;
            times.push(number(&found, "milliseconds")?);
            peaks.push(number(&found, "peak_kib")? / 1024.0);
            records = number(&found, "records")?;
        }
        let timed = format!("{what}: {records} records");
        figures.push(Figure::rounds(BENCH, timed, &times, "ms").goal(Goal::AtMost(at_most)));
        let peak = format!("{what}: peak of resident memory");
        figures.push(Figure::rounds(BENCH, peak, &peaks, "MiB").goal(Goal::AtMost(PEAK_MEGABYTES)));
    }
    Ok(figures)
}

/// The last month documents, one revision of each month.
fn months(data: &Path) -> Result<Vec<PathBuf>> {
    let folder = data.join("msrc/cvrf");
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_month = name.starts_with("20") && name.contains(".xml") && !name.contains('@');
        if is_month {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    ensure!(
        files.len() >= MONTHS,
        "only {} month documents",
        files.len()
    );
    let last = files.split_off(files.len() - MONTHS);
    Ok(last.into_iter().map(|(_, path)| path).collect())
}

/// The largest file of scores.
fn scores(data: &Path) -> Result<PathBuf> {
    let mut largest: Option<(u64, PathBuf)> = None;
    for entry in std::fs::read_dir(data.join("epss"))? {
        let entry = entry?;
        let size = entry.metadata()?.len();
        let is_file = entry.file_type()?.is_file();
        if is_file && largest.as_ref().is_none_or(|(most, _)| size > *most) {
            largest = Some((size, entry.path()));
        }
    }
    Ok(largest.context("no file of scores")?.1)
}
