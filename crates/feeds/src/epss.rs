//! Scores of the Exploit Prediction Scoring System (EPSS), CSV.
//!
//! Three eras: without comment and percentile (2021-04), with percentile (2021-09), with a first
//! line `#model_version:...,score_date:...` (from 2022-02). Probabilities are 0 to 1, exponents are
//! allowed, NaN is not; kept in millionths, rounded. Where the document names no day, the file's name
//! does (`epss_scores-2021-04-14.csv.gz`). Errors: an unknown header or no day is refused; a row that
//! cannot be read is skipped and counted.
//! Source: the published files of FIRST.

mod document;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "epss",
    recognise: document::recognise,
    parse: document::parse,
}];

use domain::cve::{CveId, Document, EpssCatalogue};
use jiff::civil::Date;

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
pub fn parse(name: &str, bytes: &[u8]) -> Result<Epss, InvalidEpss> {
    if bytes.len() > BYTES_MAX {
        return Err(InvalidEpss::TooLong);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (comment, table) = match bytes.first() {
        Some(b'#') => split_line(bytes),
        _ => (&b""[..], bytes),
    };
    let comment = String::from_utf8_lossy(comment);
    let setting = |key: &str| {
        comment
            .trim_start_matches('#')
            .split(',')
            .find_map(|part| part.trim().strip_prefix(key)?.strip_prefix(':'))
    };
    let (header, rows) = split_line(table);
    let header = String::from_utf8_lossy(header).trim().to_ascii_lowercase();
    let columns = match header.as_str() {
        "cve,epss" => 2,
        "cve,epss,percentile" => 3,
        _ => {
            return Err(InvalidEpss::Header {
                header: header.chars().take(64).collect(),
            });
        }
    };
    let dated = setting("score_date")
        .and_then(|date| date.get(..10))
        .and_then(|date| date.parse().ok())
        .or_else(|| day_in(name))
        .ok_or(InvalidEpss::NoDate)?;
    let (scores, skipped) = scores(rows, columns)?;
    let document = Document {
        name: name.to_owned(),
        dated,
    };
    let model = setting("model_version").map(|model| model.chars().take(64).collect());
    Ok(Epss {
        catalogue: EpssCatalogue::new(document, model, scores),
        skipped,
    })
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The first `YYYY-MM-DD` of a file's name.
fn day_in(name: &str) -> Option<Date> {
    (0..name.len()).find_map(|at| name.get(at..at + 10)?.parse().ok())
}

fn scores(rows: &[u8], columns: usize) -> Result<(Vec<(CveId, u32)>, u32), InvalidEpss> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(rows);
    let mut record = csv::ByteRecord::new();
    let (mut scores, mut skipped) = (Vec::new(), 0_u32);
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok((scores, skipped)),
            Ok(true) => {}
            Err(_) => {
                // Reading from memory fails at nothing that a further row could mend.
                return Ok((scores, skipped + 1));
            }
        }
        if scores.len() + skipped as usize >= ROWS_MAX {
            return Err(InvalidEpss::TooMany);
        }
        match row(&record, columns) {
            Some(score) => scores.push(score),
            None => skipped += 1,
        }
    }
}

fn row(record: &csv::ByteRecord, columns: usize) -> Option<(CveId, u32)> {
    if record.len() != columns {
        return None;
    }
    let text = |at: usize| std::str::from_utf8(record.get(at)?).ok().map(str::trim);
    Some((text(0)?.parse().ok()?, millionths(text(1)?)?))
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::samples;

    fn score(epss: &Epss, cve: &str) -> Option<u32> {
        epss.catalogue.millionths(cve.parse().unwrap())
    }

    #[test]
    fn reads_all_three_eras() {
        let old = parse(
            "epss_scores-2021-04-14.csv",
            b"cve,epss\nCVE-2020-5902,0.65117\n",
        )
        .unwrap();
        assert_eq!(old.catalogue.document.dated, "2021-04-14".parse().unwrap());
        assert_eq!(score(&old, "CVE-2020-5902"), Some(651_170));
        let middle = b"cve,epss,percentile\nCVE-2020-5902,0.65117,0.9\n";
        assert!(parse("epss_scores-2021-09-01.csv", middle).is_ok());
        assert!(matches!(
            parse("scores.csv", middle),
            Err(InvalidEpss::NoDate)
        ));
        let new = b"#model_version:v2026.06.15,score_date:2026-07-23T12:00:26Z\r\ncve,epss,percentile\r\nCVE-2024-0001,3e-05,0.1\r\n";
        let new = parse("x.csv", new).unwrap();
        assert_eq!(new.catalogue.model.as_deref(), Some("v2026.06.15"));
        assert_eq!(new.catalogue.document.dated, "2026-07-23".parse().unwrap());
        assert_eq!(score(&new, "CVE-2024-0001"), Some(30));
        assert_eq!(score(&new, "CVE-2024-0002"), None);
    }

    #[test]
    fn what_is_no_probability_is_skipped_and_counted() {
        let rows = "CVE-2024-0001,NaN,0\nCVE-2024-0002,-0.1,0\nCVE-2024-0003,1.1,0\n\
                    CVE-2024-0004,inf,0\nCVE-2024-0005,,0\nnothing,0.1,0\nCVE-2024-0006,0.1\n\
                    CVE-2024-0007,1,1\n";
        let text = format!("cve,epss,percentile\n{rows}");
        let epss = parse("epss_scores-2024-01-01.csv", text.as_bytes()).unwrap();
        assert_eq!((epss.catalogue.len(), epss.skipped), (1, 7));
        assert_eq!(score(&epss, "CVE-2024-0007"), Some(1_000_000));
    }

    #[test]
    fn reads_the_sample_files_and_refuses_the_broken_ones() {
        let Some(good) = samples::read("epss/example-1.csv") else {
            return;
        };
        let epss = parse("example-1.csv", &good).unwrap();
        assert_eq!(epss.catalogue.len(), 5);
        assert_eq!(score(&epss, "CVE-1999-0001"), Some(3_830));
        let header = samples::read("epss/invalid-header.csv").unwrap();
        assert!(matches!(
            parse("x", &header),
            Err(InvalidEpss::Header { .. })
        ));
        let no_date = samples::read("epss/missing-date.csv").unwrap();
        assert!(matches!(parse("x", &no_date), Err(InvalidEpss::NoDate)));
    }
}
