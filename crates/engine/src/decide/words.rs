//! Sentences about verdicts, for technicians.

use domain::verdict::{Answer, Gate, GateName, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::timetable::YEARS_MAX;

/// A time as a technician at the device's site reads it: `2 March 2026 at 22:00 (Europe/Berlin)`.
/// A zone that is not known gives UTC.
pub fn when(at: Timestamp, zone: &str) -> String {
    let (zone, name) = match TimeZone::get(zone) {
        Ok(found) => (found, zone),
        Err(_) => (TimeZone::UTC, "UTC"),
    };
    let local = at.to_zoned(zone);
    format!("{} ({name})", local.strftime("%-d %B %Y at %H:%M"))
}

pub(super) fn open(gate: GateName, reason: impl Into<String>) -> Gate {
    Gate {
        gate,
        open: Some(true),
        reason: reason.into(),
        owner: None,
        opens_at: None,
        losers: None,
    }
}

pub(super) fn closed(gate: GateName, reason: impl Into<String>, owner: Option<&str>) -> Gate {
    Gate {
        gate,
        open: Some(false),
        reason: reason.into(),
        owner: owner.map(str::to_owned),
        opens_at: None,
        losers: None,
    }
}

pub(super) fn not_asked(gate: GateName, reason: impl Into<String>) -> Gate {
    Gate {
        open: None,
        ..open(gate, reason)
    }
}

/// The verdict that ten gates give. `at`: when all that opens by itself is open together.
pub(super) fn verdict(gates: Vec<Gate>, at: Option<Timestamp>, now: Timestamp) -> Verdict {
    let mut shut = gates.iter().filter(|gate| gate.open != Some(true));
    let Some(first) = shut.next() else {
        return Verdict {
            verdict: Answer::Now,
            at: Some(now),
            gate: None,
            sentence: may_begin(&gates),
            gates,
        };
    };
    let mut closed = gates.iter().filter(|gate| gate.open == Some(false));
    let only_off = gates
        .iter()
        .all(|gate| gate.open == Some(true) || gate.gate == GateName::Reachable);
    // A device that is off now may be there when its window opens.
    let stays = closed
        .clone()
        .find(|gate| gate.opens_at.is_none() && (gate.gate != GateName::Reachable || only_off));
    let at = at.filter(|_| stays.is_none());
    let sentence = match (at, stays) {
        (Some(_), _) => held(first),
        // The first gate opens by itself, and one behind it does not.
        (None, Some(stays)) if first.opens_at.is_some() => held_twice(first, stays),
        (None, Some(_)) => held(first),
        (None, None) => format!(
            "{}, but within {YEARS_MAX} years there is no time at which all of it is open; whoever keeps the policy can change that",
            held(first)
        ),
    };
    Verdict {
        verdict: if at.is_some() {
            Answer::Later
        } else {
            Answer::Never
        },
        at,
        gate: closed.next().map(|gate| gate.gate),
        sentence,
        gates,
    }
}

/// The sentence for the first gate that is not open.
fn held(gate: &Gate) -> String {
    match (&gate.owner, gate.opens_at) {
        (_, Some(_)) => format!("held: {}", gate.reason),
        (Some(owner), None) if owner == "nobody" => format!("nothing to do: {}", gate.reason),
        (Some(owner), None) => format!("held: {}; {owner} can change that", gate.reason),
        (None, None) => format!("held: {}", gate.reason),
    }
}

/// The sentence where the first gate opens by itself and a later one does not.
fn held_twice(first: &Gate, stays: &Gate) -> String {
    let owner = stays.owner.as_deref().unwrap_or("nobody");
    format!(
        "held: {}, but {}; {owner} can change that",
        first.reason, stays.reason
    )
}

/// The sentence for a patch that may be installed.
fn may_begin(gates: &[Gate]) -> String {
    let reason = |name: GateName| {
        let gate = gates.iter().find(|gate| gate.gate == name);
        gate.map_or("", |gate| gate.reason.as_str())
    };
    format!(
        "may be installed now: {}, and {}",
        reason(GateName::Decided),
        reason(GateName::Window)
    )
}
