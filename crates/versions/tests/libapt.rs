//! The Debian order against the real libapt-pkg: a million pairs, no difference.
//!
//! Needs g++ and libapt-pkg-dev. Without them the test is skipped loudly; with `CI` set or as root
//! that is a failure, so that nobody believes in a proof that did not take place.

mod support;

use std::os::unix::fs::MetadataExt;

use support::{Grammar, agree, answers, build, pairs, table_versions};
use versions::{Scheme, deb, order};

const PAIRS: usize = 1_000_000;
const SEED: u64 = 0x0070_6174_6368;

const GRAMMAR: Grammar = Grammar {
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
        ".",
        "-",
        "-1",
        "-0",
        "~",
        "~~",
        "~rc1",
        "+",
        "+deb12u1",
        "+dfsg",
        "a",
        "b",
        "z",
        "A",
        "Z",
        "rc",
        "_",
        ",",
        "é",
        "20240131",
        "123456789012345678901234567890",
        "ubuntu0.22.04.1",
        "~bpo12+1",
        ":",
        "git",
        "p1",
    ],
    pieces_max: 6,
    epochs: &["", "", "", "0:", "1:", "2:", "00:", "10:"],
};

/// Reads the versions of the packages that this machine's dpkg knows.
fn installed_versions() -> Vec<String> {
    std::fs::read_to_string("/var/lib/dpkg/status")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("Version: "))
        .map(str::to_owned)
        .collect()
}

fn proof_is_demanded() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    root || std::env::var_os("CI").is_some()
}

#[test]
fn orders_a_million_pairs_as_libapt_does() {
    let program = match build("libapt_compare.cc", "apt-pkg") {
        Ok(program) => program,
        Err(why) => {
            assert!(
                !proof_is_demanded(),
                "the real libapt-pkg is needed here: apt-get install g++ libapt-pkg-dev\n{why}"
            );
            eprintln!("SKIPPED libapt: g++ or libapt-pkg-dev is absent");
            return;
        }
    };
    let mut real = installed_versions();
    real.extend(table_versions(&[
        "dpkg.tsv",
        "dpkg-extra.tsv",
        "dpkg-real.tsv",
    ]));
    // A plus before an epoch is a number to dpkg, which we follow, and a letter to libapt.
    let both_order = |version: &str| {
        let signed_epoch = version.starts_with('+') && version.contains(':');
        !version.is_empty() && !signed_epoch && order(Scheme::Deb, version, version).is_ok()
    };
    assert!(
        !real.is_empty(),
        "neither dpkg's database nor the tables have versions"
    );
    let pairs = pairs(SEED, PAIRS, &real, &GRAMMAR, both_order);
    let answers = answers(&program, &pairs);
    agree(&pairs, &answers, |(a, b)| deb::compare(a, b) as i8);
    agree(&pairs, &answers, |(a, b)| {
        deb::sort_key(a).cmp(&deb::sort_key(b)) as i8
    });
}

/// Asks dpkg whether it orders a version at all. A blank in front keeps a leading hyphen from being
/// taken for an option; dpkg does not count it.
fn dpkg_orders(version: &str) -> Option<bool> {
    let padded = format!(" {version}");
    let asked = std::process::Command::new("dpkg")
        .args(["--compare-versions", &padded, "eq", "1"])
        .stderr(std::process::Stdio::null())
        .status()
        .ok()?;
    Some(asked.code() != Some(2))
}

#[test]
fn refuses_to_order_exactly_what_dpkg_refuses() {
    let mut chance = support::Chance::new(SEED);
    let pieces = [
        "1",
        "0",
        "a",
        ":",
        ":",
        "-",
        "-",
        " ",
        "+",
        "~",
        "2147483647",
        "2147483648",
        "é",
        "_",
    ];
    let mut refused = 0;
    for _ in 0..600 {
        let version: String = (0..=chance.below(5))
            .map(|_| *chance.choose(&pieces))
            .collect();
        let Some(wanted) = dpkg_orders(&version) else {
            assert!(!proof_is_demanded(), "dpkg is needed here");
            eprintln!("SKIPPED dpkg: it is not installed");
            return;
        };
        assert_eq!(
            order(Scheme::Deb, &version, "1").is_ok(),
            wanted,
            "{version:?}"
        );
        refused += usize::from(!wanted);
    }
    assert!(
        (100..500).contains(&refused),
        "{refused} of 600 refused prove little"
    );
}
