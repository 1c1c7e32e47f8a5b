//! From the bytes of a check-in to the words of the engine. Everything is bounded and checked here;
//! nothing is decided.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::changelog::ChangelogFacts;
use domain::id::DeviceId;
use domain::inventory::{ITEMS_MAX, InvalidInventory, Inventory};
use domain::name::printable;
use domain::offer::Facts;
use domain::order::Order;
use ed25519_dalek::VerifyingKey;
use engine::link::{CheckIn, FactsReport, InventoryReport, OutcomeReport, Progress, Stage};
use jiff::Timestamp;
use protocol::limits::{CHANGELOG_BYTES_MAX, CHANGELOGS_MAX, OUTCOMES_MAX};
use protocol::packing::{UnpackError, unpack};
use protocol::sync::{Changelog, ChangelogText, FactsPart, InventoryPart, Step, Sync, facts_mark};
use protocol::{Envelope, EnvelopeError, MessageType, SignerKind, TrustedKey};
use serde::Deserialize;

use crate::LinkError;

/// The types of envelope that a check-in comes in.
const SYNC_TYPES: &[MessageType] = &[MessageType::Sync, MessageType::SyncPacked];

/// The device that a message says it is from, not yet checked: only for finding its key.
pub(super) fn claimed_device(envelope: &Envelope) -> Result<DeviceId, LinkError> {
    #[derive(Deserialize)]
    struct Claim {
        d: DeviceId,
    }
    let claim: Result<Claim, _> = if envelope.message() == MessageType::SyncPacked {
        serde_json::from_slice(&unpack(envelope.unverified_payload()).map_err(unpacked)?)
    } else {
        serde_json::from_slice(envelope.unverified_payload())
    };
    claim.map(|claim| claim.d).map_err(malformed)
}

/// The check-in, when its device's key signed it.
pub(super) fn open(
    envelope: &Envelope,
    device: DeviceId,
    key: VerifyingKey,
) -> Result<Sync, LinkError> {
    let trusted = TrustedKey {
        kind: SignerKind::Device,
        key,
    };
    let sync: Sync = envelope
        .open(SYNC_TYPES, &[trusted])
        .map_err(refused)?
        .into_inner();
    // The key found by one device's id must not speak for another.
    if sync.device != device {
        return Err(LinkError::Signature);
    }
    Ok(sync)
}

/// Says in this layer's words why an envelope was refused.
pub(super) fn refused(error: EnvelopeError) -> LinkError {
    match error {
        EnvelopeError::Signature => LinkError::Signature,
        EnvelopeError::Packing(error) => unpacked(error),
        EnvelopeError::Payload(error) => malformed(error),
        EnvelopeError::Form { .. } | EnvelopeError::Type { .. } => malformed(error),
    }
}

fn unpacked(error: UnpackError) -> LinkError {
    match error {
        UnpackError::TooLarge => LinkError::TooLarge {
            reason: error.to_string(),
        },
        UnpackError::Damaged(_) => malformed(error),
    }
}

fn malformed(error: impl std::fmt::Display) -> LinkError {
    LinkError::Malformed {
        reason: error.to_string(),
    }
}

/// Translates a check-in; `server` is the key that signed this server's orders.
pub(super) fn check_in(
    sync: Sync,
    server: &VerifyingKey,
    now: Timestamp,
) -> Result<CheckIn, LinkError> {
    limit("outcomes", sync.outcomes.len(), OUTCOMES_MAX)?;
    limit("second looks", sync.looks.len(), OUTCOMES_MAX)?;
    limit("orders in progress", sync.progress.len(), OUTCOMES_MAX)?;
    limit("changelogs", sync.changelogs.len(), CHANGELOGS_MAX)?;
    let at = Timestamp::from_second(sync.at).map_err(malformed)?;
    let progress = sync.progress.iter().map(|progress| Progress {
        order: progress.order,
        generation: progress.generation,
        stage: match progress.step {
            Step::Taken | Step::Downloading => Stage::Taken,
            Step::Installing | Step::Restarting | Step::Verifying => Stage::Begun,
        },
    });
    let outcomes = sync.outcomes.into_iter().map(|report| OutcomeReport {
        order: signed_order(&report.order, server),
        outcome: report.outcome,
    });
    Ok(CheckIn {
        at,
        counter: sync.counters.0,
        acknowledged: sync.counters.1,
        sequence: sync.counters.2,
        inventory: inventory(sync.inventory)?,
        facts: facts(sync.facts)?,
        agent: sync.agent,
        progress: progress.collect(),
        outcomes: outcomes.collect(),
        looks: sync.looks,
        changelogs: sync
            .changelogs
            .into_iter()
            .map(|changelog| read_changelog(changelog, now))
            .collect::<Result<_, _>>()?,
    })
}

fn limit(what: &str, count: usize, most: usize) -> Result<(), LinkError> {
    if count > most {
        return Err(LinkError::TooLarge {
            reason: format!("at most {most} {what} in one message, this one has {count}"),
        });
    }
    Ok(())
}

fn inventory(part: InventoryPart) -> Result<InventoryReport, LinkError> {
    match part {
        InventoryPart::Same(digest) => Ok(InventoryReport::Same(digest.0)),
        InventoryPart::Delta(delta) => {
            // The engine applies it; a line that is no item is refused here, with its number.
            Inventory::from_text(&delta.removed).map_err(bad_inventory)?;
            Inventory::from_text(&delta.added).map_err(bad_inventory)?;
            Ok(InventoryReport::Delta(delta))
        }
        InventoryPart::Full { full } => Inventory::from_text(&full)
            .map(InventoryReport::Full)
            .map_err(bad_inventory),
    }
}

fn bad_inventory(error: InvalidInventory) -> LinkError {
    let reason = format!("inventory: {error}");
    match error {
        InvalidInventory::TooMany | InvalidInventory::TooLong { .. } => {
            LinkError::TooLarge { reason }
        }
        InvalidInventory::Columns { .. }
        | InvalidInventory::Name { .. }
        | InvalidInventory::Word { .. }
        | InvalidInventory::Order { .. } => LinkError::Malformed { reason },
    }
}

fn facts(part: FactsPart) -> Result<FactsReport, LinkError> {
    match part {
        FactsPart::Same(mark) => Ok(FactsReport::Same { mark }),
        FactsPart::Full(facts) => {
            limit("offers", facts.offers.offers.len(), ITEMS_MAX)?;
            limit("withheld packages", facts.offers.withheld.len(), ITEMS_MAX)?;
            limit("needs", facts.offers.needs.len(), ITEMS_MAX)?;
            check_printable(&facts)?;
            let mark = facts_mark(&facts);
            Ok(FactsReport::Full { facts, mark })
        }
    }
}

/// Refuses texts among the facts that could break a line or hide in it. Names and versions were
/// checked when they were read; this is for the free texts beside them.
fn check_printable(facts: &Facts) -> Result<(), LinkError> {
    fn walk(value: &serde_json::Value) -> Option<&str> {
        match value {
            serde_json::Value::String(text) => {
                (!text.chars().all(printable)).then_some(text.as_str())
            }
            serde_json::Value::Array(values) => values.iter().find_map(walk),
            serde_json::Value::Object(fields) => fields.values().find_map(walk),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
                None
            }
        }
    }
    let value = serde_json::to_value(facts).map_err(malformed)?;
    match walk(&value) {
        None => Ok(()),
        Some(text) => Err(LinkError::Malformed {
            reason: format!(
                "facts: {:?} holds a character that cannot be shown",
                text.chars().take(60).collect::<String>()
            ),
        }),
    }
}

/// The order that a device sends back, when this server signed it.
fn signed_order(text: &str, server: &VerifyingKey) -> Option<Order> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let trusted = TrustedKey {
        kind: SignerKind::Server,
        key: *server,
    };
    Envelope::from_bytes(&bytes)
        .ok()?
        .open(&[MessageType::Order], &[trusted])
        .ok()
        .map(protocol::Verified::into_inner)
}

fn read_changelog(changelog: Changelog, now: Timestamp) -> Result<ChangelogFacts, LinkError> {
    let entries = match changelog.text {
        ChangelogText::Missing(reason) => Err(reason.chars().filter(|c| printable(*c)).collect()),
        ChangelogText::Found(text) => {
            limit("bytes of a changelog", text.len(), CHANGELOG_BYTES_MAX)?;
            Ok(feeds::deb_changelog::parse(&text).entries)
        }
    };
    Ok(ChangelogFacts {
        source: changelog.source,
        version: changelog.version,
        entries,
        read_at: now,
    })
}
