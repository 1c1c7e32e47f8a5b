//! Openings of change windows.
//!
//! The rule is local time, openings are instants; a duration is elapsed time, so two hours are two
//! hours across a change of clocks. A start that a change of clocks skips is the first valid instant
//! after the gap; a start that comes twice is the first of the two.
//! Errors: an unknown zone is an error value, and whoever asks treats it as closed.

use domain::window::{ChangeWindow, Opening};
use jiff::Timestamp;

/// A zone that the time zone database does not know. What it covers stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{zone}` is not a known time zone")]
pub struct UnknownZone {
    /// What was given.
    pub zone: String,
}

/// Openings of one window in order, from the first that ends after `from`; an opening that is open
/// at `from` comes first and whole. Overlapping and touching openings of the window come as one.
/// Bounded by the window's validity: nothing opens before `valid_from` or at or after `ended_at`, and
/// an opening is cut at `ended_at`.
pub fn openings(
    _window: &ChangeWindow,
    _device_zone: &str,
    _from: Timestamp,
) -> Result<Openings, UnknownZone> {
    panic!("the body comes with the next commit")
}

/// See [`openings`].
#[derive(Debug, Clone)]
pub struct Openings {}

impl Iterator for Openings {
    type Item = Opening;
    fn next(&mut self) -> Option<Opening> {
        None
    }
}

/// The opening that is open at `at`, or the next one. Of several windows as a union: overlapping and
/// touching openings are one.
///
/// Windows with an unknown zone are left out and returned beside it, with their names.
pub fn opening_at_or_after<'w>(
    _windows: impl IntoIterator<Item = &'w ChangeWindow>,
    _device_zone: &str,
    _at: Timestamp,
) -> (Option<Opening>, Vec<(String, UnknownZone)>) {
    panic!("the body comes with the next commit")
}
