//! Reads a client's calendar of freezes.
//!
//! Every event is a freeze, from its beginning to its end; a cancelled one is none. Whole days begin
//! at midnight, and times without a zone are meant, in the zone that the reader is given. A repeated
//! event, or anything else that is not understood, makes the whole calendar refused: a freeze that
//! was left out in silence would be a change in forbidden time.

use domain::window::WindowZone;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Span, tz::TimeZone};

use super::super::{first_instant, zone_of};
use super::value::{Length, Line, Moment, short, text};

/// The largest calendar that is read, in bytes.
pub const CALENDAR_BYTES_MAX: usize = 1024 * 1024;
/// The most events of a calendar.
pub const CALENDAR_EVENTS_MAX: usize = 1_000;
/// The longest line, unfolded, in bytes.
const LINE_BYTES_MAX: usize = 32 * 1024;
/// The most complaints about one calendar.
const COMPLAINTS_MAX: usize = 50;
/// The longest name and reason, in characters.
const NAME_CHARACTERS_MAX: usize = 100;
const REASON_CHARACTERS_MAX: usize = 500;

/// Properties of an event that do not change when it is.
const HARMLESS: &[&str] = &[
    "ATTACH",
    "ATTENDEE",
    "CATEGORIES",
    "CLASS",
    "COLOR",
    "COMMENT",
    "CONFERENCE",
    "CONTACT",
    "CREATED",
    "DTSTAMP",
    "GEO",
    "IMAGE",
    "LAST-MODIFIED",
    "LOCATION",
    "ORGANIZER",
    "PRIORITY",
    "RELATED-TO",
    "REQUEST-STATUS",
    "RESOURCES",
    "SEQUENCE",
    "TRANSP",
    "URL",
];
/// The same of a calendar.
const HARMLESS_OF_CALENDAR: &[&str] = &[
    "CATEGORIES",
    "COLOR",
    "DESCRIPTION",
    "IMAGE",
    "LAST-MODIFIED",
    "NAME",
    "PRODID",
    "REFRESH-INTERVAL",
    "SOURCE",
    "UID",
    "URL",
];

/// A freeze as a client's calendar says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedFreeze {
    /// Its name: the event's summary.
    pub name: String,
    /// In which zone its times are meant.
    pub zone: WindowZone,
    /// The first local time that is frozen.
    pub from: DateTime,
    /// The first local time that is not frozen any more.
    pub until: DateTime,
    /// Why: the event's description, else its summary.
    pub reason: String,
    /// What the calendar calls it, the same whenever it is read.
    pub uid: Option<String>,
    /// Where it begins in the file, counted from 1.
    pub line: usize,
}

/// What is wrong with a calendar, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct InvalidCalendar {
    /// Counted from 1.
    pub line: usize,
    /// In one sentence.
    pub why: String,
}

impl InvalidCalendar {
    fn at(line: usize, why: impl Into<String>) -> Self {
        Self {
            line,
            why: why.into(),
        }
    }
}

/// All freezes of a calendar, or everything that is wrong with it. `floating` is the zone of whole
/// days and of times that name none.
pub fn read_freezes(
    file: &str,
    floating: &WindowZone,
) -> Result<Vec<ImportedFreeze>, Vec<InvalidCalendar>> {
    if file.len() > CALENDAR_BYTES_MAX {
        let why = format!("the calendar is larger than {CALENDAR_BYTES_MAX} bytes");
        return Err(vec![InvalidCalendar::at(1, why)]);
    }
    let mut reader = Reader {
        floating,
        place: Place::Before,
        freezes: Vec::new(),
        wrong: Vec::new(),
        events: 0,
        version_seen: false,
    };
    let mut last = 1;
    for (number, text) in unfolded(file) {
        last = number;
        if text.trim().is_empty() {
            continue;
        }
        if let Err(why) = reader.line(number, &text) {
            reader.wrong.push(InvalidCalendar::at(number, why));
        }
        if reader.wrong.len() >= COMPLAINTS_MAX {
            break;
        }
    }
    match reader.place {
        Place::After => {}
        Place::Before if reader.wrong.is_empty() => {
            reader.complain(last, "there is no calendar: expected BEGIN:VCALENDAR");
        }
        Place::Before => {}
        Place::Calendar | Place::Zone(_) | Place::Event(_) | Place::Alarm(_) => {
            reader.complain(last, "the calendar breaks off: expected END:VCALENDAR");
        }
    }
    if reader.wrong.is_empty() {
        Ok(reader.freezes)
    } else {
        Err(reader.wrong)
    }
}

/// Lines with the number of the first of those they were folded into.
fn unfolded(file: &str) -> Vec<(usize, String)> {
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in file.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

/// In which part of the file one is.
enum Place {
    Before,
    Calendar,
    /// The rules of a zone, whose name is known here; with how many parts are open in it.
    Zone(usize),
    Event(Event),
    /// A reminder in an event.
    Alarm(Event),
    After,
}

/// An event as far as it was read.
#[derive(Default)]
struct Event {
    line: usize,
    begins: Option<Line>,
    ends: Option<Line>,
    lasts: Option<Line>,
    summary: Option<Line>,
    description: Option<Line>,
    uid: Option<Line>,
    status: Option<Line>,
    /// Something in it was refused already.
    is_refused: bool,
}

struct Reader<'a> {
    floating: &'a WindowZone,
    place: Place,
    freezes: Vec<ImportedFreeze>,
    wrong: Vec<InvalidCalendar>,
    events: usize,
    version_seen: bool,
}

impl Reader<'_> {
    fn complain(&mut self, line: usize, why: &str) {
        self.wrong.push(InvalidCalendar::at(line, why));
    }

    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        if text.len() > LINE_BYTES_MAX {
            return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
        }
        let line = Line::read(number, text)?;
        let part = line.value.to_ascii_uppercase();
        let (place, answer) = match std::mem::replace(&mut self.place, Place::After) {
            Place::Before => match (line.name.as_str(), part.as_str()) {
                ("BEGIN", "VCALENDAR") => (Place::Calendar, Ok(())),
                _ => (
                    Place::Before,
                    Err("expected BEGIN:VCALENDAR first".to_owned()),
                ),
            },
            Place::Calendar => self.in_calendar(&line, &part),
            Place::Zone(open) => (
                match (line.name.as_str(), open) {
                    ("BEGIN", open) => Place::Zone(open + 1),
                    ("END", 0 | 1) => Place::Calendar,
                    ("END", open) => Place::Zone(open - 1),
                    (_, open) => Place::Zone(open),
                },
                Ok(()),
            ),
            Place::Event(event) => self.in_event(event, line, &part),
            Place::Alarm(event) => match (line.name.as_str(), part.as_str()) {
                ("END", "VALARM") => (Place::Event(event), Ok(())),
                ("BEGIN" | "END", _) => (
                    Place::Alarm(event),
                    Err("expected END:VALARM first".to_owned()),
                ),
                _ => (Place::Alarm(event), Ok(())),
            },
            Place::After => (
                Place::After,
                Err("there is something after END:VCALENDAR".to_owned()),
            ),
        };
        self.place = place;
        answer
    }

    fn in_calendar(&mut self, line: &Line, part: &str) -> (Place, Result<(), String>) {
        let refuse = |why: String| (Place::Calendar, Err(why));
        match (line.name.as_str(), part) {
            ("BEGIN", "VEVENT") => {
                self.events += 1;
                let event = Event {
                    line: line.number,
                    is_refused: self.events > CALENDAR_EVENTS_MAX,
                    ..Event::default()
                };
                let answer = if self.events == CALENDAR_EVENTS_MAX + 1 {
                    Err(format!("there are more than {CALENDAR_EVENTS_MAX} events"))
                } else {
                    Ok(())
                };
                (Place::Event(event), answer)
            }
            ("BEGIN", "VTIMEZONE") => (Place::Zone(1), Ok(())),
            ("BEGIN", other) => refuse(format!(
                "`{}` is not understood: a calendar of freezes has events only",
                short(other)
            )),
            ("END", "VCALENDAR") if self.version_seen => (Place::After, Ok(())),
            ("END", "VCALENDAR") => (
                Place::After,
                Err("the calendar does not say VERSION:2.0".to_owned()),
            ),
            ("END", other) => refuse(format!("nothing begins that END:{} ends", short(other))),
            ("VERSION", "2.0") => {
                self.version_seen = true;
                (Place::Calendar, Ok(()))
            }
            ("VERSION", other) => {
                self.version_seen = true;
                refuse(format!(
                    "version `{}` is not understood: expected 2.0",
                    short(other)
                ))
            }
            ("CALSCALE", "GREGORIAN") | ("METHOD", "PUBLISH" | "REQUEST") => {
                (Place::Calendar, Ok(()))
            }
            (name, _) if HARMLESS_OF_CALENDAR.contains(&name) || name.starts_with("X-") => {
                (Place::Calendar, Ok(()))
            }
            (name, other) => refuse(format!(
                "`{}:{}` is not understood in a calendar",
                short(name),
                short(other)
            )),
        }
    }

    fn in_event(
        &mut self,
        mut event: Event,
        line: Line,
        part: &str,
    ) -> (Place, Result<(), String>) {
        match (line.name.as_str(), part) {
            ("BEGIN", "VALARM") => return (Place::Alarm(event), Ok(())),
            ("END", "VEVENT") => {
                if !event.is_refused {
                    let freeze = event.freeze(self.floating);
                    match freeze {
                        Ok(Some(freeze)) => self.freezes.push(freeze),
                        Ok(None) => {}
                        Err(error) => self.wrong.push(error),
                    }
                }
                return (Place::Calendar, Ok(()));
            }
            _ => {}
        }
        let answer = event.take(line);
        event.is_refused |= answer.is_err();
        (Place::Event(event), answer)
    }
}

impl Event {
    fn take(&mut self, line: Line) -> Result<(), String> {
        let place = match line.name.as_str() {
            "DTSTART" => &mut self.begins,
            "DTEND" => &mut self.ends,
            "DURATION" => &mut self.lasts,
            "SUMMARY" => &mut self.summary,
            "DESCRIPTION" => &mut self.description,
            "UID" => &mut self.uid,
            "STATUS" => &mut self.status,
            "RRULE" | "RDATE" | "EXDATE" | "EXRULE" | "RECURRENCE-ID" => {
                return Err(format!(
                    "repeated events are not understood ({}): write each freeze as an event of its \
                     own",
                    line.name
                ));
            }
            name if HARMLESS.contains(&name) || name.starts_with("X-") => return Ok(()),
            name => return Err(format!("`{}` is not understood in an event", short(name))),
        };
        if place.is_some() {
            return Err(format!("{} is there twice", line.name));
        }
        *place = Some(line);
        Ok(())
    }

    /// The freeze; `None`: it was cancelled.
    fn freeze(&self, floating: &WindowZone) -> Result<Option<ImportedFreeze>, InvalidCalendar> {
        if let Some(status) = &self.status {
            match status.value.to_ascii_uppercase().as_str() {
                "CANCELLED" => return Ok(None),
                "CONFIRMED" | "TENTATIVE" => {}
                other => {
                    let why = format!("the status `{}` is not understood", short(other));
                    return Err(InvalidCalendar::at(status.number, why));
                }
            }
        }
        let (line, (zone, from, until)) = self.times(floating)?;
        if from >= until {
            let why = format!("its end, {until}, is not after its beginning, {from}");
            return Err(InvalidCalendar::at(line, why));
        }
        let words = |line: &Option<Line>, characters_max| {
            let words = line.as_ref().map(|line| text(&line.value));
            let words = words.unwrap_or_default();
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            words.chars().take(characters_max).collect::<String>()
        };
        let mut name = words(&self.summary, NAME_CHARACTERS_MAX);
        if name.is_empty() {
            name = format!("freeze of {}", from.date());
        }
        let mut reason = words(&self.description, REASON_CHARACTERS_MAX);
        if reason.is_empty() {
            reason.clone_from(&name);
        }
        Ok(Some(ImportedFreeze {
            name,
            zone,
            from,
            until,
            reason,
            uid: self.uid.as_ref().map(|line| short(&line.value)),
            line: self.line,
        }))
    }

    /// Its times, and the line that says when it begins.
    fn times(&self, floating: &WindowZone) -> Result<(usize, Times), InvalidCalendar> {
        let begins = self.begins.as_ref().ok_or_else(|| {
            InvalidCalendar::at(self.line, "the event does not say when it begins (DTSTART)")
        })?;
        let begin = Moment::read(begins).map_err(|why| InvalidCalendar::at(begins.number, why))?;
        let times = match (&self.ends, &self.lasts) {
            (Some(_), Some(lasts)) => {
                let why = "an event has an end (DTEND) or a DURATION, not both";
                return Err(InvalidCalendar::at(lasts.number, why));
            }
            (Some(ends), None) => Moment::read(ends)
                .and_then(|end| until_end(begin, end, floating))
                .map_err(|why| InvalidCalendar::at(ends.number, why))?,
            (None, Some(lasts)) => Length::read(&lasts.value)
                .and_then(|length| for_length(begin, length, floating))
                .map_err(|why| InvalidCalendar::at(lasts.number, why))?,
            (None, None) => {
                let day = Length {
                    days: 1,
                    seconds: 0,
                };
                match begin {
                    Moment::Day(_) => for_length(begin, day, floating),
                    Moment::Time(..) => {
                        Err("the event does not say when it ends (DTEND or DURATION)".to_owned())
                    }
                }
                .map_err(|why| InvalidCalendar::at(begins.number, why))?
            }
        };
        Ok((begins.number, times))
    }
}

type Times = (WindowZone, DateTime, DateTime);

/// From a beginning to an end. Two zones become UTC, which says both.
fn until_end(begin: Moment, end: Moment, floating: &WindowZone) -> Result<Times, String> {
    match (begin, end) {
        (Moment::Day(first), Moment::Day(end)) => Ok((
            floating.clone(),
            first.to_datetime(Time::midnight()),
            end.to_datetime(Time::midnight()),
        )),
        (Moment::Time(from, begin_zone), Moment::Time(until, end_zone)) => {
            let begin_zone = begin_zone.unwrap_or_else(|| floating.clone());
            let end_zone = end_zone.unwrap_or_else(|| floating.clone());
            if begin_zone == end_zone {
                return Ok((begin_zone, from, until));
            }
            Ok((
                WindowZone::Named("UTC".to_owned()),
                in_utc(&begin_zone, from)?,
                in_utc(&end_zone, until)?,
            ))
        }
        (Moment::Day(_), Moment::Time(..)) | (Moment::Time(..), Moment::Day(_)) => {
            Err("one of beginning and end is a day and the other a time".to_owned())
        }
    }
}

/// From a beginning, for some days of the calendar and then elapsed time.
fn for_length(begin: Moment, length: Length, floating: &WindowZone) -> Result<Times, String> {
    let beyond = |_| "its end is beyond the year 9999".to_owned();
    let days = Span::new().try_days(length.days).map_err(beyond)?;
    match begin {
        Moment::Day(_) if length.seconds != 0 => {
            Err("an event of whole days lasts whole days".to_owned())
        }
        Moment::Day(first) => Ok((
            floating.clone(),
            first.to_datetime(Time::midnight()),
            first
                .checked_add(days)
                .map_err(beyond)?
                .to_datetime(Time::midnight()),
        )),
        Moment::Time(from, zone) => {
            let zone = zone.unwrap_or_else(|| floating.clone());
            let after_days = from.checked_add(days).map_err(beyond)?;
            if length.seconds == 0 {
                return Ok((zone, from, after_days));
            }
            let known = match &zone {
                WindowZone::Named(_) => zone_of(&zone, "").map_err(|error| error.to_string())?,
                WindowZone::Device => {
                    return Err(
                        "a time without a zone needs an end (DTEND): how long hours are \
                         depends on each device's zone"
                            .to_owned(),
                    );
                }
            };
            let elapsed = SignedDuration::from_secs(length.seconds);
            let end = first_instant(&known, after_days)
                .and_then(|at| at.checked_add(elapsed).ok())
                .ok_or("its end is beyond the year 9999")?;
            let until = known.to_datetime(end);
            if first_instant(&known, until) == Some(end) {
                return Ok((zone, from, until));
            }
            // The second time that clocks show it: only UTC can say which.
            let utc = WindowZone::Named("UTC".to_owned());
            Ok((utc, in_utc(&zone, from)?, TimeZone::UTC.to_datetime(end)))
        }
    }
}

fn in_utc(zone: &WindowZone, local: DateTime) -> Result<DateTime, String> {
    match zone {
        WindowZone::Device => Err(
            "one of beginning and end has a zone and the other has none: give both one".to_owned(),
        ),
        WindowZone::Named(_) => {
            let known = zone_of(zone, "").map_err(|error| error.to_string())?;
            first_instant(&known, local)
                .map(|at| TimeZone::UTC.to_datetime(at))
                .ok_or_else(|| "the time is beyond the year 9999".to_owned())
        }
    }
}
