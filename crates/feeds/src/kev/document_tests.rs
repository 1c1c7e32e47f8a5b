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

#[test]
fn both_forms_of_the_catalogue_say_the_same() {
    let json = sample("kev/known_exploited_vulnerabilities.json");
    let csv = sample("kev/known_exploited_vulnerabilities.csv.gz");
    let (Some(json), Some(csv)) = (json, csv) else {
        return;
    };
    let (of_json, from_json) = read(&json).unwrap();
    let (of_csv, from_csv) = read(&csv).unwrap();
    // The document says `"count": 1404`, and so does the manifest.
    assert_eq!((of_json.records, of_csv.records), (1404, 1404));
    assert!(from_json.broken.is_empty() && from_csv.broken.is_empty());
    assert!(of_json.notes.is_empty(), "{:?}", of_json.notes);
    let sorted = |sink: &Collect| {
        let mut all: Vec<String> = sink.records.iter().map(|r| format!("{r:?}")).collect();
        all.sort();
        all
    };
    assert_eq!(sorted(&from_json), sorted(&from_csv));
    assert_eq!(of_json.document.as_deref(), Some("2025.08.25"));
    assert_eq!(
        of_json.dated.unwrap().to_string(),
        "2025-08-25T17:04:19.9796Z"
    );
    let log4shell = Record::Exploited {
        cve: "CVE-2021-44228".parse().unwrap(),
        added: "2021-12-10".parse().unwrap(),
        due: Some("2021-12-24".parse().unwrap()),
        ransomware: true,
    };
    assert!(from_json.records.contains(&log4shell));
    let Some(older) = sample("kev/known_exploited_vulnerabilities@2025-07-07.json.gz") else {
        return;
    };
    assert_eq!(read(&older).unwrap().0.records, 1378);
}

#[test]
fn double_and_broken_entries_are_counted() {
    let text = br#"{"catalogVersion":"1","dateReleased":"2025-08-25T17:04:19.9796Z","count":6,
        "vulnerabilities":[
            {"cveID":"CVE-2025-48384","dateAdded":"2025-08-25","extra":[1]},
            {"cveID":"CVE-2025-48384","dateAdded":"2025-08-25"},
            {"cveID":"CVE-2025-1","dateAdded":"2025-08-25"},
            {"cveID":"CVE-2025-48385"},
            {"cveID":"CVE-2025-48386","dateAdded":NaN},
            {"cveID":"CVE-2025-48387","dateAdded":"2025-08-25","dueDate":"soon"}
        ]}"#;
    let (parsed, sink) = read(text).unwrap();
    let places: Vec<_> = sink.broken.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!((parsed.records, places.len()), (1, 5), "{:?}", sink.broken);
    assert_eq!(places[..2], ["CVE-2025-48384", "vulnerabilities[2]"]);
    assert!(parsed.notes.is_empty());
}

#[test]
fn a_catalogue_cut_short_is_refused_and_its_schema_is_no_catalogue() {
    let Some(json) = sample("kev/known_exploited_vulnerabilities.json") else {
        return;
    };
    assert!(matches!(
        read(&json[..json.len() / 2]),
        Err(Refusal::Truncated { .. })
    ));
    let Some(schema) = sample("kev/known_exploited_vulnerabilities_schema.json") else {
        return;
    };
    assert!(formats::recognise(&schema).is_none());
}

#[test]
fn a_row_cut_short_is_broken_and_the_missing_end_is_noted() {
    let text = "cveID,dateAdded,dueDate,notes\nCVE-2025-48384,2025-08-25,,\"a, b\"\nCVE-2025-4838";
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (1, 1));
    assert_eq!(sink.broken[0].0, "line 3");
    assert_eq!(parsed.notes.len(), 1);
}
