//! Lists of a CSAF provider's documents: what is there, what changed, what is gone.
//!
//! `index.txt` is a path a line; `changes.csv` and `deletions.csv` are paths with times, in quotes,
//! without a header; `archive_latest.txt` names one archive. The two lists with times look alike:
//! only their names tell deletions, which the bytes do not hold. See [`deletions`]. Errors: a line
//! that is neither is broken; a list in which no line can be read is no list.
//! Source: CSAF 2.0, section 7.1.12 and 7.1.13.

use domain::feed::Feed;

use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;

/// Paths, one a line.
pub const INDEX: Format = Format {
    name: "csaf-index",
    recognise: |probe| first_line(probe).is_some_and(is_document),
    parse: index,
};

/// Paths with times.
pub const CHANGES: Format = Format {
    name: "csaf-changes",
    recognise: |probe| {
        let row = first_line(probe).and_then(row);
        row.is_some_and(|(path, time)| is_document(&path) && fields::timestamp(&time).is_some())
    },
    parse: changes,
};

/// The name of the newest archive.
pub const ARCHIVE: Format = Format {
    name: "csaf-archive-latest",
    recognise: |probe| probe.bytes.len() < 512 && first_line(probe).is_some_and(is_archive),
    parse: archive,
};

fn first_line<'a>(probe: &'a Probe<'_>) -> Option<&'a str> {
    let line = probe.head.lines().next()?.trim();
    // A line that the head cuts off is not one of these.
    (line.len() < 1024).then_some(line)
}

fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= fields::ID_BYTES_MAX
        && !text.starts_with(['/', '{', '[', '<'])
        && !text
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'+'))
}

fn is_document(text: &str) -> bool {
    is_path(text) && text.ends_with(".json")
}

fn is_archive(text: &str) -> bool {
    is_path(text)
        && [".tar.zst", ".tar.gz", ".tar.bz2", ".tar.xz"]
            .iter()
            .any(|e| text.ends_with(e))
}

/// The two fields of a line, without their quotes.
fn row(line: &str) -> Option<(String, String)> {
    let (path, time) = line.trim().split_once(',')?;
    let plain = |field: &str| field.trim().trim_matches('"').to_owned();
    (!time.contains(',')).then(|| (plain(path), plain(time)))
}

fn lines(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(without_mark(bytes)).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })
}

/// Reads lines of paths; `time` of each where the form has one.
fn read(
    bytes: &[u8],
    sink: &mut dyn Sink,
    parse: impl Fn(&str) -> Result<(String, Option<String>), String>,
) -> Result<Parsed, Refusal> {
    let text = lines(bytes)?;
    let mut parsed = Parsed::new(Feed::CsafChanges);
    let mut seen = Seen::default();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        if parsed.records >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "lines",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("line {}", number + 1);
        let read = parse(line.trim()).and_then(|(path, time)| {
            let changed = match &time {
                Some(time) => Some(fields::timestamp(time).ok_or("it has no readable time")?),
                None => None,
            };
            seen.first(&path)?;
            Ok((path, changed))
        });
        match read {
            Ok((document, changed)) => {
                parsed.records += 1;
                parsed.dated = parsed.dated.max(changed);
                sink.record(Record::Listed {
                    document,
                    address: None,
                    changed,
                });
            }
            Err(why) => sink.broken(&place, &why),
        }
    }
    Ok(parsed)
}

fn index(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    read(bytes, sink, |line| {
        if is_document(line) {
            Ok((line.to_owned(), None))
        } else {
            Err("it is no path of a document".to_owned())
        }
    })
}

fn changes(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    read(bytes, sink, |line| {
        let (path, time) = row(line).ok_or("it is not a path and a time")?;
        if is_document(&path) {
            Ok((path, Some(time)))
        } else {
            Err("it is no path of a document".to_owned())
        }
    })
}

fn archive(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    read(bytes, sink, |line| {
        if is_archive(line) {
            Ok((line.to_owned(), None))
        } else {
            Err("it is no name of an archive".to_owned())
        }
    })
}

/// Reads `deletions.csv`, which has the form of `changes.csv` and the opposite meaning: for callers
/// that know the document's name. Each row is a tombstone.
pub fn deletions(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    struct Tombstones<'a>(&'a mut dyn Sink);
    impl Sink for Tombstones<'_> {
        fn record(&mut self, record: Record) {
            if let Record::Listed {
                document, changed, ..
            } = record
            {
                let at = changed;
                self.0.record(Record::Deleted { document, at });
            }
        }
        fn broken(&mut self, place: &str, why: &str) {
            self.0.broken(place, why);
        }
    }
    changes(bytes, &mut Tombstones(sink))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::samples;

    fn recognised(bytes: &[u8]) -> Option<&'static str> {
        let probe = Probe::new(bytes);
        let all = [INDEX, CHANGES, ARCHIVE];
        all.iter()
            .find(|format| (format.recognise)(&probe))
            .map(|format| format.name)
    }

    #[test]
    fn each_list_is_told_by_its_first_line() {
        assert_eq!(
            recognised(b"2025/msrc_cve-2025-29806.json\n"),
            Some("csaf-index")
        );
        let changes = b"\"2024/rhsa-2024_0010.json\",\"2025-02-18T14:28:08+00:00\"\n";
        assert_eq!(recognised(changes), Some("csaf-changes"));
        let archive = b"csaf_advisories_2025-02-15.tar.zst";
        assert_eq!(recognised(archive), Some("csaf-archive-latest"));
        for other in [
            "",
            "hello.json world",
            "../a.json",
            "{\"a.json\"}",
            "cve;epss",
        ] {
            assert_eq!(recognised(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn red_hats_lists_are_read_and_deletions_are_tombstones() {
        let Some(bytes) = samples::read("redhat/csaf/changes.csv") else {
            return;
        };
        let mut collect = Collect::default();
        let parsed = changes(&bytes, &mut collect).unwrap();
        // Counted with `wc -l`.
        assert_eq!((parsed.records, collect.broken.len()), (5, 0));
        let mut collect = Collect::default();
        let bytes = samples::read("redhat/csaf/deletions.csv").unwrap();
        assert_eq!(deletions(&bytes, &mut collect).unwrap().records, 2);
        assert!(
            matches!(&collect.records[0], Record::Deleted { document, at: Some(_) }
            if document == "2024/rhea-2024_5245.json")
        );
    }

    #[test]
    fn a_line_that_is_no_path_or_comes_twice_is_broken() {
        let mut collect = Collect::default();
        let text = b"a.json\n../b.json\na.json\n\nc.json\n";
        let parsed = index(text, &mut collect).unwrap();
        assert_eq!(parsed.records, 2);
        let places: Vec<_> = collect
            .broken
            .iter()
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(places, ["line 2", "line 3"]);
    }
}
