//! What is asked about one patch on one device, and how it stands at the five gates that people's words
//! and the calendar decide: data without sentences.

use std::rc::Rc;

use domain::decision::{Decision, Word};
use domain::policy::{ApprovalRule, Delay, Exclusion, RingSet, RuleAction, Unreadable};
use domain::query::Truth;
use domain::window::Opening;
use jiff::Timestamp;

use super::covered::Fit;
use super::timetable::Timetable;

/// When the clock of a delay began; `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    pub began_at: Option<Timestamp>,
    /// Whether that is a release.
    pub released: bool,
}

/// A patch as it concerns people's words: the one that is asked about, or one that it needs.
#[derive(Clone, Copy)]
pub(super) struct Part<'p> {
    /// How rules and decisions match it at the present.
    pub fit: &'p Fit,
    /// How they will match it from certain times on, because it grows older.
    pub later: &'p [(Timestamp, Fit)],
    pub clock: Clock,
    /// Whether its fault is known to be exploited.
    pub kev: Option<bool>,
    /// Its version, where it is an id of ours with an order.
    pub version: Option<(versions::Scheme, &'p str)>,
}

impl<'p> Part<'p> {
    pub fn fit_at(&self, at: Timestamp) -> &'p Fit {
        let passed = self.later.iter().rev().find(|(from, _)| *from <= at);
        passed.map_or(self.fit, |(_, fit)| fit)
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Pair<'p> {
    /// The patch itself, then all that it needs.
    pub parts: &'p [Part<'p>],
    /// It needs something that cannot be installed.
    pub broken: bool,
    /// When the patch was released, or else first seen: for windows that follow it.
    pub release: Option<Timestamp>,
    /// A gate of the front end opens by itself then.
    pub not_before: Option<Timestamp>,
}

/// Who decides about a patch.
#[derive(Clone, Copy)]
pub(super) enum Deciding<'a> {
    /// Something that cannot be read may decide, so nothing does.
    Unreadable(&'a Unreadable),
    Excluded(&'a Exclusion, Truth),
    /// With whether it certainly covers the patch.
    Decision(&'a Decision, Truth),
    Rule(&'a ApprovalRule, usize, Truth),
    Nobody,
}

/// What approves a patch.
#[derive(Clone, Copy)]
pub(super) enum Approver<'a> {
    Decision(&'a Decision),
    Rule(&'a ApprovalRule, usize),
}

impl<'a> Deciding<'a> {
    pub fn approver(self) -> Option<Approver<'a>> {
        match self {
            Self::Decision(decision, _) if decision.word == Word::Approve => {
                Some(Approver::Decision(decision))
            }
            Self::Rule(rule, index, _) if rule.action == RuleAction::Approve => {
                Some(Approver::Rule(rule, index))
            }
            Self::Decision(..)
            | Self::Rule(..)
            | Self::Unreadable(_)
            | Self::Excluded(..)
            | Self::Nobody => None,
        }
    }
}

/// The gate `delay` for one part.
#[derive(Clone, Copy)]
pub(super) enum DelayState<'a> {
    /// Nothing approves it.
    NotAsked,
    /// No rule covers the device.
    NotConfigured,
    /// A person decided, and waits for nothing.
    Person,
    /// The rule waits for nothing; whether that is because its fault is exploited.
    Nothing { rule: &'a ApprovalRule, kev: bool },
    /// It ends then; `None`: when the clock began is not known.
    Ends {
        rule: &'a ApprovalRule,
        delay: Delay,
        kev: bool,
        clock: Clock,
        at: Option<Timestamp>,
    },
}

impl DelayState<'_> {
    /// `None`: not asked.
    pub fn is_open(&self, now: Timestamp) -> Option<bool> {
        match self {
            Self::NotAsked => None,
            Self::NotConfigured | Self::Person | Self::Nothing { .. } => Some(true),
            Self::Ends { at, .. } => Some(at.is_some_and(|at| at <= now)),
        }
    }

    /// From when it is open; `None`: not known.
    pub fn opens_at(&self) -> Option<Timestamp> {
        match self {
            Self::NotAsked => None,
            Self::NotConfigured | Self::Person | Self::Nothing { .. } => Some(Timestamp::MIN),
            Self::Ends { at, .. } => *at,
        }
    }
}

/// The gate `ring` for one part.
#[derive(Clone, Copy)]
pub(super) enum RingState<'a> {
    NotAsked,
    /// No ring set covers the device.
    NotConfigured,
    /// The device is in this ring, reached then; `None`: that is not known.
    In {
        set: &'a RingSet,
        ring: usize,
        at: Option<Timestamp>,
    },
    /// It is in no ring.
    Outside(&'a RingSet),
    /// Whether the set covers it is not known.
    Perhaps(&'a RingSet),
    /// The rule names a set that is not there.
    NoSuchSet(&'a ApprovalRule),
    Unreadable(&'a Unreadable),
}

impl RingState<'_> {
    pub fn is_open(&self, now: Timestamp) -> Option<bool> {
        match self {
            Self::NotAsked => None,
            Self::NotConfigured => Some(true),
            Self::In { at, .. } => Some(at.is_some_and(|at| at <= now)),
            Self::Outside(_) | Self::Perhaps(_) | Self::NoSuchSet(_) | Self::Unreadable(_) => {
                Some(false)
            }
        }
    }

    pub fn opens_at(&self) -> Option<Timestamp> {
        match self {
            Self::NotConfigured => Some(Timestamp::MIN),
            Self::In { at, .. } => *at,
            Self::NotAsked
            | Self::Outside(_)
            | Self::Perhaps(_)
            | Self::NoSuchSet(_)
            | Self::Unreadable(_) => None,
        }
    }
}

/// The gate `frozen`.
#[derive(Clone, Copy)]
pub(super) enum FrozenState<'s, 'a> {
    NotConfigured,
    Open,
    Until(Opening),
    /// The times of a freeze cannot be told.
    Refused {
        name: &'s str,
        why: &'s str,
    },
    Unreadable(&'a Unreadable),
}

impl FrozenState<'_, '_> {
    pub fn is_open(&self) -> bool {
        matches!(self, Self::NotConfigured | Self::Open)
    }
}

/// The gate `window`.
#[derive(Clone, Copy)]
pub(super) enum WindowState<'a> {
    /// No window is written down, and none is needed.
    NotConfigured,
    /// No window covers the device.
    None,
    /// Those that the rule names do not cover it.
    NoneOfRule(&'a ApprovalRule),
    /// Nothing opens within the time that is looked ahead.
    NoOpening,
    /// Something may begin until then.
    Open {
        closes_at: Timestamp,
    },
    /// The next opening that is not frozen.
    Opens(Opening),
    Unreadable(&'a Unreadable),
}

/// How a pair stands at the five gates.
pub(super) struct Standing<'s, 'a> {
    /// Who decides about the patch itself.
    pub decided: Deciding<'a>,
    /// When it and all that it needs will be approved, if that is not so now.
    pub approved_at: Option<Timestamp>,
    /// Of all parts the one that waits longest.
    pub delay: DelayState<'a>,
    pub ring: RingState<'a>,
    pub frozen: FrozenState<'s, 'a>,
    pub window: WindowState<'a>,
    /// Where something may begin now or next, were it not for all other gates.
    pub opening: Option<Opening>,
    /// The windows that it may use.
    pub table: Rc<Timetable>,
}
