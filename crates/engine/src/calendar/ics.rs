//! Calendars as files of RFC 5545 (iCalendar): change windows and freezes for people's calendars,
//! and a client's own freezes read from theirs.
//!
//! Written times are in UTC. Reading refuses whatever it does not understand, with the line, and
//! ignores nothing that could change when something is frozen.

mod read;
mod value;

use std::fmt::Write as _;

use domain::policy::Freeze;
use domain::window::{ChangeWindow, Opening, OpensFor};
use jiff::Timestamp;

pub use read::{
    CALENDAR_BYTES_MAX, CALENDAR_EVENTS_MAX, ImportedFreeze, InvalidCalendar, read_freezes,
};

/// The longest line, in bytes, without its end.
const LINE_BYTES_MAX: usize = 75;

/// One entry of a calendar that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same for the same thing whenever it is written, and for nothing else.
    pub uid: String,
    /// One line.
    pub summary: String,
    /// More lines.
    pub description: String,
    /// The time it takes.
    pub span: Opening,
}

/// One opening of a window as an entry. `zone` is that of the devices, where the window is meant in
/// theirs; `devices` says in words which.
pub fn window_event(
    window: &ChangeWindow,
    zone: Option<&str>,
    devices: &str,
    opening: Opening,
) -> Event {
    let mut description = format!(
        "Devices: {devices}\nOpens: {} at {:02}:{:02} for {} ({})",
        window.recurrence,
        window.start.hour(),
        window.start.minute(),
        window.duration,
        zone.map_or_else(|| window.zone.to_string(), str::to_owned),
    );
    if window.opens_for == OpensFor::Reboots {
        description.push_str("\nFor reboots alone: nothing is installed in it.");
    }
    if let Some(reserve) = window.reserve {
        let _ = write!(description, "\nNothing new begins in the last {reserve}.");
    }
    Event {
        uid: uid(&window.id.to_string(), zone, opening),
        summary: named("Change window", window.name.as_str(), zone),
        description,
        span: opening,
    }
}

/// A freeze as an entry; see [`window_event`].
pub fn freeze_event(freeze: &Freeze, zone: Option<&str>, devices: &str, span: Opening) -> Event {
    let mut description = format!("Nothing is changed.\nDevices: {devices}");
    let _ = write!(description, "\nReason: {}", freeze.reason);
    if let Some(exception) = &freeze.exception {
        let _ = write!(description, "\nException: {exception}");
    }
    Event {
        uid: uid(&freeze.id.to_string(), zone, span),
        summary: named("Change freeze", freeze.name.as_str(), zone),
        description,
        span,
    }
}

/// Devices of two zones have entries of their own, also where these begin in one moment.
fn uid(id: &str, zone: Option<&str>, span: Opening) -> String {
    let begins = utc(span.opens_at);
    match zone {
        Some(zone) => format!("{id}-{begins}-{zone}@patchloop"),
        None => format!("{id}-{begins}@patchloop"),
    }
}

fn named(what: &str, name: &str, zone: Option<&str>) -> String {
    match zone {
        Some(zone) => format!("{what}: {name} ({zone})"),
        None => format!("{what}: {name}"),
    }
}

/// Writes a calendar. `written_at` is the time that its entries carry as that of writing.
pub fn write(name: &str, written_at: Timestamp, events: impl IntoIterator<Item = Event>) -> String {
    let mut file = String::new();
    for (property, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//Patchloop//Change windows and freezes//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ] {
        line(&mut file, property, value);
    }
    line(&mut file, "NAME", &escaped(name));
    line(&mut file, "X-WR-CALNAME", &escaped(name));
    line(&mut file, "REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
    for event in events {
        line(&mut file, "BEGIN", "VEVENT");
        line(&mut file, "UID", &escaped(&event.uid));
        line(&mut file, "DTSTAMP", &utc(written_at));
        line(&mut file, "DTSTART", &utc(event.span.opens_at));
        line(&mut file, "DTEND", &utc(event.span.closes_at));
        line(&mut file, "SUMMARY", &escaped(&event.summary));
        line(&mut file, "DESCRIPTION", &escaped(&event.description));
        line(&mut file, "TRANSP", "TRANSPARENT");
        line(&mut file, "END", "VEVENT");
    }
    line(&mut file, "END", "VCALENDAR");
    file
}

/// `20261218T230000Z`. The form has no parts of seconds.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value. Control characters have no place in one and become spaces.
fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        match c {
            '\n' if before == Some('\r') => {}
            '\n' | '\r' => value.push_str("\\n"),
            '\\' | ';' | ',' => value.extend(['\\', c]),
            c if c.is_control() => value.push(' '),
            c => value.push(c),
        }
        before = Some(c);
    }
    value
}

/// One line, folded: what goes on begins with a space.
fn line(file: &mut String, property: &str, value: &str) {
    let mut bytes = 0;
    for c in property.chars().chain([':']).chain(value.chars()) {
        if bytes + c.len_utf8() > LINE_BYTES_MAX {
            file.push_str("\r\n ");
            bytes = 1;
        }
        file.push(c);
        bytes += c.len_utf8();
    }
    file.push_str("\r\n");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
