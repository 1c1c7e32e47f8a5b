//! Changelogs that the last assessment of each device would have liked to read, and whether a device
//! was assessed since the server's start. In memory: the first check-in of a device after a start is
//! always assessed, and finds them again.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use domain::changelog::{ChangelogFacts, ChangelogWanted};
use domain::id::DeviceId;
use domain::name::{PackageName, Version};

#[derive(Debug, Default)]
struct Inner {
    of_device: HashMap<DeviceId, Vec<ChangelogWanted>>,
    by_source: HashMap<(PackageName, Version), HashSet<DeviceId>>,
    /// Who was asked last for a changelog that is not here yet: that device may be asked again.
    asked_of: HashMap<(PackageName, Version), DeviceId>,
}

/// What is wanted, by device and by source.
#[derive(Debug, Default)]
pub(crate) struct WantedChangelogs(Mutex<Inner>);

impl WantedChangelogs {
    /// What a device's last assessment wanted; `None`: not assessed since the start.
    pub fn of(&self, device: DeviceId) -> Option<Vec<ChangelogWanted>> {
        self.lock().of_device.get(&device).cloned()
    }

    /// Notes what an assessment wanted.
    pub fn set(&self, device: DeviceId, wanted: Vec<ChangelogWanted>) {
        let mut inner = self.lock();
        for old in inner.of_device.remove(&device).unwrap_or_default() {
            let key = (old.source, old.version);
            if let Some(devices) = inner.by_source.get_mut(&key) {
                devices.remove(&device);
                if devices.is_empty() {
                    inner.by_source.remove(&key);
                }
            }
        }
        for one in &wanted {
            let key = (one.source.clone(), one.version.clone());
            inner.by_source.entry(key).or_default().insert(device);
        }
        inner.of_device.insert(device, wanted);
    }

    /// Notes that a device was asked.
    pub fn ask(&self, device: DeviceId, source: &PackageName, version: &Version) {
        let mut inner = self.lock();
        inner
            .asked_of
            .insert((source.clone(), version.clone()), device);
    }

    /// Whether this very device was the one that was asked last.
    pub fn was_asked_of(&self, device: DeviceId, source: &PackageName, version: &Version) -> bool {
        let key = (source.clone(), version.clone());
        self.lock().asked_of.get(&key) == Some(&device)
    }

    /// Forgets who was asked for what was read now.
    pub fn was_read(&self, read: &ChangelogFacts) {
        let key = (read.source.clone(), read.version.clone());
        self.lock().asked_of.remove(&key);
    }

    /// Other devices that wait for a changelog that was just read.
    pub fn waiting_for(&self, read: &ChangelogFacts, reader: DeviceId) -> Vec<DeviceId> {
        let inner = self.lock();
        inner
            .by_source
            .get(&(read.source.clone(), read.version.clone()))
            .map(|devices| devices.iter().copied().filter(|d| *d != reader).collect())
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of the map can panic")
    }
}
