//! The calendar: a month of openings, freezes and reboots, as a table and, on a phone, as a list.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use serde::Deserialize;
use service::calendar::{CalendarEntry, CalendarKind, CalendarShown, CalendarSpan, ClockChange};
use service::{Principal, ServiceError};

use super::device::devices_counted;
use super::{Area, Rendered, Shell, address, page, policy};
use crate::ask::Asked;
use crate::problem::Problem;
use crate::state::AppState;

/// How many entries a day of the table shows.
const CELL_SHOWN: usize = 5;
/// How many entries the list of one day shows.
const DAY_SHOWN: usize = 500;
/// The years that are shown.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// What the page is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CalendarAsked {
    #[serde(default)]
    pub(super) month: String,
    #[serde(default)]
    pub(super) client: String,
    #[serde(default)]
    pub(super) zone: String,
    #[serde(default)]
    pub(super) day: String,
}

fn invalid(field: &'static str, reason: String) -> Problem {
    Problem::from(ServiceError::Invalid { field, reason })
}

impl CalendarAsked {
    /// The first day of the month that is shown.
    pub(super) fn first(&self, now: Timestamp) -> Result<Date, Problem> {
        let wrong = || {
            let text: String = self.month.chars().take(40).collect();
            let reason = format!(
                "`{text}` is not a month from {}-01 to {}-12: expected such as 2026-12",
                YEARS.start(),
                YEARS.end()
            );
            invalid("month", reason)
        };
        let text = self.month.trim();
        if text.is_empty() {
            let zone = TimeZone::get(self.zone.trim()).unwrap_or(TimeZone::UTC);
            return Ok(zone.to_datetime(now).date().first_of_month());
        }
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let year: i16 = year.parse().map_err(|_| wrong())?;
        let month: i8 = month.parse().map_err(|_| wrong())?;
        Date::new(year, month, 1)
            .ok()
            .filter(|_| YEARS.contains(&year))
            .ok_or_else(wrong)
    }

    /// The day whose list is wanted.
    fn day(&self) -> Result<Option<Date>, Problem> {
        match self.day.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                let text: String = text.chars().take(40).collect();
                invalid(
                    "day",
                    format!("`{text}` is not a day: expected such as 2026-12-24"),
                )
            }),
        }
    }

    /// The days of the table: whole weeks, Monday first.
    pub(super) fn span(&self, first: Date) -> CalendarSpan {
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (from, until) = weeks(first);
        CalendarSpan {
            from,
            until,
            zone: named(&self.zone),
            client: named(&self.client),
        }
    }

    fn address(&self, month: &str, day: Option<Date>) -> String {
        let day = day.map(|day| day.to_string()).unwrap_or_default();
        let pairs = [
            ("month", month),
            ("client", self.client.trim()),
            ("zone", self.zone.trim()),
            ("day", &day),
        ];
        let said: Vec<_> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        address("/calendar", &said)
    }
}

fn later(day: Date, by: Span) -> Date {
    day.checked_add(by).unwrap_or(day)
}

/// The first Monday and the first day after the last Sunday.
fn weeks(first: Date) -> (Date, Date) {
    let back = i32::from(first.weekday().to_monday_zero_offset());
    let last = first.last_of_month();
    let ahead = 7 - i32::from(last.weekday().to_monday_zero_offset());
    (later(first, (-back).days()), later(last, ahead.days()))
}

fn month_name(first: Date) -> String {
    first.strftime("%B %Y").to_string()
}

fn month_word(first: Date) -> String {
    first.strftime("%Y-%m").to_string()
}

/// One entry on one day.
#[derive(Clone)]
struct EntryRow {
    look: &'static str,
    word: &'static str,
    hours: String,
    name: String,
    href: String,
    devices: String,
    note: String,
    own: Option<String>,
}

struct Cell {
    number: i8,
    href: String,
    name: String,
    outside: bool,
    today: bool,
    clocks: Vec<String>,
    shown: Vec<EntryRow>,
    more: usize,
}

struct DayList {
    name: String,
    clocks: Vec<String>,
    rows: Vec<EntryRow>,
    more: usize,
}

#[derive(Template)]
#[template(path = "pages/calendar/month.html")]
pub(super) struct CalendarPage {
    shell: Shell,
    month: String,
    word: String,
    before: String,
    after: String,
    now: String,
    zone: String,
    zone_asked: String,
    client: String,
    clients: Vec<String>,
    weeks: Vec<Vec<Cell>>,
    day: Option<DayList>,
    close: String,
    empty: bool,
    unreadable: Vec<(String, String, String)>,
    closed: String,
    all: bool,
    more: usize,
    idle: usize,
    addresses: String,
}

/// Entries and changes of clocks by the days that they touch.
struct Days {
    zone: TimeZone,
    entries: BTreeMap<Date, Vec<EntryRow>>,
    clocks: BTreeMap<Date, Vec<String>>,
}

impl Days {
    fn new(seen: &CalendarShown, span: &CalendarSpan) -> Self {
        let mut days = Self {
            zone: TimeZone::get(&seen.zone).unwrap_or(TimeZone::UTC),
            entries: BTreeMap::new(),
            clocks: BTreeMap::new(),
        };
        for entry in &seen.entries {
            days.put(entry, span);
        }
        for change in &seen.clocks {
            let day = days.zone.to_datetime(change.at).date();
            days.clocks.entry(day).or_default().push(clocks(change));
        }
        days
    }

    /// A freeze stands on each day that it touches, an opening on the day on which it begins.
    fn put(&mut self, entry: &CalendarEntry, span: &CalendarSpan) {
        let first = self.zone.to_datetime(entry.opens_at).date();
        let inside = entry
            .closes_at
            .checked_sub(SignedDuration::from_nanos(1))
            .unwrap_or(entry.closes_at);
        let last = match entry.kind {
            CalendarKind::Freeze => self.zone.to_datetime(inside).date(),
            CalendarKind::Opening | CalendarKind::Reboot => first,
        };
        // What began before the table stands on its first day.
        let mut day = first.max(span.from);
        while day <= last.max(span.from) && day < span.until {
            let row = self.row(entry, day);
            self.entries.entry(day).or_default().push(row);
            day = later(day, 1.day());
        }
    }

    fn row(&self, entry: &CalendarEntry, day: Date) -> EntryRow {
        let (look, word) = match entry.kind {
            CalendarKind::Freeze => ("freeze", "frozen"),
            CalendarKind::Opening => ("opening", "open"),
            CalendarKind::Reboot => ("reboot", "reboot"),
        };
        let id = &entry.id;
        EntryRow {
            look,
            word,
            hours: self.hours(entry, day),
            name: entry.name.clone(),
            href: policy::href(id),
            devices: devices_counted(entry.devices),
            note: entry.note.clone(),
            own: self.own(entry),
        }
    }

    /// From when to when, as seen from a day.
    fn hours(&self, entry: &CalendarEntry, day: Date) -> String {
        let opens = self.zone.to_datetime(entry.opens_at);
        let closes = self.zone.to_datetime(entry.closes_at);
        let clock = |at: jiff::civil::DateTime| at.strftime("%H:%M").to_string();
        let midnight = closes.time() == jiff::civil::Time::midnight();
        let ends = if midnight {
            later(closes.date(), (-1).days())
        } else {
            closes.date()
        };
        let end = if midnight {
            "24:00".to_owned()
        } else {
            clock(closes)
        };
        match (opens.date() < day, ends > day, entry.kind) {
            (true, true, _) => "all day".to_owned(),
            (true, false, _) if midnight => "all day".to_owned(),
            (true, false, _) => format!("until {end}"),
            (false, true, CalendarKind::Freeze)
                if opens.time().hour() == 0 && opens.time().minute() == 0 =>
            {
                "all day".to_owned()
            }
            (false, true, CalendarKind::Freeze) => format!("from {}", clock(opens)),
            (false, true, _) => match ends.since(day).map(|span| span.get_days()) {
                Ok(1) => format!("{} to {end} the next day", clock(opens)),
                _ => format!("{} to {end} on {}", clock(opens), ends.strftime("%-d %b")),
            },
            (false, false, _) if midnight && clock(opens) == "00:00" => "all day".to_owned(),
            (false, false, _) => format!("{} to {end}", clock(opens)),
        }
    }

    /// When it begins by the devices' own clocks, where these show another time.
    fn own(&self, entry: &CalendarEntry) -> Option<String> {
        let zone = entry.device_zone.as_deref()?;
        let local = TimeZone::get(zone).ok()?.to_datetime(entry.opens_at);
        let same = local == self.zone.to_datetime(entry.opens_at);
        (!same).then(|| format!("{} in {zone}", local.strftime("%a %H:%M")))
    }

    fn cell(&self, day: Date, first: Date, today: Date, asked: &CalendarAsked) -> Cell {
        let rows = self
            .entries
            .get(&day)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let word = month_word(first);
        // A line that says “and one more” is no shorter than that one.
        let shown = if rows.len() == CELL_SHOWN + 1 {
            rows.len()
        } else {
            CELL_SHOWN
        };
        Cell {
            number: day.day(),
            href: format!("{}#day", asked.address(&word, Some(day))),
            name: day.strftime("%A %-d %B").to_string(),
            outside: day.month() != first.month(),
            today: day == today,
            clocks: self.clocks.get(&day).cloned().unwrap_or_default(),
            more: rows.len().saturating_sub(shown),
            shown: rows.iter().take(shown).cloned().collect(),
        }
    }

    fn list(&self, day: Date) -> DayList {
        let rows = self
            .entries
            .get(&day)
            .map(Vec::as_slice)
            .unwrap_or_default();
        DayList {
            name: day.strftime("%A, %-d %B %Y").to_string(),
            clocks: self.clocks.get(&day).cloned().unwrap_or_default(),
            rows: rows.iter().take(DAY_SHOWN).cloned().collect(),
            more: rows.len().saturating_sub(DAY_SHOWN),
        }
    }
}

/// `Europe/Berlin: clocks go forward 60 min at 02:00`.
fn clocks(change: &ClockChange) -> String {
    let zone = TimeZone::get(&change.zone).unwrap_or(TimeZone::UTC);
    let after = zone.to_datetime(change.at);
    // As clocks show it the moment before.
    let wall = after
        .checked_sub(i64::from(change.minutes).minutes())
        .unwrap_or(after);
    let way = if change.minutes > 0 {
        "forward"
    } else {
        "back"
    };
    let by = match change.minutes.unsigned_abs() {
        60 => "one hour".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    format!(
        "{}: clocks go {way} {by} at {}",
        change.zone,
        wall.strftime("%H:%M")
    )
}

impl CalendarPage {
    pub(super) fn new(
        who: &Principal,
        asked: &CalendarAsked,
        seen: CalendarShown,
        clients: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let (first, wanted) = (asked.first(now)?, asked.day()?);
        let span = asked.span(first);
        let days = Days::new(&seen, &span);
        let today = days.zone.to_datetime(now).date();
        let mut weeks = Vec::new();
        let mut monday = span.from;
        while monday < span.until {
            let week = (0..7).map(|at: i32| later(monday, at.days()));
            weeks.push(
                week.map(|day| days.cell(day, first, today, asked))
                    .collect(),
            );
            monday = later(monday, 7.days());
        }
        let month = |first: Date| {
            let first = first.clamp(date(*YEARS.start(), 1, 1), date(*YEARS.end(), 12, 1));
            asked.address(&month_word(first), None)
        };
        Ok(Self {
            shell: Shell::new(
                format!("Calendar, {}", month_name(first)),
                Area::Calendar,
                Some(who),
                now,
            ),
            before: month(later(first, (-1).months())),
            after: month(later(first, 1.month())),
            now: month(today.first_of_month()),
            close: month(first),
            word: month_word(first),
            month: month_name(first),
            zone_asked: asked.zone.trim().to_owned(),
            client: asked.client.trim().to_owned(),
            clients,
            weeks,
            day: wanted.map(|day| days.list(day)),
            empty: seen.entries.is_empty(),
            unreadable: seen.unreadable,
            closed: devices_counted(seen.closed),
            all: seen.all,
            more: seen.more,
            idle: seen.idle_windows,
            addresses: super::counted(seen.addresses, "secret address is", "secret addresses are"),
            zone: seen.zone,
        })
    }
}

/// `GET /calendar`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<CalendarAsked>,
) -> Rendered {
    let now = state.service().now();
    let span = asked.span(asked.first(now)?);
    let person = who.clone();
    let (seen, clients) = state
        .run(move |service| {
            let seen = service.calendar_days(&person, &span)?;
            Ok((seen, super::client_names(service, &person)?))
        })
        .await?;
    page(&CalendarPage::new(&who, &asked, seen, clients, now)?)
}
