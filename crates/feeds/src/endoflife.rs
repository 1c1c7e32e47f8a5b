//! endoflife.date: until when releases of systems and applications are supported.
//!
//! The full answer of the API is JSON (records are products); a product file of the site is Markdown
//! with YAML before it (one record). A date, `true` (ended) and `false` (not determined) are all
//! there is; what is absent or null stays unknown. Names of cycles are not versions. Errors: a cycle
//! that cannot be read and the second cycle of one name are broken, the product's others are read.
//! Sources: the API's OpenAPI description, and the site's `product-schema.json`.

use std::collections::HashSet;

use domain::advisory::{Ends, Lifecycle};
use domain::feed::Feed;
use jiff::civil::Date;
use serde_json::Value;

use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::{json, when, words, yaml};

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "endoflife-api",
        recognise: is_api,
        parse: parse_api,
    },
    Format {
        name: "endoflife-product",
        recognise: is_product,
        parse: parse_product,
    },
];

/// Most bytes of one product.
const PRODUCT_BYTES_MAX: usize = 4 * 1024 * 1024;

fn is_api(probe: &Probe<'_>) -> bool {
    let keys = ["schema_version", "result", "releases"];
    probe.head.starts_with('{') && keys.iter().all(|key| probe.has_key(key))
}

fn is_product(probe: &Probe<'_>) -> bool {
    let has = |key: &str| probe.head.lines().any(|line| line.starts_with(key));
    probe.head.starts_with("---") && has("permalink:") && has("releases:")
}

fn parse_api(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::Endoflife);
    let (mut seen, mut found, mut total) = (HashSet::new(), false, None);
    for member in json::members(bytes) {
        let member = member?;
        match member.key().as_ref() {
            "generated_at" => {
                let text = serde_json::from_slice::<String>(member.value).ok();
                parsed.dated = text.and_then(|text| when::timestamp(&text));
            }
            "total" => total = serde_json::from_slice::<u64>(member.value).ok(),
            "result" => {
                found = true;
                // One product's answer holds an object, the full one a list.
                if member.value.starts_with(b"{") {
                    take_product(member.value, "result", &mut seen, &mut parsed, sink);
                    continue;
                }
                for (number, product) in json::members(member.value).enumerate() {
                    if number as u64 >= RECORDS_MAX {
                        return Err(Refusal::TooMany {
                            what: "products",
                            limit: RECORDS_MAX,
                        });
                    }
                    let place = format!("result[{number}]");
                    take_product(product?.value, &place, &mut seen, &mut parsed, sink);
                }
            }
            _ => {}
        }
    }
    if !found {
        return Err(Refusal::Missing {
            place: "the answer".to_owned(),
            what: "result".to_owned(),
        });
    }
    if let Some(total) = total
        && total != parsed.records
    {
        let records = parsed.records;
        let note = format!("it says that it holds {total} products, {records} could be read");
        parsed.notes.push(note);
    }
    Ok(parsed)
}

fn take_product(
    bytes: &[u8],
    place: &str,
    seen: &mut HashSet<String>,
    parsed: &mut Parsed,
    sink: &mut dyn Sink,
) {
    if bytes.len() > PRODUCT_BYTES_MAX {
        return sink.broken(
            place,
            &format!("it is larger than {PRODUCT_BYTES_MAX} bytes"),
        );
    }
    let product: Value = match serde_json::from_slice(bytes) {
        Ok(product) => product,
        Err(error) => return sink.broken(place, &json::why(&error)),
    };
    let name = product.get("name").and_then(Value::as_str);
    let name = match words::id(name.unwrap_or_default()) {
        Ok(name) => name,
        Err(why) => return sink.broken(place, &why),
    };
    let Some(releases) = product.get("releases").and_then(Value::as_array) else {
        return sink.broken(&name, "it has no list of releases");
    };
    if !seen.insert(name.clone()) {
        return sink.broken(&name, "a product of this name was read already");
    }
    parsed.records += 1;
    cycles(&name, releases, of_api, sink);
}

fn parse_product(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let product = yaml::value(front_matter(text)?.as_bytes())?;
    let mut parsed = Parsed::new(Feed::Endoflife);
    let missing = |what: &str| Refusal::Missing {
        place: "the product".to_owned(),
        what: what.to_owned(),
    };
    let permalink = product.get("permalink").and_then(yaml::text);
    let permalink = permalink.ok_or_else(|| missing("permalink"))?;
    let name = words::id(permalink.trim_start_matches('/')).map_err(|why| Refusal::Invalid {
        place: "permalink".to_owned(),
        why,
    })?;
    let releases = product.get("releases").and_then(Value::as_array);
    let releases = releases.ok_or_else(|| missing("releases"))?;
    cycles(&name, releases, of_file, sink);
    parsed.document = Some(name);
    parsed.records = 1;
    Ok(parsed)
}

/// What stands between the first two lines of three hyphens.
fn front_matter(text: &str) -> Result<&str, Refusal> {
    let start = text.find("---").map_or(0, |at| at + 3);
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Ok(&text[start..at]);
        }
        at += line.len();
    }
    Err(Refusal::Truncated {
        place: "the front matter".to_owned(),
    })
}

type ReadCycle = fn(&str, &Value) -> Result<Lifecycle, String>;

fn cycles(product: &str, releases: &[Value], read: ReadCycle, sink: &mut dyn Sink) {
    let mut seen = HashSet::new();
    for (number, release) in releases.iter().enumerate() {
        match read(product, release) {
            Ok(cycle) if !seen.insert(cycle.cycle.clone()) => {
                let place = format!("{product} {}", cycle.cycle);
                sink.broken(&place, "a cycle of this name was read already");
            }
            Ok(cycle) => sink.record(Record::Lifecycle(cycle)),
            Err(why) => sink.broken(&format!("{product} releases[{number}]"), &why),
        }
    }
}

fn of_api(product: &str, release: &Value) -> Result<Lifecycle, String> {
    let ends = |ended: &str, from: &str| match release.get(from) {
        None | Some(Value::Null) => ends_on(release.get(ended)),
        date => ends_on(date),
    };
    Ok(Lifecycle {
        product: product.to_owned(),
        cycle: words::id(&text(release, "name").unwrap_or_default())?,
        codename: text(release, "codename"),
        latest: release.get("latest").and_then(|of| text(of, "name")),
        released: released(release)?,
        support_ends: ends("isEoas", "eoasFrom")?,
        life_ends: ends("isEol", "eolFrom")?,
        extended_ends: ends("isEoes", "eoesFrom")?,
    })
}

fn of_file(product: &str, release: &Value) -> Result<Lifecycle, String> {
    Ok(Lifecycle {
        product: product.to_owned(),
        cycle: words::id(&text(release, "releaseCycle").unwrap_or_default())?,
        codename: text(release, "codename"),
        latest: text(release, "latest"),
        released: released(release)?,
        support_ends: ends_on(release.get("eoas"))?,
        life_ends: ends_on(release.get("eol"))?,
        extended_ends: ends_on(release.get("eoes"))?,
    })
}

fn text(of: &Value, key: &str) -> Option<String> {
    let line = words::line(&of.get(key).and_then(yaml::text)?);
    (!line.is_empty()).then_some(line)
}

fn released(release: &Value) -> Result<Option<Date>, String> {
    match ends_on(release.get("releaseDate"))? {
        Ends::On(day) => Ok(Some(day)),
        Ends::Unknown | Ends::Already | Ends::NotSet => Ok(None),
    }
}

/// A date, `true` for "has ended", `false` for "not determined".
fn ends_on(value: Option<&Value>) -> Result<Ends, String> {
    match value {
        None | Some(Value::Null) => Ok(Ends::Unknown),
        Some(Value::Bool(true)) => Ok(Ends::Already),
        Some(Value::Bool(false)) => Ok(Ends::NotSet),
        Some(Value::String(text)) => {
            let day = text.parse().map_err(|_| {
                let text: String = text.chars().take(32).collect();
                format!("{text:?} is no date")
            })?;
            Ok(Ends::On(day))
        }
        Some(_) => Err("an end is neither a date nor true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
