//! What could be typed next, for search boxes and the shell.

use std::ops::Range;

use super::{FIELDS, Field, SubjectKind, ValueKind, parse::ends_value};

/// One thing that could be typed at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that it replaces.
    pub replaces: Range<usize>,
    /// What to put there.
    pub insert: String,
    /// One line that explains it.
    pub help: &'static str,
}

/// Lists what could be typed at `cursor` (a byte offset), in the order of the table of fields.
///
/// Empty inside quotes, and where a value is free text.
pub fn completions(text: &str, cursor: usize, kind: SubjectKind) -> Vec<Completion> {
    let before = &text[..text.floor_char_boundary(cursor)];
    let Some(start) = term_start(before) else {
        return Vec::new();
    };
    let term = &before[start..];
    let Some(sign) = term.find([':', '<', '>']) else {
        return fields(start..before.len(), term, kind);
    };
    match Field::named(&term[..sign]) {
        Some(field) if field.applies_to(kind) => values(before, start + sign, field),
        _ => Vec::new(),
    }
}

/// Finds where the term that reaches to the end begins, without its `-`; `None` inside quotes.
fn term_start(before: &str) -> Option<usize> {
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, char) in before.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | ')' => start = at + 1,
            '-' if at == start => start = at + 1,
            _ if char.is_whitespace() => start = at + char.len_utf8(),
            _ => {}
        }
    }
    (!quoted).then_some(start)
}

fn fields(replaces: Range<usize>, typed: &str, kind: SubjectKind) -> Vec<Completion> {
    let typed = typed.to_ascii_lowercase();
    FIELDS
        .iter()
        .filter(|row| row.field.applies_to(kind) && row.name.starts_with(&typed))
        .map(|row| {
            let sign = if row.values == ValueKind::Elapsed {
                "<"
            } else {
                ":"
            };
            let insert = format!("{}{sign}", row.name);
            Completion {
                replaces: replaces.clone(),
                insert,
                help: row.help,
            }
        })
        .collect()
}

/// Lists the values of a closed list; after `<` or `>` only those with a place in the order.
fn values(before: &str, sign: usize, field: Field) -> Vec<Completion> {
    let compared = !before[sign..].starts_with(':');
    let written = before[sign..].trim_start_matches([':', '<', '>', '=']);
    let typed = written.rsplit(ends_value).next().unwrap_or("");
    let replaces = before.len() - typed.len()..before.len();
    let typed = typed.to_ascii_lowercase();
    field
        .choices()
        .iter()
        .filter(|choice| choice.name.starts_with(&typed) && (!compared || choice.rank.is_some()))
        .map(|choice| Completion {
            replaces: replaces.clone(),
            insert: choice.name.to_owned(),
            help: choice.help,
        })
        .collect()
}
