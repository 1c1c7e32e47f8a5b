//! Ubuntu's notices as the pages of the site's API give them, and one notice alone.
//!
//! `notices[]` with `release_packages` by code name: source packages (`is_source`) and binary ones.
//! Of a release that lists sources only those are read; old notices list binary packages without a
//! version, which state nothing. Records: notices. Source: the API's documents.

use domain::advisory::{Advisory, Says, Statement, Target};
use domain::feed::Feed;
use domain::severity::Classification;
use serde::Deserialize;
use std::collections::BTreeMap;
use versions::Scheme;

use super::{releases, usn};
use crate::fields::{self, Ids, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::json;
use crate::refusal::Refusal;

/// The pages.
pub const FORMAT: Format = Format {
    name: "ubuntu-usn-notices",
    recognise,
    parse,
};

fn recognise(probe: &Probe<'_>) -> bool {
    probe.head.starts_with('{')
        && (probe.has_key("notices") || probe.has_key("cves_ids") || probe.has_key("instructions"))
        && probe.has_key_anywhere("release_packages")
}

#[derive(Deserialize)]
struct Notice {
    id: String,
    title: Option<String>,
    published: Option<String>,
    instructions: Option<String>,
    cves_ids: Option<Vec<String>>,
    release_packages: Option<BTreeMap<String, Vec<Package>>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    is_source: bool,
    version: Option<String>,
    pocket: Option<String>,
    source_link: Option<String>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::UbuntuUsn);
    let bytes = without_mark(bytes).trim_ascii_start();
    let mut reader = Reader {
        sink,
        seen: Seen::default(),
        records: 0,
    };
    let Some(list) = json::get(bytes, "notices")? else {
        let id = reader
            .take("the notice", bytes)
            .map_err(|why| Refusal::Invalid {
                place: "the notice".to_owned(),
                why,
            })?;
        parsed.document = Some(id);
        parsed.records = reader.records;
        return Ok(parsed);
    };
    for (at, member) in json::members(list).enumerate() {
        if at as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "notices",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("notice {}", at + 1);
        if let Err(why) = reader.take(&place, member?.value) {
            reader.sink.broken(&place, &why);
        }
    }
    // What follows the list, too, must be whole.
    for member in json::members(bytes) {
        member?;
    }
    parsed.records = reader.records;
    Ok(parsed)
}

struct Reader<'s> {
    sink: &'s mut dyn Sink,
    seen: Seen,
    records: u64,
}

impl Reader<'_> {
    /// Takes a notice and gives its id. Errors: nothing of it could be read, or it was read already.
    fn take(&mut self, place: &str, value: &[u8]) -> Result<String, String> {
        let notice: Notice = json::record(value)?;
        let id = fields::id(&notice.id)?;
        self.seen.first(id)?;
        let (advisory, fault) = notice.read();
        match fault {
            None => self.records += 1,
            Some(why) => self.sink.broken(&format!("{id}, {place}"), &why),
        }
        self.sink.record(Record::Advisory(Box::new(advisory)));
        Ok(id.to_owned())
    }
}

impl Notice {
    fn read(&self) -> (Advisory, Option<String>) {
        let id = self.id.trim();
        let mut advisory = Advisory::new(id);
        advisory.title = fields::title(self.title.as_deref().unwrap_or_default());
        advisory.published = self.published.as_deref().and_then(fields::timestamp);
        advisory.after = usn::after(self.instructions.as_deref().unwrap_or_default());
        advisory.classification = Some(Classification::Security);
        let mut ids = Ids::default();
        for cve in self.cves_ids.iter().flatten() {
            usn::take(&mut ids, cve);
        }
        advisory.cves = ids.cve_list();
        advisory.aliases = ids.alias_list();
        let mut fault = None;
        for (codename, packages) in self.release_packages.iter().flatten() {
            let sources = packages.iter().any(|package| package.is_source);
            for package in packages
                .iter()
                .filter(|package| package.is_source == sources)
            {
                match package.statement(id, codename, packages) {
                    Ok(statement) => advisory.statements.extend(statement),
                    Err(why) => {
                        fault.get_or_insert(format!("{}: {why}", fields::word(codename)));
                    }
                }
            }
        }
        (advisory, fault)
    }
}

impl Package {
    /// `None`: the notice names no version.
    fn statement(
        &self,
        id: &str,
        codename: &str,
        all: &[Self],
    ) -> Result<Option<Statement>, String> {
        let name = fields::package(&self.name)?;
        let version = self.version.as_deref().unwrap_or_default().trim();
        if version.is_empty() {
            return Ok(None);
        }
        let fixed = fields::version(Some(Scheme::Deb), version)?;
        let subscription = if id.starts_with("LSN-") {
            Some("Livepatch".to_owned())
        } else {
            match self.pocket(all) {
                Some(pocket) => releases::subscription(pocket),
                None => releases::is_paid_build(version).then(|| "Ubuntu Pro".to_owned()),
            }
        };
        let target = if self.is_source {
            Target::Source(name)
        } else {
            Target::Binary(name)
        };
        Ok(Some(Statement {
            system: releases::system(fields::id(codename)?),
            target,
            architectures: Vec::new(),
            module: None,
            cves: None,
            subscription,
            says: Says::FixedIn {
                introduced: None,
                fixed,
            },
        }))
    }

    /// A source's pocket is that of the binary packages that link to it.
    fn pocket<'a>(&'a self, all: &'a [Self]) -> Option<&'a str> {
        let own = self.pocket.as_deref();
        own.filter(|pocket| !pocket.is_empty()).or_else(|| {
            all.iter()
                .filter(|package| {
                    let link = package.source_link.as_deref().unwrap_or_default();
                    link.rsplit_once("/+source/")
                        .is_some_and(|(_, name)| name == self.name)
                })
                .find_map(|package| package.pocket.as_deref())
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;

    const NOTICE: &str = r#"{"id":"USN-7284-1","title":"Netty","cves_ids":["CVE-2022-24823"],
        "published":"2025-02-24T10:00:00","instructions":"x","release_packages":{
        "jammy":[{"is_source":true,"name":"netty","version":"1:4.1.48-4ubuntu0.1"},
          {"is_source":false,"name":"libnetty-java","version":"1:4.1.48-4ubuntu0.1",
           "pocket":"esm-apps","source_link":"https://launchpad.net/ubuntu/+source/netty"}],
        "warty":[{"is_source":false,"name":"old","version":""}]}}"#;

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn a_notice_states_sources_and_their_pocket() {
        let (parsed, sink) = read(NOTICE);
        assert_eq!(
            (parsed.records, parsed.document.as_deref()),
            (1, Some("USN-7284-1"))
        );
        let advisory = sink.advisories().next().unwrap();
        assert_eq!(advisory.statements.len(), 1);
        let statement = &advisory.statements[0];
        assert_eq!(statement.system.as_str(), "ubuntu:22.04");
        assert_eq!(statement.subscription.as_deref(), Some("Ubuntu Pro"));
        assert!(matches!(&statement.target, Target::Source(name) if name.as_str() == "netty"));
    }

    #[test]
    fn a_page_goes_on_behind_broken_notices() {
        let bad = NOTICE.replace("USN-7284-1", "USN-1-2").replace(
            "\"version\":\"1:4.1.48-4ubuntu0.1\"}",
            "\"version\":\"x:4\"}",
        );
        let page = format!(r#"{{"limit":2,"notices":[{NOTICE},{NOTICE},7,{bad}],"offset":0}}"#);
        let (parsed, sink) = read(&page);
        assert_eq!(
            (parsed.records, sink.broken.len()),
            (1, 3),
            "{:?}",
            sink.broken
        );
        for cut in [page.len() - 1, page.len() - 20] {
            let read = parse(&page.as_bytes()[..cut], &mut Collect::default());
            assert!(matches!(read, Err(Refusal::Truncated { .. })), "{cut}");
        }
    }

    #[test]
    fn the_real_page_is_read() {
        let Some(bytes) = samples::read("ubuntu/notices-page.json") else {
            return;
        };
        assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
        let mut sink = Collect::default();
        // Counted by hand: USN-1-1 and USN-2-1, neither with a version.
        assert_eq!(parse(&bytes, &mut sink).unwrap().records, 2);
        assert_eq!(sink.broken, []);
        assert!(
            sink.advisories()
                .all(|advisory| advisory.statements.is_empty())
        );
    }
}
