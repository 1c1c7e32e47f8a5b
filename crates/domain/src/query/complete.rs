//! What could be typed next, for search boxes and the shell.

use std::ops::Range;

use super::{FIELDS, Field, Query, SubjectKind, ValueKind, parse::ends_value};

/// How many values of free text are offered at once.
pub const OFFERED_MAX: usize = 50;

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

/// Values of fields with free text that are only known where the query is typed: the clients, sites,
/// tags and groups that there are.
pub trait KnownValues {
    /// Returns values of `field` that begin with `typed` in any letter case, those to be offered
    /// first in front. Others are left out by the caller, so that all may be returned where there
    /// are few; no more than [`OFFERED_MAX`] are offered.
    fn values(&self, field: Field, typed: &str) -> Vec<String>;
}

/// Nothing is known: only fields and closed lists are offered.
impl KnownValues for () {
    fn values(&self, _: Field, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Lists what could be typed at `cursor` (a byte offset), in the order of the table of fields.
///
/// Empty inside quotes, and where a value is free text: see [`completions_with`].
pub fn completions(text: &str, cursor: usize, kind: SubjectKind) -> Vec<Completion> {
    completions_with(text, cursor, kind, &())
}

/// Lists what could be typed at `cursor`, with values of free text among `known`. Values that need
/// quotes are offered in quotes.
pub fn completions_with(
    text: &str,
    cursor: usize,
    kind: SubjectKind,
    known: &dyn KnownValues,
) -> Vec<Completion> {
    let before = &text[..text.floor_char_boundary(cursor)];
    let Some(start) = term_start(before) else {
        return Vec::new();
    };
    let term = &before[start..];
    let Some(sign) = term.find([':', '<', '>']) else {
        return fields(start..before.len(), term, kind);
    };
    match Field::named(&term[..sign]) {
        Some(field) if field.applies_to(kind) => values(before, start + sign, field, known),
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

/// Lists the values of a closed list, after `<` or `>` only those with a place in the order; of
/// free text those that are known.
fn values(before: &str, sign: usize, field: Field, known: &dyn KnownValues) -> Vec<Completion> {
    let compared = !before[sign..].starts_with(':');
    let written = before[sign..].trim_start_matches([':', '<', '>', '=']);
    let typed = written.rsplit(ends_value).next().unwrap_or("");
    let replaces = before.len() - typed.len()..before.len();
    let begins = typed.to_lowercase();
    match field.row().values {
        ValueKind::Choice(choices) => choices
            .iter()
            .filter(|choice| choice.name.starts_with(&begins))
            .filter(|choice| !compared || choice.rank.is_some())
            .map(|choice| Completion {
                replaces: replaces.clone(),
                insert: choice.name.to_owned(),
                help: choice.help,
            })
            .collect(),
        ValueKind::Text(_) | ValueKind::Os | ValueKind::Package if !compared => known
            .values(field, typed)
            .into_iter()
            .filter(|value| value.to_lowercase().starts_with(&begins))
            .filter_map(|value| exactly(field, &value))
            .take(OFFERED_MAX)
            .map(|insert| Completion {
                replaces: replaces.clone(),
                insert,
                help: field.row().help,
            })
            .collect(),
        ValueKind::Text(_) | ValueKind::Os | ValueKind::Package | ValueKind::Elapsed => Vec::new(),
    }
}

/// Writes a value so that it is read as itself; `None` for what the field does not take.
fn exactly(field: Field, value: &str) -> Option<String> {
    let printed = Query::of(field, value).ok()?.to_string();
    printed
        .strip_prefix(field.name())?
        .strip_prefix(':')
        .map(str::to_owned)
}
