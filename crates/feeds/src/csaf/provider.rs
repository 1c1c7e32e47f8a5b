//! Where a CSAF provider keeps its documents: metadata, aggregators, ROLIE feeds and services.
//!
//! Nothing here is an advisory: each entry says what could be fetched. Red Hat's index of OVAL files
//! has the form of a ROLIE feed and is told by its id. Errors: a document without the parts that
//! its form requires is refused, an entry without id or address is broken.
//! Sources: CSAF 2.0, section 7; RFC 8322 (ROLIE).

use domain::feed::Feed;
use serde::Deserialize;

use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json;
use crate::refusal::Refusal;

/// Longest address that is kept, in bytes.
const ADDRESS_BYTES_MAX: usize = 2048;

/// A ROLIE feed.
pub const ROLIE_FEED: Format = Format {
    name: "csaf-rolie-feed",
    recognise: |probe| {
        probe.is_json()
            && probe.has_key("feed")
            && (probe.has_key("entry") || probe.has_key_anywhere("entry"))
            && !probe.has_key("$schema")
    },
    parse: rolie_feed,
};

/// A list of ROLIE feeds, or of their categories.
pub const ROLIE_SERVICE: Format = Format {
    name: "csaf-rolie-service",
    recognise: |probe| {
        let service = probe.has_key("service") && probe.has_key("workspace");
        let categories = probe.has_key("categories") && probe.has_key("category");
        probe.is_json() && (service || categories && is_only(probe, "categories"))
    },
    parse: rolie_service,
};

/// Metadata of a provider.
pub const PROVIDER: Format = Format {
    name: "csaf-provider",
    recognise: |probe| {
        probe.is_json()
            && probe.has_key_anywhere("metadata_version")
            && probe.has_key_anywhere("publisher")
            && !probe.has_key("$schema")
    },
    parse: provider,
};

/// A list of providers.
pub const AGGREGATOR: Format = Format {
    name: "csaf-aggregator",
    recognise: |probe| {
        probe.is_json() && probe.has_key("aggregator") && probe.has_key_anywhere("csaf_providers")
    },
    parse: aggregator,
};

/// Whether an object has this member alone.
fn is_only(probe: &Probe<'_>, key: &str) -> bool {
    let mut members = json::members(probe.bytes);
    let first = members
        .next()
        .is_some_and(|m| m.is_ok_and(|m| m.key() == key));
    first && members.next().is_none()
}

fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = text
        .chars()
        .all(|c| domain::name::printable(c) && !c.is_whitespace());
    (!text.is_empty() && text.len() <= ADDRESS_BYTES_MAX && plain).then(|| text.to_owned())
}

/// Hands over one entry, or why it is broken.
fn listed(
    parsed: &mut Parsed,
    seen: &mut Seen,
    sink: &mut dyn Sink,
    place: &str,
    entry: (Option<&str>, Option<&str>, Option<&str>),
) {
    let (id, link, changed) = entry;
    let link = link.and_then(address);
    let named = id.map(str::to_owned).or_else(|| link.clone());
    let read = named.ok_or_else(|| "it has neither id nor address".to_owned());
    let read = read.and_then(|id| fields::id(&id).map(str::to_owned));
    let read = read.and_then(|id| seen.first(&id).map(|()| id));
    match read {
        Ok(document) => {
            parsed.records += 1;
            sink.record(Record::Listed {
                document,
                address: link,
                changed: changed.and_then(fields::timestamp),
            });
        }
        Err(why) => sink.broken(place, &why),
    }
}

fn required<'a>(bytes: &'a [u8], key: &str, place: &str) -> Result<&'a [u8], Refusal> {
    json::get(bytes, key)?.ok_or_else(|| Refusal::Missing {
        place: place.to_owned(),
        what: format!("`{key}`"),
    })
}

/// Walks an array, record by record, within the limit.
fn each(
    raw: &[u8],
    mut take: impl FnMut(usize, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for (number, member) in json::members(raw).enumerate() {
        if u64::try_from(number).unwrap_or(u64::MAX) >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "entries",
                limit: RECORDS_MAX,
            });
        }
        take(number, member?.value)?;
    }
    Ok(())
}

fn text(raw: &[u8], key: &str) -> Option<String> {
    let value = json::get(raw, key).ok()??;
    serde_json::from_slice(value).ok()
}

#[derive(Deserialize)]
struct Entry {
    id: Option<String>,
    updated: Option<String>,
    #[serde(default)]
    link: Vec<Link>,
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Link {
    rel: Option<String>,
    href: String,
}

#[derive(Deserialize)]
struct Content {
    src: Option<String>,
}

fn rolie_feed(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let _whole = json::members(bytes).collect::<Result<Vec<_>, _>>()?;
    let feed = required(bytes, "feed", "the document")?;
    let entries = required(feed, "entry", "feed")?;
    let id = text(feed, "id");
    let oval = id
        .as_deref()
        .is_some_and(|id| id.starts_with("red-hat-") && id.ends_with("-oval"));
    let mut parsed = Parsed::new(if oval {
        Feed::RedhatOval
    } else {
        Feed::CsafProvider
    });
    parsed.document = id
        .as_deref()
        .and_then(|id| fields::id(id).ok())
        .map(str::to_owned);
    parsed.dated = text(feed, "updated").as_deref().and_then(fields::timestamp);
    let mut seen = Seen::default();
    each(entries, |number, raw| {
        let place = format!("feed/entry/{number}");
        let entry: Entry = match serde_json::from_slice(raw) {
            Ok(entry) => entry,
            Err(error) => {
                sink.broken(&place, &json::why(&error));
                return Ok(());
            }
        };
        let itself = |link: &&Link| link.rel.as_deref().is_none_or(|rel| rel == "self");
        let link = entry
            .content
            .as_ref()
            .and_then(|content| content.src.as_deref());
        let link = link.or_else(|| Some(entry.link.iter().find(itself)?.href.as_str()));
        let entry = (entry.id.as_deref(), link, entry.updated.as_deref());
        listed(&mut parsed, &mut seen, sink, &place, entry);
        Ok(())
    })?;
    Ok(parsed)
}

#[derive(Deserialize)]
struct Service {
    workspace: Vec<Workspace>,
}

#[derive(Deserialize)]
struct Workspace {
    #[serde(default)]
    collection: Vec<Collection>,
}

#[derive(Deserialize)]
struct Collection {
    href: String,
}

fn rolie_service(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let _whole = json::members(bytes).collect::<Result<Vec<_>, _>>()?;
    let mut parsed = Parsed::new(Feed::CsafProvider);
    let Some(raw) = json::get(bytes, "service")? else {
        // Categories name products; there is nothing to fetch in them.
        let categories = required(bytes, "categories", "the document")?;
        each(
            required(categories, "category", "categories")?,
            |number, raw| {
                match text(raw, "term") {
                    Some(_) => parsed.records += 1,
                    None => sink.broken(&format!("categories/category/{number}"), "it has no term"),
                }
                Ok(())
            },
        )?;
        return Ok(parsed);
    };
    let service: Service = whole(raw, "service")?;
    let mut seen = Seen::default();
    for (number, workspace) in service.workspace.iter().enumerate() {
        for (count, collection) in workspace.collection.iter().enumerate() {
            let place = format!("service/workspace/{number}/collection/{count}");
            let entry = (None, Some(collection.href.as_str()), None);
            listed(&mut parsed, &mut seen, sink, &place, entry);
        }
    }
    Ok(parsed)
}

fn whole<'a, T: Deserialize<'a>>(raw: &'a [u8], place: &str) -> Result<T, Refusal> {
    serde_json::from_slice(raw).map_err(|error| Refusal::Invalid {
        place: place.to_owned(),
        why: json::why(&error),
    })
}

#[derive(Deserialize)]
struct Provider {
    canonical_url: String,
    last_updated: String,
    publisher: Publisher,
    #[serde(default)]
    distributions: Vec<Distribution>,
}

#[derive(Deserialize)]
struct Publisher {
    namespace: String,
}

#[derive(Deserialize)]
struct Distribution {
    directory_url: Option<String>,
    rolie: Option<Rolie>,
}

#[derive(Deserialize)]
struct Rolie {
    feeds: Vec<RolieFeed>,
}

#[derive(Deserialize)]
struct RolieFeed {
    url: String,
}

fn provider(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let _whole = json::members(bytes).collect::<Result<Vec<_>, _>>()?;
    let provider: Provider = whole(bytes, "the document")?;
    let mut parsed = Parsed::new(Feed::CsafProvider);
    parsed.document = address(&provider.canonical_url).or(address(&provider.publisher.namespace));
    parsed.dated = fields::timestamp(&provider.last_updated);
    let mut seen = Seen::default();
    for (number, distribution) in provider.distributions.iter().enumerate() {
        let place = format!("distributions/{number}");
        let feeds = distribution.rolie.iter().flat_map(|rolie| &rolie.feeds);
        let links = feeds
            .map(|feed| &feed.url)
            .chain(&distribution.directory_url);
        for link in links {
            listed(
                &mut parsed,
                &mut seen,
                sink,
                &place,
                (None, Some(link), None),
            );
        }
    }
    Ok(parsed)
}

#[derive(Deserialize)]
struct Aggregator {
    canonical_url: String,
    last_updated: String,
    csaf_providers: Vec<Provided>,
    #[serde(default)]
    csaf_publishers: Vec<Provided>,
}

#[derive(Deserialize)]
struct Provided {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    url: String,
    last_updated: Option<String>,
}

fn aggregator(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let _whole = json::members(bytes).collect::<Result<Vec<_>, _>>()?;
    let aggregator: Aggregator = whole(bytes, "the document")?;
    let mut parsed = Parsed::new(Feed::CsafProvider);
    parsed.document = address(&aggregator.canonical_url);
    parsed.dated = fields::timestamp(&aggregator.last_updated);
    let mut seen = Seen::default();
    let providers = aggregator
        .csaf_providers
        .iter()
        .chain(&aggregator.csaf_publishers);
    for (number, provided) in providers.enumerate() {
        let metadata = &provided.metadata;
        let changed = metadata.last_updated.as_deref();
        let entry = (None, Some(metadata.url.as_str()), changed);
        let place = format!("csaf_providers/{number}");
        listed(&mut parsed, &mut seen, sink, &place, entry);
    }
    Ok(parsed)
}
