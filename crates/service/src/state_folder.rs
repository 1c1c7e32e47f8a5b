//! The server's state folder: made for its owner only, and locked against a second server.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

/// The database's file name.
const DATABASE_FILE: &str = "patchloop.db";
/// The file that a running server holds locked.
const LOCK_FILE: &str = "server.lock";

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFolderError {
    /// It cannot be made.
    #[error("cannot make the state folder {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be read or written.
    #[error("cannot use the state folder {}", path.display())]
    Use {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another server holds it.
    #[error("another server uses the state folder {}", path.display())]
    Locked {
        /// Which.
        path: PathBuf,
    },
}

/// The state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

/// Held while a server runs; let go when it is dropped or the process ends, however it ends.
#[derive(Debug)]
#[must_use = "the lock is let go when this is dropped"]
pub struct StateLock {
    _file: File,
}

impl StateFolder {
    /// Opens the folder, and makes it (mode 700) where it is missing.
    pub fn open(path: &Path) -> Result<Self, StateFolderError> {
        let make_failed = |source| StateFolderError::Make {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
            std::fs::create_dir_all(parent).map_err(make_failed)?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => {
                std::fs::read_dir(path).map_err(|source| StateFolderError::Use {
                    path: path.to_owned(),
                    source,
                })?;
            }
            Err(error) => return Err(make_failed(error.into())),
        }
        Ok(Self(path.to_owned()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE_FILE)
    }

    /// Locks the folder for one server; refused while another holds it.
    pub fn lock(&self) -> Result<StateLock, StateFolderError> {
        let path = self.0.join(LOCK_FILE);
        let used = |source| StateFolderError::Use {
            path: self.0.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(used)?;
        match file.try_lock() {
            Ok(()) => Ok(StateLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateFolderError::Locked {
                path: self.0.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(used(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_until_the_first_ends() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&dir.path().join("a/b")).unwrap();
        let held = folder.lock().unwrap();
        assert!(matches!(
            folder.lock(),
            Err(StateFolderError::Locked { .. })
        ));
        drop(held);
        let _again = folder.lock().unwrap();
        let mode = rustix::fs::stat(folder.path()).unwrap().st_mode & 0o777;
        assert_eq!(mode, 0o700);
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            StateFolder::open(file.path()),
            Err(StateFolderError::Use { .. })
        ));
    }
}
