//! Debian's lists of advisories: DSA, DLA (long term support), ELA and DTSA.
//!
//! An entry is `[29 Mar 2023] DSA-5380-1 xorg-server - security update` with indented lines below:
//! `{CVE-…}`, lines about packages (see `lines`), `NOTE:`. An entry without CVEs is an advisory all the
//! same (regression updates). An entry with a line that cannot be read is broken and not counted;
//! what it says otherwise is still handed over, so that a fault in one line hides nothing else.
//! Records: advisories. Source: `data/DSA/list` of the Debian security tracker.

use std::str::Lines;

use domain::advisory::Advisory;
use domain::feed::Feed;
use domain::severity::Classification;
use jiff::civil::Date;

use super::blocks::BELOW_MAX;
use super::lines::{self, Line};
use super::{CUT, TOO_LONG};
use crate::fields::{self, Ids, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;

/// The lists.
pub const FORMAT: Format = Format {
    name: "debian-dsa-list",
    recognise,
    parse,
};

const KINDS: [&str; 4] = ["DSA", "DLA", "ELA", "DTSA"];

fn recognise(probe: &Probe<'_>) -> bool {
    probe
        .head
        .lines()
        .map(str::trim_end)
        .filter(|line| line.starts_with('['))
        .take(3)
        .any(|line| header(line).is_ok())
        && probe.head.starts_with('[')
}

struct Header<'a> {
    id: &'a str,
    kind: &'static str,
    title: &'a str,
    date: Date,
}

fn header(line: &str) -> Result<Header<'_>, String> {
    let rest = line.strip_prefix('[').ok_or("no date in brackets")?;
    let (date, rest) = rest.split_once(']').ok_or("the date is not closed")?;
    let date = day(date).ok_or_else(|| format!("`{}` is not a date", fields::word(date)))?;
    let rest = rest.trim_start();
    let (id, title) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let kind = kind(id).ok_or_else(|| format!("`{}` is not an id", fields::word(id)))?;
    Ok(Header {
        id,
        kind,
        title: title.trim(),
        date,
    })
}

/// The kind of `DSA-141` and `DSA-5380-1`.
fn kind(id: &str) -> Option<&'static str> {
    let (kind, rest) = id.split_once('-')?;
    let kind = KINDS.into_iter().find(|known| *known == kind)?;
    let number = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let numbered = match rest.split_once('-') {
        Some((first, second)) => number(first) && number(second),
        None => number(rest),
    };
    numbered.then_some(kind)
}

/// The day of `29 Mar 2023`, and of the older `August 26th, 2005`.
fn day(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [first, second, year] = parts.as_slice() else {
        return None;
    };
    let (day, month) = match month(second) {
        Some(month) => (*first, month),
        None => (*second, month(first)?),
    };
    let digits: &str = day
        .trim_end_matches(',')
        .trim_end_matches(|c: char| c.is_ascii_lowercase());
    let year: i16 = year.parse().ok()?;
    let day: i8 = digits.parse().ok()?;
    (1993..=2200)
        .contains(&year)
        .then(|| Date::new(year, month, day).ok())?
}

fn month(text: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = text.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| *month == start)?;
    i8::try_from(at + 1).ok()
}

/// An entry that is being read.
struct Open {
    advisory: Advisory,
    ids: Ids,
    place: String,
    fault: Option<String>,
}

struct Reader<'s> {
    sink: &'s mut dyn Sink,
    parsed: Parsed,
    seen: Seen,
    open: Option<Open>,
    /// Below a header that could not be read: its lines belong to nothing.
    skipping: bool,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut reader = Reader {
        sink,
        parsed: Parsed::new(feed(text.lines())?),
        seen: Seen::default(),
        open: None,
        skipping: false,
    };
    let whole = text.ends_with('\n');
    let last = text.lines().count();
    for (at, line) in text.lines().enumerate() {
        let cut = at + 1 == last && !whole;
        reader.line(at + 1, line.trim_end(), cut)?;
    }
    reader.close();
    Ok(reader.parsed)
}

fn feed(lines: Lines<'_>) -> Result<Feed, Refusal> {
    let first = lines
        .filter_map(|line| header(line.trim_end()).ok())
        .next()
        .ok_or_else(|| Refusal::Missing {
            place: "the list".to_owned(),
            what: "an entry with a date and an id".to_owned(),
        })?;
    Ok(match first.kind {
        "DLA" | "ELA" => Feed::DebianDla,
        _ => Feed::DebianDsa,
    })
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str, cut: bool) -> Result<(), Refusal> {
        if line.trim_start().is_empty() {
            return Ok(());
        }
        if line.starts_with([' ', '\t']) {
            self.below(number, line.trim_start(), cut);
            return Ok(());
        }
        self.close();
        if self.parsed.records >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "advisories",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("line {number}");
        self.skipping = true;
        let header = match header(line) {
            Ok(header) if !cut => header,
            Ok(_) => {
                self.sink.broken(&place, CUT);
                return Ok(());
            }
            Err(why) => {
                self.sink.broken(&place, &why);
                return Ok(());
            }
        };
        let place = format!("{}, line {number}", header.id);
        if let Err(why) = self.seen.first(header.id) {
            self.sink.broken(&place, &why);
            return Ok(());
        }
        self.skipping = false;
        let mut advisory = Advisory::new(header.id);
        advisory.title = fields::title(header.title);
        advisory.published = fields::day_start(header.date);
        self.open = Some(Open {
            advisory,
            ids: Ids::default(),
            place,
            fault: None,
        });
        Ok(())
    }

    fn below(&mut self, number: usize, line: &str, cut: bool) {
        let Some(open) = &mut self.open else {
            if !self.skipping {
                let place = format!("line {number}");
                self.sink.broken(&place, "a line that belongs to no entry");
            }
            return;
        };
        let mut fault = |why: &str| {
            open.fault
                .get_or_insert_with(|| format!("line {number}: {why}"));
        };
        if open.advisory.statements.len() >= BELOW_MAX {
            return fault(TOO_LONG);
        }
        if cut {
            // A version that is cut short would still look like a version.
            return fault(CUT);
        }
        if let Some(list) = line.strip_prefix('{') {
            let list = list.strip_suffix('}').unwrap_or_else(|| {
                fault("the list of CVEs is not closed");
                list
            });
            for id in list.split_whitespace() {
                open.ids.take(id);
            }
            return;
        }
        match lines::read(line) {
            Some(Ok(Line::Statement(statement))) => open.advisory.statements.push(*statement),
            Some(Ok(Line::Nothing)) => {}
            Some(Err(why)) => fault(&why),
            None if is_remark(line) => {}
            None => fault("a line that cannot be read"),
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let mut advisory = open.advisory;
        advisory.cves = open.ids.cve_list();
        advisory.aliases = open.ids.alias_list();
        if !advisory.statements.is_empty() {
            advisory.classification = Some(Classification::Security);
        }
        match open.fault {
            None => self.parsed.records += 1,
            Some(why) => self.sink.broken(&open.place, &why),
        }
        self.sink.record(Record::Advisory(Box::new(advisory)));
    }
}

fn is_remark(line: &str) -> bool {
    let word = line.split_once(':').map_or(line, |(word, _)| word);
    word.len() >= 3
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
