//! OSV records of any ecosystem: one object, a list of them, or PyPA's YAML form.
//!
//! Records: OSV records. A record with a part that cannot be read is broken and not counted; what it
//! says otherwise is handed over. A list that only names records (`id` and `modified`) is an index:
//! its entries are [`Record::Listed`] and no records. Errors: a document that is no JSON or YAML, or
//! ends early, is refused. Source: the OSV schema, version 1.7.

mod ecosystems;
mod ranges;
mod record;

use domain::feed::Feed;
use serde_json::Value;

use crate::fields::{self, Seen};
use crate::format::{Format, PROBE_BYTES, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::json;
use crate::refusal::Refusal;
use crate::yaml;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "osv",
        recognise,
        parse,
    },
    Format {
        name: "osv-yaml",
        recognise: recognise_yaml,
        parse: parse_yaml,
    },
];

/// How many entries of a list are looked at to recognise it.
const LOOKED_AT: usize = 5;
/// Most keys of an entry of an index; a record has more.
const INDEX_ENTRY_KEYS_MAX: usize = 3;

/// What an object is, by its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Record,
    IndexEntry,
    Other,
}

fn recognise(probe: &Probe<'_>) -> bool {
    if probe.head.starts_with('[') {
        return json::members(probe.bytes)
            .take(LOOKED_AT)
            .map_while(Result::ok)
            .any(|member| kind(member.value) != Kind::Other);
    }
    probe.head.starts_with('{') && kind(probe.bytes) == Kind::Record
}

/// Looks at the keys of the object as far as it can be walked, so that a truncated one is known too.
fn kind(object: &[u8]) -> Kind {
    if !object.trim_ascii_start().starts_with(b"{") {
        return Kind::Other;
    }
    let (mut id, mut modified, mut other, mut count) = (false, false, false, 0);
    let mut whole = true;
    for member in json::members(object) {
        let Ok(member) = member else {
            whole = false;
            break;
        };
        count += 1;
        match member.key().as_ref() {
            "id" => id = member.value.starts_with(b"\""),
            "modified" => modified = true,
            "affected" | "schema_version" | "aliases" | "related" | "withdrawn" | "upstream" => {
                other = true;
            }
            "document" | "$schema" | "@context" | "cve" => return Kind::Other,
            _ => {}
        }
    }
    if !whole {
        let head = &object[..object.len().min(PROBE_BYTES)];
        let affected = b"\"affected\"";
        other |= head
            .windows(affected.len())
            .any(|window| window == affected);
    }
    match (id, modified, other) {
        (true, true, true) => Kind::Record,
        (true, _, true) | (_, true, true) if !whole => Kind::Record,
        (true, true, false) if count <= INDEX_ENTRY_KEYS_MAX && whole => Kind::IndexEntry,
        _ => Kind::Other,
    }
}

fn recognise_yaml(probe: &Probe<'_>) -> bool {
    if probe.is_json() || probe.is_xml() {
        return false;
    }
    let has = |key: &str| probe.head.lines().any(|line| line.starts_with(key));
    has("id:")
        && has("modified:")
        && [
            "affected:",
            "aliases:",
            "details:",
            "summary:",
            "withdrawn:",
        ]
        .into_iter()
        .any(has)
}

struct Reader<'s> {
    sink: &'s mut dyn Sink,
    seen: Seen,
    records: u64,
    listed: u64,
    feed: Option<Feed>,
}

impl<'s> Reader<'s> {
    fn new(sink: &'s mut dyn Sink) -> Self {
        Self {
            sink,
            seen: Seen::default(),
            records: 0,
            listed: 0,
            feed: None,
        }
    }

    /// Takes a record and gives its id. Errors: nothing of it could be read, or it was read already.
    fn take(&mut self, place: &str, raw: Result<record::Raw, String>) -> Result<String, String> {
        let record::Read {
            feed,
            advisory,
            fault,
        } = raw?.read()?;
        let id = advisory.id.clone();
        self.seen.first(&id)?;
        self.feed = Some(match self.feed {
            Some(known) if known != feed => Feed::Osv,
            _ => feed,
        });
        match fault {
            None => self.records += 1,
            Some(why) => {
                let place = format!("{id} {place}");
                self.sink.broken(place.trim_end(), &why);
            }
        }
        self.sink.record(Record::Advisory(Box::new(advisory)));
        Ok(id)
    }

    fn listed(&mut self, place: &str, value: &[u8]) {
        let Ok(value) = json::record::<Value>(value) else {
            return self.sink.broken(place, "an entry that is no JSON");
        };
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match fields::id(text("id")) {
            Ok(id) => {
                self.listed += 1;
                self.feed.get_or_insert_with(|| ecosystems::feed_of_id(id));
                self.sink.record(Record::Listed {
                    document: id.to_owned(),
                    address: None,
                    changed: fields::timestamp(text("modified")),
                });
            }
            Err(why) => self.sink.broken(place, &why),
        }
    }

    fn done(self) -> Parsed {
        let mut parsed = Parsed::new(self.feed.unwrap_or(Feed::Osv));
        parsed.records = self.records;
        if self.listed > 0 {
            parsed
                .notes
                .push(format!("an index that names {} records", self.listed));
        }
        parsed
    }
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes).trim_ascii_start();
    let mut reader = Reader::new(sink);
    if !bytes.starts_with(b"[") {
        // Walked once, so that an early end is told apart from a record that cannot be read.
        for member in json::members(bytes) {
            member?;
        }
        let id = reader.take("", json::record(bytes)).map_err(unreadable)?;
        let mut parsed = reader.done();
        parsed.document = Some(id);
        return Ok(parsed);
    }
    for (at, member) in json::members(bytes).enumerate() {
        let member = member?;
        if at as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "records",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("entry {}", at + 1);
        match kind(member.value) {
            Kind::IndexEntry => reader.listed(&place, member.value),
            Kind::Record | Kind::Other => {
                if let Err(why) = reader.take(&place, json::record(member.value)) {
                    reader.sink.broken(&place, &why);
                }
            }
        }
    }
    Ok(reader.done())
}

/// A document whose one record cannot be read says nothing at all.
fn unreadable(why: String) -> Refusal {
    Refusal::Invalid {
        place: "the record".to_owned(),
        why,
    }
}

fn parse_yaml(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut reader = Reader::new(sink);
    let raw = serde_json::from_value(yaml::value(bytes)?).map_err(|error| json::why(&error));
    let id = reader.take("", raw).map_err(unreadable)?;
    let mut parsed = reader.done();
    parsed.document = Some(id);
    Ok(parsed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
