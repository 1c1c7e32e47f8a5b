//! The truth tables for matching: every row goes through an inventory as `patchloop assess` reads it
//! and through the judgement that it asks. `docs/matching.md` has the figures and the rules.
//!
//! The tables and documents belong to others and are not part of the repository: `PATCHLOOP_DATA`, or
//! `../shared/data` beside it. Where they are not, the tests say so and are skipped; with `CI` set
//! that is a failure.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

#[path = "matching/labels.rs"]
mod labels;
#[path = "matching/special.rs"]
mod special;

use std::path::PathBuf;

use domain::definitions::{Definitions, Sourced};
use domain::finding::FindingState;
use domain::judgement::{JudgedDevice, Judgement};
use engine::assess::judge::Judge;
use server::offline::inventory;

/// The instant of the judgement; nothing in the tables turns on it.
const AT: &str = "2026-06-01T00:00:00Z";

fn data() -> Option<PathBuf> {
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

/// The rows of a table, without its comments.
fn rows(table: &str) -> Option<Vec<Vec<String>>> {
    let path = data()?.join("matching").join(table);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Some(
        lines
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect(),
    )
}

/// What the documents of several folders say, as one.
fn definitions(folders: &[&str]) -> Definitions {
    fn moved<T>(from: Vec<Sourced<T>>, by: u32) -> impl Iterator<Item = Sourced<T>> {
        from.into_iter().map(move |sourced| Sourced {
            document: sourced.document + by,
            value: sourced.value,
        })
    }
    let mut all = Definitions::default();
    for folder in folders {
        let loaded = feeds::definitions::load(&data().unwrap().join(folder)).definitions;
        let by = u32::try_from(all.documents.len()).unwrap();
        all.documents.extend(loaded.documents);
        all.advisories.extend(moved(loaded.advisories, by));
        all.cve_facts.extend(moved(loaded.cve_facts, by));
        all.modules.extend(moved(loaded.modules, by));
        all.deleted.extend(moved(loaded.deleted, by));
    }
    assert!(!all.advisories.is_empty());
    all
}

/// One installed package as an inventory of ours describes it.
struct Installed<'r> {
    os: (&'r str, &'r str),
    ecosystem: &'r str,
    name: &'r str,
    version: &'r str,
    architecture: Option<&'r str>,
    source: Option<&'r str>,
    module: Option<&'r str>,
}

/// The device of an inventory with one package.
fn device(installed: &Installed<'_>) -> JudgedDevice {
    let text = serde_json::json!({
        "v": 1,
        "device": "row",
        "os": {"id": installed.os.0, "version": installed.os.1},
        "packages": [{
            "ecosystem": installed.ecosystem,
            "name": installed.name,
            "version": installed.version,
            "architecture": installed.architecture,
            "source": installed.source,
            "module": installed.module,
        }],
    });
    inventory::read("row", text.to_string().as_bytes(), None).unwrap()
}

fn judged(judge: &Judge<'_>, installed: &Installed<'_>) -> Vec<Judgement> {
    judge.device(&device(installed), AT.parse().unwrap())
}

/// Whether the states of a row's lines are what the table says: exactly one line, `1` missing or
/// no-fix, `0` fixed or not-affected.
fn agrees(states: &[FindingState], vulnerable: &str) -> bool {
    let [state] = states else {
        return false;
    };
    match vulnerable {
        "1" => matches!(state, FindingState::Missing | FindingState::NoFix),
        "0" => matches!(state, FindingState::Fixed | FindingState::NotAffected),
        other => panic!("`{other}` is neither 0 nor 1"),
    }
}

/// The states of the lines of one advisory with one fixed version.
fn states(judgements: &[Judgement], advisory: &str, fixed: &str) -> Vec<FindingState> {
    judgements
        .iter()
        .filter(|judgement| judgement.advisory.as_deref() == Some(advisory))
        .filter(|judgement| {
            let ours = judgement.fixed.as_deref().unwrap_or_default();
            ours.strip_prefix("0:").unwrap_or(ours) == fixed
        })
        .map(|judgement| judgement.state)
        .collect()
}

#[test]
fn every_row_of_debians_advisories_agrees() {
    let Some(rows) = rows("debian-dsa-match.tsv") else {
        return;
    };
    let definitions = definitions(&["debian"]);
    let judge = Judge::new(&definitions);
    let mut wrong = Vec::new();
    for row in &rows {
        let [release, source, version, advisory, fixed, _, vulnerable] = &row[..] else {
            panic!("{row:?}");
        };
        let release = domain::release::SystemId::debian(release);
        let judgements = judged(
            &judge,
            &Installed {
                os: ("debian", release.release()),
                ecosystem: "deb",
                name: source,
                version,
                architecture: Some("amd64"),
                source: Some(source),
                module: None,
            },
        );
        let states = states(&judgements, advisory, fixed);
        if !agrees(&states, vulnerable) {
            wrong.push(format!("{row:?}: {states:?}"));
        }
    }
    eprintln!("Debian: {} rows, {} wrong", rows.len(), wrong.len());
    assert_eq!((rows.len(), wrong), (806, vec![]));
}

#[test]
fn every_row_of_almalinux_agrees() {
    let Some(rows) = rows("alma-osv-match.tsv") else {
        return;
    };
    let definitions = definitions(&["alma"]);
    let judge = Judge::new(&definitions);
    let mut wrong = Vec::new();
    for row in &rows {
        let [ecosystem, name, version, advisory, fixed, _, vulnerable] = &row[..] else {
            panic!("{row:?}");
        };
        let release = ecosystem.strip_prefix("AlmaLinux:").unwrap();
        let judgements = judged(
            &judge,
            &Installed {
                os: ("almalinux", release),
                ecosystem: "rpm",
                name,
                version,
                architecture: Some("x86_64"),
                source: None,
                module: None,
            },
        );
        let states = states(&judgements, advisory, fixed);
        if !agrees(&states, vulnerable) {
            wrong.push(format!("{row:?}: {states:?}"));
        }
    }
    eprintln!("AlmaLinux: {} rows, {} wrong", rows.len(), wrong.len());
    assert_eq!((rows.len(), wrong), (1_500, vec![]));
}
