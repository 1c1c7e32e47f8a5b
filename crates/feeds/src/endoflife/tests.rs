#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use super::*;
use crate::format::Collect;
use crate::{formats, samples};

fn read(bytes: &[u8]) -> Result<(Parsed, Collect), Refusal> {
    let format = formats::recognise(bytes).expect("a form knows it");
    let mut sink = Collect::default();
    let parsed = (format.parse)(bytes, &mut sink)?;
    Ok((parsed, sink))
}

fn cycle<'a>(sink: &'a Collect, product: &str, name: &str) -> &'a Lifecycle {
    let mut all = sink.records.iter().filter_map(|record| match record {
        Record::Lifecycle(cycle) => Some(cycle),
        _ => None,
    });
    all.find(|cycle| cycle.product == product && cycle.cycle == name)
        .unwrap()
}

fn on(day: &str) -> Ends {
    Ends::On(day.parse().unwrap())
}

#[test]
fn the_full_answer_holds_each_product_with_all_its_cycles() {
    let Some(bytes) = samples::read("endoflife/api-v1-products-full.json") else {
        return;
    };
    let (parsed, sink) = read(&bytes).unwrap();
    // The document says `"total": 2`; 42 and 43 releases counted with another JSON reader.
    assert_eq!((parsed.records, sink.records.len()), (2, 85));
    assert!(sink.broken.is_empty() && parsed.notes.is_empty());
    let plucky = cycle(&sink, "ubuntu", "25.04");
    assert_eq!(plucky.codename.as_deref(), Some("Plucky Puffin"));
    assert_eq!(plucky.life_ends, on("2026-01-17"));
    assert_eq!(plucky.extended_ends, Ends::Unknown);
    assert!(matches!(
        read(&bytes[..bytes.len() / 2]),
        Err(Refusal::Truncated { .. })
    ));
}

#[test]
fn every_product_file_of_the_samples_is_read_whole() {
    let Some(folder) = samples::folder() else {
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("endoflife/products")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let (parsed, sink) = read(&bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let front = text.split("---\n").nth(1).unwrap();
        let written = front.matches("  - releaseCycle:").count();
        assert_eq!(sink.records.len(), written, "{}", path.display());
        assert!(sink.broken.is_empty(), "{}", path.display());
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(parsed.document, Some(stem));
        assert_eq!(parsed.records, 1);
        files += 1;
    }
    assert_eq!(files, 46);
}

const PRODUCT: &str = "---\ntitle: X\npermalink: /x\nreleases:\n- releaseCycle: \"12\"\n  \
    eol: true\n  eoas: false\n  eoes: 2028-06-30\n  latest: 1.10\n- releaseCycle: 11\n  \
    eol: 2024-08-14\n- releaseCycle: \"12\"\n  eol: false\n- releaseCycle: \"10\"\n  \
    eol: 2024-99-99\n---\nText.\n";

#[test]
fn ends_are_days_true_false_or_unknown_and_bad_cycles_are_broken() {
    let (parsed, sink) = read(PRODUCT.as_bytes()).unwrap();
    assert_eq!((parsed.records, sink.records.len()), (1, 2));
    let twelve = cycle(&sink, "x", "12");
    assert_eq!(
        (twelve.life_ends, twelve.support_ends, twelve.extended_ends),
        (Ends::Already, Ends::NotSet, on("2028-06-30"))
    );
    assert_eq!(twelve.latest.as_deref(), Some("1.10"));
    assert_eq!(cycle(&sink, "x", "11").support_ends, Ends::Unknown);
    let places: Vec<_> = sink.broken.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["x 12", "x releases[3]"]);
}

#[test]
fn a_product_cut_short_is_refused_and_the_schema_is_no_product() {
    let cut = PRODUCT.split("---\nText").next().unwrap();
    assert!(matches!(
        read(cut.as_bytes()),
        Err(Refusal::Truncated { .. })
    ));
    let Some(schema) = samples::read("endoflife/product-schema.json") else {
        return;
    };
    assert!(formats::recognise(&schema).is_none());
}
