//! Rows that many devices share, found by what they say.
//!
//! The cache remembers what was looked up or added. What a transaction adds is only certain once it
//! is committed, so the cache knows which entries a job added and can forget them again.

use std::collections::HashMap;

use domain::inventory::Digest;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{Statement, statements};
use crate::value::{Value, binds};

/// Inventory lines kept, of about 100 bytes; at the limit the cache starts anew.
const LINES_MAX: usize = 500_000;
/// Contents kept, of about 500 bytes; at the limit the cache starts anew.
const CONTENTS_MAX: usize = 50_000;

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

/// What the writer remembers of shared rows: inventory lines and contents with their ids.
#[derive(Default)]
pub struct Interned {
    lines: HashMap<Box<str>, i64>,
    contents: HashMap<Box<str>, i64>,
    added: Vec<Added>,
}

impl Interned {
    /// The place to which `forget_since` goes back.
    pub fn mark(&self) -> usize {
        self.added.len()
    }

    /// Forgets what was added after `mark`: the savepoint or transaction was undone.
    pub fn forget_since(&mut self, mark: usize) {
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
}

/// The id that an `INSERT ... RETURNING id` gave.
pub(crate) fn added_id(rows: Vec<crate::value::Row>) -> Result<i64, StoreError> {
    rows.into_iter()
        .next()
        .ok_or(StoreError::Missing { what: "new row" })?
        .columns("new row")
        .int()
}
