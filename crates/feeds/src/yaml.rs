//! YAML read into JSON values, without aliases.
//!
//! Feeds need little of YAML: mappings with text keys, lists, texts, whole numbers, true, false and
//! null. A plain number with a point or an exponent stays text, as it is written, because `1.10` is
//! mostly a version and never the number 1.1; so does everything that only YAML 1.1 reads as
//! something else (`yes`, `0o17`, dates). Aliases are refused, so that a small document cannot grow
//! into a large one; so are keys that occur twice, keys that are no texts, nesting over
//! [`DEPTH_MAX`] and more than [`NODES_MAX`] values. Errors: [`Refusal`] with the line.
//! Source: YAML 1.2.2, chapter 10.3 (core schema).

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Value};

use crate::format::{DEPTH_MAX, without_mark};
use crate::refusal::Refusal;

/// Most bytes of a YAML text.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most values of one document.
pub const NODES_MAX: u64 = 2_000_000;
/// Most documents in one text.
pub const DOCUMENTS_MAX: usize = 100_000;

/// Reads a text that holds one document. Errors: none, more than one, or not readable.
pub fn value(bytes: &[u8]) -> Result<Value, Refusal> {
    let mut found = None;
    let mut more = false;
    each(bytes, &mut |value| {
        more |= found.is_some();
        found.get_or_insert(value);
        Ok(())
    })?;
    if more {
        return Err(Refusal::Invalid {
            place: "the end of the first document".to_owned(),
            why: "another YAML document follows where one was expected".to_owned(),
        });
    }
    found.ok_or(Refusal::Empty)
}

/// Reads a text that holds any number of documents (`---` between them).
pub fn values(bytes: &[u8]) -> Result<Vec<Value>, Refusal> {
    let mut values = Vec::new();
    each(bytes, &mut |value| {
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

/// Reads document by document, so that only one is in memory at a time.
pub fn each(
    bytes: &[u8],
    take: &mut dyn FnMut(Value) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::TooLarge {
            what: "the YAML text".to_owned(),
            limit_bytes: BYTES_MAX as u64,
        });
    }
    let bytes = without_mark(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    let mut documents = 0_usize;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| refusal(&error, text))?;
        match event {
            Event::StreamStart | Event::Nothing => {}
            Event::StreamEnd => return Ok(()),
            Event::DocumentStart(_) => builder = Builder::default(),
            Event::DocumentEnd => {
                documents += 1;
                if documents > DOCUMENTS_MAX {
                    return Err(Refusal::TooMany {
                        what: "YAML documents",
                        limit: DOCUMENTS_MAX as u64,
                    });
                }
                if let Some(value) = builder.root.take() {
                    take(value)?;
                }
            }
            event => builder.event(event, span)?,
        }
    }
    Ok(())
}

/// The text of a scalar value, a number or truth value as it is written; `None`: null, a list or an
/// object. For fields such as versions, which a writer may have left without quotes.
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Owned(truth.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A list or mapping that is open.
enum Open {
    List(Vec<Value>),
    Mapping {
        members: Map<String, Value>,
        key: Option<String>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Value>,
    nodes: u64,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Refusal> {
        match event {
            Event::Scalar(text, style, _, tag) => {
                if let Some(Open::Mapping { key, .. }) = self.open.last_mut()
                    && key.is_none()
                {
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                self.place(scalar(text, style, tag.as_deref()), span)
            }
            Event::SequenceStart(..) => self.begin(Open::List(Vec::new()), span),
            Event::MappingStart(..) => {
                let open = Open::Mapping {
                    members: Map::new(),
                    key: None,
                };
                self.begin(open, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let value = match self.open.pop() {
                    Some(Open::List(list)) => Value::Array(list),
                    Some(Open::Mapping { members, .. }) => Value::Object(members),
                    None => return Err(invalid(span.start, "an end without a beginning")),
                };
                self.place(value, span)
            }
            Event::Alias(_) => Err(invalid(span.start, "aliases are not followed")),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, span: Span) -> Result<(), Refusal> {
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(invalid(span.start, "a key that is no text"));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Refusal::TooDeep {
                place: line(span.start),
                limit: DEPTH_MAX,
            });
        }
        self.open.push(open);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, value: Value, span: Span) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Refusal::TooMany {
                what: "values in a YAML document",
                limit: NODES_MAX,
            });
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Mapping { members, key }) => {
                let Some(key) = key.take() else {
                    return Err(invalid(span.start, "a value without a key"));
                };
                if members.contains_key(&key) {
                    let key: String = key.chars().take(64).collect();
                    let why = format!("the key {key:?} occurs twice");
                    return Err(invalid(span.start, &why));
                }
                members.insert(key, value);
            }
        }
        Ok(())
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || as_text {
        return Value::String(text.into_owned());
    }
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        plain => match whole_number(plain) {
            Some(number) => Value::Number(number.into()),
            None => Value::String(text.into_owned()),
        },
    }
}

/// A whole number that is spelled as it would be printed: `007` and `+1` are texts.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let spelled = digits == "0" && digits.len() == text.len() || !digits.starts_with('0');
    if !spelled || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn line(at: Marker) -> String {
    format!("line {}", at.line())
}

fn invalid(at: Marker, why: &str) -> Refusal {
    Refusal::Invalid {
        place: line(at),
        why: why.to_owned(),
    }
}

fn refusal(error: &ScanError, text: &str) -> Refusal {
    let place = line(*error.marker());
    // What is open where the text ends: the scanner says so in its own words for a quote, and
    // stands at the end (it counts characters) for a bracket.
    let at_end = error.marker().index() >= text.trim_end().chars().count();
    if at_end || error.info().contains("end of stream") {
        return Refusal::Truncated { place };
    }
    Refusal::Syntax {
        syntax: "YAML",
        place,
        why: error.info().to_owned(),
    }
}

#[cfg(test)]
mod tests;
