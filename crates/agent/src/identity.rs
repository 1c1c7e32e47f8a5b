//! Who this device is: its key, its server, and the key that orders are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::DeviceId;
use domain::name::Label;
use ed25519_dalek::{SigningKey, VerifyingKey};
use jiff::Timestamp;
use protocol::{SignerKind, TrustedKey};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::link::{Pin, ServerUrl};

/// What enrolment left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// This device.
    pub device: DeviceId,
    /// How it is called.
    pub name: Label,
    /// Its client's name.
    pub client: String,
    /// Its site's name.
    pub site: String,
    /// The server.
    pub server: ServerUrl,
    /// The server's key for TLS.
    pub pin: Pin,
    /// The key that orders are signed with, base64.
    pub order_key: String,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
}

impl Identity {
    /// Reads it; `None` when this device is not enrolled.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>, Failure> {
        Ok(files::read_json(&folder.identity())?)
    }

    /// Reads it, or says how to enrol.
    pub fn need(folder: &StateFolder) -> Result<Self, Failure> {
        Self::load(folder)?.ok_or_else(|| {
            Failure::refused(format!(
                "this device is not enrolled: {} does not exist",
                folder.identity().display()
            ))
            .hint("enrol it: patchloop-agent enrol --url URL --pin PIN --token TOKEN")
        })
    }

    /// Notes that the server listens elsewhere now. Its key stays pinned, so nobody else can be
    /// followed.
    pub fn follow(folder: &StateFolder, server: ServerUrl) -> Result<(), Failure> {
        let known = Self::need(folder)?;
        if known.server != server {
            files::write_json(&folder.identity(), &Self { server, ..known })?;
        }
        Ok(())
    }

    /// The keys whose orders this device obeys.
    pub fn trusted(&self) -> Result<Vec<TrustedKey>, Failure> {
        Ok(vec![TrustedKey {
            kind: SignerKind::Server,
            key: public_key(&self.order_key)?,
        }])
    }
}

/// Reads a public key as it travels.
pub fn public_key(text: &str) -> Result<VerifyingKey, Failure> {
    let refuse = || Failure::refused("the server's order key cannot be read");
    let bytes: [u8; 32] = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(refuse)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| refuse())
}

/// Writes a public key as it travels.
pub fn key_text(key: &VerifyingKey) -> String {
    URL_SAFE_NO_PAD.encode(key.as_bytes())
}

/// Makes a new key from the system's randomness.
pub fn new_key() -> Result<SigningKey, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|problem| Failure::refused(format!("no randomness for a key: {problem}")))?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Keeps the device's key, readable by its owner only.
pub fn save_key(folder: &StateFolder, key: &SigningKey) -> Result<(), Failure> {
    Ok(files::write(&folder.key(), &key.to_bytes())?)
}

/// Reads the device's key.
pub fn load_key(folder: &StateFolder) -> Result<SigningKey, Failure> {
    let path = folder.key();
    let seed: [u8; 32] = files::read(&path)?
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Failure::refused(format!(
                "{} does not hold this device's key",
                path.display()
            ))
            .hint("restore the file, or enrol the device again with --force")
        })?;
    Ok(SigningKey::from_bytes(&seed))
}
