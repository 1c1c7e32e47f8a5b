//! The store: one writer and a few readers over one database file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::pending::Pending;
use crate::{reader, sqlite, writer};

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Threads that read, at least 1.
    pub readers: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { readers: 2 }
    }
}

/// An open database. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    write: Option<SyncSender<writer::Job>>,
    read: Option<SyncSender<writer::Job>>,
    writer: Mutex<Vec<JoinHandle<()>>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database at `path`, makes it when it is not there, and brings its tables to the
    /// present version. A database of a newer version is refused and left as it is.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, StoreError> {
        let connection = sqlite::open_first(path)?;
        let (write, write_jobs) = writer::queue();
        let (read, read_jobs) = writer::queue();
        let spawn = |name: String, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name)
                .spawn(work)
                .map_err(|error| StoreError::Open {
                    path: path.to_owned(),
                    reason: format!("no thread can be started: {error}"),
                })
        };
        let writer = spawn(
            "store-write".to_owned(),
            Box::new(move || writer::write(connection, &write_jobs)),
        )?;
        let mut readers = Vec::new();
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        for at in 0..options.readers.max(1) {
            let (connection, jobs) = (sqlite::open_reader(path)?, Arc::clone(&read_jobs));
            readers.push(spawn(
                format!("store-read-{at}"),
                Box::new(move || reader::read(connection, &jobs)),
            )?);
        }
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                write: Some(write),
                read: Some(read),
                writer: Mutex::new(vec![writer]),
                readers: Mutex::new(readers),
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `work` in the writer. The answer comes when its changes are durable; when it fails or
    /// panics, all its changes are undone, and only they. The job runs also when the answer is
    /// dropped.
    pub fn write<T, E, F>(&self, work: F) -> Pending<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        hand_in(self.inner.write.as_ref(), work)
    }

    /// As `write`, and waits in this thread. Not for async code.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write(work).wait()
    }

    /// Runs `work` on a reader: it sees the last commit, throughout, and can change nothing.
    pub fn read<T, E, F>(&self, work: F) -> Pending<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        hand_in(self.inner.read.as_ref(), work)
    }

    /// As `read`, and waits in this thread. Not for async code.
    pub fn read_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.read(work).wait()
    }
}

/// A job that nobody takes is dropped, and its answer is then `Closed`.
fn hand_in<T, E, F>(queue: Option<&SyncSender<writer::Job>>, work: F) -> Pending<T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (job, answer) = writer::job(work);
    if let Some(queue) = queue {
        let _ = queue.send(job);
    }
    answer
}

impl Drop for Inner {
    /// The readers go first: the last connection to go takes the log into the database file, and
    /// none does when several go at once.
    fn drop(&mut self) {
        self.read = None;
        join(&self.readers);
        self.write = None;
        join(&self.writer);
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
    let own = std::thread::current().id();
    for thread in threads.drain(..) {
        // A job that held the last clone drops it in a thread of the store itself.
        if thread.thread().id() != own {
            let _ = thread.join();
        }
    }
}
