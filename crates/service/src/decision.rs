//! Decisions: approve, hold and deny by query; what one would touch; end one.

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::decision::{Decision, Level, Word};
use domain::id::{ClientId, DecisionId, DeviceId, TicketId};
use domain::name::{Version, printable};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::policy::Policy;
use domain::query::SubjectKind;
use engine::decide::{Rival, answered_by, preview};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Actor, Place, Tx};
use utoipa::ToSchema;

use crate::clocks::Clocks;
use crate::rules::ask_for_packages;
use crate::scan::Walk;
use crate::view::{self, Packages};
use crate::{Result, Service, ServiceError, audit, chance, query, reach};

/// Most bytes of a decision's reason.
const REASON_BYTES_MAX: usize = 1000;

/// How many patches and devices a new decision's answer names, at most; the counts are whole.
pub const NAMED_MAX: usize = 1000;

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// `approve`, `accept-risk` (needs `until`), `pin`, `hold` or `deny`.
    #[schema(value_type = String)]
    pub word: Word,
    /// Which patches: a query over patches.
    pub patches: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for")]
    pub devices: String,
    /// How close it is; by default what the query for devices names: one device, one site, one
    /// client, else the provider.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub level: Option<Level>,
    /// Until when it holds; without, until it is ended.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// For `pin` alone: the newest version that may be installed; without, none at all.
    #[serde(default)]
    pub version: Option<String>,
    /// Why; not empty.
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a new decision touches today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionMade {
    /// Its id; `None` after a dry run.
    #[schema(value_type = Option<String>)]
    pub id: Option<DecisionId>,
    /// The patches that are missing on those devices today, at most `NAMED_MAX`.
    pub patches: Vec<String>,
    /// The devices among the chosen ones on which such a patch is missing today, by name, at most
    /// `NAMED_MAX`.
    pub devices: Vec<String>,
    /// Patches without which the covered ones cannot be installed and that nobody approved.
    pub needed: Vec<String>,
    /// All those patches, counted.
    pub patches_count: u32,
    /// All those devices, counted.
    pub devices_count: u32,
    /// The clients of those devices, counted.
    pub clients_count: u32,
    /// The first instant at which one of them may be installed; `None`: never as things stand.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_due_at: Option<Timestamp>,
    /// What goes before it for one of those patches: there it does not count.
    #[serde(default)]
    pub loses_to: Vec<DecisionRival>,
    /// What it goes before for one of those patches.
    #[serde(default)]
    pub beats: Vec<DecisionRival>,
}

/// Something else that matches a patch which a decision covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct DecisionRival {
    /// Which: its name, or who decided.
    pub object: String,
    /// How close it is.
    #[schema(value_type = String)]
    pub level: Level,
    /// `exclude`, or the word of a decision or rule.
    pub says: String,
}

impl From<Rival> for DecisionRival {
    fn from(rival: Rival) -> Self {
        Self {
            object: rival.object,
            level: rival.level,
            says: rival.says.to_owned(),
        }
    }
}

/// A decision as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DecisionId,
    /// What was decided.
    #[schema(value_type = String)]
    pub word: Word,
    /// Its name in the policy file that it came from; `None`: it was made by hand, or has none.
    pub name: Option<String>,
    /// Of a `pin`: the newest version that may be installed; `None`: none at all.
    pub version: Option<String>,
    /// Which patches, as a query.
    pub patches: String,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// How close it is.
    #[schema(value_type = String)]
    pub level: Level,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// Until when it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Whether it holds now.
    pub in_force: bool,
}

/// A decision as lists show it.
pub(crate) fn item(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    decision: &Decision,
    now: Timestamp,
) -> Result<DecisionItem> {
    let client = match decision.client {
        Some(id) => tx
            .client_get(scope, id)?
            .map(|client| client.name.to_string()),
        None => None,
    };
    Ok(DecisionItem {
        id: decision.id,
        word: decision.word,
        name: decision.name.as_ref().map(ToString::to_string),
        version: decision.version.as_ref().map(ToString::to_string),
        patches: decision.patches.to_string(),
        devices: decision.devices.to_string(),
        level: decision.level,
        client,
        reason: decision.reason.clone(),
        decided_by: decision.decided_by_name.clone(),
        decided_at: decision.decided_at,
        until: decision.until,
        ended_at: decision.ended_at,
        in_force: decision.is_in_force(now),
    })
}

/// What is wanted, read and checked as far as it can be without the database.
fn read(who: &Principal, wanted: &NewDecision, now: Timestamp) -> Result<Decision> {
    let invalid = |field, reason: String| ServiceError::Invalid { field, reason };
    let reason = wanted.reason.trim();
    if reason.is_empty() {
        let why = "say why: it is shown wherever the decision is".to_owned();
        return Err(invalid("reason", why));
    }
    if reason.len() > REASON_BYTES_MAX || !reason.chars().all(printable) {
        return Err(invalid(
            "reason",
            format!("one line of at most {REASON_BYTES_MAX} bytes"),
        ));
    }
    if wanted.word == Word::AcceptRisk && wanted.until.is_none() {
        let why = "a risk is accepted until a day: then the patch is open again".to_owned();
        return Err(invalid("until", why));
    }
    if let Some(until) = wanted.until.filter(|until| *until <= now) {
        return Err(invalid("until", format!("{until} is over")));
    }
    Ok(Decision {
        id: chance::id(now)?,
        client: None,
        word: wanted.word,
        name: None,
        version: version(wanted)?,
        patches: query::parse("patches", Some(&wanted.patches), SubjectKind::Patch)?,
        devices: query::parse("for", Some(&wanted.devices), SubjectKind::Device)?,
        level: wanted.level.unwrap_or(Level::Provider),
        reason: reason.to_owned(),
        decided_by: who.id,
        decided_by_name: who.name.clone(),
        decided_at: now,
        until: wanted.until,
        ended_at: None,
    })
}

/// The version of a pin.
fn version(wanted: &NewDecision) -> Result<Option<Version>> {
    let invalid = |reason: String| ServiceError::Invalid {
        field: "version",
        reason,
    };
    let Some(text) = &wanted.version else {
        return Ok(None);
    };
    if wanted.word != Word::Pin {
        let why = format!(
            "only a pin names a version: write `pin` instead of `{}`, or put the version into the \
             query for patches",
            wanted.word
        );
        return Err(invalid(why));
    }
    let version = text.trim().parse();
    version
        .map(Some)
        .map_err(|error: domain::name::InvalidName| invalid(error.to_string()))
}

/// What a decision would touch, device by device.
#[derive(Debug, Default)]
struct Touched {
    patches: BTreeSet<String>,
    /// By name; two clients may have devices of one name.
    devices: BTreeSet<(String, DeviceId)>,
    clients: BTreeSet<ClientId>,
    needed: BTreeSet<String>,
    loses_to: BTreeSet<DecisionRival>,
    beats: BTreeSet<DecisionRival>,
    first_due_at: Option<Timestamp>,
}

fn touched(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    decision: &Decision,
    rules: &Policy,
    clocks: &Clocks,
    now: Timestamp,
) -> Result<Touched> {
    let scope = match decision.client {
        Some(client) => scope.narrowed(client).ok_or(ServiceError::NotFound {
            what: "client",
            name: client.to_string(),
        })?,
        None => scope.clone(),
    };
    let walk = Walk {
        scope: scope.clone(),
        query: decision.devices.clone(),
        at: None,
        now,
    };
    let mut touched = Touched::default();
    walk.each_device(tx, None, false, |tx, seen| {
        if !decision.devices.matches(&seen.subject(), now) {
            return Ok(true);
        }
        let name = seen.device.name.to_string();
        let (id, client) = (seen.device.id, seen.device.client);
        let packages = if seen.inventory.is_some() || ask_for_packages(rules) {
            Packages::Loaded
        } else {
            Packages::Left
        };
        let mut view = view::of_device(tx, &scope, seen.device, packages, now)?;
        view::wind(&mut view, clocks);
        let preview = preview(decision, std::slice::from_ref(&view), rules, now);
        if !preview.devices.is_empty() {
            touched.devices.insert((name, id));
            touched.clients.insert(client);
        }
        let texts = |patches: Vec<PatchId>| patches.into_iter().map(String::from);
        touched.patches.extend(texts(preview.patches));
        touched.needed.extend(texts(preview.needed));
        let rivals = |rivals: Vec<Rival>| rivals.into_iter().map(DecisionRival::from);
        touched.loses_to.extend(rivals(preview.loses_to));
        touched.beats.extend(rivals(preview.beats));
        touched.first_due_at = match (touched.first_due_at, preview.first_due_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(true)
    })?;
    Ok(touched)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn first_named(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().take(NAMED_MAX).collect()
}

/// What is to be different about a decision; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionEdit {
    /// Which patches.
    #[serde(default)]
    pub patches: Option<String>,
    /// Which devices.
    #[serde(default, rename = "for")]
    pub devices: Option<String>,
    /// Until when it holds.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Of a `pin`: the newest version that may be installed.
    #[serde(default)]
    pub version: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Only say what it would touch then.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a new decision comes instead of, or answers.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    Nothing,
    /// Another decision.
    Decision(DecisionId),
    /// The question of a ticket.
    Answer(TicketId),
}

/// Closes the ticket that a decision answers; an error where somebody was faster.
fn answer(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    ticket: TicketId,
    decision: &Decision,
    now: Timestamp,
) -> Result<()> {
    let found = tx.ticket_get(scope, ticket)?;
    let found = found.ok_or(ServiceError::NotFound {
        what: "ticket",
        name: ticket.to_string(),
    })?;
    crate::ticket::asks(&found)?;
    Ok(tx.study_close(scope, &found, &answered_by(decision), now)?)
}

impl Service {
    /// Makes a decision, or says what it would touch (`dry_run`).
    pub fn decision_add(&self, who: &Principal, wanted: &NewDecision) -> Result<DecisionMade> {
        self.decision_put(who, wanted, Instead::Nothing)
    }

    /// Makes another decision instead of one: the old one ends in the same moment, and the new one
    /// names it. One that came from a file is changed in its file.
    pub fn decision_edit(
        &self,
        who: &Principal,
        id: &str,
        edit: &DecisionEdit,
    ) -> Result<DecisionMade> {
        let scope = access::check(who, Permission::Decide)?;
        let now = self.now();
        let not_found = || ServiceError::NotFound {
            what: "decision",
            name: id.chars().take(200).collect(),
        };
        let old: DecisionId = id.parse().map_err(|_| not_found())?;
        let standing = self.read(move |tx| Ok(tx.decision_standing(&scope, now)?))?;
        let found = standing.into_iter().find(|one| one.id == old.to_string());
        let Some(found) = found else {
            return Err(not_found());
        };
        if let Some(file) = found.place.file {
            return Err(ServiceError::Conflict {
                reason: format!("this decision is written in `{file}`: change it there"),
            });
        }
        let known = found.object.map_err(|why| ServiceError::Conflict {
            reason: format!("this decision cannot be read: {why}; end it and make a new one"),
        })?;
        if known.client.is_none() {
            access::check(who, Permission::WholeProvider)?;
        }
        let wanted = NewDecision {
            word: known.word,
            patches: edit
                .patches
                .clone()
                .unwrap_or_else(|| known.patches.to_string()),
            // Another query may be closer or farther; the same one stays as close as it was.
            level: edit.devices.is_none().then_some(known.level),
            devices: edit
                .devices
                .clone()
                .unwrap_or_else(|| known.devices.to_string()),
            until: edit.until.or(known.until),
            version: edit
                .version
                .clone()
                .or(known.version.as_ref().map(ToString::to_string)),
            reason: edit.reason.clone().unwrap_or(known.reason),
            dry_run: edit.dry_run,
        };
        self.decision_put(who, &wanted, Instead::Decision(old))
    }

    pub(crate) fn decision_put(
        &self,
        who: &Principal,
        wanted: &NewDecision,
        instead: Instead,
    ) -> Result<DecisionMade> {
        let scope = access::check(who, Permission::Decide)?;
        let now = self.now();
        let mut decision = read(who, wanted, now)?;
        let (replaces, answers) = match instead {
            Instead::Nothing => (None, None),
            Instead::Decision(old) => (Some(old), None),
            Instead::Answer(ticket) => (None, Some(ticket)),
        };
        let (mut rules, clocks) = (self.rules()?, self.clocks()?);
        if let Some(old) = replaces {
            // The old one will not be there any more.
            let mut without = Policy::clone(&rules);
            without.decisions.retain(|decision| decision.id != old);
            rules = std::sync::Arc::new(without);
        }
        let (given_level, person, own_scope) = (wanted.level, who.clone(), scope.clone());
        let (decision, touched) = self.read(move |tx| {
            let bound = reach::bound(tx, &person, &own_scope, &decision.devices)?;
            decision.client = bound.client;
            decision.level = given_level.unwrap_or(bound.level);
            let touched = touched(tx, &own_scope, &decision, &rules, &clocks, now)?;
            Ok((decision, touched))
        })?;
        let mut made = DecisionMade {
            id: None,
            patches_count: count(touched.patches.len()),
            devices_count: count(touched.devices.len()),
            clients_count: count(touched.clients.len()),
            patches: first_named(touched.patches),
            devices: first_named(touched.devices.into_iter().map(|(name, _)| name)),
            needed: first_named(touched.needed),
            first_due_at: touched.first_due_at,
            loses_to: touched.loses_to.into_iter().take(NAMED_MAX).collect(),
            beats: touched.beats.into_iter().take(NAMED_MAX).collect(),
        };
        if wanted.dry_run {
            return Ok(made);
        }
        made.id = Some(decision.id);
        let instead = match (replaces, answers) {
            (Some(old), _) => format!(", instead of {old}"),
            (None, Some(ticket)) => format!(", as the answer to {ticket}"),
            (None, None) => String::new(),
        };
        let action = replaces.map_or("decision.add", |_| "decision.edit");
        let mut entry = audit::by(who, now, action, decision.id).saying(format_args!(
            "{}{} {} for {} ({}): {}{instead}",
            decision.word,
            decision
                .version
                .as_ref()
                .map_or_else(String::new, |version| format!(" at {version}")),
            decision.patches,
            decision.devices,
            decision.level,
            decision.reason
        ));
        if let Some(client) = decision.client {
            entry = entry.of(client);
        }
        let actor = Actor::Principal(who.id);
        self.write(move |tx| {
            if let Some(old) = replaces
                && !tx.decision_end(&scope, old, now, now, &actor)?
            {
                return Err(ServiceError::Conflict {
                    reason: "the decision was ended meanwhile".to_owned(),
                });
            }
            tx.decision_add_from(&scope, &decision, &Place::default(), replaces, now)?;
            if let Some(ticket) = answers {
                answer(tx, &scope, ticket, &decision, now)?;
            }
            Ok(tx.audit_add(&entry.0)?)
        })?;
        self.rules_changed();
        Ok(made)
    }

    /// Lists decisions, newest first, ended ones too.
    pub fn decision_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<DecisionItem>> {
        let scope = access::check(who, Permission::Read)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            let found = tx.decision_list(&scope, &page)?;
            let mut items = Vec::with_capacity(found.items.len());
            for decision in &found.items {
                items.push(item(tx, &scope, decision, now)?);
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }

    /// Ends a decision; one that has ended already stays as it is.
    pub fn decision_end(&self, who: &Principal, id: &str) -> Result<DecisionItem> {
        let scope = access::check(who, Permission::Decide)?;
        let now = self.now();
        let not_found = ServiceError::NotFound {
            what: "decision",
            name: id.chars().take(200).collect(),
        };
        let Ok(id) = id.parse::<DecisionId>() else {
            return Err(not_found);
        };
        let who = who.clone();
        let ended = self.write(move |tx| {
            let Some(decision) = tx.decision_get(&scope, id)? else {
                return Err(not_found);
            };
            if decision.client.is_none() {
                access::check(&who, Permission::WholeProvider)?;
            }
            if tx.decision_end(&scope, id, now, now, &Actor::Principal(who.id))? {
                let mut entry = audit::by(&who, now, "decision.end", id).saying(format_args!(
                    "{} {} for {}",
                    decision.word, decision.patches, decision.devices
                ));
                if let Some(client) = decision.client {
                    entry = entry.of(client);
                }
                tx.audit_add(&entry.0)?;
            }
            let after = tx.decision_get(&scope, id)?.unwrap_or(decision);
            item(tx, &scope, &after, now)
        })?;
        self.rules_changed();
        Ok(ended)
    }
}
