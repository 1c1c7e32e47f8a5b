//! The orders against tables of upstream projects, and against our own small one.
//!
//! The upstream tables lie outside the repository (`PATCHLOOP_DATA`, or `shared/data` beside it).
//! Where they are absent their tests say so loudly and prove nothing; our own table always counts.

use std::cmp::Ordering;
use std::path::PathBuf;

use versions::{Scheme, order, parse};

/// Rows that contradict the ecosystem's own tool, with the tool's answer: file, a, b, answer.
/// The tool's answer is asserted instead of the row's.
const CONTRADICTED: &[(&str, &str, &str, i8)] = &[];

fn data_folder() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("PATCHLOOP_DATA").map_or_else(beside, PathBuf::from)
}

/// Returns the rows of a table as fields, or nothing after saying that it is absent.
fn rows(file: &str) -> Option<Vec<Vec<String>>> {
    let path = data_folder().join("versions").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED table {file}: {} cannot be read", path.display());
        return None;
    };
    Some(fields(&text))
}

fn fields(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn sign(ordering: Ordering) -> i8 {
    ordering as i8
}

/// Returns the differences of one row, read both ways round.
fn differences(scheme: Scheme, a: &str, b: &str, wanted: i8) -> Vec<String> {
    [(a, b, wanted), (b, a, -wanted)]
        .into_iter()
        .filter_map(|(a, b, wanted)| match order(scheme, a, b) {
            Ok(found) if sign(found) == wanted => None,
            Ok(found) => Some(format!(
                "{scheme} {a} {b}: {} instead of {wanted}",
                sign(found)
            )),
            Err(refused) => Some(format!("{scheme} {a} {b}: {refused}")),
        })
        .collect()
}

fn agrees_with(scheme: Scheme, file: &str, rows_min: usize) {
    let Some(rows) = rows(file) else { return };
    assert!(
        rows.len() >= rows_min,
        "{file} has only {} rows",
        rows.len()
    );
    let mut found = Vec::new();
    for row in &rows {
        let [a, b, wanted, ..] = &row[..] else {
            panic!("{file}: a row of {row:?}")
        };
        let wanted: i8 = wanted.trim().parse().expect("the third column is a sign");
        let wanted = CONTRADICTED
            .iter()
            .find(|(in_file, left, right, _)| (*in_file, *left, *right) == (file, a, b))
            .map_or(wanted, |&(_, _, _, answer)| answer);
        found.extend(differences(scheme, a, b, wanted));
    }
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn orders_debian_versions_as_dpkg_does() {
    agrees_with(Scheme::Deb, "dpkg.tsv", 20);
    agrees_with(Scheme::Deb, "dpkg-extra.tsv", 10);
    agrees_with(Scheme::Deb, "dpkg-real.tsv", 5_000);
}

#[test]
fn orders_rpm_versions_as_rpm_does() {
    agrees_with(Scheme::Rpm, "rpm-vercmp.tsv", 40);
    agrees_with(Scheme::Rpm, "rpm-evr.tsv", 70);
}

#[test]
fn orders_alpine_versions_as_apk_does() {
    agrees_with(Scheme::Apk, "apk.tsv", 300);
    agrees_with(Scheme::Apk, "apk-extra.tsv", 300);
    agrees_with(Scheme::Apk, "apk-real.tsv", 5_000);
}

#[test]
fn accepts_the_alpine_versions_that_apk_accepts() {
    let Some(rows) = rows("apk-valid.tsv") else {
        return;
    };
    assert!(rows.len() >= 10);
    for row in rows {
        assert_eq!(
            parse(Scheme::Apk, &row[0]).is_ok(),
            row[1] == "1",
            "{}",
            row[0]
        );
    }
}

#[test]
fn orders_arch_versions_as_vercmp_does() {
    agrees_with(Scheme::Pacman, "pacman.tsv", 40);
}

#[test]
fn orders_semantic_versions_as_npm_does() {
    agrees_with(Scheme::Semver, "semver.tsv", 15);
}

#[test]
fn orders_windows_builds_as_they_were_released() {
    agrees_with(Scheme::Windows, "windows-build.tsv", 500);
}

#[test]
fn orders_windows_applications_as_winget_does() {
    agrees_with(Scheme::Winget, "winget.tsv", 40);
}

#[test]
fn orders_our_own_table() {
    let rows = fields(include_str!("fixtures/orders.tsv"));
    assert!(rows.len() >= 60);
    let mut found = Vec::new();
    for row in rows {
        let [scheme, a, b, wanted] = &row[..] else {
            panic!("a row of {row:?}")
        };
        found.extend(differences(
            scheme.parse().unwrap(),
            a,
            b,
            wanted.parse().unwrap(),
        ));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn parses_and_refuses_our_own_table() {
    let rows = fields(include_str!("fixtures/grammar.tsv"));
    assert!(rows.len() >= 60);
    for row in rows {
        let [scheme, version, wanted] = &row[..] else {
            panic!("a row of {row:?}")
        };
        let found = match parse(scheme.parse().unwrap(), version) {
            Ok(()) => "ok".to_owned(),
            Err(refused) => refused.fault.to_string(),
        };
        assert_eq!(&found, wanted, "{scheme} {version}");
    }
}

#[test]
fn says_which_side_cannot_be_ordered_and_why() {
    let rows = fields(include_str!("fixtures/refused.tsv"));
    assert!(rows.len() >= 15);
    for row in rows {
        let [scheme, a, b, version, why] = &row[..] else {
            panic!("a row of {row:?}")
        };
        let refused = order(scheme.parse().unwrap(), a, b).unwrap_err();
        assert_eq!(
            (&refused.version, &refused.fault.to_string()),
            (version, why),
            "{scheme} {a} {b}"
        );
    }
}
