//! The rpm and pacman orders against the real tools, where these are installed. Skipped loudly
//! elsewhere.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Grammar, Pair, agree, answers, build, pairs, read_answers, table_versions};
use versions::{pacman, rpm};

const RPM_PAIRS: usize = 200_000;
const ALPM_PAIRS: usize = 200_000;
const VERCMP_PAIRS: usize = 300;

const RPM_GRAMMAR: Grammar = Grammar {
    pieces: &[
        "0",
        "1",
        "2",
        "9",
        "10",
        "00",
        "010",
        "1.0",
        ".",
        "..",
        "-",
        "-1",
        "-0",
        "~",
        "~~",
        "~rc1",
        "^",
        "^git1",
        "+",
        "_",
        "a",
        "b",
        "z",
        "A",
        "Z",
        "rc",
        ".el9",
        ".fc40",
        "é",
        "20240131",
        "123456789012345678901234567890",
        "_4",
        ":",
        "p1",
    ],
    pieces_max: 6,
    epochs: &["", "", "", "0:", "1:", "2:", "00:", "10:", ":", "a:"],
};

#[test]
fn orders_as_rpm_does() {
    let mut real = table_versions(&["rpm-evr.tsv", "rpm-vercmp.tsv"]);
    real.extend(
        [
            "1:3.0.7-27.el9",
            "5.14.0-427.13.1.el9_4",
            "2.34-100.el9_4.2",
        ]
        .map(str::to_owned),
    );
    let pairs = pairs(7, RPM_PAIRS, &real, &RPM_GRAMMAR, |version| {
        !version.is_empty()
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (input, output) = (folder.join("rpm-pairs.tsv"), folder.join("rpm-answers.txt"));
    let text: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    std::fs::write(&input, text).unwrap();
    let script = r#"%{lua:
        local out = io.open(rpm.expand("%{answers_to}"), "w")
        for line in io.lines(rpm.expand("%{pairs_from}")) do
            local tab = string.find(line, "\t", 1, true)
            out:write(rpm.vercmp(string.sub(line, 1, tab - 1), string.sub(line, tab + 1)), "\n")
        end
        out:close()
    }"#;
    let ran = Command::new("rpm")
        .args(["--define", &format!("pairs_from {}", input.display())])
        .args(["--define", &format!("answers_to {}", output.display())])
        .args(["--eval", script])
        .output();
    let Ok(ran) = ran else {
        eprintln!("SKIPPED rpm: rpm is not installed");
        return;
    };
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let answers = read_answers(&std::fs::read_to_string(&output).unwrap(), &pairs);
    agree(&pairs, &answers, |(a, b)| rpm::compare(a, b) as i8);
    agree(&pairs, &answers, |(a, b)| {
        rpm::sort_key(a).cmp(&rpm::sort_key(b)) as i8
    });
}

fn pacman_pairs(count: usize) -> Vec<Pair> {
    let mut real = table_versions(&["pacman.tsv"]);
    real.extend(["6.9.3.arch1-1", "1:1.2.3-4", "r123.abcdef0-1"].map(str::to_owned));
    // vercmp takes a leading hyphen for an option.
    pairs(11, count, &real, &RPM_GRAMMAR, |version| {
        !version.is_empty() && !version.starts_with('-')
    })
}

#[test]
fn orders_as_libalpm_does() {
    let Ok(program) = build("alpm_compare.cc", "alpm") else {
        eprintln!("SKIPPED libalpm: g++ or libalpm-dev is absent");
        return;
    };
    let pairs = pacman_pairs(ALPM_PAIRS);
    agree(&pairs, &answers(&program, &pairs), |(a, b)| {
        pacman::compare(a, b) as i8
    });
}

#[test]
fn orders_as_vercmp_does() {
    let pairs = pacman_pairs(VERCMP_PAIRS);
    let mut answers = Vec::new();
    for (a, b) in &pairs {
        let Ok(ran) = Command::new("vercmp").args([a, b]).output() else {
            eprintln!("SKIPPED vercmp: it is not installed");
            return;
        };
        answers.push(
            String::from_utf8(ran.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap(),
        );
    }
    agree(&pairs, &answers, |(a, b)| pacman::compare(a, b) as i8);
}
