//! Packages whose security support ended or is limited: debian-security-support, and the tracker's
//! package tags.
//!
//! The tables do not name the release that they are for (their file's name does, `….deb12`), so their
//! entries are about Debian without a release: they decide nothing by themselves. A name may be a
//! pattern (`php-horde.*`), kept as written. Version `0` says that there never was support. Records:
//! entries. Source: the tables' own heads; `data/package-tags` of the tracker.

use domain::advisory::SystemId;
use domain::definitions::SupportEnd;
use domain::feed::Feed;
use jiff::civil::Date;
use versions::Scheme;

use super::CUT;
use super::blocks;
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// Support that ended: package, last version, date, why.
pub const ENDED: Format = Format {
    name: "debian-support-ended",
    recognise: recognise_ended,
    parse: |bytes, sink| parse(bytes, sink, ended),
};

/// Support that is limited: package, why.
pub const LIMITED: Format = Format {
    name: "debian-support-limited",
    recognise: recognise_limited,
    parse: |bytes, sink| parse(bytes, sink, limited),
};

/// The tracker's tags: release, package, word, why.
pub const TAGS: Format = Format {
    name: "debian-work-list-tags",
    recognise: recognise_tags,
    parse: |bytes, sink| {
        let mut parsed = parse(bytes, sink, tag)?;
        parsed.feed = Feed::DebianWorkList;
        Ok(parsed)
    },
};

fn first_line(probe: &Probe<'_>) -> String {
    let mut lines = blocks::lines(&probe.head);
    lines
        .next()
        .map_or(String::new(), |(_, line, _)| line.to_owned())
}

fn recognise_ended(probe: &Probe<'_>) -> bool {
    let first = first_line(probe);
    let day = first.split_whitespace().nth(2);
    let day = day.is_some_and(|day| day.len() == 10 && day.parse::<Date>().is_ok());
    let says = probe.head.starts_with('#') && probe.head.contains("whose security support ends");
    says || day && !probe.is_xml() && !probe.is_json() && !first.contains(',')
}

fn recognise_limited(probe: &Probe<'_>) -> bool {
    probe.head.starts_with('#') && probe.head.contains("where security support is limited")
}

fn recognise_tags(probe: &Probe<'_>) -> bool {
    let first = first_line(probe);
    first.starts_with('[')
        && (first.contains("<limited-support>") || first.contains("<unsupported>"))
}

type Read = fn(&str) -> Result<SupportEnd, String>;

fn parse(bytes: &[u8], sink: &mut dyn Sink, read: Read) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::DebianSupport);
    let mut seen = Seen::default();
    for (at, (number, line, cut)) in blocks::lines(blocks::text(bytes)?).enumerate() {
        if at as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "entries",
                limit: RECORDS_MAX,
            });
        }
        let entry = if cut { Err(CUT.to_owned()) } else { read(line) };
        let entry = entry.and_then(|entry| {
            let system = entry.system.as_ref().map_or("", SystemId::as_str);
            seen.first(&format!("{system} {}", entry.source))?;
            Ok(entry)
        });
        match entry {
            Ok(entry) => {
                parsed.records += 1;
                sink.record(Record::Support(Box::new(entry)));
            }
            Err(why) => sink.broken(&format!("line {number}"), &why),
        }
    }
    Ok(parsed)
}

/// Debian, without a release.
fn some_debian() -> Option<SystemId> {
    Some(SystemId::new("debian", ""))
}

/// The first word and the rest behind its blanks.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn ended(line: &str) -> Result<SupportEnd, String> {
    let (name, rest) = word(line);
    let (version, rest) = word(rest);
    let (day, why) = word(rest);
    let last = match version {
        "" => return Err("a package without a version".to_owned()),
        "0" => None,
        _ => Some(fields::version(Some(Scheme::Deb), version)?),
    };
    let day = day
        .parse::<Date>()
        .map_err(|_| format!("`{}` is not a date", fields::word(day)))?;
    Ok(SupportEnd {
        system: some_debian(),
        source: fields::package(name)?,
        last,
        ended: Some(day),
        why: fields::title(why),
    })
}

fn limited(line: &str) -> Result<SupportEnd, String> {
    let (name, why) = word(line);
    Ok(SupportEnd {
        system: some_debian(),
        source: fields::package(name)?,
        last: None,
        ended: None,
        why: fields::title(why),
    })
}

/// `[wheezy] php5 <limited-support> (See README.Debian.security)`.
fn tag(line: &str) -> Result<SupportEnd, String> {
    let rest = line.strip_prefix('[').ok_or("no release in brackets")?;
    let (release, rest) = rest.split_once(']').ok_or("the release is not closed")?;
    let (name, rest) = word(rest);
    let (tag, why) = word(rest);
    if !matches!(tag, "<limited-support>" | "<unsupported>") {
        return Err(format!("`{}` is not a known word", fields::word(tag)));
    }
    let why = why.trim_start_matches('(').trim_end_matches(')');
    Ok(SupportEnd {
        system: Some(SystemId::debian(fields::id(release)?)),
        source: fields::package(name)?,
        last: None,
        ended: None,
        why: fields::title(&format!("{}: {why}", tag.trim_matches(['<', '>']))),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;

    #[test]
    fn an_end_of_support_has_a_version_and_a_day() {
        let found = ended("wpewebkit\t2.38.6-1\t\t2023-05-09\thttps://bugs.debian.org/1035794");
        let found = found.unwrap();
        assert_eq!(found.last, Some("2.38.6-1".parse().unwrap()));
        assert_eq!(found.ended, Some("2023-05-09".parse().unwrap()));
        assert_eq!(found.why, "https://bugs.debian.org/1035794");
        assert_eq!(ended("node-.* 0 2020-02-20 x").unwrap().last, None);
        for bad in ["a", "a 1", "a 1 soon x", "a x:1 2020-02-20"] {
            assert!(ended(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn repeated_broken_and_cut_entries_are_counted() {
        let text = "# x\na 1 2020-01-01 x\na 1 2020-01-01 x\nb 1\nc 1 2020-01-0";
        let mut sink = Collect::default();
        let parsed = (ENDED.parse)(text.as_bytes(), &mut sink).unwrap();
        assert_eq!((parsed.records, sink.broken.len()), (1, 3));
    }

    #[test]
    fn the_real_tables_are_read() {
        // Lines counted with `grep -vc '^#\|^\s*$'`.
        for (path, name, records) in [
            (
                "debian/security-support/security-support-ended",
                ENDED.name,
                16,
            ),
            (
                "debian/security-support/security-support-ended.deb9",
                ENDED.name,
                21,
            ),
            (
                "debian/security-support/security-support-ended.deb10",
                ENDED.name,
                8,
            ),
            (
                "debian/security-support/security-support-limited",
                LIMITED.name,
                32,
            ),
            ("debian/tracker-package-tags", TAGS.name, 27),
        ] {
            let Some(bytes) = samples::read(path) else {
                return;
            };
            let format = formats::recognise(&bytes).unwrap();
            assert_eq!(format.name, name, "{path}");
            let mut sink = Collect::default();
            let parsed = (format.parse)(&bytes, &mut sink).unwrap();
            assert_eq!(sink.broken, [], "{path}");
            assert_eq!(parsed.records, records, "{path}");
        }
    }
}
