//! Windows that never open, freezes that leave nothing, and what is over.

use domain::policy::{PolicyKind, RebootWhen};
use domain::window::{ChangeWindow, OpensFor, WindowZone};
use jiff::{SignedDuration, Timestamp};

use super::Lint;
use crate::calendar::{Frozen, freeze_span, openings_between};
use crate::policy_file::{Weight, freezes_of};

/// How far ahead an opening is looked for, in days.
const AHEAD_DAYS: i64 = 10 * 366;
/// For how long a freeze may not leave a window without openings, in days.
const FREEZE_DAYS: i64 = 366;
/// Where devices are whose zone is not known.
const SOME_ZONE: &str = "UTC";
/// The zone whose clocks are last to reach a time: what is over there is over everywhere.
const LAST_ZONE: &str = "Etc/GMT+12";

fn ahead(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MAX)
}

/// Whether a window has an opening that ends after `now`. One that follows a release may.
pub(super) fn opens(window: &ChangeWindow, now: Timestamp) -> bool {
    if window.recurrence.follows_release() {
        // Its days are those of patches to come.
        let last = window.until.and_then(|until| until.tomorrow().ok());
        let last = last.and_then(|day| day.at(23, 59, 0, 0).in_tz(LAST_ZONE).ok());
        return last.is_none_or(|last| now < last.timestamp());
    }
    let next = crate::calendar::openings(window, SOME_ZONE, now);
    next.is_ok_and(|mut openings| {
        openings
            .next()
            .is_some_and(|opening| opening.opens_at < ahead(now, AHEAD_DAYS))
    })
}

/// Windows that never open.
pub(super) fn windows(lint: &mut Lint<'_>) {
    for (index, window) in lint.policy.windows.iter().enumerate() {
        if opens(window, lint.now) {
            continue;
        }
        let ever = crate::calendar::openings(window, SOME_ZONE, Timestamp::UNIX_EPOCH);
        let has_ended = ever.is_ok_and(|mut openings| openings.next().is_some());
        let (weight, what) = if has_ended {
            (Weight::Note, "does not open any more")
        } else {
            (Weight::Warning, "never opens")
        };
        lint.tell(
            weight,
            (PolicyKind::Window, index),
            format!("the window `{}` {what}", window.name),
            "change its days, or take it out",
        );
        let of_reboots = lint.policy.reboots.iter().enumerate();
        for (at, reboot) in of_reboots.filter(|(_, r)| r.window.as_ref() == Some(&window.name)) {
            lint.tell(
                Weight::Warning,
                (PolicyKind::Reboot, at),
                format!(
                    "the reboot rule `{}` waits for the window `{}`, which {what}",
                    reboot.name, window.name
                ),
                "name another window, or take `window` out",
            );
        }
    }
}

/// Freezes that are over, and freezes that leave a window no opening for a year.
pub(super) fn freezes(lint: &mut Lint<'_>) {
    for (index, freeze) in lint.policy.freezes.iter().enumerate() {
        if freeze_span(freeze, LAST_ZONE).is_ok_and(|span| span.closes_at <= lint.now) {
            lint.tell(
                Weight::Note,
                (PolicyKind::Freeze, index),
                format!("the freeze `{}` is over", freeze.name),
                "take it out, or write it for the next year",
            );
        }
    }
    let until = ahead(lint.now, FREEZE_DAYS);
    for (index, window) in lint.policy.windows.iter().enumerate() {
        let zone = match &window.zone {
            WindowZone::Device => SOME_ZONE,
            WindowZone::Named(zone) => zone,
        };
        let covering = freezes_of(lint.policy, window);
        let spans: Vec<_> = covering
            .iter()
            .filter_map(|(_, freeze)| freeze_span(freeze, zone).ok())
            .collect();
        if spans.is_empty() {
            continue;
        }
        let between = |frozen: &Frozen| {
            openings_between(window, zone, &[], frozen, lint.now, until).unwrap_or_default()
        };
        if !between(&Frozen::NOTHING).is_empty() && between(&Frozen::new(spans)).is_empty() {
            let names: Vec<String> = covering
                .iter()
                .map(|(_, freeze)| format!("`{}`", freeze.name))
                .collect();
            let what = format!(
                "for a year the window `{}` never opens, because all its openings are frozen by {}",
                window.name,
                names.join(" and ")
            );
            let hint = "shorten the freeze, or limit its `for`";
            lint.tell(Weight::Warning, (PolicyKind::Window, index), what, hint);
        }
    }
}

/// Reboots in the window of the installation, where it closes before a person could be warned.
pub(super) fn warnings(lint: &mut Lint<'_>) {
    for (index, rule) in lint.policy.reboots.iter().enumerate() {
        let Some(present) = rule
            .user_present
            .as_ref()
            .filter(|_| rule.window.is_none() && rule.when != RebootWhen::Never)
        else {
            continue;
        };
        let covering = lint.policy.windows.iter().filter(|window| {
            let covers = window.devices.is_everything()
                || window.devices == rule.devices
                || rule.devices.implies(&window.devices);
            covers && window.opens_for == OpensFor::Changes
        });
        let too_short = covering.filter(|window| {
            let closes_at = lint.now.checked_add(window.duration.elapsed());
            closes_at.is_ok_and(|closes_at| present.rebooted_from(lint.now) >= closes_at)
        });
        let names: Vec<String> = too_short
            .map(|window| format!("`{}`", window.name))
            .collect();
        if names.is_empty() {
            continue;
        }
        let what = format!(
            "the reboot rule `{}`: {} closes before the last warning is over, so what is installed \
             in it is rebooted in a later opening",
            rule.name,
            names.join(" and ")
        );
        let hint = "warn later, make the window longer, or name a `window` for reboots";
        lint.tell(Weight::Warning, (PolicyKind::Reboot, index), what, hint);
    }
}

/// Decisions and exclusions that are over.
pub(super) fn ends(lint: &mut Lint<'_>) {
    let now = lint.now;
    for (index, decision) in lint.policy.decisions.iter().enumerate() {
        if decision.until.is_some_and(|until| until <= now) {
            let name = lint
                .files
                .object(PolicyKind::Decision, index)
                .map_or("", |object| object.name.as_str());
            let name = match &decision.name {
                Some(_) => format!("the decision `{name}`"),
                None => "this decision".to_owned(),
            };
            lint.tell(
                Weight::Note,
                (PolicyKind::Decision, index),
                format!("{name} has expired, so its patches are open again"),
                "take it out, or decide anew with a later `until`",
            );
        }
    }
    for (index, exclusion) in lint.policy.exclusions.iter().enumerate() {
        if exclusion.until.is_some_and(|until| until <= now) {
            lint.tell(
                Weight::Note,
                (PolicyKind::Exclude, index),
                format!("the exclusion `{}` has expired", exclusion.name),
                "take it out, or give it a later `until`",
            );
        }
    }
}
