//! OVAL definitions of Linux distributions, one reader for all of them.
//!
//! A definition names tests, a test names an object and a state, and those stand at the end of the
//! document, so it is read twice: first tests, objects, states and variables, then definition by
//! definition. Records are definitions. Fixed versions are taken from states (`evr less than`), as
//! the vendor wrote them. Which system, architecture and module a version is for is taken from the
//! criteria around it. What is signed with which key and which kernel runs is not looked at.
//! Errors: a definition that cannot be read is one broken record; a document cut short is refused.
//! Sources: the OVAL 5.11 schemas, and the vendors' documents.

mod criteria;
mod definition;
mod listed;
mod tests_of;

use domain::feed::Feed;

use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;
use crate::rpm::first_element;
use crate::seen::SeenIds;
use crate::when;
use crate::xml::{Event, Xml};

use definition::Definition;
use tests_of::Library;

/// The forms read here: one a publisher, so that a document cut short has a feed all the same.
pub const FORMATS: &[Format] = &[
    Format {
        name: "redhat-oval-list",
        recognise: listed::recognise,
        parse: listed::parse,
    },
    Format {
        name: "oracle-oval",
        recognise: |probe| is_of(probe, Some(Feed::OracleOval)),
        parse,
    },
    Format {
        name: "redhat-oval",
        recognise: |probe| is_of(probe, Some(Feed::RedhatOval)),
        parse,
    },
    Format {
        name: "alma-oval",
        recognise: |probe| is_of(probe, Some(Feed::AlmaOval)),
        parse,
    },
    Format {
        name: "suse-oval",
        recognise: |probe| is_of(probe, Some(Feed::SuseOval)),
        parse,
    },
    Format {
        name: "ubuntu-oval",
        recognise: |probe| is_of(probe, Some(Feed::UbuntuOval)),
        parse,
    },
    Format {
        name: "debian-oval",
        recognise: |probe| is_of(probe, Some(Feed::DebianOval)),
        parse,
    },
    Format {
        name: "oval",
        recognise: |probe| is_of(probe, None),
        parse,
    },
];

/// Whether it is OVAL, and of this publisher as far as its head tells.
fn is_of(probe: &Probe<'_>, feed: Option<Feed>) -> bool {
    if first_element(&probe.head) != Some("oval_definitions") {
        return false;
    }
    let head = &probe.head;
    let first_id = head.find("\"oval:").map_or("", |at| &head[at + 1..]);
    let generator = head
        .split_once("product_name>")
        .and_then(|(_, rest)| rest.split_once('<'));
    publisher(first_id, generator.map_or("", |(name, _)| name)) == feed
}

/// Most statements of one document.
const STATEMENTS_MAX: u64 = 20_000_000;

/// Publishers by the namespace of their ids.
const PUBLISHERS: &[(&str, Feed)] = &[
    ("oval:com.oracle.", Feed::OracleOval),
    ("oval:com.redhat.", Feed::RedhatOval),
    ("oval:org.almalinux.", Feed::AlmaOval),
    ("oval:org.opensuse.", Feed::SuseOval),
    ("oval:com.suse.", Feed::SuseOval),
    ("oval:com.ubuntu.", Feed::UbuntuOval),
    ("oval:org.debian", Feed::DebianOval),
];

/// Publishers by the name of what generated the document, for one without definitions.
const GENERATORS: &[(&str, Feed)] = &[
    ("oracle", Feed::OracleOval),
    ("red hat", Feed::RedhatOval),
    ("almalinux", Feed::AlmaOval),
    ("marcus updateinfo", Feed::SuseOval),
    ("suse", Feed::SuseOval),
    ("canonical", Feed::UbuntuOval),
    ("ubuntu", Feed::UbuntuOval),
    ("debian", Feed::DebianOval),
];

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let (library, head) = first_pass(bytes)?;
    let feed = publisher(&head.first_id, &head.generator).ok_or_else(|| Refusal::Unrecognised {
        why: "OVAL of a publisher that is not known".to_owned(),
    })?;
    let mut parsed = Parsed::new(feed);
    parsed.dated = when::timestamp(&head.timestamp);
    let mut notes = Notes::default();
    let mut seen = SeenIds::default();
    let mut xml = Xml::new(bytes)?;
    let (mut read, mut statements) = (0_u64, 0_u64);
    loop {
        match xml.next()? {
            Event::Start(element) if xml.depth() == 3 && element.name() == "definition" => {
                read += 1;
                if read > RECORDS_MAX {
                    return Err(Refusal::TooMany {
                        what: "definitions",
                        limit: RECORDS_MAX,
                    });
                }
                let definition = Definition::read(&mut xml, &element)?;
                let place = match definition.id.is_empty() {
                    true => format!("definition {read}"),
                    false => definition.id.chars().take(128).collect(),
                };
                if definition.id.is_empty() {
                    sink.broken(&place, "it has no id");
                } else if !seen.first(&[&definition.id]) {
                    sink.broken(&place, "a definition with this id was read already");
                } else {
                    match definition.advisories(feed, &library, &mut notes) {
                        Ok(advisories) => {
                            parsed.records += 1;
                            statements += count(&advisories);
                            if statements > STATEMENTS_MAX {
                                return Err(Refusal::TooMany {
                                    what: "statements about packages",
                                    limit: STATEMENTS_MAX,
                                });
                            }
                            for advisory in advisories {
                                sink.record(Record::Advisory(Box::new(advisory)));
                            }
                        }
                        Err(why) => sink.broken(&place, &why),
                    }
                }
            }
            Event::Start(_) | Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    parsed.notes = notes.sentences();
    Ok(parsed)
}

fn count(advisories: &[domain::advisory::Advisory]) -> u64 {
    let counts = advisories.iter().map(|advisory| advisory.statements.len());
    counts.sum::<usize>() as u64
}

/// What the document says of itself.
#[derive(Debug, Default)]
struct Head {
    timestamp: String,
    generator: String,
    first_id: String,
}

/// The publisher by the first id, else by what generated the document.
fn publisher(first_id: &str, generator: &str) -> Option<Feed> {
    let by_id = PUBLISHERS
        .iter()
        .find(|(mark, _)| first_id.starts_with(mark));
    if let Some((_, feed)) = by_id {
        return Some(*feed);
    }
    if !first_id.is_empty() {
        return None;
    }
    let name = generator.to_ascii_lowercase();
    let found = GENERATORS.iter().find(|(mark, _)| name.contains(mark))?;
    Some(found.1)
}

fn first_pass(bytes: &[u8]) -> Result<(Library, Head), Refusal> {
    let mut library = Library::default();
    let mut head = Head::default();
    let mut xml = Xml::new(bytes)?;
    loop {
        match xml.next()? {
            Event::Start(element) => match (xml.depth(), element.name()) {
                (2, "tests") => library.tests(&mut xml)?,
                (2, "objects") => library.objects(&mut xml)?,
                (2, "states") => library.states(&mut xml)?,
                (2, "variables") => library.variables(&mut xml)?,
                (3, "product_name") => head.generator = xml.text()?,
                (3, "timestamp") => head.timestamp = xml.text()?,
                (3, "definition") => {
                    if head.first_id.is_empty() {
                        head.first_id = element.attribute("id").unwrap_or_default();
                    }
                    xml.skip()?;
                }
                _ => {}
            },
            Event::End | Event::Text(_) => {}
            Event::Done => return Ok((library, head)),
        }
    }
}

/// What is worth a note, counted.
#[derive(Debug, Default)]
struct Notes {
    /// Definitions that say nothing of a package.
    silent: u64,
    /// Definitions for platforms that are no system known here.
    platforms: u64,
    /// Definitions whose tests do not stand in the document.
    comments: u64,
    /// Packages of modules whose stream is not named.
    streams: u64,
    /// Severities that are in no table.
    severity: u64,
}

impl Notes {
    fn sentences(&self) -> Vec<String> {
        let all = [
            (
                self.silent,
                "definitions say nothing of a package's versions",
            ),
            (
                self.platforms,
                "definitions name platforms that are no system known here; nothing is said of those",
            ),
            (
                self.comments,
                "definitions name tests that the document does not hold; their comments were read",
            ),
            (
                self.streams,
                "packages belong to a module whose stream is not named: nothing is said of them",
            ),
            (
                self.severity,
                "definitions have a severity word that is not known",
            ),
        ];
        let said = all.iter().filter(|(count, _)| *count > 0);
        said.map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

#[cfg(test)]
mod tests;
