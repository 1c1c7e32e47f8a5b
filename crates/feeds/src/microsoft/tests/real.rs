use std::collections::BTreeSet;
use std::io::Read as _;

use domain::feed::Feed;

use super::read;
use crate::format::Record;
use crate::samples;

/// The lines of the samples' manifest about a folder: path and the note on records.
fn manifest(folder: &str) -> Vec<(String, String)> {
    let Some(bytes) = samples::read("MANIFEST.tsv") else {
        return Vec::new();
    };
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .filter(|line| line.starts_with(folder))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0].to_owned(), fields[6].to_owned())
        })
        .collect()
}

fn number_before(note: &str, word: &str) -> Option<u64> {
    let words: Vec<&str> = note.split([' ', ',']).filter(|w| !w.is_empty()).collect();
    let at = words.iter().position(|found| *found == word)?;
    words[at.checked_sub(1)?].parse().ok()
}

#[test]
fn every_month_document_has_the_manifests_vulnerabilities_products_and_kbs() {
    let rows = manifest("msrc/cvrf/");
    for (path, note) in &rows {
        let bytes = zstd::decode_all(&samples::read(path).unwrap()[..]).unwrap();
        let (parsed, sink) = read(&bytes);
        let parsed = parsed.unwrap();
        assert_eq!(parsed.feed, Feed::MsrcCvrf, "{path}");
        assert_eq!(
            Some(parsed.records),
            number_before(note, "vulnerabilities"),
            "{path}"
        );
        assert_eq!(sink.broken, [], "{path}");
        // `2026-Jun@20260702T155644Z.xml.zst`, `2018-FEB.xml.zst`
        let name = path.rsplit('/').next().unwrap();
        let id = name.split(['@', '.']).next().unwrap();
        assert_eq!(parsed.document.as_deref(), Some(id), "{path}");
        assert!(parsed.dated.is_some(), "{path}");
        let products = sink
            .records
            .iter()
            .filter(|record| matches!(record, Record::Product { .. }))
            .count();
        assert_eq!(
            Some(products as u64),
            number_before(note, "products"),
            "{path}"
        );
        let kbs: BTreeSet<u32> = sink
            .advisories()
            .flat_map(|advisory| advisory.remedies.iter().map(|remedy| remedy.kb.0))
            .collect();
        assert_eq!(Some(kbs.len() as u64), number_before(note, "KBs"), "{path}");
    }
    assert!(rows.is_empty() || rows.len() >= 42);
}

#[test]
fn the_month_as_json_has_the_manifests_count() {
    let Some(packed) = samples::read("msrc/cvrf-json/2020-Dec.json.gz") else {
        return;
    };
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut bytes)
        .unwrap();
    let (parsed, sink) = read(&bytes);
    let parsed = parsed.unwrap();
    assert_eq!(
        (parsed.records, parsed.document.as_deref()),
        (59, Some("2020-Dec"))
    );
    assert_eq!(sink.broken, []);
    // The same records come of the same content as XML.
    let (as_xml, xml_sink) = read(super::json_as_xml::convert(&bytes).as_bytes());
    assert_eq!(as_xml.unwrap(), parsed);
    assert_eq!(xml_sink.records, sink.records);
}

#[test]
fn each_index_lists_the_manifests_documents() {
    for (path, note) in manifest("msrc/updates-index/") {
        let (parsed, sink) = read(&samples::read(&path).unwrap());
        let parsed = parsed.unwrap();
        assert_eq!(parsed.feed, Feed::MsrcIndex);
        assert_eq!(
            Some(parsed.records),
            number_before(&note, "documents"),
            "{path}"
        );
        assert_eq!(sink.broken, []);
    }
}

#[test]
fn each_page_of_the_guide_has_the_manifests_rows() {
    for (path, note) in manifest("msrc/sug-api/") {
        let (parsed, sink) = read(&samples::read(&path).unwrap());
        let parsed = parsed.unwrap();
        assert_eq!(parsed.feed, Feed::MsrcSug);
        assert_eq!(Some(parsed.records), number_before(&note, "rows"), "{path}");
        assert_eq!(sink.broken, []);
        if path.contains("deployment") {
            let remedies: Vec<_> = sink.advisories().flat_map(|a| &a.remedies).collect();
            assert_eq!(remedies.len(), 2);
            assert_eq!(
                (remedies[0].kb.0, remedies[0].replaces[0].0),
                (3_147_461, 3_140_745)
            );
            assert_eq!(remedies[1].product_id, "10735");
        }
    }
}
