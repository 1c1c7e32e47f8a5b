//! Changelogs of Debian packages.
//!
//! An entry is a header `source (version) distributions; urgency=medium`, indented lines, and a
//! trailer ` -- Name <mail>  Mon, 02 Mar 2026 09:00:00 +0100`. CVE ids are taken from anywhere in the
//! entry. Bounded: [`BYTES_MAX`], [`ENTRIES_MAX`]. Errors: an entry without a readable header or
//! version is skipped and counted; a date that cannot be read is `None`.
//! Source: Debian Policy Manual, section 4.4; deb-changelog(5).

mod document;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[document::FORMAT];

use std::collections::BTreeSet;

use domain::changelog::ChangelogEntry;
use domain::cve::CveId;
use domain::name::{PackageName, Version};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Most bytes that are read.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most entries that are read.
pub const ENTRIES_MAX: usize = 2_000;
/// Longest urgency that is kept, in bytes.
const URGENCY_BYTES_MAX: usize = 64;

/// A changelog, parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changelog {
    /// Entries in the order of the text: newest first. Those of other sources (after a rename) too.
    pub entries: Vec<ChangelogEntry>,
    /// The source that the first entry names.
    pub source: Option<PackageName>,
    /// Entries that could not be read.
    pub skipped: u32,
    /// Whether the text was longer than the limits, so that the oldest entries are missing.
    pub cut: bool,
}

/// What stands in a header.
struct Header {
    source: PackageName,
    version: Version,
    urgency: String,
}

/// An entry that is being read.
struct Open {
    /// `None`: its header could not be read.
    header: Option<Header>,
    cves: BTreeSet<CveId>,
    written_at: Option<Timestamp>,
}

/// Parses a changelog.
pub fn parse(text: &str) -> Changelog {
    let mut changelog = Changelog::default();
    let text = match text.get(..floor(text, BYTES_MAX)) {
        Some(start) if start.len() < text.len() => {
            changelog.cut = true;
            start
        }
        _ => text,
    };
    let mut open: Option<Open> = None;
    for line in text.lines() {
        if is_header(line) {
            close(&mut changelog, open.take());
            if changelog.entries.len() >= ENTRIES_MAX {
                changelog.cut = true;
                return changelog;
            }
            open = Some(Open {
                header: header(line),
                cves: BTreeSet::new(),
                written_at: None,
            });
        } else if let Some(entry) = &mut open {
            if let Some(trailer) = line.strip_prefix(" -- ") {
                entry.written_at = written_at(trailer);
            } else {
                cves_in(line, &mut entry.cves);
            }
        }
    }
    close(&mut changelog, open);
    changelog
}

/// The last place at or before `limit` at which a character begins.
fn floor(text: &str, limit: usize) -> usize {
    let mut at = limit.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn close(changelog: &mut Changelog, open: Option<Open>) {
    let Some(entry) = open else { return };
    let Some(header) = entry.header else {
        changelog.skipped += 1;
        return;
    };
    changelog.source.get_or_insert(header.source);
    changelog.entries.push(ChangelogEntry {
        version: header.version,
        urgency: header.urgency,
        cves: entry.cves.iter().map(CveId::to_string).collect(),
        written_at: entry.written_at,
    });
}

/// A header begins in the first column with a letter or digit and has a version in parentheses or
/// settings behind a semicolon. Old changelogs end in modelines and remarks of editors, which do not.
fn is_header(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphanumeric())
        && (line.contains('(') || line.contains(';'))
        && !line.starts_with("Local variables")
        && !line.starts_with("Old Changelog")
}

fn header(line: &str) -> Option<Header> {
    let (source, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    versions::parse(versions::Scheme::Deb, version).ok()?;
    let (_, settings) = rest.split_once(';')?;
    let urgency = settings.split(',').find_map(|setting| {
        let (key, value) = setting.split_once('=')?;
        key.trim().eq_ignore_ascii_case("urgency").then_some(value)
    })?;
    let urgency = urgency.trim().to_ascii_lowercase();
    if urgency.is_empty() || urgency.len() > URGENCY_BYTES_MAX {
        return None;
    }
    Some(Header {
        source: source.trim().parse().ok()?,
        version: version.parse().ok()?,
        urgency,
    })
}

fn written_at(trailer: &str) -> Option<Timestamp> {
    let (_, date) = trailer
        .split_once(">  ")
        .or_else(|| trailer.split_once("> "))?;
    // Written by hand in old entries: the day of the week is often wrong and says nothing new.
    DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(date.trim())
        .ok()
}

/// Finds `CVE-YEAR-NUMBER`, also where it stands between other characters; `CAN-` of old is not one.
fn cves_in(line: &str, cves: &mut BTreeSet<CveId>) {
    let mut rest = line;
    while let Some(at) = rest.find("CVE-") {
        rest = &rest[at..];
        let end = rest[4..]
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .map_or(rest.len(), |end| end + 4);
        // `CVE-2024-1234-` and `CVE-2024-1234-2` both name CVE-2024-1234.
        let mut parts = rest[..end].splitn(4, '-');
        if let (Some(_), Some(year), Some(number)) = (parts.next(), parts.next(), parts.next())
            && let Ok(cve) = format!("CVE-{year}-{number}").parse()
        {
            cves.insert(cve);
        }
        rest = &rest[4..];
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Two entries in the form of bookworm's openssl, shortened; then one that is broken.
    const TEXT: &str = "\
openssl (3.0.17-1~deb12u3) bookworm-security; urgency=medium

  * CVE-2025-9230 (Out-of-bounds read & write in RFC 3211 KEK Unwrap)
  * Also CVE-2025-9232, CVE-2025-9230 again, (CVE-2024-1) and CVE-2016-1000001.

 -- Salvatore Bonaccorso <carnil@debian.org>  Fri, 26 Sep 2025 20:13:32 +0200

openssl (3.0.17-1~deb12u2) bookworm; urgency=HIGH, binary-only=yes

  * Nothing.

 -- Somebody <a@b>  no date

openssl (not a version!) bookworm; urgency=low

  * CVE-2020-0001

 -- Somebody <a@b>  Fri, 26 Sep 2025 20:13:32 +0200
";

    #[test]
    fn reads_entries_and_counts_what_it_skips() {
        let changelog = parse(TEXT);
        assert_eq!(changelog.source.unwrap().as_str(), "openssl");
        assert_eq!(
            (changelog.entries.len(), changelog.skipped, changelog.cut),
            (2, 1, false)
        );
        let first = &changelog.entries[0];
        assert_eq!(first.version.as_str(), "3.0.17-1~deb12u3");
        assert_eq!(first.urgency, "medium");
        assert_eq!(
            first.cves,
            ["CVE-2016-1000001", "CVE-2025-9230", "CVE-2025-9232"]
        );
        assert_eq!(
            first.written_at,
            Some("2025-09-26T18:13:32Z".parse().unwrap())
        );
        let second = &changelog.entries[1];
        assert_eq!((second.urgency.as_str(), second.written_at), ("high", None));
        assert!(second.cves.is_empty());
    }

    #[test]
    fn a_text_without_an_entry_has_none() {
        assert_eq!(parse("").entries, []);
        assert_eq!(parse("  * a line\n -- x <y>  z\n").entries, []);
    }

    #[test]
    fn too_many_entries_are_cut_and_it_is_said() {
        let entry = "a (1) x; urgency=low\n\n -- a <b>  Fri, 26 Sep 2025 20:13:32 +0200\n";
        let changelog = parse(&entry.repeat(ENTRIES_MAX + 1));
        assert_eq!(
            (changelog.entries.len(), changelog.cut),
            (ENTRIES_MAX, true)
        );
    }

    /// The changelogs of packages installed where the tests run, if it is a Debian system.
    #[test]
    fn reads_the_changelogs_of_this_system() {
        use std::io::Read;
        let Ok(folders) = std::fs::read_dir("/usr/share/doc") else {
            eprintln!("SKIPPED: no /usr/share/doc on this system");
            return;
        };
        let (mut texts, mut entries, mut skipped, mut dated) = (0, 0, 0, 0);
        for folder in folders.flatten().take(400) {
            let path = folder.path().join("changelog.Debian.gz");
            let Ok(file) = std::fs::File::open(path) else {
                continue;
            };
            let mut text = String::new();
            if flate2::read::MultiGzDecoder::new(file)
                .read_to_string(&mut text)
                .is_err()
            {
                continue;
            }
            let changelog = parse(&text);
            assert!(!changelog.entries.is_empty(), "{}", folder.path().display());
            texts += 1;
            entries += changelog.entries.len();
            skipped += changelog.skipped;
            dated += changelog
                .entries
                .iter()
                .filter(|e| e.written_at.is_some())
                .count();
        }
        if texts == 0 {
            eprintln!("SKIPPED: no changelogs of Debian packages on this system");
            return;
        }
        eprintln!("{texts} changelogs, {entries} entries, {dated} dated, {skipped} skipped");
        assert!(
            usize::try_from(skipped).unwrap() * 100 <= entries,
            "{skipped} of {entries}"
        );
        assert!(dated * 100 >= entries * 95, "{dated} of {entries}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,400}") {
            parse(&text);
        }

        #[test]
        fn broken_pieces_of_entries_are_read_without_panic(
            pieces in proptest::collection::vec("[a-z (]{0,4}|CVE-|2024-|-|;|urgency=| -- |>  |\n|é", 0..60)
        ) {
            parse(&pieces.concat());
        }
    }
}
