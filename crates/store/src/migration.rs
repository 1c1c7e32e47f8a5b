//! The schema's versions: append-only files, applied in order, remembered with their digest.

use std::path::Path;

use domain::inventory::Digest;
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::StoreError;
use crate::sqlite::open_fault;

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1.
    pub version: i64,
    /// What it does.
    pub text: &'static str,
}

/// For SQLite.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        text: include_str!("../migrations/sqlite/0001_first.sql"),
    },
    Migration {
        version: 2,
        text: include_str!("../migrations/sqlite/0002_feeds.sql"),
    },
    Migration {
        version: 3,
        text: include_str!("../migrations/sqlite/0003_events.sql"),
    },
    Migration {
        version: 4,
        text: include_str!("../migrations/sqlite/0004_policy.sql"),
    },
    Migration {
        version: 5,
        text: include_str!("../migrations/sqlite/0005_policy_texts.sql"),
    },
];

/// Functions that PostgreSQL needs before its first migration, so that it takes the same SQL text.
pub const POSTGRES_FUNCTIONS: &str = include_str!("../migrations/postgres/0000_functions.sql");

/// The same for PostgreSQL. Its database has the collation `C`, so that text sorts as in SQLite.
pub const POSTGRES_MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        text: include_str!("../migrations/postgres/0001_first.sql"),
    },
    Migration {
        version: 2,
        text: include_str!("../migrations/postgres/0002_feeds.sql"),
    },
    Migration {
        version: 3,
        text: include_str!("../migrations/postgres/0003_events.sql"),
    },
    Migration {
        version: 4,
        text: include_str!("../migrations/postgres/0004_policy.sql"),
    },
    Migration {
        version: 5,
        text: include_str!("../migrations/postgres/0005_policy_texts.sql"),
    },
];

/// The newest version.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Marks the file as ours: `PLop`.
const APPLICATION_ID: i64 = 0x504c_6f70;

/// Reads the version of a database without changing it; refuses one that is not ours or newer.
pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let fault = |error| open_fault(path, &error);
    let number = |text: &str| connection.query_row(text, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT COUNT(*) FROM sqlite_schema").map_err(fault)?;
    if tables == 0 {
        return Ok(0);
    }
    if number("PRAGMA application_id").map_err(fault)? != APPLICATION_ID {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            reason: "it belongs to another program".to_owned(),
        });
    }
    let found = number("SELECT COALESCE(MAX(version), 0) FROM migration").map_err(fault)?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    for migration in MIGRATIONS.iter().filter(|m| m.version <= found) {
        let text = "SELECT digest FROM migration WHERE version = ?1";
        let digest: Option<Vec<u8>> = connection
            .query_row(text, [migration.version], |row| row.get(0))
            .optional()
            .map_err(fault)?;
        if digest.as_deref() != Some(&digest_of(migration)[..]) {
            return Err(StoreError::OtherMigration {
                path: path.to_owned(),
                version: migration.version,
            });
        }
    }
    Ok(found)
}

fn digest_of(migration: &Migration) -> [u8; 32] {
    *Digest::of(migration.text.as_bytes()).bytes()
}

/// Applies what is missing, all or nothing.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    from: i64,
) -> Result<(), StoreError> {
    if from == SCHEMA_VERSION {
        return Ok(());
    }
    let fault = |error| open_fault(path, &error);
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(fault)?;
    // Another process may have been faster while this one waited for the lock.
    let from = check_version(&transaction, path)?;
    if from == 0 {
        transaction
            .execute_batch(
                "CREATE TABLE migration (version INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT",
            )
            .map_err(fault)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(fault)?;
    }
    for migration in MIGRATIONS.iter().filter(|m| m.version > from) {
        transaction.execute_batch(migration.text).map_err(fault)?;
        transaction
            .execute(
                "INSERT INTO migration (version, digest) VALUES (?1, ?2)",
                (migration.version, &digest_of(migration)[..]),
            )
            .map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's text is the one that is written; PostgreSQL's follows from it by these rules.
    fn for_postgres(text: &str) -> String {
        text.replace(
            "INTEGER PRIMARY KEY REFERENCES",
            "BIGINT PRIMARY KEY REFERENCES",
        )
        .replace(
            "INTEGER PRIMARY KEY",
            "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        )
        .replace("INTEGER", "BIGINT")
        .replace("BLOB", "BYTEA")
        .replace(") STRICT, WITHOUT ROWID;", ");")
        .replace(") STRICT;", ");")
    }

    #[test]
    fn both_engines_get_the_same_tables() {
        assert_eq!(MIGRATIONS.len(), POSTGRES_MIGRATIONS.len());
        for (at, (sqlite, postgres)) in MIGRATIONS.iter().zip(POSTGRES_MIGRATIONS).enumerate() {
            assert_eq!(sqlite.version, at as i64 + 1);
            assert_eq!(postgres.version, sqlite.version);
            assert_eq!(for_postgres(sqlite.text), postgres.text);
        }
    }
}
