//! `patchloop compare` as it is called: the ecosystems' own tables through the real program's
//! standard input give no difference, and its exit codes are what scripts rely on.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

/// The tables that a scheme must agree with, and fewer rows than this mean that the file is not
/// the one that was meant.
const TABLES: &[(&str, &str, usize)] = &[
    ("deb", "dpkg.tsv", 20),
    ("deb", "dpkg-extra.tsv", 10),
    ("deb", "dpkg-real.tsv", 5_000),
    ("rpm", "rpm-vercmp.tsv", 40),
    ("rpm", "rpm-evr.tsv", 70),
    ("apk", "apk.tsv", 300),
    ("apk", "apk-extra.tsv", 300),
    ("apk", "apk-real.tsv", 5_000),
    ("pacman", "pacman.tsv", 40),
    ("semver", "semver.tsv", 15),
    ("windows", "windows-build.tsv", 500),
    ("winget", "winget.tsv", 40),
];

/// Where the tables are: they belong to others and are not part of the repository.
fn tables() -> PathBuf {
    std::env::var_os("PATCHLOOP_DATA")
        .map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            PathBuf::from,
        )
        .join("versions")
}

fn compare(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(PROGRAM)
        .arg("compare")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading: answers come while pairs are still written.
    let writer = std::thread::spawn(move || {
        // A program that stops at a fault closes its end; what it says about it is checked below.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_tables_give_no_difference_through_the_program() {
    if !tables().is_dir() {
        println!("SKIPPED data: no tables in {}", tables().display());
        eprintln!("SKIPPED data: no tables in {}", tables().display());
        return;
    }
    for (scheme, file, rows_min) in TABLES {
        let path = tables().join(file);
        let table =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // The same lines that are not skipped, and the answer that stands in their third column.
        let rows: Vec<Vec<String>> = String::from_utf8(table.clone())
            .unwrap()
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect();
        assert!(rows.len() >= *rows_min, "{file} has {} rows", rows.len());
        let output = compare(&[scheme], &table);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{file}: {said}");
        let answers: Vec<&str> = text(&output.stdout).lines().collect();
        assert_eq!(answers.len(), rows.len(), "{file}: one line a pair");
        let differences: Vec<String> = rows
            .iter()
            .zip(&answers)
            .filter(|(row, answer)| row[2] != **answer)
            .map(|(row, answer)| format!("{} {}: {}, not {answer}", row[0], row[1], row[2]))
            .collect();
        assert!(differences.is_empty(), "{file}: {differences:#?}");
    }
}

#[test]
fn a_pair_is_one_line_and_exit_code_0() {
    let newer = compare(&["deb", "1:0", "2.0"], b"");
    assert_eq!((newer.status.code(), text(&newer.stdout)), (Some(0), "1\n"));
    // A version may begin with a hyphen, and blanks belong to winget's.
    let blanks = compare(&["winget", "1.0 beta", "1.0"], b"");
    assert_eq!(
        (blanks.status.code(), text(&blanks.stdout)),
        (Some(0), "-1\n")
    );
    // What dpkg itself refuses is answered too.
    let refused = compare(&["deb", "1:", "1"], b"");
    assert_eq!(refused.status.code(), Some(0));
    assert!(
        text(&refused.stdout).starts_with("invalid: 1:: "),
        "{}",
        text(&refused.stdout)
    );
}

#[test]
fn odd_input_is_answered_or_named_with_its_line() {
    let odd = b"# a comment\r\n\r\n1.0\t1.0\r\n1\t2\tignored\tx\n\xff1\t1\n1 a\t1 b\n";
    let output = compare(&["rpm"], odd);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(text(&output.stdout).lines().count(), 4);

    let nothing = compare(&["apk"], b"");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));

    let one = compare(&["deb"], b"1\t2\n1.0\n2\t1\n");
    assert_eq!(one.status.code(), Some(2));
    assert_eq!(text(&one.stdout), "-1\n1\n");
    assert!(
        text(&one.stderr).contains("line 2 "),
        "{}",
        text(&one.stderr)
    );
    assert!(text(&one.stderr).contains("\nhint: "));
}

#[test]
fn wrong_use_is_exit_code_2() {
    for arguments in [&["deb", "1"][..], &["deb", "1", "2", "3"], &["npm"], &[]] {
        let output = compare(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("\nhint: "),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}
