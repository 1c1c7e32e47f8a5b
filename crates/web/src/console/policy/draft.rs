//! A draft of the policy as a form: where it starts from, and what is wrong with it.
//!
//! The form sends one file. What other files say stands on; large policies and those of several
//! files at once are planned on the command line.

use domain::page::PageRequest;
use serde::Deserialize;
use service::policy::{PolicyFile, PolicyProblem, PolicySent, TEMPLATES, template};
use service::{Principal, Service};

use super::super::problem;
use crate::problem::Problem;

/// The file that a draft becomes where nobody names one.
pub(in crate::console) const FILE_BY_DEFAULT: &str = "policy.toml";

/// The longest text that fits into a form when every byte of it may be escaped.
pub(in crate::console) const TEXT_BYTES_MAX: usize = 40_000;

/// More devices than a page can answer for in time.
pub(in crate::console) const DEVICES_MAX: u64 = 20_000;

/// A draft, as typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Draft {
    #[serde(default)]
    pub(in crate::console) file: String,
    #[serde(default)]
    pub(in crate::console) text: String,
    #[serde(default)]
    pub(in crate::console) against: String,
    #[serde(default)]
    pub(in crate::console) note: String,
}

impl Draft {
    /// The text as files have it: browsers end lines of forms in their own way.
    pub(in crate::console) fn tidied(mut self) -> Self {
        self.text = self.text.replace("\r\n", "\n");
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.file = match self.file.trim() {
            "" => FILE_BY_DEFAULT.to_owned(),
            file => file.to_owned(),
        };
        self.note = self.note.trim().to_owned();
        self
    }

    /// What the use case takes.
    pub(in crate::console) fn sent(&self) -> PolicySent {
        PolicySent {
            files: vec![PolicyFile {
                file: self.file.clone(),
                text: self.text.clone(),
            }],
            note: self.note.clone(),
            ..PolicySent::default()
        }
    }
}

/// A text to start from.
pub(in crate::console) struct Start {
    pub(super) value: String,
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// A mistake with the line that it stands in.
pub(in crate::console) struct ProblemRow {
    pub(super) weight: String,
    pub(super) place: String,
    pub(super) what: String,
    pub(super) hint: Option<String>,
    /// The line, and below it a mark at the column.
    pub(super) pointer: String,
}

impl ProblemRow {
    pub(in crate::console) fn new(one: &PolicyProblem, text: &str) -> Self {
        let line = text
            .lines()
            .nth((one.line as usize).saturating_sub(1))
            .unwrap_or_default();
        let pointer = if line.trim().is_empty() {
            String::new()
        } else {
            let number = one.line.to_string();
            let column = (one.column as usize).saturating_sub(1).min(200);
            let blanks = " ".repeat(number.len() + 2 + column);
            format!("{number}  {line}\n{blanks}^")
        };
        Self {
            weight: one.weight.clone(),
            place: format!("{}, line {}, column {}", one.file, one.line, one.column),
            what: problem::sentence(&one.what),
            hint: one.hint.as_deref().map(problem::sentence),
            pointer,
        }
    }

    pub(in crate::console) fn all(problems: &[PolicyProblem], text: &str) -> Vec<Self> {
        problems.iter().map(|one| Self::new(one, text)).collect()
    }
}

/// Why a draft is not taken.
pub(in crate::console) struct Refused {
    pub(super) sentence: String,
    pub(super) hint: Option<String>,
    pub(super) problems: Vec<ProblemRow>,
}

impl Refused {
    /// What a person can correct; `Err`: nobody can.
    pub(in crate::console) fn of(found: Problem, text: &str) -> Result<Self, Problem> {
        if found.status_code().is_server_error() || found.word() == "denied" {
            return Err(found);
        }
        let listed = found.more.get("problems").cloned().unwrap_or_default();
        let problems: Vec<PolicyProblem> = serde_json::from_value(listed).unwrap_or_default();
        let errors = problems.iter().filter(|one| one.weight == "error").count();
        let sentence = match errors {
            0 => problem::sentence(&found.detail),
            1 => "The text has a mistake.".to_owned(),
            many => format!("The text has {many} mistakes."),
        };
        Ok(Self {
            sentence,
            hint: found.hint.as_deref().map(problem::sentence),
            problems: ProblemRow::all(&problems, text),
        })
    }
}

/// What a form can begin with, and the text of the one that was chosen.
#[derive(Default)]
pub(in crate::console) struct Starts {
    pub(super) all: Vec<Start>,
    pub(super) text: Option<(String, String)>,
    /// Why the chosen one is not in the form.
    pub(super) refused: Option<String>,
}

/// The files in force and the templates; `chosen` is `file:NAME` or `template:NAME`.
pub(in crate::console) fn starts(
    service: &Service,
    who: &Principal,
    chosen: &str,
) -> service::Result<Starts> {
    let mut starts = Starts::default();
    let last = PageRequest {
        cursor: None,
        limit: 1,
    };
    let version = service.policy_history(who, &last)?.items.into_iter().next();
    for file in version.map(|one| one.files).unwrap_or_default() {
        let value = format!("file:{file}");
        starts.all.push(Start {
            chosen: value == chosen,
            name: format!("in force: {file}"),
            value,
        });
    }
    for one in TEMPLATES {
        let value = format!("template:{}", one.name);
        starts.all.push(Start {
            chosen: value == chosen,
            name: format!("template {}: {}", one.name, one.summary),
            value,
        });
    }
    if let Some(name) = chosen.strip_prefix("template:") {
        starts.text = template(name).map(|one| (format!("{name}.toml"), one.text.to_owned()));
    }
    if let Some(name) = chosen.strip_prefix("file:") {
        let files = service.policy_export(who)?.files.into_iter();
        starts.text = files
            .filter(|one| one.file == name)
            .map(|one| (one.file, one.text))
            .next();
    }
    let too_long = starts.text.as_ref().map_or(0, |(_, text)| text.len());
    if too_long > TEXT_BYTES_MAX {
        starts.text = None;
        starts.refused = Some(format!(
            "It has {too_long} bytes, more than the {TEXT_BYTES_MAX} that fit into this form."
        ));
    } else if !chosen.is_empty() && starts.text.is_none() {
        starts.refused = Some("There is nothing of this name to start from.".to_owned());
    }
    Ok(starts)
}
