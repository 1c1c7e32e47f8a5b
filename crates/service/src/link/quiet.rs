//! Devices whose last check-in changed nothing and for which nothing is under way: an equal check-in
//! has an equal answer, so it needs neither the engine nor the device's packages and findings.
//!
//! This only remembers what the engine answered; whatever touches the device makes it forget. What
//! the answer rests on (digest, mark, mode, standing) is compared with the database each time.

use std::collections::HashMap;
use std::sync::RwLock;

use domain::id::DeviceId;

/// The remembered answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quiet {
    /// The highest order sequence known on both sides.
    pub sequence: u64,
    /// When to come again, in seconds.
    pub next_seconds: u32,
}

/// The remembered answers.
#[derive(Debug, Default)]
pub(crate) struct QuietDevices(RwLock<HashMap<DeviceId, Quiet>>);

impl QuietDevices {
    /// The answer of a quiet device.
    pub fn get(&self, device: DeviceId) -> Option<Quiet> {
        let devices = self.0.read().expect("no holder of the map can panic");
        devices.get(&device).copied()
    }

    /// Remembers an answer.
    pub fn remember(&self, device: DeviceId, quiet: Quiet) {
        let mut devices = self.0.write().expect("no holder of the map can panic");
        devices.insert(device, quiet);
    }

    /// Something about the device changed.
    pub fn forget(&self, device: DeviceId) {
        let mut devices = self.0.write().expect("no holder of the map can panic");
        devices.remove(&device);
    }
}
