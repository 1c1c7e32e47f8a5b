//! Order of Semantic Versions 2.0.0.
//!
//! Strict both ways: what is not a semantic version is neither parsed nor ordered, as in npm's
//! `semver` without `loose`. Build metadata does not count. Numbers may have any length.
//!
//! Source: Semantic Versioning 2.0.0, points 2 and 9 to 11.

use std::cmp::Ordering;

use crate::fault::{Fault, refuse_characters};
use crate::number;

/// A version read for ordering.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read<'a> {
    core: [&'a [u8]; 3],
    prerelease: Option<&'a str>,
}

impl Ord for Read<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        for (a, b) in self.core.iter().zip(&other.core) {
            let numbers = number::compare(a, b);
            if numbers.is_ne() {
                return numbers;
            }
        }
        match (self.prerelease, other.prerelease) {
            (Some(a), Some(b)) => compare_prerelease(a, b),
            // A version comes after its own pre-releases.
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl PartialOrd for Read<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (a, b) = match (a.next(), b.next()) {
            (Some(a), Some(b)) => (a.as_bytes(), b.as_bytes()),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        let identifiers = match (number::is_number(a), number::is_number(b)) {
            (true, true) => number::compare(a, b),
            (false, false) => a.cmp(b),
            // Numbers come before words.
            (a_is_number, b_is_number) => b_is_number.cmp(&a_is_number),
        };
        if identifiers.is_ne() {
            return identifiers;
        }
    }
}

/// Reads a semantic version, refusing what the specification forbids.
pub(crate) fn read(version: &[u8]) -> Result<Read<'_>, Fault> {
    let version = std::str::from_utf8(version).map_err(|_| Fault::NotText)?;
    if version.is_empty() {
        return Err(Fault::Empty { part: "version" });
    }
    let (version, build) = match version.split_once('+') {
        Some((version, build)) => (version, Some(build)),
        None => (version, None),
    };
    let (core_text, prerelease) = match version.split_once('-') {
        Some((core, prerelease)) => (core, Some(prerelease)),
        None => (version, None),
    };
    let mut core = [&b""[..]; 3];
    let mut found = 0;
    for part in core_text.split('.') {
        check_number(part, "version")?;
        if let Some(place) = core.get_mut(found) {
            *place = part.as_bytes();
        }
        found += 1;
    }
    if found != core.len() {
        return Err(Fault::Parts { wanted: "3", found });
    }
    for identifier in prerelease.iter().flat_map(|text| text.split('.')) {
        check_identifier(identifier, "pre-release")?;
        if number::is_number(identifier.as_bytes()) {
            check_number(identifier, "pre-release")?;
        }
    }
    for identifier in build.iter().flat_map(|text| text.split('.')) {
        check_identifier(identifier, "build metadata")?;
    }
    Ok(Read { core, prerelease })
}

fn check_number(text: &str, part: &'static str) -> Result<(), Fault> {
    if !number::is_number(text.as_bytes()) {
        return Err(Fault::NotNumber {
            part: if part == "version" { "part" } else { part },
        });
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(Fault::LeadingZero { part });
    }
    Ok(())
}

fn check_identifier(text: &str, part: &'static str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::Empty { part });
    }
    refuse_characters(text, part, |character| {
        character.is_ascii_alphanumeric() || character == '-'
    })
}

/// Checks a semantic version.
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    read(version.as_bytes()).map(|_| ())
}
