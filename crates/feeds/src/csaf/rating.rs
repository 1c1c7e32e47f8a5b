//! How bad: the vendor's word for the document or its vulnerabilities, else the CVSS base score.
//!
//! Steps of a score: CVSS 3.1, section 5 (low from 0.1, medium from 4.0, high from 7.0, critical
//! from 9.0); a score of 0 is unrated. Scores are tenths.

use domain::advisory::Rating;
use domain::severity::{Severity, SeveritySource};

use super::model::{Document, Score, ThreatCategory, Vulnerability};
use crate::words;

/// A base score in tenths; `None`: not a number from 0 to 10.
pub fn tenths(score: f64) -> Option<u8> {
    if !(0.0..=10.0).contains(&score) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was just checked"
    )]
    let tenths = (score * 10.0).round() as u8;
    Some(tenths)
}

/// The step of a base score in tenths.
pub fn from_score(tenths: u8) -> Severity {
    match tenths {
        0 => Severity::Unrated,
        1..=39 => Severity::Low,
        40..=69 => Severity::Moderate,
        70..=89 => Severity::Important,
        _ => Severity::Critical,
    }
}

/// A rating derived from a base score and the vector that it stands for.
pub fn derived(tenths: u8, vector: &str) -> Rating {
    Rating {
        severity: from_score(tenths),
        source: SeveritySource::Derived,
        word: crate::fields::word(vector),
        cvss_tenths: Some(tenths),
    }
}

/// The worst of the vulnerabilities so far.
#[derive(Debug, Default)]
pub struct Worst {
    score: Option<(u8, String)>,
    word: Option<(Severity, String)>,
}

impl Worst {
    /// Takes a vulnerability's scores and severity words. Errors: a score out of its range.
    pub fn take(&mut self, vulnerability: &Vulnerability) -> Result<(), String> {
        let mut scores = Vec::new();
        for score in &vulnerability.scores {
            if let Some((base, vector)) = base_scores(score) {
                let tenths =
                    tenths(base).ok_or_else(|| format!("the base score {base} is not 0 to 10"))?;
                scores.push((tenths, vector.to_owned()));
            }
        }
        self.score = self
            .score
            .take()
            .into_iter()
            .chain(scores)
            .max_by_key(|s| s.0);
        for threat in &vulnerability.threats {
            if threat.category != ThreatCategory::Impact {
                continue;
            }
            if let Some(severity) = words::severity(&threat.details) {
                let word = (severity, threat.details.trim().to_owned());
                let known = self.word.take();
                self.word = known.into_iter().chain([word]).max_by_key(|w| w.0);
            }
        }
        Ok(())
    }

    /// The document's rating.
    pub fn rating(self, document: &Document) -> Option<Rating> {
        let cvss = self.score.as_ref().map(|(tenths, _)| *tenths);
        let aggregate = document.aggregate_severity.as_ref();
        let vendor = aggregate.and_then(|severity| words::rating(&severity.text, cvss));
        let word = || words::rating(&self.word?.1, cvss);
        let score = self.score.map(|(tenths, vector)| derived(tenths, &vector));
        vendor.or_else(word).or(score)
    }
}

/// The base scores of one entry: version 3 alone where both are given.
fn base_scores(score: &Score) -> Option<(f64, &str)> {
    let third = score
        .cvss_v3
        .as_ref()
        .map(|v| (v.base_score, v.vector_string.as_str()));
    let second = score
        .cvss_v2
        .as_ref()
        .map(|v| (v.base_score, v.vector_string.as_str()));
    third.or(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_the_steps_of_the_standard_and_a_range() {
        for (score, severity) in [
            (0.0, Severity::Unrated),
            (3.9, Severity::Low),
            (4.0, Severity::Moderate),
            (6.9, Severity::Moderate),
            (7.0, Severity::Important),
            (8.9, Severity::Important),
            (9.0, Severity::Critical),
        ] {
            assert_eq!(tenths(score).map(from_score), Some(severity), "{score}");
        }
        for bad in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
            assert_eq!(tenths(bad), None);
        }
    }
}
