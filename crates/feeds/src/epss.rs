//! Scores of the Exploit Prediction Scoring System (EPSS), CSV.
//!
//! Three eras: without comment and percentile (2021-04), with percentile (2021-09), with a first
//! line `#model_version:...,score_date:...` (from 2022-02); and files of one year of CVEs without
//! header, parted by semicolons. Probabilities are 0 to 1, exponents are allowed, NaN is not; kept in
//! millionths, rounded. Records are rows. Errors: a header that names only some columns is refused; a
//! row that cannot be read and the second row of one CVE are broken; a missing day is a note.
//! Source: the published files of FIRST.

mod document;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "epss",
    recognise: document::recognise,
    parse: document::parse,
}];

/// A probability as millionths; refuses what is not one: NaN, infinite, below 0, above 1.
fn millionths(text: &str) -> Option<u32> {
    let probability: f64 = text.parse().ok()?;
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    // In range, so the rounded product is 0 to 1,000,000.
    Some((probability * 1_000_000.0).round() as u32)
}

#[cfg(test)]
mod document_tests;
