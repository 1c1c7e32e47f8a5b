//! Enrolment: a one-time token and a new key of the device's own, for an identity.
//!
//! The key, and for which token it was made, are durable before the token is sent. The server answers
//! a key that it knows as it did the first time and uses up no token for it, so the same command can
//! be given again after a lost answer or a kill at any point.

use domain::clock::Clock;
use domain::inventory::Digest;
use domain::name::Label;
use ed25519_dalek::SigningKey;
use protocol::enrol::Enrol;
use protocol::{Envelope, MessageType, SignerKind};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::guardrails::Guardrails;
use crate::identity::{Identity, key_text, load_key, new_key, public_key, save_key};
use crate::link::{Link, Pin, ServerUrl};

/// What a person gives to enrol.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The server.
    pub url: ServerUrl,
    /// Its key.
    pub pin: Pin,
    /// The one-time token.
    pub token: String,
    /// How the device should be called; its own name when nothing is said.
    pub name: Option<Label>,
    /// Whether an identity that is there already is given up.
    pub force: Force,
}

/// Whether something that is there already may be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// No.
    No,
    /// Yes.
    Yes,
}

/// An enrolment that was begun: lies in the state folder from before the token is sent until the
/// identity is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    /// The server's key, whatever address it is reached by.
    pin: Pin,
    /// SHA-256 of the token: the token itself is a secret that nobody needs here.
    token: Digest,
    /// The key that was made for it.
    key: [u8; 32],
}

impl Pending {
    /// The enrolment with this invitation that was begun before, or a new one; durable either way.
    fn of(folder: &StateFolder, invitation: &Invitation) -> Result<Self, Failure> {
        let token = Digest::of(invitation.token.as_bytes());
        let begun: Option<Self> = files::read_json(&folder.enrolling())?;
        if let Some(begun) = begun
            && begun.pin == invitation.pin
            && begun.token == token
        {
            return Ok(begun);
        }
        let pending = Self {
            pin: invitation.pin,
            token,
            key: new_key()?.to_bytes(),
        };
        files::write_json(&folder.enrolling(), &pending)?;
        Ok(pending)
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.key)
    }

    /// Whether all of it was written but this note's removal.
    fn is_done(&self, folder: &StateFolder) -> bool {
        load_key(folder).is_ok_and(|key| key.to_bytes() == self.key)
    }
}

/// Enrols this device. The key is durable before the token is sent, so that the same invitation works
/// again when the answer is lost or this process is killed.
///
/// # Errors
/// With what a person can do about it; nothing of an older identity is lost then.
pub fn enrol(
    folder: &StateFolder,
    backend: &dyn backends::Backend,
    clock: &dyn Clock,
    invitation: Invitation,
) -> Result<Identity, Failure> {
    folder.make()?;
    let _lock = folder.lock()?.ok_or_else(|| busy(folder))?;
    if let Some(old) = Identity::load(folder)?
        && invitation.force == Force::No
    {
        return already(folder, old, &invitation);
    }
    let system = backend
        .system()
        .map_err(|problem| Failure::caused(&problem))?;
    let name = match &invitation.name {
        Some(name) => name.clone(),
        None => system.hostname.parse::<Label>().map_err(|problem| {
            Failure::usage(format!("the device's own name cannot be used: {problem}"))
                .hint("give the device a name: --name NAME")
        })?,
    };
    let key = Pending::of(folder, &invitation)?.key();
    let message = Enrol {
        token: invitation.token,
        key: key_text(&key.verifying_key()),
        name: name.clone(),
        system,
        agent: crate::abilities(backend.privileged(), &Guardrails::read(folder.root())),
    };
    let payload = serde_json::to_vec(&message).expect("a message is plain data");
    let envelope = Envelope::sign(MessageType::Enrol, payload, SignerKind::Device, &key);
    let enrolled = Link::new(invitation.url.clone(), invitation.pin).enrol(&envelope)?;
    public_key(&enrolled.order_key)?;
    // What an older identity remembers of its server means nothing to the new one. The identity goes
    // first: without it the rest is never used, and the same command can be given again.
    for path in [
        folder.identity(),
        folder.link(),
        folder.base(),
        folder.contact(),
    ] {
        files::remove(&path)?;
    }
    let identity = Identity {
        device: enrolled.device,
        name,
        client: enrolled.client,
        site: enrolled.site,
        server: invitation.url,
        pin: invitation.pin,
        order_key: enrolled.order_key,
        enrolled_at: clock.now(),
    };
    save_key(folder, &key)?;
    files::write_json(&folder.identity(), &identity)?;
    files::remove(&folder.enrolling())?;
    Ok(identity)
}

/// There is an identity: a refusal, unless this very invitation made it and was killed at its end.
fn already(
    folder: &StateFolder,
    old: Identity,
    invitation: &Invitation,
) -> Result<Identity, Failure> {
    let begun: Option<Pending> = files::read_json(&folder.enrolling())?;
    let same = begun.is_some_and(|begun| {
        begun.pin == invitation.pin
            && begun.token == Digest::of(invitation.token.as_bytes())
            && begun.is_done(folder)
    });
    if same {
        files::remove(&folder.enrolling())?;
        return Ok(old);
    }
    Err(Failure::refused(format!(
        "this device is already enrolled as {} of {} with {}",
        old.name, old.client, old.server
    ))
    .hint("use another --state folder, or --force to give the old identity up"))
}

/// Another agent works in the folder.
pub fn busy(folder: &StateFolder) -> Failure {
    Failure::refused(format!(
        "another patchloop-agent works in {}",
        folder.root().display()
    ))
    .hint("stop it first, or use another --state folder")
}

#[cfg(test)]
mod tests;
