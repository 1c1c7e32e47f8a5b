//! Which orders one device needs now: made, replaced, withdrawn, given up.
//!
//! All patches that are approved for the same opening go in one order, made at most
//! `DELIVERY_LEAD_HOURS` ahead. An order that did not begin follows what people decide: other
//! content is a new generation, no content a cancel. A patch whose order ended without success is
//! tried again at a later opening only, and at most [`TRIES_MAX`] times.

mod carry;
mod content;

use std::collections::BTreeSet;

use domain::finding::FindingState;
use domain::id::OrderId;
use domain::order::record::OrderRecord;
use domain::order::{OrderItem, OrderState, Switch};
use domain::patch::PatchId;
use domain::proof::ProofState;
use domain::verdict::{Answer, Verdict};
use domain::window::Opening;
use jiff::{SignedDuration, Timestamp};

use crate::decide::Evaluator;
use crate::view::DeviceView;
use domain::policy::Policy;

pub use crate::tries::TRIES_MAX;
pub use carry::{OrderChange, carried_out, to_sign};

/// How long after its window an order may still be reported, in hours.
pub const GRACE_HOURS: i64 = 2;
/// How many days of ended orders the planner looks back at.
pub const MEMORY_DAYS: i64 = 90;

/// What an order asks for and when, without its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderContent {
    /// The generation.
    pub generation: u32,
    /// The sequence.
    pub sequence: u64,
    /// What is to be installed, sorted.
    pub items: Vec<OrderItem>,
    /// Whether services that run old code afterwards are restarted.
    pub restart_services: Switch,
    /// When the device may start.
    pub opens_at: Timestamp,
    /// When nothing new may start.
    pub closes_at: Timestamp,
    /// When the server gives it up.
    pub deadline: Timestamp,
    /// How old the last word with the server may be at the start, in seconds.
    pub contact_within_seconds: u32,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderAction {
    /// Make an order.
    Make {
        /// What it asks for.
        content: OrderContent,
    },
    /// Give an order that did not begin a new content under the same id.
    Replace {
        /// Which.
        order: OrderId,
        /// The new content, with the next generation and sequence.
        content: OrderContent,
    },
    /// Withdraw an order that did not begin.
    Cancel {
        /// Which.
        order: OrderId,
        /// The generation of the cancel.
        generation: u32,
        /// The sequence of the cancel.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// Give up an order that did not begin, because newer patches replaced all of its own. The device
    /// is told as for a cancel.
    Supersede {
        /// Which.
        order: OrderId,
        /// The generation of the cancel.
        generation: u32,
        /// The sequence of the cancel.
        sequence: u64,
        /// Which patches replaced it.
        reason: String,
    },
    /// The window closed and the device never took it.
    Expire {
        /// Which.
        order: OrderId,
    },
    /// The deadline passed without a report.
    Lose {
        /// Which.
        order: OrderId,
    },
    /// The device reported an end, and no second look came by the deadline: not proven.
    GiveUpProof {
        /// Which.
        order: OrderId,
    },
}

/// A missing patch that is not ordered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The patch.
    pub patch: PatchId,
    /// What keeps it.
    pub reason: WaitingReason,
}

/// What keeps a missing patch from being ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingReason {
    /// A gate.
    Gate(Verdict),
    /// Its opening is further ahead than orders are made.
    NotYetMade {
        /// When its order is made.
        made_at: Timestamp,
        /// When its window opens.
        opens_at: Timestamp,
    },
    /// It was tried in this opening already, and waits for a later one.
    TriedInThisOpening {
        /// The order that tried.
        order: OrderId,
    },
    /// It failed as often as it may.
    FailedTooOften {
        /// How often.
        tries: usize,
    },
    /// Another order of this device works, and its end is waited for.
    OtherOrderRuns {
        /// Which.
        order: OrderId,
    },
    /// The order is full; it goes in a later one.
    OrderFull,
}

impl WaitingReason {
    /// The reason in one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Gate(verdict) => verdict.sentence.clone(),
            Self::NotYetMade { made_at, opens_at } => {
                format!("approved; its order is made at {made_at} for the window at {opens_at}")
            }
            Self::TriedInThisOpening { order } => {
                format!("order {order} tried it in this window; it is tried again in a later one")
            }
            Self::FailedTooOften { tries } => format!("failed {tries} times, needs a person"),
            Self::OtherOrderRuns { order } => format!("order {order} has not ended yet"),
            Self::OrderFull => "the order is full; it goes in a later one".into(),
        }
    }
}

/// What to do now, what waits and why, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What to do, in this order.
    pub actions: Vec<OrderAction>,
    /// What waits, sorted by patch.
    pub waiting: Vec<Waiting>,
    /// When something changes by itself; `None`: nothing will.
    pub look_again_at: Option<Timestamp>,
}

/// Plans one device's orders. Twice the same input gives the same plan; after the actions are
/// carried out a plan at the same instant has none.
pub fn plan(view: &DeviceView, rules: &Policy, now: Timestamp) -> Plan {
    let evaluator = Evaluator::new(view, rules, now);
    let mut plan = Plan {
        actions: Vec::new(),
        waiting: Vec::new(),
        look_again_at: None,
    };
    let open = overdue(view, now, &mut plan);
    let content = content::content(view, &evaluator, now, &mut plan);
    // A device that remembers more than the server gets nothing, not even a cancel, until the
    // server has learned what it was told before.
    if view.device.standing == domain::device::Standing::Level {
        follow(view, &evaluator, open, content, now, &mut plan);
    }
    plan.waiting.sort_by(|a, b| a.patch.cmp(&b.patch));
    plan
}

fn look_again(plan: &mut Plan, at: Timestamp, now: Timestamp) {
    if at > now {
        plan.look_again_at = Some(plan.look_again_at.map_or(at, |before| before.min(at)));
    }
}

/// Gives up what is overdue; returns the orders that have not ended.
fn overdue<'a>(view: &'a DeviceView, now: Timestamp, plan: &mut Plan) -> Vec<&'a OrderRecord> {
    let mut open = Vec::new();
    for record in &view.orders {
        let order = record.id;
        match record.state {
            OrderState::Waiting if now >= record.closes_at => {
                plan.actions.push(OrderAction::Expire { order });
            }
            OrderState::Delivered | OrderState::Running if now >= record.deadline => {
                plan.actions.push(OrderAction::Lose { order });
            }
            OrderState::Waiting => {
                look_again(plan, record.closes_at, now);
                open.push(record);
            }
            OrderState::Delivered | OrderState::Running => {
                look_again(plan, record.deadline, now);
                open.push(record);
            }
            state if state.wants_proof() && record.proof.state == ProofState::Pending => {
                let until = record
                    .deadline
                    .max(record.state_since + SignedDuration::from_hours(GRACE_HOURS));
                if now >= until {
                    plan.actions.push(OrderAction::GiveUpProof { order });
                } else {
                    look_again(plan, until, now);
                }
            }
            OrderState::Succeeded
            | OrderState::Failed
            | OrderState::Refused
            | OrderState::Expired
            | OrderState::Cancelled
            | OrderState::Superseded
            | OrderState::Lost
            | OrderState::NeedsHands => {}
        }
    }
    open
}

/// Makes, replaces or withdraws, so that the device has exactly one order with `content`.
fn follow(
    view: &DeviceView,
    evaluator: &Evaluator<'_>,
    open: Vec<&OrderRecord>,
    content: Option<(Vec<OrderItem>, Opening)>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let mut sequence = view.sequence;
    let mut next = || {
        sequence += 1;
        sequence
    };
    let running: BTreeSet<OrderId> = open
        .iter()
        .filter(|record| at_work(record, now))
        .map(|record| record.id)
        .collect();
    let mut content = one_at_a_time(&open, content, running.first(), plan);
    for record in open {
        if at_work(record, now) {
            continue;
        }
        match content.take() {
            Some((items, opening)) if same(record, &items, opening) => {}
            Some((items, opening)) => {
                plan.actions.push(OrderAction::Replace {
                    order: record.id,
                    content: content::of(items, opening, record.generation + 1, next()),
                });
            }
            None => {
                let (order, generation) = (record.id, record.generation + 1);
                let sequence = next();
                plan.actions.push(match superseded(view, record) {
                    Some(reason) => OrderAction::Supersede {
                        order,
                        generation,
                        sequence,
                        reason,
                    },
                    None => OrderAction::Cancel {
                        order,
                        generation,
                        sequence,
                        reason: why_cancelled(view, evaluator, record, &running),
                    },
                });
            }
        }
    }
    if let Some((items, opening)) = content {
        plan.actions.push(OrderAction::Make {
            content: content::of(items, opening, 1, next()),
        });
    }
}

/// When its window is over, a device that took an order may be at work without having said so.
fn at_work(record: &OrderRecord, now: Timestamp) -> bool {
    record.state == OrderState::Running
        || (record.state == OrderState::Delivered && now >= record.closes_at)
}

/// What else is approved waits for the end of the order that works.
fn one_at_a_time(
    open: &[&OrderRecord],
    content: Option<(Vec<OrderItem>, Opening)>,
    working: Option<&OrderId>,
    plan: &mut Plan,
) -> Option<(Vec<OrderItem>, Opening)> {
    let (Some(order), Some((items, _))) = (working, &content) else {
        return content;
    };
    let patches: BTreeSet<&PatchId> = items.iter().map(|item| &item.patch).collect();
    let ordered: BTreeSet<PatchId> = open.iter().flat_map(|record| record.patches()).collect();
    for patch in patches.into_iter().filter(|patch| !ordered.contains(patch)) {
        plan.waiting.push(Waiting {
            patch: patch.clone(),
            reason: WaitingReason::OtherOrderRuns { order: *order },
        });
    }
    None
}

fn same(record: &OrderRecord, items: &[OrderItem], opening: Opening) -> bool {
    record.items == items
        && record.opens_at == opening.opens_at
        && record.closes_at == opening.closes_at
}

/// Which patches replaced those of the order, if all of them were.
fn superseded(view: &DeviceView, record: &OrderRecord) -> Option<String> {
    let missing = |patch: &PatchId| {
        let mut findings = view.findings.iter().map(|dated| &dated.finding);
        findings.any(|f| f.patch == *patch && f.state == FindingState::Missing)
    };
    let mut by = Vec::new();
    for patch in record.patches() {
        let successor = view
            .findings
            .iter()
            .map(|dated| &dated.finding.patch)
            .find(|other| other.product() == patch.product() && missing(other))?;
        if missing(&patch) {
            return None;
        }
        by.push(successor.to_string());
    }
    Some(format!("superseded by {}", by.join(", ")))
}

fn why_cancelled(
    view: &DeviceView,
    evaluator: &Evaluator<'_>,
    record: &OrderRecord,
    running: &BTreeSet<OrderId>,
) -> String {
    if let Some(order) = running.first() {
        return format!("order {order} has not ended, and there is one at a time");
    }
    let patches = record.patches();
    let first = view
        .findings
        .iter()
        .filter(|dated| patches.contains(&dated.finding.patch))
        .map(|dated| evaluator.verdict(dated))
        .find(|verdict| verdict.verdict != Answer::Now);
    match first {
        Some(verdict) => verdict.sentence,
        None => "nothing of it is to be installed any more".into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
