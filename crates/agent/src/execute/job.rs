//! A step of an order that changes the device, run outside the agent: its folder is all that the
//! agent and the step know of each other.
//!
//! ```text
//! job.json      what to do, with the order as it was signed
//! lock          held by the step as long as it lives: the kernel lets go when it dies
//! pid           the step's process, for people
//! abandoned     written by the agent when it gave the step up: it must not begin any more
//! output.log    what the package manager said
//! result.json   how it ended; written whole, last
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use domain::order::ItemOutcome;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError, write_error};
use crate::platform;

/// Bytes of output that are kept for the report.
pub const LOG_BYTES_MAX: usize = 8 * 1024;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum JobKind {
    /// Fetch what the order needs.
    Download,
    /// Finish what somebody else left unfinished, before the order.
    Repair,
    /// Install.
    Install {
        /// Which attempt.
        attempt: u8,
    },
    /// Repair after a lost install, and look how far it came.
    Recover {
        /// The attempt that was lost.
        attempt: u8,
        /// Which try.
        round: u8,
    },
}

impl JobKind {
    /// The name of its folder.
    pub fn name(self) -> String {
        match self {
            Self::Download => "download".to_owned(),
            Self::Repair => "repair".to_owned(),
            Self::Install { attempt } => format!("install-{attempt}"),
            Self::Recover { attempt, round } => format!("recover-{attempt}-{round}"),
        }
    }

    /// Whether it can be begun again from nothing as often as one likes.
    pub fn is_repeatable(self) -> bool {
        match self {
            Self::Download | Self::Repair => true,
            Self::Install { .. } | Self::Recover { .. } => false,
        }
    }
}

/// What a step is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What to do.
    pub kind: JobKind,
    /// The order's envelope, base64; the step checks it again.
    pub order: String,
    /// The agent's state folder, where the keys are that an order is checked with.
    pub state: PathBuf,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum JobEnd {
    /// As asked.
    Done,
    /// Not as asked; the package manager is in order.
    Failed {
        /// Why.
        reason: String,
    },
    /// The package manager is not in order.
    Broken {
        /// Why, with the packages.
        reason: String,
    },
}

/// What a step leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobResult {
    /// How it ended.
    pub end: JobEnd,
    /// Per package of the order, as the package database stands at the end.
    pub items: Vec<ItemOutcome>,
    /// Configuration files whose new version was put beside the old one.
    pub kept_files: Vec<String>,
    /// What was repaired, one line each.
    pub repaired: Vec<String>,
    /// The last lines of output.
    pub log: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// There is no such step.
    Absent,
    /// It was made and does not live; perhaps it has not begun yet.
    Quiet,
    /// It works.
    Alive,
    /// It ended.
    Ended(Box<JobResult>),
}

/// The folder of a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobFolder(PathBuf);

impl JobFolder {
    /// Names a folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it anew, with what is to be done.
    pub fn make(&self, job: &Job) -> Result<(), FileError> {
        self.clear()?;
        platform::private_folder(&self.0).map_err(write_error(&self.0))?;
        files::write_json(&self.0.join("job.json"), job)?;
        if let Some(parent) = self.0.parent() {
            platform::sync_folder(parent).map_err(write_error(parent))?;
        }
        Ok(())
    }

    /// Removes it.
    pub fn clear(&self) -> Result<(), FileError> {
        match std::fs::remove_dir_all(&self.0) {
            Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
                Err(write_error(&self.0)(problem))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What is to be done.
    pub fn job(&self) -> Result<Option<Job>, FileError> {
        files::read_json(&self.0.join("job.json"))
    }

    /// How it ended, once it has.
    pub fn result(&self) -> Result<Option<JobResult>, FileError> {
        files::read_json(&self.0.join("result.json"))
    }

    /// Writes how it ended.
    pub fn finish(&self, result: &JobResult) -> Result<(), FileError> {
        files::write_json(&self.0.join("result.json"), result)
    }

    /// Says that it must not begin any more. One that has begun goes on, and holds its lock.
    pub fn abandon(&self) -> Result<(), FileError> {
        if self.0.is_dir() {
            files::write(&self.0.join("abandoned"), b"")?;
        }
        Ok(())
    }

    /// Whether it was given up.
    pub fn is_abandoned(&self) -> bool {
        self.0.join("abandoned").exists()
    }

    /// Notes the process, for people.
    pub fn note_process(&self) -> Result<(), FileError> {
        files::write(&self.0.join("pid"), platform::own_process().as_bytes())
    }

    /// Where the package manager's output goes.
    pub fn output(&self) -> PathBuf {
        self.0.join("output.log")
    }

    /// Opens the file that is locked while the step lives.
    pub fn lock_file(&self) -> Result<File, FileError> {
        open_lock(&self.0.join("lock"))
    }

    /// How far it is.
    pub fn poll(&self) -> Result<Poll, FileError> {
        if self.job()?.is_none() {
            return Ok(Poll::Absent);
        }
        let alive = match self.lock_file()?.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(problem)) => return Err(write_error(&self.0)(problem)),
        };
        // Alive is asked first: a step that ends between the two questions has left its result.
        if alive {
            return Ok(Poll::Alive);
        }
        Ok(match self.result()? {
            Some(result) => Poll::Ended(Box::new(result)),
            None => Poll::Quiet,
        })
    }
}

/// Opens a file to be locked.
pub fn open_lock(path: &Path) -> Result<File, FileError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(write_error(path))
}

/// The last lines of a text, within the limit.
pub fn tail(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut from = text.len() - bytes_max;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let cut = text[from..].find('\n').map_or(from, |at| from + at + 1);
    text[cut..].to_owned()
}
