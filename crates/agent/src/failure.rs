//! What a person is told when something does not work: what, where, why, and what to do next.

use std::error::Error;
use std::fmt;

use crate::files::FileError;
use crate::link::LinkError;

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Refused or failed.
    Refused = 1,
    /// Wrong use.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
}

/// An error at the edge.
#[derive(Debug)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// When the server wants to be asked again, in seconds, where it said so.
    pub retry_after_seconds: Option<u64>,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Refused or failed.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            retry_after_seconds: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Wrong use.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::refused(message)
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Refused or failed, with the whole chain of reasons.
    pub fn caused(error: &(dyn Error + 'static)) -> Self {
        Self::refused(chain(error))
    }
}

/// An error with everything behind it, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
impl Error for Failure {}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let hint = match &error {
            FileError::Read { .. } | FileError::Write { .. } => {
                "check who owns the state folder and whether the disk has room; --state names another folder"
            }
            FileError::Content { .. } => {
                "the file is damaged or from another version: restore it from a backup"
            }
        };
        Self::caused(&error).hint(hint)
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let exit = match error {
            LinkError::Unreachable { .. } | LinkError::Busy { .. } => Exit::Unreachable,
            LinkError::Untrusted { .. }
            | LinkError::Answer { .. }
            | LinkError::Refused { .. }
            | LinkError::CounterBehind { .. } => Exit::Refused,
        };
        let hint = match &error {
            LinkError::Unreachable { .. } => {
                "is the address right, does the server run, is the port open from here?"
            }
            LinkError::Untrusted { .. } => {
                "compare the pin with the one that the server prints at its start; nothing was sent"
            }
            LinkError::Busy { .. } => "try again later",
            LinkError::Answer { .. } => "is this the address for agents, and the same version?",
            LinkError::Refused {
                status: 401 | 403, ..
            } => "make a new token: patchloop enrolment create --site CLIENT/SITE",
            LinkError::Refused { .. } | LinkError::CounterBehind { .. } => {
                "the server's log says more"
            }
        };
        let retry_after_seconds = match &error {
            LinkError::Busy {
                retry_after_seconds,
            } => *retry_after_seconds,
            LinkError::Unreachable { .. }
            | LinkError::Untrusted { .. }
            | LinkError::Answer { .. }
            | LinkError::Refused { .. }
            | LinkError::CounterBehind { .. } => None,
        };
        Self {
            exit,
            retry_after_seconds,
            ..Self::caused(&error).hint(hint)
        }
    }
}
