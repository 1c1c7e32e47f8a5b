//! A folder of definitions: KEV and EPSS documents, recognised by their content.
//!
//! Of several documents of one kind the last by its own date counts, and of two of one day the one
//! that comes last by path. Plain files and gzip, sizes bounded; files that are neither are passed
//! over by their first bytes. Reads the folder and its folders, follows no links.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use domain::definitions::Definitions;
use flate2::read::MultiGzDecoder;

use crate::{epss, kev};

/// How deep folders are read.
pub const DEPTH_MAX: usize = 4;
/// Most files that are looked at.
pub const FILES_MAX: usize = 20_000;
/// How many bytes say what a file is.
const HEAD_BYTES: usize = 2048;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The definitions.
    pub definitions: Definitions,
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kev,
    Epss,
}

/// Reads a folder. Errors are among the problems: definitions are an addition, nothing waits for them.
pub fn load(folder: &Path) -> Loaded {
    let mut loaded = Loaded::default();
    let mut files = Vec::new();
    collect(folder, 0, &mut files, &mut loaded.problems);
    files.sort();
    for path in files {
        match head(&path).map(|head| recognise(&head)) {
            Ok(Some(kind)) => take(&mut loaded, &path, kind),
            Ok(None) => {}
            Err(error) => problem(
                &mut loaded.problems,
                &path,
                format!("cannot be read: {error}"),
            ),
        }
    }
    loaded
}

fn problem(problems: &mut Vec<Problem>, path: &Path, why: String) {
    problems.push(Problem {
        path: path.to_owned(),
        why,
    });
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return problem(
                problems,
                folder,
                format!("the folder cannot be read: {error}"),
            );
        }
    };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth < DEPTH_MAX {
            folders.push(entry.path());
        } else if kind.is_file() && is_candidate(&entry.path()) {
            if files.len() >= FILES_MAX {
                let why =
                    format!("the folder holds more than {FILES_MAX} files; the rest is not read");
                return problem(problems, folder, why);
            }
            files.push(entry.path());
        }
    }
    folders.sort();
    for folder in folders {
        collect(&folder, depth + 1, files, problems);
    }
}

/// Only these endings are opened at all.
fn is_candidate(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.ends_with(".json") || plain.ends_with(".csv")
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut magic = [0; 2];
    let read = file.read(&mut magic)?;
    let start = io::Cursor::new(magic[..read].to_vec());
    let whole = start.chain(file);
    Ok(if magic == [0x1f, 0x8b] {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// What a document is, by its first bytes.
fn recognise(head: &[u8]) -> Option<Kind> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("#model_version:") || lower.starts_with("cve,epss") {
        return Some(Kind::Epss);
    }
    let kev = text.starts_with('{')
        && text.contains("\"catalogVersion\"")
        && text.contains("\"dateReleased\"");
    // The catalogue's schema names the same keys.
    (kev && !text.contains("\"$schema\"")).then_some(Kind::Kev)
}

fn take(loaded: &mut Loaded, path: &Path, kind: Kind) {
    let limit = match kind {
        Kind::Kev => kev::BYTES_MAX,
        Kind::Epss => epss::BYTES_MAX,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed, so that the parser sees that it is too long.
    let read = open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return problem(
            &mut loaded.problems,
            path,
            format!("cannot be read: {error}"),
        );
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let catalogues = &mut loaded.definitions.catalogues;
    let skipped = match kind {
        Kind::Kev => kev::parse(&name, &bytes)
            .map(|kev| {
                let dated = kev.catalogue.document.dated;
                let newer = |old: &domain::cve::KevCatalogue| old.document.dated <= dated;
                if catalogues.kev.as_ref().is_none_or(newer) {
                    catalogues.kev = Some(kev.catalogue);
                }
                kev.skipped
            })
            .map_err(|error| error.to_string()),
        Kind::Epss => epss::parse(&name, &bytes)
            .map(|epss| {
                let dated = epss.catalogue.document.dated;
                let newer = |old: &domain::cve::EpssCatalogue| old.document.dated <= dated;
                if catalogues.epss.as_ref().is_none_or(newer) {
                    catalogues.epss = Some(epss.catalogue);
                }
                epss.skipped
            })
            .map_err(|error| error.to_string()),
    };
    match skipped {
        Ok(0) => {}
        Ok(skipped) => {
            let why = format!("{skipped} entries could not be read");
            problem(&mut loaded.problems, path, why);
        }
        Err(why) => problem(&mut loaded.problems, path, why),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_folder_that_is_not_there_is_a_problem_and_no_catalogue() {
        let loaded = load(Path::new("/nonexistent/definitions"));
        assert_eq!(loaded.definitions, Definitions::default());
        assert_eq!(loaded.problems.len(), 1);
    }

    #[test]
    fn the_last_document_of_each_kind_counts() {
        let Some(folder) = samples::folder() else {
            return;
        };
        let loaded = load(&folder);
        let kev = loaded.definitions.catalogues.kev.unwrap();
        assert_eq!(
            (kev.document.dated.to_string().as_str(), kev.len()),
            ("2025-08-25", 1404)
        );
        let epss = loaded.definitions.catalogues.epss.unwrap();
        assert_eq!(epss.document.dated.to_string(), "2026-08-16");
        // The manifest counts 360,142 scores.
        assert_eq!(epss.len(), 360_142);
        assert_eq!(
            epss.millionths("CVE-1999-0001".parse().unwrap()),
            Some(33_510)
        );
        // The one sample without a date is named; nothing else of KEV or EPSS is a problem.
        let names: Vec<_> = loaded
            .problems
            .iter()
            .map(|problem| {
                problem
                    .path
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(names, ["invalid-header.csv", "missing-date.csv"]);
    }
}
