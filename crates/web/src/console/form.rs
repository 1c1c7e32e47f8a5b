//! Fields of longer forms: what was typed, and what is wrong with it at the field itself.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use domain::page::PageRequest;
use domain::query::{Query as Selection, SubjectKind};
use jiff::civil::{Date, DateTime};
use service::by_hand::FieldProblem;
use service::{Principal, Service};

use super::problem::sentence;
use crate::problem::Problem;

/// Most zones that a form offers.
const ZONES_OFFERED: usize = 50;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub what: String,
    /// A query with carets below the place; empty where there is none.
    pub pointer: String,
    /// What to write instead.
    pub hint: String,
}

/// What is wrong with a form: by field, and with the whole of it (under the empty name).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(BTreeMap<String, Vec<Told>>);

impl Mistakes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub fn tell(&mut self, field: &str, what: &str, hint: &str) {
        self.0.entry(field.to_owned()).or_default().push(Told {
            what: sentence(what),
            pointer: String::new(),
            hint: sentence(hint),
        });
    }

    /// What the use case found wrong; what a person cannot correct stays a problem.
    pub fn of(problem: Problem) -> Result<Self, Problem> {
        let mut mistakes = Self::default();
        if problem.status_code().is_server_error() || problem.word() == "denied" {
            return Err(problem);
        }
        let told = |name: &str| problem.more.get(name).cloned().unwrap_or_default();
        let fields: Vec<FieldProblem> = serde_json::from_value(told("fields")).unwrap_or_default();
        for one in &fields {
            mistakes.tell(&one.field, &one.what, one.hint.as_deref().unwrap_or(""));
        }
        if fields.is_empty() {
            let hint = problem.hint.as_deref().unwrap_or("");
            match problem.word() {
                "query" => mistakes.query(
                    told("place").as_str().unwrap_or_default(),
                    told("query").as_str().unwrap_or_default(),
                ),
                // What a query names and is not there.
                "not-found" | "ambiguous" => mistakes.tell("for", &problem.detail, hint),
                _ => {
                    let field = told("field");
                    let field = field.as_str().unwrap_or_default();
                    let what = problem.detail.strip_prefix(&format!("{field}: "));
                    mistakes.tell(field, what.unwrap_or(&problem.detail), hint);
                }
            }
        }
        Ok(mistakes)
    }

    /// Explains what is wrong with a query, with its place.
    pub fn query(&mut self, field: &str, text: &str) {
        let kind = match field {
            "patches" => SubjectKind::Patch,
            _ => SubjectKind::Device,
        };
        let Err(mistake) = Selection::parse_for(text, kind) else {
            return;
        };
        let expected = match mistake.expected.as_slice() {
            [] => String::new(),
            some => format!("Expected here: {}.", some.join(", ")),
        };
        self.0.insert(
            field.to_owned(),
            vec![Told {
                what: sentence(&format!("{} at column {}", mistake.message, mistake.column)),
                pointer: mistake.pointer(text),
                hint: mistake.suggestion.as_deref().map_or(expected, sentence),
            }],
        );
    }

    /// Together with what the use case found wrong. What it says of the whole follows from what is
    /// known to be wrong already, and so does a second thing about a field.
    pub fn and(mut self, others: Self) -> Self {
        let known = !self.is_empty();
        for (field, told) in others.0 {
            if !(known && field.is_empty()) {
                self.0.entry(field).or_insert(told);
            }
        }
        self
    }

    /// What is wrong with a field.
    pub fn at(&self, field: &str) -> Vec<Told> {
        self.0.get(field).cloned().unwrap_or_default()
    }

    /// What is wrong with none of these fields, so that it has to be said above them.
    pub fn elsewhere(&self, fields: &[&str]) -> Vec<Told> {
        let others = self
            .0
            .iter()
            .filter(|(field, _)| !fields.contains(&field.as_str()));
        others.flat_map(|(_, told)| told.clone()).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// One line to type, with its label, hint and mistakes.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/field.html")]
pub struct Line {
    name: &'static str,
    label: &'static str,
    value: String,
    kind: &'static str,
    class: &'static str,
    hint: &'static str,
    example: &'static str,
    list: &'static str,
    told: Vec<Told>,
}
// A template of its own, that escapes what it shows.
impl HtmlSafe for Line {}

impl Line {
    /// A line of text.
    pub fn new(
        name: &'static str,
        label: &'static str,
        value: &str,
        hint: &'static str,
        mistakes: &Mistakes,
    ) -> Self {
        Self {
            name,
            label,
            value: value.to_owned(),
            kind: "text",
            class: "",
            hint,
            example: "",
            list: "",
            told: mistakes.at(name),
        }
    }

    /// A query.
    pub fn query(mut self) -> Self {
        self.class = "query";
        self
    }

    /// Of another kind: `date`, `datetime-local`. What no such field can show is shown as text, so
    /// that it is not lost.
    pub fn kind(mut self, kind: &'static str) -> Self {
        let shown = match kind {
            "date" => self.value.parse::<Date>().is_ok(),
            _ => self.value.parse::<DateTime>().is_ok(),
        };
        if self.value.is_empty() || (shown && self.told.is_empty()) {
            self.kind = kind;
        }
        self
    }

    /// What stands there until something is typed.
    pub fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// With the offers of a list of the page.
    pub fn offered(mut self, list: &'static str) -> Self {
        self.list = list;
        self
    }
}

/// The zones that a form offers: those of the sites in reach.
pub fn zones(service: &Service, who: &Principal) -> service::Result<Vec<String>> {
    let sites = service.site_list(who, None, &PageRequest::default())?;
    let mut zones: Vec<String> = sites.items.into_iter().map(|site| site.zone).collect();
    zones.sort();
    zones.dedup();
    zones.truncate(ZONES_OFFERED);
    Ok(zones)
}
