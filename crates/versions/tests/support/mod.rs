//! Pairs of versions from a fixed seed, and the running of the tools that order them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One pair of versions.
pub type Pair = (String, String);

/// A small generator (SplitMix64): the same seed gives the same pairs on every machine, for the same
/// real versions.
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Pieces from which versions outside of any archive are made.
pub struct Grammar {
    pub pieces: &'static [&'static str],
    pub pieces_max: usize,
    pub epochs: &'static [&'static str],
}

/// Makes `count` pairs: real ones, real ones beside a near variant, and ones from the grammar; each
/// that `wanted` accepts.
pub fn pairs(
    seed: u64,
    count: usize,
    real: &[String],
    grammar: &Grammar,
    wanted: impl Fn(&str) -> bool,
) -> Vec<Pair> {
    let mut chance = Chance::new(seed);
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        let pair = match chance.below(10) {
            0..=1 => (chance.choose(real).clone(), chance.choose(real).clone()),
            2..=5 => {
                let first = chance.choose(real).clone();
                let second = near(&mut chance, &first, grammar);
                (first, second)
            }
            6 => {
                let first = chance.choose(real).clone();
                let second = padded(&mut chance, &first);
                (first, second)
            }
            7 => {
                let first = made(&mut chance, grammar);
                let second = near(&mut chance, &first, grammar);
                (first, second)
            }
            _ => (made(&mut chance, grammar), made(&mut chance, grammar)),
        };
        if wanted(&pair.0) && wanted(&pair.1) {
            pairs.push(pair);
        }
    }
    pairs
}

fn made(chance: &mut Chance, grammar: &Grammar) -> String {
    let mut version = (*chance.choose(grammar.epochs)).to_owned();
    for _ in 0..=chance.below(grammar.pieces_max) {
        let piece: &&str = chance.choose(grammar.pieces);
        version.push_str(piece);
    }
    version
}

/// Puts zeros before the first digit of some numbers, which most tools do not count.
fn padded(chance: &mut Chance, version: &str) -> String {
    let mut padded = String::new();
    let mut in_number = false;
    for character in version.chars() {
        let digit = character.is_ascii_digit();
        if digit && !in_number {
            padded.push_str(&"0".repeat(chance.below(3)));
        }
        in_number = digit;
        padded.push(character);
    }
    padded
}

/// Changes a version at one to three places.
fn near(chance: &mut Chance, version: &str, grammar: &Grammar) -> String {
    let mut characters: Vec<char> = version.chars().collect();
    for _ in 0..=chance.below(3) {
        let place = chance.below(characters.len() + 1);
        match chance.below(3) {
            0 => drop(characters.splice(place..place, chance.choose(grammar.pieces).chars())),
            1 if place < characters.len() => drop(characters.remove(place)),
            1 | 2 => {
                let end = (place + 1).min(characters.len());
                drop(characters.splice(place..end, chance.choose(grammar.pieces).chars()));
            }
            _ => unreachable!("below 3"),
        }
    }
    characters.into_iter().collect()
}

/// Returns both columns of an upstream table, or nothing when it is absent.
pub fn table_versions(files: &[&str]) -> Vec<String> {
    let folder = std::env::var_os("PATCHLOOP_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(folder.join("versions").join(file)).ok())
        .flat_map(|text| {
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .flat_map(|line| line.split('\t').take(2))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Builds one of the C++ programs beside the tests. The error is the compiler's.
pub fn build(source: &str, library: &str) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(source);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(library);
    let built = Command::new("g++")
        .args(["-O2", "-std=c++17", "-o"])
        .arg(&program)
        .arg(&source)
        .arg(format!("-l{library}"))
        .output()
        .map_err(|error| format!("g++: {error}"))?;
    if built.status.success() {
        Ok(program)
    } else {
        Err(String::from_utf8_lossy(&built.stderr).into_owned())
    }
}

/// Gives the pairs to a program, one a line split at a TAB, and returns its answers.
pub fn answers(program: &Path, pairs: &[Pair]) -> Vec<i8> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was just built");
    let mut input = child.stdin.take().unwrap();
    let text: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    read_answers(&String::from_utf8(output.stdout).unwrap(), pairs)
}

pub fn read_answers(text: &str, pairs: &[Pair]) -> Vec<i8> {
    let answers: Vec<i8> = text
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect();
    assert_eq!(answers.len(), pairs.len());
    answers
}

/// Fails with the first differences between our answers and the tool's.
pub fn agree(pairs: &[Pair], answers: &[i8], ours: impl Fn(&Pair) -> i8) {
    let differences: Vec<String> = pairs
        .iter()
        .zip(answers)
        .filter(|(pair, answer)| ours(pair) != **answer)
        .map(|(pair, answer)| format!("{:?} {:?}: the tool says {answer}", pair.0, pair.1))
        .collect();
    assert!(
        differences.is_empty(),
        "{} differences in {} pairs:\n{}",
        differences.len(),
        pairs.len(),
        differences[..differences.len().min(40)].join("\n")
    );
    // All three answers occur, else the pairs prove little.
    for answer in [-1, 0, 1] {
        let share = answers.iter().filter(|found| **found == answer).count();
        assert!(
            share * 50 > answers.len(),
            "only {share} answers are {answer}"
        );
    }
}
