//! Use cases: check access, load, let the pure engine decide, write the effects in one transaction,
//! send. No decision is made here.
//!
//! Every method of [`Service`] but those of `link` blocks (it reads and writes the database): a caller in async code runs
//! it on a thread for blocking work. Every method for people takes the [`Principal`] and obtains its
//! `ClientScope` from `domain::access::check` alone; every method for a device takes what the device
//! signed. What a person changes writes an audit row in the same transaction, and so do attacks.
//! Errors: [`ServiceError`] for people, [`LinkError`] for agents.

pub mod advisory;
mod assess;
pub mod audit;
pub mod by_hand;
pub mod calendar;
mod chance;
pub mod client;
mod clocks;
pub mod complete;
pub mod coverage;
pub mod decision;
pub mod device;
pub mod enrolment;
pub mod error;
pub mod event;
pub mod evidence;
pub mod feed;
pub mod finding;
mod fleet;
pub mod freeze;
pub mod keys;
pub mod link;
mod locks;
pub mod loops;
mod naming;
pub mod order;
pub mod overview;
pub mod patch;
pub mod policy;
pub mod principal;
mod query;
mod reach;
pub mod release;
pub mod report;
mod rules;
mod scan;
pub mod site;
pub mod snapshot;
pub mod state_folder;
mod study;
pub mod ticket;
mod view;
pub mod wake;
pub mod why;
pub mod window;
mod writing;

use std::sync::Arc;

use domain::clock::Clock;
use jiff::Timestamp;
use store::{Store, Tx};

pub use domain::access::{Permission, Principal};
pub use error::{LinkError, ServiceError};

use keys::Keys;
use wake::WakeHub;

/// What every use case for people gives back.
pub type Result<T, E = ServiceError> = std::result::Result<T, E>;

/// The use cases, over one store, one clock and one set of keys.
pub struct Service {
    store: Store,
    clock: Arc<dyn Clock>,
    keys: Keys,
    feeds: feed::Feeds,
    wake: WakeHub,
    planner: loops::Signal,
    sessions: principal::LastUsed,
    due: loops::Due,
    notifying: loops::Notifying,
    fleet: fleet::Fleet,
    locks: locks::DeviceLocks,
    rules: rules::RulesCache,
    clocks: clocks::ClockCache,
    calendars: calendar::Kept,
    quiet: link::quiet::QuietDevices,
    refusals: link::refusals::Refusals,
    strangers: link::refusals::Refusals,
    known_keys: link::known_keys::KnownKeys,
    wanted: link::wanted::WantedChangelogs,
}

impl Service {
    /// Puts the parts together. Errors: the system gives no randomness.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        keys: Keys,
        feeds: feed::Feeds,
    ) -> Result<Arc<Self>> {
        // At its start the server looks at every device once.
        let due = loops::Due::default();
        due.everything(loops::Look::Plan);
        Ok(Arc::new(Self {
            wake: WakeHub::new(keys.wake_secret()),
            store,
            clock,
            keys,
            feeds,
            planner: loops::Signal::new(),
            sessions: principal::LastUsed::default(),
            due,
            notifying: loops::Notifying::default(),
            fleet: fleet::Fleet::default(),
            locks: locks::DeviceLocks::default(),
            rules: rules::RulesCache::default(),
            clocks: clocks::ClockCache::default(),
            calendars: calendar::Kept::default(),
            quiet: link::quiet::QuietDevices::default(),
            refusals: link::refusals::Refusals::default(),
            strangers: link::refusals::Refusals::default(),
            known_keys: link::known_keys::KnownKeys::default(),
            wanted: link::wanted::WantedChangelogs::default(),
        }))
    }

    /// The present instant, in whole microseconds: what is answered is what will be read again.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Reads from one snapshot of the database; waits for the answer.
    fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.read(job).wait()
    }

    /// Writes in one transaction; waits until it is durable.
    fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.store.write(job).wait()
    }

    /// The server's keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}
