//! Sentences about verdicts, for technicians.

use domain::verdict::{Gate, GateName};
use jiff::Timestamp;
use jiff::tz::TimeZone;

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

/// The sentence for the first gate that is not open.
pub(super) fn held(gate: &Gate) -> String {
    match (&gate.owner, gate.opens_at) {
        (_, Some(_)) => format!("held: {}", gate.reason),
        (Some(owner), None) if owner == "nobody" => format!("nothing to do: {}", gate.reason),
        (Some(owner), None) => format!("held: {}; {owner} can change that", gate.reason),
        (None, None) => format!("held: {}", gate.reason),
    }
}

/// The sentence where the first gate opens by itself and a later one does not.
pub(super) fn held_twice(first: &Gate, stays: &Gate) -> String {
    let owner = stays.owner.as_deref().unwrap_or("nobody");
    format!(
        "held: {}, but {}; {owner} can change that",
        first.reason, stays.reason
    )
}

/// The sentence for a patch that may be installed.
pub(super) fn now(gates: &[Gate]) -> String {
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
