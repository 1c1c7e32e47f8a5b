//! When devices may be changed: openings of change windows, freezes, and catching up.
//!
//! The rule is local time, openings are instants; a duration is elapsed time, so two hours are two
//! hours across a change of clocks. A start that a change of clocks skips is the first valid instant
//! after the gap; a start that comes twice is the first of the two. Openings that overlap or touch
//! are one. For orders a stretch longer than [`OPENING_DAYS_MAX`] is cut at Mondays, 00:00 UTC, so
//! that an always open window has openings that end; [`CompiledWindow::between`] gives them whole.
//! Errors: an unknown zone is an error value, and whoever asks treats it as closed.

mod catch_up;
mod compiled;
mod date;
mod days;
mod freeze;
pub mod ics;
mod local;
mod openings;

use domain::window::{ChangeWindow, Opening, WindowZone};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use catch_up::{catch_up, missed};
pub use compiled::CompiledWindow;
pub use freeze::{Frozen, InvalidFreeze, freeze_span, span};
pub use local::first_instant;
pub use openings::{Openings, Stretches, next_open};

/// The longest opening for orders, in days.
pub const OPENING_DAYS_MAX: i64 = 7;

/// A zone that the time zone database does not know. What it covers stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{zone}` is not a known time zone")]
pub struct UnknownZone {
    /// What was given.
    pub zone: String,
}

/// A zone by its name.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    TimeZone::get(name).map_err(|_| UnknownZone {
        zone: name.chars().take(64).collect(),
    })
}

/// The zone that is meant for devices of one zone.
pub fn zone_of(meant: &WindowZone, device_zone: &str) -> Result<TimeZone, UnknownZone> {
    match meant {
        WindowZone::Device => zone(device_zone),
        WindowZone::Named(name) => zone(name),
    }
}

/// Openings of one window in order, from the first that ends after `from`; an opening that is open
/// at `from` comes first and whole. Nothing opens before `valid_from` or at or after `ended_at`, and
/// an opening is cut at `ended_at`. Windows whose days follow a release have none here.
pub fn openings(
    window: &ChangeWindow,
    device_zone: &str,
    from: Timestamp,
) -> Result<Openings, UnknownZone> {
    Ok(CompiledWindow::new(window, device_zone)?.openings(from))
}

/// Openings of several windows as a union, as [`openings()`] gives them for one.
///
/// Windows with an unknown zone are left out and returned beside it, with their names.
pub fn union<'w>(
    windows: impl IntoIterator<Item = &'w ChangeWindow>,
    device_zone: &str,
    from: Timestamp,
) -> (Openings, Vec<(String, UnknownZone)>) {
    let (mut compiled, mut refused) = (Vec::new(), Vec::new());
    for window in windows {
        match CompiledWindow::new(window, device_zone) {
            Ok(one) => compiled.push(one),
            Err(error) => refused.push((window.name.to_string(), error)),
        }
    }
    (Openings::of(&compiled, from), refused)
}

/// The opening that is open at `at`, or the next one. Of several windows as a union: overlapping and
/// touching openings are one.
///
/// Windows with an unknown zone are left out and returned beside it, with their names.
pub fn opening_at_or_after<'w>(
    windows: impl IntoIterator<Item = &'w ChangeWindow>,
    device_zone: &str,
    at: Timestamp,
) -> (Option<Opening>, Vec<(String, UnknownZone)>) {
    let (mut all, refused) = union(windows, device_zone, at);
    (all.next(), refused)
}

/// Every opening of a window that touches `[from, to)`, whole, with what is frozen cut out: what
/// remains may be shorter or several. In order, apart from each other, none empty. A window whose
/// days follow a release opens once for each of `releases`.
pub fn openings_between(
    window: &ChangeWindow,
    device_zone: &str,
    releases: &[Timestamp],
    frozen: &Frozen,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Opening>, UnknownZone> {
    let window = CompiledWindow::after_releases(window, device_zone, releases)?;
    Ok(window.between(frozen, from, to))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
