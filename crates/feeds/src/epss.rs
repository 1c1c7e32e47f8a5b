//! Scores of the Exploit Prediction Scoring System (EPSS), CSV.
//!
//! Three eras: without comment and percentile (2021-04), with percentile (2021-09), with a first
//! line `#model_version:...,score_date:...` (from 2022-02). Probabilities are 0 to 1, exponents are
//! allowed, NaN is not; kept in millionths, rounded. Where the document names no day, the file's name
//! does (`epss_scores-2021-04-14.csv.gz`). Errors: an unknown header or no day is refused; a row that
//! cannot be read is skipped and counted.
//! Source: the published files of FIRST.

use domain::cve::EpssCatalogue;

/// Most bytes of the document, unpacked.
pub const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most rows.
pub const ROWS_MAX: usize = 2_000_000;

/// Why a document holds no scores.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEpss {
    /// Too large.
    #[error("the scores have more than {BYTES_MAX} bytes")]
    TooLong,
    /// Too many rows.
    #[error("the scores have more than {ROWS_MAX} rows")]
    TooMany,
    /// A first row that is none of the known ones.
    #[error("`{header}` is not a header of EPSS scores: expected cve,epss or cve,epss,percentile")]
    Header {
        /// What stood there.
        header: String,
    },
    /// Neither the document nor its name say of which day it is.
    #[error("the scores name no day, and neither does their file's name")]
    NoDate,
}

/// Scores, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epss {
    /// The scores.
    pub catalogue: EpssCatalogue,
    /// Rows that could not be read.
    pub skipped: u32,
}

/// Parses scores, already unpacked; `name` is the file's name.
pub fn parse(_name: &str, _bytes: &[u8]) -> Result<Epss, InvalidEpss> {
    panic!("the body comes with the next commit")
}
