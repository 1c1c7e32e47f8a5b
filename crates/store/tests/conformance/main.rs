//! Every method on both engines: the same story is told to SQLite and to PostgreSQL, and each step
//! must give the same. A second pass asks for everything with another client's scope.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fmt::Debug;

use domain::access::ClientScope;
use domain::changelog::{ChangelogEntry, ChangelogFacts};
use domain::device::{Mode, Standing};
use domain::enrolment::TokenRefused;
use domain::finding::FindingState;
use domain::id::{ClientId, DeviceId, OrderId};
use domain::inventory::Digest;
use domain::order::OrderState;
use domain::page::PageRequest;
use domain::proof::{Proof, ProofState};
use domain::ticket::TicketState;
use store::{
    Actor, AuditEntry, Credential, DeviceFilter, FindingsWrite, Interned, InventoryWrite,
    LinkUpdate, NewStudy, NewTicket, OpenOptions, OrderFilter, OrderProgress, Store, StoreError,
    TicketCount, TicketFilter, Tx, catalogue,
};
use support::Cluster;
use support::sample::*;

/// Runs a step, keeps what it gave in the log, and gives it on.
macro_rules! step {
    ($log:ident, $call:expr) => {{
        let result = $call;
        $log.add(stringify!($call), &result);
        result
    }};
}

mod patching;
mod story;
mod trespass;

use patching::*;
use story::*;
use trespass::*;

/// What each step gave, in words.
#[derive(Default)]
struct Log(Vec<String>);

impl Log {
    fn add<T: Debug>(&mut self, step: &str, result: &Result<T, StoreError>) {
        let said = match result {
            Ok(value) => format!("{value:?}"),
            // The engines word their reasons differently.
            Err(StoreError::Conflict { statement, .. }) => format!("conflict in {statement}"),
            Err(error) => format!("{error:?}"),
        };
        self.0.push(format!("{step}: {said}"));
    }
}

fn pages(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { cursor, limit }
}

/// The sentence of the test tells the expected values; the comparison tells that both agree.
fn story(tx: &mut Tx<'_>) -> Vec<String> {
    let mut log = Log::default();
    people(tx, &mut log);
    places(tx, &mut log);
    devices(tx, &mut log);
    looks(tx, &mut log);
    findings(tx, &mut log);
    rules(tx, &mut log);
    orders(tx, &mut log);
    tickets_and_audit(tx, &mut log);
    log.0
}

fn on_sqlite() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    let log = store
        .write_blocking(|tx| Ok::<_, StoreError>(story(tx)))
        .unwrap();
    store
        .write_blocking(|tx| {
            trespass(tx);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    log
}

#[test]
fn sqlite_keeps_what_it_is_given_and_shows_each_client_its_own() {
    assert!(on_sqlite().len() > 150);
}

#[test]
fn postgresql_gives_the_same_answers_as_sqlite() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut connection = cluster.connect("conformance");
    let mut interned = Interned::default();
    let there = story(&mut Tx::new(&mut connection, &mut interned));
    trespass(&mut Tx::new(&mut connection, &mut interned));
    for (here, there) in on_sqlite().iter().zip(&there) {
        assert_eq!(here, there);
    }
    // Those of feeds, events, exclusions and the policy are run by tests of their own.
    let elsewhere = [
        "feed.",
        "event.",
        "exclusion.",
        "policy.",
        "contact.",
        "clock.",
        "calendar.",
        "decision.replaces",
        "decision.place",
        "window.place",
    ];
    let declared: BTreeSet<&str> = catalogue()
        .iter()
        .map(|s| s.name())
        .filter(|name| !elsewhere.iter().any(|area| name.starts_with(area)))
        .collect();
    let idle: Vec<_> = declared.difference(&connection.used).collect();
    assert!(
        idle.is_empty(),
        "statements that no step of the story runs: {idle:?}"
    );
}
