//! Every sample document is imported, or refused with a reason that a person agrees with.
//!
//! The table by folder and the reasons of what is not imported are a snapshot that people review;
//! where the samples' manifest counts in our unit the counts are equal. Reads `PATCHLOOP_DATA` or
//! the folder beside, and skips loudly without it.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use feeds::inspect::{self, Inspection};

/// Folders that hold no feed documents: order of versions, and judged tables.
const NO_FEEDS: [&str; 2] = ["versions", "matching"];

/// Rows of the manifest whose unit is not ours, with the count in our unit and where it is from.
const OTHER_UNITS: &[(&str, u64, &str)] = &[
    (
        "debian/tracker-salsa/security-tracker-master.tar.gz",
        15,
        "6 files: 7 entries of CVE/list, 3 each of DSA/list and DTSA/list, 2 of DLA/list",
    ),
    (
        "suse/csaf.tar.bz2",
        62,
        "12 files, of which 3 advisories with 62 vulnerabilities as jq counts them",
    ),
    (
        "suse/osv.tar.bz2",
        4,
        "5 files, of which 4 records and their index",
    ),
    (
        "updateinfo/fedora43/updateinfo.xml.zst",
        1,
        "0 updates, yet the file holds FEDORA-2025-4a08954c02",
    ),
    (
        "winget/index.v2.csv.gz",
        14_585,
        "14586 packages: the lines without the header, of which the last is blank",
    ),
];

fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("PATCHLOOP_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "the sample documents are not there; set PATCHLOOP_DATA"
    );
    eprintln!("SKIPPED: no sample documents; set PATCHLOOP_DATA to run this test");
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// Every sample with what was seen of it, by its path below the folder.
fn all(folder: &Path) -> BTreeMap<String, Inspection> {
    let mut found = Vec::new();
    files(folder, &mut found);
    let name = |path: &Path| {
        path.strip_prefix(folder)
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    found
        .iter()
        .filter(|path| {
            !NO_FEEDS
                .iter()
                .any(|other| path.starts_with(folder.join(other)))
        })
        .map(|path| (name(path), inspect::file(path, None)))
        .collect()
}

/// The count of a manifest's row: of several the one in our unit.
fn stated(text: &str) -> Option<u64> {
    let count_of = |part: &str| part.trim().split(' ').next()?.parse().ok();
    let parts = || text.split(',');
    ["vulnerabilities", "issues"]
        .iter()
        .find_map(|unit| parts().find(|part| part.ends_with(unit)))
        .or_else(|| parts().next())
        .and_then(count_of)
}

#[test]
fn every_sample_is_imported_or_refused_with_a_reason() {
    let Some(folder) = folder() else {
        return;
    };
    let seen = all(&folder);
    insta::assert_snapshot!(table(&seen));
    insta::assert_snapshot!(not_imported(&seen));
    counts_agree(&folder, &seen);
}

#[derive(Default)]
struct Row {
    imported: u64,
    with_broken: u64,
    refused: u64,
    no_feed: u64,
    records: u64,
    feeds: BTreeMap<String, u64>,
}

fn table(seen: &BTreeMap<String, Inspection>) -> String {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for (path, inspection) in seen {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        // Each application of winget has folders of its own, each product of no more.
        let folder = if folder.starts_with("winget/") {
            "winget/manifests"
        } else {
            folder
        };
        let row = rows.entry(folder).or_default();
        match (inspection.accepted, inspection.feed) {
            (true, _) => row.imported += 1,
            (false, Some(_)) => row.refused += 1,
            (false, None) => row.no_feed += 1,
        }
        row.with_broken += u64::from(inspection.accepted && !inspection.broken.is_empty());
        row.records += inspection.records;
        if let Some(feed) = inspection.feed.filter(|_| inspection.accepted) {
            *row.feeds.entry(feed.to_string()).or_default() += 1;
        }
    }
    let mut text =
        "folder | imported | of them with broken records | refused | no feed | records | feeds\n"
            .to_owned();
    for (folder, row) in rows {
        let feeds: Vec<String> = row
            .feeds
            .iter()
            .map(|(feed, count)| format!("{feed} {count}"))
            .collect();
        writeln!(
            text,
            "{folder} | {} | {} | {} | {} | {} | {}",
            row.imported,
            row.with_broken,
            row.refused,
            row.no_feed,
            row.records,
            feeds.join(", ")
        )
        .unwrap();
    }
    text
}

fn not_imported(seen: &BTreeMap<String, Inspection>) -> String {
    let mut text = String::new();
    for (path, inspection) in seen {
        if !inspection.accepted {
            let feed = inspection
                .feed
                .map_or("no feed".to_owned(), |feed| feed.to_string());
            writeln!(
                text,
                "{path} | {feed} | {}",
                inspection.why.as_deref().unwrap_or_default()
            )
            .unwrap();
        }
    }
    text
}

fn counts_agree(folder: &Path, seen: &BTreeMap<String, Inspection>) {
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (path, text) = (columns[0], columns.get(6).copied().unwrap_or_default());
        let Some(inspection) = seen.get(path).filter(|_| !text.is_empty()) else {
            continue;
        };
        let other = OTHER_UNITS.iter().find(|(other, ..)| *other == path);
        let expected = match other {
            Some((_, count, _)) => Some(*count),
            None => stated(text),
        };
        compared += 1;
        if Some(inspection.records) != expected {
            wrong.push(format!(
                "{path}: the manifest says {text}, read were {}: {:?} {:?}",
                inspection.records,
                inspection.why,
                inspection.broken.first()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(compared, 118, "rows with a count");
}
