//! The shelf: documents as files named by the SHA-256 of their bytes, below the state folder.
//!
//! `definitions/ab/ab12…`. A file is written beside its place, made durable, and moved there, before
//! any row of the database names it; so a name on the shelf always holds the bytes that it says, or a
//! disk has failed. Reading checks the hash again.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use domain::inventory::Digest;
use sha2::Digest as _;
use tempfile::NamedTempFile;

/// The folder below the state folder.
const FOLDER: &str = "definitions";
/// Begins the names of files that are being written.
const UNFINISHED: &str = ".new-";

/// Where documents stand.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

/// A document that is being written: gone when it is dropped.
#[derive(Debug)]
pub struct Unfinished {
    file: NamedTempFile,
    hash: sha2::Sha256,
    bytes: u64,
}

/// Why a document could not be read again.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The file is gone or cannot be read.
    #[error("it cannot be read: {0}")]
    File(#[from] io::Error),
    /// It is not the bytes that it was.
    #[error("it is damaged: its bytes are not those that were kept")]
    Damaged,
}

impl Shelf {
    /// Opens the shelf of a state folder, and makes it where it is missing.
    pub fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Removes what writers left that were killed. Only for who holds the state folder's lock.
    pub fn sweep(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Where a document stands.
    pub fn path(&self, sha256: Digest) -> PathBuf {
        let hex = hex(&sha256);
        self.0.join(&hex[..2]).join(&hex)
    }

    /// Begins to write a document.
    pub fn begin(&self) -> io::Result<Unfinished> {
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.0)?;
        Ok(Unfinished {
            file,
            hash: sha2::Sha256::new(),
            bytes: 0,
        })
    }

    /// Makes a written document durable under its name. The same bytes are kept once.
    pub fn keep(&self, unfinished: Unfinished) -> io::Result<(Digest, u64)> {
        let sha256 = unfinished.sha256();
        let path = self.path(sha256);
        if self.holds(sha256) {
            return Ok((sha256, unfinished.bytes));
        }
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder)?;
        unfinished.file.as_file().sync_all()?;
        unfinished.file.persist(&path)?;
        for folder in [folder, &self.0] {
            File::open(folder)?.sync_all()?;
        }
        Ok((sha256, unfinished.bytes))
    }

    /// Keeps bytes.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let mut unfinished = self.begin()?;
        unfinished.write_all(bytes)?;
        Ok(self.keep(unfinished)?.0)
    }

    /// Whether the whole document stands there, by its hash.
    fn holds(&self, sha256: Digest) -> bool {
        self.check(sha256).is_ok()
    }

    /// Reads a document again and compares its hash, without keeping it in memory.
    pub fn check(&self, sha256: Digest) -> Result<(), ShelfError> {
        let mut file = File::open(self.path(sha256))?;
        let mut hash = sha2::Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        if Digest::from_bytes(hash.finalize().into()) == sha256 {
            Ok(())
        } else {
            Err(ShelfError::Damaged)
        }
    }

    /// Removes a document that no row names any more. One that is not there is no mistake.
    pub fn remove(&self, sha256: Digest) -> io::Result<()> {
        match std::fs::remove_file(self.path(sha256)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Unfinished {
    /// The hash of what was written so far.
    pub fn sha256(&self) -> Digest {
        Digest::from_bytes(self.hash.clone().finalize().into())
    }

    /// Where it stands while it is being written.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

impl Write for Unfinished {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A digest as people and file names write it.
pub fn hex(sha256: &Digest) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in sha256.bytes() {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_stands_under_its_hash_and_damage_is_seen() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(state.path()).unwrap();
        let sha256 = shelf.put(b"hello").unwrap();
        assert_eq!(shelf.put(b"hello").unwrap(), sha256);
        // sha256sum of `hello`.
        let name = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let path = state.path().join("definitions/2c").join(name);
        assert_eq!(std::fs::read(&path).unwrap(), b"hello");
        shelf.check(sha256).unwrap();
        std::fs::write(&path, b"hellO").unwrap();
        assert!(matches!(shelf.check(sha256), Err(ShelfError::Damaged)));
        // What comes again puts it right.
        shelf.put(b"hello").unwrap();
        shelf.check(sha256).unwrap();
        shelf.remove(sha256).unwrap();
        shelf.remove(sha256).unwrap();
        assert!(matches!(shelf.check(sha256), Err(ShelfError::File(_))));
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(state.path()).unwrap();
        let mut unfinished = shelf.begin().unwrap();
        unfinished.write_all(b"half").unwrap();
        let (_, path) = unfinished.file.keep().unwrap();
        Shelf::open(state.path()).unwrap();
        assert!(path.exists());
        shelf.sweep().unwrap();
        assert!(!path.exists());
    }
}
