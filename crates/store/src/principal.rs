//! Who may sign in: principals, their tokens, one-time sign-in links and sessions.
//!
//! Of every secret only the SHA-256 is kept. These rows belong to the provider, not to a client.

use domain::Timestamp;
use domain::access::{Principal, Reach, Role};
use domain::id::PrincipalId;
use domain::inventory::Digest;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::statements;
use crate::value::{Columns, Row, binds, from_json, to_json};

statements! {
    PRINCIPAL_ADD = "principal.add", Unscoped("the provider's own"),
        "INSERT INTO principal (id, name, role, reach, added_at) VALUES ($1, $2, $3, $4, $5)";
    PRINCIPAL_LIST = "principal.list", Unscoped("the provider's own"),
        "SELECT id, name, role, reach, added_at, ended_at FROM principal ORDER BY id";
    CREDENTIAL_ADD = "credential.add", Unscoped("the provider's own"),
        "INSERT INTO credential (hash, kind, principal, made_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)";
    CREDENTIAL_PRINCIPAL = "credential.principal", Unscoped("the provider's own"),
        "SELECT p.id, p.name, p.role, p.reach, p.added_at, p.ended_at
         FROM credential c JOIN principal p ON p.id = c.principal
         WHERE c.hash = $1 AND c.kind = $2 AND p.ended_at IS NULL AND c.ended_at IS NULL
           AND (c.expires_at IS NULL OR c.expires_at > $3)";
    CREDENTIAL_USE = "credential.use", Unscoped("the provider's own"),
        "UPDATE credential SET used_at = $2, ended_at = $2 WHERE hash = $1 AND ended_at IS NULL";
}

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A token of the programming interface.
    Token,
    /// A link that signs in once.
    SignInLink,
    /// A session of the console.
    Session,
}

impl Credential {
    fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::SignInLink => "sign-in-link",
            Self::Session => "session",
        }
    }
}

/// A principal with its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRow {
    /// The principal.
    pub principal: Principal,
    /// When it was added.
    pub added_at: Timestamp,
    /// Since when it may not sign in any more.
    pub ended_at: Option<Timestamp>,
}

fn principal(row: Row) -> Result<PrincipalRow, StoreError> {
    let mut c: Columns = row.columns("principal");
    Ok(PrincipalRow {
        principal: Principal {
            id: c.parsed()?,
            name: c.text()?,
            role: c.parsed::<Role>()?,
            reach: match c.maybe_text()? {
                None => Reach::Provider,
                Some(clients) => Reach::Clients(from_json("principal", &clients)?),
            },
        },
        added_at: c.time()?,
        ended_at: c.maybe_time()?,
    })
}

impl Tx<'_> {
    /// Adds a principal. A name that is taken is a `Conflict`.
    pub fn principal_add(
        &mut self,
        principal: &Principal,
        added_at: Timestamp,
    ) -> Result<(), StoreError> {
        let reach = match &principal.reach {
            Reach::Provider => None,
            Reach::Clients(clients) => Some(to_json(clients)),
        };
        self.execute(
            &PRINCIPAL_ADD,
            binds![
                principal.id,
                &principal.name,
                principal.role.word(),
                reach,
                added_at
            ],
        )?;
        Ok(())
    }

    /// Lists all principals; an owner exists when one of them has the role `owner`.
    pub fn principal_list(&mut self) -> Result<Vec<PrincipalRow>, StoreError> {
        self.rows(&PRINCIPAL_LIST, &[])?
            .into_iter()
            .map(principal)
            .collect()
    }

    /// Keeps the hash of a new secret. `expires_at: None` is valid until it is ended.
    pub fn credential_add(
        &mut self,
        kind: Credential,
        hash: Digest,
        principal: PrincipalId,
        made_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.execute(
            &CREDENTIAL_ADD,
            binds![hash, kind.word(), principal, made_at, expires_at],
        )?;
        Ok(())
    }

    /// Whose secret this is, when it is valid at `now`.
    pub fn credential_principal(
        &mut self,
        kind: Credential,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<Principal>, StoreError> {
        let rows = self.rows(&CREDENTIAL_PRINCIPAL, binds![hash, kind.word(), now])?;
        rows.into_iter()
            .next()
            .map(|row| principal(row).map(|row| row.principal))
            .transpose()
    }

    /// Takes a one-time secret: whose it is, and it is valid no more. Twice gives `None`.
    pub fn credential_take(
        &mut self,
        kind: Credential,
        hash: Digest,
        now: Timestamp,
    ) -> Result<Option<Principal>, StoreError> {
        let Some(principal) = self.credential_principal(kind, hash, now)? else {
            return Ok(None);
        };
        let taken = self.credential_end(hash, now)?;
        Ok(taken.then_some(principal))
    }

    /// Ends a token or session; says whether it was valid until now.
    pub fn credential_end(&mut self, hash: Digest, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.execute(&CREDENTIAL_USE, binds![hash, now])? > 0)
    }
}
