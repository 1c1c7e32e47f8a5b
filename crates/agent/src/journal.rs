//! The journal: an append-only file that is durable before a step is taken.
//!
//! A record is four bytes of length (little endian), eight bytes of check (the first of SHA-256 over
//! the rest), and the value as JSON. A record that was torn while it was written can only be the last
//! one; it and what follows is cut off when the journal is opened, and the reader is told.
//! Compaction writes a new file beside the old one and renames it. Limits: 4 MiB a record.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::files::{self, FileError, read_error, write_error};

/// Most bytes of one record.
const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of a journal that is read.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
const HEAD: usize = 4 + 8;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    length_bytes: u64,
}

/// What an opened journal held.
#[derive(Debug)]
pub struct Opened<T> {
    /// The journal, ready to append.
    pub journal: Journal,
    /// All whole records, oldest first.
    pub records: Vec<T>,
    /// Bytes that were cut off its end because they are no whole record.
    pub cut_bytes: u64,
}

impl Journal {
    /// Opens a journal or makes a new one, and cuts off a torn end.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds a whole record that is not a `T`: then
    /// another version wrote it, and guessing would lose orders.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<Opened<T>, FileError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(write_error(path))?;
        let mut bytes = Vec::new();
        (&mut file)
            .take(JOURNAL_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(read_error(path))?;
        let mut records = vec![];
        let mut rest = &bytes[..];
        while let Some((json, after)) = whole_record(rest) {
            records.push(
                serde_json::from_slice(json).map_err(|source| FileError::Content {
                    path: path.to_owned(),
                    source,
                })?,
            );
            rest = after;
        }
        let cut_bytes = rest.len() as u64;
        let length_bytes = bytes.len() as u64 - cut_bytes;
        let mut cut = || -> io::Result<()> {
            if cut_bytes > 0 {
                file.set_len(length_bytes)?;
                file.sync_all()?;
            }
            file.seek(SeekFrom::Start(length_bytes))?;
            crate::platform::sync_folder(path.parent().unwrap_or(Path::new(".")))
        };
        cut().map_err(write_error(path))?;
        let journal = Self {
            path: path.to_owned(),
            file,
            length_bytes,
        };
        Ok(Opened {
            journal,
            records,
            cut_bytes,
        })
    }

    /// Appends a record; it is durable when this returns.
    ///
    /// # Errors
    /// When it could not be written; what was written of it is taken back, or cut at the next open.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), FileError> {
        let bytes = record_bytes(&self.path, record)?;
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length_bytes += bytes.len() as u64;
                Ok(())
            }
            Err(problem) => {
                // A full disk must not leave half a record before the next whole one.
                let _ = self.file.set_len(self.length_bytes);
                let _ = self.file.seek(SeekFrom::Start(self.length_bytes));
                Err(write_error(&self.path)(problem))
            }
        }
    }

    /// Its size.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Replaces everything by `records`: the same truth in fewer words.
    ///
    /// # Errors
    /// When the new file could not be written; the old one stays.
    pub fn compact<T: Serialize>(&mut self, records: &[T]) -> Result<(), FileError> {
        let mut bytes = vec![];
        for record in records {
            bytes.extend(record_bytes(&self.path, record)?);
        }
        files::write(&self.path, &bytes)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(write_error(&self.path))?;
        file.seek(SeekFrom::End(0))
            .map_err(write_error(&self.path))?;
        self.file = file;
        self.length_bytes = bytes.len() as u64;
        Ok(())
    }
}

fn record_bytes(path: &Path, record: &impl Serialize) -> Result<Vec<u8>, FileError> {
    let json = serde_json::to_vec(record).map_err(|source| FileError::Content {
        path: path.to_owned(),
        source,
    })?;
    if json.len() > RECORD_BYTES_MAX {
        return Err(write_error(path)(io::Error::other(format!(
            "a record of {} bytes is larger than {RECORD_BYTES_MAX}",
            json.len()
        ))));
    }
    let length = u32::try_from(json.len()).expect("a record is far below four gigabytes");
    let mut bytes = Vec::with_capacity(HEAD + json.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&check(&length.to_le_bytes(), &json));
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

fn check(length: &[u8; 4], json: &[u8]) -> [u8; 8] {
    let mut hasher = Sha256::new();
    hasher.update(length);
    hasher.update(json);
    let digest: [u8; 32] = hasher.finalize().into();
    let mut out = [0; 8];
    out.copy_from_slice(&digest[..8]);
    out
}

/// The JSON of the first record and what follows it; `None` when there is no whole record.
fn whole_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let length: [u8; 4] = head[..4].try_into().expect("four bytes were split off");
    let size = u32::from_le_bytes(length) as usize;
    if size > RECORD_BYTES_MAX {
        return None;
    }
    let (json, after) = rest.split_at_checked(size)?;
    (check(&length, json) == head[4..]).then_some((json, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(opened: &Opened<String>) -> Vec<&str> {
        opened.records.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_journal_torn_at_any_byte_keeps_every_whole_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut ends = vec![0];
        {
            let mut journal = Journal::open::<String>(&path).unwrap().journal;
            for text in ["first", "second, a little longer", "third"] {
                journal.append(&text).unwrap();
                ends.push(journal.length_bytes());
            }
        }
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len() as u64, ends[3]);
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let opened = Journal::open::<String>(&path).unwrap();
            let kept = ends.iter().filter(|&&end| end <= cut as u64).count() - 1;
            assert_eq!(opened.records.len(), kept, "cut at {cut}");
            assert_eq!(opened.cut_bytes, cut as u64 - ends[kept], "cut at {cut}");
            // And it goes on behind the last whole one.
            let mut journal = opened.journal;
            journal.append(&"after").unwrap();
            let again = Journal::open::<String>(&path).unwrap();
            assert_eq!(again.cut_bytes, 0);
            assert_eq!(texts(&again).last(), Some(&"after"));
            assert_eq!(again.records.len(), kept + 1);
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_journal_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        {
            let mut journal = Journal::open::<String>(&path).unwrap().journal;
            journal.append(&"one").unwrap();
            journal.append(&"two").unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let first = whole.len() / 2;
        for at in first..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            let opened = Journal::open::<String>(&path).unwrap();
            assert_eq!(texts(&opened), ["one"], "byte {at}");
        }
    }

    #[test]
    fn compaction_keeps_what_it_is_given_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open::<String>(&path).unwrap().journal;
        for _ in 0..100 {
            journal.append(&"noise").unwrap();
        }
        let before = journal.length_bytes();
        journal.compact(&["kept"]).unwrap();
        assert!(journal.length_bytes() < before / 50);
        journal.append(&"more").unwrap();
        assert_eq!(
            texts(&Journal::open::<String>(&path).unwrap()),
            ["kept", "more"]
        );
    }

    #[test]
    fn a_whole_record_of_another_form_is_not_guessed_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open::<u32>(&path)
            .unwrap()
            .journal
            .append(&7)
            .unwrap();
        assert!(matches!(
            Journal::open::<String>(&path),
            Err(FileError::Content { .. })
        ));
    }
}
