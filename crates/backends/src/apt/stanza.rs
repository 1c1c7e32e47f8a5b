//! Reads the paragraphs of Debian control files: package databases, lists, release files.
//!
//! Works on bytes, because a database may hold what is not UTF-8; one bad field must not hide the rest.
//! Source: deb822(5).

/// The paragraphs of `text`, in order.
pub(crate) fn stanzas(text: &[u8]) -> Stanzas<'_> {
    Stanzas { rest: text }
}

/// Walks from paragraph to paragraph.
pub(crate) struct Stanzas<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Stanza<'a>;

    fn next(&mut self) -> Option<Stanza<'a>> {
        let begin = self.rest.iter().position(|&byte| byte != b'\n')?;
        let text = &self.rest[begin..];
        let mut at = 0;
        // A paragraph ends at an empty line, or at one of blanks only.
        while at < text.len() {
            let end = line_end(text, at);
            if text[at..end]
                .iter()
                .all(|b| matches!(b, b' ' | b'\t' | b'\r'))
            {
                break;
            }
            at = (end + 1).min(text.len());
        }
        let stanza = Stanza { text: &text[..at] };
        self.rest = &text[line_end(text, at).min(text.len())..];
        Some(stanza)
    }
}

fn line_end(text: &[u8], from: usize) -> usize {
    text[from..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(text.len(), |length| from + length)
}

/// One paragraph.
#[derive(Clone, Copy)]
pub(crate) struct Stanza<'a> {
    text: &'a [u8],
}

impl<'a> Stanza<'a> {
    /// Its fields: name and value; a value keeps its further lines, the blanks around it are gone.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let text = self.text;
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < text.len() {
                let mut end = line_end(text, at);
                let first = &text[at..end];
                while matches!(text.get(end + 1), Some(b' ' | b'\t')) {
                    end = line_end(text, end + 1);
                }
                let start = at;
                at = end + 1;
                if let Some(colon) = first.iter().position(|&byte| byte == b':') {
                    let value = text[start + colon + 1..end].trim_ascii();
                    return Some((&first[..colon], value));
                }
            }
            None
        })
    }

    /// The value of a field; names ignore case.
    pub(crate) fn field(self, name: &str) -> Option<&'a [u8]> {
        self.fields()
            .find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The value of a field as text; empty when it is missing or not UTF-8.
    pub(crate) fn text(self, name: &str) -> &'a str {
        self.field(name)
            .and_then(|value| std::str::from_utf8(value).ok())
            .unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_fields_and_further_lines() {
        let text = b"\n\nPackage: a\nDescription: one\n two\n .\n three\nbad line\nVersion:1\n\n\nPackage: b\n \nPackage: c";
        let read: Vec<Vec<(String, String)>> = stanzas(text)
            .map(|stanza| {
                stanza
                    .fields()
                    .map(|(n, v)| {
                        (
                            String::from_utf8_lossy(n).into_owned(),
                            String::from_utf8_lossy(v).into_owned(),
                        )
                    })
                    .collect()
            })
            .collect();
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        assert_eq!(
            read,
            vec![
                vec![
                    pair("Package", "a"),
                    pair("Description", "one\n two\n .\n three"),
                    pair("Version", "1")
                ],
                vec![pair("Package", "b")],
                vec![pair("Package", "c")],
            ]
        );
        assert_eq!(stanzas(b"\n\n").count(), 0);
        assert_eq!(stanzas(b"").count(), 0);
    }

    #[test]
    fn names_ignore_case_and_bad_bytes_read_as_empty() {
        let stanza = stanzas(b"PACKAGE: a\nMaintainer: \xff\xfe\n")
            .next()
            .unwrap();
        assert_eq!(stanza.text("Package"), "a");
        assert_eq!(stanza.text("Maintainer"), "");
        assert_eq!(stanza.field("Maintainer"), Some(&b"\xff\xfe"[..]));
    }
}
