//! Deciding by form: say what, look at what it touches, save; and ending a decision.
//!
//! The preview is the use case's own dry run, so that what is shown is what will be saved.

pub mod edit;
pub mod end;
pub mod list;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use domain::access;
use domain::decision::{Level, Word};
use domain::query::{Field, Query as Selection, QueryError, SubjectKind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use service::decision::{DecisionEdit, DecisionItem, DecisionMade, DecisionRival, NewDecision};
use service::{Permission, Principal};

use super::device::devices_counted;
use super::parts::{Mark, Moment, minute, query_shown};
use super::{Area, Rendered, Shell, counted, page};
use crate::ask::{Asked, Filled};
use crate::problem::Problem;
use crate::state::AppState;

/// The form, as typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct DecisionForm {
    #[serde(default)]
    pub(super) word: String,
    #[serde(default)]
    pub(super) patches: String,
    #[serde(default, rename = "for")]
    pub(super) devices: String,
    #[serde(default)]
    pub(super) level: String,
    #[serde(default)]
    pub(super) until: String,
    /// Of a pin: the newest version that may be installed.
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) reason: String,
}

impl DecisionForm {
    /// The form of a decision that stands.
    fn of(decision: &DecisionItem) -> Self {
        Self {
            word: decision.word.to_string(),
            patches: decision.patches.clone(),
            devices: decision.devices.clone(),
            level: decision.level.to_string(),
            until: decision.until.map(|at| at.to_string()).unwrap_or_default(),
            version: decision.version.clone().unwrap_or_default(),
            reason: decision.reason.clone(),
        }
    }

    /// What is to be different about a decision.
    fn edit(&self, before: &DecisionItem, dry_run: bool) -> Result<DecisionEdit, Refusal> {
        let wanted = self.read(dry_run)?;
        if before.until.is_some() && wanted.until.is_none() {
            return Err(
                Refusal::new("A decision that ends cannot be made endless here.")
                    .hint("Write a later day, or end it and make a new one."),
            );
        }
        Ok(DecisionEdit {
            patches: Some(wanted.patches),
            // The same devices leave it as close as it was.
            devices: (wanted.devices != before.devices).then_some(wanted.devices),
            until: wanted.until,
            version: wanted.version,
            reason: Some(wanted.reason),
            dry_run,
        })
    }

    fn devices_shown(&self) -> String {
        query_shown(&self.devices)
    }

    /// Reads the form from an address: `patch` may stand there many times (the picked ones), and
    /// `filter` takes their place when none was picked.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> (Self, bool) {
        let (mut form, mut picked, mut filter, mut preview) =
            (Self::default(), Vec::new(), String::new(), false);
        for (name, value) in pairs {
            match name.as_str() {
                "word" => form.word = value,
                "patches" => form.patches = value.trim().to_owned(),
                "for" => form.devices = value.trim().to_owned(),
                "level" => form.level = value,
                "until" => form.until = value.trim().to_owned(),
                "version" => form.version = value.trim().to_owned(),
                "reason" => form.reason = value.trim().to_owned(),
                "patch" => picked.push(value),
                "filter" => filter = value,
                "preview" => preview = true,
                _ => {}
            }
        }
        if form.word.is_empty() {
            form.word = Word::Approve.to_string();
        }
        if form.patches.is_empty() {
            form.patches = if picked.is_empty() {
                filter.trim().to_owned()
            } else {
                patches_query(&picked)
            };
        }
        (form, preview)
    }

    /// The use case's input, or what is wrong with the form.
    pub(super) fn read(&self, dry_run: bool) -> Result<NewDecision, Refusal> {
        let word = self.word.parse().map_err(|_| {
            Refusal::new("Choose what is decided: approve, hold, deny, accept the risk or pin.")
        })?;
        for (text, kind, what) in [
            (&self.patches, SubjectKind::Patch, "patches"),
            (&self.devices, SubjectKind::Device, "devices"),
        ] {
            Selection::parse_for(text, kind)
                .map_err(|mistake| Refusal::query(what, text, &mistake))?;
        }
        if self.patches.is_empty() {
            return Err(Refusal::new("Say which patches.").hint(
                "To decide about all patches at once, write what they have in common, such as severity>=low.",
            ));
        }
        if self.reason.is_empty() {
            return Err(Refusal::new("Say why.")
                .hint("One sentence is enough; it is shown with every answer to “why not?”."));
        }
        let until = until_from_text(&self.until)?;
        if word == Word::AcceptRisk && until.is_none() {
            return Err(Refusal::new("Say until when the risk is accepted.")
                .hint("Write a day such as 2026-12-24: then the patch is open again."));
        }
        let level = match self.level.as_str() {
            "" => None,
            level => Some(
                level
                    .parse()
                    .map_err(|_| Refusal::new("This level is not known."))?,
            ),
        };
        Ok(NewDecision {
            word,
            patches: self.patches.clone(),
            devices: self.devices.clone(),
            level,
            until,
            version: (word == Word::Pin && !self.version.is_empty()).then(|| self.version.clone()),
            reason: self.reason.clone(),
            dry_run,
        })
    }
}

/// The query for exactly these patches.
fn patches_query(ids: &[String]) -> String {
    let values: Vec<String> = ids
        .iter()
        .filter_map(|id| Selection::of(Field::Patch, id).ok())
        .map(|query| query.to_string())
        .filter_map(|query| query.strip_prefix("patch:").map(str::to_owned))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!("patch:{}", values.join(","))
    }
}

/// Reads a day (its first instant in UTC) or an instant; nothing is no end.
fn until_from_text(text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = || {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let instant = text.parse::<Timestamp>().ok();
    instant.or_else(day).map(Some).ok_or_else(|| {
        Refusal::new(format!("“{text}” is not a day or a time.")).hint(
            "Write a day such as 2026-12-24, or a time with its zone such as 2026-12-24T06:00Z.",
        )
    })
}

/// Why a form is not taken.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    message: String,
    pointer: String,
    hint: String,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            pointer: String::new(),
            hint: String::new(),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    fn query(what: &str, text: &str, mistake: &QueryError) -> Self {
        let expected = if mistake.expected.is_empty() {
            String::new()
        } else {
            format!("Expected here: {}.", mistake.expected.join(", "))
        };
        Self {
            message: format!(
                "The query for {what} cannot be read: {} at column {}.",
                mistake.message, mistake.column
            ),
            pointer: mistake.pointer(text),
            hint: mistake.suggestion.clone().unwrap_or(expected),
        }
    }
}

/// What a decision would touch.
pub(super) struct Preview {
    patches_sentence: String,
    patches: Vec<String>,
    devices_sentence: String,
    devices: Vec<String>,
    needed: Vec<String>,
    loses_to: Vec<RivalRow>,
    beats: Vec<RivalRow>,
    first_due: Option<Moment>,
    never_due: &'static str,
    until: String,
    button: String,
}

/// Something else that matches the same patches.
struct RivalRow {
    says: String,
    object: String,
    level: String,
}

fn rivals(rivals: Vec<DecisionRival>) -> Vec<RivalRow> {
    let row = |one: DecisionRival| RivalRow {
        says: one.says,
        object: one.object,
        level: one.level.to_string(),
    };
    rivals.into_iter().map(row).collect()
}

impl Preview {
    fn new(made: DecisionMade, wanted: &NewDecision, now: Timestamp) -> Self {
        Self {
            patches_sentence: match made.patches_count {
                0 => "none is missing on these devices today".to_owned(),
                number => format!(
                    "{} missing today",
                    counted(number as usize, "patch", "patches")
                ),
            },
            patches: made.patches,
            devices_sentence: match made.devices_count {
                0 => "no device misses such a patch today".to_owned(),
                number => format!(
                    "{} such a patch today",
                    if number == 1 {
                        "one device misses".to_owned()
                    } else {
                        let clients = counted(made.clients_count as usize, "client", "clients");
                        format!("{} of {clients} miss", devices_counted(number))
                    }
                ),
            },
            devices: made.devices,
            needed: made.needed,
            loses_to: rivals(made.loses_to),
            beats: rivals(made.beats),
            first_due: made.first_due_at.map(|at| Moment::new(at, now)),
            never_due: match wanted.word {
                Word::Approve => {
                    "never, as things stand: no such device is managed and has a change window. “Why not?” on the device's page names the gate."
                }
                Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny => {
                    "nothing: this decision forbids, it does not install"
                }
            },
            until: wanted.until.map_or_else(
                || "somebody ends it".to_owned(),
                |at| format!("{} UTC", minute(at)),
            ),
            button: match wanted.word {
                Word::Approve => "Approve it",
                Word::Hold => "Hold it",
                Word::AcceptRisk => "Accept the risk",
                Word::Pin => "Pin it",
                Word::Deny => "Deny it",
            }
            .to_owned(),
        }
    }
}

/// One level to choose.
struct LevelChoice {
    name: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "pages/decision/new.html")]
pub(super) struct DecisionPage {
    shell: Shell,
    heading: String,
    step: u8,
    instead: bool,
    ask: String,
    save: String,
    form: DecisionForm,
    word_mark: Mark,
    levels: Vec<LevelChoice>,
    refused: Option<Refusal>,
    preview: Option<Preview>,
    denied: Option<String>,
}

/// What the page of a new decision knows.
pub(super) enum Stage {
    /// Nothing was asked yet.
    Asked,
    /// The form was refused.
    Refused(Refusal),
    /// The dry run.
    Previewed(Box<DecisionMade>, NewDecision),
}

impl DecisionPage {
    pub(super) fn new(who: &Principal, form: DecisionForm, stage: Stage, now: Timestamp) -> Self {
        Self::about(who, None, form, stage, now)
    }

    /// The page of a decision that stands instead of another: its id.
    pub(super) fn about(
        who: &Principal,
        instead: Option<&str>,
        form: DecisionForm,
        stage: Stage,
        now: Timestamp,
    ) -> Self {
        let word: Word = form.word.parse().unwrap_or(Word::Approve);
        let (refused, preview) = match stage {
            Stage::Asked => (None, None),
            Stage::Refused(refusal) => (Some(refusal), None),
            Stage::Previewed(made, wanted) => (None, Some(Preview::new(*made, &wanted, now))),
        };
        let heading = match word {
            Word::Approve => "Approve patches",
            Word::Hold => "Hold patches",
            Word::AcceptRisk => "Accept the risk of patches",
            Word::Pin => "Pin patches",
            Word::Deny => "Deny patches",
        };
        let heading = if instead.is_some() {
            "Change a decision"
        } else {
            heading
        };
        Self {
            shell: Shell::new(heading, Area::Policy, Some(who), now),
            heading: heading.to_owned(),
            step: if preview.is_some() { 2 } else { 1 },
            instead: instead.is_some(),
            ask: instead.map_or_else(
                || "/decisions/new".to_owned(),
                |id| format!("/decisions/{id}/edit"),
            ),
            save: instead.map_or_else(
                || "/decisions".to_owned(),
                |id| format!("/decisions/{id}/edit"),
            ),
            word_mark: Mark::word(word),
            levels: Level::ALL
                .iter()
                .map(|level| LevelChoice {
                    name: level.word(),
                    chosen: form.level == level.word(),
                })
                .collect(),
            form,
            refused,
            preview,
            denied: access::check(who, Permission::Decide)
                .err()
                .map(|denied| format!("{denied}.")),
        }
    }
}

/// Asks the use case; what a person can correct comes back as a refusal.
async fn ask(
    state: &AppState,
    who: &Principal,
    form: &DecisionForm,
    dry_run: bool,
) -> Result<Result<(DecisionMade, NewDecision), Refusal>, Problem> {
    let wanted = match form.read(dry_run) {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (person, asked) = (who.clone(), wanted.clone());
    match state
        .run(move |service| service.decision_add(&person, &asked))
        .await
    {
        Ok(made) => Ok(Ok((made, wanted))),
        Err(problem) if problem.status_code().is_server_error() => Err(problem),
        Err(problem) => Ok(Err(Refusal::new(super::problem::sentence(&problem.detail))
            .hint(problem.hint.unwrap_or_default()))),
    }
}

/// `GET /decisions/new`
pub async fn new(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Rendered {
    let (form, preview) = DecisionForm::from_pairs(pairs);
    let stage = if preview {
        match ask(&state, &who, &form, true).await? {
            Ok((made, wanted)) => Stage::Previewed(Box::new(made), wanted),
            Err(refusal) => Stage::Refused(refusal),
        }
    } else {
        Stage::Asked
    };
    page(&DecisionPage::new(&who, form, stage, state.service().now()))
}

/// `POST /decisions`
pub async fn save(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Filled(form): Filled<DecisionForm>,
) -> Rendered {
    match ask(&state, &who, &form, false).await? {
        Ok(_) => Ok(Redirect::to("/decisions?done=decided").into_response()),
        Err(refusal) => {
            let stage = Stage::Refused(refusal);
            let body = page(&DecisionPage::new(&who, form, stage, state.service().now()))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response())
        }
    }
}
