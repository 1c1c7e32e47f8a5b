//! Documents of this form, whole and broken.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Read as _;

use crate::format::{Collect, Parsed, Record};
use crate::refusal::Refusal;
use crate::{formats, samples};

fn sample(path: &str) -> Option<Vec<u8>> {
    let bytes = samples::read(path)?;
    if !path.ends_with(".gz") {
        return Some(bytes);
    }
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&bytes[..]);
    reader.read_to_end(&mut plain).unwrap();
    Some(plain)
}

fn read(bytes: &[u8]) -> Result<(Parsed, Collect), Refusal> {
    let format = formats::recognise(bytes).expect("a form knows it");
    let mut sink = Collect::default();
    let parsed = (format.parse)(bytes, &mut sink)?;
    Ok((parsed, sink))
}

fn score(cve: &str, millionths: u32) -> Record {
    Record::Score {
        cve: cve.parse().unwrap(),
        millionths,
    }
}

#[test]
fn every_sample_holds_as_many_scores_as_the_manifest_says() {
    for (path, records, notes) in [
        ("epss/by-year/CVE_2019_EPSS.csv.gz", 16_095, 1),
        ("epss/by-year/CVE_2024_EPSS.csv.gz", 38_434, 1),
        ("epss/by-year/CVE_2026_EPSS.csv.gz", 44_129, 1),
        ("epss/epss_scores-2021-04-14.csv.gz", 2, 1),
        ("epss/epss_scores-2022-02-04.csv.gz", 2, 0),
        ("epss/epss_scores-2026-08-16.reformatted.csv.gz", 360_142, 0),
        ("epss/example-1.csv", 5, 0),
        ("epss/invalid-header.csv", 1, 1),
        ("epss/missing-date.csv", 5, 1),
    ] {
        let Some(bytes) = sample(path) else { return };
        let (parsed, sink) = read(&bytes).unwrap();
        assert_eq!((parsed.records, &sink.broken), (records, &vec![]), "{path}");
        assert_eq!(sink.records.len() as u64, records, "{path}");
        assert_eq!(parsed.notes.len(), notes, "{path}: {:?}", parsed.notes);
    }
}

#[test]
fn all_eras_are_read_by_the_names_of_their_columns() {
    let text = "#model_version:v2026.06.15,score_date:2026-07-23T12:00:26Z\r\n\
                cve,epss,percentile\r\nCVE-2024-0001,3e-05,0.1\r\n";
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert_eq!(parsed.document.as_deref(), Some("v2026.06.15"));
    assert_eq!(parsed.dated.unwrap().to_string(), "2026-07-23T12:00:26Z");
    assert_eq!(sink.records, [score("CVE-2024-0001", 30)]);
    let turned = "cve,percentile,epss\nCVE-2024-0001,0.9,0.1\n";
    let (_, sink) = read(turned.as_bytes()).unwrap();
    assert_eq!(sink.records, [score("CVE-2024-0001", 100_000)]);
    let year = "CVE-2019-9978;0.729460000;0.994050000\n";
    let (_, sink) = read(year.as_bytes()).unwrap();
    assert_eq!(sink.records, [score("CVE-2019-9978", 729_460)]);
}

#[test]
fn what_is_no_probability_and_what_comes_twice_is_broken() {
    let text = "#model_version:v1,score_date:2024-01-01T00:00:00+0000\ncve,epss,percentile\n\
                CVE-2024-0001,NaN,0\nCVE-2024-0002,-0.1,0\nCVE-2024-0003,1.1,0\n\
                CVE-2024-0004,inf,0\nCVE-2024-0005,,0\nnothing,0.1,0\nCVE-2024-0006,0.1\n\
                CVE-2024-0007,1,1\nCVE-2024-0007,0.5,1\nCVE-2024-0008,0.5,1.5\n\
                CVE-2024-0009,1e999,0\n";
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert_eq!(parsed.records, 1);
    assert_eq!(sink.records, [score("CVE-2024-0007", 1_000_000)]);
    assert_eq!(sink.broken.len(), 10);
    assert_eq!(sink.broken[0].0, "line 3");
    assert_eq!(sink.broken[7].0, "CVE-2024-0007");
}

#[test]
fn a_header_that_names_only_some_columns_is_refused() {
    for text in [
        "#model_version:v1,score_date:2024-01-01T00:00:00+0000\ncve,score,percentile\nCVE-2024-0001,0.1,0.2\n",
        "#model_version:v1\nno,header,here\nno,row,here\n",
    ] {
        assert!(
            matches!(read(text.as_bytes()), Err(Refusal::Invalid { .. })),
            "{text}"
        );
    }
    assert!(matches!(
        read(b"#model_version:v1"),
        Err(Refusal::Truncated { .. })
    ));
}
