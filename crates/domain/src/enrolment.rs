//! Permission to enrol: a one-time token, bound to a client's site, that expires and is counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, EnrolmentId, SiteId};
use crate::inventory::Digest;

/// How often one token may be used, at most.
pub const USES_MAX: u32 = 1000;
/// How long a token is valid, by default, in hours.
pub const VALID_HOURS_DEFAULT: u32 = 24;

/// A permission to enrol, as it is kept: the token itself is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub id: EnrolmentId,
    /// The client.
    pub client: ClientId,
    /// The site.
    pub site: SiteId,
    /// SHA-256 of the token.
    pub token_hash: Digest,
    /// How often it may still be used.
    pub uses_left: u32,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was made.
    pub made_at: Timestamp,
}

/// Why a token does not enrol a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRefused {
    /// Nobody made it, or it was mistyped.
    #[error("this enrolment token is not known")]
    Unknown,
    /// It was used as often as it may be.
    #[error("this enrolment token is used up")]
    UsedUp,
    /// Its time passed.
    #[error("this enrolment token has expired")]
    Expired,
}

impl Enrolment {
    /// Whether the token may be used once more at `now`.
    pub fn admits(&self, now: Timestamp) -> Result<(), TokenRefused> {
        if now >= self.expires_at {
            Err(TokenRefused::Expired)
        } else if self.uses_left == 0 {
            Err(TokenRefused::UsedUp)
        } else {
            Ok(())
        }
    }
}
