//! RSS 2.0 and Atom.
//!
//! Sources: RSS 2.0 specification, RSS Advisory Board; RFC 4287.

use domain::feed::Feed;

use super::{Item, date, take};
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, Sink};
use crate::refusal::Refusal;
use crate::xml::{Event, Xml};

/// RSS 2.0.
pub const RSS: Format = Format {
    name: "notice-rss",
    recognise: |probe| root(probe) == Some("rss"),
    parse: rss,
};

/// Atom.
pub const ATOM: Format = Format {
    name: "notice-atom",
    recognise: |probe| {
        // Package lists are Atom too; their entries carry properties of a data service.
        let plain = !probe.head.contains("schemas.microsoft.com/ado/");
        root(probe) == Some("feed") && probe.head.contains("http://www.w3.org/2005/Atom") && plain
    },
    parse: atom,
};

/// The local name of the root element.
fn root<'a>(probe: &'a Probe<'_>) -> Option<&'a str> {
    let mut rest = probe.head.as_str();
    loop {
        rest = &rest[rest.find('<')? + 1..];
        if rest.starts_with(['?', '!']) {
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?;
        return rest[..end].rsplit(':').next();
    }
}

fn rss(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Notice);
    let mut seen = Seen::default();
    let mut title = None;
    let mut number = 0_u64;
    loop {
        let name = match xml.next()? {
            Event::Start(element) => element.name().to_owned(),
            Event::End | Event::Text(_) => continue,
            Event::Done => break,
        };
        match (xml.depth(), name.as_str()) {
            (1, "rss") | (2, "channel") => {}
            (3, "item") => {
                number += 1;
                let item = rss_item(&mut xml)?;
                take(
                    item,
                    &format!("item {number}"),
                    &mut seen,
                    &mut parsed,
                    sink,
                )?;
            }
            (3, "link") => {
                let link = xml.text()?;
                parsed.document = parsed.document.take().or(document(&link));
            }
            (3, "title") => title = Some(xml.text()?),
            (3, "lastBuildDate" | "pubDate") => {
                parsed.dated = parsed.dated.max(date(&xml.text()?));
            }
            _ => xml.skip()?,
        }
    }
    parsed.document = parsed.document.or_else(|| document(&title?));
    Ok(parsed)
}

fn document(text: &str) -> Option<String> {
    fields::id(text).ok().map(str::to_owned)
}

fn rss_item(xml: &mut Xml<'_>) -> Result<Item, Refusal> {
    let outside = xml.depth().saturating_sub(1);
    let mut item = Item::default();
    while xml.depth() > outside {
        let name = match xml.next()? {
            Event::Start(element) => element.name().to_owned(),
            Event::End | Event::Text(_) => continue,
            Event::Done => break,
        };
        let text = xml.text()?;
        match name.as_str() {
            "title" => item.title = text,
            "guid" => item.id = Some(text),
            "link" if item.link.is_none() => item.link = Some(text),
            "pubDate" | "date" => item.published = date(&text),
            "description" | "encoded" | "category" => {
                item.text.push('\n');
                item.text.push_str(&text);
            }
            _ => {}
        }
    }
    item.id = item.id.or_else(|| item.link.clone());
    Ok(item)
}

fn atom(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Notice);
    let mut seen = Seen::default();
    let mut number = 0_u64;
    loop {
        let name = match xml.next()? {
            Event::Start(element) => element.name().to_owned(),
            Event::End | Event::Text(_) => continue,
            Event::Done => break,
        };
        match (xml.depth(), name.as_str()) {
            (1, "feed") => {}
            (2, "entry") => {
                number += 1;
                let item = atom_entry(&mut xml)?;
                take(
                    item,
                    &format!("entry {number}"),
                    &mut seen,
                    &mut parsed,
                    sink,
                )?;
            }
            (2, "id") => parsed.document = document(&xml.text()?),
            (2, "updated") => parsed.dated = date(&xml.text()?),
            _ => xml.skip()?,
        }
    }
    Ok(parsed)
}

fn atom_entry(xml: &mut Xml<'_>) -> Result<Item, Refusal> {
    let outside = xml.depth().saturating_sub(1);
    let mut item = Item::default();
    let mut updated = None;
    while xml.depth() > outside {
        let (name, link) = match xml.next()? {
            Event::Start(element) => {
                let rel = element.attribute("rel");
                let own = rel.is_none_or(|rel| rel == "alternate");
                let link = element.attribute("href").filter(|_| own);
                (element.name().to_owned(), link)
            }
            Event::End | Event::Text(_) => continue,
            Event::Done => break,
        };
        let text = xml.text()?;
        match name.as_str() {
            "title" => item.title = text,
            "id" => item.id = Some(text),
            "link" => item.link = item.link.or(link),
            "published" => item.published = date(&text),
            "updated" => updated = date(&text),
            "summary" | "content" => {
                item.text.push('\n');
                item.text.push_str(&text);
            }
            _ => {}
        }
    }
    item.published = item.published.or(updated);
    Ok(item)
}
