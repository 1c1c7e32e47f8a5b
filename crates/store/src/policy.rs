//! Objects of the policy that are kept as their text: groups, freezes, rules, reboot rules, ring
//! sets and exclusions; and each time that files were applied. Ended, never changed or deleted.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, PolicyId, PrincipalId};
use domain::inventory::Digest;
use domain::page::{Page, PageRequest};
use domain::policy::PolicyKind;

use crate::audit::Actor;
use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::place::Place;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

macro_rules! policy_columns {
    () => {
        "SELECT p.id, p.kind, p.client, p.name, p.devices, p.made_by, p.made_by_name, p.valid_from,
            p.ended_at, p.file, p.position, p.source FROM policy_object p WHERE "
    };
}

statements! {
    POLICY_ADD = "policy.add", Scoped,
        concat!("INSERT INTO policy_object (id, kind, client, name, devices, file, position, source,
            made_by, made_by_name, valid_from, recorded_at)
            SELECT $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 WHERE ",
            in_scope!("CAST($5 AS TEXT)"));
    POLICY_END = "policy.end", Scoped,
        concat!("UPDATE policy_object SET ended_at = $4, end_recorded_at = $5, ended_by = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("policy_object.client"));
    POLICY_STANDING = "policy.standing", Scoped,
        concat!(policy_columns!(), "(p.client IS NULL OR ", in_scope!("p.client"),
            ") AND p.valid_from <= $3 AND (p.ended_at IS NULL OR p.ended_at > $3)
            ORDER BY p.position, p.id");
    POLICY_LIST = "policy.list", Scoped,
        concat!(policy_columns!(), "(p.client IS NULL OR ", in_scope!("p.client"),
            ") AND ($3 = '' OR p.kind = $3) AND p.id < $4 ORDER BY p.id DESC LIMIT $5");
    POLICY_FIND = "policy.find", Scoped,
        concat!(policy_columns!(), "(p.client IS NULL OR ", in_scope!("p.client"),
            ") AND p.kind = $3 AND (p.id = $4 OR (p.name = $4 AND p.ended_at IS NULL))");
    POLICY_PLACE = "policy.place", Scoped,
        concat!("UPDATE policy_object SET file = $4, position = $5, source = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("policy_object.client"));
    VERSION_ADD = "policy.version-add", Unscoped("the whole provider's: only its own people apply files"),
        "INSERT INTO policy_version (applied_at, applied_by, applied_by_name, note, files, files_digest,
            counts, texts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    VERSION_LIST = "policy.version-list", Unscoped("the whole provider's: only its own people see it"),
        "SELECT v.id, v.applied_at, v.applied_by_name, v.note, v.files, v.counts FROM policy_version v
         WHERE v.id < $1 ORDER BY v.id DESC LIMIT $2";
    VERSION_GET = "policy.version-get", Unscoped("the whole provider's: only its own people see it"),
        "SELECT v.id, v.applied_at, v.applied_by_name, v.note, v.files, v.counts FROM policy_version v
         WHERE v.id = $1";
    VERSION_TEXTS = "policy.version-texts", Unscoped("the whole provider's: only its own people see it"),
        "SELECT v.texts FROM policy_version v WHERE v.id = $1";
}

/// An object of the policy as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Its id.
    pub id: PolicyId,
    /// Of which kind it is: none that has a table of its own.
    pub kind: PolicyKind,
    /// The one client it is limited to; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// Its name.
    pub name: String,
    /// Which devices, as a query.
    pub devices: String,
    /// Who made it.
    pub made_by: PrincipalId,
    /// That person's name.
    pub made_by_name: String,
    /// From when it holds.
    pub valid_from: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Where it was written; its text is always there.
    pub place: Place,
}

/// Files in their order, each with its name and text.
pub type PolicyTexts = Vec<(String, String)>;

/// One time that files were applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// Its number; rises with time.
    pub number: u64,
    /// When.
    pub applied_at: Timestamp,
    /// By whom.
    pub applied_by_name: String,
    /// What was said of it.
    pub note: String,
    /// The files that stand from then on, each with the text above its first object.
    pub files: BTreeMap<String, String>,
    /// What was made, ended and left, in words.
    pub counts: String,
}

fn policy(row: Row) -> Result<PolicyRow, StoreError> {
    let mut c = row.columns("policy object");
    Ok(PolicyRow {
        id: c.parsed()?,
        kind: c.parsed()?,
        client: c.maybe_parsed()?,
        name: c.text()?,
        devices: c.text()?,
        made_by: c.parsed()?,
        made_by_name: c.text()?,
        valid_from: c.time()?,
        ended_at: c.maybe_time()?,
        place: Place::read(&mut c)?,
    })
}

fn version(row: Row) -> Result<PolicyVersion, StoreError> {
    let mut c = row.columns("policy version");
    Ok(PolicyVersion {
        number: c.number()?,
        applied_at: c.time()?,
        applied_by_name: c.text()?,
        note: c.text()?,
        files: c.json()?,
        counts: c.text()?,
    })
}

impl Tx<'_> {
    /// Keeps an object. A name that stands is a `Conflict`; one for the whole provider needs a scope
    /// of the whole provider.
    pub fn policy_add(
        &mut self,
        scope: &ClientScope,
        row: &PolicyRow,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![
            row.id,
            row.kind.word(),
            row.client,
            &row.name,
            &row.devices,
            row.place.file.clone(),
            row.place.position,
            row.place.source.clone().unwrap_or_default(),
            row.made_by,
            &row.made_by_name,
            row.valid_from,
            recorded_at,
        ];
        self.scoped_change("client", &POLICY_ADD, scope, binds)
    }

    /// Ends an object; says whether it was still standing.
    pub fn policy_end(
        &mut self,
        scope: &ClientScope,
        id: PolicyId,
        ended_at: Timestamp,
        recorded_at: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let binds = binds![id, ended_at, recorded_at, actor.text()];
        Ok(self.scoped_execute(&POLICY_END, scope, binds)? > 0)
    }

    /// Says where an object that stands is written now; what it says must be the same.
    pub fn policy_place(
        &mut self,
        scope: &ClientScope,
        id: PolicyId,
        place: &Place,
    ) -> Result<(), StoreError> {
        let source = place.source.clone().unwrap_or_default();
        let binds = binds![id, place.file.clone(), place.position, source];
        self.scoped_change("policy object", &POLICY_PLACE, scope, binds)
    }

    /// The objects that hold at `at`, in the order of their files.
    pub fn policy_standing(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<PolicyRow>, StoreError> {
        self.scoped_rows(&POLICY_STANDING, scope, binds![at])?
            .into_iter()
            .map(policy)
            .collect()
    }

    /// Lists objects, newest first, ended ones too; those of the whole provider are seen by all.
    pub fn policy_list(
        &mut self,
        scope: &ClientScope,
        kind: Option<PolicyKind>,
        request: &PageRequest,
    ) -> Result<Page<PolicyRow>, StoreError> {
        let limit = page_limit(request);
        let before = request.cursor.as_deref().unwrap_or(crate::decision::LAST);
        let kind = kind.map_or("", PolicyKind::word);
        let rows = self.scoped_rows(&POLICY_LIST, scope, binds![kind, before, limit + 1])?;
        let items = rows.into_iter().map(policy).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &PolicyRow| item.id.to_string()))
    }

    /// Finds an object of a kind by its id, or by its name while it stands.
    pub fn policy_find(
        &mut self,
        scope: &ClientScope,
        kind: PolicyKind,
        id_or_name: &str,
    ) -> Result<Option<PolicyRow>, StoreError> {
        self.scoped_rows(&POLICY_FIND, scope, binds![kind.word(), id_or_name])?
            .into_iter()
            .next()
            .map(policy)
            .transpose()
    }

    /// Keeps that files were applied, with all files that stand then in their order, and gives the
    /// number of that version.
    pub fn policy_version_add(
        &mut self,
        by: PrincipalId,
        version: &PolicyVersion,
        texts: &PolicyTexts,
        digest: Digest,
    ) -> Result<u64, StoreError> {
        let binds = binds![
            version.applied_at,
            by,
            &version.applied_by_name,
            &version.note,
            crate::value::to_json(&version.files),
            digest,
            &version.counts,
            crate::value::to_json(texts),
        ];
        let rows = self.rows(&VERSION_ADD, binds)?;
        let row = rows.into_iter().next().ok_or(StoreError::Missing {
            what: "policy version",
        })?;
        row.columns("policy version").number()
    }

    /// Lists the times that files were applied, newest first.
    pub fn policy_version_list(
        &mut self,
        request: &PageRequest,
    ) -> Result<Page<PolicyVersion>, StoreError> {
        let limit = page_limit(request);
        let cursor = request.cursor.as_deref();
        let before = cursor
            .and_then(|text| text.parse().ok())
            .unwrap_or(i64::MAX);
        let rows = self.rows(&VERSION_LIST, binds![before, limit + 1])?;
        let items = rows.into_iter().map(version).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &PolicyVersion| {
            item.number.to_string()
        }))
    }

    /// The files that stood after one of them; `None`: there is no such version, or it is from before
    /// these were kept.
    pub fn policy_version_texts(&mut self, number: u64) -> Result<Option<PolicyTexts>, StoreError> {
        let row = self
            .rows(&VERSION_TEXTS, binds![number])?
            .into_iter()
            .next();
        match row {
            Some(row) => row.columns("policy version").maybe_json(),
            None => Ok(None),
        }
    }

    /// Reads one of them.
    pub fn policy_version_get(&mut self, number: u64) -> Result<Option<PolicyVersion>, StoreError> {
        self.rows(&VERSION_GET, binds![number])?
            .into_iter()
            .next()
            .map(version)
            .transpose()
    }
}
