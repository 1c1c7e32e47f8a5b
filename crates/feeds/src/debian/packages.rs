//! The package index of a repository, `Packages`: what it offers.
//!
//! Stanzas of `Field: value`, a blank line between them. `Source: foo (1.2-3)` names the source and,
//! where it differs, its version. Records: packages. A second stanza of one package, version and
//! architecture is broken. Source: Debian Policy Manual, 5.1 and 5.6.1; wiki.debian.org,
//! "DebianRepository/Format".

use domain::feed::Feed;
use domain::name::Architecture;
use versions::Scheme;

use super::CUT;
use super::blocks;
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// The index.
pub const FORMAT: Format = Format {
    name: "debian-repository-packages",
    recognise,
    parse,
};

/// A stanza that names a file in the pool; the list of a device's own packages names none.
fn recognise(probe: &Probe<'_>) -> bool {
    let has = |field: &str| probe.head.lines().any(|line| line.starts_with(field));
    probe.head.starts_with("Package:")
        && has("Version:")
        && has("Architecture:")
        && has("Filename:")
}

#[derive(Default)]
struct Stanza<'a> {
    number: usize,
    package: Option<&'a str>,
    version: Option<&'a str>,
    architecture: Option<&'a str>,
    source: Option<&'a str>,
    fault: Option<&'static str>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let text = blocks::text(bytes)?;
    let mut parsed = Parsed::new(Feed::DebianRepository);
    let mut seen = Seen::default();
    let mut open: Option<Stanza<'_>> = None;
    let whole = text.ends_with('\n');
    let mut walked = 0_u64;
    for (at, line) in text.lines().enumerate() {
        if line.trim_end().is_empty() {
            if let Some(stanza) = open.take() {
                take(&stanza, &mut seen, &mut parsed, sink);
            }
            continue;
        }
        if open.is_none() {
            walked += 1;
            if walked > RECORDS_MAX {
                return Err(Refusal::TooMany {
                    what: "packages",
                    limit: RECORDS_MAX,
                });
            }
        }
        let stanza = open.get_or_insert_with(|| Stanza {
            number: at + 1,
            ..Stanza::default()
        });
        stanza.line(line);
    }
    if let Some(mut stanza) = open {
        if !whole {
            stanza.fault.get_or_insert(CUT);
        }
        take(&stanza, &mut seen, &mut parsed, sink);
    }
    Ok(parsed)
}

impl<'a> Stanza<'a> {
    fn line(&mut self, line: &'a str) {
        if line.starts_with([' ', '\t']) {
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            self.fault.get_or_insert("a line that is no field");
            return;
        };
        let value = value.trim();
        let field = match name {
            "Package" => &mut self.package,
            "Version" => &mut self.version,
            "Architecture" => &mut self.architecture,
            "Source" => &mut self.source,
            _ => return,
        };
        if field.replace(value).is_some() {
            self.fault.get_or_insert("a field occurs twice");
        }
    }

    fn read(&self) -> Result<(Record, String), String> {
        if let Some(fault) = self.fault {
            return Err(fault.to_owned());
        }
        let version = |text: &str| fields::version(Some(Scheme::Deb), text);
        let name = fields::package(self.package.ok_or("no `Package`")?)?;
        let own = version(self.version.ok_or("no `Version`")?)?;
        let architecture: Architecture = self
            .architecture
            .ok_or("no `Architecture`")?
            .parse()
            .map_err(|error: domain::name::InvalidName| error.to_string())?;
        let (source, source_version) = match self.source {
            None => (name.clone(), own.clone()),
            Some(source) => match source.split_once('(') {
                None => (fields::package(source)?, own.clone()),
                Some((source, of)) => {
                    let of = of
                        .strip_suffix(')')
                        .ok_or("the source's version is not closed")?;
                    (fields::package(source)?, version(of)?)
                }
            },
        };
        let key = format!("{name} {own} {architecture}");
        let record = Record::Offered {
            name,
            version: own,
            source,
            source_version,
        };
        Ok((record, key))
    }
}

fn take(stanza: &Stanza<'_>, seen: &mut Seen, parsed: &mut Parsed, sink: &mut dyn Sink) {
    let read = stanza.read().and_then(|(record, key)| {
        seen.first(&key)?;
        Ok(record)
    });
    match read {
        Ok(record) => {
            parsed.records += 1;
            sink.record(record);
        }
        Err(why) => {
            let name = fields::word(stanza.package.unwrap_or("a package"));
            sink.broken(&format!("{name}, line {}", stanza.number), &why);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;

    const INDEX: &str = "Package: libactivemq-java\nSource: activemq (5.17.2+dfsg-2)\n\
        Version: 5.17.2+dfsg-2+b1\nArchitecture: all\nDescription: x\n more: x\n\
        Filename: pool/x.deb\n\nPackage: 7zip\nVersion: 22.01-0+deb12u1\nArchitecture: amd64\n\
        Filename: pool/y.deb\n";

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn a_source_may_have_a_version_of_its_own() {
        assert_eq!(
            formats::recognise(INDEX.as_bytes()).unwrap().name,
            FORMAT.name
        );
        let (parsed, sink) = read(INDEX);
        assert_eq!((parsed.records, sink.broken.len()), (2, 0));
        let expected = Record::Offered {
            name: "libactivemq-java".parse().unwrap(),
            version: "5.17.2+dfsg-2+b1".parse().unwrap(),
            source: "activemq".parse().unwrap(),
            source_version: "5.17.2+dfsg-2".parse().unwrap(),
        };
        assert_eq!(sink.records[0], expected);
    }

    #[test]
    fn broken_repeated_and_cut_stanzas_are_counted() {
        for (from, to) in [
            ("Version: 22.01-0+deb12u1\n", ""),
            ("22.01-0+deb12u1", "x:22"),
            (
                "Architecture: amd64",
                "Architecture: amd64\nArchitecture: i386",
            ),
            ("pool/y.deb\n", "pool/y.d"),
            ("(5.17.2+dfsg-2)", "(5.17.2"),
        ] {
            let (parsed, sink) = read(&INDEX.replace(from, to));
            assert_eq!((parsed.records, sink.broken.len()), (1, 1), "{to}");
        }
        let (parsed, sink) = read(&format!("{INDEX}\n{INDEX}"));
        assert_eq!((parsed.records, sink.broken.len()), (2, 2));
    }
}
