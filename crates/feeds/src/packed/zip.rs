//! Zip archives, also zip64; members stored, deflated, or packed with bzip2, zstd or xz.
//!
//! Read from the central directory, whose records must fit those before the members. Source of the
//! layout: PKWARE, APPNOTE.TXT 6.3, sections 4.3 and 4.5. Encrypted members and links are not opened.

use std::io::{self, BufRead, BufReader, Read, SeekFrom};

use flate2::Crc;

use super::budget::{Budget, as_error, refusal_of};
use super::magic::Packing;
use super::stream::Unpacked;
use super::{BUFFER_BYTES, Opener, Source, joined, name};
use crate::refusal::Refusal;

const PACKING: &str = "zip";
const END_BYTES: u64 = 22;
const COMMENT_BYTES_MAX: u64 = 65_535;
const LOCATOR_BYTES: u64 = 20;
const END64_BYTES: usize = 56;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// How much of the central directory is read at a time, in bytes.
const DIRECTORY_BYTES: usize = 256 * 1024;
/// The type of a file in the mode that Unix writes: `S_IFMT` and `S_IFLNK`.
const MODE_TYPE: u32 = 0o170_000;
const MODE_LINK: u32 = 0o120_000;

fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::Packing {
        packing: PACKING,
        why: why.into(),
    }
}

fn wrong(error: io::Error) -> Refusal {
    refusal_of(error, PACKING)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .and_then(|field| field.try_into().ok())
        .map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|field| field.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .and_then(|field| field.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

fn read_at(source: &mut dyn Source, at: u64, length: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![0; length];
    source.seek(SeekFrom::Start(at)).map_err(wrong)?;
    source.read_exact(&mut bytes).map_err(wrong)?;
    Ok(bytes)
}

/// Where the central directory is.
struct Directory {
    at: u64,
    bytes: u64,
    entries: u64,
}

/// One record of the central directory.
struct Entry {
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: u64,
    unpacked_bytes: u64,
    local_at: u64,
    is_link: bool,
    name: Vec<u8>,
}

/// Opens every member.
pub fn walk(
    opener: &mut Opener<'_, '_, '_>,
    source: &mut dyn Source,
    length: u64,
    path: &str,
    depth: usize,
) -> Result<(), Refusal> {
    let directory = directory(source, length)?;
    let end = directory.at + directory.bytes;
    let (mut at, mut packed_bytes, mut count) = (directory.at, 0_u64, 0_u64);
    while at < end {
        let step =
            usize::try_from(end - at).map_or(DIRECTORY_BYTES, |left| left.min(DIRECTORY_BYTES));
        let chunk = read_at(source, at, step)?;
        let mut used = 0;
        while let Some((entry, size)) = entry(&chunk[used..])? {
            used += size;
            count += 1;
            opener.budget.member()?;
            packed_bytes = packed_bytes.saturating_add(entry.packed_bytes);
            if packed_bytes > directory.at {
                return Err(damaged("its members overlap, as only in a bomb"));
            }
            member(opener, source, &entry, directory.at, path, depth)?;
        }
        if used == 0 {
            return Err(damaged("its directory ends in the middle"));
        }
        at += used as u64;
    }
    if count != directory.entries {
        return Err(damaged(format!(
            "its directory has {count} members, not {}",
            directory.entries
        )));
    }
    Ok(())
}

/// Finds the end record, whose comment must reach exactly to the end of the file.
fn directory(source: &mut dyn Source, length: u64) -> Result<Directory, Refusal> {
    let tail_bytes = length.min(END_BYTES + COMMENT_BYTES_MAX);
    let tail_at = length - tail_bytes;
    let size = usize::try_from(tail_bytes).unwrap_or(0);
    let tail = read_at(source, tail_at, size)?;
    let end = END_BYTES as usize;
    let found = (0..(tail.len() + 1).saturating_sub(end)).rev().find(|&at| {
        tail[at..].starts_with(b"PK\x05\x06")
            && at + end + usize::from(u16_at(&tail, at + 20)) == tail.len()
    });
    let Some(at) = found else {
        return Err(damaged(
            "its end record is missing: it was cut, or something follows it",
        ));
    };
    let record = &tail[at..];
    let end_at = tail_at + at as u64;
    let mut directory = Directory {
        at: u64::from(u32_at(record, 16)),
        bytes: u64::from(u32_at(record, 12)),
        entries: u64::from(u16_at(record, 10)),
    };
    let mut directory_end = end_at;
    let needs_64 = directory.at == u64::from(u32::MAX)
        || directory.bytes == u64::from(u32::MAX)
        || directory.entries == u64::from(u16::MAX);
    if needs_64 && end_at >= LOCATOR_BYTES {
        let locator = read_at(source, end_at - LOCATOR_BYTES, LOCATOR_BYTES as usize)?;
        if locator.starts_with(b"PK\x06\x07") {
            let at = u64_at(&locator, 8);
            let inside = at.checked_add(END64_BYTES as u64 + LOCATOR_BYTES);
            if inside.is_none_or(|inside| inside > end_at) {
                return Err(damaged("its zip64 record is not where it should be"));
            }
            let record = read_at(source, at, END64_BYTES)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(damaged("its zip64 record is not where it should be"));
            }
            directory = Directory {
                at: u64_at(&record, 48),
                bytes: u64_at(&record, 40),
                entries: u64_at(&record, 32),
            };
            directory_end = at;
        }
    }
    if directory.at.checked_add(directory.bytes) != Some(directory_end) {
        return Err(damaged("its directory is not where it should be"));
    }
    Ok(directory)
}

/// Reads a record and says how long it is; `None`: the bytes end before it does.
fn entry(bytes: &[u8]) -> Result<Option<(Entry, usize)>, Refusal> {
    if bytes.len() < CENTRAL_BYTES {
        return Ok(None);
    }
    if !bytes.starts_with(b"PK\x01\x02") {
        return Err(damaged("a record of its directory is damaged"));
    }
    let name_bytes = usize::from(u16_at(bytes, 28));
    let extra_bytes = usize::from(u16_at(bytes, 30));
    let size = CENTRAL_BYTES + name_bytes + extra_bytes + usize::from(u16_at(bytes, 32));
    let Some(record) = bytes.get(..size) else {
        return Ok(None);
    };
    let extra_at = CENTRAL_BYTES + name_bytes;
    let mut entry = Entry {
        flags: u16_at(record, 8),
        method: u16_at(record, 10),
        crc: u32_at(record, 16),
        packed_bytes: u64::from(u32_at(record, 20)),
        unpacked_bytes: u64::from(u32_at(record, 24)),
        local_at: u64::from(u32_at(record, 42)),
        is_link: (u32_at(record, 38) >> 16) & MODE_TYPE == MODE_LINK,
        name: record[CENTRAL_BYTES..extra_at].to_vec(),
    };
    large_sizes(&mut entry, &record[extra_at..extra_at + extra_bytes]);
    Ok(Some((entry, size)))
}

/// Takes the sizes that do not fit 32 bits from the zip64 field.
fn large_sizes(entry: &mut Entry, mut extra: &[u8]) {
    while extra.len() >= 4 {
        let (kind, size) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + size) else {
            return;
        };
        if kind == 1 {
            let mut at = 0;
            for value in [
                &mut entry.unpacked_bytes,
                &mut entry.packed_bytes,
                &mut entry.local_at,
            ] {
                if *value == u64::from(u32::MAX) && at + 8 <= field.len() {
                    *value = u64_at(field, at);
                    at += 8;
                }
            }
        }
        extra = &extra[4 + size..];
    }
}

fn member(
    opener: &mut Opener<'_, '_, '_>,
    source: &mut dyn Source,
    entry: &Entry,
    limit: u64,
    path: &str,
    depth: usize,
) -> Result<(), Refusal> {
    let named = name::look(&entry.name);
    let place = joined(path, &named.shown);
    if named.refusal.is_none() && place.ends_with(['/', '\\']) && entry.unpacked_bytes == 0 {
        return Ok(());
    }
    let opened = match named.refusal {
        Some(refusal) => Err(refusal),
        None => data_at(source, entry, limit),
    };
    let opened = opened.and_then(|at| {
        source.seek(SeekFrom::Start(at)).map_err(wrong)?;
        let packed = (&mut *source).take(entry.packed_bytes);
        let mut packed = BufReader::with_capacity(BUFFER_BYTES, packed);
        let budget = opener.budget;
        let content: Box<dyn Read + '_> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(Deflated {
                decoder: flate2::bufread::DeflateDecoder::new(packed),
                budget,
            }),
            12 => Box::new(Unpacked::new(
                &mut packed,
                Packing::Bzip2,
                depth - 1,
                budget,
            )?),
            93 => Box::new(Unpacked::new(
                &mut packed,
                Packing::Zstd,
                depth - 1,
                budget,
            )?),
            95 => Box::new(Unpacked::new(&mut packed, Packing::Xz, depth - 1, budget)?),
            method => {
                return Err(Refusal::Invalid {
                    place: "zip".to_owned(),
                    why: format!("members packed by method {method} are not opened"),
                });
            }
        };
        let checked = Checked {
            content,
            crc: Crc::new(),
            bytes: 0,
            entry,
        };
        opener.member(
            &mut BufReader::with_capacity(BUFFER_BYTES, checked),
            &place,
            depth,
        )
    });
    match opened {
        Err(refusal) => opener.refused(&place, refusal),
        Ok(()) => Ok(()),
    }
}

/// Where the member's bytes begin, behind the record before them.
fn data_at(source: &mut dyn Source, entry: &Entry, limit: u64) -> Result<u64, Refusal> {
    let invalid = |why: &str| Refusal::Invalid {
        place: "zip".to_owned(),
        why: why.to_owned(),
    };
    if entry.flags & 1 != 0 {
        return Err(invalid("the member is encrypted"));
    }
    if entry.is_link {
        return Err(invalid("a link is not followed"));
    }
    let bytes = LOCAL_BYTES as u64;
    if entry
        .local_at
        .checked_add(bytes)
        .is_none_or(|end| end > limit)
    {
        return Err(damaged("the member is not where it should be"));
    }
    let local = read_at(source, entry.local_at, LOCAL_BYTES)?;
    let name_bytes = u16_at(&local, 26);
    let data = entry.local_at + bytes + u64::from(name_bytes) + u64::from(u16_at(&local, 28));
    let end = data.checked_add(entry.packed_bytes);
    if !local.starts_with(b"PK\x03\x04") || end.is_none_or(|end| end > limit) {
        return Err(damaged("the member is not where it should be"));
    }
    let name = read_at(source, entry.local_at + bytes, usize::from(name_bytes))?;
    if name != entry.name {
        return Err(damaged("the member has two names"));
    }
    Ok(data)
}

/// A deflated member, whose bytes count.
struct Deflated<'b, R> {
    decoder: flate2::bufread::DeflateDecoder<R>,
    budget: &'b Budget,
}

impl<R: BufRead> Read for Deflated<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.budget
            .unpacked(read as u64, PACKING)
            .map_err(as_error)?;
        Ok(read)
    }
}

/// Compares length and checksum at the end.
struct Checked<'a, 'e> {
    content: Box<dyn Read + 'a>,
    crc: Crc,
    bytes: u64,
    entry: &'e Entry,
}

impl Read for Checked<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self
            .content
            .read(buffer)
            .map_err(|error| as_error(wrong(error)))?;
        self.bytes = self.bytes.saturating_add(read as u64);
        self.crc.update(&buffer[..read]);
        let ended = read == 0;
        if self.bytes > self.entry.unpacked_bytes
            || (ended && self.bytes != self.entry.unpacked_bytes)
        {
            return Err(as_error(damaged("the member has not the length it states")));
        }
        if ended && self.crc.sum() != self.entry.crc {
            return Err(as_error(damaged("the member's checksum is wrong")));
        }
        Ok(read)
    }
}
