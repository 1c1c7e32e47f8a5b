//! Order of Windows application versions, as winget orders them.
//!
//! Dotted parts, each a number and a remainder. Numbers decide first; with equal numbers a part with
//! a remainder comes before one without (`1-rc` before `1`), and remainders compare without case.
//! Missing parts are zero, blanks around a part do not count, and letters before the first number of
//! the first part are left out (`Version 1.0`, `v1.0`). `latest` is above and `unknown` below
//! everything else; `< 1.0` is just below and `> 1.0` just above `1.0`.
//!
//! [`order`](crate::order) refuses only what winget refuses: an approximate `unknown`, and bytes that
//! are no text. Case is folded by Unicode lower-casing, which differs from full folding for a few
//! letters (`ß`) that no known version holds. [`parse`](crate::parse) wants what a package manifest may
//! hold, so no approximate version.
//!
//! Sources: the manifest schema of winget (PackageVersion); Version in winget-cli.

use std::cmp::Ordering;

use crate::fault::{Fault, refuse_characters};

/// Longest version in a package manifest, in characters.
pub const CHARACTERS_MAX: usize = 128;

/// Where a version without exact bounds stands beside the exact one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Below,
    Exact,
    Above,
}

/// What a version says, from the lowest to the highest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Unknown,
    Parts(Parts),
    Latest,
}

/// A version read for ordering.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    value: Value,
    nearness: Nearness,
}

/// One dotted part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    number: u64,
    remainder: String,
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number
            .cmp(&other.number)
            // An empty remainder is the finished release.
            .then_with(|| self.remainder.is_empty().cmp(&other.remainder.is_empty()))
            .then_with(|| self.remainder.cmp(&other.remainder))
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Part {
    const ZERO: Self = Self {
        number: 0,
        remainder: String::new(),
    };

    fn read(text: &str) -> Self {
        let text = text.trim_matches(is_blank);
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Self {
                number: 0,
                remainder: text.to_lowercase(),
            };
        }
        match unsigned[..digits].parse::<u64>() {
            // winget reads numbers with strtoull, where a minus wraps around.
            Ok(number) => Self {
                number: if text.starts_with('-') {
                    number.wrapping_neg()
                } else {
                    number
                },
                remainder: unsigned[digits..].to_lowercase(),
            },
            // A number that does not fit is text to winget.
            Err(_) => Self {
                number: 0,
                remainder: text.to_lowercase(),
            },
        }
    }
}

/// The parts of a version. A part that one side lacks is zero: neither a plain zero nor a missing part
/// is above the other, and both are above `0-rc`.
#[derive(Debug)]
struct Parts(Vec<Part>);

impl Parts {
    fn read(text: &str) -> Self {
        let mut parts: Vec<Part> = text.split('.').map(Part::read).collect();
        while parts.last() == Some(&Part::ZERO) {
            parts.pop();
        }
        Self(parts)
    }
}

impl Ord for Parts {
    fn cmp(&self, other: &Self) -> Ordering {
        let part = |parts: &Self, place: usize| parts.0.get(place).cloned().unwrap_or(Part::ZERO);
        (0..self.0.len().max(other.0.len()))
            .map(|place| part(self, place).cmp(&part(other, place)))
            .find(|parts| parts.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Parts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parts {}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// Reads a version for ordering.
pub(crate) fn read(version: &[u8]) -> Result<Read, Fault> {
    let version = std::str::from_utf8(version).map_err(|_| Fault::NotText)?;
    let version = version.trim_matches(is_blank);
    let (nearness, base) = if let Some(base) = version.strip_prefix("< ") {
        (Nearness::Below, base)
    } else if let Some(base) = version.strip_prefix("> ") {
        (Nearness::Above, base)
    } else {
        (Nearness::Exact, version)
    };
    let first_part = base.split('.').next().unwrap_or_default();
    let base = match first_part.find(|character: char| character.is_ascii_digit()) {
        Some(digit) => &base[digit..],
        None => base,
    };
    let parts = Parts::read(base);
    let value = match &parts.0[..] {
        [
            Part {
                number: 0,
                remainder,
            },
        ] if remainder == "latest" => Value::Latest,
        [
            Part {
                number: 0,
                remainder,
            },
        ] if remainder == "unknown" => Value::Unknown,
        _ => Value::Parts(parts),
    };
    if value == Value::Unknown && nearness != Nearness::Exact {
        return Err(Fault::ApproximateUnknown);
    }
    Ok(Read { value, nearness })
}

/// Checks a version against the manifest schema.
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    if version.trim_matches(is_blank).is_empty() {
        return Err(Fault::Empty { part: "version" });
    }
    if version.chars().count() > CHARACTERS_MAX {
        return Err(Fault::TooLong {
            max: CHARACTERS_MAX,
        });
    }
    refuse_characters(version, "version", |character| {
        !character.is_control() && !"\\/:*?\"<>|".contains(character)
    })
}
