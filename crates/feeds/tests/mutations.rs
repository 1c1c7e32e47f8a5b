//! Ten thousand mutations of kept documents for every parser: no panic, no running on.
//!
//! Deterministic: each target's seed is its name. The kept documents are in `corpus/TARGET/`; each
//! form has at least one that it reads.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use feeds::format::{Collect, Probe};
use feeds::formats;
use feeds::fuzz;
use feeds::refusal::Refusal;

const MUTATIONS: usize = 10_000;
/// No mutation of a small document may take longer, on a slow and busy machine.
const LONGEST: Duration = Duration::from_secs(5);
/// Mutated documents do not grow past this.
const BYTES_MAX: usize = 64 * 1024;

/// What breaks parsers: borders of numbers, brackets, quotes, ends of texts, other encodings.
const INTERESTING: &[&[u8]] = &[
    b"0",
    b"-1",
    b"255",
    b"256",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1e999",
    b"NaN",
    b"Infinity",
    b"0.0000000000000000001",
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"</",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"&a;",
    b"&#0;",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"---\n",
    b"- ",
    b": ",
    b"\t",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92\xa9",
    b"9999-12-31",
    b"0000-00-00",
    b"2024-02-30T25:61:61Z",
    b"CVE-9999-999999999999999",
    b"KB",
    b"&",
    b"*",
    b",",
    b";",
    b"%",
    b"PK\x03\x04",
    b"\x1f\x8b",
];

/// A small generator of numbers (SplitMix64), the same on every machine.
struct Dice(u64);

impl Dice {
    fn of(name: &str) -> Self {
        Self(name.bytes().fold(0x9e37_79b9_7f4a_7c15, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap()
    }
}

fn mutated(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let to = at + dice.below((bytes.len() - at).min(64) + 1);
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let piece = bytes[at..to].to_vec();
                let times = 1 + dice.below(20);
                for _ in 0..times {
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
            5 => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                let end = from + dice.below((other.len() - from).min(512) + 1);
                bytes.splice(at..to, other[from..end].iter().copied());
            }
            6 => {
                let word = INTERESTING[dice.below(INTERESTING.len())];
                bytes.splice(at..to.min(at + word.len()), word.iter().copied());
            }
            _ => {
                let word = INTERESTING[dice.below(INTERESTING.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn each_form_reads_what_is_kept_for_it() {
    let mut wrong = Vec::new();
    for format in formats::all() {
        let kept = corpus(format.name);
        if kept.is_empty() {
            wrong.push(format!("{}: nothing is kept", format.name));
        }
        for (path, bytes) in kept {
            let mut records = Collect::default();
            let recognised = formats::recognise(&bytes).map(|format| format.name);
            let probe = Probe::new(&bytes);
            match (format.parse)(&bytes, &mut records) {
                Ok(parsed) if parsed.records > 0 && (format.recognise)(&probe) => {}
                // OVAL of a publisher that is not known is recognised to be refused.
                Err(Refusal::Unrecognised { .. }) if format.name == "oval" => {}
                result => wrong.push(format!("{}: {recognised:?} {result:?}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_mutation_makes_a_parser_panic_or_run_on() {
    let targets = fuzz::targets();
    let every: Vec<Vec<u8>> = targets
        .iter()
        .flat_map(|(name, _)| corpus(name))
        .map(|(_, bytes)| bytes)
        .collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, target)) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut kept: Vec<_> =
                        corpus(name).into_iter().map(|(_, bytes)| bytes).collect();
                    if kept.is_empty() {
                        kept.clone_from(&every);
                    }
                    run(name, *target, &kept);
                }
            });
        }
    });
}

fn run(name: &str, target: fuzz::Target, corpus: &[Vec<u8>]) {
    let mut dice = Dice::of(name);
    for number in 0..MUTATIONS {
        let bytes = mutated(&mut dice, corpus);
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        let shown = || {
            String::from_utf8_lossy(&bytes)
                .chars()
                .take(2_000)
                .collect::<String>()
        };
        assert!(
            result.is_ok(),
            "{name}, mutation {number}, panics on:\n{}",
            shown()
        );
        let taken = started.elapsed();
        assert!(
            taken < LONGEST,
            "{name}, mutation {number}, takes {taken:?} on:\n{}",
            shown()
        );
    }
}
