//! What public catalogues say about CVEs: known to be exploited (KEV), and how likely (EPSS).
//!
//! A catalogue that is not at hand is `None`: then nothing is said, which is not the same as "no".
//! Probabilities are millionths. Errors: a text that is not the id of a CVE is refused.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The id of a CVE, `CVE-2024-6387`, packed so that hundreds of thousands stay small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CveId {
    year: u16,
    number: u64,
}

/// A text that is not the id of a CVE.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of a CVE: expected CVE-YEAR-NUMBER")]
pub struct InvalidCveId {
    /// What was given, cut short.
    pub text: String,
}

/// Most digits of a CVE's number.
const NUMBER_DIGITS_MAX: usize = 15;

impl FromStr for CveId {
    type Err = InvalidCveId;

    fn from_str(text: &str) -> Result<Self, InvalidCveId> {
        let refuse = || InvalidCveId {
            text: text.chars().take(64).collect(),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let rest = text.strip_prefix("CVE-").ok_or_else(refuse)?;
        let (year, number) = rest.split_once('-').ok_or_else(refuse)?;
        let long_enough = year.len() == 4 && (4..=NUMBER_DIGITS_MAX).contains(&number.len());
        // A longer number never begins with a nought, so every id has one spelling.
        let spelled = number.len() == 4 || !number.starts_with('0');
        if !long_enough || !digits(year) || !digits(number) || !spelled {
            return Err(refuse());
        }
        Ok(Self {
            year: year.parse().map_err(|_| refuse())?,
            number: number.parse().map_err(|_| refuse())?,
        })
    }
}

impl TryFrom<String> for CveId {
    type Error = InvalidCveId;

    fn try_from(text: String) -> Result<Self, InvalidCveId> {
        text.parse()
    }
}

impl From<CveId> for String {
    fn from(cve: CveId) -> Self {
        cve.to_string()
    }
}

impl fmt::Display for CveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CVE-{:04}-{:04}", self.year, self.number)
    }
}

/// Where a catalogue's facts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The document's name: the file it was read from.
    pub name: String,
    /// The day it was made, as it says itself.
    pub dated: Date,
}

/// The catalogue of CVEs that are known to be exploited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KevCatalogue {
    /// Where it comes from.
    pub document: Document,
    /// Each CVE with the day it was added, sorted.
    entries: Vec<(CveId, Date)>,
}

impl KevCatalogue {
    /// Takes entries in any order; of two for one CVE the earlier day counts.
    pub fn new(document: Document, mut entries: Vec<(CveId, Date)>) -> Self {
        entries.sort_unstable();
        entries.dedup_by_key(|(cve, _)| *cve);
        Self { document, entries }
    }

    /// The day the CVE was added, if it was.
    pub fn added(&self, cve: CveId) -> Option<Date> {
        let at = self
            .entries
            .binary_search_by_key(&cve, |(id, _)| *id)
            .ok()?;
        Some(self.entries[at].1)
    }

    /// How many CVEs it names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The catalogue of probabilities that a CVE is exploited within 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpssCatalogue {
    /// Where it comes from.
    pub document: Document,
    /// The model's version, where the document says; scores of two models are not comparable.
    pub model: Option<String>,
    scores: Vec<(CveId, u32)>,
}

impl EpssCatalogue {
    /// Takes scores in millionths, in any order; of two for one CVE the higher counts.
    pub fn new(document: Document, model: Option<String>, mut scores: Vec<(CveId, u32)>) -> Self {
        scores.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        scores.dedup_by_key(|(cve, _)| *cve);
        Self {
            document,
            model,
            scores,
        }
    }

    /// The probability in millionths; `None`: no score, which is not nought.
    pub fn millionths(&self, cve: CveId) -> Option<u32> {
        let at = self.scores.binary_search_by_key(&cve, |(id, _)| *id).ok()?;
        Some(self.scores[at].1)
    }

    /// How many CVEs have a score.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }
}

/// The catalogues at hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogues {
    /// Known exploited; `None`: not at hand.
    pub kev: Option<KevCatalogue>,
    /// Probabilities; `None`: not at hand.
    pub epss: Option<EpssCatalogue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        for good in [
            "CVE-1999-0001",
            "CVE-2024-6387",
            "CVE-2021-44228",
            "CVE-2016-1000001",
        ] {
            assert_eq!(good.parse::<CveId>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "CVE-",
            "CVE-2024-1",
            "CVE-24-0001",
            "cve-2024-0001",
            "CVE-2024-00001",
            "CVE-2024-12345x",
            "CVE-2024--123",
            "CVE-+024-1234",
            "CVE-2024-1234567890123456",
        ] {
            assert!(bad.parse::<CveId>().is_err(), "{bad}");
        }
    }
}
