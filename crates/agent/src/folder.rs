//! The agent's state folder: which file is where.
//!
//! ```text
//! identity.json      who this device is, whose server, which keys      (network half)
//! device.key         the device's own key                              (network half)
//! enrolling.json     an enrolment that was begun and is not done       (enrol)
//! link.json          counters and what the server acknowledged         (network half)
//! inventory.base     the inventory that the server acknowledged        (network half)
//! guardrails.toml    the device's own limits, beside the system's      (both read)
//! agent.lock         held while an agent works here
//! cache/             changelogs
//! spool/in/          orders as they came                               (network half → executing half)
//! spool/contact.json the last word with the server                     (network half → executing half)
//! spool/out/         progress, outcomes and looks                      (executing half → network half)
//! spool/kept/        outcomes and looks that the server settled, 30 days
//! executor/journal   what the executing half does
//! executor/orders/   a folder for each step of an order that runs outside the agent
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::files::{FileError, write_error};
use crate::platform;

/// The state folder.
#[derive(Debug, Clone)]
pub struct StateFolder {
    root: PathBuf,
}

/// Held as long as an agent works in a state folder.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident $path:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> PathBuf {
            self.root.join($path)
        }
    )*};
}

impl StateFolder {
    /// Names a folder; nothing is made yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folder and those inside, closed to others.
    pub fn make(&self) -> Result<(), FileError> {
        for path in [
            self.root.clone(),
            self.cache(),
            self.spool_in(),
            self.spool_out(),
            self.spool_kept(),
            self.executor(),
            self.orders(),
        ] {
            platform::private_folder(&path).map_err(write_error(&path))?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the folder for this process; `None` when another agent has it.
    pub fn lock(&self) -> Result<Option<FolderLock>, FileError> {
        let path = self.root.join("agent.lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(write_error(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FolderLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(problem)) => Err(write_error(&path)(problem)),
        }
    }

    places! {
        /// Who this device is.
        identity "identity.json";
        /// Its key.
        key "device.key";
        /// An enrolment that was begun.
        enrolling "enrolling.json";
        /// What the network half remembers.
        link "link.json";
        /// The inventory that the server acknowledged.
        base "inventory.base";
        /// Changelogs.
        cache "cache";
        /// Orders as they came.
        spool_in "spool/in";
        /// The last word with the server.
        contact "spool/contact.json";
        /// What the executing half tells.
        spool_out "spool/out";
        /// How far orders are.
        progress "spool/out/progress.json";
        /// What was told and settled.
        spool_kept "spool/kept";
        /// The executing half's own folder.
        executor "executor";
        /// Its journal.
        journal "executor/journal";
        /// Steps that run outside the agent.
        orders "executor/orders";
        /// Held by the one step that works.
        transactions_lock "executor/transactions.lock";
    }
}
