//! The public keys of devices that have spoken, by the key's id: a key never changes its device, so
//! what is here stays true.

use std::collections::HashMap;
use std::sync::RwLock;

use domain::id::{ClientId, DeviceId};
use ed25519_dalek::VerifyingKey;
use protocol::KeyId;

/// Whose key it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownKey {
    /// The device.
    pub device: DeviceId,
    /// Its client.
    pub client: ClientId,
    /// The key.
    pub key: VerifyingKey,
}

/// The known keys.
#[derive(Default)]
pub(crate) struct KnownKeys(RwLock<HashMap<[u8; 8], KnownKey>>);

impl KnownKeys {
    /// The key with this id.
    pub fn get(&self, id: KeyId) -> Option<KnownKey> {
        let keys = self.0.read().expect("no holder of the map can panic");
        keys.get(&id.0).copied()
    }

    /// Remembers a key.
    pub fn remember(&self, known: KnownKey) {
        let id = KeyId::of(&known.key);
        let mut keys = self.0.write().expect("no holder of the map can panic");
        keys.insert(id.0, known);
    }
}
