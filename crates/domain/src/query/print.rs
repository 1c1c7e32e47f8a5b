//! The printer: a tree to its one canonical text, never longer than the text it was parsed from.

use std::fmt::{self, Write};

use super::{
    Condition, Expr, OsPattern, PackagePattern, Pattern, Query, Term,
    parse::{ends_value, is_foreign},
    value::{Elapsed, OsVersion},
};

/// Where a value stands decides which characters need quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// First of a term without a field.
    BareFirst,
    /// Later in a term without a field.
    BareLater,
    /// After a field.
    AfterField,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        f.write_char(' ')?;
                    }
                    write!(f, "{part}")?;
                }
                Ok(())
            }
            Self::Not(part) if matches!(**part, Self::Term(_)) => write!(f, "-{part}"),
            Self::Not(part) => write!(f, "-({part})"),
            Self::Term(term) => write!(f, "{term}"),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field {
            f.write_str(field.name())?;
        }
        let listed = if self.field.is_some() { ":" } else { "" };
        match &self.condition {
            Condition::Present => write!(f, "{listed}*"),
            Condition::Text(patterns) => {
                f.write_str(listed)?;
                for (index, pattern) in patterns.iter().enumerate() {
                    let place = match (self.field, index) {
                        (Some(_), _) => Place::AfterField,
                        (None, 0) => Place::BareFirst,
                        (None, _) => Place::BareLater,
                    };
                    separate(f, index)?;
                    write_pattern(f, pattern, place)?;
                }
                Ok(())
            }
            Condition::Choice(choices) => {
                f.write_str(listed)?;
                for (index, choice) in choices.iter().enumerate() {
                    separate(f, index)?;
                    f.write_str(choice.name)?;
                }
                Ok(())
            }
            Condition::Order(comparison, choice) => {
                write!(f, "{}{}", comparison.sign(), choice.name)
            }
            Condition::Elapsed(comparison, elapsed) => {
                write!(f, "{}{elapsed}", comparison.sign())
            }
            Condition::Os(systems) => {
                f.write_str(listed)?;
                for (index, OsPattern { name, bound }) in systems.iter().enumerate() {
                    separate(f, index)?;
                    write_pattern(f, name, Place::AfterField)?;
                    if let Some((comparison, version)) = bound {
                        write!(f, "{}{version}", comparison.sign())?;
                    }
                }
                Ok(())
            }
            Condition::Packages(packages) => {
                f.write_str(listed)?;
                for (index, PackagePattern { name, bound }) in packages.iter().enumerate() {
                    separate(f, index)?;
                    write_pattern(f, name, Place::AfterField)?;
                    if let Some((comparison, version)) = bound {
                        f.write_str(comparison.sign())?;
                        let version = Pattern::from_pieces(vec![version.clone()]);
                        write_pattern(f, &version, Place::AfterField)?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count(), self.unit().letter())
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Returns the text in quotes, as one exact value.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    push_escaped(&mut quoted, text);
    quoted.push('"');
    quoted
}

fn separate(f: &mut fmt::Formatter<'_>, index: usize) -> fmt::Result {
    if index > 0 { f.write_char(',') } else { Ok(()) }
}

fn write_pattern(f: &mut fmt::Formatter<'_>, pattern: &Pattern, place: Place) -> fmt::Result {
    let plain = pattern.pieces().join("*");
    let literal_star = pattern.pieces().iter().any(|piece| piece.contains('*'));
    let bare = place != Place::AfterField;
    if !(literal_star
        || plain.contains(|char| ends_value(char) || bare && char == ':')
        || bare && is_foreign(&plain)
        || place == Place::BareFirst && plain.starts_with('-'))
    {
        return f.write_str(&plain);
    }
    let mut text = String::from('"');
    for (index, piece) in pattern.pieces().iter().enumerate() {
        if index > 0 {
            text.push('*');
        }
        push_escaped(&mut text, piece);
    }
    text.push('"');
    f.write_str(&text)
}

fn push_escaped(text: &mut String, piece: &str) {
    for char in piece.chars() {
        if matches!(char, '"' | '\\' | '*') {
            text.push('\\');
        }
        text.push(char);
    }
}
