//! How commands end: exit codes, and errors as what, where, why and a hint.
//!
//! 0 done, 1 refused or failed, 2 wrong use, 3 cannot reach, 4 done and differences found.

use std::fmt;
use std::process::ExitCode;

/// How a command ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, and differences were found.
    Differences,
    /// The command has said for itself how it ended.
    Code(u8),
}

/// Why a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Refused or failed.
    Failed,
    /// Wrong use.
    WrongUse,
    /// The server cannot be reached.
    Unreachable,
}

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// Refused or failed.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::new(FailureKind::Failed, error)
    }

    /// Wrong use.
    pub fn wrong_use(error: impl Into<anyhow::Error>) -> Self {
        Self::new(FailureKind::WrongUse, error)
    }

    /// The server cannot be reached.
    pub fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Self::new(FailureKind::Unreachable, error)
    }

    fn new(kind: FailureKind, error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            error: error.into(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self.kind {
            FailureKind::Failed => 1,
            FailureKind::WrongUse => 2,
            FailureKind::Unreachable => 3,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {:#}", self.error)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// The exit code of a command; a failure is told on stderr.
pub fn exit(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Differences) => ExitCode::from(4),
        Ok(Outcome::Code(code)) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_why_and_what_to_do_next() {
        let cause = std::io::Error::other("permission denied");
        let failure = Failure::failed(anyhow::Error::new(cause).context("cannot read the file"))
            .hint("run it as the owner");
        assert_eq!(
            failure.to_string(),
            "error: cannot read the file: permission denied\nhint: run it as the owner"
        );
        assert_eq!(failure.code(), 1);
    }
}
