//! The one writer: takes all jobs that wait, runs each in a savepoint, commits once, then answers.
//!
//! An answer is only given after the commit, so what was acknowledged is durable. A job that fails
//! undoes its own changes only; a commit that fails fails all of its jobs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::connection::Tx;
use crate::error::StoreError;
use crate::intern::Interned;
use crate::pending::{Pending, pending};
use crate::sqlite::SqliteConnection;

/// Most jobs in one commit.
const BATCH_JOBS_MAX: usize = 512;
/// Most jobs that may wait; whoever hands in more is held up.
const QUEUE_JOBS_MAX: usize = 4096;

/// A job that has run: whether its changes stay, and how it is answered once that is certain.
pub(crate) struct Ran {
    keep: bool,
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// A job that waits. It is given its transaction, or the reason why there is none.
pub(crate) type Job = Box<dyn FnOnce(Result<&mut Tx<'_>, StoreError>) -> Ran + Send>;

pub(crate) fn queue() -> (SyncSender<Job>, Receiver<Job>) {
    sync_channel(QUEUE_JOBS_MAX)
}

/// Wraps a closure as a job, and its answer.
pub(crate) fn job<T, E, F>(work: F) -> (Job, Pending<T, E>)
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (sender, answer) = pending();
    let job: Job = Box::new(move |tx| {
        let result = match tx {
            Ok(tx) => catch_unwind(AssertUnwindSafe(|| work(tx)))
                .unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into())),
            Err(error) => Err(error.into()),
        };
        Ran {
            keep: result.is_ok(),
            answer: Box::new(move |durable| {
                sender.send(match (result, durable) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Ok(_), Err(error)) => Err(error.into()),
                    (Err(error), _) => Err(error),
                });
            }),
        }
    });
    (job, answer)
}

fn panicked(panic: &(dyn Any + Send)) -> StoreError {
    let reason = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no words".to_owned());
    StoreError::Panicked { reason }
}

/// Works until every sender is gone.
pub(crate) fn write(mut connection: SqliteConnection, jobs: &Receiver<Job>) {
    let mut interned = Interned::default();
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(BATCH_JOBS_MAX - 1));
        run(&mut connection, &mut interned, batch);
    }
}

fn run(connection: &mut SqliteConnection, interned: &mut Interned, batch: Vec<Job>) {
    let mut ran: Vec<Ran> = Vec::with_capacity(batch.len());
    for job in batch {
        let begun = if connection.in_transaction() {
            Ok(())
        } else {
            connection.control("BEGIN IMMEDIATE")
        };
        match begun {
            Err(error) => {
                let refused = job(Err(error.clone()));
                (refused.answer)(Err(error));
            }
            Ok(()) => {
                ran.push(run_one(connection, interned, job));
                if !connection.in_transaction() {
                    // A full disk or a failing one has ended the whole transaction.
                    interned.forget_since(0);
                    undo(&mut ran);
                }
            }
        }
    }
    if !connection.in_transaction() {
        return undo(&mut ran);
    }
    let done = connection.control("COMMIT");
    match &done {
        Ok(()) => interned.settle(),
        Err(_) => {
            interned.forget_since(0);
            if connection.in_transaction() {
                // Nothing to add when this fails too: the answer is the commit's fault.
                let _ = connection.control("ROLLBACK");
            }
        }
    }
    for ran in ran {
        (ran.answer)(done.clone());
    }
}

fn undo(ran: &mut Vec<Ran>) {
    for ran in ran.drain(..) {
        (ran.answer)(Err(StoreError::Commit {
            reason: "another change of the same commit met a fault of the disk".to_owned(),
        }));
    }
}

fn run_one(connection: &mut SqliteConnection, interned: &mut Interned, job: Job) -> Ran {
    let mark = interned.mark();
    if let Err(error) = connection.control("SAVEPOINT job") {
        return job(Err(error));
    }
    let ran = job(Ok(&mut Tx::new(connection, interned)));
    if ran.keep {
        return match connection.control("RELEASE job") {
            Ok(()) => ran,
            Err(error) => {
                interned.forget_since(mark);
                failed(ran, error)
            }
        };
    }
    interned.forget_since(mark);
    if connection.in_transaction() {
        let undone = connection
            .control("ROLLBACK TO job")
            .and_then(|()| connection.control("RELEASE job"));
        if let Err(error) = undone {
            // The savepoint cannot be undone alone, so nothing of the batch may stay.
            let _ = connection.control("ROLLBACK");
            return failed(ran, error);
        }
    }
    ran
}

fn failed(ran: Ran, error: StoreError) -> Ran {
    Ran {
        keep: false,
        answer: Box::new(move |_| (ran.answer)(Err(error))),
    }
}

impl Ran {
    /// Answers a job that had nothing to make durable.
    pub(crate) fn answer_now(self) {
        (self.answer)(Ok(()));
    }
}
