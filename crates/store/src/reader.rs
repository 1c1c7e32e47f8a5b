//! The readers: threads with a connection each, which see the last commit and cannot change it.

use std::sync::{Arc, Mutex, PoisonError, mpsc::Receiver};

use crate::connection::Tx;
use crate::intern::Interned;
use crate::sqlite::SqliteConnection;
use crate::writer::Job;

/// Works until every sender is gone. Each job sees one state of the database.
pub(crate) fn read(mut connection: SqliteConnection, jobs: &Arc<Mutex<Receiver<Job>>>) {
    let mut interned = Interned::default();
    loop {
        // Whoever holds the lock waits for the next job; the others wait for the lock.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else {
            return;
        };
        let ran = match connection.control("BEGIN DEFERRED") {
            Ok(()) => job(Ok(&mut Tx::new(&mut connection, &mut interned))),
            Err(error) => job(Err(error)),
        };
        if connection.in_transaction() {
            // A read changes nothing, so there is nothing to lose when its end fails.
            let _ = connection.control("ROLLBACK");
        }
        interned.settle();
        ran.answer_now();
    }
}
