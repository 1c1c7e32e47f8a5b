//! Rows that many devices share, found by what they say.
//!
//! The cache remembers what was looked up or added. What a transaction adds is only certain once it
//! is committed, so the cache knows which entries a job added and can forget them again.
//!
//! Contents and findings are also kept as what they say: their rows never change and are never
//! deleted, so one that was read once need not be read and parsed again.

use std::collections::HashMap;

use domain::finding::Finding;
use domain::inventory::Digest;
use domain::offer::{Needs, Offer, Withheld};
use serde::de::DeserializeOwned;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{Statement, statements};
use crate::value::{Value, binds, from_json};

/// Inventory lines kept, of about 100 bytes; at the limit the cache starts anew.
const LINES_MAX: usize = 500_000;
/// Contents kept, of about 500 bytes; at the limit the cache starts anew.
const CONTENTS_MAX: usize = 50_000;
/// Parsed rows kept of each kind, of about 1,000 bytes; at the limit they are read anew.
const PARSED_MAX: usize = 10_000;

statements! {
    CONTENT_FIND = "content.find", Unscoped("contents carry no client"),
        "SELECT id FROM content WHERE digest = $1";
    CONTENT_ADD = "content.add", Unscoped("contents carry no client"),
        "INSERT INTO content (digest, body) VALUES ($1, $2) RETURNING id";
    CONTENT_BODIES = "content.bodies", Unscoped("contents carry no client"),
        "SELECT id, body FROM content
         WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($1 AS TEXT)))";
}

enum Added {
    Line(Box<str>),
    Content(Box<str>),
}

/// Shared rows as what they say, by id.
#[derive(Default)]
pub(crate) struct Parsed {
    findings: HashMap<i64, Finding>,
    offers: HashMap<i64, Offer>,
    withheld: HashMap<i64, Withheld>,
    needs: HashMap<i64, Needs>,
}

impl Parsed {
    fn forget_more_than(&mut self, limit: usize) {
        fn cut<T>(kept: &mut HashMap<i64, T>, limit: usize) {
            if kept.len() > limit {
                kept.clear();
            }
        }
        cut(&mut self.findings, limit);
        cut(&mut self.offers, limit);
        cut(&mut self.withheld, limit);
        cut(&mut self.needs, limit);
    }
}

/// What a shared row says.
pub(crate) trait SharedRow: DeserializeOwned {
    /// Those that were read.
    fn kept(parsed: &mut Parsed) -> &mut HashMap<i64, Self>;
}

impl SharedRow for Finding {
    fn kept(parsed: &mut Parsed) -> &mut HashMap<i64, Self> {
        &mut parsed.findings
    }
}
impl SharedRow for Offer {
    fn kept(parsed: &mut Parsed) -> &mut HashMap<i64, Self> {
        &mut parsed.offers
    }
}
impl SharedRow for Withheld {
    fn kept(parsed: &mut Parsed) -> &mut HashMap<i64, Self> {
        &mut parsed.withheld
    }
}
impl SharedRow for Needs {
    fn kept(parsed: &mut Parsed) -> &mut HashMap<i64, Self> {
        &mut parsed.needs
    }
}

/// What a connection remembers of shared rows: inventory lines and contents with their ids, and
/// what rows say that were read.
#[derive(Default)]
pub struct Interned {
    lines: HashMap<Box<str>, i64>,
    contents: HashMap<Box<str>, i64>,
    added: Vec<Added>,
    parsed: Parsed,
}

impl Interned {
    /// The place to which `forget_since` goes back.
    pub fn mark(&self) -> usize {
        self.added.len()
    }

    /// Forgets what was added after `mark`: the savepoint or transaction was undone.
    pub fn forget_since(&mut self, mark: usize) {
        // An id that was given and taken back is given to another row.
        self.parsed.forget_more_than(0);
        for entry in self.added.drain(mark.min(self.added.len())..) {
            match entry {
                Added::Line(line) => {
                    self.lines.remove(&line);
                }
                Added::Content(text) => {
                    self.contents.remove(&text);
                }
            }
        }
    }

    /// The transaction is durable, so everything that was added is certain.
    pub fn settle(&mut self) {
        self.added.clear();
        if self.lines.len() > LINES_MAX {
            self.lines.clear();
        }
        if self.contents.len() > CONTENTS_MAX {
            self.contents.clear();
        }
        self.parsed.forget_more_than(PARSED_MAX);
    }

    pub(crate) fn line(&self, line: &str) -> Option<i64> {
        self.lines.get(line).copied()
    }

    pub(crate) fn remember_line(&mut self, line: &str, id: i64) {
        self.lines.insert(line.into(), id);
        self.added.push(Added::Line(line.into()));
    }

    fn remember_content(&mut self, text: &str, id: i64) {
        self.contents.insert(text.into(), id);
        self.added.push(Added::Content(text.into()));
    }
}

/// Ids as the JSON list that `json_each` takes apart.
pub(crate) fn id_list(ids: &[i64]) -> Value {
    let mut list = String::with_capacity(2 + ids.len() * 6);
    list.push('[');
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            list.push(',');
        }
        list.push_str(&id.to_string());
    }
    list.push(']');
    Value::Text(list)
}

impl Tx<'_> {
    /// Finds a shared row by the digest of its text, or adds it. `salt` keeps kinds apart.
    pub(crate) fn intern(
        &mut self,
        salt: &str,
        body: &str,
        find: &'static Statement,
        add: impl FnOnce(&mut Self, Digest) -> Result<i64, StoreError>,
    ) -> Result<i64, StoreError> {
        let text = format!("{salt}\n{body}");
        if let Some(&id) = self.interned.contents.get(text.as_str()) {
            return Ok(id);
        }
        let digest = Digest::of(text.as_bytes());
        let found = self.rows(find, binds![digest])?;
        let id = match found.into_iter().next() {
            Some(row) => row.columns("shared row").int()?,
            None => add(self, digest)?,
        };
        self.interned.remember_content(&text, id);
        Ok(id)
    }

    pub(crate) fn content_intern(&mut self, body: &str) -> Result<i64, StoreError> {
        self.intern("content", body, &CONTENT_FIND, |tx, digest| {
            added_id(tx.rows(&CONTENT_ADD, binds![digest, body])?)
        })
    }

    pub(crate) fn content_bodies(
        &mut self,
        ids: &[i64],
    ) -> Result<HashMap<i64, String>, StoreError> {
        self.rows(&CONTENT_BODIES, &[id_list(ids)])?
            .into_iter()
            .map(|row| {
                let mut columns = row.columns("shared content");
                Ok((columns.int()?, columns.text()?))
            })
            .collect()
    }

    /// What shared rows say, those of `ids` among them as far as they are there. `bodies` reads ids
    /// and texts of a list of ids.
    pub(crate) fn shared<T: SharedRow>(
        &mut self,
        what: &'static str,
        bodies: &'static Statement,
        ids: impl Iterator<Item = i64>,
    ) -> Result<&HashMap<i64, T>, StoreError> {
        let kept = T::kept(&mut self.interned.parsed);
        let unread: Vec<i64> = ids.filter(|id| !kept.contains_key(id)).collect();
        if !unread.is_empty() {
            for row in self.rows(bodies, &[id_list(&unread)])? {
                let mut columns = row.columns(what);
                let (id, said) = (columns.int()?, from_json(what, &columns.text()?)?);
                T::kept(&mut self.interned.parsed).insert(id, said);
            }
        }
        Ok(T::kept(&mut self.interned.parsed))
    }

    pub(crate) fn contents<T: SharedRow + Clone>(
        &mut self,
        what: &'static str,
        ids: &[i64],
    ) -> Result<Vec<T>, StoreError> {
        let kept = self.shared::<T>(what, &CONTENT_BODIES, ids.iter().copied())?;
        let said = |id| {
            kept.get(id).cloned().ok_or_else(|| StoreError::Unreadable {
                what,
                reason: "a shared content is missing".to_owned(),
            })
        };
        ids.iter().map(said).collect()
    }
}

/// The id that an `INSERT ... RETURNING id` gave.
pub(crate) fn added_id(rows: Vec<crate::value::Row>) -> Result<i64, StoreError> {
    rows.into_iter()
        .next()
        .ok_or(StoreError::Missing { what: "new row" })?
        .columns("new row")
        .int()
}
