//! One device at a time: its check-ins and its plans each read, decide and write, and must not read
//! what the other is about to change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::DeviceId;

/// Devices share this many locks; two that meet only wait for each other.
const STRIPES: usize = 256;

/// The locks.
pub(crate) struct DeviceLocks(Vec<Mutex<()>>);

impl Default for DeviceLocks {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::new(())).collect())
    }
}

impl DeviceLocks {
    /// Holds a device. Blocks; never hold two.
    pub fn hold(&self, device: DeviceId) -> MutexGuard<'_, ()> {
        // The last byte of an id is random.
        let stripe = usize::from(device.bytes()[15]) % STRIPES;
        // Nothing is kept under the lock, so a panicked holder left nothing half done.
        self.0[stripe]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
