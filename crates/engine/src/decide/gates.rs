//! The five gates of people's words and the calendar as sentences: who decides, what is waited for,
//! who can change it.

use domain::decision::{Decision, Level, Word};
use domain::policy::{ApprovalRule, RuleAction, Unreadable};
use domain::query::Truth;
use domain::verdict::{Gate, GateName, Loser};
use jiff::Timestamp;

use super::pair::Side;
use super::states::{
    Clock, Deciding, DelayState, FrozenState, Pair, RingState, Standing, WindowState,
};
use super::words::{closed, not_asked, open, when};

/// Most losers that a reason names.
const LOSERS_NAMED_MAX: usize = 3;

/// Who may approve patches, where nobody did.
pub(super) fn approver(client: &str) -> String {
    format!("whoever may approve patches for {client}")
}

/// The sentence of the gate and who can open it, for an object that cannot be read.
fn unreadable(gate: GateName, object: &Unreadable) -> Gate {
    let reason = format!(
        "the {} {} cannot be read: {}; nothing is changed until it is repaired",
        object.kind, object.name, object.why
    );
    closed(gate, reason, Some("whoever keeps the policy"))
}

fn perhaps(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "",
        Truth::Unknown | Truth::No => ", and whether that covers it is not known yet",
    }
}

/// Whose word a decision is.
pub(super) fn whose(decision: &Decision) -> String {
    match &decision.name {
        Some(name) => format!("the decision {name}"),
        None => decision.decided_by_name.clone(),
    }
}

/// `(tested on the bench)`; nothing for no reason.
pub(super) fn because(reason: &str) -> String {
    match reason.trim() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

pub(super) fn done(word: Word) -> &'static str {
    match word {
        Word::Approve => "approved",
        Word::AcceptRisk => "left open knowingly",
        Word::Pin => "pinned",
        Word::Hold => "put on hold",
        Word::Deny => "denied",
    }
}

/// A rule's action as a decision's word.
pub(super) fn word_of(action: RuleAction) -> Word {
    match action {
        RuleAction::Approve => Word::Approve,
        RuleAction::Hold => Word::Hold,
        RuleAction::Deny => Word::Deny,
    }
}

/// The decisions and rules that match the patch itself and do not count.
pub(super) fn losers(side: &Side<'_>, pair: &Pair<'_>, decided: Deciding<'_>) -> Vec<Loser> {
    let Some(part) = pair.parts.first() else {
        return Vec::new();
    };
    let wins = |decision: &Decision| matches!(decided, Deciding::Decision(winner, _) if std::ptr::eq(winner, decision));
    let decisions = side
        .decisions(part, side.now)
        .filter(|(decision, _)| !wins(decision))
        .map(|(decision, _)| of_decision(decision));
    let winner = match decided {
        Deciding::Rule(_, index, _) => Some(index),
        Deciding::Unreadable(_)
        | Deciding::Excluded(..)
        | Deciding::Decision(..)
        | Deciding::Nobody => None,
    };
    let rules = side
        .rules(part, side.now)
        .filter(|(rule, _)| winner != Some(rule.index))
        .map(|(rule, _)| of_rule(rule.object));
    decisions.chain(rules).collect()
}

/// A decision as one among others that match.
pub(super) fn of_decision(decision: &Decision) -> Loser {
    Loser {
        object: match &decision.name {
            Some(name) => name.to_string(),
            None => decision.decided_by_name.clone(),
        },
        level: decision.level,
        verdict: decision.word,
    }
}

/// A rule as one among others that match.
pub(super) fn of_rule(rule: &ApprovalRule) -> Loser {
    Loser {
        object: rule.name.to_string(),
        level: Level::of_query(&rule.devices),
        verdict: word_of(rule.action),
    }
}

fn named(losers: &[Loser]) -> String {
    if losers.is_empty() {
        return String::new();
    }
    let mut names: Vec<String> = losers
        .iter()
        .take(LOSERS_NAMED_MAX)
        .map(|loser| {
            format!(
                "{} by {} for the {}",
                loser.verdict, loser.object, loser.level
            )
        })
        .collect();
    if losers.len() > LOSERS_NAMED_MAX {
        names.push(format!("{} more", losers.len() - LOSERS_NAMED_MAX));
    }
    format!("; this goes before {}", names.join(", "))
}

/// The gate `decided`. `lacking` are the things that the patch needs and nobody approved; `due` is when
/// the answer of its study is, where somebody was asked.
pub(super) fn decided(
    side: &Side<'_>,
    pair: &Pair<'_>,
    standing: &Standing<'_, '_>,
    lacking: &[String],
    client: &str,
    due: Option<Timestamp>,
) -> Gate {
    let gate = GateName::Decided;
    let losers = losers(side, pair, standing.decided);
    let mut answer = match standing.decided {
        Deciding::Unreadable(object) => unreadable(gate, object),
        Deciding::Excluded(exclusion, truth) => {
            let (name, why) = (&exclusion.name, because(&exclusion.reason));
            let reason = format!(
                "the exclusion {name} keeps the device out{why}{}{}",
                perhaps(truth),
                match exclusion.until {
                    Some(until) => format!(", until {}", when(until, side.zone)),
                    None => String::new(),
                }
            );
            closed(
                gate,
                reason,
                Some(&format!("whoever may change the exclusion {name}")),
            )
        }
        Deciding::Decision(decision, truth) => {
            let reason = format!(
                "{} by {} for the {}{}{}{}",
                done(decision.word),
                whose(decision),
                decision.level,
                because(&decision.reason),
                perhaps(truth),
                named(&losers)
            );
            match decision.word {
                Word::Approve => open(gate, reason),
                Word::AcceptRisk | Word::Pin | Word::Hold | Word::Deny => {
                    let owner = match decision.decided_by_name.as_str() {
                        "" => whose(decision),
                        name => name.to_owned(),
                    };
                    closed(gate, reason, Some(&owner))
                }
            }
        }
        Deciding::Rule(rule, _, truth) => by_rule(
            side,
            pair,
            rule,
            format!("{}{}", perhaps(truth), named(&losers)),
            due,
        ),
        Deciding::Nobody => {
            let mut reason = "nobody has decided about this patch for this device".to_owned();
            if !side.coverage.rules.is_empty() {
                reason.push_str(", and no rule matches it");
            }
            closed(gate, reason, Some(&approver(client)))
        }
    };
    if answer.open == Some(true) && !lacking.is_empty() {
        let reason = format!("it needs {}", lacking.join(" and "));
        answer = closed(gate, reason, Some(&approver(client)));
    }
    // What is excluded is never due, not even where the exclusion ends.
    let excluded = matches!(standing.decided, Deciding::Excluded(..));
    if answer.open == Some(false)
        && !excluded
        && let Some(at) = standing.approved_at
    {
        answer.opens_at = Some(at);
        answer.reason = format!("{}, until {}", answer.reason, when(at, side.zone));
    }
    answer.losers = Some(losers);
    answer
}

fn by_rule(
    side: &Side<'_>,
    pair: &Pair<'_>,
    rule: &ApprovalRule,
    more: String,
    due: Option<Timestamp>,
) -> Gate {
    let gate = GateName::Decided;
    let (name, owner, why) = (&rule.name, rule.owner.as_str(), because(&rule.why));
    match (rule.action, &rule.study) {
        (RuleAction::Approve, _) => open(gate, format!("approved by the rule {name}{why}{more}")),
        (RuleAction::Deny, _) => closed(
            gate,
            format!("denied by the rule {name}{why}{more}"),
            Some(owner),
        ),
        (RuleAction::Hold, None) => closed(
            gate,
            format!("the rule {name} waits for a person's decision{why}{more}"),
            Some(owner),
        ),
        (RuleAction::Hold, Some(study)) => {
            let asked = study.owner.as_str();
            let mut reason = format!("the rule {name} holds it for {asked} to decide{why}{more}");
            // Where nobody was asked yet, as in files alone, the answer counts from the fix.
            let began = pair.parts.first().and_then(|part| part.clock.began_at);
            let from_fix = || began.and_then(|began| began.checked_add(study.due.elapsed()).ok());
            if let Some(due) = due.or_else(from_fix) {
                let then = when(due, side.zone);
                reason = match due <= side.now {
                    true => format!("{reason}; the answer was due on {then} and is overdue"),
                    false => format!("{reason}; the answer is due on {then}"),
                };
            }
            closed(gate, reason, Some(asked))
        }
    }
}

fn began(clock: Clock) -> &'static str {
    match clock.released {
        true => "after the fix was released",
        false => "after the fix was first seen, because its release date is not known",
    }
}

/// The gate `delay`.
pub(super) fn delay(side: &Side<'_>, standing: &Standing<'_, '_>) -> Gate {
    let gate = GateName::Delay;
    match standing.delay {
        DelayState::NotAsked => not_asked(gate, "not asked, because nothing approves the patch"),
        DelayState::NotConfigured => open(gate, "no delay is configured"),
        DelayState::Person => open(gate, "a person's decision waits for nothing"),
        DelayState::Nothing { rule, kev: false } => {
            open(gate, format!("the rule {} waits for nothing", rule.name))
        }
        DelayState::Nothing { rule, kev: true } => open(
            gate,
            format!(
                "the rule {} does not wait, because the fault is exploited",
                rule.name
            ),
        ),
        DelayState::Ends {
            rule,
            delay,
            kev,
            clock,
            at: Some(at),
        } => {
            let what = format!(
                "the rule {} waits {delay} {}{}",
                rule.name,
                began(clock),
                if kev {
                    " (shorter, because the fault is exploited)"
                } else {
                    ""
                }
            );
            let then = when(at, side.zone);
            if at <= side.now {
                return open(gate, format!("{what}; that was over on {then}"));
            }
            Gate {
                opens_at: Some(at),
                ..closed(
                    gate,
                    format!("{what}; that is over on {then}"),
                    Some(&rule.owner),
                )
            }
        }
        DelayState::Ends {
            rule,
            delay,
            at: None,
            ..
        } => {
            let reason = format!(
                "the rule {} waits {delay} after the fix was released, and neither that nor when it was first seen is known",
                rule.name
            );
            closed(gate, reason, Some("whoever may approve it by a decision"))
        }
    }
}

/// The gate `ring`.
pub(super) fn ring(side: &Side<'_>, standing: &Standing<'_, '_>) -> Gate {
    let gate = GateName::Ring;
    let keeper = |name: &str| format!("whoever keeps the ring set {name}");
    match standing.ring {
        RingState::NotAsked => not_asked(gate, "not asked, because nothing approves the patch"),
        RingState::NotConfigured => open(gate, "no rings are configured"),
        RingState::Unreadable(object) => unreadable(gate, object),
        RingState::In { set, ring, at } => {
            let name = set.rings.get(ring).map_or("", |ring| ring.name.as_str());
            let what = format!("the device is in the ring {name} of {}", set.name);
            let owner = keeper(set.name.as_str());
            match at {
                Some(at) if at <= side.now => open(gate, format!("{what}, which is reached")),
                Some(at) => Gate {
                    opens_at: Some(at),
                    ..closed(
                        gate,
                        format!("{what}, which is reached on {}", when(at, side.zone)),
                        Some(&owner),
                    )
                },
                None => closed(
                    gate,
                    format!(
                        "{what}, and when that is reached is not known: neither the fix's release nor its first sight is"
                    ),
                    Some(&owner),
                ),
            }
        }
        RingState::Outside(set) => closed(
            gate,
            format!("the device is in no ring of {}", set.name),
            Some(&keeper(set.name.as_str())),
        ),
        RingState::Perhaps(set) => closed(
            gate,
            format!(
                "whether the ring set {} covers the device is not known yet",
                set.name
            ),
            Some(&keeper(set.name.as_str())),
        ),
        RingState::NoSuchSet(rule) => closed(
            gate,
            format!("the rule {} uses a ring set that does not exist", rule.name),
            Some(&rule.owner),
        ),
    }
}

/// The gate `frozen`.
pub(super) fn frozen(side: &Side<'_>, standing: &Standing<'_, '_>) -> Gate {
    let gate = GateName::Frozen;
    match standing.frozen {
        FrozenState::NotConfigured => open(gate, "no freeze is configured"),
        FrozenState::Open => open(gate, "no freeze is on"),
        FrozenState::Unreadable(object) => unreadable(gate, object),
        FrozenState::Refused { name, why } => closed(
            gate,
            format!(
                "the freeze {name} cannot be read: {why}; nothing is changed until it is repaired"
            ),
            Some(&format!("whoever may change the freeze {name}")),
        ),
        FrozenState::Until(span) => {
            let on = side.coverage.freezes.iter().filter(|freeze| {
                crate::calendar::freeze_span(freeze.object, side.zone)
                    .is_ok_and(|own| own.opens_at <= side.now && side.now < own.closes_at)
            });
            let (mut names, mut owner) = (Vec::new(), None);
            for freeze in on {
                let object = freeze.object;
                let (name, why) = (&object.name, because(&object.reason));
                names.push(format!("{name}{why}{}", perhaps(freeze.devices)));
                owner = owner.or_else(|| object.exception.clone());
            }
            let names = names.join(" and ");
            let until = when(span.closes_at, side.zone);
            let mut reason = format!("frozen until {until} by {names}");
            if let Some(exception) = &owner {
                reason = format!("{reason}; for an exception ask {exception}");
            }
            let owner = owner.unwrap_or_else(|| "whoever may change the freeze".to_owned());
            Gate {
                opens_at: Some(span.closes_at),
                ..closed(gate, reason, Some(&owner))
            }
        }
    }
}

/// The gate `window`.
pub(super) fn window(side: &Side<'_>, standing: &Standing<'_, '_>, names: &[&str]) -> Gate {
    let gate = GateName::Window;
    let owner = Some("whoever may add a change window");
    let names = names.join(", ");
    match standing.window {
        WindowState::Unreadable(object) => unreadable(gate, object),
        WindowState::NotConfigured => open(gate, "no change window is configured"),
        WindowState::None => closed(gate, "no change window covers this device", owner),
        WindowState::NoneOfRule(rule) => closed(
            gate,
            format!(
                "none of the change windows that the rule {} names covers this device",
                rule.name
            ),
            Some(&rule.owner),
        ),
        WindowState::NoOpening => {
            let reason = match standing.table.refused.first() {
                Some((name, error)) => format!("the change window {name} stays closed: {error}"),
                None => format!(
                    "the change window ({names}) has no opening within {} years",
                    super::timetable::YEARS_MAX
                ),
            };
            closed(gate, reason, owner)
        }
        WindowState::Open { closes_at } => {
            let until = when(closes_at, side.zone);
            open(
                gate,
                format!("the change window ({names}) is open until {until}"),
            )
        }
        WindowState::Opens(opening) => {
            let at = when(opening.opens_at, side.zone);
            Gate {
                opens_at: Some(opening.opens_at),
                ..closed(
                    gate,
                    format!("the change window ({names}) opens on {at}"),
                    owner,
                )
            }
        }
    }
}
