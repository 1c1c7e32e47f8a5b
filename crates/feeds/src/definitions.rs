//! A folder of definitions: KEV and EPSS documents, recognised by their content.
//!
//! Of several documents of one kind the last by its own date counts. Plain files and gzip, sizes
//! bounded; files that are neither are passed over. Reads the folder and its folders, nothing else.

use std::path::{Path, PathBuf};

use domain::cve::Catalogues;

/// How deep folders are read.
pub const DEPTH_MAX: usize = 4;
/// Most files that are looked at.
pub const FILES_MAX: usize = 20_000;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Definitions {
    /// The catalogues.
    pub catalogues: Catalogues,
    /// What could not be read and why; the rest counts all the same.
    pub problems: Vec<Problem>,
}

/// A file that could not be read, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub path: PathBuf,
    /// Why, in one sentence.
    pub why: String,
}

/// Reads a folder. Errors are among the problems: definitions are an addition, nothing waits for them.
pub fn load(_folder: &Path) -> Definitions {
    panic!("the body comes with the next commit")
}
