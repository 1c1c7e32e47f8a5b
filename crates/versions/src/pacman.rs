//! Order of Arch package versions: `[epoch:]pkgver[-pkgrel]`.
//!
//! An older cousin of the RPM order: there is no `~` or `^`; more separators between two pieces win
//! over fewer; and a word that only one side still has makes that side the older one (`1.5b` is
//! before `1.5`). A missing epoch is 0. Releases count only when both sides have one, so that
//! `1.5` and `1.5-3` are equal.
//!
//! Like vercmp, [`order`](crate::order) takes every text. Because of the rule about releases this is
//! no transitive order across texts with and without a release, as for pacman itself.
//!
//! Sources: vercmp(8), PKGBUILD(5); the answers of libalpm 13.

use std::cmp::Ordering;

use crate::fault::{Fault, refuse_characters};
use crate::number;
use crate::rpm::cut;

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
            (Some(_), None) | (None, Some(_) | None) => Ordering::Equal,
        })
}

fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    while !a.is_empty() && !b.is_empty() {
        let (separators_a, rest_a) = number::split_run(a, |byte| !byte.is_ascii_alphanumeric());
        let (separators_b, rest_b) = number::split_run(b, |byte| !byte.is_ascii_alphanumeric());
        (a, b) = (rest_a, rest_b);
        let (Some(first), Some(_)) = (a.first(), b.first()) else {
            break;
        };
        let separators = separators_a.len().cmp(&separators_b.len());
        if separators.is_ne() {
            return separators;
        }
        let digits = first.is_ascii_digit();
        let same_kind = |byte: &u8| {
            if digits {
                byte.is_ascii_digit()
            } else {
                byte.is_ascii_alphabetic()
            }
        };
        let (run_a, rest_a) = number::split_run(a, same_kind);
        let (run_b, rest_b) = number::split_run(b, same_kind);
        let runs = match (run_b.is_empty(), digits) {
            // A number is newer than a word.
            (true, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, true) => number::compare(run_a, run_b),
            (false, false) => run_a.cmp(run_b),
        };
        if runs.is_ne() {
            return runs;
        }
        (a, b) = (rest_a, rest_b);
    }
    let begins_with_word = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_alphabetic);
    if a.is_empty() && b.is_empty() {
        Ordering::Equal
    } else if (a.is_empty() && !begins_with_word(b)) || begins_with_word(a) {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// Checks a version against what makepkg takes.
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    let rest = match version.split_once(':') {
        Some(("", _)) => return Err(Fault::Empty { part: "epoch" }),
        Some((epoch, _)) if !number::is_number(epoch.as_bytes()) => {
            return Err(Fault::NotNumber { part: "epoch" });
        }
        Some((_, rest)) => rest,
        None => version,
    };
    let (pkgver, pkgrel) = match rest.rsplit_once('-') {
        Some((pkgver, pkgrel)) => (pkgver, Some(pkgrel)),
        None => (rest, None),
    };
    if pkgver.is_empty() {
        return Err(Fault::Empty { part: "pkgver" });
    }
    if rest.contains(char::is_whitespace) {
        return Err(Fault::Blank);
    }
    refuse_characters(pkgver, "pkgver", |character| {
        character.is_ascii_graphic() && !":/-".contains(character)
    })?;
    let Some(pkgrel) = pkgrel else { return Ok(()) };
    let (whole, part) = pkgrel.split_once('.').unwrap_or((pkgrel, "0"));
    if pkgrel.is_empty() {
        Err(Fault::Empty { part: "pkgrel" })
    } else if number::is_number(whole.as_bytes()) && number::is_number(part.as_bytes()) {
        Ok(())
    } else {
        Err(Fault::NotNumber { part: "pkgrel" })
    }
}
