//! JSON split into members without decoding them.
//!
//! [`members`] walks an array or object and gives each member's raw bytes, so that one record that
//! cannot be decoded (a bare `NaN`, a bad escape) is one broken record and the walk goes on. Depth
//! is bounded by [`DEPTH_MAX`]. Errors: [`Refusal::Truncated`], [`Refusal::TooDeep`] and
//! [`Refusal::Syntax`] with the offset in the bytes that were given.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::format::{DEPTH_MAX, without_mark};
use crate::refusal::Refusal;

/// Longest single text, in bytes; no feed has one near it.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One member of an array or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key, raw, without its quotes; empty in an array.
    pub raw_key: &'a [u8],
    /// The value, raw.
    pub value: &'a [u8],
    /// The value's offset in the bytes that were given.
    pub at: usize,
}

impl<'a> Member<'a> {
    /// The key, decoded; bytes that are no text are replaced.
    pub fn key(&self) -> Cow<'a, str> {
        if !self.raw_key.contains(&b'\\') {
            return String::from_utf8_lossy(self.raw_key);
        }
        let mut quoted = Vec::with_capacity(self.raw_key.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(self.raw_key);
        quoted.push(b'"');
        match serde_json::from_slice::<String>(&quoted) {
            Ok(key) => Cow::Owned(key),
            Err(_) => String::from_utf8_lossy(self.raw_key),
        }
    }
}

/// Walks the members of the array or object in `bytes`.
pub fn members(bytes: &[u8]) -> Members<'_> {
    let start = bytes.len() - without_mark(bytes).len();
    Members {
        bytes,
        at: start,
        state: State::Start,
    }
}

/// The raw value of the first member of an object with this key.
pub fn get<'a>(object: &'a [u8], key: &str) -> Result<Option<&'a [u8]>, Refusal> {
    for member in members(object) {
        let member = member?;
        if member.key() == key {
            return Ok(Some(member.value));
        }
    }
    Ok(None)
}

/// The walk.
#[derive(Debug)]
pub struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Within { object: bool, first: bool },
    Done,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(Some(member)) => Some(Ok(member)),
            Ok(None) => None,
            Err(refusal) => {
                self.state = State::Done;
                Some(Err(refusal))
            }
        }
    }
}

impl<'a> Members<'a> {
    fn step(&mut self) -> Result<Option<Member<'a>>, Refusal> {
        if self.state == State::Start {
            self.blanks();
            let object = match self.peek()? {
                b'{' => true,
                b'[' => false,
                _ => return Err(self.syntax("an object or array was expected")),
            };
            self.at += 1;
            self.state = State::Within {
                object,
                first: true,
            };
        }
        let State::Within { object, first } = self.state else {
            return Ok(None);
        };
        self.blanks();
        let close = if object { b'}' } else { b']' };
        match self.peek()? {
            byte if byte == close => {
                self.at += 1;
                return self.end();
            }
            b',' if !first => {
                self.at += 1;
                self.blanks();
            }
            _ if !first => return Err(self.syntax("a comma or the end was expected")),
            _ => {}
        }
        self.state = State::Within {
            object,
            first: false,
        };
        let raw_key = if object { self.key()? } else { &[] };
        self.blanks();
        let start = self.at;
        self.value()?;
        Ok(Some(Member {
            raw_key,
            value: &self.bytes[start..self.at],
            at: start,
        }))
    }

    fn end(&mut self) -> Result<Option<Member<'a>>, Refusal> {
        self.state = State::Done;
        self.blanks();
        if self.at < self.bytes.len() {
            return Err(self.syntax("something follows the end of the document"));
        }
        Ok(None)
    }

    fn key(&mut self) -> Result<&'a [u8], Refusal> {
        if self.peek()? != b'"' {
            return Err(self.syntax("a key in quotes was expected"));
        }
        let start = self.at + 1;
        self.string()?;
        let key = &self.bytes[start..self.at - 1];
        self.blanks();
        if self.peek()? != b':' {
            return Err(self.syntax("a colon was expected"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Passes over a string; `at` stands on its first quote.
    fn string(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        self.at += 1;
        loop {
            let Some(found) = self.bytes[self.at..]
                .iter()
                .position(|&byte| byte == b'"' || byte == b'\\')
            else {
                self.at = self.bytes.len();
                return Err(self.truncated());
            };
            self.at += found;
            if self.at - start > TEXT_BYTES_MAX {
                return Err(Refusal::TooLarge {
                    what: format!("the text at byte {start}"),
                    limit_bytes: TEXT_BYTES_MAX as u64,
                });
            }
            if self.bytes[self.at] == b'"' {
                self.at += 1;
                return Ok(());
            }
            self.at += 2;
            if self.at > self.bytes.len() {
                return Err(self.truncated());
            }
        }
    }

    /// Passes over one value of any kind.
    fn value(&mut self) -> Result<(), Refusal> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                bracket @ (b'{' | b'[') => {
                    if open.len() >= DEPTH_MAX {
                        return Err(Refusal::TooDeep {
                            place: format!("byte {}", self.at),
                            limit: DEPTH_MAX,
                        });
                    }
                    open.push(if bracket == b'{' { b'}' } else { b']' });
                    self.at += 1;
                    continue;
                }
                bracket @ (b'}' | b']') => {
                    if open.pop() != Some(bracket) {
                        return Err(self.syntax("a bracket closes what is not open"));
                    }
                    self.at += 1;
                }
                _ if open.is_empty() => {
                    let start = self.at;
                    while self.at < self.bytes.len()
                        && !matches!(self.bytes[self.at], b',' | b'}' | b']')
                    {
                        self.at += 1;
                    }
                    if self.at == start {
                        return Err(self.syntax("a value was expected"));
                    }
                }
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Refusal> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or_else(|| self.truncated())
    }

    fn truncated(&self) -> Refusal {
        Refusal::Truncated {
            place: format!("byte {}", self.bytes.len()),
        }
    }

    fn syntax(&self, why: &str) -> Refusal {
        Refusal::Syntax {
            syntax: "JSON",
            place: format!("byte {}", self.at),
            why: why.to_owned(),
        }
    }
}

/// Most bytes of one record.
pub const RECORD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most values of one record, counted by the commas between them.
pub const RECORD_VALUES_MAX: usize = 1_000_000;

/// Decodes one record; one with so many values that decoding would take much more memory than its
/// bytes is not decoded. Errors: why it cannot be read.
pub fn record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(format!("the record has more than {RECORD_BYTES_MAX} bytes"));
    }
    if memchr::memchr_iter(b',', bytes)
        .nth(RECORD_VALUES_MAX)
        .is_some()
    {
        return Err(format!(
            "the record has more than {RECORD_VALUES_MAX} values"
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| why(&error))
}

/// The text of a JSON error without the place that serde adds, which is relative to a record.
pub fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(String, String)>, Refusal> {
        members(text.as_bytes())
            .map(|member| {
                member.map(|member| {
                    let value = String::from_utf8_lossy(member.value).trim_end().to_owned();
                    (member.key().into_owned(), value)
                })
            })
            .collect()
    }

    #[test]
    fn members_come_raw_and_in_order() {
        let found = all(r#" {"a": [1, {"x": "}"}], "b\u0041": "\"", "c": NaN } "#).unwrap();
        let expected = [("a", r#"[1, {"x": "}"}]"#), ("bA", r#""\"""#), ("c", "NaN")];
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(found, expected);
        assert!(all("[]").unwrap().is_empty());
        assert_eq!(all("[1,2]").unwrap().len(), 2);
    }

    #[test]
    fn a_document_that_ends_too_early_is_truncated() {
        for text in [
            "",
            "[",
            "[1",
            "[1,",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"x",
            "[{}",
            "[\"\\",
        ] {
            assert!(
                matches!(all(text), Err(Refusal::Truncated { .. })),
                "{text}: {:?}",
                all(text)
            );
        }
    }

    #[test]
    fn a_record_of_very_many_values_is_not_decoded() {
        let many = format!("[{}0]", "0,".repeat(RECORD_VALUES_MAX + 1));
        assert!(record::<serde_json::Value>(many.as_bytes()).is_err());
        assert_eq!(record::<Vec<u8>>(b"[1,2]"), Ok(vec![1, 2]));
        assert!(record::<u8>(b"NaN").is_err());
    }

    #[test]
    fn a_text_that_no_feed_has_is_refused_by_its_length() {
        let text = format!("{{\"a\":[\"{}\"]}}", "x".repeat(TEXT_BYTES_MAX + 1));
        assert!(matches!(all(&text), Err(Refusal::TooLarge { .. })));
        let text = format!("[\"{}\"]", "x".repeat(TEXT_BYTES_MAX - 2));
        assert_eq!(all(&text).unwrap().len(), 1);
    }

    #[test]
    fn depth_is_bounded_and_brackets_must_fit() {
        let deep = "[".repeat(DEPTH_MAX + 2);
        assert!(matches!(all(&deep), Err(Refusal::TooDeep { .. })));
        assert!(matches!(all("[{]}]"), Err(Refusal::Syntax { .. })));
        assert!(matches!(all("[1] x"), Err(Refusal::Syntax { .. })));
        assert!(matches!(all("7"), Err(Refusal::Syntax { .. })));
    }
}
