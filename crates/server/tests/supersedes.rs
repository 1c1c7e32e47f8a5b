//! `patchloop supersedes` as it is called, and the judgement of Windows devices by real month
//! documents: the sample's tables give no difference through the program, and documents that lost
//! something for a while change no judgement.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use domain::judgement::{JudgedDevice, Judgement, WindowsState};
use domain::package::Kb;
use engine::assess::windows::{KbGraph, judge};

const PROGRAM: &str = env!("CARGO_BIN_EXE_patchloop");

/// Where the samples are: they belong to others and are not part of the repository.
fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("PATCHLOOP_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "the sample documents are not there; set PATCHLOOP_DATA"
    );
    eprintln!("SKIPPED data: no samples in {}", folder.display());
    None
}

fn supersedes(feeds: &Path, input: &[u8]) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(["supersedes", "--feeds"])
        .arg(feeds)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside the reading: answers come while questions are still written.
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

/// The rows of a table, without its comments.
fn rows(path: &Path) -> Vec<Vec<String>> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_tables_give_no_difference_through_the_program() {
    let Some(samples) = samples() else {
        return;
    };
    // One row says that an update replaces itself, as its document does; that is no replacement.
    let direct: Vec<(String, String)> = rows(&samples.join("matching/msrc-supersedence.tsv"))
        .iter()
        .map(|row| {
            let answer = if row[2] == row[3] { "0" } else { "1" };
            (row[1..4].join("\t"), answer.to_owned())
        })
        .collect();
    let itself = direct.iter().filter(|(_, answer)| answer == "0").count();
    assert_eq!(itself, 1);
    let steps: Vec<(String, String)> =
        rows(&samples.join("matching/msrc-supersedence-transitive.tsv"))
            .iter()
            .map(|row| (row[..3].join("\t"), row[3].clone()))
            .collect();
    assert_eq!((direct.len(), steps.len()), (4_989, 1_459));
    let all: Vec<(String, String)> = direct.into_iter().chain(steps).collect();
    let questions: Vec<&str> = all.iter().map(|(question, _)| question.as_str()).collect();
    let output = supersedes(&samples.join("msrc"), questions.join("\n").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answers: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(answers.len(), all.len(), "one line a question");
    let wrong: Vec<String> = all
        .iter()
        .zip(&answers)
        .filter(|((_, expected), answer)| expected != *answer)
        .map(|((question, expected), answer)| format!("{question}: {expected}, not {answer}"))
        .collect();
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

/// A month of two products, written by hand.
const MONTH: &str = r#"<cvrf:cvrfdoc xmlns:cvrf="http://www.icasi.org/CVRF/schema/cvrf/1.1">
<cvrf:DocumentPublisher Type="Vendor"><cvrf:ContactDetails>secure@microsoft.com</cvrf:ContactDetails></cvrf:DocumentPublisher>
<cvrf:DocumentTracking><cvrf:Identification><cvrf:ID>2024-Aug</cvrf:ID></cvrf:Identification></cvrf:DocumentTracking>
<prod:ProductTree><prod:FullProductName ProductID="11923">Windows Server 2022</prod:FullProductName></prod:ProductTree>
<vuln:Vulnerability><vuln:CVE>CVE-2024-0001</vuln:CVE><vuln:Remediations>
<vuln:Remediation Type="Vendor Fix"><vuln:Description>5000003</vuln:Description><vuln:Supercedence>5000002</vuln:Supercedence><vuln:ProductID>11923</vuln:ProductID></vuln:Remediation>
<vuln:Remediation Type="Vendor Fix"><vuln:Description>5000002</vuln:Description><vuln:Supercedence>KB5000001; 10.1.2</vuln:Supercedence><vuln:ProductID>11923</vuln:ProductID></vuln:Remediation>
<vuln:Remediation Type="Vendor Fix"><vuln:Description>5000009</vuln:Description><vuln:ProductID>11924</vuln:ProductID></vuln:Remediation>
</vuln:Remediations></vuln:Vulnerability></cvrf:cvrfdoc>"#;

fn by_hand() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("month"), MONTH).unwrap();
    folder
}

#[test]
fn each_question_is_one_line() {
    let folder = by_hand();
    let questions = "# a comment\n\n11923\t5000003\t5000002\r\n11923\tKB5000003\tkb5000001\tmore\n\
                     11923\t5000001\t5000003\n11923\t5000003\t5000003\n11923\t5000009\t5000003\n\
                     11924\t5000009\t5000003\n99999\t5000003\t5000002";
    let output = supersedes(folder.path(), questions.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let answers: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        answers,
        [
            "1",
            "1",
            "0",
            "0",
            "unknown: KB5000009 occurs in no document at hand for product 11923",
            "unknown: KB5000003 occurs in no document at hand for product 11924",
            "unknown: product 99999 has no update in any document at hand",
        ]
    );
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_is_no_question_is_named_and_the_rest_is_answered() {
    let folder = by_hand();
    let questions = b"11923\t5000003\n11923\t5000003\t5000002\n11923\tx\t5000002\n\
                      \t5000003\t5000002\n\xff\t1\t2\n11923\t99999999999\t1\n";
    let output = supersedes(folder.path(), questions);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "1\n");
    let said = text(&output.stderr);
    for expected in [
        "line 1 of standard input has 2 of 3 fields: `11923\\t5000003`",
        "line 3 of standard input holds `x` in the place of a KB",
        "line 4 of standard input has no product id",
        "line 5 of standard input is not UTF-8",
        "line 6 of standard input holds `99999999999` in the place of a KB",
        "hint: give product id, KB and other KB",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let nothing = supersedes(folder.path(), b"");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(0), 0));
    let long = supersedes(folder.path(), "1".repeat(3_000_000).as_bytes());
    assert_eq!(long.status.code(), Some(2));
    assert!(text(&long.stderr).contains("line 1 of standard input is longer"));
}

#[test]
fn without_a_folder_nothing_is_answered() {
    let folder = by_hand();
    let output = supersedes(&folder.path().join("not-there"), b"11923\t1\t2\n");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("error: supersedes: cannot read the folder"),
        "{said}"
    );
    assert!(said.contains("hint: "), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let output = supersedes(empty.path(), b"11923\t1\t2\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        "unknown: product 11923 has no update in any document at hand\n"
    );
}

/// Definitions of these sample documents, by their paths below `msrc`.
fn definitions(samples: &Path, take: impl Fn(&str) -> bool) -> domain::definitions::Definitions {
    let folder = tempfile::tempdir().unwrap();
    for below in ["cvrf", "updates-index"] {
        for entry in std::fs::read_dir(samples.join("msrc").join(below)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if take(&format!("{below}/{name}")) {
                std::fs::copy(&path, folder.path().join(&name)).unwrap();
            }
        }
    }
    let loaded = feeds::definitions::load(folder.path());
    assert_eq!(loaded.problems, []);
    loaded.definitions
}

/// Devices at every build that documents name for some products, and one step before each; with
/// no, one and several recorded updates.
fn devices(definitions: &domain::definitions::Definitions) -> Vec<JudgedDevice> {
    let mut found: BTreeMap<&str, BTreeMap<String, Kb>> = BTreeMap::new();
    for advisory in &definitions.advisories {
        for remedy in &advisory.value.remedies {
            let is_system = remedy.product.starts_with("Windows ");
            if let (Some(build), true) = (&remedy.fixed_build, is_system) {
                let builds = found.entry(&remedy.product_id).or_default();
                builds.insert(build.to_string(), remedy.kb);
            }
        }
    }
    let mut devices = Vec::new();
    for (product_id, builds) in found {
        for (build, kb) in builds {
            for (build, kbs) in [
                (Some(build.clone()), vec![]),
                (Some(format!("{build}9")), vec![Kb(1)]),
                (None, vec![kb]),
                (None, vec![]),
            ] {
                devices.push(JudgedDevice {
                    windows: Some(WindowsState {
                        product_id: Some(product_id.to_owned()),
                        build: build.map(|build| build.parse().unwrap()),
                        kbs,
                    }),
                    ..JudgedDevice::default()
                });
            }
        }
    }
    devices
}

#[test]
fn documents_that_lost_something_for_a_while_change_no_judgement() {
    let Some(samples) = samples() else {
        return;
    };
    let june = |name: &str| name.starts_with("cvrf/2026-Jun@");
    let whole = definitions(&samples, |name| {
        name.contains("2026-Jun@20260706") || (name.starts_with("cvrf/") && !june(name))
    });
    let short = definitions(&samples, |name| {
        name.contains("2026-Jun@20260704T22") || (name.starts_with("cvrf/") && !june(name))
    });
    let all = definitions(&samples, |_| true);
    // 74 vulnerabilities of the whole month are not in the short one.
    assert_eq!(whole.advisories.len(), short.advisories.len() + 74);
    assert!(all.advisories.len() > whole.advisories.len());
    let started = std::time::Instant::now();
    let graph = KbGraph::build(&all);
    eprintln!(
        "KbGraph::build of {} advisories: {:?}",
        all.advisories.len(),
        started.elapsed()
    );
    let whole_graph = KbGraph::build(&whole);
    let devices = devices(&all);
    assert!(devices.len() > 1_000, "{}", devices.len());
    let started = std::time::Instant::now();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    // A part of them is enough: neighbours differ in one build only.
    for device in devices.iter().step_by(7) {
        let by_all = judge(device, &all, &graph);
        let by_whole = judge(device, &whole, &whole_graph);
        // Documents have other numbers in the two sets; all else is the same.
        let plain = |judgements: Vec<Judgement>| -> Vec<Judgement> {
            judgements
                .into_iter()
                .map(|judgement| Judgement {
                    document: None,
                    ..judgement
                })
                .collect()
        };
        let by_all = plain(by_all);
        assert_eq!(by_all, plain(by_whole), "{:?}", device.windows);
        for judgement in by_all {
            *states.entry(judgement.state.to_string()).or_default() += 1;
        }
    }
    eprintln!(
        "{} devices: {:?}, {states:?}",
        devices.len(),
        started.elapsed()
    );
    for state in ["fixed", "missing", "not-affected", "unknown"] {
        assert!(states.contains_key(state), "{states:?}");
    }
}

#[test]
fn a_cumulative_windows_device_misses_at_most_one_cumulative_update() {
    let Some(samples) = samples() else {
        return;
    };
    let all = definitions(&samples, |_| true);
    let graph = KbGraph::build(&all);
    // Windows Server 2022, Windows 10 22H2 and Windows 11 23H2: one line each in the documents.
    for (product_id, build) in [
        ("11923", "10.0.20348.2700"),
        ("11923", "10.0.20348.469"),
        ("12097", "10.0.19045.3803"),
        ("12243", "10.0.22631.3447"),
    ] {
        let device = JudgedDevice {
            windows: Some(WindowsState {
                product_id: Some(product_id.to_owned()),
                build: Some(build.parse().unwrap()),
                kbs: Vec::new(),
            }),
            ..JudgedDevice::default()
        };
        let judgements = judge(&device, &all, &graph);
        let missing: Vec<&Judgement> = judgements
            .iter()
            .filter(|judgement| judgement.state == domain::finding::FindingState::Missing)
            .collect();
        assert_eq!(missing.len(), 1, "{product_id} {build}: {missing:#?}");
        let newest = missing[0].fixed.as_deref().unwrap();
        let number = |build: &str| -> u32 { build.rsplit('.').next().unwrap().parse().unwrap() };
        let highest = judgements
            .iter()
            .filter_map(|judgement| judgement.fixed.as_deref())
            .filter(|fixed| fixed.rsplit_once('.').unwrap().0 == build.rsplit_once('.').unwrap().0)
            .map(number)
            .max();
        assert_eq!(Some(number(newest)), highest);
    }
}
