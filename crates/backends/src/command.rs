//! One program to run, what it gave back, and the seam where it is run.
//!
//! A command has an absolute path, fixed arguments, a cleared environment, a time limit and a limit on
//! its output. Building one is pure; running one is the only thing that a [`Runner`] does.

use std::path::PathBuf;
use std::time::Duration;

/// Time a command gets when nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes of standard output and of standard error that are kept when nothing else is said.
pub const OUTPUT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The whole environment of every command: names and values.
///
/// The C locale makes output readable for us, the frontend keeps maintainer scripts from asking, and
/// the path is fixed because dpkg itself looks for its helpers there.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("LC_ALL", "C.UTF-8"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("APT_LISTCHANGES_FRONTEND", "none"),
];

/// One program with its arguments. It is run without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Its arguments, without the program itself.
    pub args: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Where it runs; `/` when nothing is said.
    pub directory: Option<PathBuf>,
    /// What it reads from standard input; nothing when `None`.
    pub input: Option<Vec<u8>>,
    /// When the program (and only it) is killed.
    pub timeout: Duration,
    /// Bytes kept of each of standard output and standard error; more is an error.
    pub output_bytes_max: usize,
}

impl Command {
    /// Builds a command with the fixed environment and the usual limits.
    pub fn new<S: Into<String>>(program: &str, args: impl IntoIterator<Item = S>) -> Self {
        Self {
            program: PathBuf::from(program),
            args: args.into_iter().map(Into::into).collect(),
            environment: ENVIRONMENT
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            directory: None,
            input: None,
            timeout: TIMEOUT,
            output_bytes_max: OUTPUT_BYTES_MAX,
        }
    }

    /// Sets the time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the folder that it runs in.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The command as one line for people; not meant to be typed anywhere.
    pub fn shown(&self) -> String {
        let mut line = self.program.display().to_string();
        for arg in &self.args {
            line.push(' ');
            line.push_str(arg);
        }
        if line.len() > 300 {
            let mut cut = 300;
            while !line.is_char_boundary(cut) {
                cut -= 1;
            }
            line.truncate(cut);
            line.push('…');
        }
        line
    }
}

/// What a command that ran to its end gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Whether it ended with 0.
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are not UTF-8 become U+FFFD.
    pub fn complaints(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// Why a command gave nothing back.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("cannot start {program}: is it installed?")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was killed.
    #[error("{command} took longer than {seconds} s and was ended")]
    Timeout {
        /// The command.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// It wrote more than is kept, and was killed.
    #[error("{command} wrote more than {limit_bytes} bytes and was ended")]
    TooMuch {
        /// The command.
        command: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// Talking with it failed.
    #[error("cannot talk with {command}")]
    Talk {
        /// The command.
        command: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs commands. The one place where a backend touches processes of its own.
pub trait Runner: Send + Sync {
    /// Runs `command` to its end.
    ///
    /// # Errors
    /// [`RunError`] when it did not start, took too long or wrote too much. An exit code other than 0
    /// is not an error here.
    fn run(&self, command: &Command) -> Result<Finished, RunError>;
}
