//! What a window allows a device that was out of contact during a whole opening.
//!
//! After the opening that was missed last, the device may be changed for so long after its first
//! contact, not at the hours that are kept free, and not after the rule expires or, where it does
//! not say, the window's next opening begins. An opening missed later takes the place of one missed
//! before. Freezes close it like a window. Only contacts that began by now are known.

use domain::snapshot::Contact;
use domain::window::{CatchUp, Hours, Opening};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::compiled::CompiledWindow;
use super::freeze::Frozen;
use super::local::DAY_SECONDS;

/// How far back the last opening of a window is looked for, in days; a second look goes further.
const LOOKS_DAYS: [i64; 3] = [40, 400, 3_653];

/// The stretches that are open at `now` or later for a device that missed an opening: in order,
/// apart from each other. `contacts` in any order.
pub fn catch_up(
    window: &CompiledWindow,
    frozen: &Frozen,
    contacts: &[Contact],
    device_zone: &TimeZone,
    now: Timestamp,
) -> Vec<Opening> {
    let Some(rule) = window.catch_up() else {
        return Vec::new();
    };
    let Some((stretch, _)) = stretch(window, frozen, contacts, rule, now) else {
        return Vec::new();
    };
    let kept_free = match rule.not {
        Some(hours) => Frozen::new(local_hours(device_zone, hours, stretch)),
        None => Frozen::NOTHING,
    };
    kept_free
        .without(stretch)
        .flat_map(|part| frozen.without(part))
        .filter(|part| part.closes_at > now)
        .collect()
}

/// The opening that a device missed last and may catch up on at `now` or later, for sentences.
pub fn missed(
    window: &CompiledWindow,
    frozen: &Frozen,
    contacts: &[Contact],
    now: Timestamp,
) -> Option<Opening> {
    let rule = window.catch_up()?;
    stretch(window, frozen, contacts, rule, now).map(|(_, missed)| missed)
}

/// The whole stretch that ends after `now`, with the opening that was missed.
fn stretch(
    window: &CompiledWindow,
    frozen: &Frozen,
    contacts: &[Contact],
    rule: CatchUp,
    now: Timestamp,
) -> Option<(Opening, Opening)> {
    let within = rule.within.elapsed();
    let long_ago = now.checked_sub(within).unwrap_or(Timestamp::MIN);
    let known = || contacts.iter().filter(|contact| contact.from <= now);
    // The contact that began it is younger than `within`, and is the first after the opening.
    known().find(|contact| contact.from > long_ago)?;
    let before = known()
        .map(|contact| contact.from)
        .filter(|from| *from <= long_ago)
        .max();
    let openings = closed_openings(window, frozen, rule, before, now);
    let touches = |opening: &Opening| known().any(|contact| touches(contact, *opening));
    let missed = openings.into_iter().rev().find(|one| !touches(one))?;
    let first = known()
        .map(|contact| contact.from)
        .filter(|from| *from >= missed.closes_at)
        .min()?;
    let expires_at = match rule.expires {
        Some(expires) => missed.closes_at.checked_add(expires.elapsed()).ok(),
        None => opening_after(window, frozen, missed.closes_at),
    };
    let end = first.checked_add(within).unwrap_or(Timestamp::MAX);
    let end = expires_at.map_or(end, |at| at.min(end));
    (first < end && now < end).then_some((
        Opening {
            opens_at: first,
            closes_at: end,
        },
        missed,
    ))
}

/// Whether a device was in contact at any instant of an opening.
fn touches(contact: &Contact, opening: Opening) -> bool {
    let until_later = contact.until.is_none_or(|until| until > opening.opens_at);
    let began_inside = contact.from >= opening.opens_at;
    contact.from < opening.closes_at && (until_later || began_inside)
}

/// The openings that closed by `now` and can still be caught up on, in order.
///
/// One that closed before a contact that began `before` has had its first contact too long ago.
fn closed_openings(
    window: &CompiledWindow,
    frozen: &Frozen,
    rule: CatchUp,
    before: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Opening> {
    let closed_by_now = |from: Timestamp| {
        let mut openings = window.between(frozen, from, now);
        openings.retain(|opening| opening.closes_at <= now);
        openings
    };
    let not_before = before.unwrap_or(Timestamp::MIN);
    if let Some(expires) = rule.expires {
        let oldest = now.checked_sub(expires.elapsed());
        return closed_by_now(oldest.unwrap_or(Timestamp::MIN).max(not_before));
    }
    // Without an expiry only the last one matters, and it may be long ago.
    for days in LOOKS_DAYS {
        let oldest = now.checked_sub(SignedDuration::from_hours(24 * days));
        let oldest = oldest.unwrap_or(Timestamp::MIN);
        if let Some(last) = closed_by_now(oldest.max(not_before)).pop() {
            return vec![last];
        }
        if oldest <= not_before {
            break;
        }
    }
    Vec::new()
}

/// When the window opens next after an opening's end, freezes cut out.
fn opening_after(window: &CompiledWindow, frozen: &Frozen, after: Timestamp) -> Option<Timestamp> {
    super::openings::next_open([window], frozen, after).map(|opening| opening.opens_at)
}

/// The hours of local clocks, within a stretch: where clocks go back over them, both times.
fn local_hours(zone: &TimeZone, hours: Hours, stretch: Opening) -> Vec<Opening> {
    let mut found = Vec::new();
    let mut begin = stretch.opens_at;
    let changes: Vec<Timestamp> = zone
        .following(stretch.opens_at)
        .map(|change| change.timestamp())
        .take_while(|change| *change < stretch.closes_at)
        .collect();
    for end in changes.into_iter().chain([stretch.closes_at]) {
        let offset = i64::from(zone.to_offset(begin).seconds());
        let second =
            |time: jiff::civil::Time| i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
        let (from, until) = (second(hours.from), second(hours.until));
        let length = (until - from).rem_euclid(DAY_SECONDS);
        // From the day before, whose hours may run over midnight.
        let mut day = (begin.as_second() + offset).div_euclid(DAY_SECONDS) - 1;
        loop {
            let opens = day * DAY_SECONDS + from - offset;
            if opens >= end.as_second() {
                break;
            }
            let instant = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            let part = Opening {
                opens_at: instant(opens).max(begin),
                closes_at: instant(opens + length).min(end),
            };
            if part.opens_at < part.closes_at {
                found.push(part);
            }
            day += 1;
        }
        begin = end;
    }
    found
}
