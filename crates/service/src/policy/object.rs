//! One object of the policy: what it says, how many devices it covers today, what stood before it.

use domain::access::{self, ClientScope, Permission, Principal};
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::policy::PolicyKind;
use domain::query::{Query, Truth};
use engine::policy_file::{self, Object};
use jiff::Timestamp;
use store::Tx;

use super::lines::{PolicyLine, Told};
use super::standing::Stands;
use crate::scan::Walk;
use crate::{Result, Service, ServiceError};

/// How many devices an object is held against.
pub const DEVICES_LOOKED_MAX: u32 = 20_000;
/// How many of those it covers are named.
pub const DEVICES_NAMED_MAX: usize = 20;
/// How many earlier objects of its name are shown.
pub const PAST_SHOWN_MAX: usize = 50;
/// How many parts of a list are looked through for them.
const PARTS_MAX: u32 = 5;

/// A device that an object covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDevice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its client.
    pub client: String,
}

/// Which devices an object covers today.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyCover {
    /// Devices that it certainly covers.
    pub certain: u32,
    /// Devices of which it cannot be said: what would decide it is not known.
    pub perhaps: u32,
    /// Devices that were looked at.
    pub looked_at: u32,
    /// Whether these were all in reach.
    pub all: bool,
    /// Some of those that it covers.
    pub named: Vec<PolicyDevice>,
}

/// What had the same kind and name earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPast {
    /// From when it held.
    pub from: Timestamp,
    /// Until when; `None`: it stands.
    pub until: Option<Timestamp>,
    /// Who made it, where that was recorded.
    pub by: Option<String>,
    /// What it said, as TOML.
    pub text: String,
}

/// One object with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDetail {
    /// What it says.
    pub line: PolicyLine,
    /// The same as TOML, with its comments where it came from a file.
    pub text: String,
    /// Which devices it covers today.
    pub cover: PolicyCover,
    /// It and what had its name before, newest first.
    pub past: Vec<PolicyPast>,
}

impl Service {
    /// An object that stands, by its id.
    pub fn policy_object(&self, who: &Principal, id: &str) -> Result<PolicyDetail> {
        let scope = access::check(who, Permission::Read)?;
        let (now, who, id) = (self.now(), who.clone(), id.to_owned());
        self.read(move |tx| {
            let told = Told::read(tx, &who, &scope, now)?;
            let stands = told.standing.objects.iter().find(|one| one.id == id);
            let stands = stands.ok_or_else(|| ServiceError::NotFound {
                what: "object of the policy in force",
                name: id.chars().take(100).collect(),
            })?;
            let cover = cover(tx, &scope, stands, now)?;
            let mut past = past(tx, &scope, stands)?;
            // Windows do not say who made them; the version that brought them does.
            for one in past.iter_mut().filter(|one| one.by.is_none()) {
                one.by = told.applied_by(one.from);
            }
            let text = match (&stands.place.source, &stands.says) {
                (Some(source), _) => source.clone(),
                (None, Ok(says)) => says.clone(),
                (None, Err(_)) => String::new(),
            };
            Ok(PolicyDetail {
                line: told.line(stands),
                text: text.trim_matches('\n').to_owned(),
                cover,
                past,
            })
        })
    }
}

fn cover(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    stands: &Stands,
    now: Timestamp,
) -> Result<PolicyCover> {
    let scope = match stands.client {
        Some(client) => scope.narrowed(client).unwrap_or_else(|| scope.clone()),
        None => scope.clone(),
    };
    // Where the query cannot be read it covers everything, here as in the evaluator.
    let query = Query::parse(&stands.devices).unwrap_or_else(|_| Query::everything());
    let walk = Walk {
        scope,
        query: query.clone(),
        at: None,
        now,
    };
    let mut cover = PolicyCover {
        all: true,
        ..PolicyCover::default()
    };
    walk.each_device(tx, None, false, |_, seen| {
        if cover.looked_at >= DEVICES_LOOKED_MAX {
            cover.all = false;
            return Ok(false);
        }
        cover.looked_at += 1;
        match query.evaluate(&seen.subject(), now) {
            Truth::No => {}
            Truth::Unknown => cover.perhaps += 1,
            Truth::Yes => {
                cover.certain += 1;
                if cover.named.len() < DEVICES_NAMED_MAX {
                    cover.named.push(PolicyDevice {
                        id: seen.device.id.to_string(),
                        name: seen.device.name.to_string(),
                        client: seen.device.client_name.to_string(),
                    });
                }
            }
        }
        Ok(true)
    })?;
    Ok(cover)
}

/// Collects what a list says of a name, part by part.
fn collected<T>(
    mut part: impl FnMut(&PageRequest) -> Result<Page<T>>,
    past: impl Fn(T) -> Option<PolicyPast>,
) -> Result<Vec<PolicyPast>> {
    let mut found = Vec::new();
    let mut request = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    for _ in 0..PARTS_MAX {
        let page = part(&request)?;
        found.extend(page.items.into_iter().filter_map(&past));
        match page.next {
            Some(next) if found.len() < PAST_SHOWN_MAX => request.cursor = Some(next),
            _ => break,
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.from));
    found.truncate(PAST_SHOWN_MAX);
    Ok(found)
}

fn past(tx: &mut Tx<'_>, scope: &ClientScope, stands: &Stands) -> Result<Vec<PolicyPast>> {
    let name = stands.name.as_deref();
    match stands.kind {
        PolicyKind::Window => collected(
            |request| Ok(tx.window_list(scope, request)?),
            |window| {
                (Some(window.name.as_str()) == name).then(|| PolicyPast {
                    from: window.valid_from,
                    until: window.ended_at,
                    by: None,
                    text: policy_file::to_toml(Object::Window(&window)),
                })
            },
        ),
        PolicyKind::Decision => collected(
            |request| Ok(tx.decision_list(scope, request)?),
            |decision| {
                let same = match name {
                    Some(name) => decision.name.as_ref().map(|one| one.as_str()) == Some(name),
                    None => decision.id.to_string() == stands.id,
                };
                same.then(|| PolicyPast {
                    from: decision.decided_at,
                    until: decision.ended_at,
                    by: Some(decision.decided_by_name.clone()),
                    text: policy_file::to_toml(Object::Decision(&decision)),
                })
            },
        ),
        kind => collected(
            |request| Ok(tx.policy_list(scope, Some(kind), request)?),
            |row| {
                (Some(row.name.as_str()) == name).then(|| PolicyPast {
                    from: row.valid_from,
                    until: row.ended_at,
                    by: Some(row.made_by_name),
                    text: row.place.source.unwrap_or_default(),
                })
            },
        ),
    }
}
