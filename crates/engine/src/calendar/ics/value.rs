//! Values of a calendar file: lines with parameters, dates with their zones, durations, texts.

use domain::window::WindowZone;
use jiff::civil::{Date, DateTime, Time};

/// One line as it is meant: `DTSTART;TZID=Europe/Berlin:20261218T000000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first line in the file.
    pub number: usize,
    /// In capitals.
    pub name: String,
    /// Names in capitals.
    pub parameters: Vec<(String, String)>,
    pub value: String,
}

impl Line {
    pub(super) fn read(number: usize, text: &str) -> Result<Self, String> {
        let mut quoted = false;
        let mut parts = vec![String::new()];
        let mut rest = text.char_indices();
        let value = loop {
            let (at, c) = rest
                .next()
                .ok_or("there is no `:` between a name and its value")?;
            match c {
                '"' => quoted = !quoted,
                ':' if !quoted => break text.get(at + 1..).unwrap_or_default(),
                ';' if !quoted => parts.push(String::new()),
                c => {
                    if let Some(part) = parts.last_mut() {
                        part.push(c);
                    }
                }
            }
        };
        let mut parts = parts.into_iter();
        let name = parts.next().unwrap_or_default().to_ascii_uppercase();
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_name(&name) {
            return Err("a line begins with the name of a property".to_owned());
        }
        let mut parameters = Vec::new();
        for part in parts {
            let (parameter, value) = part
                .split_once('=')
                .filter(|(parameter, _)| is_name(parameter))
                .ok_or_else(|| format!("`{}` is no parameter", short(&part)))?;
            parameters.push((parameter.to_ascii_uppercase(), value.to_owned()));
        }
        Ok(Self {
            number,
            name,
            parameters,
            value: value.to_owned(),
        })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The beginning of a text, for sentences.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A text without its escapes.
pub(super) fn text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        match (escaped, c) {
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (true, 'n' | 'N') => text.push('\n'),
            (_, c) => text.push(c),
        }
        escaped = false;
    }
    text
}

/// A date or a time of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moment {
    /// A whole day.
    Day(Date),
    /// A time; `None`: wherever one is.
    Time(DateTime, Option<WindowZone>),
}

impl Moment {
    pub(super) fn read(line: &Line) -> Result<Self, String> {
        for (name, _) in &line.parameters {
            if name != "VALUE" && name != "TZID" && !name.starts_with("X-") {
                return Err(format!("the parameter `{}` is not understood", short(name)));
            }
        }
        let zone = line.parameter("TZID");
        match line
            .parameter("VALUE")
            .map(str::to_ascii_uppercase)
            .as_deref()
        {
            Some("DATE") if zone.is_some() => Err("a date has no zone".to_owned()),
            Some("DATE") => date(&line.value).map(Self::Day),
            None | Some("DATE-TIME") => time(&line.value, zone),
            Some(other) => Err(format!(
                "values of the kind `{}` are not understood",
                short(other)
            )),
        }
    }
}

fn digits(text: &str) -> Option<i16> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn date(text: &str) -> Result<Date, String> {
    let read = || {
        let small = |range| i8::try_from(digits(text.get(range)?)?).ok();
        (text.len() == 8)
            .then(|| Date::new(digits(text.get(0..4)?)?, small(4..6)?, small(6..8)?).ok())
            .flatten()
    };
    read().ok_or_else(|| {
        format!(
            "`{}` is not a date that exists: expected such as 20261218",
            short(text)
        )
    })
}

fn time(text: &str, zone: Option<&str>) -> Result<Moment, String> {
    let refuse = || {
        format!(
            "`{}` is not a time that exists: expected such as 20261218T220000 or 20261218T220000Z",
            short(text)
        )
    };
    let (local, is_utc) = match text.strip_suffix('Z') {
        Some(local) => (local, true),
        None => (text, false),
    };
    let (day, clock) = local.split_once('T').ok_or_else(refuse)?;
    let day = date(day).map_err(|_| refuse())?;
    let read = || {
        let small = |range| i8::try_from(digits(clock.get(range)?)?).ok();
        (clock.len() == 6)
            .then(|| Time::new(small(0..2)?, small(2..4)?, small(4..6)?, 0).ok())
            .flatten()
    };
    let local = day.to_datetime(read().ok_or_else(refuse)?);
    let zone = match (zone, is_utc) {
        (None, false) => None,
        (None, true) => Some(WindowZone::Named("UTC".to_owned())),
        (Some(_), true) => return Err("a time in UTC has no other zone".to_owned()),
        (Some(name), false) => Some(zone_named(name)?),
    };
    Ok(Moment::Time(local, zone))
}

fn zone_named(name: &str) -> Result<WindowZone, String> {
    // Some programs write a slash before names that everybody knows.
    let known = name.strip_prefix('/').unwrap_or(name);
    match known.parse() {
        Ok(zone @ WindowZone::Named(_)) => Ok(zone),
        Ok(WindowZone::Device) | Err(_) => Err(format!(
            "the zone `{}` is not known: expected an IANA name such as Europe/Berlin",
            short(name)
        )),
    }
}

/// How long something takes: days of a calendar, and elapsed seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    pub days: i64,
    pub seconds: i64,
}

/// The longest, in days and in seconds: ten years.
const DAYS_MAX: i64 = 3_653;
const SECONDS_MAX: i64 = DAYS_MAX * 24 * 3600;

impl Length {
    /// Reads `P1W`, `P2D`, `PT36H`, `P1DT2H30M`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{}` is not a duration up to ten years: expected such as P2D, PT36H or P1W",
                short(text)
            )
        };
        let body = text.strip_prefix('+').unwrap_or(text);
        let body = body.strip_prefix('P').ok_or_else(refuse)?;
        let mut length = Self {
            days: 0,
            seconds: 0,
        };
        let (mut number, mut in_time, mut parts) = (String::new(), false, 0);
        for c in body.chars() {
            if c.is_ascii_digit() {
                number.push(c);
                continue;
            }
            if c == 'T' && number.is_empty() && !in_time {
                in_time = true;
                continue;
            }
            let count: i64 = number.parse().map_err(|_| refuse())?;
            let (total, unit, most) = match (in_time, c) {
                (false, 'W') => (&mut length.days, 7, DAYS_MAX),
                (false, 'D') => (&mut length.days, 1, DAYS_MAX),
                (true, 'H') => (&mut length.seconds, 3600, SECONDS_MAX),
                (true, 'M') => (&mut length.seconds, 60, SECONDS_MAX),
                (true, 'S') => (&mut length.seconds, 1, SECONDS_MAX),
                _ => return Err(refuse()),
            };
            *total = count
                .checked_mul(unit)
                .and_then(|more| total.checked_add(more))
                .filter(|total| *total <= most)
                .ok_or_else(refuse)?;
            number.clear();
            parts += 1;
        }
        if parts == 0 || !number.is_empty() {
            return Err(refuse());
        }
        Ok(length)
    }
}
