//! Order of Debian package versions: `[epoch:]upstream[-revision]`.
//!
//! Upstream part and revision are compared as alternating runs of other characters and of digits.
//! In the former `~` comes before the end, the end before letters, letters before everything else;
//! the latter are numbers of any length. A missing epoch or revision is zero.
//!
//! [`order`](crate::order) refuses what `dpkg --compare-versions` ends with an error for (blanks
//! inside, an epoch that is no number or above [`EPOCH_MAX`], an empty upstream part or revision);
//! what dpkg only warns about is ordered. As for dpkg, blanks around a version do not count, and an
//! empty text is "no version", below every other one.
//!
//! Sources: Debian Policy Manual, section 5.6.12; deb-version(7); the answers of dpkg 1.21 and
//! libapt-pkg 6.0.

use std::cmp::Ordering;

use crate::fault::{Fault, refuse_characters};
use crate::key::push_number;
use crate::number;

/// Largest epoch that dpkg takes.
pub const EPOCH_MAX: u64 = i32::MAX as u64;

/// Weight of the end of a run of other characters.
const END: u8 = 2;

/// Weight of each byte in a run of other characters; digits end the run.
static WEIGHT: [u8; 256] = weights();

const fn weights() -> [u8; 256] {
    let mut weight = [0; 256];
    let mut byte = 0_usize;
    // Letters come first, then bytes above ASCII (dpkg reads them as negative and adds 256, which
    // puts them between), then the other ASCII characters.
    let (mut letter, mut high, mut other) = (END + 1, END + 53, END + 181);
    while byte < 256 {
        let next = match byte as u8 {
            b'~' => {
                weight[byte] = END - 1;
                byte += 1;
                continue;
            }
            b'0'..=b'9' => {
                weight[byte] = END;
                byte += 1;
                continue;
            }
            b'A'..=b'Z' | b'a'..=b'z' => &mut letter,
            0x80..=0xff => &mut high,
            _ => &mut other,
        };
        weight[byte] = *next;
        *next = next.saturating_add(1);
        byte += 1;
    }
    weight
}

/// A version cut at its epoch and its revision.
struct Parts<'a> {
    epoch: Option<&'a [u8]>,
    upstream: &'a [u8],
    revision: Option<&'a [u8]>,
}

/// Cuts a version. Without a colon there is no epoch, without a hyphen no revision.
fn cut(version: &[u8]) -> Parts<'_> {
    let (epoch, rest) = match version.iter().position(|&byte| byte == b':') {
        Some(colon) => (Some(&version[..colon]), &version[colon + 1..]),
        None => (None, version),
    };
    match rest.iter().rposition(|&byte| byte == b'-') {
        Some(hyphen) => Parts {
            epoch,
            upstream: &rest[..hyphen],
            revision: Some(&rest[hyphen + 1..]),
        },
        None => Parts {
            epoch,
            upstream: rest,
            revision: None,
        },
    }
}

/// Cuts a trimmed version for ordering: no part is missing, and a text before a colon that is no number belongs to
/// the upstream part, so that every text has a place in the order.
fn cut_for_order(version: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let parts = cut(version);
    let revision = parts.revision.unwrap_or_default();
    match parts
        .epoch
        .map(|epoch| epoch.strip_prefix(b"+").unwrap_or(epoch))
    {
        None => (b"", parts.upstream, revision),
        Some(epoch) if number::is_number(epoch) => {
            (number::significant(epoch), parts.upstream, revision)
        }
        Some(_) => {
            let after_upstream = parts.revision.map_or(0, |revision| revision.len() + 1);
            (b"", &version[..version.len() - after_upstream], revision)
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

fn trim(mut version: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = version
        && is_blank(*first)
    {
        version = rest;
    }
    while let [rest @ .., last] = version
        && is_blank(*last)
    {
        version = rest;
    }
    version
}

/// Refuses what dpkg refuses to order.
pub(crate) fn orderable(version: &[u8]) -> Result<(), Fault> {
    if version.is_empty() {
        return Ok(());
    }
    let version = trim(version);
    if version.is_empty() {
        return Err(Fault::Empty { part: "version" });
    }
    if version.iter().any(|&byte| is_blank(byte)) {
        return Err(Fault::Blank);
    }
    let parts = cut(version);
    if let Some(epoch) = parts.epoch {
        check_epoch(epoch.strip_prefix(b"+").unwrap_or(epoch))?;
    }
    if parts.upstream.is_empty() {
        return Err(Fault::Empty {
            part: "upstream version",
        });
    }
    if parts.revision.is_some_and(<[u8]>::is_empty) {
        return Err(Fault::Empty { part: "revision" });
    }
    Ok(())
}

fn check_epoch(epoch: &[u8]) -> Result<(), Fault> {
    if epoch.is_empty() {
        return Err(Fault::Empty { part: "epoch" });
    }
    if !number::is_number(epoch) {
        return Err(Fault::NotNumber { part: "epoch" });
    }
    if number::compare(epoch, EPOCH_MAX.to_string().as_bytes()).is_gt() {
        return Err(Fault::TooBig {
            part: "epoch",
            max: EPOCH_MAX,
        });
    }
    Ok(())
}

/// Checks a version against Debian Policy.
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    if version.is_empty() {
        return Err(Fault::Empty { part: "version" });
    }
    if version.contains(char::is_whitespace) {
        return Err(Fault::Blank);
    }
    orderable(version.as_bytes())?;
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, version),
    };
    if epoch.is_some_and(|epoch| epoch.starts_with('+')) {
        return Err(Fault::NotNumber { part: "epoch" });
    }
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    if !upstream.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(Fault::NoLeadingDigit);
    }
    refuse_characters(upstream, "upstream version", |character| {
        character.is_ascii_alphanumeric() || ".+-:~".contains(character)
    })?;
    refuse_characters(revision, "revision", |character| {
        character.is_ascii_alphanumeric() || ".+~".contains(character)
    })
}

/// Orders two versions. Every text has a place, also one that [`order`](crate::order) refuses.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_bytes(a.as_bytes(), b.as_bytes())
}

/// Orders two versions that may not be UTF-8.
#[must_use]
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (trim(a), trim(b));
    if a.is_empty() || b.is_empty() {
        return b.is_empty().cmp(&a.is_empty());
    }
    let (epoch_a, upstream_a, revision_a) = cut_for_order(a);
    let (epoch_b, upstream_b, revision_b) = cut_for_order(b);
    number::compare(epoch_a, epoch_b)
        .then_with(|| compare_part(upstream_a, upstream_b))
        .then_with(|| compare_part(revision_a, revision_b))
}

/// Orders two upstream parts or two revisions in one pass over both.
fn compare_part(a: &[u8], b: &[u8]) -> Ordering {
    let weight =
        |part: &[u8], at: usize| part.get(at).map_or(END, |&byte| WEIGHT[usize::from(byte)]);
    let digit = |part: &[u8], at: usize| part.get(at).filter(|byte| byte.is_ascii_digit()).copied();
    let (mut at_a, mut at_b) = (0, 0);
    loop {
        loop {
            let (weight_a, weight_b) = (weight(a, at_a), weight(b, at_b));
            if weight_a != weight_b {
                return weight_a.cmp(&weight_b);
            }
            if weight_a == END {
                break;
            }
            (at_a, at_b) = (at_a + 1, at_b + 1);
        }
        while a.get(at_a) == Some(&b'0') {
            at_a += 1;
        }
        while b.get(at_b) == Some(&b'0') {
            at_b += 1;
        }
        // The longer number is the larger; the first different digit decides between equal lengths.
        let mut first_difference = Ordering::Equal;
        loop {
            match (digit(a, at_a), digit(b, at_b)) {
                (Some(digit_a), Some(digit_b)) => {
                    first_difference = first_difference.then(digit_a.cmp(&digit_b));
                    (at_a, at_b) = (at_a + 1, at_b + 1);
                }
                (Some(_), None) => return Ordering::Greater,
                (None, Some(_)) => return Ordering::Less,
                (None, None) => break,
            }
        }
        if first_difference.is_ne() || (at_a == a.len() && at_b == b.len()) {
            return first_difference;
        }
    }
}

/// Returns a key: keys compared by `memcmp` order as [`compare`] orders the versions.
///
/// Equal versions (`1.0`, `0:1.0-0`) have the same key. A key is at most about twice as long as its
/// version and may hold any byte. "No version" has the empty key.
#[must_use]
pub fn sort_key(version: &str) -> Vec<u8> {
    sort_key_bytes(version.as_bytes())
}

/// Returns the key of a version that may not be UTF-8.
#[must_use]
pub fn sort_key_bytes(version: &[u8]) -> Vec<u8> {
    let version = trim(version);
    if version.is_empty() {
        return Vec::new();
    }
    let (epoch, upstream, revision) = cut_for_order(version);
    let mut key = Vec::with_capacity(version.len() * 2 + 8);
    push_number(&mut key, epoch);
    push_part(&mut key, upstream);
    push_part(&mut key, revision);
    key
}

/// Appends runs of weights, each closed by [`END`] and followed by a number; one more [`END`]
/// closes the part. After a number stands either that or the weight of a character, never the END
/// of an empty run, so the end of a part sorts exactly as the end of a run does.
fn push_part(key: &mut Vec<u8>, mut part: &[u8]) {
    loop {
        let (other, rest) = number::split_run(part, |byte| !byte.is_ascii_digit());
        key.extend(other.iter().map(|&byte| WEIGHT[usize::from(byte)]));
        key.push(END);
        let (digits, rest) = number::split_run(rest, u8::is_ascii_digit);
        push_number(key, digits);
        if rest.is_empty() {
            key.push(END);
            return;
        }
        part = rest;
    }
}
