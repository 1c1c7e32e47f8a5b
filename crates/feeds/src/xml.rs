//! XML read event by event, with entities refused and depth bounded.
//!
//! Names are local names: prefixes are dropped, because feeds use them as they like. Only the five
//! predefined entities and character references are resolved. Errors: [`Refusal`] with the line.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event as Raw};
use quick_xml::reader::Reader;

use crate::format::{DEPTH_MAX, without_mark};
use crate::refusal::Refusal;

/// Longest text of one element that [`Xml::text`] gives.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What comes next in a document.
#[derive(Debug)]
pub enum Event<'a> {
    /// An element begins (also an empty one, whose end follows).
    Start(Element<'a>),
    /// The innermost element ends.
    End,
    /// Text within the innermost element; long texts may come in pieces.
    Text(Cow<'a, str>),
    /// The document ends, whole.
    Done,
}

/// The beginning of an element.
#[derive(Debug)]
pub struct Element<'a> {
    start: BytesStart<'a>,
}

impl Element<'_> {
    /// The local name.
    pub fn name(&self) -> &str {
        local(self.start.name().into_inner())
    }

    /// An attribute's value by local name; `None`: it is not there or cannot be read.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.start
            .attributes()
            .flatten()
            .find(|attribute| local(attribute.key.into_inner()) == name)
            .and_then(|attribute| {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
                Some(value.into_owned())
            })
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A document being read.
pub struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    depth: usize,
    seen_root: bool,
    limit: usize,
}

impl<'a> Xml<'a> {
    /// Begins. Errors: bytes that are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let bytes = without_mark(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
            at: error.valid_up_to(),
        })?;
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        Ok(Self {
            reader,
            text,
            depth: 0,
            seen_root: false,
            limit: DEPTH_MAX,
        })
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Where reading stands, for people: `line 17`.
    pub fn place(&self) -> String {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let lines = before.iter().filter(|&&byte| byte == b'\n').count();
        format!("line {}", lines + 1)
    }

    /// The next event. Comments and instructions are passed over.
    #[expect(
        clippy::should_implement_trait,
        reason = "the items borrow and can fail"
    )]
    pub fn next(&mut self) -> Result<Event<'a>, Refusal> {
        loop {
            let event = self.reader.read_event().map_err(|error| self.bad(&error))?;
            match event {
                Raw::Start(start) => {
                    self.depth += 1;
                    self.seen_root = true;
                    if self.depth > self.limit {
                        return Err(Refusal::TooDeep {
                            place: self.place(),
                            limit: self.limit,
                        });
                    }
                    return Ok(Event::Start(Element { start }));
                }
                Raw::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Event::End);
                }
                Raw::Text(text) => return Ok(Event::Text(text.into_inner())),
                Raw::CData(text) => return Ok(Event::Text(text.into_inner())),
                Raw::GeneralRef(reference) => {
                    if let Ok(Some(character)) = reference.resolve_char_ref() {
                        return Ok(Event::Text(Cow::Owned(character.to_string())));
                    }
                    let name = reference.into_inner();
                    let Some(text) = quick_xml::escape::resolve_predefined_entity(&name) else {
                        return Err(Refusal::Entities {
                            place: self.place(),
                        });
                    };
                    return Ok(Event::Text(Cow::Borrowed(text)));
                }
                Raw::DocType(text) => {
                    if text.contains('[') || text.to_ascii_uppercase().contains("ENTITY") {
                        return Err(Refusal::Entities {
                            place: self.place(),
                        });
                    }
                }
                Raw::Comment(_) | Raw::Decl(_) | Raw::PI(_) => {}
                Raw::Empty(_) => unreachable!("empty elements are expanded"),
                Raw::Eof => {
                    if self.depth > 0 || !self.seen_root {
                        return Err(Refusal::Truncated {
                            place: self.place(),
                        });
                    }
                    return Ok(Event::Done);
                }
            }
        }
    }

    /// All text of the element that just began, its children's too, up to its end; blanks at both
    /// ends are taken off.
    pub fn text(&mut self) -> Result<String, Refusal> {
        let outside = self.depth.saturating_sub(1);
        let mut all = String::new();
        while self.depth > outside {
            match self.next()? {
                Event::Text(text) => {
                    if all.len().saturating_add(text.len()) > TEXT_BYTES_MAX {
                        return Err(Refusal::TooLarge {
                            what: format!("a text at {}", self.place()),
                            limit_bytes: TEXT_BYTES_MAX as u64,
                        });
                    }
                    all.push_str(&text);
                }
                Event::Start(_) | Event::End => {}
                Event::Done => break,
            }
        }
        let trimmed = all.trim();
        if trimmed.len() != all.len() {
            all = trimmed.to_owned();
        }
        Ok(all)
    }

    /// Passes over the element that just began, up to its end.
    pub fn skip(&mut self) -> Result<(), Refusal> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if let Event::Done = self.next()? {
                break;
            }
        }
        Ok(())
    }

    fn bad(&self, error: &quick_xml::Error) -> Refusal {
        use quick_xml::errors::{Error, IllFormedError, SyntaxError};
        let place = self.place();
        match error {
            Error::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedDoctype
                | SyntaxError::UnclosedXmlDecl
                | SyntaxError::UnclosedPI,
            )
            | Error::IllFormed(IllFormedError::MissingEndTag(_)) => Refusal::Truncated { place },
            other => Refusal::Syntax {
                syntax: "XML",
                place,
                why: other.to_string(),
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn walk(text: &str) -> Result<String, Refusal> {
        let mut xml = Xml::new(text.as_bytes())?;
        let mut out = String::new();
        loop {
            match xml.next()? {
                Event::Start(element) => {
                    out.push_str(&format!("<{}", element.name()));
                    if let Some(value) = element.attribute("k") {
                        out.push_str(&format!(" {value}"));
                    }
                    out.push('>');
                }
                Event::End => out.push('/'),
                Event::Text(text) => out.push_str(&text),
                Event::Done => return Ok(out),
            }
        }
    }

    #[test]
    fn events_come_with_local_names_and_plain_text() {
        let text =
            "<?xml version=\"1.0\"?><x:a k=\"1 &lt; 2\"><b/>c &amp; &#100;<![CDATA[<e>]]></x:a>";
        assert_eq!(walk(text).unwrap(), "<a 1 < 2><b>/c & d<e>/");
    }

    #[test]
    fn entities_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
        assert!(matches!(walk(bomb), Err(Refusal::Entities { .. })));
        assert!(matches!(walk("<a>&b;</a>"), Err(Refusal::Entities { .. })));
    }

    #[test]
    fn what_ends_early_is_truncated_and_depth_is_bounded() {
        for text in ["", "<a>", "<a><b></b>", "<a", "<a><!-- "] {
            assert!(
                matches!(walk(text), Err(Refusal::Truncated { .. })),
                "{text}: {:?}",
                walk(text)
            );
        }
        let deep = "<a>".repeat(DEPTH_MAX + 1);
        assert!(matches!(walk(&deep), Err(Refusal::TooDeep { .. })));
        assert!(matches!(walk("<a></b>"), Err(Refusal::Syntax { .. })));
        assert!(matches!(
            Xml::new(b"<a>\xff</a>"),
            Err(Refusal::Encoding { at: 3 })
        ));
    }
}
