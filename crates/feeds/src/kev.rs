//! The catalogue of known exploited vulnerabilities (KEV) of CISA, JSON.
//!
//! Joined by CVE only: product names are free text. Errors: a document without `vulnerabilities` or
//! `dateReleased` is refused; an entry without a CVE id or date is skipped and counted.
//! Source: the catalogue's JSON schema.

use domain::cve::KevCatalogue;

/// Most bytes of the document.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most entries.
pub const ENTRIES_MAX: usize = 200_000;

/// Why a document is not a catalogue.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKev {
    /// Too large.
    #[error("the catalogue has {length_bytes} bytes, at most {BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// Too many entries.
    #[error("the catalogue has {count} entries, at most {ENTRIES_MAX} are read")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Not JSON, or without the keys of the catalogue.
    #[error("the catalogue is not the JSON that it should be")]
    Json(#[from] serde_json::Error),
    /// Without a date that can be read.
    #[error("the catalogue's date `{text}` cannot be read")]
    Date {
        /// What stood there.
        text: String,
    },
}

/// A catalogue, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kev {
    /// The catalogue.
    pub catalogue: KevCatalogue,
    /// Entries that could not be read.
    pub skipped: u32,
}

/// Parses a catalogue; `name` is the document's name.
pub fn parse(_name: &str, _bytes: &[u8]) -> Result<Kev, InvalidKev> {
    panic!("the body comes with the next commit")
}
