//! The catalogue of known exploited vulnerabilities (KEV) of CISA, JSON and CSV.
//!
//! Joined by CVE only: product names are free text. Errors: a document without `vulnerabilities` is
//! refused; an entry without a CVE id or with a date that cannot be read, and the second entry of one
//! CVE, are broken.
//! Source: the catalogue's JSON schema.

mod document;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "kev-json",
        recognise: document::is_json,
        parse: document::parse_json,
    },
    Format {
        name: "kev-csv",
        recognise: document::is_csv,
        parse: document::parse_csv,
    },
];

use domain::cve::{CveId, KevCatalogue};
use jiff::civil::Date;
use serde::Deserialize;

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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    date_released: String,
    vulnerabilities: Vec<serde_json::Value>,
}

/// Parses a catalogue; `name` is the document's name.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Kev, InvalidKev> {
    if bytes.len() > BYTES_MAX {
        return Err(InvalidKev::TooLong {
            length_bytes: bytes.len(),
        });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Document = serde_json::from_slice(bytes)?;
    let count = document.vulnerabilities.len();
    if count > ENTRIES_MAX {
        return Err(InvalidKev::TooMany { count });
    }
    let dated = day(&document.date_released).ok_or_else(|| InvalidKev::Date {
        text: document.date_released.chars().take(64).collect(),
    })?;
    let mut entries = Vec::with_capacity(count);
    for value in &document.vulnerabilities {
        entries.extend(entry(value));
    }
    let skipped = u32::try_from(count - entries.len()).expect("entries are bounded far below");
    let document = domain::cve::Document {
        name: name.to_owned(),
        dated,
    };
    Ok(Kev {
        catalogue: KevCatalogue::new(document, entries),
        skipped,
    })
}

fn entry(value: &serde_json::Value) -> Option<(CveId, Date)> {
    let cve = value.get("cveID")?.as_str()?.trim().parse().ok()?;
    let added = day(value.get("dateAdded")?.as_str()?)?;
    Some((cve, added))
}

/// The day of `2025-08-25` or `2025-08-25T17:04:19.9796Z`.
fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

#[cfg(test)]
mod document_tests;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn broken_entries_are_counted_and_the_rest_counts() {
        let text = br#"{"title":"x","dateReleased":"2025-08-25T17:04:19.9796Z","count":4,
            "vulnerabilities":[
                {"cveID":"CVE-2025-48384","dateAdded":"2025-08-25","extra":1},
                {"cveID":"CVE-2025-1","dateAdded":"2025-08-25"},
                {"cveID":"CVE-2025-48385"},
                7
            ]}"#;
        let kev = parse("kev.json", text).unwrap();
        assert_eq!((kev.catalogue.len(), kev.skipped), (1, 3));
        let added = kev.catalogue.added("CVE-2025-48384".parse().unwrap());
        assert_eq!(added, Some("2025-08-25".parse().unwrap()));
        assert_eq!(kev.catalogue.document.dated, "2025-08-25".parse().unwrap());
    }

    #[test]
    fn what_is_no_catalogue_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"dateReleased":"x","vulnerabilities":[]}"#,
        ] {
            assert!(parse("x", text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_the_whole_real_catalogue() {
        let Some(bytes) = samples::read("kev/known_exploited_vulnerabilities.json") else {
            return;
        };
        let kev = parse("kev.json", &bytes).unwrap();
        // The document says `"count": 1404`.
        assert_eq!((kev.catalogue.len(), kev.skipped), (1404, 0));
        // Log4Shell was added on 10 December 2021.
        let added = kev.catalogue.added("CVE-2021-44228".parse().unwrap());
        assert_eq!(added, Some("2021-12-10".parse().unwrap()));
        assert_eq!(kev.catalogue.added("CVE-2021-44229".parse().unwrap()), None);
    }
}
