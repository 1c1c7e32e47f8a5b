//! What is wrong in a policy file, and where.
//!
//! Lines and columns count from one, columns in characters.

use std::fmt;

use serde::Serialize;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Nothing of the files is used.
    Error,
    /// The files can be used, and probably do not say what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem of a policy file.
///
/// Prints as `FILE:LINE:COLUMN: error: WHAT`, with a line `hint: ...` where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How much it matters.
    pub weight: Weight,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong, as one sentence without its full stop.
    pub what: String,
    /// What to write instead.
    #[serde(rename = "hint")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// Whether the files cannot be used.
    pub fn is_error(&self) -> bool {
        self.weight == Weight::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.weight, self.what)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "\n  hint: {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Returns the candidate that `word` most likely meant: at most two slips away, and less than half
/// of the word.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word: Vec<char> = word.to_lowercase().chars().take(40).collect();
    let allowed = (word.len().saturating_sub(1) / 2).min(2);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 160)
        .map(|candidate| (slips(&word, &candidate.to_lowercase()), candidate))
        .filter(|(slips, _)| *slips <= allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to insert, remove or replace to get from one word to the other.
fn slips(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().collect();
    let mut row: Vec<usize> = (0..=candidate.len()).collect();
    for (i, have) in word.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, want) in candidate.iter().enumerate() {
            let replaced = diagonal + usize::from(have != want);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[candidate.len()]
}

/// A list for a sentence: `a, b or c`.
pub(crate) fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The beginning of a text that may be long, fit for one line.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(60)
        .map(|c| {
            if domain::name::printable(c) {
                c
            } else {
                '\u{fffd}'
            }
        })
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
