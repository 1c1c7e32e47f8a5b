//! Red Hat's list of its OVAL documents, `feed.json`.

use domain::feed::Feed;
use serde::Deserialize;

use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;
use crate::seen::SeenIds;
use crate::{json, when, words};

/// Most bytes of one entry.
const ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// Whether it is the list: a ROLIE feed whose entries are OVAL documents.
pub(super) fn recognise(probe: &Probe<'_>) -> bool {
    let names = ["\"oval:/", "vulnerabilities-oval"];
    probe.head.starts_with('{')
        && probe.has_key("feed")
        && probe.has_key("entry")
        && names.iter().any(|name| probe.head.contains(name))
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    link: Vec<Link>,
    updated: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

/// Reads the list; records are its entries.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::RedhatOval);
    let missing = |what: &str| Refusal::Missing {
        place: "the list".to_owned(),
        what: what.to_owned(),
    };
    let mut feed = None;
    for member in json::members(bytes) {
        let member = member?;
        if member.key() == "feed" {
            feed = Some(member.value);
        }
    }
    let mut entries = None;
    for member in json::members(feed.ok_or_else(|| missing("feed"))?) {
        let member = member?;
        let text = || serde_json::from_slice::<String>(member.value).ok();
        match member.key().as_ref() {
            "id" => parsed.document = text().and_then(|text| words::id(&text).ok()),
            "updated" => parsed.dated = text().and_then(|text| when::timestamp(&text)),
            "entry" => entries = Some(member.value),
            _ => {}
        }
    }
    let mut seen = SeenIds::default();
    for (number, entry) in json::members(entries.ok_or_else(|| missing("entry"))?).enumerate() {
        if number as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "entries",
                limit: RECORDS_MAX,
            });
        }
        match listed(entry?.value) {
            Ok((document, _)) if !seen.first(&[&document]) => {
                sink.broken(&document, "an entry with this id was read already");
            }
            Ok((_, record)) => {
                parsed.records += 1;
                sink.record(record);
            }
            Err(why) => sink.broken(&format!("entry[{number}]"), &why),
        }
    }
    Ok(parsed)
}

fn listed(bytes: &[u8]) -> Result<(String, Record), String> {
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(format!("it is larger than {ENTRY_BYTES_MAX} bytes"));
    }
    let entry: Entry = serde_json::from_slice(bytes).map_err(|error| json::why(&error))?;
    let document = words::id(&entry.id)?;
    let address = entry.link.first().map(|link| words::id(&link.href));
    let record = Record::Listed {
        document: document.clone(),
        address: address.transpose()?,
        changed: entry.updated.as_deref().and_then(when::timestamp),
    };
    Ok((document, record))
}
