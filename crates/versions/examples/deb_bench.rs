//! How fast Debian versions are ordered: by their keys, and by the comparator.
//!
//! Standard input: one pair of versions a line, split at a TAB. The argument is the number of
//! comparisons (default 20,000,000). Prints one JSON line:
//! `{"key_compares_per_second":N,"comparator_per_second":N,"keys_made_per_second":N,"below":N}`.
//! `tests/libapt_compare.cc --bench N` measures libapt-pkg over the same pairs; `below` counts the
//! comparisons whose left side is the lower one and must be the same in both.

use std::cmp::Ordering;
use std::hint::black_box;
use std::io::Read;
use std::time::Instant;

use versions::deb;

fn main() {
    let wanted = std::env::args().nth(1).map_or(20_000_000, |word| {
        word.parse()
            .expect("the argument is the number of comparisons")
    });
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .expect("standard input holds pairs of versions");
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    assert!(
        !pairs.is_empty(),
        "standard input holds no pair of versions"
    );

    let made = Instant::now();
    let keys: Vec<(Vec<u8>, Vec<u8>)> = pairs
        .iter()
        .map(|(a, b)| (deb::sort_key(a), deb::sort_key(b)))
        .collect();
    let keys_made_per_second = (keys.len() * 2) as f64 / made.elapsed().as_secs_f64();

    let (key_compares_per_second, below) = measure(wanted, &keys, |(a, b)| a.cmp(b));
    let (comparator_per_second, also_below) = measure(wanted, &pairs, |(a, b)| deb::compare(a, b));
    assert_eq!(below, also_below, "keys and comparator must agree");
    println!(
        "{{\"key_compares_per_second\":{key_compares_per_second:.0},\
         \"comparator_per_second\":{comparator_per_second:.0},\
         \"keys_made_per_second\":{keys_made_per_second:.0},\"below\":{below}}}"
    );
}

/// Compares the pairs in turn, `wanted` times in all; returns comparisons a second and how many said
/// "below".
fn measure<T>(wanted: usize, pairs: &[T], compare: impl Fn(&T) -> Ordering) -> (f64, usize) {
    let start = Instant::now();
    let below = pairs
        .iter()
        .cycle()
        .take(wanted)
        .filter(|pair| compare(black_box(pair)).is_lt())
        .count();
    (wanted as f64 / start.elapsed().as_secs_f64(), below)
}
