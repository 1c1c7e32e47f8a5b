//! The index of winget packages as CSV: id, latest version, name.

use domain::feed::Feed;

use super::{application, is_no_version, some_line};
use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::seen::SeenIds;
use crate::words;

/// Whether it is the index.
pub(super) fn recognise(probe: &Probe<'_>) -> bool {
    let header = probe.head.lines().next().unwrap_or_default();
    header.contains("PackageId") && header.contains("Version") && header.contains(',')
}

/// Reads the index.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes);
    let mut parsed = Parsed::new(Feed::WingetIndex);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|error| bad(&error))?.clone();
    let column = |name: &str| header.iter().position(|found| found == name.as_bytes());
    let missing = |what: &str| Refusal::Missing {
        place: "the header".to_owned(),
        what: what.to_owned(),
    };
    let id_at = column("PackageId").ok_or_else(|| missing("PackageId"))?;
    let version_at = column("Version").ok_or_else(|| missing("Version"))?;
    let name_at = column("Name");
    let mut seen = SeenIds::default();
    let (mut row, mut read, mut odd) = (csv::ByteRecord::new(), 0_u64, 0_u64);
    while reader
        .read_byte_record(&mut row)
        .map_err(|error| bad(&error))?
    {
        read += 1;
        if read > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "packages",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("line {}", row.position().map_or(0, csv::Position::line));
        let text = |at: usize| {
            let field = row.get(at).unwrap_or_default();
            std::str::from_utf8(field).map_err(|_| "it is not UTF-8".to_owned())
        };
        let read = || {
            if row.len() != header.len() {
                return Err(format!("{} columns of {}", row.len(), header.len()));
            }
            let mut application = application(text(id_at)?, text(version_at)?)?;
            if let Some(at) = name_at {
                application.name = some_line(text(at)?);
            }
            Ok(application)
        };
        match read() {
            Ok(application) if !seen.first(&[application.id.as_str()]) => {
                let place = application.id.as_str();
                sink.broken(place, "a package with this id was read already");
            }
            Ok(application) => {
                odd += u64::from(is_no_version(&application.version));
                parsed.records += 1;
                sink.record(Record::Application(Box::new(application)));
            }
            Err(why) => sink.broken(&place, &words::line(&why)),
        }
    }
    if odd > 0 {
        let note = format!("{odd} packages have a version that is a word: it cannot be ordered");
        parsed.notes.push(note);
    }
    if !bytes.ends_with(b"\n") {
        let note = "the last line has no end: the document may be cut short";
        parsed.notes.push(note.to_owned());
    }
    Ok(parsed)
}

fn bad(error: &csv::Error) -> Refusal {
    let line = error.position().map(csv::Position::line);
    Refusal::Syntax {
        syntax: "CSV",
        place: line.map_or("the start".to_owned(), |line| format!("line {line}")),
        why: error.to_string(),
    }
}
