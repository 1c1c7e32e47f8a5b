//! Freezes made by hand: add, edit, list, end, and what one would cover; those of policy files are
//! listed too.
//!
//! A freeze is kept as its text. One that cannot be read closes what it covers, and is listed with
//! the reason.

use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::id::PolicyId;
use domain::page::{Page, PageRequest};
use domain::policy::{Freeze, PolicyKind};
use domain::query::{SubjectKind, Truth};
use domain::window::WindowZone;
use engine::calendar::freeze_span;
use engine::policy_file::{self, Object};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use store::{Actor, Place, PolicyRow, Tx};
use utoipa::ToSchema;

use crate::by_hand::{FieldProblem, Written};
use crate::scan::Walk;
use crate::window::OpeningItem;
use crate::{Result, Service, ServiceError, audit, chance, query, reach};

/// The zone where a day begins first, and the one where it ends last: a freeze in the devices' own
/// zones is in force from the one to the other.
const FIRST_AND_LAST_ZONE: [&str; 2] = ["Pacific/Kiritimati", "Etc/GMT+12"];

/// How many devices and clients a preview names, at most; the counts are whole.
pub const NAMED_MAX: usize = 100;

/// A new freeze, with the keys that it has in policy files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFreeze {
    /// Its name, new.
    pub name: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for", default)]
    pub devices: String,
    /// An IANA name, or `device`.
    pub zone: String,
    /// `2026-12-18T17:00`: the first local time that is frozen.
    pub from: String,
    /// `2027-01-04T06:00`: the first local time that is not frozen any more.
    pub until: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Whom to ask for an exception.
    #[serde(default)]
    pub exception: Option<String>,
}

/// Where a freeze stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreezeState {
    /// It has not begun.
    Coming,
    /// Something may be frozen now.
    InForce,
    /// Its time is over.
    Over,
    /// A person ended it, or a file says it no more.
    Ended,
    /// Nobody can read it: everything that it covers is closed.
    Unreadable,
}

impl FreezeState {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::InForce => "in force",
            Self::Over => "over",
            Self::Ended => "ended",
            Self::Unreadable => "cannot be read",
        }
    }
}

/// A freeze as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// An IANA name, or `device`; empty where it cannot be read.
    pub zone: String,
    /// The first local time that is frozen.
    pub from: String,
    /// The first local time that is not frozen any more.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Whom to ask for an exception.
    pub exception: Option<String>,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// The policy file that it is written in; `None`: it was made by hand.
    pub file: Option<String>,
    /// Where it stands.
    pub state: FreezeState,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
    /// Who made it.
    pub made_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// What a freeze covers that is not saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezePreview {
    /// From when to when, in each zone in which it has devices.
    pub spans: Vec<OpeningItem>,
    /// The devices that it covers today, by name, at most `NAMED_MAX`.
    pub devices: Vec<String>,
    /// All those devices, counted.
    pub devices_count: u32,
    /// Their clients, by name, at most `NAMED_MAX`.
    pub clients: Vec<String>,
    /// All those clients, counted.
    pub clients_count: u32,
}

impl NewFreeze {
    fn of(freeze: &Freeze) -> Self {
        Self {
            name: freeze.name.to_string(),
            devices: freeze.devices.to_string(),
            zone: freeze.zone.to_string(),
            from: local(freeze.from),
            until: local(freeze.until),
            reason: freeze.reason.clone(),
            exception: freeze.exception.clone(),
        }
    }

    /// The freeze, without id and client; one that is over is refused.
    fn read(&self, now: Timestamp) -> Result<Freeze> {
        let mut table = Written::new(PolicyKind::Freeze);
        table.text("name", &self.name);
        table.maybe("for", Some(&self.devices));
        table.text("zone", &self.zone);
        table.text("from", &self.from);
        table.text("until", &self.until);
        table.maybe("reason", Some(&self.reason));
        table.maybe("exception", self.exception.as_deref());
        let read = match table.read() {
            Err(ServiceError::Fields { problems }) => {
                // A query alone is told with its place in the query.
                if problems.iter().all(|one| one.field == "for") {
                    query::parse("for", Some(&self.devices), SubjectKind::Device)?;
                }
                return Err(ServiceError::Fields { problems });
            }
            other => other?,
        };
        let Some(freeze) = read.policy.freezes.into_iter().next() else {
            return Err(ServiceError::Internal {
                what: "a freeze was read and is not there".to_owned(),
            });
        };
        if state(&freeze, now) == FreezeState::Over {
            return Err(ServiceError::Fields {
                problems: vec![FieldProblem {
                    field: "until".to_owned(),
                    what: format!("{} is over, so nothing would be frozen", self.until),
                    hint: Some("write a time that is still to come".to_owned()),
                }],
            });
        }
        Ok(freeze)
    }
}

fn local(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// Where a freeze stands that is not ended.
fn state(freeze: &Freeze, now: Timestamp) -> FreezeState {
    let [first, last] = FIRST_AND_LAST_ZONE.map(|zone| freeze_span(freeze, zone));
    let (Ok(first), Ok(last)) = (first, last) else {
        return FreezeState::Unreadable;
    };
    if now < first.opens_at {
        FreezeState::Coming
    } else if now < last.closes_at {
        FreezeState::InForce
    } else {
        FreezeState::Over
    }
}

/// Reads the text of a row; it depends on no other.
fn freeze_of(row: &PolicyRow) -> Result<Freeze, String> {
    let text = row.place.source.clone().unwrap_or_default();
    let read = policy_file::read(&[(row.name.clone(), text)]);
    let read = read.map_err(|problems| {
        let errors = problems.into_iter().filter(|problem| problem.is_error());
        let told: Vec<String> = errors.map(|problem| problem.what).collect();
        told.join("; ")
    })?;
    let freeze = read.policy.freezes.into_iter().next();
    freeze.ok_or_else(|| "its text is not one freeze".to_owned())
}

fn item(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    row: &PolicyRow,
    now: Timestamp,
) -> Result<FreezeItem> {
    let client = match row.client {
        Some(id) => tx
            .client_get(scope, id)?
            .map(|client| client.name.to_string()),
        None => None,
    };
    let read = freeze_of(row);
    let stands = match &read {
        _ if row.ended_at.is_some_and(|ended| ended <= now) => FreezeState::Ended,
        Ok(freeze) => state(freeze, now),
        Err(_) => FreezeState::Unreadable,
    };
    let (written, unreadable) = match read {
        Ok(freeze) => (NewFreeze::of(&freeze), None),
        Err(why) => (NewFreeze::default(), Some(why)),
    };
    Ok(FreezeItem {
        id: row.id,
        name: row.name.clone(),
        devices: row.devices.clone(),
        zone: written.zone,
        from: written.from,
        until: written.until,
        reason: written.reason,
        exception: written.exception,
        client,
        file: row.place.file.clone(),
        state: stands,
        unreadable,
        made_by: row.made_by_name.clone(),
        made_at: row.valid_from,
        ended_at: row.ended_at,
    })
}

fn found(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<PolicyRow> {
    tx.policy_find(scope, PolicyKind::Freeze, name)?
        .ok_or_else(|| ServiceError::NotFound {
            what: "freeze",
            name: name.chars().take(200).collect(),
        })
}

/// Keeps a freeze in a transaction that may have ended another before.
fn put(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    freeze: &Freeze,
    instead: Option<PolicyId>,
    now: Timestamp,
) -> Result<FreezeItem> {
    let name = freeze.name.to_string();
    if tx.policy_find(scope, PolicyKind::Freeze, &name)?.is_some() {
        return Err(ServiceError::Conflict {
            reason: format!("there is already a freeze `{name}`"),
        });
    }
    let row = PolicyRow {
        id: chance::id(now)?,
        kind: PolicyKind::Freeze,
        client: reach::bound(tx, who, scope, &freeze.devices)?.client,
        name,
        devices: freeze.devices.to_string(),
        made_by: who.id,
        made_by_name: who.name.clone(),
        valid_from: now,
        ended_at: None,
        place: Place {
            file: None,
            position: 0,
            source: Some(policy_file::to_toml(Object::Freeze(freeze))),
        },
    };
    tx.policy_add(scope, &row, now)?;
    let (action, of) = match instead {
        None => ("freeze.add", String::new()),
        Some(old) => ("freeze.edit", format!(", instead of {old}")),
    };
    let mut entry = audit::by(who, now, action, row.id).saying(format_args!(
        "{}: {} to {} ({}), devices {}: {}{of}",
        row.name,
        local(freeze.from),
        local(freeze.until),
        freeze.zone,
        row.devices,
        freeze.reason
    ));
    if let Some(client) = row.client {
        entry = entry.of(client);
    }
    tx.audit_add(&entry.0)?;
    item(tx, scope, &row, now)
}

/// Ends a freeze that a person may end; says whether it was still standing.
fn end(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    row: &PolicyRow,
    now: Timestamp,
) -> Result<bool> {
    if row.client.is_none() {
        access::check(who, Permission::WholeProvider)?;
    }
    let actor = Actor::Principal(who.id);
    Ok(tx.policy_end(scope, row.id, now, now, &actor)?)
}

impl Service {
    /// Adds a freeze. It holds at once: orders that have not begun in it are withdrawn.
    pub fn freeze_add(&self, who: &Principal, wanted: &NewFreeze) -> Result<FreezeItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let freeze = wanted.read(now)?;
        let who = who.clone();
        let added = self.write(move |tx| put(tx, &who, &scope, &freeze, None, now))?;
        self.rules_changed();
        Ok(added)
    }

    /// Makes another freeze instead of one (name or id): the old one ends in the same moment. One
    /// that came from a file is changed in its file.
    pub fn freeze_edit(
        &self,
        who: &Principal,
        freeze: &str,
        wanted: &NewFreeze,
    ) -> Result<FreezeItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let (who, name, wanted) = (who.clone(), freeze.to_owned(), wanted.clone());
        let edited = self.write(move |tx| {
            let old = found(tx, &scope, &name)?;
            let freeze = wanted.read(now)?;
            if let Some(file) = &old.place.file {
                return Err(ServiceError::Conflict {
                    reason: format!("this freeze is written in `{file}`: change it there"),
                });
            }
            if !end(tx, &who, &scope, &old, now)? {
                return Err(ServiceError::Conflict {
                    reason: format!("the freeze `{}` has ended: add a new one", old.name),
                });
            }
            put(tx, &who, &scope, &freeze, Some(old.id), now)
        })?;
        self.rules_changed();
        Ok(edited)
    }

    /// What a freeze would cover that is not saved.
    pub fn freeze_preview(&self, who: &Principal, wanted: &NewFreeze) -> Result<FreezePreview> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let freeze = wanted.read(now)?;
        let who = who.clone();
        self.read(move |tx| {
            let scope = match reach::bound(tx, &who, &scope, &freeze.devices)?.client {
                Some(client) => scope.narrowed(client).unwrap_or(scope),
                None => scope,
            };
            let walk = Walk {
                scope,
                query: freeze.devices.clone(),
                at: None,
                now,
            };
            let (mut devices, mut clients) = (BTreeSet::new(), BTreeSet::new());
            let mut zones = BTreeSet::new();
            if let WindowZone::Named(zone) = &freeze.zone {
                zones.insert(zone.clone());
            }
            walk.each_device(tx, None, false, |_, seen| {
                // What is perhaps covered is frozen too.
                if freeze.devices.evaluate(&seen.subject(), now) != Truth::No {
                    let device = seen.device;
                    devices.insert(format!("{}/{}", device.client_name, device.name));
                    clients.insert(device.client_name.to_string());
                    if freeze.zone == WindowZone::Device {
                        zones.insert(device.zone);
                    }
                }
                Ok(true)
            })?;
            preview(&freeze, zones, devices, clients)
        })
    }

    /// Lists freezes, newest first, ended ones and those of files too.
    pub fn freeze_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<FreezeItem>> {
        let scope = access::check(who, Permission::Read)?;
        let (now, page) = (self.now(), page.clone());
        self.read(move |tx| {
            let found = tx.policy_list(&scope, Some(PolicyKind::Freeze), &page)?;
            let mut items = Vec::with_capacity(found.items.len());
            for row in &found.items {
                items.push(item(tx, &scope, row, now)?);
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }

    /// One freeze (name or id), and as it would be written anew; `None`: it cannot be read.
    pub fn freeze_show(
        &self,
        who: &Principal,
        freeze: &str,
    ) -> Result<(FreezeItem, Option<NewFreeze>)> {
        let scope = access::check(who, Permission::Read)?;
        let (now, name) = (self.now(), freeze.to_owned());
        self.read(move |tx| {
            let row = found(tx, &scope, &name)?;
            let written = freeze_of(&row).ok().as_ref().map(NewFreeze::of);
            Ok((item(tx, &scope, &row, now)?, written))
        })
    }

    /// Ends a freeze (name or id); one that has ended already stays as it is.
    pub fn freeze_end(&self, who: &Principal, freeze: &str) -> Result<FreezeItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let (who, name) = (who.clone(), freeze.to_owned());
        let ended = self.write(move |tx| {
            let row = found(tx, &scope, &name)?;
            if end(tx, &who, &scope, &row, now)? {
                let mut entry = audit::by(&who, now, "freeze.end", row.id).saying(&row.name);
                if let Some(client) = row.client {
                    entry = entry.of(client);
                }
                tx.audit_add(&entry.0)?;
            }
            let after = found(tx, &scope, &row.id.to_string())?;
            item(tx, &scope, &after, now)
        })?;
        self.rules_changed();
        Ok(ended)
    }
}

fn preview(
    freeze: &Freeze,
    zones: BTreeSet<String>,
    devices: BTreeSet<String>,
    clients: BTreeSet<String>,
) -> Result<FreezePreview> {
    let mut spans = Vec::new();
    for zone in zones {
        let span = freeze_span(freeze, &zone).map_err(|error| ServiceError::Invalid {
            field: "zone",
            reason: error.to_string(),
        })?;
        spans.push(OpeningItem {
            opens_at: span.opens_at,
            closes_at: span.closes_at,
            zone,
        });
    }
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Ok(FreezePreview {
        spans,
        devices_count: count(devices.len()),
        devices: devices.into_iter().take(NAMED_MAX).collect(),
        clients_count: count(clients.len()),
        clients: clients.into_iter().take(NAMED_MAX).collect(),
    })
}
