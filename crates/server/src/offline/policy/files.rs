//! Policy files from the disk: single files, and folders whose `*.toml` are read in the order of
//! their names.
//!
//! Limits: [`FILES_MAX`], and the reader's own for the size of a file, which is not read whole
//! before it is refused.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use domain::policy::WithoutWindows;
use engine::policy_file::{self, FILE_BYTES_MAX, PolicyFiles, Problem};

use crate::failure::Failure;
use crate::table::clean;

/// The most files of one call.
const FILES_MAX: usize = 1_000;

/// Which policy files.
#[derive(Debug, Clone, Args)]
pub struct FileArgs {
    /// Policy files, or folders with `*.toml`
    #[arg(required = true, value_name = "FILES")]
    pub files: Vec<PathBuf>,
}

impl FileArgs {
    /// Reads the texts: name and text of each, in order, each file once.
    pub fn texts(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut seen = BTreeSet::new();
        let mut texts = Vec::new();
        for given in &self.files {
            for path in expand(given)? {
                let real = path.canonicalize().unwrap_or_else(|_| path.clone());
                if !seen.insert(real) {
                    continue;
                }
                if seen.len() > FILES_MAX {
                    return Err(Failure::wrong_use(anyhow!(
                        "there are more than {FILES_MAX} policy files"
                    )));
                }
                texts.push((path.display().to_string(), read(&path)?));
            }
        }
        Ok(texts)
    }

    /// Reads the policy. Its mistakes are told on standard error, every one.
    pub fn policy(&self) -> Result<PolicyFiles, Failure> {
        let texts = self.texts()?;
        let mut files = policy_file::read(&texts).map_err(|problems| {
            // Whoever closed standard error wants to hear nothing.
            let _ = print(&problems, &mut io::stderr().lock());
            refused(&problems)
        })?;
        files.policy.without_windows = WithoutWindows::Open;
        Ok(files)
    }
}

/// The failure for files with mistakes that were told one by one.
pub fn refused(problems: &[Problem]) -> Failure {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let files: BTreeSet<&str> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(|problem| problem.place.file.as_str())
        .collect();
    Failure::failed(anyhow!(
        "the policy has {} in {}, so nothing of it is used",
        counted(errors, "error"),
        counted(files.len(), "file")
    ))
    .hint("each is named above with file, line and column")
}

/// `1 file`, `2 files`.
pub fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

/// Prints problems, one after the other.
pub fn print(problems: &[Problem], out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    for problem in problems {
        for line in problem.to_string().lines() {
            writeln!(out, "{}", clean(line))?;
        }
    }
    out.flush()
}

fn expand(given: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = || format!("cannot read {}", given.display());
    if !given.metadata().with_context(cannot)?.is_dir() {
        return Ok(vec![given.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in given.read_dir().with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(
            Failure::failed(anyhow!("there is no policy file in {}", given.display()))
                .hint("policy files end in .toml"),
        );
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that the reader sees that there is more.
    File::open(path)
        .with_context(cannot)?
        .take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let begun = good.rsplit(|byte| *byte == b'\n').next().unwrap_or(good);
        let column = String::from_utf8_lossy(begun).chars().count() + 1;
        if good.len() >= FILE_BYTES_MAX.saturating_sub(4) {
            return Failure::failed(anyhow!(
                "{} has more than {FILE_BYTES_MAX} bytes",
                path.display()
            ));
        }
        let path = path.display();
        Failure::failed(anyhow!("{path}:{line}:{column}: this is no UTF-8"))
            .hint("save the file as UTF-8")
    })
}
