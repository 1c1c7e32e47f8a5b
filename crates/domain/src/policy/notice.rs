//! When a person who works on a device is told of its reboot.
//!
//! ```text
//! warn 60m, 15m, 5m; known since 20:30, may begin at 22:00:  told 21:00, 21:45, 21:55, reboot 22:00
//! the same, known since 21:50:                               told 21:50 and 21:55,     reboot 22:00
//! the same, known since 22:10, while it may begin:           told 22:10,               reboot 22:15
//! ```
//!
//! Nobody is rebooted without a warning: one whose time is over already is given at once, and the
//! reboot waits for the shortest of them.

use jiff::Timestamp;

use super::UserPresent;

/// The warnings before a reboot, and when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When the person is warned, in order; at least once.
    pub warnings: Vec<Timestamp>,
    /// When the device is rebooted, unless the person puts it off.
    pub reboot_at: Timestamp,
}

impl UserPresent {
    /// The first instant at which the device may be rebooted where that is known since `known_at`:
    /// the shortest warning lies between.
    pub fn rebooted_from(&self, known_at: Timestamp) -> Timestamp {
        let shortest = self.warn.iter().min().copied().unwrap_or_default();
        let at = known_at.checked_add(shortest.elapsed());
        at.unwrap_or(Timestamp::MAX)
    }

    /// The warnings before a reboot that is known since `known_at` and may begin at `begins_at`.
    pub fn notice(&self, known_at: Timestamp, begins_at: Timestamp) -> Notice {
        let reboot_at = begins_at.max(self.rebooted_from(known_at));
        let mut warnings: Vec<Timestamp> = self
            .warn
            .iter()
            .map(|before| {
                let at = reboot_at.checked_sub(before.elapsed());
                at.unwrap_or(Timestamp::MIN).max(known_at)
            })
            .collect();
        if warnings.is_empty() {
            warnings.push(known_at);
        }
        warnings.sort_unstable();
        warnings.dedup();
        Notice {
            warnings,
            reboot_at,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::policy::Delay;

    fn told(warn: &[&str], known_at: &str, begins_at: &str) -> String {
        let present = UserPresent {
            warn: warn.iter().map(|text| text.parse().unwrap()).collect(),
            deferrals: 0,
            step: Delay::NONE,
        };
        let at = |time: &str| format!("2026-03-02T{time}:00Z").parse().unwrap();
        let notice = present.notice(at(known_at), at(begins_at));
        let times: Vec<String> = notice
            .warnings
            .iter()
            .map(|at| at.strftime("%H:%M").to_string())
            .collect();
        format!(
            "{}, reboot {}",
            times.join(" "),
            notice.reboot_at.strftime("%H:%M")
        )
    }

    #[test]
    fn warnings_that_are_over_are_given_at_once_and_together() {
        let warn = ["60m", "15m", "5m"];
        assert_eq!(
            told(&warn, "20:30", "22:00"),
            "21:00 21:45 21:55, reboot 22:00"
        );
        assert_eq!(told(&warn, "21:50", "22:00"), "21:50 21:55, reboot 22:00");
        assert_eq!(told(&warn, "21:55", "22:00"), "21:55, reboot 22:00");
    }

    #[test]
    fn nobody_is_rebooted_without_a_warning() {
        let warn = ["60m", "15m", "5m"];
        assert_eq!(told(&warn, "21:58", "22:00"), "21:58, reboot 22:03");
        assert_eq!(told(&warn, "22:10", "22:00"), "22:10, reboot 22:15");
        assert_eq!(told(&["0m"], "22:10", "22:00"), "22:10, reboot 22:10");
        assert_eq!(told(&[], "22:10", "22:00"), "22:10, reboot 22:10");
    }

    #[test]
    fn at_the_end_of_time_nothing_breaks() {
        let present = UserPresent {
            warn: vec![Delay::from_minutes(u32::MAX)],
            deferrals: u8::MAX,
            step: Delay::NONE,
        };
        let notice = present.notice(Timestamp::MAX, Timestamp::MAX);
        assert_eq!(notice.reboot_at, Timestamp::MAX);
        let notice = present.notice(Timestamp::MIN, Timestamp::MIN);
        assert_eq!(notice.warnings, [Timestamp::MIN]);
    }
}
