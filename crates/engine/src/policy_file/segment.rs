//! The text of each object in its file, with the comments above it.
//!
//! A file is cut before each header. Comments between two objects go to the one below; only those
//! that follow the one above without an empty line stay there. What stands above the first object,
//! apart from the comment right above its header, is the file's preamble, and so is the table about
//! the document. Preamble and pieces together are the file, byte for byte where that table comes
//! first. An object that is no piece of its own, because it was
//! written inside a list or its parts are spread over the file, gets no text here.

use std::ops::Range;

use domain::policy::PolicyKind;
use toml::de::{DeArray, DeTable, DeValue};

use super::FileObject;
use super::source::Source;

/// Where an object stands.
#[derive(Debug)]
pub(super) struct Span {
    header: Range<usize>,
    /// From its first byte to its last.
    whole: Range<usize>,
    object: Option<(PolicyKind, usize)>,
}

impl Span {
    pub(super) fn of(
        header: Range<usize>,
        table: &DeTable<'_>,
        object: Option<(PolicyKind, usize)>,
    ) -> Self {
        let mut whole = header.clone();
        reach_table(table, &mut whole);
        Self {
            header,
            whole,
            object,
        }
    }
}

fn reach_table(table: &DeTable<'_>, whole: &mut Range<usize>) {
    for (key, value) in table.iter() {
        reach(whole, key.span());
        reach(whole, value.span());
        match value.get_ref() {
            DeValue::Table(table) => reach_table(table, whole),
            DeValue::Array(items) => reach_array(items, whole),
            _ => {}
        }
    }
}

fn reach_array(items: &DeArray<'_>, whole: &mut Range<usize>) {
    for item in items.iter() {
        reach(whole, item.span());
        match item.get_ref() {
            DeValue::Table(table) => reach_table(table, whole),
            DeValue::Array(items) => reach_array(items, whole),
            _ => {}
        }
    }
}

fn reach(whole: &mut Range<usize>, span: Range<usize>) {
    if span != (0..0) {
        whole.start = whole.start.min(span.start);
        whole.end = whole.end.max(span.end);
    }
}

/// Cuts a file into its preamble and the texts of its objects.
pub(super) fn cut(
    source: &Source<'_>,
    spans: &mut [Span],
    objects: &mut [FileObject],
    preambles: &mut Vec<(String, String)>,
) {
    spans.sort_by_key(|span| span.header.start);
    let text = source.text;
    let mut starts = Vec::with_capacity(spans.len());
    let mut end_of_last = None;
    for span in spans.iter() {
        let is_header = text.get(span.header.clone()).is_some_and(|header| {
            header.starts_with('[') && source.line_start(span.header.start) == span.header.start
        });
        if !is_header {
            // Written as a list: no object of this file has a piece of its own to speak of.
            preambles.push((source.file.to_owned(), String::new()));
            return;
        }
        starts.push(lead(source, span.header.start, end_of_last));
        end_of_last = Some(span.whole.end);
    }
    let first = starts.first().copied().unwrap_or(text.len());
    let preamble = text.get(..first).unwrap_or("").to_owned();
    preambles.push((source.file.to_owned(), preamble));
    for (at, span) in spans.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(text.len());
        let piece = starts[at]..end;
        let alone = piece.start <= span.whole.start && span.whole.end <= piece.end;
        let intruded = spans.iter().enumerate().any(|(other, span)| {
            other < at && span.whole.end > piece.start && span.whole.start < piece.start
        });
        let Some(key) = span.object else {
            // The table about the document stays with what stands above all objects.
            if let Some((_, preamble)) = preambles.last_mut() {
                preamble.push_str(text.get(piece).unwrap_or(""));
            }
            continue;
        };
        if !alone || intruded {
            continue;
        }
        if let Some(object) = objects
            .iter_mut()
            .find(|object| (object.kind, object.index) == key)
        {
            object.source = text.get(piece).unwrap_or("").to_owned();
        }
    }
}

/// Where the comments begin that belong to a header.
fn lead(source: &Source<'_>, header: usize, end_of_last: Option<usize>) -> usize {
    let text = source.text;
    let Some(end_of_last) = end_of_last else {
        // The comment right above the first header.
        let mut start = header;
        for line in text.get(..header).unwrap_or("").split_inclusive('\n').rev() {
            if !line.trim_start().starts_with('#') {
                break;
            }
            start -= line.len();
        }
        return start;
    };
    // The rest of the last line, comments right below it, and the empty lines after them stay above.
    let mut start = end_of_last.min(header);
    let mut below = true;
    let between = text.get(start..header).unwrap_or("");
    for (at, line) in between.split_inclusive('\n').enumerate() {
        let line_is_empty = line.trim().is_empty();
        if at > 0 && !line_is_empty && (!below || !has_empty_line_after(text, start, header)) {
            break;
        }
        below &= !line_is_empty || at == 0;
        start += line.len();
    }
    start.min(header)
}

/// Whether an empty line stands between an offset and a header, so that comments there belong to
/// what is above them.
fn has_empty_line_after(text: &str, from: usize, header: usize) -> bool {
    text.get(from..header)
        .unwrap_or("")
        .lines()
        .any(|line| line.trim().is_empty())
}
