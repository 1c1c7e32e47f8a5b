//! Durations as policies write them: `7d`, `36h`, `1d12h`, `2w`, `0d`.
//!
//! Elapsed time: a day is 24 hours, a week seven of them. Kept in minutes.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// The longest, in minutes: ten years.
const MINUTES_MAX: u32 = 3_653 * 24 * 60;

/// How long to wait.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Delay(u32);

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration from 0d to ten years: expected such as 7d, 36h, 1d12h or 2w")]
pub struct InvalidDelay {
    /// What was given.
    pub text: String,
}

impl Delay {
    /// No wait.
    pub const NONE: Self = Self(0);

    /// From minutes; more than ten years are ten years.
    pub fn from_minutes(minutes: u32) -> Self {
        Self(minutes.min(MINUTES_MAX))
    }
    /// In minutes.
    pub fn minutes(self) -> u32 {
        self.0
    }
    /// As elapsed time.
    pub fn elapsed(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
    /// Whether there is no wait.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Delay {
    type Err = InvalidDelay;
    fn from_str(text: &str) -> Result<Self, InvalidDelay> {
        let refuse = || InvalidDelay {
            text: text.chars().take(64).collect(),
        };
        let (mut minutes, mut digits, mut parts) = (0_u32, String::new(), 0);
        for c in text.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let unit = match c {
                'm' => 1,
                'h' => 60,
                'd' => 24 * 60,
                'w' => 7 * 24 * 60,
                _ => return Err(refuse()),
            };
            let count: u32 = digits.parse().map_err(|_| refuse())?;
            minutes = count
                .checked_mul(unit)
                .and_then(|n| n.checked_add(minutes))
                .ok_or_else(refuse)?;
            digits.clear();
            parts += 1;
        }
        if parts == 0 || !digits.is_empty() || minutes > MINUTES_MAX {
            return Err(refuse());
        }
        Ok(Self(minutes))
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0d");
        }
        let (days, rest) = (self.0 / 1440, self.0 % 1440);
        for (count, unit) in [(days, 'd'), (rest / 60, 'h'), (rest % 60, 'm')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}
impl TryFrom<String> for Delay {
    type Error = InvalidDelay;
    fn try_from(text: String) -> Result<Self, InvalidDelay> {
        text.parse()
    }
}
impl From<Delay> for String {
    fn from(delay: Delay) -> Self {
        delay.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write_and_prints_one_form() {
        for (text, printed) in [
            ("7d", "7d"),
            ("36h", "1d12h"),
            ("2w", "14d"),
            ("0d", "0d"),
            ("90m", "1h30m"),
        ] {
            assert_eq!(text.parse::<Delay>().unwrap().to_string(), printed);
        }
        for bad in ["", "7", "d", "-1d", "1x", "1.5d", "99999999999d", "20000w"] {
            assert!(bad.parse::<Delay>().is_err(), "{bad}");
        }
    }
}
