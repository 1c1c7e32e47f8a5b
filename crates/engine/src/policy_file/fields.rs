//! One table of a policy file, read key by key. Every mistake is told; reading goes on.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use domain::query::{Query, SubjectKind};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Row, Shape};
use super::problem::{Problem, Weight, nearest, one_of, shown};
use super::source::Source;
use crate::calendar::first_instant;

/// The most problems that are told.
pub(super) const PROBLEMS_MAX: usize = 10_000;
/// The longest free text, in bytes.
const TEXT_BYTES_MAX: usize = 8_192;
/// The most values of a list.
const LIST_MAX: usize = 1_000;
/// `2026-12-18`.
const DATE_BYTES: usize = 10;

/// Where problems go.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) told: Vec<Problem>,
    /// How many were found, told or not.
    pub(super) errors: usize,
}

impl Problems {
    pub(super) fn tell(
        &mut self,
        weight: Weight,
        source: &Source<'_>,
        offset: usize,
        what: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.errors += usize::from(weight == Weight::Error);
        // The parser of TOML has told about this line.
        if self.told.len() >= PROBLEMS_MAX || source.is_broken(offset..offset) {
            return;
        }
        self.told.push(Problem {
            weight,
            place: source.place(offset),
            what: what.into(),
            suggestion,
        });
    }
}

/// One table.
pub(super) struct Fields<'t, 'a> {
    pub(super) source: &'t Source<'a>,
    table: &'t DeTable<'a>,
    row: &'static Row,
    /// Where it begins: its header, or the opening brace.
    pub(super) at: Range<usize>,
    /// What it is called in messages: ``the window `nightly` ``.
    label: String,
    pub(super) problems: &'t mut Problems,
}

impl<'t, 'a> Fields<'t, 'a> {
    /// Looks at a table: tells about keys that are not known or missing.
    pub(super) fn open(
        source: &'t Source<'a>,
        table: &'t DeTable<'a>,
        row: &'static Row,
        at: Range<usize>,
        problems: &'t mut Problems,
    ) -> Self {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let label = match name {
            Some(name) => format!("the {} `{}`", row.name, shown(name)),
            None => format!("this {}", row.name),
        };
        let mut fields = Self {
            source,
            table,
            row,
            at,
            label,
            problems,
        };
        fields.tell_unknown_and_missing();
        fields
    }

    fn tell_unknown_and_missing(&mut self) {
        let mut end = self.at.end;
        for (key, value) in self.table.iter() {
            end = end.max(value.span().end);
            if self.row.key(key.get_ref()).is_some() {
                continue;
            }
            let names = || self.row.keys.iter().map(|key| key.name);
            let hint = nearest(key.get_ref(), names()).map_or_else(
                || format!("a {} takes {}", self.row.name, one_of(names())),
                |near| format!("did you mean `{near}`?"),
            );
            let what = format!(
                "{} has an unknown key `{}`",
                self.label,
                shown(key.get_ref())
            );
            self.error(key.span().start, what, Some(hint));
        }
        // Where a line is no TOML, what is missing may stand on it.
        if self.source.is_broken(self.at.start..end + 1) {
            return;
        }
        for key in self.row.keys.iter().filter(|key| key.needed) {
            if self.table.get(key.name).is_none() {
                let hint = format!("add `{}`: {}", key.name, key.shape.expected());
                let what = format!("{} has no `{}`", self.label, key.name);
                self.error(self.at.start, what, Some(hint));
            }
        }
    }

    /// What it is called in messages.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Tells about a mistake at an offset.
    pub(super) fn error(&mut self, offset: usize, what: impl Into<String>, hint: Option<String>) {
        self.problems
            .tell(Weight::Error, self.source, offset, what, hint);
    }

    /// Tells about a mistake at a key, or at the table where the key is not there.
    pub(super) fn error_at(&mut self, key: &str, what: impl Into<String>, hint: &str) {
        let offset = self.offset(key);
        self.error(offset, what, Some(hint.to_owned()));
    }

    /// Tells about what is probably not meant, at a key.
    pub(super) fn warn_at(&mut self, key: &str, what: impl Into<String>, hint: &str) {
        let offset = self.offset(key);
        self.problems.tell(
            Weight::Warning,
            self.source,
            offset,
            what,
            Some(hint.to_owned()),
        );
    }

    /// Where a key's value stands; where it is not there, the table.
    pub(super) fn offset(&self, key: &str) -> usize {
        self.table
            .get(key)
            .map_or(self.at.start, |value| value.span().start)
    }

    /// What a key's value looks like.
    pub(super) fn shape(&self, key: &str) -> Option<Shape> {
        self.row.key(key).map(|key| key.shape)
    }

    /// Whether a key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    fn value(&self, key: &str) -> Option<(&'static Key, &'t Spanned<DeValue<'a>>)> {
        debug_assert!(self.row.key(key).is_some(), "{key} is not in the table");
        Some((self.row.key(key)?, self.table.get(key)?))
    }

    fn wrong_type(&mut self, key: &Key, value: &Spanned<DeValue<'a>>) {
        let what = format!("`{}` is {}", key.name, kind_of(value.get_ref()));
        let hint = format!("expected {}", key.shape.expected());
        self.error(value.span().start, what, Some(hint));
    }

    /// A text; told where it is anything else.
    fn str(&mut self, name: &str) -> Option<(&'t str, Range<usize>)> {
        let (key, value) = self.value(name)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text.as_ref(), value.span())),
            _ => {
                self.wrong_type(key, value);
                None
            }
        }
    }

    /// A text, or a date or time of TOML as it is written.
    fn written(&mut self, name: &str) -> Option<(&'t str, Range<usize>)> {
        let (_, value) = self.value(name)?;
        match value.get_ref() {
            DeValue::Datetime(_) => Some((self.source.text.get(value.span())?, value.span())),
            _ => self.str(name),
        }
    }

    /// A value that reads itself from a text.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let (text, span) = self.str(name)?;
        self.read(name, text, &span, |text| text.parse::<T>())
    }

    /// Reads a text, and tells what is wrong with it.
    pub(super) fn read<T, E: Display>(
        &mut self,
        name: &str,
        text: &str,
        span: &Range<usize>,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match read(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let hint = self
                    .row
                    .key(name)
                    .map(|key| format!("expected {}", key.shape.expected()));
                // What is expected stands in the hint.
                let error = error.to_string();
                let what = error.split(": expected ").next().unwrap_or("");
                self.error(span.start, format!("`{name}`: {what}"), hint);
                None
            }
        }
    }

    /// A value that a function reads from a text.
    pub(super) fn read_text<T, E: Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (text, span) = self.str(name)?;
        self.read(name, text, &span, read)
    }

    /// One of a list of words.
    pub(super) fn choice<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let (text, span) = self.str(name)?;
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        let Some(Shape::Choice(words)) = self.row.key(name).map(|key| key.shape) else {
            return None;
        };
        let hint = nearest(text, words.iter().copied()).map_or_else(
            || format!("expected {}", one_of(words.iter().copied())),
            |near| format!("did you mean `{near}`?"),
        );
        let what = format!("`{name}` may not be `{}`", shown(text));
        self.error(span.start, what, Some(hint));
        None
    }

    /// Free text that says something.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let (text, span) = self.str(name)?;
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let why = match text {
            _ if text.trim().is_empty() => "is empty",
            _ if text.len() > TEXT_BYTES_MAX => "is longer than 8192 bytes",
            _ if text.chars().any(control) => "holds a control character",
            _ => return Some(text.to_owned()),
        };
        self.error(
            span.start,
            format!("`{name}` {why}"),
            Some("write it, or take the key out".to_owned()),
        );
        None
    }

    /// A query; everything where the key is not there. A mistake in it is told at its place.
    pub(super) fn query(&mut self, name: &str, kind: SubjectKind) -> Option<Query> {
        if !self.has(name) {
            return Some(Query::everything());
        }
        let (text, span) = self.str(name)?;
        match Query::parse_for(text, kind) {
            Ok(query) => Some(query),
            Err(error) => {
                let offset = self.source.place_in_string(span, error.position);
                let hint = error.suggestion.clone().or_else(|| {
                    let expected: Vec<&str> = error.expected.iter().map(String::as_str).collect();
                    (!expected.is_empty()).then(|| format!("expected {}", one_of(expected)))
                });
                self.error(offset, format!("`{name}`: {}", error.message), hint);
                None
            }
        }
    }

    /// A whole number in the key's bounds.
    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        let (key, value) = self.value(name)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        match (number, key.shape) {
            (Some(number), Shape::Integer(least, most)) if (least..=most).contains(&number) => {
                Some(number)
            }
            (Some(number), Shape::Integer(..)) => {
                let hint = format!("expected {}", key.shape.expected());
                let what = format!("`{name}` may not be {number}");
                self.error(value.span().start, what, Some(hint));
                None
            }
            _ => {
                self.wrong_type(key, value);
                None
            }
        }
    }

    /// A day of the month: a number or a text.
    pub(super) fn number_or_text<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        let (_, value) = self.value(name)?;
        match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => {
                self.read(name, number.as_str(), &value.span(), |text| {
                    text.parse::<T>()
                })
            }
            _ => self.parsed(name),
        }
    }

    /// Several texts, each read; one text alone where `alone` allows it.
    pub(super) fn list<T, E: Display>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let (key, value) = self.value(name)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value);
            return None;
        };
        if items.len() > LIST_MAX {
            let what = format!("`{name}` has more than {LIST_MAX} values");
            self.error(value.span().start, what, None);
            return None;
        }
        let mut values = Some(Vec::new());
        for item in items.iter() {
            let text = match item.get_ref() {
                DeValue::String(text) => Some(text.as_ref()),
                DeValue::Datetime(_) => self.source.text.get(item.span()),
                _ => None,
            };
            let Some(text) = text else {
                self.wrong_type(key, item);
                values = None;
                continue;
            };
            match (self.read(name, text, &item.span(), &read), &mut values) {
                (Some(one), Some(values)) => values.push(one),
                _ => values = None,
            }
        }
        values
    }

    /// Tables below this one.
    pub(super) fn tables(&mut self, name: &str) -> Option<Vec<(&'t DeTable<'a>, Range<usize>)>> {
        let (key, value) = self.value(name)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value);
            return None;
        };
        let mut tables = Vec::new();
        for item in items.iter().take(LIST_MAX) {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                _ => self.wrong_type(key, item),
            }
        }
        Some(tables)
    }

    /// One table below this one.
    pub(super) fn table(&mut self, name: &str) -> Option<(&'t DeTable<'a>, Range<usize>)> {
        let (key, value) = self.value(name)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            _ => {
                self.wrong_type(key, value);
                None
            }
        }
    }

    /// A date that exists.
    pub(super) fn date(&mut self, name: &str) -> Option<Date> {
        let (text, span) = self.written(name)?;
        self.read(name, text, &span, domain::window::date_from_text)
    }

    /// A local date and time. A date alone is refused: whether its day is meant to be inside cannot
    /// be told.
    pub(super) fn local(&mut self, name: &str) -> Option<DateTime> {
        let (text, span) = self.written(name)?;
        self.read(name, text, &span, |text| match local_from_text(text) {
            Ok(_) if text.len() == DATE_BYTES => {
                Err(format!("`{}` is a date without a time", shown(text)))
            }
            read => read,
        })
    }

    /// An instant: with an offset, or local in the zone of the key `zone`, which is UTC without it.
    pub(super) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        let zone = self.zone_of_instants();
        let (text, span) = self.written(name)?;
        let zone = zone?;
        self.read(name, text, &span, |text| instant_from_text(text, &zone))
    }

    fn zone_of_instants(&mut self) -> Option<TimeZone> {
        if !self.has("zone") {
            return Some(TimeZone::UTC);
        }
        self.named_zone("zone").map(|(_, zone)| zone)
    }

    /// A zone that is one for all devices.
    pub(super) fn named_zone(&mut self, name: &str) -> Option<(String, TimeZone)> {
        let (text, span) = self.str(name)?;
        self.read(name, text, &span, |text| {
            TimeZone::get(text)
                .map(|zone| (text.to_owned(), zone))
                .map_err(|_| format!("`{}` is not a time zone", shown(text)))
        })
    }
}

/// Reads `2026-12-18T00:00`, with or without seconds; a date alone is its midnight.
fn local_from_text(text: &str) -> Result<DateTime, String> {
    let refuse = || format!("`{}` is not a local date and time", shown(text));
    let shape: String = text
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            't' | ' ' => 'T',
            other => other,
        })
        .collect();
    match shape.as_str() {
        "0000-00-00" | "0000-00-00T00:00" | "0000-00-00T00:00:00" => {
            // Both forms of TOML's separator are read as `T`; a leap second is not a local time.
            let text = text.replace([' ', 't'], "T");
            if text.get(17..).is_some_and(|seconds| seconds == "60") {
                return Err(refuse());
            }
            match text.parse::<DateTime>() {
                Ok(local) => Ok(local),
                Err(_) => Err(format!("`{text}` does not exist")),
            }
        }
        _ => Err(refuse()),
    }
}

/// Reads an instant; a local one is meant in `zone`.
fn instant_from_text(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let refuse = || format!("`{}` is not a date and time", shown(text));
    if text.len() <= 19
        && let Ok(local) = local_from_text(text)
    {
        return first_instant(zone, local).ok_or_else(refuse);
    }
    text.replacen(' ', "T", 1)
        .parse::<Timestamp>()
        .map_err(|_| refuse())
}

/// What a value is, for messages.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
