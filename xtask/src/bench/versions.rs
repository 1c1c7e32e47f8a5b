//! Order of Debian versions: by key and by comparator, against libapt-pkg over the same pairs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal};
use super::programs::{example, json, number, output};
use crate::build::{data_dir, must, root, target_dir};

const BENCH: &str = "versions";
const ROUNDS: usize = 7;
const COMPARISONS: &str = "10000000";
/// Tables of the folder of real data; their first two columns are a pair.
const TABLES: &[&str] = &["dpkg.tsv", "dpkg-extra.tsv", "dpkg-real.tsv"];

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let ours = example("patchloop-versions", "deb_bench")?;
    let theirs = target_dir()?.join("bench-libapt-compare");
    must(
        Command::new("g++")
            .args(["-O2", "-std=c++17", "-o"])
            .arg(&theirs)
            .arg(root().join("crates/versions/tests/libapt_compare.cc"))
            .arg("-lapt-pkg"),
        "building the loop around libapt-pkg (needs g++ and libapt-pkg-dev)",
    )?;
    let all = pairs()?;
    // libapt itself says what it makes of each pair: the two must agree before time counts.
    let (mut keys, mut comparator, mut made, mut libapt) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let our_round = json(Command::new(&ours).arg(COMPARISONS), &all)?;
        let their_round = json(Command::new(&theirs).args(["--bench", COMPARISONS]), &all)?;
        ensure!(
            number(&our_round, "below")? == number(&their_round, "below")?,
            "the orders differ: {our_round} and {their_round}"
        );
        keys.push(number(&our_round, "key_compares_per_second")? / 1e6);
        comparator.push(number(&our_round, "comparator_per_second")? / 1e6);
        made.push(number(&our_round, "keys_made_per_second")? / 1e6);
        libapt.push(number(&their_round, "libapt_compares_per_second")? / 1e6);
    }
    let count = all.lines().count();
    Ok(vec![
        Figure::rounds(
            BENCH,
            format!("deb order by key, {count} real pairs"),
            &keys,
            "M/s",
        )
        .paired("libapt-pkg", &keys, &libapt)
        .goal(Goal::RatioAtLeast(5.0)),
        Figure::rounds(BENCH, "deb order by comparator", &comparator, "M/s").paired(
            "libapt-pkg",
            &comparator,
            &libapt,
        ),
        Figure::rounds(BENCH, "keys made", &made, "M/s"),
    ])
}

/// Pairs as they are met: versions of one package, neighbours of other packages, and the tables.
/// One pair a line, split at a tab.
fn pairs() -> Result<String> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut collect = |text: &str| {
        let mut name = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("Package: ") {
                name = rest;
            } else if let Some(version) = line.strip_prefix("Version: ") {
                let known = by_name.entry(name.to_owned()).or_default();
                if !known.iter().any(|v| v == version) {
                    known.push(version.to_owned());
                }
            }
        }
    };
    collect(
        &fs::read_to_string("/var/lib/dpkg/status")
            .context("cannot read dpkg's list of packages")?,
    );
    // `apt-cache dumpavail` prints the candidates of all lists, however they are compressed.
    collect(&output(Command::new("apt-cache").arg("dumpavail"), "").unwrap_or_default());
    let mut text = String::new();
    let mut before: Option<&str> = None;
    for version in by_name.values().flatten() {
        if let Some(before) = before {
            text.push_str(&format!("{before}\t{version}\n"));
        }
        before = Some(version);
    }
    if let Some(data) = data_dir() {
        for table in TABLES {
            text.push_str(&table_pairs(&data.join("versions").join(table))?);
        }
    }
    Ok(text)
}

fn table_pairs(path: &Path) -> Result<String> {
    let table =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?))
        })
        // A plus before an epoch is a number to dpkg, which we follow, and a letter to libapt.
        .filter(|(a, b)| ![a, b].iter().any(|v| v.starts_with('+') && v.contains(':')))
        .map(|(a, b)| format!("{a}\t{b}\n"))
        .collect())
}
