//! Enrolment: a one-time token and a new key of the device's own, for an identity.

use domain::clock::Clock;
use domain::name::Label;
use protocol::enrol::Enrol;
use protocol::{Envelope, MessageType, SignerKind};

use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::guardrails::Guardrails;
use crate::identity::{Identity, key_text, new_key, public_key, save_key};
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

/// Enrols this device. The key is durable before the token is spent.
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
        return Err(Failure::refused(format!(
            "this device is already enrolled as {} of {} with {}",
            old.name, old.client, old.server
        ))
        .hint("use another --state folder, or --force to give the old identity up"));
    }
    let system = backend
        .system()
        .map_err(|problem| Failure::caused(&problem))?;
    let name = match invitation.name {
        Some(name) => name,
        None => system.hostname.parse::<Label>().map_err(|problem| {
            Failure::usage(format!("the device's own name cannot be used: {problem}"))
                .hint("give the device a name: --name NAME")
        })?,
    };
    let key = new_key()?;
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
    // What an older identity remembers of its server means nothing to the new one.
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
    Ok(identity)
}

/// Another agent works in the folder.
pub fn busy(folder: &StateFolder) -> Failure {
    Failure::refused(format!(
        "another patchloop-agent works in {}",
        folder.root().display()
    ))
    .hint("stop it first, or use another --state folder")
}
