//! `patchloop policy` as it is called: files and folders, good and bad, exit codes, and every line of
//! what it prints.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

const WINDOWS: &str = r#"
# Acme's night.
[[window]]
name = "acme"
for = "client:acme"
zone = "Europe/Berlin"
start = "22:00"
duration = "4h"
days = ["tue"]

[[window]]
name = "own"
start = "03:00"
duration = "2h"
nth = "2 tuesday"
plus_days = 3

[[freeze]]
name = "books"
for = "client:acme"
zone = "Europe/Berlin"
from = "2026-01-13T23:00"
until = "2026-01-14T00:00"
reason = "closing of the books"
"#;

const RULES: &str = r#"
[[rule]]
name = "important"
owner = "Ada Lovelace"
patches = "severity>=important"
action = "approve"
after = "2d"
windows = ["acme"]
why = "what matters, soon"

[[rule]]
name = "rest"
owner = "team servers"
action = "hold"
hold_for = "team servers"
why = "a person looks first"
"#;

const FLEET: &str = r#"{"v":1,"feeds":[{"name":"debian","fresh":true}],"devices":[
 {"id":"web-1","client":"acme","site":"b","zone":"Asia/Tokyo","groups":[],"tags":["server"],
  "os":"debian 12","last_seen":"2026-01-06T20:59:00Z","findings":[
   {"patch":"openssl-1","severity":"critical","kev":false,"fix":"CVE-1","state":"missing",
    "released_at":"2026-01-01T00:00:00Z"},
   {"patch":"bash-1","severity":"low","kev":false,"state":"missing",
    "released_at":"2026-01-01T00:00:00Z"}]},
 {"id":"web-2","client":"beta","zone":"UTC","findings":[
   {"patch":"openssl-1","severity":"critical","fix":"CVE-1","state":"unknown"}]}]}"#;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn policy(&self, verb: &str, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(["policy", verb])
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_good_policy_passes_and_its_remarks_do_not_fail_it() {
    let files = Files::new(&[
        ("windows.toml", WINDOWS),
        ("rules.toml", RULES),
        ("x.txt", "?"),
    ]);
    let output = files.policy("check", &[".", "--at", "2026-01-01"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        "5 objects, nothing to complain about\n"
    );
    let later = files.policy("check", &[".", "--at", "2026-02-01"]);
    assert_eq!(later.status.code(), Some(0));
    assert_eq!(
        text(&later.stdout),
        "./windows.toml:18:1: note: the freeze `books` is over\n  \
         hint: take it out, or write it for the next year\n"
    );
}

#[test]
fn every_mistake_of_every_file_is_listed_with_its_place_and_nothing_is_used() {
    let bad = "[[window]]\nname = \"w\"\nfor = \"client:a sevrity>=low\"\nzone = \"Europe/Berln\"\n\
               start = \"25:00\"\nduration = \"2h\"\ndates = [\"2026-02-30\"]\ncolour = 1\n";
    let worse = "[[rule]]\nname = \"r\"\naction = \"aprove\"\nwindows = [\"v\"]\n\
                 [[freeze]]\nname = \"f\"\nfrom = \"2026-12-18T00:00\"\nuntil = \"2026-12-17T00:00\"\n";
    let files = Files::new(&[("a.toml", bad), ("b.toml", worse)]);
    let output = files.policy("check", &["a.toml", "b.toml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stdout));
    assert_eq!(
        text(&output.stderr),
        "error: the policy has 8 errors in 2 files, so nothing of it is used\n\
         hint: each is named above with file, line and column\n"
    );
    let json = files.policy("check", &["a.toml", "b.toml", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["errors"], 8);
    let first = &document["problems"][0];
    assert_eq!((&first["line"], &first["column"]), (&3.into(), &17.into()));
    assert_eq!(first["hint"], "did you mean `severity`?");
    // The other verbs refuse the same files, and print nothing.
    let range = ["--from", "2026-01-01", "--to", "2026-02-01"];
    let openings = files.policy(
        "openings",
        &[["a.toml", "b.toml"].as_slice(), &range].concat(),
    );
    assert_eq!(openings.status.code(), Some(1));
    assert_eq!(text(&openings.stdout), "");
    assert!(text(&openings.stderr).contains("a.toml:3:17: error: "));
}

#[test]
fn what_cannot_be_read_is_told() {
    let files = Files::new(&[("empty.toml", "")]);
    std::fs::write(files.path("latin.toml"), b"# caf\xe9\n").unwrap();
    std::fs::create_dir(files.path("nothing")).unwrap();
    for (given, said) in [
        ("none.toml", "cannot read none.toml"),
        ("latin.toml", "latin.toml:1:6: this is no UTF-8"),
        ("nothing", "there is no policy file in nothing"),
    ] {
        let output = files.policy("check", &[given]);
        assert_eq!(output.status.code(), Some(1), "{given}");
        assert!(
            text(&output.stderr).contains(said),
            "{}",
            text(&output.stderr)
        );
    }
    let none = files.policy("check", &[]);
    assert_eq!(none.status.code(), Some(2), "files must be named");
}

#[test]
fn openings_are_cut_by_freezes_and_listed_by_time() {
    let files = Files::new(&[("p.toml", WINDOWS)]);
    let range = [
        "p.toml",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-20T21:00:00Z",
    ];
    let arguments = |more: &[&'static str]| [&range, more].concat();
    let output = files.policy("openings", &arguments(&["--json"]));
    assert_eq!(
        text(&output.stdout),
        "{\"window\":\"acme\",\"zone\":\"Europe/Berlin\",\"opens_at\":\"2026-01-06T21:00:00Z\",\
         \"closes_at\":\"2026-01-07T01:00:00Z\"}\n\
         {\"window\":\"acme\",\"zone\":\"Europe/Berlin\",\"opens_at\":\"2026-01-13T21:00:00Z\",\
         \"closes_at\":\"2026-01-13T22:00:00Z\"}\n\
         {\"window\":\"acme\",\"zone\":\"Europe/Berlin\",\"opens_at\":\"2026-01-13T23:00:00Z\",\
         \"closes_at\":\"2026-01-14T01:00:00Z\"}\n"
    );
    assert!(text(&output.stderr).contains("the window `own` is in each device's zone"));
    let tokyo =
        json_lines(&files.policy("openings", &arguments(&["--json", "--zone", "Asia/Tokyo"])));
    assert_eq!(tokyo.len(), 4);
    assert_eq!(tokyo[3]["opens_at"], "2026-01-15T18:00:00Z");
    assert_eq!(tokyo[3]["zone"], "Asia/Tokyo");
    let table = files.policy("openings", &arguments(&["--zone", "Asia/Tokyo"]));
    assert!(
        text(&table.stdout)
            .contains("own     Fri 2026-01-16 03:00  Fri 2026-01-16 05:00  Asia/Tokyo")
    );
    for wrong in [
        ["--from", "2026-01-02", "--to", "2026-01-02"],
        ["--from", "2026-01-02", "--to", "2099-01-02"],
        ["--from", "yesterday", "--to", "2026-01-02"],
    ] {
        let output = files.policy("openings", &[["p.toml"].as_slice(), &wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn openings_for_a_fleet_know_zones_and_releases() {
    let release = WINDOWS.replace(
        "nth = \"2 tuesday\"\nplus_days = 3",
        "after_release = \"2d\"",
    );
    let files = Files::new(&[("p.toml", &release), ("fleet.json", FLEET)]);
    let lines = json_lines(&files.policy(
        "openings",
        &[
            "p.toml",
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-08",
            "--fleet",
            "fleet.json",
            "--json",
        ],
    ));
    let own: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["window"] == "own")
        .map(|line| {
            (
                line["zone"].as_str().unwrap(),
                line["opens_at"].as_str().unwrap(),
            )
        })
        .collect();
    // 1 January in Tokyo, and three in the morning there two days later.
    assert_eq!(own, [("Asia/Tokyo", "2026-01-02T18:00:00Z")]);
}

#[test]
fn evaluate_gives_one_line_for_each_finding_with_all_ten_gates() {
    let files = Files::new(&[
        ("w.toml", WINDOWS),
        ("r.toml", RULES),
        ("fleet.json", FLEET),
    ]);
    let at = |at: &'static str| {
        [
            "w.toml",
            "r.toml",
            "--fleet",
            "fleet.json",
            "--at",
            at,
            "--json",
        ]
    };
    let lines = json_lines(&files.policy("evaluate", &at("2026-01-06T21:00:00Z")));
    let shown: Vec<(&str, &str, &str, Option<&str>)> = lines
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str();
            let gates: Vec<&str> = line["gates"]
                .as_array()
                .unwrap()
                .iter()
                .map(|gate| gate["gate"].as_str().unwrap())
                .collect();
            assert_eq!(
                gates.join(","),
                "known,applicable,decided,delay,ring,frozen,window,budget,reachable,guardrails"
            );
            (
                text("device").unwrap(),
                text("patch").unwrap(),
                text("verdict").unwrap(),
                text("gate"),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("web-1", "openssl-1", "now", None),
            ("web-1", "bash-1", "never", Some("decided")),
            ("web-2", "openssl-1", "never", Some("known")),
        ]
    );
    let early = json_lines(&files.policy("evaluate", &at("2026-01-02T21:00:00Z")));
    assert_eq!(early[0]["verdict"], "later");
    assert_eq!(early[0]["gate"], "delay");
    assert_eq!(early[0]["at"], "2026-01-06T21:00:00Z");
    let one = [
        "w.toml",
        "r.toml",
        "--fleet",
        "fleet.json",
        "--at",
        "2026-01-06",
        "--json",
        "--device",
        "web-1",
        "--patch",
        "bash-1",
    ];
    assert_eq!(json_lines(&files.policy("evaluate", &one)).len(), 1);
}

#[test]
fn a_snapshot_that_cannot_be_believed_is_refused() {
    for (fleet, said) in [
        ("{\"v\":2,\"devices\":[]}", "a snapshot of version 2"),
        (
            "{\"v\":1,\n\"devices\":[{\"id\":7}]}",
            "fleet.json:2:18: invalid type",
        ),
        (
            "{\"v\":1,\"devices\":[{\"id\":\"a\",\"zone\":\"Mars/X\"}]}",
            "the zone `Mars/X`, which is not known",
        ),
        (
            "{\"v\":1,\"devices\":[{\"id\":\"a\"},{\"id\":\"a\"}]}",
            "two devices have the id `a`",
        ),
    ] {
        let files = Files::new(&[("p.toml", WINDOWS), ("fleet.json", fleet)]);
        let output = files.policy(
            "evaluate",
            &[
                "p.toml",
                "--fleet",
                "fleet.json",
                "--at",
                "2026-01-06",
                "--json",
            ],
        );
        assert_eq!(output.status.code(), Some(1), "{fleet}");
        assert_eq!(text(&output.stdout), "");
        assert!(
            text(&output.stderr).contains(said),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn the_schema_is_a_json_document() {
    let files = Files::new(&[]);
    let output = files.policy("schema", &[]);
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn a_clients_calendar_becomes_freezes_that_the_reader_takes() {
    let calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261218\r\n\
        DTEND;VALUE=DATE:20270104\r\nSUMMARY:Year end\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\n\
        DTSTART;TZID=Europe/Berlin:20260601T180000\r\n\
        DTEND;TZID=Europe/Berlin:20260602T060000\r\nSUMMARY:Year end\r\nEND:VEVENT\r\n\
        END:VCALENDAR\r\n";
    let files = Files::new(&[("acme.ics", calendar)]);
    let output = files.policy("import-freezes", &["acme.ics", "--for", "client:Acme"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let toml = text(&output.stdout).to_owned();
    assert!(toml.contains("Year end (2)"), "{toml}");
    let both = format!(
        "{toml}\n[[window]]\nname = \"w\"\nfor = \"client:Acme\"\nzone = \"Europe/Berlin\"\n\
         start = \"22:00\"\nduration = \"2h\"\ndates = [\"2026-06-01\", \"2026-12-20\", \"2027-01-04\"]\n"
    );
    let files = Files::new(&[("p.toml", &both)]);
    let span = [
        "p.toml",
        "--from",
        "2026-01-01",
        "--to",
        "2028-01-01",
        "--json",
    ];
    let lines = json_lines(&files.policy("openings", &span));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["opens_at"], "2027-01-04T21:00:00Z");
}

#[test]
fn a_calendar_that_is_not_understood_whole_is_refused_whole() {
    let calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n\
        DTSTAMP:20260101T000000Z\r\nDTSTART:20261218T100000Z\r\nDTEND:20261218T120000Z\r\n\
        RRULE:FREQ=DAILY\r\nSUMMARY:Daily\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let files = Files::new(&[("acme.ics", calendar)]);
    let output = files.policy("import-freezes", &["acme.ics", "--for", "client:Acme"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert!(
        text(&output.stderr).contains("line 9"),
        "{}",
        text(&output.stderr)
    );
}
