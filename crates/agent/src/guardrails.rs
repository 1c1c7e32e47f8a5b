//! The device's own limits, in a file that only its administrator writes.
//!
//! The stricter of the device and the server wins. A file that cannot be read or understood forbids
//! every change. Times are local to the device, `HH:MM`; a blackout may pass midnight.

use std::path::{Path, PathBuf};

use domain::name::PackageName;
use domain::order::{OrderItem, Refusal};
use domain::window::{Days, start_from_text};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::platform;

/// Most packages in one order when the file does not say.
const PACKAGES_MAX_DEFAULT: usize = 200;
/// Hours between two fetches of the package lists when the file does not say.
const REFRESH_HOURS_DEFAULT: u32 = 6;

/// One guardrails file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    /// Nothing is ever changed.
    observe_only: bool,
    /// Packages that are never changed.
    protected: Vec<PackageName>,
    /// Most packages in one order.
    packages_max: Option<usize>,
    /// When nothing may begin.
    blackout: Vec<WrittenBlackout>,
    /// Archives that packages may come from, as `label:codename`; all when empty.
    allowed_origins: Vec<String>,
    /// Nothing begins while this file exists.
    kill_switch: Option<PathBuf>,
    /// Whether the package lists are fetched.
    refresh_index: Option<bool>,
    /// Hours between two fetches.
    refresh_hours: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBlackout {
    days: Option<Days>,
    from: String,
    to: String,
}

/// When nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blackout {
    days: Option<Days>,
    from: Time,
    to: Time,
}

/// The device's own limits as they stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrails {
    unreadable: Option<String>,
    observe_only: bool,
    protected: Vec<PackageName>,
    packages_max: usize,
    blackouts: Vec<Blackout>,
    allowed_origins: Vec<Vec<String>>,
    kill_switches: Vec<PathBuf>,
    refresh_index: bool,
    refresh_hours: u32,
}

/// What the guardrails say about an order now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing against it.
    Yes,
    /// Not now.
    Later(Refusal),
    /// Never.
    No(Refusal),
}

impl Guardrails {
    /// Reads all files that hold for this state folder.
    pub fn read(state: &Path) -> Self {
        let mut rails = Self::none();
        for path in platform::guardrail_files(state) {
            if let Err(problem) = rails.add_file(&path) {
                rails.unreadable = Some(format!("{}: {problem}", path.display()));
            }
        }
        rails
    }

    fn none() -> Self {
        Self {
            unreadable: None,
            observe_only: false,
            protected: vec![],
            packages_max: PACKAGES_MAX_DEFAULT,
            blackouts: vec![],
            allowed_origins: vec![],
            kill_switches: vec![],
            refresh_index: true,
            refresh_hours: REFRESH_HOURS_DEFAULT,
        }
    }

    fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(problem) => return Err(problem.to_string()),
        };
        platform::check_owner(path).map_err(|problem| problem.to_string())?;
        self.add(&text)
    }

    /// Adds one file's text; what it allows more than an earlier one is not taken over.
    fn add(&mut self, text: &str) -> Result<(), String> {
        let written: Written = toml::from_str(text)
            .map_err(|problem| problem.message().lines().collect::<Vec<_>>().join(" "))?;
        for blackout in written.blackout {
            self.blackouts.push(Blackout {
                days: blackout.days,
                from: start_from_text(&blackout.from).map_err(|problem| problem.to_string())?,
                to: start_from_text(&blackout.to).map_err(|problem| problem.to_string())?,
            });
        }
        self.observe_only |= written.observe_only;
        self.protected.extend(written.protected);
        if let Some(most) = written.packages_max {
            self.packages_max = self.packages_max.min(most);
        }
        if !written.allowed_origins.is_empty() {
            self.allowed_origins.push(written.allowed_origins);
        }
        self.kill_switches.extend(written.kill_switch);
        self.refresh_index &= written.refresh_index.unwrap_or(true);
        self.refresh_hours = self
            .refresh_hours
            .max(written.refresh_hours.unwrap_or(0))
            .min(24 * 30);
        Ok(())
    }

    /// Whether anything may ever be changed.
    pub fn forbids_changes(&self) -> bool {
        self.unreadable.is_some() || self.observe_only
    }

    /// Hours between two fetches of the package lists; `None`: never.
    pub fn refresh_hours(&self) -> Option<u32> {
        (self.refresh_index && self.unreadable.is_none()).then_some(self.refresh_hours)
    }

    /// Whether the origin of each package has to be looked up for [`Guardrails::allows_origin`].
    pub fn limits_origins(&self) -> bool {
        !self.allowed_origins.is_empty()
    }

    /// Whether a package may come from here (`label:codename`).
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .all(|allowed| allowed.iter().any(|name| name == origin))
    }

    /// What they say about changing these packages now.
    pub fn allow(&self, items: &[OrderItem], now: Timestamp, zone: &TimeZone) -> Allowed {
        let rule = |rule: String| Refusal::Guardrail { rule };
        if let Some(problem) = &self.unreadable {
            return Allowed::No(rule(format!("the guardrails cannot be read: {problem}")));
        }
        if self.observe_only {
            return Allowed::No(Refusal::ObserveOnly);
        }
        if items.len() > self.packages_max {
            return Allowed::No(rule(format!(
                "at most {} packages at once, the order has {}",
                self.packages_max,
                items.len()
            )));
        }
        if let Some(item) = items.iter().find(|i| self.protected.contains(&i.name)) {
            return Allowed::No(rule(format!("{} is protected", item.name)));
        }
        if let Some(path) = self.kill_switches.iter().find(|path| path.exists()) {
            return Allowed::Later(rule(format!("{} exists", path.display())));
        }
        let local = zone.to_datetime(now);
        match self.blackouts.iter().find(|blackout| blackout.holds(local)) {
            Some(blackout) => Allowed::Later(rule(blackout.sentence())),
            None => Allowed::Yes,
        }
    }

    /// One sentence for each limit, for the server and for people.
    pub fn sentences(&self) -> Vec<String> {
        let mut out = vec![];
        if let Some(problem) = &self.unreadable {
            out.push(format!(
                "nothing is changed: the guardrails cannot be read: {problem}"
            ));
        }
        if self.observe_only {
            out.push("nothing is changed: observe only".to_owned());
        }
        out.push(format!("at most {} packages at once", self.packages_max));
        for name in &self.protected {
            out.push(format!("{name} is protected"));
        }
        out.extend(self.blackouts.iter().map(Blackout::sentence));
        for origins in &self.allowed_origins {
            out.push(format!("packages only from {}", origins.join(", ")));
        }
        for path in &self.kill_switches {
            out.push(format!("nothing begins while {} exists", path.display()));
        }
        out.push(match self.refresh_hours() {
            Some(hours) => {
                format!("package lists are fetched every {hours} hours, with root's rights")
            }
            None => "package lists are not fetched".to_owned(),
        });
        out
    }
}

impl Blackout {
    fn holds(&self, local: DateTime) -> bool {
        let day = |date: jiff::civil::Date| {
            self.days
                .as_ref()
                .is_none_or(|days| days.contains(date.weekday()))
        };
        let time = local.time();
        if self.from <= self.to {
            return day(local.date()) && self.from <= time && time < self.to;
        }
        // It passes midnight: the early part belongs to the day before.
        let before = local.date().yesterday().unwrap_or(local.date());
        (day(local.date()) && time >= self.from) || (day(before) && time < self.to)
    }

    fn sentence(&self) -> String {
        let days = self
            .days
            .as_ref()
            .map_or(String::new(), |days| format!(" on {days}"));
        format!(
            "nothing begins from {} to {}{days}",
            self.from.strftime("%H:%M"),
            self.to.strftime("%H:%M")
        )
    }
}

#[cfg(test)]
mod tests;
