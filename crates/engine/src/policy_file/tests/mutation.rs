//! Whatever stands in a file, reading it gives an answer: it never panics, and what it takes prints
//! to a text that it takes.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// How many files are tried.
const TRIES: u32 = 10_000;

/// One change of a text: where, how much goes, and what comes.
#[derive(Debug, Clone)]
struct Change {
    place: prop::sample::Index,
    removed: usize,
    inserted: String,
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "\"\"\"",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        "\n",
        ",",
        "\\",
        "\\u00",
        "#",
        "-",
        "0",
        "99999999999999999999",
        "2026-02-30",
        "23:59:60",
        "é",
        "\u{202e}",
        "\0",
        "true",
        "nan",
        "[[rings.ring]]\n",
        "[window]\n",
        "name.a = 1\n",
        "for = \"(((\"\n",
        "[policy]\n",
    ]);
    let inserted = prop_oneof![
        1 => words.prop_map(str::to_owned),
        2 => "[a-z0-9 \n]{0,6}".prop_map(|text| text),
    ];
    let removed = prop_oneof![3 => 0_usize..2, 1 => 0_usize..60];
    (any::<prop::sample::Index>(), removed, inserted).prop_map(|(place, removed, inserted)| {
        Change {
            place,
            removed,
            inserted,
        }
    })
}

fn changed(changes: &[Change]) -> String {
    let mut text = WHOLE.to_owned();
    for change in changes {
        let from = text.floor_char_boundary(change.place.index(text.len() + 1));
        let until = text.floor_char_boundary((from + change.removed).min(text.len()));
        text.replace_range(from..until.max(from), &change.inserted);
    }
    text
}

#[test]
fn ten_thousand_broken_files_are_read_without_a_panic() {
    // Always the same files: a failure can be looked at.
    let config = Config {
        cases: TRIES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (taken, refused) = (Cell::new(0), Cell::new(0));
    runner
        .run(&prop::collection::vec(change(), 1..4), |changes| {
            let text = changed(&changes);
            let lines = text.split('\n').count();
            match one(&text) {
                Ok(files) => {
                    taken.set(taken.get() + 1);
                    let whole: String = files
                        .preambles()
                        .iter()
                        .map(|(_, preamble)| preamble.as_str())
                        .chain(files.objects().iter().map(|object| object.source.as_str()))
                        .collect();
                    let again = one(&whole);
                    prop_assert!(again.is_ok(), "{}", super::lines(&again.unwrap_err()));
                    prop_assert_eq!(&again.unwrap().policy, &files.policy);
                }
                Err(problems) => {
                    refused.set(refused.get() + 1);
                    prop_assert!(problems.iter().any(Problem::is_error));
                    for problem in problems {
                        prop_assert!((1..=lines).contains(&problem.place.line), "{problem}");
                        prop_assert!(problem.place.column >= 1);
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    // Both happen, so both were tried.
    let (taken, refused) = (taken.get(), refused.get());
    assert!(taken > 500 && refused > 500, "{taken} {refused}");
}
