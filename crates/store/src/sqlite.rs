//! SQLite as the engine: how a file is opened, and how statements run on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection as Raw, ErrorCode, OpenFlags, params_from_iter};

use crate::connection::Connection;
use crate::error::StoreError;
use crate::migration;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// How long a connection waits for another's lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Statements kept prepared per connection.
const STATEMENTS_KEPT: usize = 256;
/// Up to this size the whole file is checked at the start, in bytes; it takes about a millisecond
/// for each megabyte.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Whether a connection may change the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Write,
    Read,
}

pub(crate) struct SqliteConnection {
    raw: Raw,
    path: PathBuf,
}

/// Makes or opens the database, brings it to the present version and checks it.
pub(crate) fn open_first(path: &Path) -> Result<SqliteConnection, StoreError> {
    let mut raw = open_raw(path)?;
    // The version first: a newer database is left as it is, its journal mode too.
    let version = migration::check_version(&raw, path)?;
    configure(&raw, path, Use::Write)?;
    migration::migrate(&mut raw, path, version)?;
    check(&raw, path)?;
    Ok(SqliteConnection {
        raw,
        path: path.to_owned(),
    })
}

/// Opens one more connection for reading.
pub(crate) fn open_reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    let raw = open_raw(path)?;
    configure(&raw, path, Use::Read)?;
    Ok(SqliteConnection {
        raw,
        path: path.to_owned(),
    })
}

fn open_raw(path: &Path) -> Result<Raw, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = Raw::open_with_flags(path, flags).map_err(|error| open_fault(path, &error))?;
    // Before anything else: setting the journal mode asks for a lock too.
    raw.busy_timeout(BUSY_WAIT)
        .map_err(|error| open_fault(path, &error))?;
    raw.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(raw)
}

fn configure(raw: &Raw, path: &Path, purpose: Use) -> Result<(), StoreError> {
    let fault = |error| open_fault(path, &error);
    if purpose == Use::Write {
        let mode: String = raw
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(fault)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Open {
                path: path.to_owned(),
                reason: format!(
                    "its file system allows no write-ahead log (journal mode `{mode}`)"
                ),
            });
        }
    }
    // FULL: a commit that was acknowledged survives a loss of power.
    raw.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384")
        .map_err(fault)?;
    if purpose == Use::Read {
        raw.execute_batch("PRAGMA query_only = ON").map_err(fault)?;
    }
    Ok(())
}

fn check(raw: &Raw, path: &Path) -> Result<(), StoreError> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let said: String = raw
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| open_fault(path, &error))?;
    if said == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged {
        path: path.to_owned(),
        reason: said,
    })
}

/// What went wrong while opening.
pub(crate) fn open_fault(path: &Path, error: &rusqlite::Error) -> StoreError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path, reason }
        }
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Open { path, reason },
    }
}

impl SqliteConnection {
    fn fault(&self, statement: &'static str, error: &rusqlite::Error) -> StoreError {
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => StoreError::Conflict { statement, reason },
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged {
                path: self.path.clone(),
                reason,
            },
            _ => StoreError::Statement { statement, reason },
        }
    }

    /// Runs `BEGIN` and the like.
    pub(crate) fn control(&self, text: &'static str) -> Result<(), StoreError> {
        let run = || self.raw.prepare_cached(text)?.execute([]);
        match run() {
            Ok(_) => Ok(()),
            Err(error) => Err(match self.fault(text, &error) {
                StoreError::Statement { reason, .. } | StoreError::Conflict { reason, .. } => {
                    StoreError::Commit { reason }
                }
                other => other,
            }),
        }
    }

    /// Whether a transaction runs. Some errors end it by themselves.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.raw.is_autocommit()
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

impl Connection for SqliteConnection {
    fn rows(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let run = || -> rusqlite::Result<Result<Vec<Row>, StoreError>> {
            let mut prepared = self.raw.prepare_cached(statement.sqlite_text())?;
            let width = prepared.column_count();
            let mut found = prepared.query(params_from_iter(binds))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let mut values = Vec::with_capacity(width);
                for at in 0..width {
                    match value(row.get_ref(at)?) {
                        Ok(value) => values.push(value),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                rows.push(Row(values));
            }
            Ok(Ok(rows))
        };
        run().map_err(|error| self.fault(statement.name(), &error))?
    }

    fn execute(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<u64, StoreError> {
        let run = || {
            let mut prepared = self.raw.prepare_cached(statement.sqlite_text())?;
            prepared.execute(params_from_iter(binds))
        };
        run()
            .map(|changed| changed as u64)
            .map_err(|error| self.fault(statement.name(), &error))
    }
}

fn value(found: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(text) => Value::Text(match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                return Err(StoreError::Unreadable {
                    what: "text",
                    reason: error.to_string(),
                });
            }
        }),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => {
            return Err(StoreError::Unreadable {
                what: "value",
                reason: "a fraction stands where none is kept".to_owned(),
            });
        }
    })
}
