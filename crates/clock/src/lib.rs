//! The one place that reads the wall clock.
//!
//! The two mains make one `SystemClock` and hand it down. Built with the feature `test-clock`, every
//! reading adds an offset from a file, so that a laboratory moves servers and agents over days
//! without sleeping. Units: the file holds a signed whole number of seconds, as text.
//! Errors: a missing or unreadable offset counts as 0.

use domain::clock::Clock;
use jiff::Timestamp;

/// The environment variable that names the file with the offset (feature `test-clock` only).
pub const OFFSET_VARIABLE: &str = "PATCHLOOP_TEST_CLOCK";

/// Whether this binary reads an offset; waits are then kept short, because time may jump.
pub const IS_TEST_CLOCK: bool = cfg!(feature = "test-clock");

/// The clock of this device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now(&self) -> Timestamp {
        shifted(Timestamp::now())
    }
}

/// What a main prints to stderr at its start, where the binary is not for real use.
pub fn banner() -> Option<&'static str> {
    IS_TEST_CLOCK.then_some(
        "warning: built with the feature test-clock: the time can be set from outside; never use this binary in earnest",
    )
}

#[cfg(not(feature = "test-clock"))]
fn shifted(now: Timestamp) -> Timestamp {
    now
}

#[cfg(feature = "test-clock")]
fn shifted(now: Timestamp) -> Timestamp {
    let seconds = std::env::var_os(OFFSET_VARIABLE)
        .and_then(|path| std::fs::read_to_string(path).ok())
        .map_or(0, |text| offset_seconds(&text));
    now.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(now)
}

/// Reads the file's text: a signed whole number, anything else is 0.
#[cfg(any(feature = "test-clock", test))]
fn offset_seconds(text: &str) -> i64 {
    text.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_a_signed_number_and_anything_else_is_none() {
        assert_eq!(offset_seconds("86400\n"), 86_400);
        assert_eq!(offset_seconds(" -3600 "), -3_600);
        assert_eq!(offset_seconds("+5"), 5);
        for bad in ["", "1.5", "a day", "99999999999999999999"] {
            assert_eq!(offset_seconds(bad), 0, "{bad}");
        }
    }

    #[test]
    fn only_a_binary_built_for_tests_says_so() {
        assert_eq!(banner().is_some(), cfg!(feature = "test-clock"));
    }

    #[test]
    fn an_offset_beyond_all_time_changes_nothing() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        // Without the feature nothing is read; with it no file is named here.
        assert_eq!(shifted(now), now);
    }
}
