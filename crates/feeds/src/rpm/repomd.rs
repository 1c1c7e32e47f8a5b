//! `repomd.xml`: which files describe a repository.

use domain::feed::Feed;

use super::fixes::short;
use crate::format::{Parsed, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;
use crate::xml::{Element, Event, Xml};
use crate::{when, words};

/// Reads a document; records are its `data` elements.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Repomd);
    let mut seen: Vec<String> = Vec::new();
    loop {
        match xml.next()? {
            Event::Start(element) => match element.name() {
                "revision" if xml.depth() == 2 => {
                    let revision = xml.text()?;
                    parsed.dated = when::timestamp(&revision);
                    parsed.document = words::id(&revision).ok();
                }
                "data" if xml.depth() == 2 => {
                    let kind = element.attribute("type").unwrap_or_default();
                    if seen.len() as u64 >= RECORDS_MAX.min(1000) {
                        return Err(Refusal::TooMany {
                            what: "files of a repository",
                            limit: 1000,
                        });
                    }
                    match listed(&mut xml, &kind)? {
                        _ if seen.contains(&kind) => {
                            sink.broken(&short(&kind), "a file of this type was read already");
                        }
                        Ok(record) => {
                            seen.push(kind);
                            parsed.records += 1;
                            sink.record(record);
                        }
                        Err(why) => sink.broken(&short(&kind), &why),
                    }
                }
                _ => {}
            },
            Event::End | Event::Text(_) => {}
            Event::Done => return Ok(parsed),
        }
    }
}

fn listed(xml: &mut Xml<'_>, kind: &str) -> Result<Result<Record, String>, Refusal> {
    let (mut address, mut changed) = (None, None);
    let outside = xml.depth() - 1;
    while xml.depth() > outside {
        let Event::Start(element) = xml.next()? else {
            continue;
        };
        match element.name() {
            "location" => address = location(&element),
            "timestamp" => changed = when::timestamp(&xml.text()?),
            _ => xml.skip()?,
        }
    }
    let record = words::id(kind).and_then(|document| {
        let address = address.ok_or("it names no location")?;
        let address = Some(words::id(&address)?);
        Ok(Record::Listed {
            document,
            address,
            changed,
        })
    });
    Ok(record)
}

fn location(element: &Element<'_>) -> Option<String> {
    element.attribute("href")
}
