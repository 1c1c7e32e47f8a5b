//! What is wrong with a query, and where: the place, what stood there, what was expected.
//!
//! Positions and lengths are in bytes, columns in characters counted from one.

use std::{fmt, ops::Deref};

use super::Span;

/// The sort of mistake, for programs; people read the [`QueryError`] itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The text is longer than [`super::LENGTH_BYTES_MAX`].
    TooLong,
    /// Groups are nested deeper than [`super::DEPTH_MAX`].
    TooDeep,
    /// More values are asked for than [`super::TERMS_MAX`].
    TooManyTerms,
    /// A control character.
    ControlCharacter,
    /// The word before `:`, `<` or `>` is not a field.
    UnknownField,
    /// The field has a closed list of values, and this is none of them.
    UnknownValue,
    /// A value is missing: after `field:`, after a comma, or between two quotes.
    MissingValue,
    /// A term is missing: after `-`, or between two parentheses.
    MissingTerm,
    /// The values of this field have no order.
    NotComparable,
    /// The field needs `<`, `<=`, `>` or `>=`, and has `:`.
    NeedsComparison,
    /// Not a duration, or one that is too long.
    BadDuration,
    /// Not a version made of numbers and dots.
    BadVersion,
    /// A quote or a parenthesis is not closed.
    Unclosed,
    /// A backslash before something that needs none.
    BadEscape,
    /// A character that cannot stand here.
    Unexpected,
    /// A word of another query language: `AND`, `OR`, `NOT`, `field=value`.
    ForeignWord,
    /// The field does not exist for what is being selected.
    WrongSubject,
}

/// A query that was refused; its parts are those of [`Mistake`].
///
/// Prints as one line: ``unknown field `sevrity` at column 5: did you mean `severity`?``
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError(Box<Mistake>);

/// What is wrong with a query. Boxed in [`QueryError`], because results carry it a long way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The sort of mistake.
    pub kind: QueryErrorKind,
    /// Where it begins, as a byte offset into the text.
    pub position: usize,
    /// How far it goes, in bytes; 0 where something is missing.
    pub length: usize,
    /// The column where it begins, in characters from 1.
    pub column: usize,
    /// What stands there; empty at the end of the text.
    pub found: String,
    /// What could stand there.
    pub expected: Vec<String>,
    /// The mistake in a few words, without its place.
    pub message: String,
    /// What to write in its place, where that can be guessed.
    pub suggestion: Option<String>,
}

impl QueryError {
    /// Builds an error about `span` of `text`.
    pub(super) fn new(
        kind: QueryErrorKind,
        text: &str,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Mistake {
            kind,
            position: span.position,
            length: span.length,
            column: span.column,
            found: text
                .get(span.position..span.position + span.length)
                .unwrap_or("")
                .to_owned(),
            expected: Vec::new(),
            message: message.into(),
            suggestion: None,
        }))
    }

    /// Replaces what stands at the place, where the text is not at hand.
    pub(super) fn finding(mut self, found: impl Into<String>) -> Self {
        self.0.found = found.into();
        self
    }

    /// Adds what could stand there.
    pub(super) fn expecting<I: IntoIterator<Item: Into<String>>>(mut self, expected: I) -> Self {
        self.0.expected = expected.into_iter().map(Into::into).collect();
        self
    }

    /// Adds what to write in its place.
    pub(super) fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.0.suggestion = Some(suggestion.into());
        self
    }

    /// Returns the part of `text` around the mistake, and below it a line with carets.
    ///
    /// `text` is the text that was refused. Both lines end without a line break; a long text is
    /// cut to the neighbourhood of the mistake.
    pub fn pointer(&self, text: &str) -> String {
        const BEFORE: usize = 60;
        const SHOWN: usize = 100;
        let skipped = (self.column - 1).saturating_sub(BEFORE);
        let shown: String = text
            .chars()
            .skip(skipped)
            .take(SHOWN)
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        let lead = if skipped > 0 { "…" } else { "" };
        let tail = if text.chars().count() > skipped + SHOWN {
            "…"
        } else {
            ""
        };
        let indent = lead.chars().count() + self.column - 1 - skipped;
        let room = (SHOWN + lead.chars().count()).saturating_sub(indent).max(1);
        let carets = self.found.chars().count().clamp(1, room);
        format!(
            "{lead}{shown}{tail}\n{}{}",
            " ".repeat(indent),
            "^".repeat(carets)
        )
    }
}

impl Deref for QueryError {
    type Target = Mistake;

    fn deref(&self) -> &Mistake {
        &self.0
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.message, self.column)?;
        if let Some(suggestion) = &self.suggestion {
            return write!(f, ": {suggestion}");
        }
        match self.expected.as_slice() {
            [] => Ok(()),
            [only] => write!(f, ": expected {only}"),
            [first @ .., last] => write!(f, ": expected {} or {last}", first.join(", ")),
        }
    }
}

impl std::error::Error for QueryError {}

/// Returns the candidate that `word` most likely meant: at most two slips away, and less than
/// half of the word.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word: Vec<char> = word.to_lowercase().chars().take(40).collect();
    let allowed = (word.len().saturating_sub(1) / 2).min(2);
    candidates
        .into_iter()
        .map(|candidate| (slips(&word, candidate), candidate))
        .filter(|(slips, _)| *slips <= allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Returns our word for one of other tools, for a field or for a value.
pub(super) fn other_word(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "host" | "hostname" | "computer" | "machine" | "endpoint" | "name" => "device",
        "customer" | "tenant" | "organisation" | "organization" => "client",
        "location" | "office" => "site",
        "label" => "tag",
        "platform" | "distro" => "os",
        "timezone" | "tz" => "zone",
        "rating" => "severity",
        "classification" | "category" => "class",
        "vulnerability" | "vuln" => "cve",
        "exploited" => "kev",
        "status" => "state",
        "repository" | "repo" => "origin",
        "high" => "important",
        "medium" => "moderate",
        "true" => "yes",
        "false" => "no",
        "installed" => "fixed",
        _ => return None,
    })
}

/// Counts the letters to insert, remove or replace, and the neighbours to swap, to get from one word to
/// the other.
fn slips(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=candidate.len()).collect()];
    for (i, have) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, want) in candidate.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(have != want);
            let mut fewest = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *have == candidate[j - 1] && word[i - 1] == *want {
                fewest = fewest.min(rows[i - 1][j - 1] + 1);
            }
            row.push(fewest);
        }
        rows.push(row);
    }
    rows[word.len()][candidate.len()]
}
