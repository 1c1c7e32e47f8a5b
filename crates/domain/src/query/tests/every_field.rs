//! What must hold for every field and every condition, the table of fields being the source: a new
//! field is tested by being there.

use proptest::prelude::*;

use crate::query::{
    Choice, Condition, FIELDS, Field, FieldRow, KnownValues, OFFERED_MAX, Query,
    QueryErrorKind as Kind, SubjectKind, ValueKind, completions, completions_with,
};

fn sign() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["<", "<=", ">", ">="])
}

/// Values as people write them, with and without quotes, with stars and escapes.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9:/@~+=._*-]{1,8}",
        "\"([ a-zA-Z,():<>=~-]|\\\\[\"*\\\\]|[*\u{e4}\u{130}]){1,6}\"",
    ]
}

fn listed(row: &'static FieldRow, item: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop::collection::vec(item, 1..4)
        .prop_map(move |items| format!("{}:{}", row.name, items.join(",")))
        .boxed()
}

/// Terms of a field, of every condition that it can have.
fn term(row: &'static FieldRow) -> BoxedStrategy<String> {
    let versioned = |version: BoxedStrategy<String>| {
        (value(), prop::option::of((sign(), version))).prop_map(|(name, bound)| match bound {
            Some((sign, version)) => format!("{name}{sign}{version}"),
            None => name,
        })
    };
    let terms = match row.values {
        ValueKind::Text(_) => listed(row, value().boxed()),
        ValueKind::Elapsed => (sign(), 0_u32..5_000, "[mhdwMHDW]")
            .prop_map(|(sign, count, unit)| format!("{}{sign}{count}{unit}", row.name))
            .boxed(),
        ValueKind::Os => {
            // A name with `=` is taken for a mistyped comparison.
            let name = "[a-z*]{1,6}|\"[a-z ,*]{1,6}\"";
            let version = "[0-9]{1,3}(\\.[0-9]{1,5}){0,3}";
            let system = (name, prop::option::of((sign(), version)));
            let system = system.prop_map(|(name, bound)| match bound {
                Some((sign, version)) => format!("{name}{sign}{version}"),
                None => name,
            });
            listed(row, system.boxed())
        }
        ValueKind::Package => {
            let version = "[0-9][a-z0-9.:~+-]{0,8}|\"1:2, [a-z]{1,3}\"";
            listed(row, versioned(version.boxed()).boxed())
        }
        ValueKind::Choice(choices) => {
            let name = prop::sample::select(choices.iter().collect::<Vec<&Choice>>());
            let ranked: Vec<&Choice> = choices.iter().filter(|c| c.rank.is_some()).collect();
            let any_of = listed(row, name.prop_map(|choice| choice.name.to_owned()).boxed());
            if ranked.is_empty() {
                any_of
            } else {
                let order = (sign(), prop::sample::select(ranked))
                    .prop_map(|(sign, choice)| format!("{}{sign}{}", row.name, choice.name));
                prop_oneof![any_of, order].boxed()
            }
        }
    };
    prop_oneof![9 => terms, 1 => Just(format!("{}:*", row.name))].boxed()
}

fn any_term() -> impl Strategy<Value = String> {
    prop::sample::select(FIELDS.iter().collect::<Vec<_>>()).prop_flat_map(term)
}

/// Whole queries over all fields.
fn text() -> impl Strategy<Value = String> {
    any_term().prop_recursive(5, 24, 4, |inner| {
        (prop::collection::vec(inner, 1..4), 0_u8..3).prop_map(|(parts, shape)| match shape {
            0 => format!("-({})", parts.join(" ")),
            1 => format!("( {} )", parts.join("\t")),
            _ => parts.join("  "),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn every_query_is_printed_and_read_back(text in text()) {
        let query = Query::parse(&text).unwrap();
        let printed = query.to_string();
        let again = Query::parse(&printed).unwrap();
        prop_assert_eq!(&again, &query, "{}", printed);
        prop_assert_eq!(again.to_string(), printed.clone());
        prop_assert!(printed.len() <= text.len(), "{} from {}", printed, text);
        prop_assert!(query.implies(&again) && again.implies(&query), "{}", printed);
    }

    /// Whatever the value, asking for it exactly asks for that value and nothing else.
    #[test]
    fn an_exact_value_is_kept_whole(value in "[^\\p{C}\\s]{1,12}( [a-z]{1,3})?") {
        for row in FIELDS.iter().filter(|row| matches!(row.values, ValueKind::Text(_))) {
            let query = Query::of(row.field, &value).unwrap();
            prop_assert_eq!(query.required(row.field), Some(value.as_str()));
            prop_assert_eq!(Query::parse(&query.to_string()).unwrap(), query);
        }
    }
}

/// What a mistake says: its kind, place and everything that was expected.
fn told(text: &str, kind: SubjectKind) -> String {
    let error = Query::parse_for(text, kind).expect_err(text);
    let suggested = error.suggestion.as_deref().unwrap_or("nothing");
    format!(
        "{}\n{:?} at byte {}, {} long, column {}; found {:?}\n{}\nexpected: {}\nsuggested: {suggested}\n\n",
        error.pointer(text),
        error.kind,
        error.position,
        error.length,
        error.column,
        error.found,
        error.message,
        error.expected.join(" | "),
    )
}

#[test]
fn every_kind_of_mistake_says_where_and_what_was_expected() {
    use SubjectKind::{Device, Finding, Patch};
    let mistakes: &[(Kind, &str, SubjectKind)] = &[
        (Kind::ControlCharacter, "tag:a tag:b\u{7}", Finding),
        (Kind::UnknownField, "tag:a colour:red", Finding),
        (Kind::UnknownValue, "tag:a class:drivers", Finding),
        (Kind::MissingValue, "tag:a site:", Finding),
        (Kind::MissingTerm, "tag:a -", Finding),
        (Kind::NotComparable, "tag:a group>b", Finding),
        (Kind::NeedsComparison, "tag:a released:14d", Finding),
        (Kind::BadDuration, "tag:a released>14", Finding),
        (Kind::BadVersion, "tag:a os:debian>=trixie", Finding),
        (Kind::Unclosed, "tag:a (tag:b", Finding),
        (Kind::BadEscape, "tag:a tag:\"b\\n\"", Finding),
        (Kind::Unexpected, "tag:a)", Finding),
        (Kind::ForeignWord, "tag:a OR tag:b", Finding),
        (Kind::WrongSubject, "tag:a class:driver", Device),
        (Kind::WrongSubject, "class:driver group:a", Patch),
    ];
    let mut all = String::new();
    for (kind, text, subjects) in mistakes {
        assert_eq!(
            Query::parse_for(text, *subjects).unwrap_err().kind,
            *kind,
            "{text}"
        );
        all.push_str(&told(text, *subjects));
    }
    insta::assert_snapshot!(all);
    // Those about size are told without the text.
    let long = Query::parse(&"a".repeat(5_000)).unwrap_err();
    assert_eq!((long.kind, long.position), (Kind::TooLong, 4_096));
    let deep = Query::parse(&"(".repeat(40)).unwrap_err();
    assert_eq!(
        (deep.kind, deep.position, deep.length),
        (Kind::TooDeep, 32, 1)
    );
    let many = Query::parse(&format!("tag:{}", "a,".repeat(300))).unwrap_err();
    assert_eq!(
        (many.kind, many.position),
        (Kind::TooManyTerms, 4 + 2 * 256)
    );
}

#[test]
fn a_slip_in_a_field_or_value_is_met_with_a_word_that_there_is() {
    for row in FIELDS.iter().filter(|row| row.name.len() > 3) {
        // The last two letters change places.
        let (start, end) = row.name.split_at(row.name.len() - 2);
        let slip = format!("{start}{}", end.chars().rev().collect::<String>());
        if slip == row.name {
            continue;
        }
        let error = Query::parse(&format!("{slip}:a")).unwrap_err();
        let wanted = format!("did you mean `{}`?", row.name);
        assert_eq!(error.suggestion.as_deref(), Some(wanted.as_str()), "{slip}");
        for choice in row
            .field
            .choices()
            .iter()
            .filter(|choice| choice.name.len() > 3)
        {
            let slip = format!("{}{}", &choice.name[..1], &choice.name[2..]);
            let error = Query::parse(&format!("{}:{slip}", row.name)).unwrap_err();
            let wanted = format!("did you mean `{}`?", choice.name);
            assert_eq!(error.suggestion.as_deref(), Some(wanted.as_str()), "{slip}");
        }
    }
}

#[test]
fn words_of_other_tools_are_met_with_ours() {
    for (text, ours) in [
        ("hostname:web1", "device"),
        ("customer:acme", "client"),
        ("classification:driver", "class"),
        ("severity:high", "important"),
        ("severity>=medium", "moderate"),
        ("kev:true", "yes"),
    ] {
        let error = Query::parse(text).unwrap_err();
        let wanted = format!("did you mean `{ours}`?");
        assert_eq!(error.suggestion.as_deref(), Some(wanted.as_str()), "{text}");
    }
    // A word for one thing is not offered where that thing cannot stand.
    assert_eq!(Query::parse("kev:high").unwrap_err().suggestion, None);
    assert_eq!(Query::parse("severity:host").unwrap_err().suggestion, None);
}

/// Two clients, a group, and more tags than are offered.
struct Fleet;

impl KnownValues for Fleet {
    fn values(&self, field: Field, _: &str) -> Vec<String> {
        match field {
            Field::Client => vec!["Acme".into(), "Acme, Bonn".into(), "Beta".into()],
            Field::Group => vec!["databases".into(), "odd*\"name".into(), "a\u{7}".into()],
            Field::Tag => (0..1_000).map(|tag| format!("tag{tag}")).collect(),
            _ => vec!["not offered, because nobody asked".into()],
        }
    }
}

#[test]
fn clients_tags_and_groups_that_there_are_can_be_completed() {
    let offered = |text: &str| -> Vec<String> {
        completions_with(text, text.len(), SubjectKind::Device, &Fleet)
            .into_iter()
            .map(|one| format!("{}{}", &text[..one.replaces.start], one.insert))
            .collect()
    };
    assert_eq!(
        offered("-client:ac"),
        ["-client:Acme", "-client:\"Acme, Bonn\""]
    );
    assert_eq!(offered("client:acme,b"), ["client:acme,Beta"]);
    assert_eq!(
        offered("group:"),
        ["group:databases", r#"group:"odd\*\"name""#]
    );
    assert_eq!(offered("tag:t").len(), OFFERED_MAX);
    assert_eq!(offered("seen<"), Vec::<String>::new());
    assert_eq!(offered("client>a"), Vec::<String>::new());
    // What patches have is not offered for devices.
    assert_eq!(offered("product:"), Vec::<String>::new());
    for text in offered("client:").iter().chain(&offered("group:")) {
        let query = Query::parse(text).unwrap();
        assert!(
            matches!(query.terms()[0].condition(), Condition::Text(_)),
            "{text}"
        );
    }
    assert_eq!(completions("client:", 7, SubjectKind::Device), vec![]);
}

#[test]
fn every_field_and_listed_value_is_offered_where_it_may_stand() {
    for kind in [
        SubjectKind::Device,
        SubjectKind::Patch,
        SubjectKind::Finding,
    ] {
        let fields: Vec<&str> = Field::all_of(kind).map(Field::name).collect();
        let offered = completions("", 0, kind);
        let offered: Vec<&str> = offered
            .iter()
            .map(|one| one.insert.trim_end_matches([':', '<']))
            .collect();
        assert_eq!(offered, fields);
        for field in Field::all_of(kind) {
            let text = format!("{}:", field.name());
            let offered = completions(&text, text.len(), kind);
            assert_eq!(offered.len(), field.choices().len(), "{text}");
            for one in offered {
                assert!(Query::parse(&format!("{text}{}", one.insert)).is_ok());
                assert!(!one.help.is_empty());
            }
        }
    }
}
