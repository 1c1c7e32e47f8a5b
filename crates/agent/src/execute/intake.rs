//! What lies in the spool: orders for the executing half, and its reports for the network half.
//!
//! The executing half takes nothing but these files. An order is checked here as if the network half
//! had checked nothing: signature, device, sequence, generation, verb.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::device::Mode;
use domain::id::{DeviceId, OrderId};
use domain::order::{Action, Order, OrderItem, Refusal, Verb};
use domain::proof::SecondLook;
use jiff::Timestamp;
use protocol::sync::{OutcomeReport, Progress, Step};
use protocol::{Envelope, EnvelopeError, MessageType, TrustedKey};
use serde::{Deserialize, Serialize};

use super::Held;
use crate::failure::chain;

/// The last word with the server, as the network half heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When, by this device's clock.
    pub at: Timestamp,
    /// What may be done to this device. It can only forbid: orders are signed, this is not.
    pub mode: Mode,
}

/// How far the executing half is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The highest sequence seen.
    pub sequence: u64,
    /// Orders that have not ended.
    pub progress: Vec<Progress>,
    /// Until when each of them may begin, for people.
    pub windows: Vec<(OrderId, Timestamp, Timestamp)>,
}

impl Standing {
    /// Whether an order is being carried out now.
    pub fn is_working(&self) -> bool {
        self.progress
            .iter()
            .any(|progress| progress.step != Step::Taken)
    }
}

/// The end of an order, as it lies in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What came of it, with the order.
    pub outcome: OutcomeReport,
    /// The second look, where something may have been changed.
    pub look: Option<SecondLook>,
}

impl Report {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!(
            "{}-g{}.report",
            self.outcome.outcome.order, self.outcome.outcome.generation
        )
    }
}

/// What an order that came is.
#[derive(Debug)]
pub enum Verdict {
    /// To be carried out.
    Good(Box<Order>),
    /// It was there before.
    Known,
    /// It will not be carried out; which order it is, as far as that can be read, for the report.
    Bad(Option<Box<Claim>>, Refusal),
}

/// Which order something is, also where the rest of it cannot be read: enough to report its refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The device it is for.
    pub device: DeviceId,
    /// The order.
    pub order: OrderId,
    /// Which generation of it.
    pub generation: u32,
    /// Its sequence.
    pub sequence: u64,
    /// Its packages; none where they cannot be read.
    pub items: Vec<OrderItem>,
}

impl Claim {
    /// Reads these few fields and passes over all others.
    fn read(payload: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Heading {
            device: DeviceId,
            order: OrderId,
            generation: u32,
            sequence: u64,
        }
        let heading: Heading = serde_json::from_slice(payload).ok()?;
        let items = match serde_json::from_slice::<Order>(payload).map(|order| order.action) {
            Ok(Action::Install { items, .. }) => items,
            Ok(Action::Cancel) | Err(_) => vec![],
        };
        Some(Self {
            device: heading.device,
            order: heading.order,
            generation: heading.generation,
            sequence: heading.sequence,
            items,
        })
    }
}

/// Reads base64 of either alphabet.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| STANDARD.decode(text))
        .ok()
}

/// Whether an envelope of ours, checked when it came, withdraws an order.
pub fn is_cancel(envelope: &str) -> bool {
    decode(envelope)
        .and_then(|bytes| Envelope::from_bytes(&bytes).ok())
        .and_then(|envelope| serde_json::from_slice::<Order>(envelope.unverified_payload()).ok())
        .is_some_and(|order| order.action == Action::Cancel)
}

/// The sequence that an order claims, unchecked: only to sort by. 0 when it claims none.
pub fn claimed_sequence(envelope: &str) -> u64 {
    decode(envelope)
        .and_then(|bytes| Envelope::from_bytes(&bytes).ok())
        .and_then(|envelope| Claim::read(envelope.unverified_payload()))
        .map_or(0, |claim| claim.sequence)
}

/// Judges an order that came.
pub fn judge(
    text: &str,
    device: DeviceId,
    trusted: &[TrustedKey],
    last_seen: u64,
    held: impl Fn(OrderId) -> Option<(u32, u64)>,
) -> Verdict {
    let malformed = |reason: String| Refusal::Malformed { reason };
    let Some(bytes) = decode(text) else {
        return Verdict::Bad(None, malformed("it is not base64".to_owned()));
    };
    let envelope = match Envelope::from_bytes(&bytes) {
        Ok(envelope) => envelope,
        Err(problem) => return Verdict::Bad(None, malformed(chain(&problem))),
    };
    let payload = match envelope.verify(&[MessageType::Order], trusted) {
        Ok(payload) => payload.into_inner(),
        Err(EnvelopeError::Signature) => {
            // Only to say which order it pretended to be; nothing of it is believed.
            let claim = Claim::read(envelope.unverified_payload());
            return Verdict::Bad(claim.map(Box::new), Refusal::BadSignature);
        }
        Err(problem) => return Verdict::Bad(None, malformed(chain(&problem))),
    };
    let order = serde_json::from_slice::<Order>(payload);
    let Some(claim) = Claim::read(payload) else {
        let reason = "it does not say which order it is".to_owned();
        let refusal = order.map_or_else(
            |problem| unreadable(payload, &problem),
            |_| malformed(reason),
        );
        return Verdict::Bad(None, refusal);
    };
    let known = held(claim.order);
    let refusal = if claim.device != device {
        Refusal::OtherDevice
    } else if known == Some((claim.generation, claim.sequence)) {
        return Verdict::Known;
    } else if claim.sequence <= last_seen {
        Refusal::Replayed { last_seen }
    } else if known.is_some_and(|(generation, _)| claim.generation <= generation) {
        Refusal::OldGeneration
    } else {
        match order {
            Err(problem) => unreadable(payload, &problem),
            Ok(order) if order.v != 1 => {
                malformed(format!("its form is {}, this agent knows 1", order.v))
            }
            Ok(order) if order.opens_at >= order.closes_at => {
                malformed("its window closes before it opens".to_owned())
            }
            Ok(order) => return Verdict::Good(Box::new(order)),
        }
    };
    Verdict::Bad(Some(Box::new(claim)), refusal)
}

/// Why a signed order cannot be read: mostly a verb of a later version.
fn unreadable(payload: &[u8], problem: &serde_json::Error) -> Refusal {
    let verb = serde_json::from_slice::<serde_json::Value>(payload)
        .ok()
        .and_then(|value| Some(value.get("action")?.get("verb")?.as_str()?.to_owned()));
    match verb {
        Some(verb) if verb != Verb::Install.word() && verb != "Cancel" => Refusal::UnknownVerb {
            verb: verb.chars().take(64).collect(),
        },
        Some(_) | None => Refusal::Malformed {
            reason: problem.to_string(),
        },
    }
}

/// What is held, for the network half.
pub fn standing<'a>(sequence: u64, held: impl Iterator<Item = &'a Held>) -> Standing {
    let mut standing = Standing {
        sequence,
        ..Standing::default()
    };
    for held in held.filter(|held| !held.state.is_final()) {
        standing.progress.push(Progress {
            order: held.order.order,
            generation: held.order.generation,
            step: held.step(),
        });
        standing
            .windows
            .push((held.order.order, held.order.opens_at, held.order.closes_at));
    }
    standing
}
