//! What a database that cannot be used is answered with, and that it is left as it was.

use std::path::Path;

use store::{OpenOptions, SCHEMA_VERSION, Store, StoreError};

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, OpenOptions::default())
}

fn refusal(path: &Path) -> StoreError {
    match open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[test]
fn a_database_is_made_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for _ in 0..2 {
        let store = open(&path).unwrap();
        assert_eq!(store.path(), path);
    }
    let raw = rusqlite::Connection::open(&path).unwrap();
    let pragma = |name: &str| -> String {
        raw.query_row(&format!("PRAGMA {name}"), [], |row| {
            row.get::<_, rusqlite::types::Value>(0)
        })
        .map(|value| format!("{value:?}"))
        .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    let version: i64 = raw
        .query_row("SELECT MAX(version) FROM migration", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, SCHEMA_VERSION);
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("INSERT INTO migration VALUES (9999, x'00')", [])
        .unwrap();
    drop(raw);
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path);
    assert_eq!(
        error,
        StoreError::Newer {
            path: path.clone(),
            found: 9999,
            known: SCHEMA_VERSION
        }
    );
    let said = error.to_string();
    for part in [path.to_str().unwrap(), "9999", "newer", "backup"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_migration_that_was_changed_after_the_fact_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE migration SET digest = x'00' WHERE version = 1", [])
        .unwrap();
    drop(raw);
    let other = StoreError::OtherMigration {
        path: path.clone(),
        version: 1,
    };
    assert_eq!(refusal(&path), other);
}

#[test]
fn other_files_and_folders_are_refused_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, and longer than a header ".repeat(30),
    )
    .unwrap();
    assert!(matches!(refusal(&text), StoreError::Damaged { .. }));
    assert!(
        std::fs::read_to_string(&text)
            .unwrap()
            .starts_with("not a database")
    );

    let foreign = folder.path().join("foreign.db");
    let raw = rusqlite::Connection::open(&foreign).unwrap();
    raw.execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    drop(raw);
    let before = std::fs::read(&foreign).unwrap();
    let error = refusal(&foreign);
    assert!(error.to_string().contains("another program"), "{error}");
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    for path in [
        folder.path().to_owned(),
        folder.path().join("absent/store.db"),
    ] {
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_page_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(open(&path).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 20 * 4096, "{}", bytes.len());
    // Every page but the first ones, which hold the header and the schema's root.
    for page in bytes.chunks_mut(4096).skip(12) {
        page[..64].fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}
