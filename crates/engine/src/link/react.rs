//! The reaction to a check-in.

use domain::device::Standing;
use domain::inventory::Inventory;
use domain::order::{OrderState, Verb};
use domain::proof::ProofState;
use jiff::{SignedDuration, Timestamp};

use super::orders::Orders;
use super::{
    CHECK_IN_NEAR_SECONDS, CHECK_IN_SECONDS, CHECK_IN_WANTED_SECONDS, CheckIn, Effect, FactsReport,
    InventoryReport, LinkView, NEAR_MINUTES, Reaction, ReplyParts, SKEW_SECONDS_MAX, Want,
};

/// Reacts to a check-in whose counter is `Counted::New`. `jitter_permille` (0 to 999) is chance,
/// handed in.
pub fn on_check_in(
    view: &LinkView,
    check_in: &CheckIn,
    jitter_permille: u16,
    now: Timestamp,
) -> Reaction {
    let mut effects = Vec::new();
    let mut wants = Vec::new();
    skew(check_in, now, &mut effects);
    if let Some(agent) = &check_in.agent {
        if view.device.device.agent.as_ref() != Some(agent) {
            effects.push(Effect::Agent(agent.clone()));
        }
    } else if view.device.device.agent.is_none() {
        wants.push(Want::Agent);
    }
    let (inventory, inventory_changed) = inventory(view, check_in, &mut effects, &mut wants);
    let (has_facts, facts_changed) = facts(view, check_in, &mut effects, &mut wants);
    for changelog in &check_in.changelogs {
        effects.push(Effect::Changelog(changelog.clone()));
    }
    let standing = standing(view, check_in, &mut effects, &mut wants);
    let mut orders = Orders::of(view, check_in, now);
    orders.hear(check_in);
    orders.look(check_in, inventory.as_ref());
    let send = if may_be_told(view, check_in, standing) {
        orders.answer_with(check_in)
    } else {
        Vec::new()
    };
    wants.sort_unstable();
    wants.dedup();
    let base = next_seconds(&orders, &wants, !send.is_empty(), now);
    let settled = orders.settled(check_in);
    let seen = Effect::Seen {
        at: now,
        counter: check_in.counter,
        sequence: orders.sequence(),
    };
    effects.insert(0, seen);
    effects.extend(orders.into_effects(&view.device));
    let changed = inventory_changed || facts_changed || !check_in.changelogs.is_empty();
    Reaction {
        effects,
        assess: changed && inventory.is_some() && has_facts,
        reply: ReplyParts {
            mode: view.device.device.mode,
            next_seconds: with_jitter(base, jitter_permille),
            wants,
            send,
            settled,
        },
    }
}

fn skew(check_in: &CheckIn, now: Timestamp, effects: &mut Vec<Effect>) {
    let seconds = check_in.at.duration_since(now).as_secs();
    if seconds.abs() > SKEW_SECONDS_MAX {
        effects.push(Effect::ClockSkew { seconds });
    }
}

/// The inventory as it is known after this message, and whether it changed.
fn inventory(
    view: &LinkView,
    check_in: &CheckIn,
    effects: &mut Vec<Effect>,
    wants: &mut Vec<Want>,
) -> (Option<Inventory>, bool) {
    let known = view.device.inventory.as_ref();
    let told = match (&check_in.inventory, known) {
        (InventoryReport::Same(digest), Some(known)) if known.digest() == *digest => {
            Some(known.clone())
        }
        (InventoryReport::Same(_), _) => None,
        (InventoryReport::Delta(delta), known) => known.and_then(|known| known.apply(delta).ok()),
        (InventoryReport::Full(inventory), _) => Some(inventory.clone()),
    };
    let Some(told) = told else {
        wants.push(Want::Inventory);
        return (known.cloned(), false);
    };
    let changed = known != Some(&told);
    effects.push(if changed {
        Effect::Inventory(told.clone())
    } else {
        Effect::InventoryConfirmed
    });
    (Some(told), changed)
}

/// Whether facts are known after this message, and whether they changed.
fn facts(
    view: &LinkView,
    check_in: &CheckIn,
    effects: &mut Vec<Effect>,
    wants: &mut Vec<Want>,
) -> (bool, bool) {
    let known = view.device.facts.as_ref();
    match &check_in.facts {
        FactsReport::Same { mark } => {
            if known.is_none() || view.facts_mark.as_ref() != Some(mark) {
                wants.push(Want::Facts);
            }
            (known.is_some(), false)
        }
        FactsReport::Full { facts, mark } => {
            let changed = known != Some(facts.as_ref());
            if changed || view.facts_mark.as_ref() != Some(mark) {
                effects.push(Effect::Facts {
                    facts: facts.clone(),
                    mark: mark.clone(),
                });
            }
            (true, changed)
        }
    }
}

/// Whether the device's memory and the server's agree after this message.
fn standing(
    view: &LinkView,
    check_in: &CheckIn,
    effects: &mut Vec<Effect>,
    wants: &mut Vec<Want>,
) -> Standing {
    let was = view.device.device.standing;
    let ahead = check_in.acknowledged > view.counter || check_in.sequence > view.device.sequence;
    let full = matches!(check_in.inventory, InventoryReport::Full(_))
        && matches!(check_in.facts, FactsReport::Full { .. });
    let standing = match was {
        Standing::Level if ahead => {
            effects.push(Effect::Standing {
                standing: Standing::Ahead,
                reason: format!(
                    "the device has the answer to message {} and has seen order sequence {}; this \
                     server knows {} and {}: its database was restored from an older copy",
                    check_in.acknowledged, check_in.sequence, view.counter, view.device.sequence
                ),
            });
            Standing::Ahead
        }
        // The answer to the last message asked for everything. A device that has that answer has
        // now sent everything that it keeps.
        Standing::Ahead if check_in.acknowledged == view.counter && full => {
            effects.push(Effect::Standing {
                standing: Standing::Level,
                reason: "the device reported everything that it keeps".into(),
            });
            Standing::Level
        }
        Standing::Level | Standing::Ahead => was,
    };
    if standing == Standing::Ahead {
        wants.extend([Want::Inventory, Want::Facts, Want::Agent, Want::Outcomes]);
    }
    standing
}

/// Whether the device may be told anything. A mode of observe needs no word here: the plan withdraws
/// the orders, and the cancels still have to reach the device.
fn may_be_told(view: &LinkView, check_in: &CheckIn, standing: Standing) -> bool {
    let agent = check_in
        .agent
        .as_ref()
        .or(view.device.device.agent.as_ref());
    let able = agent.is_some_and(|agent| agent.privileged && agent.verbs.contains(&Verb::Install));
    // A device that has just become level is planned anew first: what it reported is not in the
    // orders yet.
    let was = view.device.device.standing;
    standing == Standing::Level && was == Standing::Level && able
}

fn next_seconds(orders: &Orders<'_>, wants: &[Want], sends: bool, now: Timestamp) -> u32 {
    if !wants.is_empty() {
        return CHECK_IN_WANTED_SECONDS;
    }
    let lead = SignedDuration::from_mins(NEAR_MINUTES);
    let mut seconds = CHECK_IN_SECONDS;
    for record in orders.records() {
        let near = match record.state {
            OrderState::Waiting | OrderState::Delivered => {
                let until = (record.opens_at - lead).duration_since(now).as_secs();
                if let Ok(until) = u32::try_from(until) {
                    seconds = seconds.min(until.max(CHECK_IN_NEAR_SECONDS));
                }
                until <= 0
            }
            OrderState::Running => true,
            state => state.wants_proof() && record.proof.state == ProofState::Pending,
        };
        if near {
            return CHECK_IN_NEAR_SECONDS;
        }
    }
    if sends {
        CHECK_IN_NEAR_SECONDS
    } else {
        seconds
    }
}

/// Spreads by a quarter to both sides; what is wanted at once is not spread.
fn with_jitter(base: u32, permille: u16) -> u32 {
    if base <= CHECK_IN_WANTED_SECONDS {
        return base;
    }
    base - base / 4 + base / 2 * u32::from(permille.min(999)) / 999
}
