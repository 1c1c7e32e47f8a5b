//! The check-in: what a device sends, and what it is told.
//!
//! Field names are short because the usual check-in says only "unchanged": it fits into 300 bytes
//! with its HTTP headers. The version stands in the envelope's type. Times are Unix seconds.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::device::{AgentAbilities, Mode};
use domain::id::{DeviceId, OrderId};
use domain::inventory::{Delta, Digest};
use domain::name::{Architecture, PackageName, Version};
use domain::offer::Facts;
use domain::order::Outcome;
use domain::proof::SecondLook;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A digest written in 43 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ShortDigest(pub Digest);

impl fmt::Debug for ShortDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl Serialize for ShortDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0.bytes()))
    }
}
impl<'de> Deserialize<'de> for ShortDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| serde::de::Error::custom("a digest has 32 bytes"))?;
        Ok(Self(Digest::from_bytes(bytes)))
    }
}

/// The inventory in one of three sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InventoryPart {
    /// As the server last acknowledged.
    Same(ShortDigest),
    /// What changed since.
    Delta(Delta),
    /// Everything, as `Inventory::to_text` writes it.
    Full {
        /// The text.
        full: String,
    },
}

/// The facts in one of two sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactsPart {
    /// As the server last acknowledged: the first eleven characters of `facts_mark`.
    Same(String),
    /// Everything.
    Full(Box<Facts>),
}

/// Eleven characters that change when the facts change. A detector, not a proof.
pub fn facts_mark(facts: &Facts) -> String {
    let text = serde_json::to_vec(facts).expect("facts are plain data");
    let mut mark = URL_SAFE_NO_PAD.encode(Digest::of(&text).bytes());
    mark.truncate(11);
    mark
}

/// Counters of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters(
    /// Rises with every message that this device makes.
    pub u64,
    /// The highest counter whose answer the device has.
    pub u64,
    /// The highest order sequence the device has seen.
    pub u64,
);

/// How far the device is with an order that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The order.
    pub order: OrderId,
    /// Which generation of it.
    pub generation: u32,
    /// How far.
    pub step: Step,
}

/// The step of an order that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The device has it and waits for its window.
    Taken,
    /// The device fetches what it needs.
    Downloading,
    /// The package manager works.
    Installing,
    /// Services are restarted.
    Restarting,
    /// The device looks again.
    Verifying,
}

/// The end of an order, with the order itself as it was signed, so that a server that lost its
/// memory can learn it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeReport {
    /// What came of it.
    pub outcome: Outcome,
    /// The order's envelope, base64 (URL alphabet, no padding); empty when it could not be read.
    pub order: String,
}

/// The changelog of a pending package, from inside the package itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changelog {
    /// The source package it describes.
    pub source: PackageName,
    /// The source version it was taken for.
    pub version: Version,
    /// The text from its top down to the installed version, or why there is none.
    pub text: ChangelogText,
}

/// The text of a changelog, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangelogText {
    /// The text.
    Found(String),
    /// Why there is none.
    Missing(String),
}

/// A device's check-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// The device.
    #[serde(rename = "d")]
    pub device: DeviceId,
    /// The device's time, Unix seconds.
    #[serde(rename = "t")]
    pub at: i64,
    /// Counter, acknowledged counter, highest order sequence seen.
    #[serde(rename = "n")]
    pub counters: Counters,
    /// What is installed.
    #[serde(rename = "i")]
    pub inventory: InventoryPart,
    /// Everything else that was seen.
    #[serde(rename = "f")]
    pub facts: FactsPart,
    /// What the agent can do; sent at its start and when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentAbilities>,
    /// Orders that have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Progress>,
    /// Orders that ended, until the server acknowledged them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeReport>,
    /// Second looks, until the server acknowledged them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<SecondLook>,
    /// Changelogs that the server wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changelogs: Vec<Changelog>,
}

/// A part of the report that the server wants in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// The whole inventory.
    Inventory,
    /// All facts.
    Facts,
    /// What the agent can do.
    Agent,
    /// All outcomes and second looks that the device still keeps: the server lost its memory.
    Outcomes,
}

/// A changelog that the server wants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedChangelog {
    /// The source package.
    pub source: PackageName,
    /// Its version.
    pub version: Version,
    /// A binary package of it that is offered to this device.
    pub package: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// The binary's version.
    pub candidate: Version,
    /// The source version that is installed: older entries are not wanted.
    pub installed: Option<Version>,
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncReply {
    /// The counter it answers.
    pub counter: u64,
    /// The server's time, Unix seconds.
    pub at: i64,
    /// What may be done to this device.
    pub mode: Mode,
    /// When to come again, in seconds.
    pub next_seconds: u32,
    /// Opens the wake stream until then; carries no authority.
    pub wake: String,
    /// What is wanted in full, at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<Want>,
    /// Orders and cancels as signed, base64 (URL alphabet, no padding).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<String>,
    /// Outcomes and looks that are durable now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<OrderId>,
    /// Changelogs that are wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changelogs: Vec<WantedChangelog>,
}

/// What the server says when a message's counter is behind what it has seen: the device goes on
/// above `counter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterBehind {
    /// The highest counter seen.
    pub counter: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_check_in_is_small() {
        let sync = Sync {
            device: DeviceId::from_bytes([7; 16]),
            at: 1_795_422_000,
            counters: Counters(123_456, 123_455, 17),
            inventory: InventoryPart::Same(ShortDigest(Digest::of(b"x"))),
            facts: FactsPart::Same("abcdefghijk".into()),
            agent: None,
            progress: vec![],
            outcomes: vec![],
            looks: vec![],
            changelogs: vec![],
        };
        let text = serde_json::to_string(&sync).unwrap();
        assert!(text.len() <= 150, "{} bytes: {text}", text.len());
        assert_eq!(serde_json::from_str::<Sync>(&text).unwrap(), sync);
    }
}
