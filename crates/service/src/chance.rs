//! Randomness from the system: secrets, and the random part of ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{Id, Kind};
use domain::inventory::Digest;
use jiff::Timestamp;

use crate::ServiceError;

/// Random bytes. Errors: the system gives none.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], ServiceError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|reason| ServiceError::Internal {
        what: format!("the system gives no randomness: {reason}"),
    })?;
    Ok(bytes)
}

/// A new id.
pub(crate) fn id<K: Kind>(now: Timestamp) -> Result<Id<K>, ServiceError> {
    Ok(Id::from_parts(now, bytes()?))
}

/// A secret that can be typed and put into an address, with what is kept of it.
pub(crate) struct Secret {
    /// `prefix` and the random bytes in base64 (URL alphabet).
    pub text: String,
    /// SHA-256 of the text.
    pub hash: Digest,
}

/// A new secret of 256 random bits. The prefix says what it is for, so that a leaked one can be
/// recognised.
pub(crate) fn secret(prefix: &str) -> Result<Secret, ServiceError> {
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes::<32>()?));
    let hash = Digest::of(text.as_bytes());
    Ok(Secret { text, hash })
}
