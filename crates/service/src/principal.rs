//! Who is signed in: the first owner, sign-in links, sessions, API tokens.
//!
//! Secrets are 256 random bits, shown once; only their SHA-256 is kept. A sign-in link works once and
//! for `LINK_HOURS`; a session ends after `SESSION_HOURS`, or `IDLE_MINUTES` without use.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use domain::access::{Principal, Reach, Role};
use domain::inventory::Digest;
use jiff::{SignedDuration, Timestamp};
use store::Credential;

use crate::link::refusals::Audited;
use crate::{Result, Service, ServiceError, audit, chance, naming};

/// How long a sign-in link works, in hours.
pub const LINK_HOURS: i64 = 24;
/// How long a session lasts, in hours.
pub const SESSION_HOURS: i64 = 8;
/// How long a session lasts without use, in minutes.
pub const IDLE_MINUTES: i64 = 30;

/// The first owner, just made. The secrets are shown this once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerMade {
    /// The owner.
    pub owner: Principal,
    /// An API token.
    pub token: String,
    /// The secret of a sign-in link: `CONSOLE_URL/sign-in/SECRET`.
    pub sign_in: String,
}

/// A session, just opened. The secret goes into a cookie and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMade {
    /// Who signed in.
    pub principal: Principal,
    /// The session's secret.
    pub secret: String,
    /// When it ends at the latest.
    pub ends_at: Timestamp,
}

/// When sessions were last used; in memory only, so a restart gives each its idle time anew.
#[derive(Debug, Default)]
pub(crate) struct LastUsed(Mutex<HashMap<Digest, Timestamp>>);

/// Most sessions that are remembered; beyond, all get their idle time anew.
const SESSIONS_REMEMBERED_MAX: usize = 10_000;

impl LastUsed {
    /// Notes a use; says whether the session had not idled out before it.
    fn touch(&self, session: Digest, now: Timestamp) -> bool {
        let mut used = self.0.lock().expect("no holder of the map can panic");
        if used.len() >= SESSIONS_REMEMBERED_MAX {
            used.clear();
        }
        let idle = SignedDuration::from_mins(IDLE_MINUTES);
        let alive = used
            .get(&session)
            .is_none_or(|last| now.duration_since(*last) < idle);
        if alive {
            used.insert(session, now);
        } else {
            used.remove(&session);
        }
        alive
    }
}

fn after(now: Timestamp, hours: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(hours))
        .unwrap_or(Timestamp::MAX)
}

fn signed_out(reason: &'static str) -> ServiceError {
    ServiceError::SignedOut { reason }
}

impl Service {
    /// Makes the first owner; refused when there is one. Only for the local command line.
    pub fn owner_create(&self, name: &str) -> Result<OwnerMade> {
        let now = self.now();
        let owner = Principal {
            id: chance::id(now)?,
            name: naming::label("name", name)?.to_string(),
            role: Role::Owner,
            reach: Reach::Provider,
        };
        let (token, link) = (chance::secret("plt_")?, chance::secret("pls_")?);
        self.write(move |tx| {
            let known = tx.principal_list()?;
            if let Some(row) = known.iter().find(|row| row.principal.role == Role::Owner) {
                return Err(ServiceError::Conflict {
                    reason: format!("there is an owner already: {}", row.principal.name),
                });
            }
            tx.principal_add(&owner, now)?;
            tx.credential_add(Credential::Token, token.hash, owner.id, now, None)?;
            let until = Some(after(now, LINK_HOURS));
            tx.credential_add(Credential::SignInLink, link.hash, owner.id, now, until)?;
            let entry = audit::by_server(now, "owner.create", owner.id).saying(&owner.name);
            tx.audit_add(&entry.0)?;
            Ok(OwnerMade {
                owner,
                token: token.text,
                sign_in: link.text,
            })
        })
    }

    /// Makes a new sign-in link for the owner. Only for the local command line.
    pub fn owner_sign_in(&self) -> Result<String> {
        let now = self.now();
        let link = chance::secret("pls_")?;
        self.write(move |tx| {
            let known = tx.principal_list()?;
            let owner = known
                .iter()
                .find(|row| row.principal.role == Role::Owner && row.ended_at.is_none())
                .ok_or_else(|| ServiceError::NotFound {
                    what: "principal",
                    name: "owner".to_owned(),
                })?;
            let until = Some(after(now, LINK_HOURS));
            let id = owner.principal.id;
            tx.credential_add(Credential::SignInLink, link.hash, id, now, until)?;
            tx.audit_add(&audit::by_server(now, "owner.sign-in", id).0)?;
            Ok(link.text)
        })
    }

    /// Opens a session with the secret of a sign-in link, which then works no more. `from` is the
    /// peer's address: a link that does not work is written down with it.
    pub fn session_open(&self, link_secret: &str, from: IpAddr) -> Result<SessionMade> {
        let opened = self.session_of_link(link_secret);
        if let Err(ServiceError::SignedOut { reason }) = &opened {
            self.stranger(from, "session.refused", reason);
        }
        opened
    }

    fn session_of_link(&self, link_secret: &str) -> Result<SessionMade> {
        let now = self.now();
        let link = Digest::of(link_secret.as_bytes());
        let session = chance::secret("")?;
        self.write(move |tx| {
            let principal = tx
                .credential_take(Credential::SignInLink, link, now)?
                .ok_or_else(|| {
                    signed_out("this sign-in link was used, has expired, or never was")
                })?;
            let ends_at = after(now, SESSION_HOURS);
            let (kind, hash) = (Credential::Session, session.hash);
            tx.credential_add(kind, hash, principal.id, now, Some(ends_at))?;
            tx.audit_add(&audit::by(&principal, now, "session.open", principal.id).0)?;
            Ok(SessionMade {
                principal,
                secret: session.text,
                ends_at,
            })
        })
    }

    /// Finds who a session belongs to, and keeps it from idling out.
    pub fn session_principal(&self, secret: &str) -> Result<Principal> {
        let (now, hash) = (self.now(), Digest::of(secret.as_bytes()));
        let principal = self.read(move |tx| {
            tx.credential_principal(Credential::Session, hash, now)?
                .ok_or_else(|| signed_out("this session has ended"))
        })?;
        if self.sessions.touch(hash, now) {
            Ok(principal)
        } else {
            self.write(move |tx| Ok(tx.credential_end(hash, now).map(|_| ())?))?;
            Err(signed_out("this session was not used for a while"))
        }
    }

    /// Ends a session; an unknown one is no mistake.
    pub fn session_end(&self, secret: &str) -> Result<()> {
        let (now, hash) = (self.now(), Digest::of(secret.as_bytes()));
        self.write(move |tx| {
            if let Some(who) = tx.credential_principal(Credential::Session, hash, now)? {
                tx.credential_end(hash, now)?;
                tx.audit_add(&audit::by(&who, now, "session.end", who.id).0)?;
            }
            Ok(())
        })
    }

    /// Finds who an API token belongs to. `from` is the peer's address: a token that is not valid is
    /// written down with it.
    pub fn token_principal(&self, token: &str, from: IpAddr) -> Result<Principal> {
        let (now, hash) = (self.now(), Digest::of(token.as_bytes()));
        let found =
            self.read(move |tx| Ok(tx.credential_principal(Credential::Token, hash, now)?))?;
        found.ok_or_else(|| {
            let reason = "this token is not valid (any more)";
            self.stranger(from, "token.refused", reason);
            signed_out(reason)
        })
    }

    /// Writes down that somebody came with a secret that does not work: a few rows a minute and
    /// address, so that guessing cannot fill the disk. Nobody is shut out by it: 256 random bits are
    /// not guessed, and behind a proxy all people have one address.
    pub(crate) fn stranger(&self, from: IpAddr, action: &str, reason: &'static str) {
        let now = self.now();
        if self.strangers.count(from, now) == Audited::No {
            return;
        }
        let entry = audit::by_unknown(from, now, action).saying(reason);
        if let Err(error) = self.write(move |tx| Ok(tx.audit_add(&entry.0)?)) {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = cause, "a refused secret could not be written down");
        }
    }
}
