//! The catalogue of known exploited vulnerabilities (KEV) of CISA, JSON and CSV.
//!
//! Joined by CVE only: product names are free text. Records are entries. Errors: a document without
//! `vulnerabilities` is refused; an entry without a CVE id or with a date that cannot be read, and
//! the second entry of one CVE, are broken. Source: the catalogue's JSON schema.

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

#[cfg(test)]
mod document_tests;
