//! The catalogue read entry by entry, from JSON or CSV.

use std::collections::HashSet;

use domain::cve::CveId;
use domain::feed::Feed;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::{json, when, words};

/// Most bytes of one entry.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// Whether it is the catalogue as JSON; its schema names the same keys as properties.
pub(super) fn is_json(probe: &Probe<'_>) -> bool {
    let is_dated = probe.has_key("catalogVersion") || probe.has_key("dateReleased");
    probe.head.starts_with('{')
        && is_dated
        && probe.has_key_anywhere("vulnerabilities")
        && !probe.has_key("properties")
}

/// Whether it is the catalogue as CSV.
pub(super) fn is_csv(probe: &Probe<'_>) -> bool {
    let header = probe.head.lines().next().unwrap_or_default();
    header.contains("cveID") && header.contains("dateAdded") && header.contains(',')
}

/// Reads the catalogue as JSON.
pub(super) fn parse_json(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::Kev);
    let mut entries = Entries::default();
    let (mut counted, mut found) = (None, false);
    for member in json::members(bytes) {
        let member = member?;
        let text = || serde_json::from_slice::<String>(member.value).ok();
        match member.key().as_ref() {
            "catalogVersion" => parsed.document = text().and_then(|text| words::id(&text).ok()),
            "dateReleased" => parsed.dated = text().and_then(|text| when::timestamp(&text)),
            "count" => counted = serde_json::from_slice::<u64>(member.value).ok(),
            "vulnerabilities" => {
                found = true;
                for (number, entry) in json::members(member.value).enumerate() {
                    let entry = entry?;
                    let place = format!("vulnerabilities[{number}]");
                    let read = match entry.value.len() <= ENTRY_BYTES_MAX {
                        true => serde_json::from_slice::<Entry>(entry.value)
                            .map_err(|error| json::why(&error)),
                        false => Err(format!("it is larger than {ENTRY_BYTES_MAX} bytes")),
                    };
                    entries.take(read, &place, sink)?;
                }
            }
            _ => {}
        }
    }
    if !found {
        return Err(Refusal::Missing {
            place: "the catalogue".to_owned(),
            what: "vulnerabilities".to_owned(),
        });
    }
    if parsed.dated.is_none() {
        parsed
            .notes
            .push("it does not say of when it is".to_owned());
    }
    if let Some(counted) = counted
        && counted != entries.read
    {
        let read = entries.read;
        let note = format!("it says that it holds {counted} entries, and holds {read}");
        parsed.notes.push(note);
    }
    parsed.records = entries.good;
    Ok(parsed)
}

/// Reads the catalogue as CSV. It names no day.
pub(super) fn parse_csv(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes);
    std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parsed = Parsed::new(Feed::Kev);
    let mut entries = Entries::default();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let bad = |error: csv::Error| Refusal::Syntax {
        syntax: "CSV",
        place: error.position().map_or("the start".to_owned(), |position| {
            format!("line {}", position.line())
        }),
        why: error.to_string(),
    };
    let header = reader.headers().map_err(bad)?.clone();
    for row in reader.records() {
        let row = row.map_err(bad)?;
        let line = row.position().map_or(0, csv::Position::line);
        let read = if row.len() == header.len() {
            row.deserialize::<Entry>(Some(&header))
                .map_err(|error| error.to_string())
        } else {
            Err(format!("{} columns of {}", row.len(), header.len()))
        };
        entries.take(read, &format!("line {line}"), sink)?;
    }
    if !bytes.ends_with(b"\n") {
        let note = "the last line has no end: the document may be cut short";
        parsed.notes.push(note.to_owned());
    }
    parsed.records = entries.good;
    Ok(parsed)
}

/// An entry as it is written; further keys are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve_id: String,
    date_added: String,
    due_date: Option<String>,
    #[serde(default)]
    known_ransomware_campaign_use: Value,
}

#[derive(Default)]
struct Entries {
    seen: HashSet<CveId>,
    read: u64,
    good: u64,
}

impl Entries {
    fn take(
        &mut self,
        entry: Result<Entry, String>,
        place: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), Refusal> {
        self.read += 1;
        if self.read > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "entries",
                limit: RECORDS_MAX,
            });
        }
        match entry.and_then(|entry| entry.record()) {
            Ok((cve, _)) if !self.seen.insert(cve) => {
                sink.broken(&cve.to_string(), "an entry for this CVE was read already");
            }
            Ok((_, record)) => {
                self.good += 1;
                sink.record(record);
            }
            Err(why) => sink.broken(place, &why),
        }
        Ok(())
    }
}

impl Entry {
    fn record(&self) -> Result<(CveId, Record), String> {
        let cve: CveId = self
            .cve_id
            .trim()
            .parse()
            .map_err(|error| format!("{error}"))?;
        let day = |text: &str| -> Result<Date, String> {
            let day = text.trim().get(..10).and_then(|day| day.parse().ok());
            day.ok_or_else(|| format!("{cve}: a date cannot be read"))
        };
        let due = self.due_date.as_deref().filter(|text| !text.is_empty());
        let record = Record::Exploited {
            cve,
            added: day(&self.date_added)?,
            due: due.map(day).transpose()?,
            ransomware: self.known_ransomware_campaign_use == "Known",
        };
        Ok((cve, record))
    }
}
