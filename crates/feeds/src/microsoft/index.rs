//! The index of month documents: what there is to fetch, and when each changed.
//!
//! A document that the index leaves out is not gone: an index was seen that lost a month for hours.
//! So nothing is deleted by it. Month ids are not regular (`2018-FEB`, `2017-May-B`) and are taken as
//! they stand. Errors: no `value`; an entry without an id or with one already read is broken.

use std::collections::HashSet;

use domain::feed::Feed;
use serde::Deserialize;

use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json::{members, why};
use crate::refusal::Refusal;

use super::words;

/// Most bytes of an address.
const ADDRESS_BYTES_MAX: usize = 2048;

/// Whether it is the index.
pub fn recognise(probe: &Probe<'_>) -> bool {
    probe.is_json()
        && probe.has_key("value")
        && (probe.has_key("CvrfUrl") || probe.head.contains("$metadata#Updates\""))
}

/// Reads the index.
pub fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::MsrcIndex);
    let mut seen = HashSet::new();
    each_row(bytes, |place, raw| {
        match listed(raw) {
            Ok((document, address, changed)) => {
                if seen.insert(document.clone()) {
                    parsed.records += 1;
                    sink.record(Record::Listed {
                        document,
                        address,
                        changed,
                    });
                } else {
                    sink.broken(&document, "this id was read already in this index");
                }
            }
            Err(why) => sink.broken(place, &why),
        }
        Ok(())
    })?;
    Ok(parsed)
}

type Listed = (String, Option<String>, Option<jiff::Timestamp>);

fn listed(raw: &[u8]) -> Result<Listed, String> {
    let row: Row = serde_json::from_slice(raw).map_err(|error| why(&error))?;
    let document = words::id("ID", &row.id.unwrap_or_default())?;
    let address = row.address.filter(|address| {
        address.len() <= ADDRESS_BYTES_MAX && !address.chars().any(|c| c.is_control() || c == ' ')
    });
    let changed = row.changed.as_deref().and_then(words::instant);
    Ok((document, address, changed))
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "CvrfUrl")]
    address: Option<String>,
    #[serde(rename = "CurrentReleaseDate")]
    changed: Option<String>,
}

/// Calls `row` with the place and the raw bytes of each entry of `value`, after the document was seen
/// to be whole.
pub fn each_row(
    bytes: &[u8],
    mut row: impl FnMut(&str, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut value = None;
    for member in members(bytes) {
        let member = member?;
        if member.key() == "value" {
            value.get_or_insert(member.value);
        }
    }
    let value = value.ok_or_else(|| Refusal::Missing {
        place: "the document".to_owned(),
        what: "the list `value`".to_owned(),
    })?;
    if value.trim_ascii_start().first() != Some(&b'[') {
        return Err(Refusal::Invalid {
            place: "value".to_owned(),
            why: "a list was expected".to_owned(),
        });
    }
    for (index, member) in members(value).enumerate() {
        if index as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "rows",
                limit: RECORDS_MAX,
            });
        }
        row(&format!("value[{index}]"), member?.value)?;
    }
    Ok(())
}
