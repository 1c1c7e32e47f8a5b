//! How commands print: a table for people, or one JSON document.
//!
//! No colour, so that nothing has to be switched off; columns are as wide as their longest cell and
//! never wrapped, so that a line stays a line when piped. Times are UTC. What comes from devices may
//! hold anything: characters that could move the cursor are replaced.

use std::io::{self, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::Failure;

/// Prints to standard output. A reader that left early (`| head`) is no failure.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(
            anyhow::Error::new(error).context("cannot write the result"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints one JSON document.
pub fn json(value: &Value) -> Result<(), Failure> {
    say(&value.to_string())
}

/// Prints rows under their headings, or a sentence on standard error when there is none.
pub fn rows(
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    none: &str,
) -> Result<(), Failure> {
    let text = rendered(headings, rows);
    if text.lines().count() <= 1 {
        eprintln!("{none}");
        return Ok(());
    }
    say(&text)
}

/// Prints names and values below each other.
pub fn facts(facts: &[(&str, String)]) -> Result<(), Failure> {
    say(&rendered_facts(facts))
}

/// Prints a heading above something.
pub fn heading(text: &str) -> Result<(), Failure> {
    say(&format!("\n{}", clean(text)))
}

fn plain() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn trimmed(table: &Table) -> String {
    table
        .lines()
        .map(|line| {
            line.trim_end()
                .strip_prefix(' ')
                .map_or_else(|| line.trim_end().to_owned(), str::to_owned)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn rendered(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = plain();
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)));
    }
    trimmed(&table)
}

fn rendered_facts(facts: &[(&str, String)]) -> String {
    let mut table = plain();
    for (name, value) in facts {
        table.add_row([(*name).to_owned(), clean(value)]);
    }
    trimmed(&table)
}

/// The text on one line, with what could move the cursor or turn the writing direction replaced.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' | '\r' => ' ',
            c if domain::name::printable(c) => c,
            _ => '\u{fffd}',
        })
        .collect()
}

/// An instant to the minute, in UTC.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// An instant, or a dash.
pub fn maybe_minute(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), minute)
}

/// A value, or a dash for what is not known.
pub fn maybe(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The first of a list and how many more: `CVE-2024-1, CVE-2024-2 +3`.
pub fn first_of(items: &[String], shown: usize) -> String {
    let mut text = items
        .iter()
        .take(shown)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > shown {
        text.push_str(&format!(" +{}", items.len() - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_no_blanks_at_the_end_of_lines() {
        let text = rendered(
            &["name", "os"],
            [
                vec!["web-1".to_owned(), "debian 12".to_owned()],
                vec!["a".to_owned(), String::new()],
            ],
        );
        assert_eq!(text, "NAME   OS\nweb-1  debian 12\na");
    }

    #[test]
    fn a_device_cannot_write_over_the_terminal() {
        assert_eq!(
            clean("web\u{1b}[2Jx\u{202e}y\nz"),
            "web\u{fffd}[2Jx\u{fffd}y z"
        );
    }

    #[test]
    fn long_lists_are_counted() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(first_of(&items, 2), "a, b +1");
        assert_eq!(first_of(&items, 3), "a, b, c");
    }
}
