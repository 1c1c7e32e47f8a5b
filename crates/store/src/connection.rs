//! A transaction, over whatever engine is behind it.

use domain::access::ClientScope;

use crate::error::StoreError;
use crate::intern::Interned;
use crate::scope::scope_binds;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// An engine inside a transaction. Implemented for SQLite here, and for PostgreSQL in the tests.
pub trait Connection {
    /// Runs a statement and returns its rows.
    fn rows(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<Vec<Row>, StoreError>;

    /// Runs a statement and returns how many rows it changed.
    fn execute(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<u64, StoreError>;
}

/// A running transaction. The areas' methods hang on it, noun first.
pub struct Tx<'c> {
    connection: &'c mut dyn Connection,
    pub(crate) interned: &'c mut Interned,
}

impl<'c> Tx<'c> {
    /// Makes a transaction over an engine; `interned` remembers rows across transactions.
    pub fn new(connection: &'c mut dyn Connection, interned: &'c mut Interned) -> Self {
        Self {
            connection,
            interned,
        }
    }

    pub(crate) fn rows(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.connection.rows(statement, binds)
    }

    pub(crate) fn execute(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<u64, StoreError> {
        self.connection.execute(statement, binds)
    }

    pub(crate) fn scoped_rows(
        &mut self,
        statement: &'static Statement,
        scope: &ClientScope,
        binds: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        self.connection.rows(statement, &with_scope(scope, binds))
    }

    /// Runs a scoped change; nothing changed means that the thing is missing or out of scope.
    pub(crate) fn scoped_execute(
        &mut self,
        statement: &'static Statement,
        scope: &ClientScope,
        binds: &[Value],
    ) -> Result<u64, StoreError> {
        self.connection
            .execute(statement, &with_scope(scope, binds))
    }

    /// As `scoped_execute`, and refuses when nothing was changed.
    pub(crate) fn scoped_change(
        &mut self,
        what: &'static str,
        statement: &'static Statement,
        scope: &ClientScope,
        binds: &[Value],
    ) -> Result<(), StoreError> {
        match self.scoped_execute(statement, scope, binds)? {
            0 => Err(StoreError::Missing { what }),
            _ => Ok(()),
        }
    }
}

fn with_scope(scope: &ClientScope, binds: &[Value]) -> Vec<Value> {
    let mut all = Vec::with_capacity(2 + binds.len());
    all.extend(scope_binds(scope));
    all.extend_from_slice(binds);
    all
}

/// Cuts a list that was read with one item more than wanted into a page.
pub(crate) fn page<T>(
    mut items: Vec<T>,
    limit: u32,
    cursor: impl Fn(&T) -> String,
) -> domain::page::Page<T> {
    let limit = limit as usize;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(&cursor).unwrap_or_default()
    });
    domain::page::Page { items, next }
}

/// The limit of a page within its bounds.
pub(crate) fn page_limit(request: &domain::page::PageRequest) -> u32 {
    request.limit.clamp(1, domain::page::PAGE_ITEMS_MAX)
}
