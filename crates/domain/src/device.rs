//! A managed computer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DeviceId, SiteId};
use crate::name::{Label, Tag};
use crate::order::Verb;
use crate::package::words;

/// What may be done to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Look only. Every device begins like this.
    Observe,
    /// Approved patches are installed in its windows.
    Managed,
}

words!(Mode "mode" "observe, managed" { Observe "observe", Managed "managed", });

/// Whether a device's memory and the server's agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// They agree.
    Level,
    /// The device remembers more than the server: the database was restored from an older copy. No
    /// order is given until its outcomes were read again.
    Ahead,
}

words!(Standing "standing" "level, ahead" { Level "level", Ahead "ahead", });

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentAbilities {
    /// Its version.
    pub version: String,
    /// The protocol it speaks.
    pub protocol: u16,
    /// The verbs it can carry out.
    pub verbs: Vec<Verb>,
    /// Whether it has the right to change the device.
    pub privileged: bool,
    /// The device's own guardrails as they stand, one sentence each.
    pub guardrails: Vec<String>,
}

/// A device as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub client: ClientId,
    /// The client's name.
    pub client_name: Label,
    /// Where it stands.
    pub site: SiteId,
    /// The site's name.
    pub site_name: Label,
    /// The site's zone, by IANA name.
    pub zone: String,
    /// Its name, unique within the client.
    pub name: Label,
    /// Its tags, sorted.
    pub tags: Vec<Tag>,
    /// What may be done to it.
    pub mode: Mode,
    /// Whether its memory and the server's agree.
    pub standing: Standing,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
    /// When it last spoke with the server.
    pub last_seen: Option<Timestamp>,
    /// When its inventory was last confirmed.
    pub inventory_at: Option<Timestamp>,
    /// Packages in order, as last reported.
    pub packages: Option<u32>,
    /// What its agent can do.
    pub agent: Option<AgentAbilities>,
}
