//! Signed envelopes.
//!
//! Bytes: `PL1`, one byte for the type, one for the number of signatures, then per signature one
//! byte for the kind of signer, eight for the key's id and 64 for the signature, then the payload.
//! Signed is `DSSEv1 SP length SP type SP length SP payload`, so a payload of one type can never be
//! taken for another. Keys and signatures are Ed25519, checked strictly.

use std::fmt;

use ed25519_dalek::{Signature as Ed25519Signature, Signer, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::packing::{self, UnpackError};

const MAGIC: &[u8; 3] = b"PL1";
const SIGNATURES_MAX: usize = 8;
const SIGNATURE_LENGTH: usize = 1 + 8 + 64;

/// What an envelope carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A device enrols.
    Enrol,
    /// A device's check-in.
    Sync,
    /// The same, packed.
    SyncPacked,
    /// An order.
    Order,
}

impl MessageType {
    fn byte(self) -> u8 {
        match self {
            Self::Enrol => 1,
            Self::Sync => 2,
            Self::SyncPacked => 3,
            Self::Order => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Enrol, Self::Sync, Self::SyncPacked, Self::Order]
            .into_iter()
            .find(|t| t.byte() == byte)
    }

    /// The text that is signed along.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enrol => "patchloop/enrol/1",
            Self::Sync => "patchloop/sync/1",
            Self::SyncPacked => "patchloop/sync+zstd/1",
            Self::Order => "patchloop/order/1",
        }
    }
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignerKind {
    /// A device, with its own key.
    Device,
    /// The server, with its order key.
    Server,
    /// A person who approves. No such key exists yet; the form has room for it.
    Approver,
}

impl SignerKind {
    fn byte(self) -> u8 {
        match self {
            Self::Device => 1,
            Self::Server => 2,
            Self::Approver => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Device, Self::Server, Self::Approver]
            .into_iter()
            .find(|k| k.byte() == byte)
    }
}

/// The first eight bytes of the SHA-256 of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id of a key.
    pub fn of(key: &VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key that a reader trusts, for signatures of one kind.
#[derive(Debug, Clone)]
pub struct TrustedKey {
    /// Which signatures it may make.
    pub kind: SignerKind,
    /// The key.
    pub key: VerifyingKey,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who signed.
    pub by: SignerKind,
    /// With which key.
    pub key: KeyId,
    bytes: [u8; 64],
}

/// Why an envelope is refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not an envelope at all.
    #[error("not an envelope: {reason}")]
    Form {
        /// What is wrong.
        reason: &'static str,
    },
    /// Another type than wanted.
    #[error("an envelope of type {found}, expected {expected}")]
    Type {
        /// What it says.
        found: &'static str,
        /// What was wanted.
        expected: &'static str,
    },
    /// No signature of the wanted kind by a trusted key.
    #[error("no valid signature by a trusted key")]
    Signature,
    /// The payload cannot be unpacked.
    #[error("the payload cannot be unpacked")]
    Packing(#[from] UnpackError),
    /// The payload is not the message it should be.
    #[error("the payload cannot be read")]
    Payload(#[from] serde_json::Error),
}

/// A payload with its signatures, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    message: MessageType,
    signatures: Vec<Signature>,
    payload: Vec<u8>,
}

/// A value whose signature was checked. Only the check makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
}

impl<T> Verified<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }
    /// The value, by itself.
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// The bytes that are signed.
fn signed_bytes(message: MessageType, payload: &[u8]) -> Vec<u8> {
    let name = message.name();
    let mut bytes = format!("DSSEv1 {} {name} {} ", name.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Signs a payload with one key.
    pub fn sign(message: MessageType, payload: Vec<u8>, by: SignerKind, key: &SigningKey) -> Self {
        let mut envelope = Self {
            message,
            signatures: Vec::new(),
            payload,
        };
        envelope.add_signature(by, key);
        envelope
    }

    /// Adds another signature over the same payload.
    pub fn add_signature(&mut self, by: SignerKind, key: &SigningKey) {
        let bytes = key
            .sign(&signed_bytes(self.message, &self.payload))
            .to_bytes();
        self.signatures.push(Signature {
            by,
            key: KeyId::of(&key.verifying_key()),
            bytes,
        });
    }

    /// What it says it carries.
    pub fn message(&self) -> MessageType {
        self.message
    }

    /// Who signed, as the envelope says; not yet checked.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The payload, not yet checked: only for finding the key to check it with.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes that travel.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(5 + self.signatures.len() * SIGNATURE_LENGTH + self.payload.len());
        out.extend_from_slice(MAGIC);
        out.push(self.message.byte());
        out.push(u8::try_from(self.signatures.len()).expect("at most eight signatures are made"));
        for signature in &self.signatures {
            out.push(signature.by.byte());
            out.extend_from_slice(&signature.key.0);
            out.extend_from_slice(&signature.bytes);
        }
        out.extend_from_slice(&self.payload);
        out
    }

    /// Reads the bytes that travel. Nothing is checked yet.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let form = |reason| EnvelopeError::Form { reason };
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or(form("does not begin with PL1"))?;
        let [message, count, rest @ ..] = rest else {
            return Err(form("is cut off"));
        };
        let message = MessageType::from_byte(*message).ok_or(form("has an unknown type"))?;
        let count = usize::from(*count);
        if count > SIGNATURES_MAX {
            return Err(form("has too many signatures"));
        }
        let Some((head, payload)) = rest.split_at_checked(count * SIGNATURE_LENGTH) else {
            return Err(form("is cut off"));
        };
        let mut signatures = Vec::with_capacity(count);
        for part in head.chunks_exact(SIGNATURE_LENGTH) {
            let by = SignerKind::from_byte(part[0]).ok_or(form("has an unknown kind of signer"))?;
            let (mut key, mut bytes) = ([0; 8], [0; 64]);
            key.copy_from_slice(&part[1..9]);
            bytes.copy_from_slice(&part[9..]);
            signatures.push(Signature {
                by,
                key: KeyId(key),
                bytes,
            });
        }
        Ok(Self {
            message,
            signatures,
            payload: payload.to_vec(),
        })
    }

    /// Checks that one of `trusted` signed, then gives the payload's bytes as they were signed.
    pub fn verify(
        &self,
        expected: &[MessageType],
        trusted: &[TrustedKey],
    ) -> Result<Verified<&[u8]>, EnvelopeError> {
        if !expected.contains(&self.message) {
            let expected = expected.first().map_or("none", |message| message.name());
            return Err(EnvelopeError::Type {
                found: self.message.name(),
                expected,
            });
        }
        let signed = signed_bytes(self.message, &self.payload);
        let valid = self.signatures.iter().any(|signature| {
            trusted.iter().any(|trust| {
                trust.kind == signature.by
                    && KeyId::of(&trust.key) == signature.key
                    && trust
                        .key
                        .verify_strict(&signed, &Ed25519Signature::from_bytes(&signature.bytes))
                        .is_ok()
            })
        });
        if valid {
            Ok(Verified {
                value: &self.payload,
            })
        } else {
            Err(EnvelopeError::Signature)
        }
    }

    /// Checks the signature, unpacks if need be, and reads the message.
    pub fn open<T: DeserializeOwned>(
        &self,
        expected: &[MessageType],
        trusted: &[TrustedKey],
    ) -> Result<Verified<T>, EnvelopeError> {
        let payload = self.verify(expected, trusted)?.into_inner();
        let value = match self.message {
            MessageType::SyncPacked => serde_json::from_slice(&packing::unpack(payload)?)?,
            MessageType::Enrol | MessageType::Sync | MessageType::Order => {
                serde_json::from_slice(payload)?
            }
        };
        Ok(Verified { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn trust(seed: u8) -> TrustedKey {
        TrustedKey {
            kind: SignerKind::Server,
            key: key(seed).verifying_key(),
        }
    }

    #[test]
    fn an_order_with_one_bit_changed_is_refused_wherever_the_bit_is() {
        let bytes = Envelope::sign(
            MessageType::Order,
            b"{\"v\":1}".to_vec(),
            SignerKind::Server,
            &key(1),
        )
        .to_bytes();
        let open = |bytes: &[u8]| -> Result<Verified<serde_json::Value>, EnvelopeError> {
            Envelope::from_bytes(bytes)?.open(&[MessageType::Order], &[trust(1)])
        };
        assert!(open(&bytes).is_ok());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(open(&changed).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_key_of_another_kind_or_another_type_does_not_count() {
        let envelope = Envelope::sign(
            MessageType::Sync,
            b"{}".to_vec(),
            SignerKind::Device,
            &key(1),
        );
        assert!(matches!(
            envelope.verify(&[MessageType::Sync], &[trust(1)]),
            Err(EnvelopeError::Signature)
        ));
        assert!(matches!(
            envelope.verify(&[MessageType::Order], &[trust(1)]),
            Err(EnvelopeError::Type { .. })
        ));
    }

    #[test]
    fn a_second_signature_does_not_change_the_form() {
        let mut envelope = Envelope::sign(
            MessageType::Order,
            b"{}".to_vec(),
            SignerKind::Server,
            &key(1),
        );
        envelope.add_signature(SignerKind::Approver, &key(2));
        let back = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
        assert_eq!(back, envelope);
        assert!(back.verify(&[MessageType::Order], &[trust(1)]).is_ok());
        let approver = TrustedKey {
            kind: SignerKind::Approver,
            key: key(2).verifying_key(),
        };
        assert!(back.verify(&[MessageType::Order], &[approver]).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::from_bytes(&bytes);
        }
    }
}
