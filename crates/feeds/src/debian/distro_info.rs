//! Support dates of Debian's and Ubuntu's releases: the tables of distro-info-data.
//!
//! `eol` is the end of security support that everybody has; the later columns (`eol-lts`, `eol-elts`,
//! `eol-esm`, `eol-legacy`) are extended support, of which the last day counts. Records: releases.
//! Source: `debian.csv` and `ubuntu.csv`, which name their columns.

use domain::advisory::{Ends, Lifecycle};
use domain::feed::Feed;
use jiff::civil::Date;

use super::CUT;
use super::blocks;
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// The tables.
pub const FORMAT: Format = Format {
    name: "distro-info",
    recognise,
    parse,
};

const HEAD: &str = "version,codename,series,created,release,eol";
/// Most columns.
const COLUMNS_MAX: usize = 32;
/// Columns of extended support.
const EXTENDED: [&str; 4] = ["eol-lts", "eol-elts", "eol-esm", "eol-legacy"];

fn recognise(probe: &Probe<'_>) -> bool {
    probe.head.starts_with(HEAD)
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::DistroInfo);
    let mut seen = Seen::default();
    let mut lines = blocks::lines(blocks::text(bytes)?);
    let columns: Vec<&str> = lines
        .next()
        .map(|(_, head, _)| head.split(',').take(COLUMNS_MAX).map(str::trim).collect())
        .unwrap_or_default();
    let product = if columns.contains(&"eol-lts") {
        "debian"
    } else if columns.contains(&"eol-server") || columns.contains(&"eol-esm") {
        "ubuntu"
    } else {
        return Err(Refusal::Missing {
            place: "the first line".to_owned(),
            what: "a column that tells Debian from Ubuntu".to_owned(),
        });
    };
    for (at, (number, line, cut)) in lines.enumerate() {
        if at as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "releases",
                limit: RECORDS_MAX,
            });
        }
        let release = if cut {
            Err(CUT.to_owned())
        } else {
            release(product, &columns, line)
        };
        let release = release.and_then(|release| {
            seen.first(release.codename.as_deref().unwrap_or_default())?;
            Ok(release)
        });
        match release {
            Ok(release) => {
                parsed.records += 1;
                sink.record(Record::Lifecycle(release));
            }
            Err(why) => sink.broken(&format!("line {number}"), &why),
        }
    }
    Ok(parsed)
}

fn release(product: &str, columns: &[&str], line: &str) -> Result<Lifecycle, String> {
    let values: Vec<&str> = line
        .split(',')
        .take(COLUMNS_MAX + 1)
        .map(str::trim)
        .collect();
    if values.len() > columns.len() {
        return Err("more values than columns".to_owned());
    }
    let value = |column: &str| {
        let at = columns.iter().position(|known| *known == column)?;
        values.get(at).copied().filter(|value| !value.is_empty())
    };
    let date = |column: &str| match value(column) {
        None => Ok(None),
        Some(text) => text
            .parse::<Date>()
            .map(Some)
            .map_err(|_| format!("{column}: `{}` is not a date", fields::word(text))),
    };
    let series = fields::id(value("series").unwrap_or_default())?;
    let cycle = value("version").map(|version| version.trim_end_matches(" LTS"));
    let mut extended = None;
    for column in EXTENDED {
        extended = extended.max(date(column)?);
    }
    let ends = |date: Option<Date>| date.map_or(Ends::Unknown, Ends::On);
    Ok(Lifecycle {
        product: product.to_owned(),
        cycle: fields::id(cycle.unwrap_or(series))?.to_owned(),
        codename: Some(series.to_owned()),
        latest: None,
        released: date("release")?,
        support_ends: Ends::Unknown,
        life_ends: ends(date("eol")?),
        extended_ends: ends(extended),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;

    const DEBIAN: &str = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
        12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n\
        ,Sid,sid,1993-08-16\n";

    fn read(text: &str) -> (Parsed, Vec<Lifecycle>, usize) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        let found = sink.records.into_iter().map(|record| match record {
            Record::Lifecycle(lifecycle) => lifecycle,
            other => panic!("{other:?}"),
        });
        (parsed, found.collect(), sink.broken.len())
    }

    #[test]
    fn a_release_has_its_days() {
        let (parsed, found, _) = read(DEBIAN);
        assert_eq!(parsed.records, 2);
        let on = |day: &str| Ends::On(day.parse().unwrap());
        assert_eq!(
            (found[0].product.as_str(), found[0].cycle.as_str()),
            ("debian", "12")
        );
        assert_eq!(found[0].life_ends, on("2026-07-11"));
        assert_eq!(found[0].extended_ends, on("2033-06-30"));
        assert_eq!(
            (found[1].cycle.as_str(), found[1].life_ends),
            ("sid", Ends::Unknown)
        );
    }

    #[test]
    fn broken_repeated_and_cut_rows_are_counted() {
        let text = format!("{DEBIAN}13,T,sid,x\n14,F,forky,2025-08-09,soon\n15,D,duke,2027-08-0");
        let (parsed, _, broken) = read(&text);
        assert_eq!((parsed.records, broken), (2, 3));
        let other = "version,codename,series,created,release,eol\n";
        assert!(parse(other.as_bytes(), &mut Collect::default()).is_err());
    }

    #[test]
    fn the_real_tables_are_read() {
        // `wc -l`, less the line of columns.
        for (path, records) in [
            ("debian/distro-info/debian.csv", 22),
            ("debian/distro-info/ubuntu.csv", 45),
        ] {
            let Some(bytes) = samples::read(path) else {
                return;
            };
            assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
            let mut sink = Collect::default();
            assert_eq!(parse(&bytes, &mut sink).unwrap().records, records);
            assert_eq!(sink.broken, [], "{path}");
        }
    }
}
