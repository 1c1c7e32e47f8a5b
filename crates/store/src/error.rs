//! What can go wrong with the store, with what a person needs to act on it.

use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error(
        "cannot open the database {}: {reason}; check that the folder exists and that this user may read and write it",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file is something else, or damaged.
    #[error(
        "{} is not a sound database: {reason}; move it away and put a backup in its place",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer program wrote it.
    #[error(
        "the database {} has version {found}, this program knows versions up to {known}: it was written by a newer Patchloop and was left untouched; start that newer version, or restore a backup that was made before the upgrade",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// A migration that was applied is not the one known under its number.
    #[error("the database {} has another migration {version} than this program: it was made by a different build; nothing was changed", path.display())]
    OtherMigration {
        /// The file.
        path: PathBuf,
        /// Its number.
        version: i64,
    },
    /// A statement failed.
    #[error("statement {statement} failed: {reason}")]
    Statement {
        /// Its name in the catalogue.
        statement: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// A row would stand twice, or names something that is not there.
    #[error("{statement} is refused: {reason}")]
    Conflict {
        /// Its name in the catalogue.
        statement: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// The disk is full.
    #[error(
        "the disk that holds the database is full: make room, then try again; nothing was lost"
    )]
    Full,
    /// A stored value is not what it should be.
    #[error("a stored {what} cannot be read: {reason}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// The thing is not there, or not in scope.
    #[error("there is no such {what}")]
    Missing {
        /// What was looked for.
        what: &'static str,
    },
    /// The transaction could not be begun or made durable; nothing of it is kept.
    #[error("the change could not be made durable: {reason}")]
    Commit {
        /// The engine's words.
        reason: String,
    },
    /// The job panicked; nothing of it is kept.
    #[error("a job of the store ended by a defect and was undone: {reason}")]
    Panicked {
        /// What it said.
        reason: String,
    },
    /// The cursor of a page was not made by this list.
    #[error("`{cursor}` is not a cursor of this list: take it from `next` of the page before")]
    BadCursor {
        /// What was given.
        cursor: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
