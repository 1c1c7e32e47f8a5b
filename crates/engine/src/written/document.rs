//! The whole document, put together from its parts.

use domain::policy::Policy;
use domain::window::{ChangeWindow, WindowZone};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Asked, OPENINGS_SHOWN, OpeningLine, WindowPlan, Written};
use super::{concern, entries, objects, times, tree};
use crate::calendar;

/// How many openings are looked at, so that a long freeze ends the search.
const OPENINGS_TRIED: usize = 1_000;

/// Writes the policy down.
pub fn write(policy: &Policy, asked: &Asked) -> Written {
    let limited = asked.client.as_ref().map_or_else(
        || policy.clone(),
        |client| concern::limited_to(policy, client),
    );
    let policy = in_force(limited, asked.at);
    let client = asked.client.as_ref().map(|client| client.name.clone());
    Written {
        title: match &client {
            Some(client) => format!("Patch policy for {client}"),
            None => "Patch policy".to_owned(),
        },
        provider: asked.provider.clone(),
        preamble: preamble(client.as_deref()),
        client,
        version: asked.version.clone(),
        at: asked.at,
        sections: entries::sections(&policy),
        tree: tree::tree(&policy),
        windows: policy
            .windows
            .iter()
            .map(|window| plan(window, &policy, asked))
            .collect(),
        exceptions: entries::exceptions(&policy),
        unreadable: policy
            .unreadable
            .iter()
            .flat_map(|broken| objects::unreadable(broken).sentences)
            .collect(),
    }
}

fn preamble(client: Option<&str>) -> Vec<String> {
    let whose = client.map_or_else(
        || "This is the whole policy.".to_owned(),
        |client| format!("This is what can concern the devices of {client}."),
    );
    vec![
        whose,
        "It is printed from the objects that the program executes: what stands here is what happens.".to_owned(),
        "Nothing is changed unless a decision or rule approves it, its delay is over, no freeze holds, and a change window is open.".to_owned(),
        "A decision by a person goes before any rule; of the rules the first that matches counts. The closest level wins: device, group, site, client, provider. Within a level no beats yes. An exclusion keeps devices as they are, whatever else says.".to_owned(),
        "Durations are elapsed time: a day is 24 hours.".to_owned(),
    ]
}

/// Leaves out what is over at `now`.
fn in_force(mut policy: Policy, now: Timestamp) -> Policy {
    policy
        .windows
        .retain(|one| one.ended_at.is_none_or(|ended| now < ended));
    policy.decisions.retain(|one| one.is_in_force(now));
    policy.exclusions.retain(|one| one.is_in_force(now));
    policy.freezes.retain(|one| {
        // A zone of a device is at most 14 hours away from UTC, so a day later it is over everywhere.
        let zone = match &one.zone {
            WindowZone::Device => TimeZone::UTC,
            WindowZone::Named(name) => TimeZone::get(name).unwrap_or(TimeZone::UTC),
        };
        let ended = one.until.to_zoned(zone).map(|ended| ended.timestamp());
        let day = jiff::SignedDuration::from_hours(24);
        ended
            .and_then(|ended| ended.checked_add(day))
            .map_or(true, |ended| now < ended)
    });
    policy
}

fn plan(window: &ChangeWindow, policy: &Policy, asked: &Asked) -> WindowPlan {
    let zone = match &window.zone {
        WindowZone::Named(name) => Some(name.clone()),
        WindowZone::Device => asked.device_zone.clone(),
    };
    let mut plan = WindowPlan {
        name: window.name.to_string(),
        when: times::when_open(window),
        zone: zone.clone(),
        openings: Vec::new(),
        note: None,
    };
    if window.recurrence.follows_release() {
        plan.note = Some("It opens with each release, so no dates can be printed.".to_owned());
        return plan;
    }
    // Local times without a zone are counted as in UTC, which has no change of clocks.
    let counted_in = zone.clone().unwrap_or_else(|| "UTC".to_owned());
    match (
        openings(window, policy, &counted_in, asked.at),
        TimeZone::get(&counted_in),
    ) {
        (Ok(found), Ok(tz)) => {
            plan.openings = found
                .iter()
                .map(|opening| line(opening.opens_at, opening.closes_at, &tz, zone.is_some()))
                .collect();
            if plan.openings.is_empty() {
                plan.note = Some("It does not open any more.".to_owned());
            } else if zone.is_none() {
                plan.note = Some("Local times of each device.".to_owned());
            }
        }
        (Err(error), _) => plan.note = Some(format!("{error}, so it never opens.")),
        (_, Err(_)) => plan.note = Some("Its zone is not known, so it never opens.".to_owned()),
    }
    plan
}

/// The next openings, with what is frozen cut out, as far as queries tell. One freeze that cannot be
/// read closes all of them, here as in the evaluator.
fn openings(
    window: &ChangeWindow,
    policy: &Policy,
    device_zone: &str,
    from: Timestamp,
) -> Result<Vec<domain::window::Opening>, String> {
    let spans: Vec<_> = crate::policy_file::freezes_of(policy, window)
        .into_iter()
        .map(|(_, freeze)| {
            calendar::freeze_span(freeze, device_zone)
                .map_err(|error| format!("The freeze {} cannot be read ({error})", freeze.name))
        })
        .collect::<Result<_, _>>()?;
    let frozen = calendar::Frozen::new(spans);
    Ok(calendar::openings(window, device_zone, from)
        .map_err(|error| error.to_string())?
        .take(OPENINGS_TRIED)
        .flat_map(|opening| frozen.without(opening))
        .filter(|opening| opening.closes_at > from)
        .take(OPENINGS_SHOWN)
        .collect())
}

fn line(opens: Timestamp, closes: Timestamp, tz: &TimeZone, zoned: bool) -> OpeningLine {
    let (local_opens, local_closes) = (tz.to_datetime(opens), tz.to_datetime(closes));
    let (day, mut hours) = times::opening(local_opens, local_closes);
    if let Some(note) = times::elapsed_note(local_opens, local_closes, closes.duration_since(opens))
    {
        hours.push_str(&note);
    }
    OpeningLine {
        day,
        hours,
        opens_at: zoned.then_some(opens),
        closes_at: zoned.then_some(closes),
    }
}
