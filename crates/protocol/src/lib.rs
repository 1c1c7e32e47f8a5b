//! What agent and server say to each other: signed envelopes, messages, limits.
//!
//! Pure: keys and bytes are handed in. A payload is read only after its signature was checked, and
//! what was signed is never written anew. Source of the form of the signed bytes: the
//! pre-authentication encoding of DSSE 1.0.2.

pub mod enrol;
pub mod envelope;
pub mod limits;
pub mod packing;
pub mod sync;

pub use envelope::{Envelope, EnvelopeError, KeyId, MessageType, SignerKind, TrustedKey, Verified};

/// The protocol this code speaks.
pub const PROTOCOL: u16 = 1;
