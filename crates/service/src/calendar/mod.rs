//! A client's windows and freezes for people's calendars: secret addresses, made, listed and revoked.
//!
//! Who knows an address reads that client's calendar and nothing else. The secret is shown once and
//! only its SHA-256 is kept; an address that was revoked and one that never was get the same answer.

mod file;
mod month;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::access::{self, ClientScope, Permission, Principal};
use domain::id::{ClientId, PolicyId};
use domain::inventory::Digest;
use domain::page::{Page, PageRequest};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Actor, CalendarFeed, Tx};
use utoipa::ToSchema;

use crate::{Result, Service, ServiceError, audit, chance, naming};

pub use file::{DAYS_AHEAD, DAYS_BACK, EVENTS_MAX};
pub use month::{CalendarEntry, CalendarKind, CalendarShown, CalendarSpan, ClockChange};

/// What secrets of calendars begin with.
const PREFIX: &str = "plc_";
/// How calendars' addresses end.
const SUFFIX: &str = ".ics";
/// The longest last part of an address that is looked at.
const FILE_BYTES_MAX: usize = 100;
/// The most addresses of one client that are good at once.
const ADDRESSES_MAX: usize = 100;
/// How long a calendar is given out as it was made, in seconds: however often it is asked for, it is
/// made once in this time.
const KEPT_SECONDS: i64 = 60;
/// The most calendars that are kept.
const KEPT_MAX: usize = 200;

/// Whose calendar gets an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCalendar {
    /// The client, by name or id.
    pub client: String,
}

/// A new address. It is shown this once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarMade {
    /// Its id, to revoke it by.
    #[schema(value_type = String)]
    pub id: PolicyId,
    /// The client, by name.
    pub client: String,
    /// The address on this server, with its secret: `/calendar/SECRET.ics`.
    pub path: String,
}

/// An address as lists show it, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PolicyId,
    /// The client, by name.
    pub client: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: String,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// Calendars as they were made a moment ago, by client.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    calendars: Mutex<HashMap<ClientId, Calendar>>,
    /// How often the policy changed.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Calendar {
    made_at: Timestamp,
    /// How often the policy had changed.
    changes: u64,
    text: Arc<str>,
}

impl Kept {
    /// Forgets all of them, after a change of the policy. Waits for nobody.
    pub fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The calendar of a client, made anew where it is old. One is made at a time, so that however
    /// many ask at once cost one.
    fn get(
        &self,
        client: ClientId,
        now: Timestamp,
        make: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<Option<Arc<str>>> {
        let calendars = self.calendars.lock();
        let mut calendars = calendars.unwrap_or_else(PoisonError::into_inner);
        let changes = self.changes.load(Ordering::Acquire);
        if let Some(kept) = calendars.get(&client)
            && kept.changes == changes
            && kept.made_at <= now
            && now.duration_since(kept.made_at) < SignedDuration::from_secs(KEPT_SECONDS)
        {
            return Ok(Some(Arc::clone(&kept.text)));
        }
        let Some(text) = make()? else {
            return Ok(None);
        };
        if calendars.len() >= KEPT_MAX {
            calendars.clear();
        }
        let text: Arc<str> = text.into();
        let kept = Calendar {
            made_at: now,
            changes,
            text: Arc::clone(&text),
        };
        calendars.insert(client, kept);
        Ok(Some(text))
    }
}

fn item(tx: &mut Tx<'_>, scope: &ClientScope, feed: CalendarFeed) -> Result<CalendarItem> {
    let client = tx.client_get(scope, feed.client)?;
    Ok(CalendarItem {
        id: feed.id,
        client: client.map_or_else(|| feed.client.to_string(), |client| client.name.to_string()),
        made_at: feed.made_at,
        made_by: feed.made_by_name,
        revoked_at: feed.ended_at,
    })
}

impl Service {
    /// Makes a secret address of a client's calendar.
    pub fn calendar_add(&self, who: &Principal, wanted: &NewCalendar) -> Result<CalendarMade> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let (id, secret) = (chance::id(now)?, chance::secret(PREFIX)?);
        let (who, name) = (who.clone(), wanted.client.trim().to_owned());
        self.write(move |tx| {
            let client = naming::client(tx, &scope, &name)?;
            let standing = tx.calendar_list(&scope)?;
            let good = |feed: &&CalendarFeed| feed.client == client.id && feed.ended_at.is_none();
            if standing.iter().filter(good).count() >= ADDRESSES_MAX {
                return Err(ServiceError::Conflict {
                    reason: format!(
                        "{} has {ADDRESSES_MAX} addresses already: revoke one first",
                        client.name
                    ),
                });
            }
            let feed = CalendarFeed {
                id,
                client: client.id,
                made_at: now,
                made_by_name: who.name.clone(),
                ended_at: None,
            };
            tx.calendar_add(&scope, &feed, secret.hash)?;
            let entry = audit::by(&who, now, "calendar.add", id)
                .of(client.id)
                .saying(&client.name);
            tx.audit_add(&entry.0)?;
            Ok(CalendarMade {
                id,
                client: client.name.to_string(),
                path: format!("/calendar/{}{SUFFIX}", secret.text),
            })
        })
    }

    /// Lists addresses, newest first, revoked ones too; without their secrets.
    pub fn calendar_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<CalendarItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        let before = page.cursor.as_deref().map(str::parse::<PolicyId>);
        let before = before.transpose().map_err(|_| ServiceError::Invalid {
            field: "cursor",
            reason: "take it from `next` of the part before".to_owned(),
        })?;
        let limit = page.limit.clamp(1, domain::page::PAGE_ITEMS_MAX) as usize;
        self.read(move |tx| {
            let mut found = tx.calendar_list(&scope)?;
            found.sort_by_key(|feed| std::cmp::Reverse(feed.id));
            found.retain(|feed| before.is_none_or(|before| feed.id < before));
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().map(|feed| feed.id.to_string());
            let mut items = Vec::with_capacity(found.len());
            for feed in found {
                items.push(item(tx, &scope, feed)?);
            }
            Ok(Page {
                items,
                next: next.filter(|_| more),
            })
        })
    }

    /// Revokes an address; one that was revoked already stays as it is.
    pub fn calendar_revoke(&self, who: &Principal, id: &str) -> Result<CalendarItem> {
        let scope = access::check(who, Permission::SetWindow)?;
        let now = self.now();
        let not_found = ServiceError::NotFound {
            what: "calendar",
            name: id.chars().take(200).collect(),
        };
        let Ok(id) = id.parse::<PolicyId>() else {
            return Err(not_found);
        };
        let who = who.clone();
        self.write(move |tx| {
            let found = |feeds: Vec<CalendarFeed>| feeds.into_iter().find(|feed| feed.id == id);
            let Some(feed) = found(tx.calendar_list(&scope)?) else {
                return Err(not_found);
            };
            if tx.calendar_end(&scope, id, now, &Actor::Principal(who.id))? {
                let entry = audit::by(&who, now, "calendar.revoke", id).of(feed.client);
                tx.audit_add(&entry.0)?;
            }
            let after = found(tx.calendar_list(&scope)?).unwrap_or(feed);
            item(tx, &scope, after)
        })
    }

    /// The calendar at an address, whose last part is `file`; `None`: there is none. Asked by
    /// whoever knows the address, from `from`.
    pub fn calendar_file(&self, file: &str, from: IpAddr) -> Result<Option<Arc<str>>> {
        let now = self.now();
        // Looked up by its hash: how long that takes says nothing about any secret.
        let secret = Some(file).filter(|file| file.len() <= FILE_BYTES_MAX);
        let secret = secret.and_then(|file| file.strip_suffix(SUFFIX));
        let feed = match secret {
            Some(secret) => {
                let hash = Digest::of(secret.as_bytes());
                self.read(move |tx| Ok(tx.calendar_by_secret(hash)?))?
            }
            None => None,
        };
        let Some(feed) = feed else {
            self.stranger(
                from,
                "calendar.refused",
                "the address of a calendar is not valid (any more)",
            );
            return Ok(None);
        };
        self.calendars
            .get(feed.client, now, || self.calendar_text(feed.client, now))
    }
}
