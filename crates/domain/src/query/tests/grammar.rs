//! What parses, into which tree, and how it prints.

use std::collections::BTreeSet;

use crate::device::Mode;
use crate::finding::FindingState;
use crate::query::{
    Comparison, Condition, DEPTH_MAX, ElapsedUnit, Expr, Field, LENGTH_BYTES_MAX, Query,
    QueryErrorKind, SubjectKind, TERMS_MAX, completions,
};

use crate::severity::{Classification, Severity};
use crate::snapshot::SnapshotState;

use super::query;

/// Text and canonical text, written by hand from the grammar.
const CANONICAL: &[(&str, &str)] = &[
    ("", ""),
    (" \t\n ", ""),
    ("tag:a", "tag:a"),
    ("  tag:a   tag:b ", "tag:a tag:b"),
    ("TAG:a", "tag:a"),
    ("tag:Server", "tag:Server"),
    ("severity:Critical", "severity:critical"),
    ("severity>=IMPORTANT", "severity>=important"),
    ("tag:a,b", "tag:a,b"),
    ("tag:\"a\"", "tag:a"),
    ("tag:\"a b\"", "tag:\"a b\""),
    ("tag:\"a,b\"", "tag:\"a,b\""),
    (r#"tag:"a\"b""#, r#"tag:"a\"b""#),
    (r#"device:ACME\web1"#, r#"device:ACME\web1"#),
    (r#"device:"ACME\\web1""#, r#"device:ACME\web1"#),
    (r#"tag:"a\*""#, r#"tag:"a\*""#),
    (r#"tag:"a*""#, "tag:a*"),
    ("tag:**a***b", "tag:*a*b"),
    ("tag:**", "tag:*"),
    ("tag:a,*", "tag:*"),
    ("tag:-a", "tag:-a"),
    ("(tag:a)", "tag:a"),
    ("((tag:a tag:b)) tag:c", "tag:a tag:b tag:c"),
    ("-(tag:a)", "-tag:a"),
    ("-(-tag:a)", "tag:a"),
    ("-(-(tag:a tag:b)) tag:c", "tag:a tag:b tag:c"),
    ("-( tag:a (tag:b) )", "-(tag:a tag:b)"),
    ("tag:a(", "!"),
    ("os:debian>=12", "os:debian>=12"),
    ("os:debian>=12.0", "os:debian>=12.0"),
    (
        "os:debian<13,Ubuntu>=22.04,bookworm",
        "os:debian<13,Ubuntu>=22.04,bookworm",
    ),
    ("os:*", "os:*"),
    ("seen<07d", "seen<7d"),
    ("seen<=2W", "seen<=2w"),
    ("seen:*", "seen:*"),
    ("age>90m", "age>90m"),
    ("kev:yes", "kev:yes"),
    ("kev:*", "kev:*"),
    ("web", "web"),
    ("web,db", "web,db"),
    ("-web", "-web"),
    ("\"-web\"", "\"-web\""),
    ("a,\"-web\"", "a,-web"),
    ("\"a:b\"", "\"a:b\""),
    ("\"OR\"", "\"OR\""),
    ("or", "or"),
    ("\"tag=a\"", "\"tag=a\""),
    ("x=a", "x=a"),
    ("*", "*"),
    (
        "patch:deb:bookworm/openssl@3.0.22-1~deb12u2",
        "patch:deb:bookworm/openssl@3.0.22-1~deb12u2",
    ),
    (
        "-(patch:deb:bookworm/c++@1:2.0+dfsg-1~bpo12+1,kb:5044285)",
        "-patch:deb:bookworm/c++@1:2.0+dfsg-1~bpo12+1,kb:5044285",
    ),
    ("tag:b\u{fc}ro\u{a0}tag:x", "tag:b\u{fc}ro tag:x"),
];

#[test]
fn prints_the_canonical_form() {
    for (text, canonical) in CANONICAL {
        match Query::parse(text) {
            Ok(query) => assert_eq!(query.to_string(), *canonical, "of {text}"),
            Err(error) => assert_eq!(*canonical, "!", "{text}: {error}"),
        }
    }
}

#[test]
fn reads_the_two_examples_of_the_design() {
    let devices = "client:acme site:berlin tag:server os:debian>=12 missing:critical seen<7d";
    assert_eq!(query(devices).to_string(), devices);
    assert_eq!(query(devices).check(SubjectKind::Device), Ok(()));
    let patches = "severity>=important kev:yes product:openssl -origin:backports age>14d";
    assert_eq!(query(patches).to_string(), patches);
    assert_eq!(query(patches).check(SubjectKind::Patch), Ok(()));
}

#[test]
fn builds_a_tree_with_places() {
    let text = "tag:a -(b\u{fc} seen<=7d)";
    let query = query(text);
    let Expr::All(parts) = query.expr() else {
        panic!("{query:?}")
    };
    let [Expr::Term(tag), Expr::Not(group)] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    assert_eq!(tag.field(), Some(Field::Tag));
    let Condition::Text(patterns) = tag.condition() else {
        panic!("{tag:?}")
    };
    assert_eq!(patterns[0].exact(), Some("a"));
    let Expr::All(parts) = &**group else {
        panic!("{group:?}")
    };
    let [Expr::Term(name), Expr::Term(seen)] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    assert_eq!(name.field(), None);
    let Condition::Elapsed(Comparison::LessOrEqual, elapsed) = seen.condition() else {
        panic!("{seen:?}")
    };
    assert_eq!((elapsed.count(), elapsed.unit()), (7, ElapsedUnit::Days));
    let span = seen.span();
    assert_eq!(
        &text[span.position..span.position + span.length],
        "seen<=7d"
    );
    // The umlaut has two bytes and one column.
    assert_eq!((span.position, span.column), (12, 12));
}

#[test]
fn everything_is_empty() {
    assert!(query("").is_everything());
    assert_eq!(query(" "), Query::everything());
    assert_eq!(Query::everything().to_string(), "");
    assert!(!query("*").is_everything());
}

#[test]
fn combines_queries_without_losing_groups() {
    let left = query("tag:a -(tag:b tag:c)");
    let right = query("-tag:d");
    assert_eq!(
        left.and(&right).unwrap().to_string(),
        "tag:a -(tag:b tag:c) -tag:d"
    );
    assert_eq!(Query::everything().and(&right).unwrap(), right);
    assert_eq!(right.negated().unwrap().to_string(), "tag:d");
    assert_eq!(
        left.negated().unwrap().to_string(),
        "-(tag:a -(tag:b tag:c))"
    );
    assert_eq!(
        Query::everything().negated().unwrap_err().kind,
        QueryErrorKind::MissingTerm
    );
}

#[test]
fn quotes_any_exact_value() {
    for value in [
        "deb:bookworm/openssl@1-1",
        "7-Zip (x64)",
        "a*b",
        "a\"b\\",
        " ",
        "-",
        "a,b",
    ] {
        let query = Query::of(Field::Product, value).unwrap();
        let terms = query.terms();
        let Condition::Text(patterns) = terms[0].condition() else {
            panic!("{query}")
        };
        assert_eq!(patterns[0].exact(), Some(value));
    }
    assert_eq!(
        Query::of(Field::Tag, "").unwrap_err().kind,
        QueryErrorKind::MissingValue
    );
    assert_eq!(
        Query::of(Field::Tag, "a\nb").unwrap_err().kind,
        QueryErrorKind::ControlCharacter
    );
}

#[test]
fn holds_its_limits_exactly() {
    let refused = |text: &str| Query::parse(text).unwrap_err().kind;

    let text = format!("tag:{}", "a".repeat(LENGTH_BYTES_MAX - 4));
    assert_eq!(query(&text).to_string(), text);
    assert_eq!(refused(&format!("{text}a")), QueryErrorKind::TooLong);

    let nested = |depth| format!("{}a b{}", "-(".repeat(depth), ")".repeat(depth));
    query(&nested(DEPTH_MAX));
    assert_eq!(refused(&nested(DEPTH_MAX + 1)), QueryErrorKind::TooDeep);

    let listed = |values| format!("tag:{}", vec!["a"; values].join(","));
    query(&listed(TERMS_MAX));
    assert_eq!(
        refused(&listed(TERMS_MAX + 1)),
        QueryErrorKind::TooManyTerms
    );
    let separate = |values| vec!["severity>low"; values].join(" ");
    query(&separate(TERMS_MAX));
    assert_eq!(
        refused(&separate(TERMS_MAX + 1)),
        QueryErrorKind::TooManyTerms
    );
}

#[test]
fn travels_as_json_text() {
    let json = serde_json::to_string(&query("tag:\"a b\"")).unwrap();
    assert_eq!(json, r#""tag:\"a b\"""#);
    assert_eq!(
        serde_json::from_str::<Query>(&json).unwrap(),
        query("tag:\"a b\"")
    );
    let error = serde_json::from_str::<Query>("\"tga:x\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("unknown field `tga` at column 1"),
        "{error}"
    );
}

#[test]
fn the_table_of_fields_is_in_order() {
    for row in crate::query::FIELDS {
        assert_eq!(row.field.row(), row);
        assert_eq!(Field::named(&row.name.to_uppercase()), Some(row.field));
        assert!(row.of_devices || row.of_patches, "{}", row.name);
        assert_eq!(row.name, row.name.to_lowercase());
        assert!(
            !row.name
                .contains(|char: char| !char.is_ascii_alphanumeric() && char != '-')
        );
    }
}

/// A severity or state that the rest of the house gains must be one that can be asked for.
#[test]
fn closed_lists_hold_the_words_of_the_house() {
    let names = |field: Field| -> BTreeSet<&str> {
        field.choices().iter().map(|choice| choice.name).collect()
    };
    let severities: BTreeSet<&str> = Severity::ALL.iter().map(|value| value.word()).collect();
    assert_eq!(names(Field::Severity), severities);
    assert_eq!(names(Field::Missing), severities);
    let states: BTreeSet<&str> = SnapshotState::ALL
        .iter()
        .map(|value| value.word())
        .collect();
    assert_eq!(names(Field::State), states);
    assert!(
        FindingState::ALL
            .iter()
            .all(|state| states.contains(state.word()))
    );
    let classes: BTreeSet<&str> = Classification::ALL
        .iter()
        .map(|value| value.word())
        .collect();
    assert_eq!(names(Field::Class), classes);
    let modes: BTreeSet<&str> = Mode::ALL.iter().map(|value| value.word()).collect();
    assert_eq!(names(Field::Mode), modes);
}

#[test]
fn packages_may_have_a_bound_on_their_version() {
    let texts = [
        "package:openssl<3.0.17-1~deb12u2",
        "package:linux*>=6.1,nginx",
        "package:openssl<=\"1:2.0, odd\"",
    ];
    for text in texts {
        let query = Query::parse(text).unwrap();
        assert_eq!(query.to_string(), text);
        assert!(matches!(
            query.terms()[0].condition(),
            Condition::Packages(_)
        ));
    }
    // Without any bound they are names, as ever.
    let names = Query::parse("package:openssl,nginx").unwrap();
    assert!(matches!(names.terms()[0].condition(), Condition::Text(_)));
}

#[test]
fn completes_fields_and_values() {
    let offered = |text: &str, kind| {
        let cursor = text.find('|').unwrap();
        let text = text.replace('|', "");
        completions(&text, cursor, kind)
            .into_iter()
            .map(|completion| {
                let mut after = text.clone();
                after.replace_range(completion.replaces, &completion.insert);
                after
            })
            .collect::<Vec<_>>()
    };
    use SubjectKind::{Device, Finding, Patch};
    assert_eq!(offered("tag:a s|", Device), ["tag:a site:", "tag:a seen<"]);
    assert_eq!(offered("s|", Patch), ["severity:", "state:"]);
    assert_eq!(
        offered("s|", Finding),
        ["site:", "seen<", "severity:", "state:"]
    );
    assert_eq!(offered("-(c|", Device), ["-(client:", "-(cve:"]);
    assert_eq!(offered("-cv|", Patch), ["-cve:"]);
    assert_eq!(offered("kev:|", Patch), ["kev:yes", "kev:no"]);
    assert_eq!(offered("severity:low,C|", Patch), ["severity:low,critical"]);
    assert_eq!(offered("severity>=u|", Patch), Vec::<String>::new());
    assert_eq!(offered("severity:u| x", Patch), ["severity:unrated x"]);
    assert_eq!(offered("severity:|", Device), Vec::<String>::new());
    assert_eq!(offered("tag:\"a s|", Device), Vec::<String>::new());
    assert_eq!(offered("tag:a|", Device), Vec::<String>::new());
    assert_eq!(offered("|", Patch).len(), 12);
}
