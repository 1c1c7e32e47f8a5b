//! What is refused, at which place, in which words.

use crate::query::{Query, QueryErrorKind as Kind, SubjectKind};

/// One line per text: the text, the caret line, the message.
fn explained(texts: &[&str]) -> String {
    let explain = |text: &&str| {
        let error = Query::parse(text).expect_err(text);
        format!("{}\n{error}\n", error.pointer(text))
    };
    texts.iter().map(explain).collect()
}

#[test]
fn a_mistyped_field_is_named_with_its_neighbour() {
    let text = "kev:yes sevrity:low";
    let error = Query::parse(text).unwrap_err();
    assert_eq!(error.kind, Kind::UnknownField);
    assert_eq!((error.position, error.length, error.column), (8, 7, 9));
    assert_eq!(error.found, "sevrity");
    assert!(error.expected.contains(&"severity".to_owned()));
    assert_eq!(
        error.to_string(),
        "unknown field `sevrity` at column 9: did you mean `severity`?"
    );
    assert_eq!(error.pointer(text), "kev:yes sevrity:low\n        ^^^^^^^");
}

#[test]
fn unknown_words_are_explained() {
    insta::assert_snapshot!(explained(&[
        "colour:red",
        "kb:5044285",
        "deb:bookworm/openssl@3.0.15-1 x",
        "severity:critcal",
        "severity:urgent",
        "severity:crit*",
        "kev:true",
        "state:no_fix",
        "tag:a OR tag:b",
        "tag:a AND tag:b",
        "NOT tag:a",
        "tag=a",
    ]));
}

#[test]
fn broken_structure_is_explained() {
    insta::assert_snapshot!(explained(&[
        "(tag:a",
        "tag:a)",
        "()",
        "-(tag:a ( ))",
        "-",
        "- tag:a",
        "--tag:a",
        "tag:",
        "tag: a",
        "tag:a,",
        "tag:a, b",
        ",a",
        ":a",
        "<7d",
        "tag:\"a",
        "tag:\"\"",
        "tag:\"a\"b",
        "tag:a\"b\"",
        "tag:a(b",
        "(tag:a)(tag:b)",
        r#"tag:"a\n""#,
        "a,b:c",
        "tag:a\u{7}",
        "tag:\"a\tb\"",
    ]));
}

#[test]
fn broken_comparisons_are_explained() {
    insta::assert_snapshot!(explained(&[
        "tag>a",
        "tag:>a",
        "package>=3.0",
        "package:openssl<",
        "package:openssl<3.*",
        "product:openssl>=3.0",
        "state>missing",
        "severity>=unrated",
        "severity>=low,high",
        "severity>=important,low",
        "severity:>=low",
        "seen:7d",
        "seen:<7d",
        "seen<7",
        "seen<d",
        "seen<+7d",
        "seen<7y",
        "seen<1.5d",
        "age>36526d",
        "seen<",
        "seen<*",
        "os>=12",
        "os:>=12",
        "os:debian>=bookworm",
        "os:debian>=12.",
        "os:debian=>12",
        "os:debian=12",
    ]));
}

#[test]
fn a_field_of_another_subject_is_refused_with_its_place() {
    let text = "tag:a -(Severity>=important)";
    let error = Query::parse_for(text, SubjectKind::Device).unwrap_err();
    assert_eq!(error.kind, Kind::WrongSubject);
    assert_eq!(
        error.pointer(text),
        "tag:a -(Severity>=important)\n        ^^^^^^^^"
    );
    assert_eq!(
        error.to_string(),
        "devices have no field `severity` at column 9: \
         expected client, site, device, tag, group, zone, mode, os, seen, missing, package, cve or kev"
    );
    assert_eq!(
        Query::parse(text).unwrap().check(SubjectKind::Device),
        Err(error)
    );
    assert_eq!(
        Query::parse(text).unwrap().check(SubjectKind::Finding),
        Ok(())
    );
    let error = Query::parse_for("tag:a", SubjectKind::Patch).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("patches have no field `tag` at column 1: expected ")
    );
    for both in ["package:openssl", "openssl", ""] {
        assert!(Query::parse_for(both, SubjectKind::Device).is_ok());
        assert!(Query::parse_for(both, SubjectKind::Patch).is_ok());
    }
}

#[test]
fn a_pointer_into_a_long_text_shows_the_neighbourhood() {
    let text = format!(
        "{} tga:x {}",
        "tag:a ".repeat(40).trim(),
        "tag:b ".repeat(40).trim()
    );
    let error = Query::parse(&text).unwrap_err();
    let pointer = error.pointer(&text);
    let (shown, carets) = pointer.split_once('\n').unwrap();
    let at = carets.find('^').unwrap();
    assert_eq!(shown.chars().skip(at).take(3).collect::<String>(), "tga");
    assert!(shown.starts_with('…') && shown.ends_with('…'));
    assert!(shown.chars().count() <= 102, "{shown}");
}

#[test]
fn a_pointer_counts_characters_and_survives_another_text() {
    let text = "b\u{fc}ro\tq:x";
    let error = Query::parse(text).unwrap_err();
    assert_eq!(error.pointer(text), "b\u{fc}ro q:x\n     ^");
    assert_eq!(error.pointer(""), "\n     ^");
}

#[test]
fn a_message_stays_on_one_line() {
    let error = Query::parse("tag:\"a\\\nb\"").unwrap_err();
    assert_eq!(error.kind, Kind::BadEscape);
    assert!(
        error
            .to_string()
            .starts_with("`\\ ` is not an escape at column 7: "),
        "{error}"
    );
}
