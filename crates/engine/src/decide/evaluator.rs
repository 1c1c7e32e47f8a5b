//! The server's front end: one device as the store knows it, and the gates that only the server can
//! ask (its last report, the device's refusals, tries, mode and guardrails).

use std::collections::BTreeSet;

use domain::decision::Decision;
use domain::finding::{DatedFinding, FindingState};
use domain::patch::PatchId;
use domain::policy::Policy;
use domain::query::{Fact, Field, Subject};
use domain::verdict::{Gate, GateName, Verdict};
use domain::window::Opening;
use jiff::{SignedDuration, Timestamp};

use super::covered::{Compiled, Coverage, Fit, Grouped};
use super::effective::Effective;
use super::pair::Side;
use super::preview::{Rival, Rivals};
use super::states::{Approver, Clock, Deciding, Pair, Part};
use super::studies::AnswerDue;
use super::words::{self, closed, not_asked, open};
use super::{Outcome, Reboot, device, gates};
use crate::subject::{DeviceSubject, Membership, PatchSubject};
use crate::tries::{self, Tried};
use crate::view::DeviceView;

/// What the gate `budget` says when nothing limits it.
pub(super) const NO_BUDGET: &str = "no budget is configured";
/// Most times at which a patch's growing older is looked at.
const TURNS_MAX: usize = 64;

/// The gates of one device, asked once and used for all its patches.
pub struct Evaluator<'a> {
    pub(super) view: &'a DeviceView,
    compiled: Compiled<'a>,
    groups: Membership,
    pub(super) side: Side<'a>,
    known: Gate,
    reachable: Gate,
    guardrails: Gate,
    answers_due: &'a [AnswerDue],
}

/// A patch with all that it needs, as rules and decisions match them.
pub(super) struct Asked<'v> {
    findings: Vec<&'v DatedFinding>,
    fits: Vec<Fit>,
    later: Vec<Vec<(Timestamp, Fit)>>,
    /// What it needs and cannot be installed, as parts of a sentence.
    broken: Vec<String>,
}

impl<'a> Evaluator<'a> {
    /// Asks the gates that do not depend on the patch.
    pub fn new(view: &'a DeviceView, policy: &'a Policy, now: Timestamp) -> Self {
        let compiled = Compiled::new(policy);
        let base = DeviceSubject::of(view);
        let client = Some(view.device.client);
        let groups = compiled.groups_of(&base, &[], client, now);
        let coverage = {
            let subject = Grouped {
                base: &base,
                groups: &groups,
            };
            Coverage::of(&compiled, &subject, client, now)
        };
        let contacts = view.contacts.as_deref();
        Self {
            view,
            side: Side::new(policy, coverage, &view.device.zone, contacts, now),
            known: device::known(view, now),
            reachable: device::reachable(view, now),
            guardrails: device::guardrails(view),
            compiled,
            groups,
            answers_due: &[],
        }
    }

    /// The same, knowing when the answers that somebody was asked for are due.
    pub fn knowing(mut self, answers_due: &'a [AnswerDue]) -> Self {
        self.answers_due = answers_due;
        self
    }

    /// Where something may begin on the device now or next, in any of its windows that does not
    /// follow a patch.
    pub fn opening(&self) -> Option<Opening> {
        self.side.table(&[]).opening(self.side.now, None)
    }

    /// Where this patch may begin now or next, were it not for all other gates.
    pub fn opening_for(&self, finding: &DatedFinding) -> Option<Opening> {
        self.ask(finding, |side, pair, _| side.stand(pair).opening)
    }

    /// The reboot rule that counts for the device, and when it would be rebooted.
    pub fn reboot(&self) -> Option<Reboot<'a>> {
        self.side.reboot()
    }

    /// All of the policy that covers the device.
    pub fn effective(&self) -> Effective<'_, 'a> {
        Effective::of(&self.groups, &self.side)
    }

    /// The verdict for a patch of the device.
    pub fn verdict(&self, finding: &DatedFinding) -> Verdict {
        self.ask(finding, |side, pair, asked| {
            let standing = side.stand(pair);
            let budget = self.budget(finding, standing.opening);
            let pair = Pair {
                not_before: budget.opens_at,
                ..*pair
            };
            let known = match finding.finding.state {
                FindingState::Unknown if self.known.open == Some(true) => closed(
                    GateName::Known,
                    format!("it could not be assessed: {}", finding.finding.why),
                    Some("the device's next report"),
                ),
                _ => self.known.clone(),
            };
            let windows = window_names(side, pair.parts);
            let gates = vec![
                known,
                applicable(finding),
                self.decided_gate(side, &pair, &standing, asked),
                gates::delay(side, &standing),
                gates::ring(side, &standing),
                gates::frozen(side, &standing),
                gates::window(side, &standing, &windows),
                budget,
                self.reachable.clone(),
                self.guardrails.clone(),
            ];
            words::verdict(gates, side.first_open(&pair), side.now)
        })
    }

    /// The verdict for a patch of the device without its sentences.
    pub fn outcome(&self, finding: &DatedFinding) -> Outcome {
        Outcome::of(&self.verdict(finding))
    }

    /// The verdict for a patch that no finding of the device names.
    pub fn absent(&self, patch: &PatchId) -> Verdict {
        let pair = Pair {
            parts: &[],
            broken: true,
            release: None,
            not_before: None,
        };
        let side = &self.side;
        let standing = side.stand(&pair);
        let reason = "not asked, because the device does not list the patch";
        let windows = window_names(side, &[]);
        let gates = vec![
            self.known.clone(),
            closed(
                GateName::Applicable,
                format!("the device does not list {patch}"),
                Some("the device's package sources"),
            ),
            Gate {
                losers: Some(Vec::new()),
                ..not_asked(GateName::Decided, reason)
            },
            gates::delay(side, &standing),
            gates::ring(side, &standing),
            gates::frozen(side, &standing),
            gates::window(side, &standing, &windows),
            open(GateName::Budget, NO_BUDGET),
            self.reachable.clone(),
            self.guardrails.clone(),
        ];
        words::verdict(gates, None, side.now)
    }

    /// The gate `decided` alone: whether people's word and the rules cover the patch and all that it
    /// needs.
    pub fn decided(&self, finding: &DatedFinding) -> Gate {
        self.ask(finding, |side, pair, asked| {
            self.decided_gate(side, pair, &side.stand(pair), asked)
        })
    }

    /// The decision that approves the patch itself, where one does.
    pub fn approval(&self, finding: &DatedFinding) -> Option<&'a Decision> {
        let approver = self.ask(finding, |side, pair, _| {
            let part = pair.parts.first()?;
            side.deciding(part, side.now).approver()
        });
        match approver {
            Some(Approver::Decision(decision)) => Some(decision),
            Some(Approver::Rule(..)) | None => None,
        }
    }

    /// What else matches a patch that a decision of the policy covers: what goes before it, and what
    /// it goes before. Nothing, where the decision does not count for the patch.
    pub(super) fn rivals(&self, finding: &DatedFinding, decision: &Decision) -> Rivals {
        self.ask(finding, |side, pair, _| {
            let Some(part) = pair.parts.first() else {
                return Rivals::default();
            };
            let decisions: Vec<&Decision> = side
                .decisions(part, side.now)
                .map(|(decision, _)| decision)
                .collect();
            let own = decisions
                .iter()
                .position(|one| std::ptr::eq(*one, decision));
            let Some(own) = own else {
                return Rivals::default();
            };
            let exclusions = side.coverage.exclusions.iter().map(|one| one.object);
            let exclusions = exclusions.filter(|exclusion| exclusion.is_in_force(side.now));
            let rules = side.rules(part, side.now).map(|(rule, _)| rule.object);
            Rivals {
                before: exclusions
                    .map(Rival::exclusion)
                    .chain(decisions.iter().take(own).map(|one| Rival::decision(one)))
                    .collect(),
                behind: decisions
                    .iter()
                    .skip(own + 1)
                    .map(|one| Rival::decision(one))
                    .chain(rules.map(Rival::rule))
                    .collect(),
            }
        })
    }

    /// The patches that a patch needs and nobody approved, sorted.
    pub(super) fn needed(&self, finding: &DatedFinding) -> Vec<PatchId> {
        self.ask(finding, |side, pair, asked| {
            let needs = asked.findings.iter().zip(pair.parts).skip(1);
            needs
                .filter(|(_, part)| side.deciding(part, side.now).approver().is_none())
                .map(|(finding, _)| finding.finding.patch.clone())
                .collect()
        })
    }

    fn decided_gate(
        &self,
        side: &Side<'a>,
        pair: &Pair<'_>,
        standing: &super::states::Standing<'_, 'a>,
        asked: &Asked<'_>,
    ) -> Gate {
        let needs = asked.findings.iter().zip(pair.parts).skip(1);
        let mut lacking: Vec<String> = needs
            .filter(|(_, part)| side.deciding(part, side.now).approver().is_none())
            .map(|(finding, _)| format!("{}, which is not approved", finding.finding.patch))
            .chain(asked.broken.iter().cloned())
            .collect();
        lacking.sort();
        let client = self.view.device.client_name.as_str();
        let due = match (standing.decided, asked.findings.first()) {
            (Deciding::Rule(rule, ..), Some(finding)) => self
                .answers_due
                .iter()
                .find(|due| due.is_of(rule, &finding.finding.patch)),
            _ => None,
        };
        let due = due.map(|due| due.due_at);
        gates::decided(side, pair, standing, &lacking, client, due)
    }

    /// The gate `budget`: how often the patch may be tried. A patch that is not missing has no tries.
    fn budget(&self, finding: &DatedFinding, opening: Option<Opening>) -> Gate {
        if finding.finding.state != FindingState::Missing {
            return open(GateName::Budget, NO_BUDGET);
        }
        let patch = &finding.finding.patch;
        match tries::tried(self.view, patch, self.approval(finding), opening) {
            Tried::NotYet => open(GateName::Budget, NO_BUDGET),
            Tried::TooOften { times } => closed(
                GateName::Budget,
                format!("it failed {times} times on this device, and a person has to look"),
                Some("whoever approves it anew"),
            ),
            Tried::InThisOpening { order, until } => Gate {
                opens_at: Some(until),
                ..closed(
                    GateName::Budget,
                    format!(
                        "order {order} tried it in this window; it is tried again in a later one"
                    ),
                    None,
                )
            },
        }
    }

    /// Prepares what is asked about a patch and all that it needs.
    pub(super) fn ask<T>(
        &self,
        finding: &DatedFinding,
        question: impl FnOnce(&Side<'a>, &Pair<'_>, &Asked<'_>) -> T,
    ) -> T {
        let asked = self.asked(finding);
        let parts: Vec<Part<'_>> = asked
            .findings
            .iter()
            .zip(asked.fits.iter().zip(&asked.later))
            .map(|(finding, (fit, later))| Part {
                fit,
                later,
                clock: self.clock(finding),
                kev: finding.finding.facts.kev,
                version: version(&finding.finding.patch),
            })
            .collect();
        let released = finding.finding.facts.released_at;
        let pair = Pair {
            parts: &parts,
            broken: !asked.broken.is_empty(),
            release: Some(released.unwrap_or(finding.first_seen)),
            not_before: None,
        };
        question(&self.side, &pair, &asked)
    }

    fn asked<'v>(&'v self, finding: &'v DatedFinding) -> Asked<'v> {
        let mut asked = Asked {
            findings: vec![finding],
            fits: Vec::new(),
            later: Vec::new(),
            broken: Vec::new(),
        };
        let mut seen = BTreeSet::from([&finding.finding.patch]);
        let mut ask: Vec<&PatchId> = finding.finding.needs.iter().collect();
        while let Some(patch) = ask.pop() {
            if !seen.insert(patch) {
                continue;
            }
            let mut findings = self.view.findings.iter();
            let Some(needed) = findings.find(|other| other.finding.patch == *patch) else {
                asked
                    .broken
                    .push(format!("{patch}, which the device does not list"));
                continue;
            };
            match needed.finding.state {
                FindingState::Missing => {
                    ask.extend(&needed.finding.needs);
                    asked.findings.push(needed);
                }
                FindingState::Fixed | FindingState::OldCodeRunning => {}
                FindingState::NoFix | FindingState::NotAffected | FindingState::Unknown => {
                    asked
                        .broken
                        .push(format!("{patch}, which cannot be installed"));
                }
            }
        }
        asked.findings[1..].sort_by(|a, b| a.finding.patch.cmp(&b.finding.patch));
        let (policy, coverage, now) = (self.side.policy, &self.side.coverage, self.side.now);
        for finding in &asked.findings {
            let subject = PatchSubject::of(finding);
            let fit = |at| Fit::for_device(policy, coverage, &subject, at);
            asked.fits.push(fit(now));
            let turns = turns(&self.compiled, &subject, now);
            asked
                .later
                .push(turns.into_iter().map(|at| (at, fit(at))).collect());
        }
        asked
    }

    fn clock(&self, finding: &DatedFinding) -> Clock {
        match self.view.clocks.get(&finding.finding.patch) {
            Some(clock) => Clock {
                began_at: Some(clock.began_at),
                released: clock.released,
            },
            None => {
                let released = finding.finding.facts.released_at;
                Clock {
                    began_at: Some(released.unwrap_or(finding.first_seen)),
                    released: released.is_some(),
                }
            }
        }
    }
}

/// The times after `now` at which a query for patches may answer otherwise, because the patch grows
/// older.
pub(super) fn turns(
    compiled: &Compiled<'_>,
    patch: &dyn Subject,
    now: Timestamp,
) -> Vec<Timestamp> {
    let ages = compiled.ages();
    if ages.is_empty() {
        return Vec::new();
    }
    let since = |field: Field| match patch.instant(field) {
        Fact::Known(at) => Some(at),
        Fact::Absent | Fact::Unknown => None,
    };
    let fields = Field::all_of(patch.kind()).filter_map(since);
    let mut turns: Vec<Timestamp> = fields
        .flat_map(|since| {
            ages.iter()
                .map(move |age: &SignedDuration| since.checked_add(*age))
        })
        .filter_map(Result::ok)
        .filter(|at| *at > now)
        .collect();
    turns.sort_unstable();
    turns.dedup();
    turns.truncate(TURNS_MAX);
    turns
}

/// The version of a patch in its ecosystem's order.
fn version(patch: &PatchId) -> Option<(versions::Scheme, &str)> {
    match patch {
        PatchId::Source {
            ecosystem, version, ..
        } => Some((ecosystem.scheme(), version.as_str())),
        PatchId::Application { version, .. } => {
            let winget = domain::package::Ecosystem::Winget;
            Some((winget.scheme(), version.as_str()))
        }
        PatchId::Update(_) => None,
    }
}

/// The names of the windows that a patch may use.
pub(super) fn window_names<'a>(side: &Side<'a>, parts: &[Part<'_>]) -> Vec<&'a str> {
    let rules: Vec<usize> = parts
        .iter()
        .filter_map(|part| match side.deciding(part, side.now).approver()? {
            Approver::Rule(rule, index) if !rule.windows.is_empty() => Some(index),
            Approver::Rule(..) | Approver::Decision(_) => None,
        })
        .collect();
    let windows = side.windows(&rules);
    windows.iter().map(|window| window.name.as_str()).collect()
}

fn applicable(finding: &DatedFinding) -> Gate {
    let finding = &finding.finding;
    let gate = GateName::Applicable;
    let no = |reason: String, owner| closed(gate, reason, Some(owner));
    match (finding.state, &finding.refused) {
        (FindingState::Missing, None) => open(gate, "a fix can be installed"),
        (FindingState::Missing, Some(why)) => no(
            format!("the device's package manager refuses it: {why}"),
            "the device's administrator",
        ),
        (FindingState::NoFix, _) => no(
            format!("no fix can be installed: {}", finding.why),
            "the vendor or the device's administrator",
        ),
        (FindingState::OldCodeRunning, _) => no(
            format!("it is fixed on disk, and a restart is due: {}", finding.why),
            "whoever may restart it",
        ),
        (FindingState::Fixed, _) => no(format!("it is fixed: {}", finding.why), "nobody"),
        (FindingState::NotAffected, _) => {
            no(format!("it does not apply: {}", finding.why), "nobody")
        }
        (FindingState::Unknown, _) => not_asked(gate, format!("not known: {}", finding.why)),
    }
}
