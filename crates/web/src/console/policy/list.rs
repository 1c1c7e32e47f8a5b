//! Everything in force: each object in one sentence, with its owner and its age.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access;
use domain::policy::PolicyKind;
use jiff::Timestamp;
use serde::Deserialize;
use service::policy::{KINDS_SHOWN, PolicyLine, PolicyLook, PolicyOverview, PolicyProblem};
use service::{Permission, Principal, ServiceError};

use super::super::parts::{Moment, query_shown};
use super::super::report::Figure;
use super::super::{Area, Done, PAGE_ITEMS, Rendered, Shell, address, page, problem};
use super::{Since, href, kind_name, kinds};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// How many warnings are shown at once.
const WARNINGS_SHOWN: usize = 50;

/// What the page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PolicyAsked {
    #[serde(default)]
    pub(in crate::console) kind: String,
    #[serde(default)]
    pub(in crate::console) client: String,
    #[serde(default)]
    pub(in crate::console) q: String,
    #[serde(default)]
    pub(in crate::console) cursor: String,
    #[serde(default)]
    pub(in crate::console) done: Option<Done>,
}

impl PolicyAsked {
    fn kind(&self) -> Result<Option<PolicyKind>, Problem> {
        if self.kind.is_empty() {
            return Ok(None);
        }
        let kind = self.kind.parse::<PolicyKind>().map_err(|error| {
            Problem::from(ServiceError::Invalid {
                field: "kind",
                reason: error.to_string(),
            })
        })?;
        Ok(Some(kind))
    }

    fn look(&self) -> Result<PolicyLook, Problem> {
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(PolicyLook {
            kind: self.kind()?,
            client: named(&self.client),
            text: named(&self.q),
        })
    }

    fn from(&self) -> Result<usize, Problem> {
        match self.cursor.as_str() {
            "" => Ok(0),
            text => text.parse().map_err(|_| {
                Problem::from(ServiceError::Invalid {
                    field: "cursor",
                    reason: "take it from the link of the part before".to_owned(),
                })
            }),
        }
    }

    fn is_filtered(&self) -> bool {
        [&self.kind, &self.client, &self.q]
            .iter()
            .any(|text| !text.trim().is_empty())
    }

    fn address(&self, kind: &str, from: usize) -> String {
        let cursor = if from == 0 {
            String::new()
        } else {
            from.to_string()
        };
        let pairs = [
            ("kind", kind),
            ("client", &self.client),
            ("q", &self.q),
            ("cursor", &cursor),
        ];
        let said: Vec<_> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        address("/policy", &said)
    }
}

/// One kind to choose.
struct KindChoice {
    word: &'static str,
    name: &'static str,
    chosen: bool,
}

struct ObjectRow {
    kind: &'static str,
    order: Option<u32>,
    name: String,
    href: String,
    devices: String,
    client: Option<String>,
    level: &'static str,
    sentence: String,
    more: Vec<String>,
    owner: Option<String>,
    since: Option<Since>,
    unreadable: bool,
}

impl ObjectRow {
    fn new(line: PolicyLine, now: Timestamp) -> Self {
        let mut sentences = line.sentences.into_iter();
        let sentence = sentences.next().unwrap_or_default();
        Self {
            kind: kind_name(line.kind),
            order: line.order,
            href: href(&line.id),
            name: line.name,
            devices: query_shown(&line.devices),
            client: line.client,
            level: line.level.word(),
            sentence,
            more: sentences.collect(),
            owner: line.owner,
            since: line.made.as_ref().map(|made| Since::of(made, now)),
            unreadable: line.unreadable.is_some(),
        }
    }
}

struct WarningRow {
    weight: String,
    place: String,
    what: String,
    hint: Option<String>,
}

impl WarningRow {
    fn new(warning: &PolicyProblem) -> Self {
        Self {
            weight: warning.weight.clone(),
            place: format!("{}:{}", warning.file, warning.line),
            what: problem::sentence(&warning.what),
            hint: warning.hint.as_deref().map(problem::sentence),
        }
    }
}

struct VersionLine {
    number: u64,
    by: String,
    at: Moment,
}

#[derive(Template)]
#[template(path = "pages/policy/list.html")]
pub(in crate::console) struct PolicyPage {
    shell: Shell,
    may_apply: bool,
    version: Option<VersionLine>,
    numbers: Vec<Figure>,
    kinds: Vec<KindChoice>,
    client: String,
    clients: Vec<String>,
    q: String,
    filtered: bool,
    broken: Vec<ObjectRow>,
    warnings: Vec<WarningRow>,
    warnings_more: usize,
    rows: Vec<ObjectRow>,
    found: usize,
    first: Option<String>,
    next: Option<String>,
}

impl PolicyPage {
    pub(in crate::console) fn new(
        who: &Principal,
        asked: &PolicyAsked,
        seen: PolicyOverview,
        clients: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let (chosen, from) = (asked.kind()?, asked.from()?);
        let limit = PAGE_ITEMS as usize;
        let found = seen.lines.len();
        let end = from.saturating_add(limit);
        let warnings_more = seen.warnings.len().saturating_sub(WARNINGS_SHOWN);
        Ok(Self {
            shell: Shell::new("Policy", Area::Policy, Some(who), now).saying(asked.done),
            may_apply: access::check(who, Permission::WholeProvider).is_ok(),
            version: seen.version.map(|version| VersionLine {
                number: version.number,
                by: version.applied_by,
                at: Moment::new(version.applied_at, now),
            }),
            numbers: numbers(&seen.counts),
            kinds: KINDS_SHOWN
                .iter()
                .map(|kind| KindChoice {
                    word: kind.word(),
                    name: kinds(*kind),
                    chosen: chosen == Some(*kind),
                })
                .collect(),
            client: asked.client.trim().to_owned(),
            clients,
            q: asked.q.trim().to_owned(),
            filtered: asked.is_filtered(),
            broken: rows(seen.unreadable, now),
            warnings: seen
                .warnings
                .iter()
                .take(WARNINGS_SHOWN)
                .map(WarningRow::new)
                .collect(),
            warnings_more,
            rows: rows(seen.lines.into_iter().skip(from).take(limit), now),
            found,
            first: (from > 0).then(|| asked.address(&asked.kind, 0)),
            next: (found > end).then(|| asked.address(&asked.kind, end)),
        })
    }
}

fn rows(lines: impl IntoIterator<Item = PolicyLine>, now: Timestamp) -> Vec<ObjectRow> {
    lines
        .into_iter()
        .map(|line| ObjectRow::new(line, now))
        .collect()
}

fn numbers(counts: &[(PolicyKind, u32)]) -> Vec<Figure> {
    let beside = |kind| match kind {
        PolicyKind::Rule => "the first that matches counts",
        PolicyKind::Window => "when devices may be changed",
        PolicyKind::Freeze => "when nothing may be changed",
        PolicyKind::Decision => "a person's word goes before rules",
        PolicyKind::Exclude => "kept as they are",
        PolicyKind::Reboot => "agreed, not carried out yet",
        PolicyKind::Rings => "which devices come first",
        PolicyKind::Group => "names for devices",
    };
    counts
        .iter()
        .map(|(kind, count)| {
            Figure::new(kinds(*kind), count, beside(*kind))
                .to(address("/policy", &[("kind", kind.word())]))
        })
        .collect()
}

/// `GET /policy`
pub async fn list(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<PolicyAsked>,
) -> Rendered {
    let (person, look) = (who.clone(), asked.look()?);
    let (seen, clients) = state
        .run(move |service| {
            let clients = super::super::client_names(service, &person)?;
            Ok((service.policy_overview(&person, &look)?, clients))
        })
        .await?;
    let now = state.service().now();
    page(&PolicyPage::new(&who, &asked, seen, clients, now)?)
}
