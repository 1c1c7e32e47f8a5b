//! The text of one policy file, and the places in it.
//!
//! Offsets are in bytes. Where the file is no TOML, problems on the same lines are left out: the
//! parser goes on as well as it can, and what it makes of a broken line is not worth telling.

use std::collections::BTreeSet;
use std::ops::Range;

use super::problem::Place;

/// One file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// Its name.
    pub(super) file: &'a str,
    /// Its text.
    pub(super) text: &'a str,
    line_starts: Vec<usize>,
    /// Lines that are no TOML, from 1.
    broken_lines: BTreeSet<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            file,
            text,
            line_starts,
            broken_lines: BTreeSet::new(),
        }
    }

    /// Remembers that the line at an offset is no TOML.
    pub(super) fn break_line(&mut self, offset: usize) {
        let line = self.line(offset);
        self.broken_lines.insert(line);
    }

    /// Whether a line of this stretch is no TOML.
    pub(super) fn is_broken(&self, stretch: Range<usize>) -> bool {
        if self.broken_lines.is_empty() {
            return false;
        }
        let (first, last) = (self.line(stretch.start), self.line(stretch.end));
        self.broken_lines
            .range(first..=last.max(first))
            .next()
            .is_some()
    }

    /// Whether the file is no TOML somewhere.
    pub(super) fn is_broken_somewhere(&self) -> bool {
        !self.broken_lines.is_empty()
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Where the line of an offset begins.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.line_starts
            .get(self.line(offset).saturating_sub(1))
            .copied()
            .unwrap_or(0)
    }

    /// The place of an offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let start = self.line_start(offset);
        Place {
            file: self.file.to_owned(),
            line: self.line(offset),
            column: self.text.get(start..offset).unwrap_or("").chars().count() + 1,
        }
    }

    /// Finds where the byte at `inside` of a string's value stands in the file. `span` is the whole
    /// string with its quotes.
    pub(super) fn place_in_string(&self, span: Range<usize>, inside: usize) -> usize {
        let raw = self.text.get(span.clone()).unwrap_or("");
        span.start + offset_in_raw(raw, inside)
    }
}

/// Finds the byte of a string as it is written, quotes and all, that makes the byte at `inside` of
/// its value.
fn offset_in_raw(raw: &str, inside: usize) -> usize {
    let (quotes, escapes) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ if raw.starts_with('"') => (1, true),
        _ if raw.starts_with('\'') => (1, false),
        _ => (0, false),
    };
    let mut at = quotes;
    if quotes == 3 {
        // A line break right after the opening quotes is no part of the value.
        let rest = raw.get(at..).unwrap_or("");
        at += match rest {
            _ if rest.starts_with("\r\n") => 2,
            _ if rest.starts_with('\n') => 1,
            _ => 0,
        };
    }
    if !escapes {
        return (at + inside).min(raw.len());
    }
    let mut value = 0;
    while value < inside {
        let rest = raw.get(at..).unwrap_or("");
        let mut chars = rest.chars();
        match chars.next() {
            None => break,
            Some('\\') => {
                let (written, made) = escape(rest);
                at += written;
                value += made;
            }
            Some(c) => {
                at += c.len_utf8();
                value += c.len_utf8();
            }
        }
    }
    at.min(raw.len())
}

/// How many bytes an escape takes in the file, and how many it makes.
fn escape(rest: &str) -> (usize, usize) {
    let digits = match rest.as_bytes().get(1) {
        Some(b'u') => 4,
        Some(b'U') => 8,
        Some(b'x') => 2,
        Some(b'\n' | b'\r' | b' ' | b'\t') => {
            let blank: usize = rest
                .chars()
                .skip(1)
                .take_while(|c| c.is_whitespace())
                .map(char::len_utf8)
                .sum();
            return (1 + blank, 0);
        }
        Some(_) => return (2, 1),
        None => return (1, 1),
    };
    let made = rest
        .get(2..2 + digits)
        .and_then(|text| u32::from_str_radix(text, 16).ok())
        .and_then(char::from_u32)
        .map_or(1, char::len_utf8);
    (2 + digits, made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_a_string_is_found_through_quotes_and_escapes() {
        for (raw, inside, at) in [
            ("\"abc\"", 0, 1),
            ("\"abc\"", 2, 3),
            ("'a\\c'", 2, 3),
            ("\"a\\\"c\"", 2, 4),
            ("\"\\u00e4c\"", 2, 7),
            ("\"äc\"", 2, 3),
            ("\"\"\"\nabc\"\"\"", 1, 5),
            ("\"\"\"a\\\n  bc\"\"\"", 1, 4),
            ("'''\r\nab'''", 1, 6),
            ("\"ab\"", 99, 4),
        ] {
            assert_eq!(offset_in_raw(raw, inside), at, "{raw} {inside}");
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("a.toml", "ä = 1\nb = \"ö\"\n");
        assert_eq!(source.place(0).to_string(), "a.toml:1:1");
        assert_eq!(source.place(5).to_string(), "a.toml:1:5");
        assert_eq!(source.place(7).to_string(), "a.toml:2:1");
        assert_eq!(source.place(99).to_string(), "a.toml:3:1");
    }
}
