//! Objects of a policy printed as TOML, in one form that reads back to the same objects.
//!
//! Ids, clients and who decided when are not part of a file.

use std::fmt::Write as _;

use domain::decision::Decision;
use domain::policy::{
    ApprovalRule, Exclusion, Freeze, Group, Policy, PolicyKind, RebootRule, RingSet,
};
use domain::query::Query;
use domain::window::{CatchUp, ChangeWindow, MonthDay, Nth, OpensFor, Recurrence, WindowZone};
use jiff::civil::{DateTime, Time};

use super::OWNER_OF_NO_NAME;

/// One object of a policy.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each is named as its type")]
pub enum Object<'p> {
    Group(&'p Group),
    Window(&'p ChangeWindow),
    Freeze(&'p Freeze),
    Rule(&'p ApprovalRule),
    Decision(&'p Decision),
    Reboot(&'p RebootRule),
    Rings(&'p RingSet),
    Exclude(&'p Exclusion),
}

impl<'p> Object<'p> {
    /// The object at an index of its kind's list.
    pub fn of(policy: &'p Policy, kind: PolicyKind, index: usize) -> Option<Self> {
        match kind {
            PolicyKind::Group => policy.groups.get(index).map(Self::Group),
            PolicyKind::Window => policy.windows.get(index).map(Self::Window),
            PolicyKind::Freeze => policy.freezes.get(index).map(Self::Freeze),
            PolicyKind::Rule => policy.rules.get(index).map(Self::Rule),
            PolicyKind::Decision => policy.decisions.get(index).map(Self::Decision),
            PolicyKind::Reboot => policy.reboots.get(index).map(Self::Reboot),
            PolicyKind::Rings => policy.rings.get(index).map(Self::Rings),
            PolicyKind::Exclude => policy.exclusions.get(index).map(Self::Exclude),
        }
    }

    /// Its kind.
    pub fn kind(self) -> PolicyKind {
        match self {
            Self::Group(_) => PolicyKind::Group,
            Self::Window(_) => PolicyKind::Window,
            Self::Freeze(_) => PolicyKind::Freeze,
            Self::Rule(_) => PolicyKind::Rule,
            Self::Decision(_) => PolicyKind::Decision,
            Self::Reboot(_) => PolicyKind::Reboot,
            Self::Rings(_) => PolicyKind::Rings,
            Self::Exclude(_) => PolicyKind::Exclude,
        }
    }
}

/// Prints an object as a table with its header; it ends with a line break.
pub fn to_toml(object: Object<'_>) -> String {
    let mut table = Table(format!("[[{}]]\n", object.kind()));
    match object {
        Object::Group(group) => {
            table.text("name", group.name.as_str());
            table.query("for", &group.devices);
        }
        Object::Window(window) => print_window(&mut table, window),
        Object::Freeze(freeze) => {
            table.text("name", freeze.name.as_str());
            table.query("for", &freeze.devices);
            table.zone(&freeze.zone);
            table.text("from", &local(freeze.from));
            table.text("until", &local(freeze.until));
            table.said("reason", &freeze.reason);
            table.maybe("exception", freeze.exception.as_deref());
        }
        Object::Rule(rule) => print_rule(&mut table, rule),
        Object::Decision(decision) => print_decision(&mut table, decision),
        Object::Reboot(reboot) => print_reboot(&mut table, reboot),
        Object::Rings(set) => print_rings(&mut table, set),
        Object::Exclude(exclusion) => {
            table.text("name", exclusion.name.as_str());
            table.query("for", &exclusion.devices);
            if let Some(until) = exclusion.until {
                table.text("until", &until.to_string());
            }
            table.said("reason", &exclusion.reason);
        }
    }
    table.0
}

fn print_window(table: &mut Table, window: &ChangeWindow) {
    table.text("name", window.name.as_str());
    table.query("for", &window.devices);
    table.zone(&window.zone);
    match &window.recurrence {
        Recurrence::Weekly { days, every_weeks } => {
            let days = days.to_string();
            table.texts("days", days.split(','));
            if *every_weeks != 1 {
                table.line("every_weeks", every_weeks);
            }
        }
        Recurrence::Nth {
            nth,
            weekday,
            plus_days,
        } => {
            // The text of a rule without its added days is the text of the weekday of the month.
            let bare = Recurrence::Nth {
                nth: *nth,
                weekday: *weekday,
                plus_days: 0,
            };
            debug_assert!(matches!(nth, Nth::Number(_) | Nth::Last));
            table.text("nth", &bare.to_string());
            if *plus_days != 0 {
                table.line("plus_days", plus_days);
            }
        }
        Recurrence::MonthDay(MonthDay::Last) => table.text("month_day", "last"),
        Recurrence::MonthDay(MonthDay::Number(day)) => table.line("month_day", day),
        Recurrence::Dates(dates) => {
            let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
            table.texts("dates", dates.iter().map(String::as_str));
        }
        Recurrence::AfterRelease { days } => table.text("after_release", &format!("{days}d")),
    }
    table.text("start", &time(window.start));
    table.text("duration", &window.duration.to_string());
    for (key, date) in [("from", window.from), ("until", window.until)] {
        if let Some(date) = date {
            table.text(key, &date.to_string());
        }
    }
    if let Some(reserve) = window.reserve {
        table.text("reserve", &reserve.to_string());
    }
    if let Some(CatchUp {
        within,
        not,
        expires,
    }) = window.catch_up
    {
        let mut parts = vec![format!("within = {}", quoted(&within.to_string()))];
        parts.extend(not.map(|not| format!("not = {}", quoted(&not.to_string()))));
        parts.extend(expires.map(|expires| format!("expires = {}", quoted(&expires.to_string()))));
        table.line("catch_up", format!("{{ {} }}", parts.join(", ")));
    }
    if window.opens_for != OpensFor::Changes {
        table.text("opens_for", window.opens_for.word());
    }
}

fn print_rule(table: &mut Table, rule: &ApprovalRule) {
    table.text("name", rule.name.as_str());
    if rule.owner != OWNER_OF_NO_NAME {
        table.said("owner", &rule.owner);
    }
    table.text("patches", &rule.patches.to_string());
    table.query("for", &rule.devices);
    table.text("action", rule.action.word());
    if !rule.after.is_none() {
        table.text("after", &rule.after.to_string());
    }
    if let Some(after) = rule.kev_after {
        table.text("kev_after", &after.to_string());
    }
    if !rule.windows.is_empty() {
        table.texts("windows", rule.windows.iter().map(|name| name.as_str()));
    }
    table.maybe("rings", rule.rings.as_ref().map(|name| name.as_str()));
    if let Some(study) = &rule.study {
        table.text("hold_for", &study.owner);
        table.text("due", &study.due.to_string());
    }
    table.said("why", &rule.why);
}

fn print_decision(table: &mut Table, decision: &Decision) {
    table.maybe("name", decision.name.as_ref().map(|name| name.as_str()));
    table.text("verdict", decision.word.word());
    table.text("patches", &decision.patches.to_string());
    table.maybe(
        "version",
        decision.version.as_ref().map(|version| version.as_str()),
    );
    table.query("for", &decision.devices);
    table.text("level", decision.level.word());
    if let Some(until) = decision.until {
        table.text("until", &until.to_string());
    }
    table.text("reason", &decision.reason);
}

fn print_reboot(table: &mut Table, reboot: &RebootRule) {
    table.text("name", reboot.name.as_str());
    table.query("for", &reboot.devices);
    table.text("when", reboot.when.word());
    table.maybe("window", reboot.window.as_ref().map(|name| name.as_str()));
    if let Some(deadline) = reboot.deadline {
        table.text("deadline", &deadline.to_string());
    }
    if let Some(present) = &reboot.user_present {
        let warn: Vec<String> = present.warn.iter().map(ToString::to_string).collect();
        table.texts("warn", warn.iter().map(String::as_str));
        if present.deferrals > 0 || !present.step.is_none() {
            let defer = format!(
                "{{ times = {}, step = {} }}",
                present.deferrals,
                quoted(&present.step.to_string())
            );
            table.line("defer", defer);
        }
    }
}

fn print_rings(table: &mut Table, set: &RingSet) {
    table.text("name", set.name.as_str());
    table.query("for", &set.devices);
    table.0.push_str("ring = [\n");
    for ring in &set.rings {
        let _ = writeln!(
            table.0,
            "  {{ name = {}, devices = {}, soak = {} }},",
            quoted(ring.name.as_str()),
            quoted(&ring.devices.to_string()),
            quoted(&ring.soak.to_string())
        );
    }
    table.0.push_str("]\n");
}

/// The text of a table as it grows. Writing into a text cannot fail.
struct Table(String);

impl Table {
    fn line(&mut self, key: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }
    fn text(&mut self, key: &str, value: &str) {
        self.line(key, quoted(value));
    }
    /// A text, left out where it says nothing.
    fn said(&mut self, key: &str, value: &str) {
        if !value.trim().is_empty() {
            self.text(key, value);
        }
    }
    fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }
    fn texts<'v>(&mut self, key: &str, values: impl Iterator<Item = &'v str>) {
        let values: Vec<String> = values.map(quoted).collect();
        self.line(key, format!("[{}]", values.join(", ")));
    }
    fn query(&mut self, key: &str, query: &Query) {
        if !query.is_everything() {
            self.text(key, &query.to_string());
        }
    }
    fn zone(&mut self, zone: &WindowZone) {
        if *zone != WindowZone::Device {
            self.text("zone", &zone.to_string());
        }
    }
}

fn time(time: Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn local(at: DateTime) -> String {
    let form = if at.second() == 0 {
        "%Y-%m-%dT%H:%M"
    } else {
        "%Y-%m-%dT%H:%M:%S"
    };
    at.strftime(form).to_string()
}

/// A text as a basic string of TOML.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
