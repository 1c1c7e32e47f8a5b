//! The evaluator once more, as simple as it can be: every rule is asked about every pair, every time.
//! It knows what the simulated policy has: rules, exclusions, rings, freezes and windows.

use std::collections::HashMap;

use domain::policy::{Policy, RuleAction};
use domain::query::Query;
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFinding, SnapshotState};
use engine::calendar;
use engine::decide::{SnapshotDeviceSubject, SnapshotPatchSubject, SnapshotWorld};
use jiff::Timestamp;

/// When each fix was first released.
pub type Clocks = HashMap<String, Timestamp>;

/// The clocks of a fleet.
pub fn clocks(fleet: &Snapshot) -> Clocks {
    let mut clocks = Clocks::new();
    for finding in fleet.devices.iter().flat_map(|device| &device.findings) {
        if let Some(released) = finding.released_at {
            let clock = clocks.entry(finding.fix().to_owned()).or_insert(released);
            *clock = released.min(*clock);
        }
    }
    clocks
}

/// When a patch is installed on a device; `None`: never.
pub fn answer(
    device: &SnapshotDevice,
    finding: &SnapshotFinding,
    policy: &Policy,
    clocks: &Clocks,
    now: Timestamp,
) -> Option<Timestamp> {
    if finding.state != SnapshotState::Missing || finding.superseded_by.is_some() {
        return None;
    }
    let (of_device, of_patch) = (
        SnapshotDeviceSubject::of(device),
        SnapshotPatchSubject::of(finding),
    );
    let covers = |query: &Query| query.matches(&of_device, now);
    if policy
        .exclusions
        .iter()
        .any(|exclusion| covers(&exclusion.devices))
    {
        return None;
    }
    let rule = policy
        .rules
        .iter()
        .find(|rule| covers(&rule.devices) && rule.patches.matches(&of_patch, now))?;
    if rule.action != RuleAction::Approve {
        return None;
    }
    let delay = match (finding.kev, rule.kev_after) {
        (Some(true), Some(delay)) => delay,
        _ => rule.after,
    };
    let began = clocks.get(finding.fix()).copied();
    let mut ripe = match delay.is_none() {
        true => began.unwrap_or(now),
        false => began?.checked_add(delay.elapsed()).ok()?,
    };
    if let Some(set) = policy.rings.iter().find(|set| covers(&set.devices)) {
        let ring = set.rings.iter().position(|ring| covers(&ring.devices))?;
        for before in &set.rings[..ring] {
            ripe = ripe.checked_add(before.soak.elapsed()).ok()?;
        }
    }
    let ripe = ripe.max(now);
    let freezes: Vec<_> = policy
        .freezes
        .iter()
        .filter(|freeze| covers(&freeze.devices))
        .filter_map(|freeze| calendar::freeze_span(freeze, &device.zone).ok())
        .collect();
    // The first instant in any window that is in no freeze.
    let first = |window| {
        let openings = calendar::openings(window, &device.zone, ripe).ok()?;
        openings.take(1_000).find_map(|opening| {
            let mut at = ripe.max(opening.opens_at);
            for freeze in &freezes {
                if freeze.opens_at <= at && at < freeze.closes_at {
                    at = freeze.closes_at;
                }
            }
            (at < opening.closes_at).then_some(at)
        })
    };
    let windows = policy
        .windows
        .iter()
        .filter(|window| covers(&window.devices));
    windows.filter_map(first).min()
}

/// Holds the evaluator against this one for the first devices of a fleet. Returns how many pairs.
pub fn check(
    fleet: &Snapshot,
    policy: &Policy,
    now: Timestamp,
    devices: usize,
) -> Result<usize, String> {
    let (world, clocks) = (SnapshotWorld::new(fleet, policy), clocks(fleet));
    let mut checked = 0;
    for device in fleet.devices.iter().take(devices) {
        let evaluator = world.device(device, now);
        for finding in &device.findings {
            let naive = answer(device, finding, policy, &clocks, now);
            let outcome = evaluator.outcome(finding);
            // A device that is off and has nothing else in its way waits for a contact.
            let only_off = outcome.gate == Some(domain::verdict::GateName::Reachable);
            if outcome.at != naive && !(only_off && naive == Some(now)) {
                return Err(format!(
                    "{} on {}: {:?} here and {naive:?} there",
                    finding.patch, device.id, outcome
                ));
            }
            checked += 1;
        }
    }
    Ok(checked)
}
