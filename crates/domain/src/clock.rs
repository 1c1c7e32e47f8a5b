//! The clock as a value that is handed in.
//!
//! Nothing but the crate `clock` reads the wall clock; the two mains make the one clock and hand it
//! down. Tests use `FixedClock`.

use std::sync::Mutex;

use jiff::Timestamp;

/// Tells the time when asked.
pub trait Clock: Send + Sync {
    /// The present instant, UTC.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is set, for tests and simulations.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// Makes a clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().expect("no holder of the clock can panic") = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the clock can panic")
    }
}
