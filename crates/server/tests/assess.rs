//! `patchloop assess` as it is called: its lines, its exit codes, and what it says of bad input.
//!
//! The documents are the three records of `assess/feeds`, made by hand from changelogs of bookworm.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";

/// expat is fixed, libxml2 one revision short, sqlite3's library and program are before the fix; the
/// rebuilt binary (`+b1`) has the source's version beside it; zlib is named by no record.
const LISTING: &str = "libexpat1\t2.5.0-1+deb12u1\tamd64\texpat\t2.5.0-1+deb12u1\n\
    libxml2\t2.9.14+dfsg-1.3~deb12u3\tamd64\tlibxml2\t2.9.14+dfsg-1.3~deb12u3\n\
    libsqlite3-0\t3.40.1-2+b1\tamd64\tsqlite3\t3.40.1-2\n\
    sqlite3\t3.40.1-2+deb12u2\tamd64\tsqlite3\t3.40.1-2+deb12u2\n\
    zlib1g\t1:1.2.13.dfsg-1\tamd64\tzlib\t1:1.2.13.dfsg-1\n";

struct Ran {
    out: String,
    errors: String,
    code: i32,
}

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("os-release"), OS_RELEASE).unwrap();
        std::fs::write(folder.path().join("web-1.tsv"), LISTING).unwrap();
        std::fs::create_dir(folder.path().join("none")).unwrap();
        Self { folder }
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn assess(&self, feeds: &Path, arguments: &[&str]) -> Ran {
        let output = Command::new(PROGRAM)
            .arg("assess")
            .args(["--feeds".as_ref(), feeds.as_os_str()])
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        Ran {
            out: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap(),
        }
    }
}

fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assess/feeds")
}

#[test]
fn bookworm_records_made_from_changelogs_give_missing_and_fixed() {
    let ran = Desk::new().assess(
        &records(),
        &[
            "--inventory",
            "web-1.tsv",
            "--os-release",
            "os-release",
            "--at",
            "2026-06-01",
            "--json",
        ],
    );
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    {"device":"web-1","package":"libexpat1","installed":"2.5.0-1+deb12u1","architecture":"amd64","advisory":"BOOKWORM-0001","cves":["CVE-2024-45490","CVE-2024-45491","CVE-2024-45492"],"fixed":"2.5.0-1+deb12u1","state":"fixed","severity":null,"because":"2.5.0-1+deb12u1 is the first version with the fix","document":"BOOKWORM-0001"}
    {"device":"web-1","package":"libsqlite3-0","installed":"3.40.1-2+b1","architecture":"amd64","advisory":"BOOKWORM-0003","cves":["CVE-2023-7104"],"fixed":"3.40.1-2+deb12u1","state":"missing","severity":null,"because":"3.40.1-2 is before 3.40.1-2+deb12u1, the first version with the fix","document":"BOOKWORM-0003"}
    {"device":"web-1","package":"libxml2","installed":"2.9.14+dfsg-1.3~deb12u3","architecture":"amd64","advisory":"BOOKWORM-0002","cves":["CVE-2025-7425"],"fixed":"2.9.14+dfsg-1.3~deb12u4","state":"missing","severity":null,"because":"2.9.14+dfsg-1.3~deb12u3 is before 2.9.14+dfsg-1.3~deb12u4, the first version with the fix","document":"BOOKWORM-0002"}
    {"device":"web-1","package":"sqlite3","installed":"3.40.1-2+deb12u2","architecture":"amd64","advisory":"BOOKWORM-0003","cves":["CVE-2023-7104"],"fixed":"3.40.1-2+deb12u1","state":"fixed","severity":null,"because":"3.40.1-2+deb12u2 is not before 3.40.1-2+deb12u1, the first version with the fix","document":"BOOKWORM-0003"}
    "#);
}

#[test]
fn people_get_a_table_and_a_line_that_adds_up() {
    let ran = Desk::new().assess(
        &records(),
        &[
            "--inventory",
            "web-1.tsv",
            "--os-release",
            "os-release",
            "--at",
            "2026-06-01",
            "--all",
        ],
    );
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 1 + 5 + 1, "{}", ran.out);
    assert!(lines[0].starts_with("DEVICE  PACKAGE"), "{}", ran.out);
    assert!(
        lines[1].contains("libsqlite3-0") && lines[1].contains("missing"),
        "{}",
        ran.out
    );
    assert_eq!(
        lines[6],
        "1 device, 5 packages: 2 missing, 0 no-fix, 0 old-code-running, 2 fixed, 1 not-affected, 0 unknown"
    );
}

#[test]
fn without_definitions_every_package_is_unknown() {
    let desk = Desk::new();
    let none = desk.folder.path().join("none");
    let arguments = [
        "--inventory",
        "web-1.tsv",
        "--os-release",
        "os-release",
        "--json",
    ];
    let ran = desk.assess(&none, &arguments);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 5));
    for line in ran.out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["state"], "unknown");
        assert_eq!(
            line["because"],
            "no definitions for debian:bookworm at hand"
        );
        assert!(line["advisory"].is_null() && line["document"].is_null());
    }
    let people = desk.assess(&none, &arguments[..4]);
    assert!(
        people.out.ends_with("0 fixed, 5 unknown\n"),
        "{}",
        people.out
    );
}

#[test]
fn a_listing_without_its_system_is_unknown_and_not_guessed() {
    let ran = Desk::new().assess(&records(), &["--inventory", "web-1.tsv", "--json"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 5));
    assert!(
        ran.out
            .lines()
            .all(|line| line.contains("the system is not known")),
        "{}",
        ran.out
    );
}

#[test]
fn a_refused_inventory_is_named_and_the_others_are_answered() {
    let desk = Desk::new();
    desk.put("bad.tsv", "curl\t7.88\tamd64\tcurl\t7.88\nwget\t1.21\n");
    desk.put("odd.json", r#"{"v":1,"device":"odd","packages":[{"ecosystem":"deb","name":"a","version":"1","arch":"x"}]}"#);
    let inventories = [
        "--inventory",
        "bad.tsv",
        "web-1.tsv",
        "odd.json",
        "gone.tsv",
    ];
    let arguments: Vec<&str> = inventories
        .into_iter()
        .chain(["--os-release", "os-release", "--json"])
        .collect();
    let ran = desk.assess(&records(), &arguments);
    assert_eq!((ran.code, ran.out.lines().count()), (1, 4));
    insta::assert_snapshot!(ran.errors, @r"
    error: assess: bad.tsv: line 2: `wget 1.21`: it has 2 fields between TABs instead of 5
    error: assess: odd.json: packages[0].arch: unknown field; known are ecosystem, name, version, architecture, source, source_version, module
    error: assess: gone.tsv: it cannot be opened: No such file or directory (os error 2)
    hint: the other inventories were answered; correct the named place and try again
    ");
}

#[test]
fn a_broken_document_is_a_warning_and_takes_no_finding_away() {
    let desk = Desk::new();
    let feeds = desk.folder.path().join("feeds");
    std::fs::create_dir(&feeds).unwrap();
    for entry in std::fs::read_dir(records()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), feeds.join(entry.file_name())).unwrap();
    }
    let whole = std::fs::read_to_string(records().join("BOOKWORM-0001.json")).unwrap();
    desk.put("feeds/cut.json", &whole[..whole.len() - 40]);
    let arguments = [
        "--inventory",
        "web-1.tsv",
        "--os-release",
        "os-release",
        "--json",
    ];
    let ran = desk.assess(&feeds, &arguments);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 4));
    assert!(
        ran.errors.starts_with("warning: ") && ran.errors.contains("cut.json"),
        "{}",
        ran.errors
    );
    assert_eq!(ran.out, desk.assess(&records(), &arguments).out);
}

#[test]
fn wrong_use_has_its_own_exit_code() {
    let desk = Desk::new();
    let ran = desk.assess(&records(), &["--inventory", "web-1.tsv", "--at", "someday"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.errors
            .contains("`someday` is neither a day nor an instant"),
        "{}",
        ran.errors
    );
    let ran = desk.assess(
        &desk.folder.path().join("nowhere"),
        &["--inventory", "web-1.tsv"],
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.errors.contains("hint: --feeds takes a folder"),
        "{}",
        ran.errors
    );
}
