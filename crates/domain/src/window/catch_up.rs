//! What a window allows a device that was out of contact during a whole opening.
//!
//! Durations are elapsed time; the hours not to be used are local times of the device's zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::{InvalidWindow, WindowDuration, start_from_text};
use crate::policy::Delay;

/// Local hours of a day, `09:00-17:00`; the first is inside, the last is not. An end before the
/// start runs over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// The first time inside.
    pub from: Time,
    /// The first time outside again.
    pub until: Time,
}

impl FromStr for Hours {
    type Err = InvalidWindow;
    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let refuse = || InvalidWindow::Hours {
            text: text.chars().take(64).collect(),
        };
        let (from, until) = text.split_once('-').ok_or_else(refuse)?;
        let from = start_from_text(from.trim()).map_err(|_| refuse())?;
        let until = start_from_text(until.trim()).map_err(|_| refuse())?;
        if from == until {
            return Err(refuse());
        }
        Ok(Self { from, until })
    }
}
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            self.from.hour(),
            self.from.minute(),
            self.until.hour(),
            self.until.minute()
        )
    }
}
impl TryFrom<String> for Hours {
    type Error = InvalidWindow;
    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}
impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

/// The rule for a device that missed a whole opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatchUp {
    /// How long after its next contact it may be changed.
    pub within: WindowDuration,
    /// At which local hours it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Hours>,
    /// How long after the missed opening's end this holds; without, until the next opening begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Delay>,
}
