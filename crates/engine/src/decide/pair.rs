//! One patch on one device: the five gates that people's words and the calendar decide, as data.
//!
//! Both front ends (the server's view of a device, a snapshot in a file) ask here. Nothing is worded
//! yet, so that a fleet can be asked cheaply. The first time at which all of it is open is found by
//! walking over the times at which somebody's word begins or ends.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use domain::decision::{Decision, Word};
use domain::policy::{ApprovalRule, Policy, PolicyKind, RuleAction, Unreadable, WithoutWindows};
use domain::query::Truth;
use domain::snapshot::Contact;
use domain::verdict::{Answer, GateName};
use domain::window::{ChangeWindow, OpensFor};
use jiff::Timestamp;

use super::Outcome;
use super::covered::{Coverage, Covering};
use super::states::{
    Approver, Deciding, DelayState, FrozenState, Pair, Part, RingState, Standing, WindowState,
};
use super::timetable::{Freezes, Timetable};

/// A device at an instant: what covers it, and its calendar.
pub(super) struct Side<'a> {
    pub policy: &'a Policy,
    pub coverage: Coverage<'a>,
    pub zone: &'a str,
    pub contacts: Option<&'a [Contact]>,
    pub now: Timestamp,
    pub freezes: Freezes,
    /// Calendars by the rules whose windows they are limited to.
    tables: RefCell<Vec<(Vec<usize>, Rc<Timetable>)>>,
    shared: Option<Rc<Tables>>,
}

/// The zone, the windows and the freezes of a calendar.
type TableKey = (String, Vec<usize>, Vec<usize>);

/// Calendars that devices share: those of the same windows, freezes and zone.
#[derive(Default)]
pub(super) struct Tables(RefCell<HashMap<TableKey, Rc<Timetable>>>);

impl<'a> Side<'a> {
    pub fn new(
        policy: &'a Policy,
        coverage: Coverage<'a>,
        zone: &'a str,
        contacts: Option<&'a [Contact]>,
        now: Timestamp,
    ) -> Self {
        let freezes = Freezes::of(coverage.freezes.iter().map(|freeze| freeze.object), zone);
        Self {
            policy,
            coverage,
            zone,
            contacts,
            now,
            freezes,
            tables: RefCell::new(Vec::new()),
            shared: None,
        }
    }

    /// The same, with calendars that are shared with other devices without contacts.
    pub fn sharing(mut self, tables: Rc<Tables>) -> Self {
        self.shared = Some(tables);
        self
    }

    /// The windows for patches that the rules leave, of all that cover the device.
    pub fn windows(&self, rules: &[usize]) -> Vec<&'a ChangeWindow> {
        let allowed = |window: &&'a ChangeWindow| {
            window.opens_for == OpensFor::Changes
                && rules
                    .iter()
                    .all(|rule| self.policy.rules[*rule].windows.contains(&window.name))
        };
        self.coverage
            .windows
            .iter()
            .copied()
            .filter(allowed)
            .collect()
    }

    /// Whether any time will do, because no window is written down.
    pub fn needs_no_window(&self) -> bool {
        self.policy.windows.is_empty() && self.policy.without_windows == WithoutWindows::Open
    }

    /// The calendar for the windows that the rules leave.
    pub fn table(&self, rules: &[usize]) -> Rc<Timetable> {
        let known = self.tables.borrow();
        if let Some((_, table)) = known.iter().find(|(of, _)| of == rules) {
            return Rc::clone(table);
        }
        drop(known);
        let windows = self.windows(rules);
        let work_out = || {
            if self.needs_no_window() {
                return Rc::new(Timetable::any_time(&self.freezes.spans, self.now));
            }
            Rc::new(Timetable::new(
                &windows,
                &self.freezes.spans,
                self.zone,
                self.contacts,
                self.now,
            ))
        };
        let table = match &self.shared {
            None => work_out(),
            Some(shared) => {
                let places = windows
                    .iter()
                    .map(|window| std::ptr::from_ref(*window).addr());
                let freezes = self.coverage.freezes.iter().map(|freeze| freeze.index);
                let key = (self.zone.to_owned(), places.collect(), freezes.collect());
                let mut shared = shared.0.borrow_mut();
                Rc::clone(shared.entry(key).or_insert_with(work_out))
            }
        };
        let mut known = self.tables.borrow_mut();
        known.push((rules.to_vec(), Rc::clone(&table)));
        table
    }

    /// Who decides about a part at `at`.
    pub fn deciding(&self, part: &Part<'_>, at: Timestamp) -> Deciding<'a> {
        let unreadable = self.coverage.unreadable.iter().find(|o| decides(o.kind));
        if let Some(object) = unreadable {
            return Deciding::Unreadable(object);
        }
        let excluded = self.coverage.exclusions.iter();
        if let Some(exclusion) = excluded.clone().find(|e| e.object.is_in_force(at)) {
            return Deciding::Excluded(exclusion.object, exclusion.devices);
        }
        if let Some((decision, truth)) = self.decisions(part, at).next() {
            return Deciding::Decision(decision, truth);
        }
        match self.rules(part, at).next() {
            Some((rule, truth)) => Deciding::Rule(rule.object, rule.index, truth),
            None => Deciding::Nobody,
        }
    }

    /// The decisions that count for a part, by precedence, with whether they certainly cover it.
    pub fn decisions(
        &self,
        part: &Part<'_>,
        at: Timestamp,
    ) -> impl Iterator<Item = (&'a Decision, Truth)> {
        let (fit, version) = (part.fit_at(at), part.version);
        self.coverage
            .decisions
            .iter()
            .filter(move |decision| decision.object.is_in_force(at))
            .map(move |decision| {
                let truth = decision.devices.and(fit.decisions[decision.index]);
                (decision.object, truth)
            })
            .filter(move |(decision, truth)| match decision.word {
                Word::Approve => *truth == Truth::Yes,
                Word::Pin => *truth != Truth::No && holds_back(decision, version),
                Word::AcceptRisk | Word::Hold | Word::Deny => *truth != Truth::No,
            })
    }

    /// The rules that match a part, in their order.
    pub fn rules(
        &self,
        part: &Part<'_>,
        at: Timestamp,
    ) -> impl Iterator<Item = (&Covering<'a, ApprovalRule>, Truth)> {
        let fit = part.fit_at(at);
        self.coverage
            .rules
            .iter()
            .map(move |rule| (rule, rule.devices.and(fit.rules[rule.index])))
            .filter(|(rule, truth)| match rule.object.action {
                RuleAction::Approve => *truth == Truth::Yes,
                RuleAction::Hold | RuleAction::Deny => *truth != Truth::No,
            })
    }

    fn approver(&self, part: &Part<'_>, at: Timestamp) -> Option<Approver<'a>> {
        self.deciding(part, at).approver()
    }

    /// Whether the patch and all that it needs is approved at `at`.
    pub fn is_approved(&self, pair: &Pair<'_>, at: Timestamp) -> bool {
        let approved = |part| self.approver(part, at).is_some();
        !pair.broken && pair.parts.iter().all(approved)
    }

    fn delay(&self, part: &Part<'_>, approver: Approver<'a>) -> DelayState<'a> {
        let Approver::Rule(rule, _) = approver else {
            return DelayState::Person;
        };
        let jump = rule.kev_after.filter(|_| part.kev == Some(true));
        let (delay, kev) = (jump.unwrap_or(rule.after), jump.is_some());
        if delay.is_none() {
            return DelayState::Nothing { rule, kev };
        }
        let began_at = part.clock.began_at;
        DelayState::Ends {
            rule,
            delay,
            kev,
            clock: part.clock,
            at: began_at.and_then(|began| began.checked_add(delay.elapsed()).ok()),
        }
    }

    fn ring(
        &self,
        part: &Part<'_>,
        approver: Approver<'a>,
        delay: DelayState<'a>,
    ) -> RingState<'a> {
        let unreadable = self.coverage.unreadable.iter();
        if let Some(object) = unreadable.clone().find(|o| o.kind == PolicyKind::Rings) {
            return RingState::Unreadable(object);
        }
        let rings = &self.coverage.rings;
        let named = match approver {
            Approver::Rule(rule, _) => rule.rings.as_ref().map(|name| (rule, name)),
            Approver::Decision(_) => None,
        };
        let placed = match named {
            Some((rule, name)) => match rings.iter().find(|placed| placed.set.name == *name) {
                Some(placed) => placed,
                None => return RingState::NoSuchSet(rule),
            },
            None => match rings.iter().find(|placed| placed.covers != Truth::No) {
                Some(placed) if placed.covers == Truth::Yes => placed,
                Some(placed) => return RingState::Perhaps(placed.set),
                None => return RingState::NotConfigured,
            },
        };
        let Some(ring) = placed.ring else {
            return RingState::Outside(placed.set);
        };
        let set = placed.set;
        let soaks = set.rings[..ring].iter().map(|ring| ring.soak.elapsed());
        let soak = soaks.fold(jiff::SignedDuration::ZERO, |all, one| {
            all.checked_add(one).unwrap_or(jiff::SignedDuration::MAX)
        });
        let base = match (approver, delay) {
            (Approver::Decision(decision), _) => {
                let decided =
                    (decision.decided_at != Timestamp::MIN).then_some(decision.decided_at);
                part.clock.began_at.max(decided)
            }
            (Approver::Rule(..), DelayState::Ends { at, .. }) => at,
            (Approver::Rule(..), _) => part.clock.began_at,
        };
        let at = match base {
            Some(base) => base.checked_add(soak).ok(),
            // Nothing is before it, so it does not matter since when.
            None if soak.is_zero() => Some(Timestamp::MIN),
            None => None,
        };
        RingState::In { set, ring, at }
    }

    /// From when delays and rings let a pair through that is approved at `at`; `None`: not approved,
    /// or not known.
    fn ripe(&self, pair: &Pair<'_>, at: Timestamp) -> Option<Timestamp> {
        if pair.broken {
            return None;
        }
        let mut ripe = at;
        for part in pair.parts {
            let approver = self.approver(part, at)?;
            let delay = self.delay(part, approver);
            let ring = self.ring(part, approver, delay);
            ripe = ripe.max(delay.opens_at()?).max(ring.opens_at()?);
        }
        Some(ripe)
    }

    /// The rules that limit the windows, where all is approved at `at`.
    fn table_for(&self, pair: &Pair<'_>, at: Timestamp) -> Rc<Timetable> {
        let rule = |part| match self.approver(part, at) {
            Some(Approver::Rule(rule, index)) if !rule.windows.is_empty() => Some(index),
            Some(_) | None => None,
        };
        match pair.parts {
            [one] => match rule(one) {
                Some(index) => self.table(&[index]),
                None => self.table(&[]),
            },
            parts => {
                let mut rules: Vec<usize> = parts.iter().filter_map(rule).collect();
                rules.sort_unstable();
                rules.dedup();
                self.table(&rules)
            }
        }
    }

    /// The times after `from` at which somebody's word begins or ends, or the patch grows old enough.
    pub fn turns(&self, pair: &Pair<'_>, from: Timestamp) -> Vec<Timestamp> {
        let mut turns: Vec<Timestamp> = Vec::new();
        turns.extend(
            self.coverage
                .exclusions
                .iter()
                .filter_map(|e| e.object.until),
        );
        for decision in &self.coverage.decisions {
            let touches = |part: &Part<'_>| {
                part.fit.decisions[decision.index] != Truth::No || !part.later.is_empty()
            };
            if pair.parts.iter().any(touches) {
                let decision = decision.object;
                turns.extend(
                    [Some(decision.decided_at), decision.until, decision.ended_at]
                        .iter()
                        .flatten(),
                );
            }
        }
        for part in pair.parts {
            turns.extend(part.later.iter().map(|(at, _)| *at));
        }
        turns.retain(|at| *at > from);
        turns.sort_unstable();
        turns.dedup();
        turns
    }

    /// The first time from now on at which all five gates are open; `None` also where one of them is
    /// closed that opens by nobody's clock, and only another word could help: somebody has to look.
    pub fn first_open(&self, pair: &Pair<'_>) -> Option<Timestamp> {
        if !self.may_be_told() {
            return None;
        }
        let from = pair.not_before.map_or(self.now, |at| at.max(self.now));
        let turns = self.turns(pair, from);
        let mut approved_before = false;
        for at in 0..=turns.len() {
            let begins = at.checked_sub(1).map_or(from, |before| turns[before]);
            let ends = turns.get(at).copied();
            let within = |at: Timestamp| ends.is_none_or(|end| at < end);
            let ripe = self.ripe(pair, begins);
            if let Some(ripe) = ripe.filter(|ripe| within(*ripe)) {
                let opening = self.table_for(pair, begins).opening(ripe, pair.release);
                let first = opening.map(|opening| ripe.max(opening.opens_at));
                if let Some(first) = first.filter(|first| within(*first)) {
                    return Some(first);
                }
            }
            // The gates tell how it stands with the first word that approves.
            if !approved_before && self.is_approved(pair, begins) {
                approved_before = true;
                let opens = |table: Rc<Timetable>| table.opening(self.now, pair.release).is_some();
                if ripe.is_none() || !opens(self.table_for(pair, begins)) {
                    return None;
                }
            }
        }
        None
    }

    /// Whether windows and freezes can be read, so that a time can be told.
    pub fn may_be_told(&self) -> bool {
        let readable = match self.frozen_state() {
            FrozenState::NotConfigured | FrozenState::Open | FrozenState::Until(_) => true,
            FrozenState::Refused { .. } | FrozenState::Unreadable(_) => false,
        };
        readable && self.unreadable_window().is_none()
    }

    pub fn frozen_state(&self) -> FrozenState<'_, 'a> {
        let unreadable = self.coverage.unreadable.iter();
        if let Some(object) = unreadable.clone().find(|o| o.kind == PolicyKind::Freeze) {
            return FrozenState::Unreadable(object);
        }
        if let Some((name, why)) = &self.freezes.refused {
            return FrozenState::Refused { name, why };
        }
        match self.freezes.spans.at(self.now) {
            Some(span) => FrozenState::Until(span),
            None if self.coverage.freezes.is_empty() => FrozenState::NotConfigured,
            None => FrozenState::Open,
        }
    }

    fn unreadable_window(&self) -> Option<&'a Unreadable> {
        let mut unreadable = self.coverage.unreadable.iter();
        unreadable.find(|o| o.kind == PolicyKind::Window).copied()
    }

    fn window(
        &self,
        pair: &Pair<'_>,
        table: &Timetable,
        approver: Option<Approver<'a>>,
    ) -> WindowState<'a> {
        if let Some(object) = self.unreadable_window() {
            return WindowState::Unreadable(object);
        }
        if self.needs_no_window() {
            return WindowState::NotConfigured;
        }
        let now = self.now;
        let opening = table.opening(now, pair.release);
        if let Some(opening) = opening.filter(|opening| opening.opens_at <= now) {
            return WindowState::Open {
                closes_at: opening.closes_at,
            };
        }
        let frozen = self.freezes.spans.at(now).is_some();
        if let Some(closes_at) = table.open_now(pair.release).filter(|_| frozen) {
            return WindowState::Open { closes_at };
        }
        match (opening, approver) {
            (Some(opening), _) => WindowState::Opens(opening),
            _ if self.windows(&[]).is_empty() => WindowState::None,
            (None, Some(Approver::Rule(rule, index)))
                if !rule.windows.is_empty() && self.windows(&[index]).is_empty() =>
            {
                WindowState::NoneOfRule(rule)
            }
            (None, _) => WindowState::NoOpening,
        }
    }

    /// How a pair stands at the five gates now.
    pub fn stand(&self, pair: &Pair<'_>) -> Standing<'_, 'a> {
        let decided = match pair.parts.first() {
            Some(part) => self.deciding(part, self.now),
            None => Deciding::Nobody,
        };
        let approved = self.is_approved(pair, self.now);
        let approved_at = if approved {
            None
        } else {
            let mut turns = self.turns(pair, self.now).into_iter();
            turns.find(|at| self.is_approved(pair, *at))
        };
        let asked_at = if approved {
            Some(self.now)
        } else {
            approved_at
        };
        let (delay, ring) = self.longest(pair, asked_at);
        let at = asked_at.unwrap_or(self.now);
        let table = self.table_for(pair, at);
        let approver = pair.parts.first().and_then(|part| self.approver(part, at));
        Standing {
            decided,
            approved_at,
            delay,
            ring,
            frozen: self.frozen_state(),
            window: self.window(pair, &table, approver),
            opening: table.opening(self.now, pair.release),
            table,
        }
    }

    /// The verdict of a pair whose other gates are open, but perhaps for `reachable`.
    pub fn outcome(&self, pair: &Pair<'_>, reachable: bool) -> Outcome {
        let first_open = self.first_open(pair);
        if first_open == Some(self.now) {
            return match reachable {
                true => Outcome {
                    answer: Answer::Now,
                    at: first_open,
                    gate: None,
                },
                false => Outcome {
                    answer: Answer::Never,
                    at: None,
                    gate: Some(GateName::Reachable),
                },
            };
        }
        // What is excluded is never due, not even where the exclusion ends.
        let at = first_open.filter(|_| !self.is_excluded());
        Outcome {
            answer: match at {
                Some(_) => Answer::Later,
                None => Answer::Never,
            },
            at,
            gate: Some(self.first_closed(pair)),
        }
    }

    /// Whether an exclusion that is in force keeps the device out.
    fn is_excluded(&self) -> bool {
        let mut exclusions = self.coverage.exclusions.iter();
        exclusions.any(|exclusion| exclusion.object.is_in_force(self.now))
    }

    /// The first of the five gates that is closed now, where one is.
    fn first_closed(&self, pair: &Pair<'_>) -> GateName {
        if !self.is_approved(pair, self.now) {
            return GateName::Decided;
        }
        let (delay, ring) = self.longest(pair, Some(self.now));
        if delay.is_open(self.now) == Some(false) {
            GateName::Delay
        } else if ring.is_open(self.now) == Some(false) {
            GateName::Ring
        } else if !self.frozen_state().is_open() {
            GateName::Frozen
        } else {
            GateName::Window
        }
    }

    /// Delay and ring of the parts that wait longest, as they are approved at `at`.
    fn longest(&self, pair: &Pair<'_>, at: Option<Timestamp>) -> (DelayState<'a>, RingState<'a>) {
        let Some(at) = at else {
            let delay = match self.coverage.rules.is_empty() {
                true => DelayState::NotConfigured,
                false => DelayState::NotAsked,
            };
            let covered = self.coverage.rings.iter().any(|r| r.covers != Truth::No);
            let ring = match covered {
                false => RingState::NotConfigured,
                true => RingState::NotAsked,
            };
            return (delay, ring);
        };
        // What is never open waits longest.
        let later = |one: Option<Timestamp>, other: Option<Timestamp>| match (one, other) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(one), Some(other)) => other > one,
        };
        let mut longest: Option<(DelayState<'a>, RingState<'a>)> = None;
        for part in pair.parts {
            let Some(approver) = self.approver(part, at) else {
                continue;
            };
            let delay = self.delay(part, approver);
            let ring = self.ring(part, approver, delay);
            longest = Some(match longest {
                None => (delay, ring),
                Some((d, r)) => (
                    if later(d.opens_at(), delay.opens_at()) {
                        delay
                    } else {
                        d
                    },
                    if later(r.opens_at(), ring.opens_at()) {
                        ring
                    } else {
                        r
                    },
                ),
            });
        }
        longest.unwrap_or((DelayState::NotAsked, RingState::NotAsked))
    }
}

/// Whether an object that cannot be read might decide about patches.
pub(super) fn decides(kind: PolicyKind) -> bool {
    match kind {
        PolicyKind::Group
        | PolicyKind::Rule
        | PolicyKind::Decision
        | PolicyKind::Reboot
        | PolicyKind::Exclude => true,
        PolicyKind::Window | PolicyKind::Freeze | PolicyKind::Rings => false,
    }
}

/// Whether a pin holds a patch back: all that it matches, but versions that it lets through. One that
/// cannot be compared is held back.
fn holds_back(pin: &Decision, version: Option<(versions::Scheme, &str)>) -> bool {
    let (Some(newest), Some((scheme, version))) = (&pin.version, version) else {
        return true;
    };
    versions::order(scheme, version, newest.as_str())
        .map_or(true, |order| order == Ordering::Greater)
}
