//! A changelog as a feed document.
//!
//! An entry that names CVEs and the release it was made for (`bookworm-security`, `jammy`) states that
//! this version of the source has their fixes there. Entries for `unstable` say so of unstable only,
//! those for a name that stands for changing releases (`stable`) of none. Records: entries. The last
//! entry must end with its trailer, else the text is cut short.
//! Source: Debian Policy Manual, section 4.4; Developers' Reference, 5.5 (names of distributions).

use std::collections::BTreeSet;

use domain::advisory::{Advisory, Says, Statement, SystemId, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::release::DEBIAN_RELEASES;
use domain::severity::Classification;
use jiff::Timestamp;

use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::ubuntu::releases;

/// The changelog.
pub const FORMAT: Format = Format {
    name: "deb-changelog",
    recognise,
    parse,
};

/// Longest line that is searched for CVEs.
const LINE_BYTES_MAX: usize = 64 * 1024;

fn recognise(probe: &Probe<'_>) -> bool {
    let first = probe.head.lines().find(|line| !line.trim().is_empty());
    first.is_some_and(|line| super::is_header(line) && super::header(line).is_some())
}

struct Entry<'a> {
    number: usize,
    line: &'a str,
    cves: BTreeSet<CveId>,
    /// `None`: no trailer yet; else the day that it gives, where that can be read.
    ended: Option<Option<Timestamp>>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parsed = Parsed::new(Feed::DebChangelog);
    let mut seen = Seen::default();
    let mut open: Option<Entry<'_>> = None;
    let mut walked = 0_u64;
    for (at, line) in text.lines().enumerate() {
        if super::is_header(line) {
            if let Some(entry) = open.take() {
                take(&entry, &mut seen, &mut parsed, sink);
            }
            walked += 1;
            if walked > RECORDS_MAX {
                return Err(Refusal::TooMany {
                    what: "entries",
                    limit: RECORDS_MAX,
                });
            }
            open = Some(Entry {
                number: at + 1,
                line,
                cves: BTreeSet::new(),
                ended: None,
            });
        } else if let Some(entry) = &mut open {
            match line.strip_prefix(" -- ") {
                Some(trailer) => entry.ended = Some(super::written_at(trailer)),
                // A line that is longer is no sentence.
                None if line.len() <= LINE_BYTES_MAX && entry.cves.len() < fields::IDS_MAX => {
                    super::cves_in(line, &mut entry.cves);
                }
                None => {}
            }
        }
    }
    if let Some(entry) = open {
        take(&entry, &mut seen, &mut parsed, sink);
    }
    Ok(parsed)
}

fn take(entry: &Entry<'_>, seen: &mut Seen, parsed: &mut Parsed, sink: &mut dyn Sink) {
    match read(entry, seen) {
        Ok(advisory) => {
            parsed.records += 1;
            if parsed.document.is_none() {
                parsed.document = Some(advisory.id.clone());
                parsed.dated = advisory.published;
            }
            // An entry without a CVE or without a known release announces nothing.
            if !advisory.statements.is_empty() {
                sink.record(Record::Advisory(Box::new(advisory)));
            }
        }
        Err(why) => sink.broken(&format!("line {}", entry.number), &why),
    }
}

fn read(entry: &Entry<'_>, seen: &mut Seen) -> Result<Advisory, String> {
    let header = super::header(entry.line).ok_or("a header that cannot be read")?;
    let written = entry
        .ended
        .ok_or("the entry has no trailer: it is cut short")?;
    let mut advisory = Advisory::new(format!("{} {}", header.source, header.version));
    seen.first(&advisory.id)?;
    advisory.title = fields::title(entry.line);
    advisory.cves = entry.cves.iter().copied().collect();
    advisory.published = written;
    advisory.classification = Some(Classification::Security);
    if advisory.cves.is_empty() {
        return Ok(advisory);
    }
    for system in systems(entry.line) {
        advisory.statements.push(Statement {
            system,
            target: Target::Source(header.source.clone()),
            architectures: Vec::new(),
            module: None,
            cves: None,
            subscription: None,
            says: Says::FixedIn {
                introduced: None,
                fixed: header.version.clone(),
            },
        });
    }
    Ok(advisory)
}

/// The releases between the version and the settings: `) bookworm-security; urgency=medium`.
fn systems(line: &str) -> Vec<SystemId> {
    let between = line
        .split_once(')')
        .and_then(|(_, rest)| rest.split_once(';'))
        .map_or("", |(between, _)| between);
    let mut systems = Vec::new();
    for word in between.split_whitespace() {
        let name = [
            "-security",
            "-updates",
            "-proposed-updates",
            "-proposed",
            "-lts",
        ]
        .into_iter()
        .find_map(|ending| word.strip_suffix(ending))
        .unwrap_or(word);
        let debian = DEBIAN_RELEASES
            .iter()
            .any(|(_, codename)| *codename == name);
        let system = match name {
            "unstable" | "sid" => SystemId::debian("sid"),
            name if debian => SystemId::debian(name),
            name if releases::is_known(name) => releases::system(name),
            _ => continue,
        };
        if !systems.contains(&system) {
            systems.push(system);
        }
    }
    systems
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;

    const TEXT: &str = "\
openssl (3.0.17-1~deb12u3) bookworm-security; urgency=medium

  * CVE-2025-9230 (Out-of-bounds read & write in RFC 3211 KEK Unwrap)

 -- Salvatore Bonaccorso <carnil@debian.org>  Fri, 26 Sep 2025 20:13:32 +0200

openssl (3.0.17-1~deb12u2) bookworm; urgency=medium

  * Nothing.

 -- Somebody <a@b>  Fri, 05 Sep 2025 20:13:32 +0200
";

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn an_entry_for_a_release_states_its_fixes_there() {
        assert_eq!(
            formats::recognise(TEXT.as_bytes()).unwrap().name,
            FORMAT.name
        );
        let (parsed, sink) = read(TEXT);
        assert_eq!((parsed.records, sink.broken.len()), (2, 0));
        assert_eq!(parsed.document.as_deref(), Some("openssl 3.0.17-1~deb12u3"));
        let advisories: Vec<_> = sink.advisories().collect();
        assert_eq!(advisories.len(), 1);
        let statement = &advisories[0].statements[0];
        assert_eq!(statement.system.as_str(), "debian:bookworm");
        assert_eq!(
            advisories[0].published.unwrap().to_string(),
            "2025-09-26T18:13:32Z"
        );
    }

    #[test]
    fn releases_that_change_their_meaning_state_nothing() {
        let of = |names: &str| {
            let found = systems(&format!("a (1) {names}; urgency=low"));
            found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("stable"), "");
        assert_eq!(of("UNRELEASED"), "");
        assert_eq!(of("unstable"), "debian:sid");
        assert_eq!(of("jammy-security"), "ubuntu:22.04");
        assert_eq!(of("woody stable-security"), "debian:woody");
    }

    #[test]
    fn broken_repeated_and_cut_entries_are_counted() {
        let (parsed, sink) = read(&TEXT.replace("~deb12u2)", " deb12u2)"));
        assert_eq!((parsed.records, sink.broken.len()), (1, 1));
        let (parsed, sink) = read(&format!("{TEXT}\n{TEXT}"));
        assert_eq!((parsed.records, sink.broken.len()), (2, 2));
        let (parsed, sink) = read(&TEXT[..TEXT.len() - 60]);
        assert_eq!((parsed.records, sink.broken.len()), (1, 1));
    }
}
