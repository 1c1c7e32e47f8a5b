//! Opens packed documents: gzip, xz, bzip2, zstd, zip, tar and cab, one within another.
//!
//! Packings are recognised by their first bytes, never by a name, and read in one pass; the bytes of
//! each document inside are handed over one after the other in one buffer that is used again. What
//! is given is hostile until proven otherwise, so everything has a limit: bytes of a document, bytes
//! in all, members, levels, the ratio of unpacked to packed, windows of decompressors. The memory
//! used is at most [`DOCUMENT_BYTES_MAX`] + [`HELD_BYTES_MAX`] + 240 MiB of windows.
//!
//! A member that cannot be read is handed over as its [`Refusal`] and does not stop the others; a
//! packing that is cut, damaged or followed by something is refused as a whole, because what it held
//! is not known. Links, devices, encrypted members and names that lead out of an archive are never
//! followed.

mod budget;
mod cab;
mod exact;
mod magic;
mod name;
mod stream;
mod tar;
mod zip;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use crate::format::DOCUMENT_BYTES_MAX;
use crate::refusal::Refusal;
use budget::{Budget, refusal_of};
use magic::Packing;

/// Most packings within one another: a zip in a tar in gzip is three.
pub const DEPTH_MAX: usize = 4;
/// Most bytes that one given file unpacks to, all levels added.
pub const TOTAL_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// Most members of all archives of one given file.
pub const MEMBERS_MAX: u64 = 1_000_000;
/// Up to this many bytes any ratio is fine.
pub const RATIO_FREE_BYTES: u64 = 1024 * 1024 * 1024;
/// How many times its packed size a file may unpack to. Real feeds reach about 110 (Microsoft's
/// months in zstd); gzip cannot exceed 1,032.
pub const RATIO_MAX: u64 = 400;
/// Most bytes of archives within archives that are held at a time, because zip and cab are read from
/// their ends.
pub const HELD_BYTES_MAX: u64 = 192 * 1024 * 1024;
/// Largest window of a decompressor at the first level, in bytes as a power of two (128 MiB); each
/// level below has half of that.
pub const WINDOW_LOG_MAX: u32 = 27;

/// How many bytes decide what a packing is: one block of a tar.
const HEAD_BYTES: usize = 512;
/// Size of the buffers between two levels.
const BUFFER_BYTES: usize = 64 * 1024;

/// What an opened file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// One document, packed or not.
    Document,
    /// An archive of documents.
    Archive,
}

/// What is called with each document: its path inside of what was opened (empty: the file itself;
/// `!` stands between an archive within an archive and its member), and its bytes or why not.
pub type Visit<'v> = dyn FnMut(&str, Result<&[u8], Refusal>) + 'v;

/// Anything that archives can be read from.
trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// Opens a file. Errors: the file as a whole is refused, whatever was handed over before.
pub fn open_file(file: &mut File, visit: &mut Visit<'_>) -> Result<Opened, Refusal> {
    let length = file
        .metadata()
        .map_err(|error| refusal_of(error, "file"))?
        .len();
    open(file, length, visit)
}

/// Opens bytes as if they were a file.
pub fn open_bytes(bytes: &[u8], visit: &mut Visit<'_>) -> Result<Opened, Refusal> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    open(&mut Cursor::new(bytes), length, visit)
}

fn open(source: &mut dyn Source, length: u64, visit: &mut Visit<'_>) -> Result<Opened, Refusal> {
    let budget = Budget::new(length);
    let mut opener = Opener {
        budget: &budget,
        buffer: Vec::new(),
        visit,
    };
    opener.seekable(source, length, "", 0)
}

/// One file being opened.
struct Opener<'b, 'v, 'f> {
    budget: &'b Budget,
    buffer: Vec<u8>,
    visit: &'v mut Visit<'f>,
}

impl Opener<'_, '_, '_> {
    /// Opens what can be read at any place: a file, or an archive that is held in memory.
    fn seekable(
        &mut self,
        source: &mut dyn Source,
        length: u64,
        path: &str,
        depth: usize,
    ) -> Result<Opened, Refusal> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let read = |error| refusal_of(error, "file");
        source.seek(SeekFrom::Start(0)).map_err(read)?;
        (&mut *source)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(read)?;
        source.seek(SeekFrom::Start(0)).map_err(read)?;
        match magic::recognise(&head) {
            Some(Packing::Zip) => {
                let depth = deeper(path, depth)?;
                zip::walk(self, source, length, path, depth)?;
                Ok(Opened::Archive)
            }
            Some(Packing::Cab) => {
                let depth = deeper(path, depth)?;
                cab::walk(self, source, length, path, depth)?;
                Ok(Opened::Archive)
            }
            None if length > DOCUMENT_BYTES_MAX as u64 => Err(too_large(path)),
            _ => {
                let mut reader = BufReader::with_capacity(BUFFER_BYTES, source);
                self.stream(&mut reader, path, depth)
            }
        }
    }

    /// Opens what can be read only once. When it succeeds, everything was read up to the end, so
    /// that every checksum on the way has been compared.
    fn stream(
        &mut self,
        reader: &mut dyn BufRead,
        path: &str,
        depth: usize,
    ) -> Result<Opened, Refusal> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut *reader)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|error| refusal_of(error, "file"))?;
        let packing = magic::recognise(&head);
        let mut whole = Cursor::new(head).chain(reader);
        match packing {
            None => {
                self.document(&mut whole, path)?;
                Ok(Opened::Document)
            }
            Some(packing @ (Packing::Gzip | Packing::Xz | Packing::Bzip2 | Packing::Zstd)) => {
                let level = depth;
                let depth = deeper(path, depth)?;
                let whole: &mut dyn BufRead = &mut whole;
                let unpacked = stream::Unpacked::new(whole, packing, level, self.budget)?;
                let mut unpacked = BufReader::with_capacity(BUFFER_BYTES, unpacked);
                self.stream(&mut unpacked, path, depth)
            }
            Some(Packing::Tar) => {
                let depth = deeper(path, depth)?;
                tar::walk(self, &mut whole, path, depth)?;
                Ok(Opened::Archive)
            }
            Some(packing @ (Packing::Zip | Packing::Cab)) => {
                self.held(&mut whole, packing, path, depth)?;
                Ok(Opened::Archive)
            }
        }
    }

    /// Reads one document and hands it over.
    fn document(&mut self, reader: &mut dyn Read, path: &str) -> Result<(), Refusal> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let filled = fill(&mut buffer, reader, DOCUMENT_BYTES_MAX);
        if let Ok(Filled::Whole) = filled {
            (self.visit)(path, Ok(&buffer));
        }
        self.buffer = buffer;
        match filled? {
            Filled::Whole => Ok(()),
            Filled::More => Err(too_large(path)),
        }
    }

    /// Opens an archive within an archive, for which it has to be held in memory.
    fn held(
        &mut self,
        reader: &mut dyn Read,
        packing: Packing,
        path: &str,
        depth: usize,
    ) -> Result<(), Refusal> {
        deeper(path, depth)?;
        let limit = self.budget.held_left();
        let mut bytes = Vec::new();
        let limit_size = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Filled::More = fill(&mut bytes, reader, limit_size)? {
            return Err(Refusal::TooLarge {
                what: format!("the {} archive within an archive", packing.name()),
                limit_bytes: limit,
            });
        }
        let length = bytes.len() as u64;
        self.budget.hold(length);
        let result = self.seekable(&mut Cursor::new(bytes), length, path, depth);
        self.budget.let_go(length);
        result.map(|_| ())
    }

    /// Opens a member of an archive. Errors: only those that end the whole file; the others are
    /// handed over as that of the member.
    fn member(
        &mut self,
        reader: &mut dyn BufRead,
        path: &str,
        depth: usize,
    ) -> Result<(), Refusal> {
        match self.stream(reader, path, depth) {
            Ok(_) => Ok(()),
            Err(refusal) => self.refused(path, refusal),
        }
    }

    /// Hands over that a member is refused. Errors: a limit of the whole file was reached.
    fn refused(&mut self, path: &str, refusal: Refusal) -> Result<(), Refusal> {
        if let Some(stop) = self.budget.stop() {
            return Err(stop);
        }
        (self.visit)(path, Err(refusal));
        Ok(())
    }
}

fn too_large(path: &str) -> Refusal {
    Refusal::TooLarge {
        what: if path.is_empty() {
            "the document".to_owned()
        } else {
            path.to_owned()
        },
        limit_bytes: DOCUMENT_BYTES_MAX as u64,
    }
}

fn deeper(path: &str, depth: usize) -> Result<usize, Refusal> {
    if depth >= DEPTH_MAX {
        return Err(Refusal::TooDeep {
            place: if path.is_empty() {
                "packings within packings".to_owned()
            } else {
                path.to_owned()
            },
            limit: DEPTH_MAX,
        });
    }
    Ok(depth + 1)
}

/// The path of a member of the archive at `path`.
fn joined(path: &str, member: &str) -> String {
    if path.is_empty() {
        member.to_owned()
    } else {
        format!("{path}!{member}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    Whole,
    More,
}

/// Reads up to the end, or one byte more than the limit. The buffer never grows past that, and
/// memory that is not there is a refusal.
fn fill(buffer: &mut Vec<u8>, reader: &mut dyn Read, limit: usize) -> Result<Filled, Refusal> {
    loop {
        let room = limit.saturating_add(1).saturating_sub(buffer.len());
        if room == 0 {
            return Ok(Filled::More);
        }
        let step = buffer.len().max(BUFFER_BYTES).min(room);
        buffer.try_reserve_exact(step).map_err(|_| no_memory())?;
        let before = buffer.len();
        (&mut *reader)
            .take(step as u64)
            .read_to_end(buffer)
            .map_err(|error| refusal_of(error, "file"))?;
        if buffer.len() - before < step {
            return Ok(Filled::Whole);
        }
    }
}

fn no_memory() -> Refusal {
    Refusal::Invalid {
        place: "memory".to_owned(),
        why: "there is not enough of it to hold the document".to_owned(),
    }
}

/// Reads all of a reader and keeps nothing.
fn drain(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let length = reader.fill_buf()?.len();
        if length == 0 {
            return Ok(());
        }
        reader.consume(length);
    }
}

#[cfg(test)]
mod tests;
