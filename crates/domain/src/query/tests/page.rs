//! That `docs/query.md` says what the parser does: every field, every example, every limit.

use crate::query::{DEPTH_MAX, FIELDS, LENGTH_BYTES_MAX, Query, SubjectKind, TERMS_MAX};

const PAGE: &str = include_str!("../../../../../docs/query.md");

/// The rows of the table below the heading, without its head.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = PAGE.split_once(&format!("## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2)
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_lists_every_field_as_the_table_has_it() {
    let rows = rows("Fields");
    assert_eq!(rows.len(), FIELDS.len());
    for (row, field) in rows.iter().zip(FIELDS) {
        let [name, of, values, example] = row.as_slice() else {
            panic!("{row:?}");
        };
        assert_eq!(quoted(name), [field.name]);
        let subjects = match (field.of_devices, field.of_patches) {
            (true, true) => "devices, patches",
            (true, false) => "devices",
            (false, _) => "patches",
        };
        assert_eq!(*of, subjects, "{}", field.name);
        let choices = field.field.choices().iter().map(|choice| choice.name);
        if field.name != "missing" && !field.field.choices().is_empty() {
            assert_eq!(
                quoted(values),
                choices.collect::<Vec<_>>(),
                "{}",
                field.name
            );
        }
        for example in quoted(example) {
            let query = Query::parse(example).unwrap();
            assert_eq!(query.terms()[0].field(), Some(field.field), "{example}");
            assert_eq!(query.to_string(), example);
            let kind = match field.of_devices {
                true => SubjectKind::Device,
                false => SubjectKind::Patch,
            };
            assert_eq!(query.check(kind), Ok(()), "{example}");
        }
    }
}

#[test]
fn every_example_of_the_page_parses() {
    let blocks = PAGE.split("```query\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    let (prose, _) = PAGE.split_once("## Grammar").unwrap();
    let (_, in_short) = prose.split_once("## In short").unwrap();
    let (_, rest) = PAGE.split_once("- Severities are ordered").unwrap();
    let (rest, _) = rest.split_once("## Limits").unwrap();
    let spans = quoted(in_short).into_iter().chain(quoted(rest));
    let examples = spans.filter(|text| text.contains([':', '<', '>']) && text.len() > 2);
    let mut seen = 0;
    for example in lines.chain(examples) {
        let whole = !example.ends_with(':');
        assert!(!whole || Query::parse(example).is_ok(), "{example}");
        seen += usize::from(whole);
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn every_mistake_of_the_page_is_one() {
    let rows = rows("Errors");
    assert!(rows.len() >= 10);
    for row in rows {
        for example in quoted(row[1]) {
            let kind = match row[1].contains("for devices") {
                true => SubjectKind::Device,
                false => SubjectKind::Finding,
            };
            assert!(Query::parse_for(example, kind).is_err(), "{example}");
        }
    }
}

#[test]
fn the_page_states_the_limits() {
    for limit in [
        format!("{LENGTH_BYTES_MAX} bytes of text"),
        format!("nested {DEPTH_MAX} deep"),
        format!("{TERMS_MAX} values in one query"),
    ] {
        assert!(PAGE.contains(&limit), "{limit}");
    }
}
