//! Who did what, when, to what: rows are added, never changed and never removed.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, DeviceId, PrincipalId};
use domain::page::{Page, PageRequest};

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    AUDIT_ADD = "audit.add",
        BeforeScope("an attack is written down too, and whoever makes it has no scope"),
        "INSERT INTO audit (at, actor_kind, actor, action, object, client, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    AUDIT_LIST = "audit.list", Scoped,
        concat!("SELECT t.id, t.at, t.actor_kind, t.actor, t.action, t.object, t.client, t.detail
            FROM audit t WHERE ", in_scope!("t.client"), " AND t.id < $3 ORDER BY t.id DESC LIMIT $4");
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who signed in.
    Principal(PrincipalId),
    /// A device whose signature was checked.
    Device(DeviceId),
    /// The server's own loops and command line.
    Server,
    /// Somebody unknown, with what is known: an address.
    Unknown(String),
}

impl Actor {
    fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Principal(id) => ("principal", id.to_string()),
            Self::Device(id) => ("device", id.to_string()),
            Self::Server => ("server", String::new()),
            Self::Unknown(what) => ("unknown", what.clone()),
        }
    }

    /// One text for history rows.
    pub(crate) fn text(&self) -> String {
        match self.parts() {
            (kind, id) if id.is_empty() => kind.to_owned(),
            (_, id) => id,
        }
    }

    fn from_parts(kind: &str, id: String) -> Result<Self, StoreError> {
        let unreadable = |reason: String| StoreError::Unreadable {
            what: "audit row",
            reason,
        };
        Ok(match kind {
            "principal" => Self::Principal(id.parse().map_err(|e| unreadable(format!("{e}")))?),
            "device" => Self::Device(id.parse().map_err(|e| unreadable(format!("{e}")))?),
            "server" => Self::Server,
            "unknown" => Self::Unknown(id),
            other => return Err(unreadable(format!("`{other}` is no actor"))),
        })
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What: `decision.add`, `enrolment.refused`.
    pub action: String,
    /// To what, by id or name.
    pub object: String,
    /// Whose; `None` is the provider's own.
    pub client: Option<ClientId>,
    /// More, in one sentence or as JSON.
    pub detail: String,
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Rises by time of writing.
    pub number: i64,
    /// What was done.
    pub entry: AuditEntry,
}

fn audit(row: Row) -> Result<AuditRow, StoreError> {
    let mut c = row.columns("audit row");
    let (number, at) = (c.int()?, c.time()?);
    let kind = c.text()?;
    let actor = Actor::from_parts(&kind, c.text()?)?;
    Ok(AuditRow {
        number,
        entry: AuditEntry {
            at,
            actor,
            action: c.text()?,
            object: c.text()?,
            client: c.maybe_parsed()?,
            detail: c.text()?,
        },
    })
}

impl Tx<'_> {
    /// Adds a row.
    pub fn audit_add(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let (kind, actor) = entry.actor.parts();
        let binds = binds![
            entry.at,
            kind,
            actor,
            &entry.action,
            &entry.object,
            entry.client,
            &entry.detail,
        ];
        self.execute(&AUDIT_ADD, binds)?;
        Ok(())
    }

    /// Lists rows, newest first. Those without a client are seen with the whole provider's scope only.
    pub fn audit_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<AuditRow>, StoreError> {
        let before: i64 = match &request.cursor {
            None => i64::MAX,
            Some(text) => text.parse().map_err(|_| StoreError::BadCursor {
                cursor: text.chars().take(200).collect(),
            })?,
        };
        let limit = page_limit(request);
        let rows = self.scoped_rows(&AUDIT_LIST, scope, binds![before, limit + 1])?;
        let items = rows.into_iter().map(audit).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &AuditRow| {
            item.number.to_string()
        }))
    }
}
