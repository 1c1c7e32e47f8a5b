//! Waking devices, in memory only: short-lived tokens that open a device's wake stream, and a bell
//! per device. A wake carries no authority and no content; a lost one costs a device its next
//! check-in by the clock, nothing more. A bell that rings while nobody listens is heard by who
//! listens next: a device that was away speaks first, and opens its stream a moment later.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::DeviceId;
use domain::inventory::Digest;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// How long a wake token opens the stream, in minutes.
pub const TOKEN_MINUTES: i64 = 120;
/// How many bytes of the keyed digest a token carries.
const PROOF_BYTES: usize = 16;

/// Bells for devices that listen, and the secret behind the tokens.
///
/// A token is `DEVICE.EXPIRY.PROOF`; the proof is a keyed digest under a secret, so that nothing has
/// to be kept per token.
pub struct WakeHub {
    secret: [u8; 32],
    bells: Mutex<Bells>,
}

#[derive(Default)]
struct Bells {
    of: HashMap<DeviceId, watch::Sender<u64>>,
    /// Devices whose bell rang while they did not listen.
    unheard: HashSet<DeviceId>,
}

impl WakeHub {
    /// Makes a hub with its own secret.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            bells: Mutex::default(),
        }
    }

    /// A token for one device.
    pub fn token(&self, device: DeviceId, now: Timestamp) -> String {
        // Rounded up to the hour: a device gets the same token for a while, and answers stay equal.
        let expiry = (now.as_second() / 3600 + 1) * 3600 + TOKEN_MINUTES * 60;
        format!("{device}.{expiry}.{}", self.proof(device, expiry))
    }

    /// Which device a token is for; `None` when it is not valid (any more).
    pub fn device_of(&self, token: &str, now: Timestamp) -> Option<DeviceId> {
        let mut parts = token.splitn(3, '.');
        let device: DeviceId = parts.next()?.parse().ok()?;
        let expiry: i64 = parts.next()?.parse().ok()?;
        let proof = parts.next()?;
        let good = self.proof(device, expiry);
        let same = good.len() == proof.len()
            && good
                .bytes()
                .zip(proof.bytes())
                .fold(0, |differs, (a, b)| differs | (a ^ b))
                == 0;
        (same && now.as_second() < expiry).then_some(device)
    }

    fn proof(&self, device: DeviceId, expiry: i64) -> String {
        // The secret stands on both sides, and all lengths are fixed, so that no proof can be
        // extended into another.
        let mut bytes = Vec::with_capacity(88);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(device.bytes());
        bytes.extend_from_slice(&expiry.to_be_bytes());
        bytes.extend_from_slice(&self.secret);
        URL_SAFE_NO_PAD.encode(&Digest::of(&bytes).bytes()[..PROOF_BYTES])
    }

    /// Listens to a device's bell.
    pub fn listen(&self, device: DeviceId) -> watch::Receiver<u64> {
        let mut bells = self.bells.lock().expect("no holder of the bells can panic");
        // Swept seldom, so that a hundred thousand listeners do not cost each other a walk.
        if bells.of.len().is_power_of_two() {
            bells.of.retain(|_, bell| bell.receiver_count() > 0);
        }
        let mut listener = bells
            .of
            .entry(device)
            .or_insert_with(|| watch::channel(0).0)
            .subscribe();
        if bells.unheard.remove(&device) {
            listener.mark_changed();
        }
        listener
    }

    /// Rings a device's bell: now if it listens, else when it next does.
    pub fn ring(&self, device: DeviceId) {
        let mut bells = self.bells.lock().expect("no holder of the bells can panic");
        match bells.of.get(&device) {
            Some(bell) if bell.receiver_count() > 0 => bell.send_modify(|count| *count += 1),
            Some(_) | None => {
                bells.unheard.insert(device);
            }
        }
    }

    /// Ends all streams: their bells are gone.
    pub fn close(&self) {
        let mut bells = self.bells.lock().expect("no holder of the bells can panic");
        bells.of.clear();
    }

    /// How long a token is good at most.
    pub fn token_lifetime() -> SignedDuration {
        SignedDuration::from_mins(TOKEN_MINUTES + 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_its_own_devices_stream_and_only_for_a_while() {
        let hub = WakeHub::new([7; 32]);
        let (one, two) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let now: Timestamp = "2026-11-23T10:20:00Z".parse().unwrap();
        let token = hub.token(one, now);
        assert_eq!(hub.device_of(&token, now), Some(one));
        let later = now + WakeHub::token_lifetime();
        assert_eq!(hub.device_of(&token, later), None);
        let forged = token.replace(&one.to_string(), &two.to_string());
        assert_eq!(hub.device_of(&forged, now), None);
        assert_eq!(WakeHub::new([8; 32]).device_of(&token, now), None);
        for bad in ["", "x", "a.b.c", &token[..token.len() - 1]] {
            assert_eq!(hub.device_of(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn a_ring_reaches_only_the_device_that_is_meant() {
        let hub = WakeHub::new([7; 32]);
        let (one, two) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let (mut first, second) = (hub.listen(one), hub.listen(two));
        hub.ring(one);
        assert!(first.has_changed().unwrap() && !second.has_changed().unwrap());
        first.mark_unchanged();
        hub.ring(DeviceId::from_bytes([3; 16]));
        assert!(!first.has_changed().unwrap());
    }

    #[test]
    fn a_ring_that_nobody_heard_is_heard_by_the_next_listener_once() {
        let hub = WakeHub::new([7; 32]);
        let one = DeviceId::from_bytes([1; 16]);
        drop(hub.listen(one));
        hub.ring(one);
        assert!(hub.listen(one).has_changed().unwrap());
        assert!(!hub.listen(one).has_changed().unwrap());
    }
}
