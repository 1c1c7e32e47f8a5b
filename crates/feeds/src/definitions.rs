//! A folder of definitions: every feed document in it, recognised by its content.
//!
//! Reads the folder and its folders in the order of their paths, all packings, and builds
//! [`Definitions`] in which each fact knows its document. What is refused contributes nothing, and
//! says so among the problems; a broken record costs only itself. The same bytes are read once, also
//! when they are packed differently.
//!
//! Rules: of several revisions of one document all advisories are kept, because what a later one
//! leaves out is not deleted by that. Of several KEV catalogues, and of several EPSS tables, the last
//! by its own date counts (of two of one day the one that comes last by path); a table that names no
//! day takes that of its file's name, and without one it is older than all that have one. What a
//! publisher declares gone becomes a tombstone. Links are not followed.

use std::fs::File;
use std::path::{Path, PathBuf};

use domain::definitions::Definitions;

mod loader;

pub use loader::Loader;

/// How deep folders are read.
pub const DEPTH_MAX: usize = 32;
/// Most files that are looked at; all of winget's manifests are 165,000.
pub const FILES_MAX: usize = 1_000_000;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The definitions.
    pub definitions: Definitions,
    /// What could not be read and why; the rest counts all the same.
    pub problems: Vec<Problem>,
    /// What lies there and is no feed document.
    pub others: Vec<Problem>,
}

/// A file that could not be read, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub path: PathBuf,
    /// Whether anything of it counts.
    pub kind: ProblemKind,
    /// Why, in one sentence.
    pub why: String,
}

/// How much of a file is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Nothing of it counts.
    Refused,
    /// Some records, or members of an archive, could not be read.
    Broken,
}

/// Reads a folder, or one file. Errors are among the problems: the rest counts all the same.
pub fn load(folder: &Path) -> Loaded {
    let mut loader = Loader::new();
    if folder.is_file() {
        take(&mut loader, folder, folder.parent().unwrap_or(folder));
        return loader.finish();
    }
    let mut files = Vec::new();
    collect(folder, 0, &mut files, &mut loader);
    files.sort();
    for path in files {
        take(&mut loader, &path, folder);
    }
    loader.finish()
}

fn take(loader: &mut Loader, path: &Path, folder: &Path) {
    let name = path.strip_prefix(folder).unwrap_or(path);
    match File::open(path) {
        Ok(mut file) => loader.file(&mut file, path, &name.to_string_lossy()),
        Err(error) => loader.problem(
            path,
            ProblemKind::Refused,
            format!("cannot be read: {error}"),
        ),
    }
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, loader: &mut Loader) {
    let refused = ProblemKind::Refused;
    if depth > DEPTH_MAX {
        let why = format!("folders deeper than {DEPTH_MAX} levels are not read");
        return loader.problem(folder, refused, why);
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let why = format!("the folder cannot be read: {error}");
            return loader.problem(folder, refused, why);
        }
    };
    let mut folders = Vec::new();
    for entry in entries {
        let found = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
        match found {
            Ok((path, kind)) if kind.is_dir() => folders.push(path),
            Ok((path, kind)) if kind.is_file() => {
                if files.len() >= FILES_MAX {
                    let why = format!(
                        "the folder holds more than {FILES_MAX} files; the rest is not read"
                    );
                    return loader.problem(folder, refused, why);
                }
                files.push(path);
            }
            Ok((path, _)) => {
                loader.problem(
                    &path,
                    refused,
                    "links and devices are not followed".to_owned(),
                );
            }
            Err(error) => {
                loader.problem(folder, refused, format!("cannot be read whole: {error}"));
            }
        }
    }
    folders.sort();
    for folder in folders {
        collect(&folder, depth + 1, files, loader);
    }
}

#[cfg(test)]
mod tests;
