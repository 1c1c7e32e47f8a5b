//! The written policy as a page, and as a file to print, sign and keep.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use domain::access;
use jiff::Timestamp;
use serde::Deserialize;
use service::policy::{
    Entry, Exception, Outcome, Section, Selection, WindowPlan, Written, written_html,
};
use service::{Permission, Principal};

use super::super::parts::minute;
use super::super::{Area, Rendered, Shell, address, page};
use super::kind_name;
use crate::ask::Asked;
use crate::state::AppState;

/// For whom it is wanted.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct DocumentAsked {
    #[serde(default)]
    client: String,
}

impl DocumentAsked {
    fn client(&self) -> Option<String> {
        Some(self.client.trim().to_owned()).filter(|name| !name.is_empty())
    }
}

struct EntryRow {
    name: String,
    kind: Option<&'static str>,
    sentences: Vec<String>,
    queries: Vec<(String, String)>,
}

fn queries(all: Vec<Selection>) -> Vec<(String, String)> {
    all.into_iter()
        .filter(|one| !one.query.is_empty())
        .map(|one| (one.of, one.query))
        .collect()
}

impl EntryRow {
    fn new(entry: Entry, section: &str) -> Self {
        // Who answers is a person, not an object.
        let person = section == "who" && entry.queries.is_empty();
        Self {
            kind: (!person).then(|| kind_name(entry.kind)),
            name: entry.name,
            sentences: entry.sentences,
            queries: queries(entry.queries),
        }
    }
}

struct SectionPart {
    key: &'static str,
    heading: &'static str,
    empty: &'static str,
    entries: Vec<EntryRow>,
    windows: Vec<WindowPlan>,
}

struct ExceptionRow {
    name: String,
    what: &'static str,
    sentence: String,
    queries: Vec<(String, String)>,
    owner: String,
    until: String,
    why: String,
}

impl ExceptionRow {
    fn new(one: Exception) -> Self {
        Self {
            name: one.name,
            what: one.what,
            sentence: one.sentence,
            queries: queries(one.queries),
            owner: one.owner.unwrap_or_else(|| "nobody is named".to_owned()),
            until: one.until.map_or_else(
                || "it is taken out".to_owned(),
                |at| format!("{} UTC", minute(at)),
            ),
            why: one.why,
        }
    }
}

struct StepRow {
    number: usize,
    question: String,
    yes: String,
    no: String,
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Step(number) => format!("go to step {number}"),
        Outcome::End(text) => text,
    }
}

#[derive(Template)]
#[template(path = "pages/policy/document.html")]
pub(in crate::console) struct DocumentPage {
    shell: Shell,
    title: String,
    provider: Option<String>,
    version: Option<String>,
    at: String,
    may_see_all: bool,
    client: String,
    clients: Vec<String>,
    file: String,
    preamble: Vec<String>,
    unreadable: Vec<String>,
    sections: Vec<SectionPart>,
    exceptions: Vec<ExceptionRow>,
    tree: Vec<StepRow>,
    signatures: [String; 2],
}

impl DocumentPage {
    pub(in crate::console) fn new(
        who: &Principal,
        written: Written,
        clients: Vec<String>,
        now: Timestamp,
    ) -> Self {
        let client = written.client.clone().unwrap_or_default();
        let mut windows = written.windows;
        let mut section = |section: Section| SectionPart {
            windows: if section.key == "when" {
                std::mem::take(&mut windows)
            } else {
                Vec::new()
            },
            key: section.key,
            heading: section.heading,
            empty: section.empty,
            entries: section
                .entries
                .into_iter()
                .map(|entry| EntryRow::new(entry, section.key))
                .collect(),
        };
        let pairs: &[(&str, &str)] = if client.is_empty() {
            &[]
        } else {
            &[("client", &client)]
        };
        Self {
            shell: Shell::new(written.title.clone(), Area::Policy, Some(who), now),
            title: written.title,
            at: format!("{} UTC", minute(written.at)),
            may_see_all: access::check(who, Permission::WholeProvider).is_ok(),
            file: address("/policy/document/file", pairs),
            clients,
            preamble: written.preamble,
            unreadable: written.unreadable,
            sections: written.sections.into_iter().map(&mut section).collect(),
            exceptions: written
                .exceptions
                .into_iter()
                .map(ExceptionRow::new)
                .collect(),
            tree: written
                .tree
                .into_iter()
                .map(|step| StepRow {
                    number: step.number,
                    question: step.question,
                    yes: outcome(step.yes),
                    no: outcome(step.no),
                })
                .collect(),
            signatures: [
                written
                    .provider
                    .clone()
                    .unwrap_or_else(|| "the provider".to_owned()),
                written.client.unwrap_or_else(|| "the client".to_owned()),
            ],
            provider: written.provider,
            version: written.version,
            client,
        }
    }
}

/// `GET /policy/document`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<DocumentAsked>,
) -> Rendered {
    let person = who.clone();
    let (written, clients) = state
        .run(move |service| {
            let written = service.policy_written(&person, asked.client().as_deref())?;
            Ok((written, super::super::client_names(service, &person)?))
        })
        .await?;
    page(&DocumentPage::new(
        &who,
        written,
        clients,
        state.service().now(),
    ))
}

/// The name of the file: letters and digits alone, so that every system takes it.
pub(in crate::console) fn file_name(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
        if name.len() >= 80 {
            break;
        }
    }
    format!("{}.html", name.trim_end_matches('-'))
}

/// `GET /policy/document/file`
pub async fn file(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<DocumentAsked>,
) -> Rendered {
    let written = state
        .run(move |service| service.policy_written(&who, asked.client().as_deref()))
        .await?;
    let name = format!("attachment; filename=\"{}\"", file_name(&written.title));
    Ok((
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ],
        written_html(&written),
    )
        .into_response())
}
