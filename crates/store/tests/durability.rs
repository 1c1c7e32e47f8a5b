//! What was acknowledged is there after a kill; jobs share commits, and fail alone.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::page::PageRequest;
use store::{Actor, AuditEntry, OpenOptions, Store, StoreError};
use support::sample::{at, provider};

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        at: at(0),
        actor: Actor::Server,
        action: "test".to_owned(),
        object: number.to_string(),
        client: None,
        detail: String::new(),
    }
}

fn kept(store: &Store) -> Vec<u64> {
    store
        .read_blocking(|tx| {
            let mut request = PageRequest::default();
            let mut numbers = Vec::new();
            loop {
                let page = tx.audit_list(&provider(), &request)?;
                numbers.extend(
                    page.items
                        .iter()
                        .map(|row| row.entry.object.parse::<u64>().unwrap()),
                );
                request.cursor = page.next;
                if request.cursor.is_none() {
                    numbers.sort_unstable();
                    return Ok::<_, StoreError>(numbers);
                }
            }
        })
        .unwrap()
}

const FILE: &str = "PATCHLOOP_TEST_DURABILITY_FILE";

/// Runs in the child process of the test below only: writes until it is killed, and prints each
/// number once its write was acknowledged.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let store = Store::open(path.as_ref(), OpenOptions::default()).unwrap();
    let next = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            std::thread::spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    store
                        .write_blocking(move |tx| tx.audit_add(&entry(number)))
                        .unwrap();
                    println!("acknowledged {number}");
                }
            })
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_until_it_is_killed", "--nocapture"])
        .env(FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some(number) = line.strip_prefix("acknowledged ") {
            acknowledged.push(number.parse::<u64>().unwrap());
        }
        if acknowledged.len() == 300 {
            // SIGKILL. What it wrote before it died is still read.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 300, "{}", acknowledged.len());
    let kept = kept(&Store::open(&path, OpenOptions::default()).unwrap());
    for number in &acknowledged {
        assert!(
            kept.binary_search(number).is_ok(),
            "{number} was acknowledged and is lost"
        );
    }
}

#[test]
fn a_job_that_fails_or_panics_undoes_its_own_changes_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    // The writer waits in its first job until all others are handed in, so they share a commit.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = store.write(move |tx| {
        wait.recv().unwrap();
        tx.audit_add(&entry(1))
    });
    let fails = store.write(|tx| {
        tx.audit_add(&entry(2))?;
        Err::<(), _>(StoreError::Missing { what: "reason" })
    });
    let panics = store.write::<(), StoreError, _>(|tx| {
        tx.audit_add(&entry(3))?;
        panic!("a defect")
    });
    let last = store.write(|tx| tx.audit_add(&entry(4)));
    go.send(()).unwrap();
    assert_eq!(first.wait(), Ok(()));
    assert_eq!(fails.wait(), Err(StoreError::Missing { what: "reason" }));
    assert_eq!(
        panics.wait(),
        Err(StoreError::Panicked {
            reason: "a defect".to_owned()
        })
    );
    assert_eq!(last.wait(), Ok(()));
    assert_eq!(kept(&store), [1, 4]);
}

/// Counts the commits by the frames that each leaves in the write-ahead log: 300 small rows in one
/// commit take a few pages, in 300 commits at least one each.
#[test]
fn jobs_that_wait_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    let log = folder.path().join("store.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = store.write(move |tx| {
        wait.recv().unwrap();
        tx.audit_add(&entry(0))
    });
    let rest: Vec<_> = (1..=300)
        .map(|number| store.write(move |tx| tx.audit_add(&entry(number))))
        .collect();
    go.send(()).unwrap();
    first.wait().unwrap();
    for pending in rest {
        pending.wait().unwrap();
    }
    let frames = (std::fs::metadata(&log).unwrap().len() - before) / 4096;
    assert!(frames < 60, "{frames} pages were written for 301 rows");
    assert_eq!(kept(&store), (0..=300).collect::<Vec<_>>());
}

#[test]
fn a_reader_changes_nothing_and_a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    let refused = store.read_blocking(|tx| tx.audit_add(&entry(1)));
    assert!(
        matches!(refused, Err(StoreError::Statement { .. })),
        "{refused:?}"
    );
    assert!(kept(&store).is_empty());
}

/// Ids of shared rows that a failed job had added may not be used by a later one.
#[test]
fn shared_rows_of_a_failed_job_are_not_remembered() {
    use store::InventoryWrite;
    use support::sample::{client, device, id, inventory, site};
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db"), OpenOptions::default()).unwrap();
    let put = |tx: &mut store::Tx<'_>| {
        let inventory = inventory((0..20).map(|n| (n, 0)));
        let write = InventoryWrite {
            inventory: &inventory,
            digest: inventory.digest(),
            valid_from: at(1),
            recorded_at: at(1),
        };
        tx.inventory_put(&provider(), id(1), write)
    };
    store
        .write_blocking(|tx| {
            tx.client_add(&provider(), &client(1))?;
            tx.site_add(&provider(), &site(1))?;
            tx.device_add(&provider(), &device(1, id(1)))
        })
        .unwrap();
    let failed = store.write_blocking(move |tx| {
        put(tx)?;
        Err::<(), _>(StoreError::Closed)
    });
    assert_eq!(failed, Err(StoreError::Closed));
    store.write_blocking(put).unwrap();
    let kept = store
        .read_blocking(|tx| tx.inventory_get(&provider(), id(1)))
        .unwrap()
        .unwrap();
    assert_eq!(kept.inventory, inventory((0..20).map(|n| (n, 0))));
}
