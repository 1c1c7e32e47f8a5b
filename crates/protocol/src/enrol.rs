//! Enrolment: a new device shows a one-time token and its own public key.

use domain::device::AgentAbilities;
use domain::id::DeviceId;
use domain::name::Label;
use domain::offer::System;
use serde::{Deserialize, Serialize};

/// What a device sends to enrol; the envelope is signed with the key it names, which proves that the
/// sender holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The one-time token.
    pub token: String,
    /// The device's public key, base64 (URL alphabet, no padding).
    pub key: String,
    /// How the device should be called.
    pub name: Label,
    /// Its system.
    pub system: System,
    /// What its agent can do.
    pub agent: AgentAbilities,
}

/// What a device learns when it is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// Its id.
    pub device: DeviceId,
    /// Its client's name.
    pub client: String,
    /// Its site's name.
    pub site: String,
    /// The server's order key, base64 (URL alphabet, no padding), to be pinned.
    pub order_key: String,
}
