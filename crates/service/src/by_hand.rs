//! Objects of the policy that a person makes by hand: read by the one reader of policy files.
//!
//! What was typed becomes the table that a file would have, one key a line, so that the line of a
//! mistake names the field that it stands in.

use std::fmt::Write as _;

use domain::policy::PolicyKind;
use engine::policy_file::{self, PolicyFiles, quoted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, ServiceError};

/// What is wrong with one field of something made by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Which field; empty: the whole.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A table as it grows; each line is remembered with its field.
pub(crate) struct Written {
    kind: PolicyKind,
    text: String,
    fields: Vec<&'static str>,
}

impl Written {
    /// The header of one object.
    pub fn new(kind: PolicyKind) -> Self {
        Self {
            kind,
            text: format!("[[{kind}]]\n"),
            fields: vec![""],
        }
    }

    fn line(&mut self, field: &'static str, value: &str) {
        // Writing into a text cannot fail.
        let _ = writeln!(self.text, "{field} = {value}");
        self.fields.push(field);
    }

    /// A text that must be there: an empty one is told to be wrong.
    pub fn text(&mut self, field: &'static str, value: &str) {
        self.line(field, &quoted(value.trim()));
    }

    /// A text, left out where it says nothing.
    pub fn maybe(&mut self, field: &'static str, value: Option<&str>) {
        if let Some(value) = said(value) {
            self.text(field, value);
        }
    }

    /// A whole number.
    pub fn number(&mut self, field: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.line(field, &value.to_string());
        }
    }

    /// Several texts, left out where there is none.
    pub fn texts<'v>(&mut self, field: &'static str, values: impl IntoIterator<Item = &'v str>) {
        let values: Vec<String> = values
            .into_iter()
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(quoted)
            .collect();
        if !values.is_empty() {
            self.line(field, &format!("[{}]", values.join(", ")));
        }
    }

    /// The header of a table inside the object: what follows stands in it.
    pub fn inside(&mut self, field: &'static str) {
        let _ = writeln!(self.text, "[{}.{field}]", self.kind);
        self.fields.push(field);
    }

    /// Reads the table; every mistake is told with its field.
    pub fn read(self) -> Result<PolicyFiles> {
        let files = [("by hand".to_owned(), self.text)];
        policy_file::read(&files).map_err(|problems| {
            let errors = problems.into_iter().filter(|problem| problem.is_error());
            let problems = errors.map(|problem| {
                let at = problem.place.line.saturating_sub(1);
                let field = self.fields.get(at).copied().unwrap_or_default();
                let what = problem.what.strip_prefix(&format!("`{field}`: "));
                FieldProblem {
                    field: field.to_owned(),
                    what: match what.unwrap_or(&problem.what) {
                        empty if empty.starts_with("``") => "nothing is written here".to_owned(),
                        what => what.to_owned(),
                    },
                    hint: problem.suggestion.as_deref().map(unquoted),
                }
            });
            ServiceError::Fields {
                problems: problems.collect(),
            }
        })
    }
}

/// A hint without the marks that only a file needs around texts and lists.
fn unquoted(hint: &str) -> String {
    hint.replace(" in quotes", "").replace(['"', '[', ']'], "")
}

fn said(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_the_field_it_stands_in() {
        let mut written = Written::new(PolicyKind::Freeze);
        written.text("name", "Christmas");
        written.maybe("for", Some("client:Acme"));
        written.text("zone", "Europe/Berlim");
        written.text("from", "2026-12-18T00:00");
        written.text("until", "2026-02-30T00:00");
        let ServiceError::Fields { problems } = written.read().unwrap_err() else {
            panic!("not told field by field");
        };
        let fields: Vec<&str> = problems.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["zone", "until"], "{problems:?}");
        assert!(
            problems.iter().all(|one| one.hint.is_some()),
            "{problems:?}"
        );
    }

    #[test]
    fn what_was_typed_stays_a_text_and_becomes_no_key() {
        let mut written = Written::new(PolicyKind::Freeze);
        written.text("name", "a\"\nfor = \"client:Other");
        written.text("from", "2026-12-18T00:00");
        written.text("until", "2026-12-19T00:00");
        let ServiceError::Fields { problems } = written.read().unwrap_err() else {
            panic!("not told field by field");
        };
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].field, "name");
    }
}
