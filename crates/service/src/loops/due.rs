//! Which devices the planner has to look at, and when. In memory: at its start the server looks at
//! all of them once, so nothing is lost with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};

use domain::id::DeviceId;
use jiff::Timestamp;

/// What is to be done about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// Plan its orders.
    Plan,
    /// Assess its findings anew, then plan.
    Assess,
}

#[derive(Debug, Default)]
struct Inner {
    all: Option<Look>,
    now: BTreeMap<DeviceId, Look>,
    later: BTreeSet<(Timestamp, DeviceId)>,
    later_of: HashMap<DeviceId, Timestamp>,
}

/// The devices that are due.
#[derive(Debug, Default)]
pub(crate) struct Due(Mutex<Inner>);

impl Due {
    /// A device is due at once.
    pub fn at_once(&self, device: DeviceId, look: Look) {
        let mut inner = self.lock();
        let entry = inner.now.entry(device).or_insert(look);
        *entry = (*entry).max(look);
    }

    /// Every device is due at once.
    pub fn everything(&self, look: Look) {
        let mut inner = self.lock();
        inner.all = inner.all.max(Some(look));
    }

    /// When a device is due next; `None`: not by itself.
    pub fn later(&self, device: DeviceId, at: Option<Timestamp>) {
        let mut inner = self.lock();
        if let Some(before) = inner.later_of.remove(&device) {
            inner.later.remove(&(before, device));
        }
        if let Some(at) = at {
            inner.later_of.insert(device, at);
            inner.later.insert((at, device));
        }
    }

    /// Takes at most `limit` devices that are due at `now`.
    pub fn take(&self, now: Timestamp, limit: usize) -> Vec<(DeviceId, Look)> {
        let mut inner = self.lock();
        while let Some(&(at, device)) = inner.later.first() {
            if at > now {
                break;
            }
            inner.later.pop_first();
            inner.later_of.remove(&device);
            inner.now.entry(device).or_insert(Look::Plan);
        }
        let mut taken = Vec::new();
        while taken.len() < limit {
            match inner.now.pop_first() {
                Some(entry) => taken.push(entry),
                None => break,
            }
        }
        taken
    }

    /// How every device is to be looked at; asked once, it is not again until it is asked for anew.
    pub fn take_everything(&self) -> Option<Look> {
        std::mem::take(&mut self.lock().all)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of the due list can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_due_once_and_the_deeper_look_wins() {
        let due = Due::default();
        let (one, two) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        due.at_once(one, Look::Assess);
        due.at_once(one, Look::Plan);
        due.later(two, Some(at("2026-11-23T10:00:00Z")));
        due.later(two, Some(at("2026-11-23T11:00:00Z")));
        assert_eq!(
            due.take(at("2026-11-23T10:30:00Z"), 9),
            [(one, Look::Assess)]
        );
        assert_eq!(due.take(at("2026-11-23T11:00:00Z"), 9), [(two, Look::Plan)]);
        assert_eq!(due.take(at("2026-11-24T11:00:00Z"), 9), []);
        due.later(two, Some(at("2026-11-23T12:00:00Z")));
        due.later(two, None);
        assert_eq!(due.take(at("2026-11-24T11:00:00Z"), 9), []);
    }
}
