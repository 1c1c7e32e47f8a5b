//! Changelogs of Debian packages.
//!
//! An entry is a header `source (version) distributions; urgency=medium`, indented lines, and a
//! trailer ` -- Name <mail>  Mon, 02 Mar 2026 09:00:00 +0100`. CVE ids are taken from anywhere in the
//! entry. Bounded: `BYTES_MAX`, `ENTRIES_MAX`. Errors: an entry without a readable header or version
//! is skipped and counted; a date that cannot be read is `None`.
//! Source: Debian Policy Manual, section 4.4; deb-changelog(5).

use domain::changelog::ChangelogEntry;
use domain::name::PackageName;

/// Most bytes that are read.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most entries that are read.
pub const ENTRIES_MAX: usize = 2_000;

/// A changelog, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changelog {
    /// Entries in the order of the text: newest first. Those of other sources (after a rename) too.
    pub entries: Vec<ChangelogEntry>,
    /// The source that the first entry names.
    pub source: Option<PackageName>,
    /// Entries that could not be read.
    pub skipped: u32,
    /// Whether the text was longer than the limits, so that the oldest entries are missing.
    pub cut: bool,
}

/// Parses a changelog.
pub fn parse(_text: &str) -> Changelog {
    panic!("the body comes with the next commit")
}
