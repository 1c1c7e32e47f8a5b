//! Order of RPM versions: `[epoch:]version[-release]`.
//!
//! A part is a row of numbers, words, `~` and `^`; everything else only separates. At the same place
//! `~` comes before the end, the end before `^`, `^` before a word, a word before a number. A missing
//! epoch is 0; a missing release comes before every release.
//!
//! Like rpm itself, [`order`](crate::order) takes every text: an epoch is one only when it is all
//! digits, and the release begins at the last hyphen. An empty text is ordered as an empty version.
//!
//! Sources: rpm-version(7); the answers of rpm 4.18.

use std::cmp::Ordering;

use crate::fault::{Fault, refuse_characters};
use crate::key::push_number;
use crate::number;

/// Largest epoch: rpm stores it in 32 bits.
pub const EPOCH_MAX: u64 = u32::MAX as u64;

/// A place in a part: what stands there, in the order of their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Tilde,
    End,
    Caret,
    Word(&'a [u8]),
    Number(&'a [u8]),
}

impl<'a> Piece<'a> {
    /// Reads the next piece and what comes after it. Numbers lose their leading zeros.
    fn next(part: &'a [u8]) -> (Self, &'a [u8]) {
        let (_, part) = number::split_run(part, |byte| {
            !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^')
        });
        match part {
            [] => (Self::End, part),
            [b'~', rest @ ..] => (Self::Tilde, rest),
            [b'^', rest @ ..] => (Self::Caret, rest),
            [first, ..] if first.is_ascii_digit() => {
                let (digits, rest) = number::split_run(part, u8::is_ascii_digit);
                (Self::Number(number::significant(digits)), rest)
            }
            [..] => {
                let (word, rest) = number::split_run(part, u8::is_ascii_alphabetic);
                (Self::Word(word), rest)
            }
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => number::compare(a, b),
            (a, b) => a.cmp(&b),
        }
    }
}

/// Cuts a version into epoch, version and release. Also used by pacman, which cuts alike.
pub(crate) fn cut(evr: &[u8]) -> (&[u8], &[u8], Option<&[u8]>) {
    let (digits, rest) = number::split_run(evr, u8::is_ascii_digit);
    let (epoch, rest) = match rest {
        [b':', rest @ ..] => (digits, rest),
        [..] => (&b""[..], evr),
    };
    match rest.iter().rposition(|&byte| byte == b'-') {
        Some(hyphen) => (epoch, &rest[..hyphen], Some(&rest[hyphen + 1..])),
        None => (epoch, rest, None),
    }
}

/// Orders two versions. Every text has a place.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_bytes(a.as_bytes(), b.as_bytes())
}

/// Orders two versions that may not be UTF-8.
#[must_use]
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let (epoch_a, version_a, release_a) = cut(a);
    let (epoch_b, version_b, release_b) = cut(b);
    number::compare(epoch_a, epoch_b)
        .then_with(|| compare_part(version_a, version_b))
        .then_with(|| match (release_a, release_b) {
            (Some(a), Some(b)) => compare_part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (piece_a, rest_a) = Piece::next(a);
        let (piece_b, rest_b) = Piece::next(b);
        let pieces = piece_a.compare(piece_b);
        if pieces.is_ne() || piece_a == Piece::End {
            return pieces;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Returns a key: keys compared by `memcmp` order as [`compare`] orders the versions.
///
/// Versions that rpm calls equal (`2.0`, `2_0`, `0:2.0`) have the same key.
#[must_use]
pub fn sort_key(evr: &str) -> Vec<u8> {
    sort_key_bytes(evr.as_bytes())
}

/// Returns the key of a version that may not be UTF-8.
#[must_use]
pub fn sort_key_bytes(evr: &[u8]) -> Vec<u8> {
    let (epoch, version, release) = cut(evr);
    let mut key = Vec::with_capacity(evr.len() * 2 + 8);
    push_number(&mut key, epoch);
    push_part(&mut key, version);
    if let Some(release) = release {
        // The missing release is the shorter key, hence the smaller.
        push_part(&mut key, release);
    }
    key
}

/// Appends the pieces of a part, each with a first byte that ranks its kind, up to the end.
fn push_part(key: &mut Vec<u8>, mut part: &[u8]) {
    loop {
        let (piece, rest) = Piece::next(part);
        match piece {
            Piece::Tilde => key.push(1),
            Piece::End => {
                key.push(2);
                return;
            }
            Piece::Caret => key.push(3),
            Piece::Word(word) => {
                key.push(4);
                key.extend_from_slice(word);
                // Below every letter, so that `a` comes before `aa`.
                key.push(0);
            }
            Piece::Number(digits) => {
                key.push(5);
                push_number(key, digits);
            }
        }
        part = rest;
    }
}

/// Checks a version against what rpmbuild lets into a package.
pub(crate) fn parse(evr: &str) -> Result<(), Fault> {
    let rest = match evr.split_once(':') {
        Some(("", _)) => return Err(Fault::Empty { part: "epoch" }),
        Some((epoch, rest)) => {
            if !number::is_number(epoch.as_bytes()) {
                return Err(Fault::NotNumber { part: "epoch" });
            }
            if number::compare(epoch.as_bytes(), EPOCH_MAX.to_string().as_bytes()).is_gt() {
                return Err(Fault::TooBig {
                    part: "epoch",
                    max: EPOCH_MAX,
                });
            }
            rest
        }
        None => evr,
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => {
            parse_part(version, "version")?;
            parse_part(release, "release")
        }
        None => parse_part(rest, "version"),
    }
}

fn parse_part(part: &str, name: &'static str) -> Result<(), Fault> {
    if part.is_empty() {
        return Err(Fault::Empty { part: name });
    }
    if part.contains(char::is_whitespace) {
        return Err(Fault::Blank);
    }
    refuse_characters(part, name, |character| {
        character.is_ascii_alphanumeric() || "._+~^".contains(character)
    })?;
    match part.find("..") {
        Some(at) => Err(Fault::Unexpected {
            at: at + 1,
            rest: part[at..].to_owned(),
        }),
        None => Ok(()),
    }
}
