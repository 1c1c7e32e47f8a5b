//! Cabinets: stored, MSZIP and LZX folders, whose files are read one after the other.
//!
//! Source of the layout: Microsoft, MS-CAB (cabinet file format) and MS-MCI (MSZIP). A file whose
//! folder is damaged, and all after it in that folder, are refused; parts of cabinet sets and folders
//! packed with Quantum are not opened. A signature behind the cabinet is passed over.

use std::io::{self, BufRead, BufReader, Read, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};

use super::budget::{Budget, as_error, refusal_of};
use super::exact::Exact;
use super::{BUFFER_BYTES, Opener, Source, joined, name};
use crate::refusal::Refusal;

const PACKING: &str = "cab";
const HEADER_BYTES: usize = 36;
const HAS_PREVIOUS: u16 = 1;
const HAS_NEXT: u16 = 2;
const HAS_RESERVE: u16 = 4;
/// Where the reserve of a signed cabinet keeps the place and the size of the signature.
const SIGNATURE_AT: usize = 4;
/// Most bytes of a name with its nought.
const NAME_BYTES_MAX: u64 = 257;
/// Most bytes that a block unpacks to.
const BLOCK_BYTES_MAX: usize = 32 * 1024;

fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::Packing {
        packing: PACKING,
        why: why.into(),
    }
}

fn wrong(error: io::Error) -> Refusal {
    refusal_of(error, PACKING)
}

struct Cabinet {
    folders: Vec<Folder>,
    files: Vec<Entry>,
    block_reserve: usize,
}

#[derive(Clone, Copy)]
struct Folder {
    first_block: u64,
    blocks: u16,
    method: u16,
}

struct Entry {
    bytes: u64,
    at: u64,
    folder: usize,
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
    let mut cabinet = read(&mut BufReader::new(&mut *source), length)?;
    let folders = std::mem::take(&mut cabinet.folders);
    let mut files = std::mem::take(&mut cabinet.files);
    // The order of their bytes, so that every folder is unpacked once.
    files.sort_by_key(|entry| (entry.folder, entry.at));
    let mut rest = files.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.partition_point(|entry| entry.folder <= first.folder);
        let (files, others) = rest.split_at(count);
        rest = others;
        let Some(folder) = folders.get(first.folder) else {
            for entry in files {
                let place = joined(path, &name::look(&entry.name).shown);
                opener.budget.member()?;
                opener.refused(
                    &place,
                    damaged("the file begins or ends in another cabinet"),
                )?;
            }
            continue;
        };
        let blocks = Blocks {
            budget: opener.budget,
            source: &mut *source,
            next: folder.first_block,
            left: folder.blocks,
            reserve: cabinet.block_reserve,
            method: Method::new(folder.method),
            block: Vec::new(),
            at: 0,
            failed: None,
        };
        let mut content = BufReader::with_capacity(BUFFER_BYTES, blocks);
        let mut at = 0_u64;
        for entry in files {
            opener.budget.member()?;
            member(opener, &mut content, entry, &mut at, path, depth)?;
        }
    }
    Ok(())
}

fn member(
    opener: &mut Opener<'_, '_, '_>,
    content: &mut dyn BufRead,
    entry: &Entry,
    at: &mut u64,
    path: &str,
    depth: usize,
) -> Result<(), Refusal> {
    let named = name::look(&entry.name);
    let place = joined(path, &named.shown);
    if let Some(refusal) = named.refusal {
        return opener.refused(&place, refusal);
    }
    let Some(before) = entry.at.checked_sub(*at) else {
        return opener.refused(&place, damaged("the file overlaps another one"));
    };
    let passed = pass(content, before);
    if passed.is_ok() {
        *at = entry.at;
    }
    if let Err(refusal) = passed {
        return opener.refused(&place, refusal);
    }
    let mut file = Exact::new(content, entry.bytes, PACKING);
    opener.member(&mut file, &place, depth)?;
    let left = file.left();
    *at = at.saturating_add(entry.bytes);
    // A damaged folder says so again with its next file.
    let _ = pass(content, left);
    Ok(())
}

/// Passes over bytes.
fn pass(content: &mut dyn BufRead, bytes: u64) -> Result<(), Refusal> {
    super::drain(&mut Exact::new(content, bytes, PACKING)).map_err(wrong)
}

fn number<const BYTES: usize>(reader: &mut dyn Read) -> Result<[u8; BYTES], Refusal> {
    let mut field = [0; BYTES];
    reader.read_exact(&mut field).map_err(wrong)?;
    Ok(field)
}

fn u16_of(reader: &mut dyn Read) -> Result<u16, Refusal> {
    number(reader).map(u16::from_le_bytes)
}

fn u32_of(reader: &mut dyn Read) -> Result<u32, Refusal> {
    number(reader).map(u32::from_le_bytes)
}

/// Reads everything but the data.
fn read<S: Read + io::Seek>(reader: &mut BufReader<S>, length: u64) -> Result<Cabinet, Refusal> {
    reader.seek_relative(0).map_err(wrong)?;
    io::Seek::seek(reader, SeekFrom::Start(0)).map_err(wrong)?;
    let header: [u8; HEADER_BYTES] = number(reader)?;
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let u32_at = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let total = u64::from(u32_at(8));
    let files_at = u64::from(u32_at(16));
    let (folder_count, file_count, flags) = (u16_at(26), u16_at(28), u16_at(30));
    let (mut reserve, mut folder_reserve, mut block_reserve) = (Vec::new(), 0, 0);
    if flags & HAS_RESERVE != 0 {
        let header_reserve = u16_of(reader)?;
        [folder_reserve, block_reserve] = number(reader)?;
        reserve = vec![0; usize::from(header_reserve)];
        reader.read_exact(&mut reserve).map_err(wrong)?;
    }
    for flag in [HAS_PREVIOUS, HAS_NEXT] {
        if flags & flag != 0 {
            text(reader)?;
            text(reader)?;
        }
    }
    check_length(reader, &reserve, total, length)?;
    let mut folders = Vec::new();
    for _ in 0..folder_count {
        folders.push(Folder {
            first_block: u64::from(u32_of(reader)?),
            blocks: u16_of(reader)?,
            method: u16_of(reader)?,
        });
        reader
            .seek_relative(i64::from(folder_reserve))
            .map_err(wrong)?;
    }
    io::Seek::seek(reader, SeekFrom::Start(files_at)).map_err(wrong)?;
    let mut files = Vec::new();
    for _ in 0..file_count {
        let (bytes, at) = (u64::from(u32_of(reader)?), u64::from(u32_of(reader)?));
        let folder = usize::from(u16_of(reader)?);
        let _date_time_attributes: [u8; 6] = number(reader)?;
        let name = text(reader)?;
        files.push(Entry {
            bytes,
            at,
            folder,
            name,
        });
    }
    Ok(Cabinet {
        folders,
        files,
        block_reserve: usize::from(block_reserve),
    })
}

/// A cabinet is as long as it says, or its signature follows.
fn check_length<S: Read + io::Seek>(
    reader: &mut BufReader<S>,
    reserve: &[u8],
    total: u64,
    length: u64,
) -> Result<(), Refusal> {
    if length < total {
        return Err(damaged("it is shorter than it says: it was cut"));
    }
    let field = |at: usize| {
        reserve
            .get(at..at + 4)
            .and_then(|field| field.try_into().ok())
            .map_or(0, |field| u64::from(u32::from_le_bytes(field)))
    };
    let signed_to = field(SIGNATURE_AT) + field(SIGNATURE_AT + 4);
    if length == total || (field(SIGNATURE_AT) == total && signed_to == length) {
        return Ok(());
    }
    let here = io::Seek::stream_position(reader).map_err(wrong)?;
    io::Seek::seek(reader, SeekFrom::Start(total)).map_err(wrong)?;
    loop {
        let rest = reader.fill_buf().map_err(wrong)?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(damaged("something that is no padding follows its end"));
        }
        let bytes = rest.len();
        if bytes == 0 {
            break;
        }
        reader.consume(bytes);
    }
    io::Seek::seek(reader, SeekFrom::Start(here)).map_err(wrong)?;
    Ok(())
}

/// A text that ends with a nought.
fn text(reader: &mut dyn BufRead) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    (&mut *reader)
        .take(NAME_BYTES_MAX)
        .read_until(0, &mut text)
        .map_err(wrong)?;
    if text.pop() != Some(0) {
        return Err(damaged("a name has no end"));
    }
    Ok(text)
}

/// How a folder is packed, and what has to be kept from block to block.
enum Method {
    Stored,
    /// The last 32 KiB, which the next block refers to.
    MsZip(Vec<u8>),
    Lzx(Box<Lzxd>),
    Unknown(u16),
}

impl Method {
    fn new(word: u16) -> Self {
        let window = match (word >> 8) & 0x1f {
            15 => WindowSize::KB32,
            16 => WindowSize::KB64,
            17 => WindowSize::KB128,
            18 => WindowSize::KB256,
            19 => WindowSize::KB512,
            20 => WindowSize::MB1,
            21 => WindowSize::MB2,
            22 => WindowSize::MB4,
            23 => WindowSize::MB8,
            24 => WindowSize::MB16,
            25 => WindowSize::MB32,
            _ if word & 0xf == 3 => return Self::Unknown(word),
            _ => WindowSize::KB32,
        };
        match word & 0xf {
            0 => Self::Stored,
            1 => Self::MsZip(Vec::new()),
            3 => Self::Lzx(Box::new(Lzxd::new(window))),
            _ => Self::Unknown(word),
        }
    }

    fn unpack(&mut self, packed: &[u8], length: usize) -> Result<Vec<u8>, Refusal> {
        let block = match self {
            Self::Stored => packed.to_vec(),
            Self::MsZip(window) => inflate(window, packed, length)?,
            Self::Lzx(decoder) => {
                // The decoder checks some of what it reads by assertion.
                catch_unwind(AssertUnwindSafe(|| {
                    decoder.decompress_next(packed, length).map(<[u8]>::to_vec)
                }))
                .map_err(|_| damaged("a block cannot be unpacked"))?
                .map_err(|error| damaged(error.to_string()))?
            }
            Self::Unknown(word) => {
                return Err(damaged(format!(
                    "folders packed by method {word:#06x} are not opened"
                )));
            }
        };
        if block.len() != length {
            return Err(damaged("a block has not the length it states"));
        }
        Ok(block)
    }
}

/// Unpacks one MSZIP block: `CK`, then a deflate stream that may refer to the block before. That
/// one is given to the decoder first, as a stored block.
fn inflate(window: &mut Vec<u8>, packed: &[u8], length: usize) -> Result<Vec<u8>, Refusal> {
    let packed = packed
        .strip_prefix(b"CK")
        .ok_or_else(|| damaged("a block does not begin as MSZIP"))?;
    let bad = |_| damaged("a block cannot be unpacked");
    let mut decoder = Decompress::new(false);
    let mut block = Vec::with_capacity(length.max(window.len()));
    let size = u16::try_from(window.len()).unwrap_or(0);
    if size > 0 {
        let mut stored = vec![0];
        stored.extend(size.to_le_bytes());
        stored.extend((!size).to_le_bytes());
        stored.extend_from_slice(window);
        decoder
            .decompress_vec(&stored, &mut block, FlushDecompress::Sync)
            .map_err(bad)?;
        block.clear();
    }
    let status = decoder
        .decompress_vec(packed, &mut block, FlushDecompress::Finish)
        .map_err(bad)?;
    if status != Status::StreamEnd {
        return Err(damaged("a block ends in the middle"));
    }
    window.extend_from_slice(&block);
    let over = window.len().saturating_sub(BLOCK_BYTES_MAX);
    window.drain(..over);
    Ok(block)
}

/// The unpacked bytes of a folder, block by block.
struct Blocks<'s> {
    budget: &'s Budget,
    source: &'s mut dyn Source,
    next: u64,
    left: u16,
    reserve: usize,
    method: Method,
    block: Vec<u8>,
    at: usize,
    failed: Option<Refusal>,
}

impl Blocks<'_> {
    fn load(&mut self) -> Result<(), Refusal> {
        self.source
            .seek(SeekFrom::Start(self.next))
            .map_err(wrong)?;
        let stated = u32_of(&mut self.source)?;
        let (packed_bytes, length) = (u16_of(&mut self.source)?, u16_of(&mut self.source)?);
        let mut data = vec![0; self.reserve + usize::from(packed_bytes)];
        self.source.read_exact(&mut data).map_err(wrong)?;
        let packed = &data[self.reserve..];
        let sizes = u32::from(packed_bytes) | u32::from(length) << 16;
        // Writers differ in whether the reserve is part of the sum.
        if stated != 0 && stated != sum(packed) ^ sizes && stated != sum(&data) ^ sizes {
            return Err(damaged("the checksum of a block is wrong"));
        }
        if length == 0 || usize::from(length) > BLOCK_BYTES_MAX {
            return Err(damaged("a block goes on in another cabinet or is too long"));
        }
        self.block = self.method.unpack(packed, usize::from(length))?;
        self.at = 0;
        self.left -= 1;
        self.next += (8 + data.len()) as u64;
        self.budget.unpacked(u64::from(length), PACKING)
    }
}

/// The checksum of a block: its words, of four bytes each, by exclusive or.
fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(4);
    let rest = words
        .remainder()
        .iter()
        .fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
    words.fold(rest, |sum, word| {
        sum ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]])
    })
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(refusal) = &self.failed {
            return Err(as_error(refusal.clone()));
        }
        if self.at == self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            if let Err(refusal) = self.load() {
                self.failed = Some(refusal.clone());
                return Err(as_error(refusal));
            }
        }
        let length = buffer.len().min(self.block.len() - self.at);
        buffer[..length].copy_from_slice(&self.block[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
