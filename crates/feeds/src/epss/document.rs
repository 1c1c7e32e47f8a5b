//! Scores read row by row, without an allocation a row.
//!
//! Columns are told by the header's names. A header without any of the known names is passed over
//! with a note when what follows are scores; one that names only some is refused, because reading a
//! percentile as a probability would go unseen. Files of one year (`cve;epss;percentile`, no header)
//! are read by place.

use std::collections::HashSet;

use domain::cve::CveId;
use domain::feed::Feed;

use super::millionths;
use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::{when, words};

/// Longest row.
const ROW_BYTES_MAX: usize = 1024;

/// Whether it is a list of scores.
pub(super) fn recognise(probe: &Probe<'_>) -> bool {
    let mut lines = probe.head.lines();
    let first = lines.next().unwrap_or_default();
    if first.starts_with("#model_version:") {
        return true;
    }
    let header = first.to_ascii_lowercase();
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    names.contains(&"cve") && names.contains(&"epss") || is_score(first)
}

/// Whether a row without header is a score: `CVE-2019-0001;0.03;0.86`.
fn is_score(line: &str) -> bool {
    let by_place = |separator| Columns::by_place(separator, line).and_then(|of| of.row(line).ok());
    by_place(b';').or_else(|| by_place(b',')).is_some()
}

/// Reads the whole document.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parsed = Parsed::new(Feed::Epss);
    let mut lines = text.lines().enumerate().peekable();
    if let Some((_, comment)) = lines.next_if(|(_, line)| line.starts_with('#')) {
        comment_line(comment, &mut parsed);
    }
    if parsed.dated.is_none() {
        parsed
            .notes
            .push("it does not say of which day it is".to_owned());
    }
    let Some(&(_, first)) = lines.peek() else {
        return Err(Refusal::Truncated {
            place: "the header".to_owned(),
        });
    };
    let columns = if is_score(first) {
        let separator = if first.contains(';') { b';' } else { b',' };
        Columns::by_place(separator, first)
    } else {
        lines.next();
        let second = lines.peek().map_or("", |(_, line)| line);
        header(first, second, &mut parsed.notes)?
    };
    let Some(columns) = columns else {
        return Err(unknown_header(first));
    };
    let mut seen = HashSet::new();
    let mut read = 0_u64;
    for (number, line) in lines {
        if line.trim().is_empty() {
            continue;
        }
        read += 1;
        if read > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "scores",
                limit: RECORDS_MAX,
            });
        }
        match columns.row(line) {
            Ok((cve, _)) if !seen.insert(cve) => {
                sink.broken(&cve.to_string(), "a score for this CVE was read already");
            }
            Ok((cve, millionths)) => {
                parsed.records += 1;
                sink.record(Record::Score { cve, millionths });
            }
            Err(why) => sink.broken(&format!("line {}", number + 1), why),
        }
    }
    if !text.ends_with('\n') {
        let note = "the last line has no end: the document may be cut short";
        parsed.notes.push(note.to_owned());
    }
    Ok(parsed)
}

/// Reads `#model_version:v2026.06.15,score_date:2026-07-23T12:00:26Z`.
fn comment_line(comment: &str, parsed: &mut Parsed) {
    for setting in comment.trim_start_matches('#').split(',') {
        match setting.trim().split_once(':') {
            // The only id that the document gives itself; scores of two models do not compare.
            Some(("model_version", model)) => parsed.document = words::id(model).ok(),
            Some(("score_date", date)) => parsed.dated = when::timestamp(date),
            _ => {}
        }
    }
}

/// The columns by a header; `None`: it is none, and what follows is none without one either.
fn header(first: &str, second: &str, notes: &mut Vec<String>) -> Result<Option<Columns>, Refusal> {
    let lower = first.to_ascii_lowercase();
    let names: Vec<&str> = lower.split(',').map(str::trim).collect();
    let place = |name: &str| names.iter().position(|found| *found == name);
    match (place("cve"), place("epss"), place("percentile")) {
        (Some(cve), Some(score), percentile) => Ok(Some(Columns {
            separator: b',',
            count: names.len(),
            cve,
            score,
            percentile,
        })),
        (None, None, None) if is_score(second) => {
            let name = words::line(first);
            notes.push(format!(
                "`{name}` is not a header of scores; the columns are read by their place"
            ));
            Ok(Columns::by_place(b',', second))
        }
        _ => Err(unknown_header(first)),
    }
}

fn unknown_header(first: &str) -> Refusal {
    let first: String = first.chars().take(64).collect();
    Refusal::Invalid {
        place: "the header".to_owned(),
        why: format!("{first:?} is not one of scores: expected cve,epss or cve,epss,percentile"),
    }
}

/// Where in a row what stands.
#[derive(Debug, Clone, Copy)]
struct Columns {
    separator: u8,
    count: usize,
    cve: usize,
    score: usize,
    percentile: Option<usize>,
}

impl Columns {
    /// The order of all published files, for a row with two or three columns.
    fn by_place(separator: u8, line: &str) -> Option<Self> {
        let count = line.split(char::from(separator)).count();
        (2..=3).contains(&count).then_some(Self {
            separator,
            count,
            cve: 0,
            score: 1,
            percentile: (count == 3).then_some(2),
        })
    }

    /// The CVE and its probability; why not.
    fn row(&self, line: &str) -> Result<(CveId, u32), &'static str> {
        if line.len() > ROW_BYTES_MAX {
            return Err("the row is too long");
        }
        let (mut cve, mut score, mut count) = ("", "", 0);
        for (place, field) in line.split(char::from(self.separator)).enumerate() {
            count += 1;
            let field = field.trim();
            if place == self.cve {
                cve = field;
            } else if place == self.score {
                score = field;
            } else if Some(place) == self.percentile && millionths(field).is_none() {
                return Err("the percentile is no number from 0 to 1");
            }
        }
        if count != self.count {
            return Err("the row has another number of columns");
        }
        let cve = cve.parse().map_err(|_| "it has no id of a CVE")?;
        let score = millionths(score).ok_or("the probability is no number from 0 to 1")?;
        Ok((cve, score))
    }
}
