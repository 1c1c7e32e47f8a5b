//! The release file of a repository, `InRelease` (clear-signed) or `Release`.
//!
//! Nothing is verified here: on a device its package manager checks the signature, on the server
//! whoever fetches does. Each listed file is given once, by the strongest hash. Records: files
//! listed. Errors: a signed text without its end is truncated.
//! Source: wiki.debian.org, "DebianRepository/Format"; RFC 4880, 7 (clear-signed texts).

use std::collections::BTreeSet;

use domain::feed::Feed;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::blocks;
use crate::fields;
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// The file.
pub const FORMAT: Format = Format {
    name: "debian-repository-release",
    recognise,
    parse,
};

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";
/// Sections of hashes with the digits of one, strongest first.
const SECTIONS: [(&str, usize); 4] = [
    ("SHA512", 128),
    ("SHA256", 64),
    ("SHA1", 40),
    ("MD5Sum", 32),
];

fn recognise(probe: &Probe<'_>) -> bool {
    let has = |field: &str| probe.head.lines().any(|line| line.starts_with(field));
    let fields = has("Suite:") || has("Codename:");
    let hashes = SECTIONS
        .iter()
        .any(|(name, _)| probe.head.lines().any(|line| is_section(line, name)));
    fields && hashes && (probe.head.starts_with(SIGNED) || has("Date:"))
}

fn is_section(line: &str, name: &str) -> bool {
    line.trim_end().strip_suffix(':') == Some(name)
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let text = blocks::text(bytes)?;
    let body = body(text)?;
    let mut parsed = Parsed::new(Feed::DebianRepository);
    let field = |name: &str| {
        body.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    let name = field("Codename").or_else(|| field("Suite"));
    parsed.document = name.and_then(|name| fields::id(name).ok().map(str::to_owned));
    parsed.dated = field("Date").and_then(date);
    parsed
        .notes
        .push("the signature is not checked here".to_owned());
    let section = SECTIONS
        .iter()
        .find(|(name, _)| body.lines().any(|line| is_section(line, name)));
    let Some((section, digits)) = section else {
        return Err(Refusal::Missing {
            place: "the release file".to_owned(),
            what: "a list of files with their hashes".to_owned(),
        });
    };
    let mut seen = BTreeSet::new();
    let listed = body
        .lines()
        .enumerate()
        .skip_while(|(_, line)| !is_section(line, section))
        .skip(1)
        .take_while(|(_, line)| line.starts_with([' ', '\t']));
    for (at, line) in listed {
        if parsed.records >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "files",
                limit: RECORDS_MAX,
            });
        }
        let read = file(line, *digits).and_then(|path| {
            let first = seen.insert(path);
            first.then_some(path).ok_or("the file was listed already")
        });
        match read {
            Ok(path) => {
                parsed.records += 1;
                sink.record(Record::Listed {
                    document: path.to_owned(),
                    address: None,
                    changed: None,
                });
            }
            Err(why) => sink.broken(&format!("{section}, line {} of the text", at + 1), why),
        }
    }
    Ok(parsed)
}

/// The text that is signed; the whole, where it is not.
fn body(text: &str) -> Result<&str, Refusal> {
    let Some(rest) = text.trim_start().strip_prefix(SIGNED) else {
        if text.ends_with('\n') {
            return Ok(text);
        }
        return Err(truncated("the last line"));
    };
    let (body, signature) = rest
        .split_once(SIGNATURE)
        .ok_or_else(|| truncated("the signed text"))?;
    if !signature.contains(END) {
        return Err(truncated("the signature"));
    }
    Ok(body)
}

fn truncated(place: &str) -> Refusal {
    Refusal::Truncated {
        place: place.to_owned(),
    }
}

fn file(line: &str, digits: usize) -> Result<&str, &'static str> {
    let mut parts = line.split_whitespace();
    let (Some(hash), Some(size), Some(path), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("not a hash, a size and a path");
    };
    if hash.len() != digits || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the hash is none");
    }
    size.parse::<u64>().map_err(|_| "the size is no number")?;
    fields::id(path).map_err(|_| "the path cannot be shown")
}

/// `Sat, 21 Nov 2026 00:53:02 UTC`.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace("UTC", "+0000");
    DateTimeParser::new().parse_timestamp(&text).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;

    #[test]
    fn the_real_file_is_read_and_a_cut_one_refused() {
        let Some(bytes) = samples::read("debian/repo/bookworm-security_InRelease") else {
            return;
        };
        assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
        let mut sink = Collect::default();
        let parsed = parse(&bytes, &mut sink).unwrap();
        assert_eq!(sink.broken, []);
        // `grep -c '^ [0-9a-f]\{64\} '`.
        assert_eq!(parsed.records, 292);
        assert_eq!(parsed.document.as_deref(), Some("bookworm-security"));
        assert_eq!(parsed.dated.unwrap().to_string(), "2026-11-21T00:53:02Z");
        for end in [bytes.len() - 100, bytes.len() / 2] {
            let cut = parse(&bytes[..end], &mut Collect::default());
            assert!(matches!(cut, Err(Refusal::Truncated { .. })), "{end}");
        }
    }

    #[test]
    fn lines_that_are_no_files_are_counted() {
        let hash = "a".repeat(64);
        let text = format!(
            "Suite: x\nDate: y\nMD5Sum:\n {} 1 main/Packages\nSHA256:\n {hash} 1 main/Packages\n \
             {hash} 1 main/Packages\n {hash} x other\n short 1 other\n",
            "b".repeat(32)
        );
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        assert_eq!((parsed.records, sink.broken.len()), (1, 3));
    }
}
