//! Enrolment: a one-time token and a key of the device's own make a device of a client's site.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::{self, ClientScope};
use domain::device::Device;
use domain::enrolment::TokenRefused;
use domain::id::DeviceId;
use domain::inventory::Digest;
use domain::name::Label;
use ed25519_dalek::VerifyingKey;
use jiff::Timestamp;
use protocol::enrol::{Enrol, Enrolled};
use protocol::limits::BODY_BYTES_MAX;
use protocol::{Envelope, MessageType, SignerKind, TrustedKey};
use store::{NewDevice, Tx};

use super::intake;
use super::known_keys::KnownKey;
use crate::{LinkError, Result, Service, ServiceError, audit, chance};

/// Most devices of one client that may ask for one name.
const SAME_NAME_MAX: u32 = 10_000;

/// A message that its own key signed: whoever sent it holds the key.
pub(super) struct Asked {
    enrol: Enrol,
    key: VerifyingKey,
}

/// Reads an enrolment and checks that the key it names signed it.
pub(super) fn read(body: &[u8]) -> Result<Asked, LinkError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(LinkError::TooLarge {
            reason: format!("{} bytes, at most {BODY_BYTES_MAX}", body.len()),
        });
    }
    let envelope = Envelope::from_bytes(body).map_err(intake::refused)?;
    let malformed = |reason: String| LinkError::Malformed { reason };
    if envelope.message() != MessageType::Enrol {
        return Err(malformed("not an enrolment".to_owned()));
    }
    let claimed: Enrol = serde_json::from_slice(envelope.unverified_payload())
        .map_err(|error| malformed(error.to_string()))?;
    let bytes: [u8; 32] = URL_SAFE_NO_PAD
        .decode(&claimed.key)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| malformed("the key is not 32 bytes in base64".to_owned()))?;
    let key = VerifyingKey::from_bytes(&bytes)
        .map_err(|_| malformed("the key is not an Ed25519 key".to_owned()))?;
    let trusted = TrustedKey {
        kind: SignerKind::Device,
        key,
    };
    let enrol = envelope
        .open::<Enrol>(&[MessageType::Enrol], &[trusted])
        .map_err(intake::refused)?
        .into_inner();
    Ok(Asked { enrol, key })
}

/// How an enrolment ended in the database. A refusal is written down too, so it is no error there.
pub(super) enum Ended {
    Enrolled(Box<Device>),
    Refused(TokenRefused),
}

/// Enrols in one transaction: the token's use, the device and the audit row.
pub(super) fn write(tx: &mut Tx<'_>, asked: &Asked, from: IpAddr, now: Timestamp) -> Result<Ended> {
    let everywhere = access::of_loops();
    let public_key = *asked.key.as_bytes();
    // The answer to an enrolment may get lost; who holds the key may ask again, without a second use.
    if let Some(known) = tx.link_device_by_key(&public_key)?
        && let Some(device) = tx.device_get(&everywhere, known)?
    {
        return Ok(Ended::Enrolled(Box::new(device)));
    }
    let hash = Digest::of(asked.enrol.token.as_bytes());
    let enrolment = match tx.enrolment_take(hash, now)? {
        Ok(enrolment) => enrolment,
        Err(refused) => {
            let entry = audit::by_unknown(from, now, "enrolment.refused").saying(format_args!(
                "{refused}; it calls itself {}",
                asked.enrol.name
            ));
            tx.audit_add(&entry.0)?;
            return Ok(Ended::Refused(refused));
        }
    };
    let scope = everywhere
        .narrowed(enrolment.client)
        .expect("the scope of the loops holds every client");
    let id: DeviceId = chance::id(now)?;
    let name = free_name(tx, &scope, &asked.enrol.name)?;
    tx.device_add(
        &scope,
        &NewDevice {
            id,
            site: enrolment.site,
            name,
            public_key,
            agent: asked.enrol.agent.clone(),
            enrolled_at: now,
        },
    )?;
    let device = tx
        .device_get(&scope, id)?
        .ok_or_else(|| ServiceError::Internal {
            what: "a device that was just enrolled is not there".to_owned(),
        })?;
    let entry = audit::by_device(id, now, "device.enrol", id)
        .of(device.client)
        .saying(format_args!(
            "{}/{} as {}, with {}, from {from}",
            device.client_name, device.site_name, device.name, enrolment.id
        ));
    tx.audit_add(&entry.0)?;
    Ok(Ended::Enrolled(Box::new(device)))
}

/// The wanted name, or the first free one with a number behind it.
fn free_name(tx: &mut Tx<'_>, scope: &ClientScope, wanted: &Label) -> Result<Label> {
    let mut name = wanted.clone();
    for number in 2..SAME_NAME_MAX {
        if tx.device_find(scope, name.as_str())?.is_empty() {
            return Ok(name);
        }
        let end = format!("-{number}");
        let room = 120 - end.len();
        let mut start = wanted.as_str();
        while start.len() > room {
            let cut = start.char_indices().last().map_or(0, |(at, _)| at);
            start = &start[..cut];
        }
        name = format!("{start}{end}")
            .parse()
            .map_err(|error: domain::name::InvalidName| ServiceError::Internal {
                what: error.to_string(),
            })?;
    }
    Err(ServiceError::Conflict {
        reason: format!("too many devices are called `{wanted}`"),
    })
}

impl Service {
    /// The answer to an enrolment; from now on the device's key is known.
    pub(super) fn enrolled(&self, device: &Device, asked_key: VerifyingKey) -> Enrolled {
        self.known_keys.remember(KnownKey {
            device: device.id,
            client: device.client,
            key: asked_key,
        });
        Enrolled {
            device: device.id,
            client: device.client_name.to_string(),
            site: device.site_name.to_string(),
            order_key: self.keys.order_public(),
        }
    }
}

impl Asked {
    /// The key that signed it.
    pub(super) fn key(&self) -> VerifyingKey {
        self.key
    }
}
