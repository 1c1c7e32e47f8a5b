//! Feeds: documents from outside, parsed into words of the domain.
//!
//! Each format has one file whose parser is pure; `definitions` reads a folder. Broken entries are
//! skipped and counted, never guessed; a document that is not what it says is refused.

pub mod deb_changelog;
pub mod definitions;
pub mod epss;
pub mod kev;

#[cfg(test)]
mod samples;
