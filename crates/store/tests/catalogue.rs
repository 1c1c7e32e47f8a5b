//! Every statement is sound on both engines, and none reaches client data without the scope.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::BTreeSet;

use store::{CLIENT_TABLES, MIGRATIONS, StatementKind, catalogue, check_statement};
use support::Cluster;

fn sqlite() -> rusqlite::Connection {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    for migration in MIGRATIONS {
        connection.execute_batch(migration.text).unwrap();
    }
    connection
}

/// Statements that touch client data before a scope is known. A new one needs a reason that a
/// reviewer believes.
const BEFORE_SCOPE: &[&str] = &[
    "audit.add",
    "calendar.by-secret",
    "enrolment.by-token",
    "enrolment.take",
    "link.by-key",
    "link.get",
];

#[test]
fn names_are_unique() {
    let statements = catalogue();
    let names: BTreeSet<&str> = statements.iter().map(|s| s.name()).collect();
    assert_eq!(names.len(), statements.len());
    assert!(statements.len() > 80, "{}", statements.len());
}

#[test]
fn no_statement_reaches_client_data_without_the_scope() {
    for statement in catalogue() {
        if let Err(fault) = check_statement(statement.text(), statement.kind()) {
            panic!("{} {fault}: {}", statement.name(), statement.text());
        }
    }
    let before: BTreeSet<&str> = catalogue()
        .iter()
        .filter(|s| matches!(s.kind(), StatementKind::BeforeScope(_)))
        .map(|s| s.name())
        .collect();
    assert_eq!(before, BEFORE_SCOPE.iter().copied().collect());
}

#[test]
fn every_table_with_a_client_or_device_is_known_to_the_check() {
    let connection = sqlite();
    let mut listed = connection
        .prepare(
            "SELECT DISTINCT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table'
               AND c.name IN ('client', 'device', 'site', 'order_id', 'ticket')",
        )
        .unwrap();
    let mut held: BTreeSet<String> = listed
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    held.insert("client".to_owned());
    let known: BTreeSet<String> = CLIENT_TABLES.iter().map(|&t| t.to_owned()).collect();
    assert_eq!(held, known);
}

/// Whether the two texts name a column the same; what an expression is called differs by engine.
fn same_name(sqlite: &str, postgres: &str) -> bool {
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    !plain(sqlite) || sqlite == postgres
}

#[test]
fn both_engines_prepare_every_statement_alike() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let sqlite = sqlite();
    let mut postgres = cluster.connect("catalogue");
    for statement in catalogue() {
        let name = statement.name();
        let here = sqlite
            .prepare(statement.sqlite_text())
            .unwrap_or_else(|error| panic!("{name} on SQLite: {error}"));
        let there = postgres
            .client
            .prepare(statement.text())
            .unwrap_or_else(|error| panic!("{name} on PostgreSQL: {error:?}"));
        assert_eq!(here.parameter_count(), there.params().len(), "{name}");
        let columns = here.column_names();
        assert_eq!(columns.len(), there.columns().len(), "{name}");
        for (here, there) in columns.iter().zip(there.columns()) {
            assert!(
                same_name(here, there.name()),
                "{name}: {here} {}",
                there.name()
            );
        }
    }
}
