//! What the line says, on documents written by hand.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Write as _;

use super::*;

const OSV: &str = r#"{"id":"X-1","modified":"2024-01-02T03:04:05Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"}]}]}]}"#;

fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        writer
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn the_line_has_its_keys_in_the_promised_order() {
    let seen = bytes(b"<!DOCTYPE html><html></html>", None);
    assert_eq!(
        seen.to_json("a \"b\".html"),
        r#"{"file":"a \"b\".html","feed":null,"document":null,"records":0,"broken":[],"accepted":false,"why":"no feed document: it looks like an HTML page","sha256":"#.to_owned()
            + "\"1623f1d081160d976dd6588373dd6e73e24af9a6ff056a653ebd0fba2f355bcd\"}"
    );
}

#[test]
fn a_document_is_counted_and_named() {
    let seen = bytes(OSV.as_bytes(), None);
    assert!(seen.accepted, "{seen:?}");
    assert_eq!((seen.records, seen.document.as_deref()), (1, Some("X-1")));
}

#[test]
fn an_archive_sums_its_members_and_a_bad_one_does_not_stop_it() {
    let other = OSV.replace("X-1", "X-2");
    let cut = &OSV[..100];
    let archive = tar(&[
        ("one.json", OSV),
        ("LICENSE", "Permission is hereby granted, free of charge"),
        ("cut.json", cut),
        ("two.json", &other),
        ("again.json", OSV),
    ]);
    let seen = bytes(&archive, None);
    assert!(seen.accepted, "{seen:?}");
    assert_eq!((seen.records, seen.document.as_deref()), (2, None));
    let places: Vec<_> = seen
        .broken
        .iter()
        .map(|entry| entry.place.as_str())
        .collect();
    assert_eq!(places, ["cut.json", "again.json"]);
    assert!(seen.broken[1].why.contains("second document"), "{seen:?}");
    assert!(
        seen.why
            .unwrap()
            .contains("1 members are no feed documents")
    );
}

#[test]
fn an_archive_that_is_damaged_or_holds_nothing_is_refused() {
    let archive = tar(&[("one.json", OSV)]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&archive).unwrap();
    let packed = packed.finish().unwrap();
    assert!(bytes(&packed, None).accepted);
    let seen = bytes(&packed[..packed.len() - 3], None);
    assert_eq!((seen.accepted, seen.records), (false, 0));
    assert!(seen.why.unwrap().contains("gzip packing is damaged"));
    let seen = bytes(&tar(&[("notes", "# Notes\n\nNothing")]), None);
    assert!(!seen.accepted);
    assert!(
        seen.why
            .unwrap()
            .contains("none of the archive's 1 members")
    );
    let seen = bytes(b"", None);
    assert_eq!(seen.why.as_deref(), Some("the document is empty"));
}

#[test]
fn a_document_of_another_feed_is_refused_when_one_is_named() {
    let seen = bytes(OSV.as_bytes(), Some(Feed::Kev));
    assert!(!seen.accepted);
    assert!(seen.why.unwrap().ends_with("not of kev"));
    assert_eq!(seen.records, 0);
}

#[test]
fn broken_entries_are_bounded_and_the_others_counted() {
    let mut broken = BrokenOnly::default();
    for number in 0..1_500 {
        broken.broken(&number.to_string(), &"x".repeat(10_000));
    }
    let list = broken.into_list();
    assert_eq!(list.len(), 1_001);
    assert_eq!(list[1_000].why, "500 more entries are broken");
    assert!(list[0].why.chars().count() <= 401);
}

#[test]
fn what_is_no_file_is_refused_with_the_reason() {
    for path in ["/nonexistent/x", "/", "/dev/null"] {
        let seen = file(Path::new(path), None);
        assert!(!seen.accepted && seen.sha256.is_none(), "{path}: {seen:?}");
        assert!(seen.why.unwrap().starts_with("the file cannot be read: "));
    }
}
