//! Archives of the tar family: old, ustar, GNU and pax headers.
//!
//! Source of the layout: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block", and the
//! GNU tar manual, "Basic Tar Format". Links, devices and sparse files are not opened.

use std::io::{self, BufRead};

use super::budget::refusal_of;
use super::exact::Exact;
use super::{Opener, drain, joined, name};
use crate::refusal::Refusal;

const BLOCK_BYTES: usize = 512;
/// Longest extra header (a long name, pax records), in bytes.
const EXTRA_BYTES_MAX: u64 = 64 * 1024;
const PACKING: &str = "tar";

/// Whether these bytes begin with a header whose checksum is right.
pub fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.get(..BLOCK_BYTES) else {
        return false;
    };
    block[0] != 0 && checksum_fits(block)
}

/// The sum of all bytes with blanks in the place of the sum itself.
fn checksum_fits(block: &[u8]) -> bool {
    let Some(stated) = octal(&block[148..156]) else {
        return false;
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, &byte)| {
            if (148..156).contains(&at) {
                u64::from(b' ')
            } else {
                u64::from(byte)
            }
        })
        .sum();
    sum == stated
}

/// A number in octal digits, with blanks and noughts around it.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches([' ', '\0']);
    if text.is_empty() || !text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    u64::from_str_radix(text, 8).ok()
}

/// A size: octal, or binary where the first bit is set (GNU).
fn size(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
    if first != 0x80 || high.iter().any(|&byte| byte != 0) {
        return None;
    }
    Some(u64::from_be_bytes(low.try_into().ok()?))
}

fn until_nought(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&byte| byte == 0);
    &field[..end.unwrap_or(field.len())]
}

fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::Packing {
        packing: PACKING,
        why: why.into(),
    }
}

/// What extra headers say of the member that follows.
#[derive(Default)]
struct Extra {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// Opens every member, up to the end of the reader.
pub fn walk(
    opener: &mut Opener<'_, '_, '_>,
    reader: &mut dyn BufRead,
    path: &str,
    depth: usize,
) -> Result<(), Refusal> {
    let mut extra = Extra::default();
    loop {
        let Some(block) = block(reader)? else {
            // Some writers leave the end mark out; then a cut between two members is not seen.
            return opener.refused(
                &joined(path, ""),
                damaged("it has no end mark, so it may have been cut"),
            );
        };
        if block.iter().all(|&byte| byte == 0) {
            return end(reader);
        }
        if !checksum_fits(&block) {
            return Err(damaged("the checksum of a header is wrong"));
        }
        let Some(stated) = size(&block[124..136]) else {
            return Err(damaged("a size in a header is no number"));
        };
        match block[156] {
            b'L' => extra.name = Some(until_nought(&small(reader, stated)?).to_vec()),
            b'K' | b'g' | b'V' => drop(small(reader, stated)?),
            b'x' => pax(&small(reader, stated)?, &mut extra)?,
            kind => {
                let extra = std::mem::take(&mut extra);
                member(opener, reader, &block, kind, stated, extra, path, depth)?;
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one header, spread out once")]
fn member(
    opener: &mut Opener<'_, '_, '_>,
    reader: &mut dyn BufRead,
    block: &[u8],
    kind: u8,
    stated: u64,
    extra: Extra,
    path: &str,
    depth: usize,
) -> Result<(), Refusal> {
    opener.budget.member()?;
    let length = extra.size.unwrap_or(stated);
    let named = match &extra.name {
        Some(name) => name::look(name),
        None => name::look(&header_name(block)),
    };
    let place = joined(path, &named.shown);
    let why = match kind {
        _ if named.refusal.is_some() => None,
        b'5' => return exact(reader, length, |entry| drain(entry).map_err(wrong)),
        b'0' | 0 | b'7' if extra.sparse => Some("a sparse file is not opened"),
        // Old archives mark a folder by its name alone.
        0 | b'0' if length == 0 && place.ends_with('/') => return Ok(()),
        b'0' | 0 | b'7' => None,
        b'1' | b'2' => Some("a link is not followed"),
        b'3' | b'4' | b'6' => Some("a device is not opened"),
        b'S' => Some("a sparse file is not opened"),
        _ => Some("a member of an unknown kind is not opened"),
    };
    let refusal = named.refusal.or_else(|| {
        why.map(|why| Refusal::Invalid {
            place: "tar".to_owned(),
            why: why.to_owned(),
        })
    });
    // What a link or a device states as its size is not there.
    let length = if matches!(kind, b'1'..=b'6') {
        0
    } else {
        length
    };
    exact(reader, length, |entry| {
        match refusal {
            None => opener.member(entry, &place, depth)?,
            Some(refusal) => opener.refused(&place, refusal)?,
        }
        drain(entry).map_err(wrong)
    })
}

fn wrong(error: io::Error) -> Refusal {
    refusal_of(error, PACKING)
}

fn header_name(block: &[u8]) -> Vec<u8> {
    let name = until_nought(&block[..100]);
    let prefix = until_nought(&block[345..500]);
    if &block[257..263] != b"ustar\0" || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, b"/", name].concat()
}

/// The next block; `None`: the reader is at its end.
fn block(reader: &mut dyn BufRead) -> Result<Option<[u8; BLOCK_BYTES]>, Refusal> {
    if reader.fill_buf().map_err(wrong)?.is_empty() {
        return Ok(None);
    }
    let mut block = [0; BLOCK_BYTES];
    reader.read_exact(&mut block).map_err(wrong)?;
    Ok(Some(block))
}

/// After the end mark only noughts may come.
fn end(reader: &mut dyn BufRead) -> Result<(), Refusal> {
    loop {
        let rest = reader.fill_buf().map_err(wrong)?;
        if rest.is_empty() {
            return Ok(());
        }
        if rest.iter().any(|&byte| byte != 0) {
            return Err(damaged("something follows its end"));
        }
        let length = rest.len();
        reader.consume(length);
    }
}

/// Reads an extra header's content.
fn small(reader: &mut dyn BufRead, length: u64) -> Result<Vec<u8>, Refusal> {
    if length > EXTRA_BYTES_MAX {
        return Err(damaged(format!(
            "an extra header has more than {EXTRA_BYTES_MAX} bytes"
        )));
    }
    let mut content = Vec::new();
    exact(reader, length, |entry| {
        entry.read_to_end(&mut content).map_err(wrong)?;
        Ok(())
    })?;
    Ok(content)
}

/// Reads pax records: `LENGTH KEY=VALUE` and a line feed, the length counting all of it.
fn pax(content: &[u8], extra: &mut Extra) -> Result<(), Refusal> {
    let bad = || damaged("a pax header cannot be read");
    let mut rest = content;
    while !rest.is_empty() {
        let blank = rest.iter().position(|&byte| byte == b' ').ok_or_else(bad)?;
        let length = std::str::from_utf8(&rest[..blank]).map_err(|_| bad())?;
        let length: usize = length.parse().map_err(|_| bad())?;
        let record = rest.get(blank + 1..length).ok_or_else(bad)?;
        let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
        let equals = record
            .iter()
            .position(|&byte| byte == b'=')
            .ok_or_else(bad)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => extra.name = Some(value.to_vec()),
            b"size" => {
                let text = std::str::from_utf8(value).map_err(|_| bad())?;
                extra.size = Some(text.parse().map_err(|_| bad())?);
            }
            _ if key.starts_with(b"GNU.sparse.") => extra.sparse = true,
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(())
}

/// Gives a member's bytes, and passes over the padding behind them.
fn exact<T>(
    reader: &mut dyn BufRead,
    length: u64,
    read: impl FnOnce(&mut dyn BufRead) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let result = read(&mut Exact::new(reader, length, PACKING))?;
    let over = length % BLOCK_BYTES as u64;
    if over > 0 {
        let mut padding = Exact::new(reader, BLOCK_BYTES as u64 - over, PACKING);
        drain(&mut padding).map_err(wrong)?;
    }
    Ok(result)
}
