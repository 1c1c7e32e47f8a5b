//! What must hold for every text and every subject.

use proptest::prelude::*;

use crate::query::{Field, Query, SubjectKind, Truth, completions};

use super::{Card, now};

/// Single terms of every shape, some of them hostile.
fn term() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[a-cA-C*]{1,3}",
        "[a-c:/@~+=.-]{1,6}",
        // Inside quotes: everything that needs an escape has one.
        "\"([ a-c,():<>=-]|\\\\[\"*\\\\]|[*\u{e4}\u{130}]){1,5}\"",
    ];
    let text_field = prop_oneof![
        Just("client"),
        Just("site"),
        Just("tag"),
        Just("package"),
        Just("product"),
        Just("patch"),
        Just("cve"),
        Just("origin"),
    ];
    let sign = prop_oneof![Just("<"), Just("<="), Just(">"), Just(">=")];
    let severity = prop_oneof![
        Just("critical"),
        Just("important"),
        Just("moderate"),
        Just("Low")
    ];
    let values = prop::collection::vec(value, 1..4).prop_map(|values| values.join(","));
    prop_oneof![
        (text_field, values.clone()).prop_map(|(field, values)| format!("{field}:{values}")),
        "(\"OR\"|\"-[a-c]\"|[a-c*][a-c*-]{0,2}|\"tag=a\")(,[a-c*-]{1,3}){0,2}",
        (sign.clone(), severity.clone()).prop_map(|(sign, word)| format!("severity{sign}{word}")),
        severity.prop_map(|word| format!("severity:unrated,{word}")),
        (sign.clone(), 0_u32..5_000, "[mhdwD]")
            .prop_map(|(sign, count, unit)| format!("age{sign}{count}{unit}")),
        ("[a-c*]{1,3}", sign, "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}")
            .prop_map(|(name, sign, version)| format!("os:{name},{name}{sign}{version}")),
        Just("kev:yes".to_owned()),
        Just("state:no-fix,unknown".to_owned()),
        Just("seen:*".to_owned()),
    ]
}

/// Whole queries: terms in groups, negated and not.
fn text() -> impl Strategy<Value = String> {
    term().prop_recursive(6, 40, 4, |inner| {
        (
            prop::collection::vec(inner, 1..4),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(|(parts, group, negated)| match (group, negated) {
                (_, true) => format!("-({})", parts.join(" ")),
                (true, false) => format!("( {} )", parts.join("  ")),
                (false, false) => parts.join(" "),
            })
    })
}

/// Patches over a small alphabet, so that queries do hit them; fields may be unknown.
fn patch() -> impl Strategy<Value = Card> {
    let words = prop::sample::subsequence(vec!["a", "b", "c", "abc", "ca"], 0..=3);
    let severity = prop::sample::select(vec!["critical", "moderate", "low", "unrated"]);
    (
        prop::option::of((words.clone(), any::<bool>())),
        prop::option::of(severity),
        prop::option::of(words),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(product, severity, package, kev)| {
            let mut card = Card::new(SubjectKind::Patch);
            card = match product {
                Some((words, true)) => card.with(Field::Product, &words),
                Some((words, false)) => card.with_at_least(Field::Product, &words),
                None => card,
            };
            if let Some(severity) = severity {
                card = card.with(Field::Severity, &[severity]);
            }
            if let Some(words) = package {
                card = card.with(Field::Package, &words);
            }
            if let Some(kev) = kev {
                card = card.with(Field::Kev, if kev { &["yes"] } else { &["no"] });
            }
            card
        })
}

fn truth() -> impl Strategy<Value = Truth> {
    prop::sample::select(vec![Truth::No, Truth::Unknown, Truth::Yes])
}

proptest! {
    #[test]
    fn printing_and_parsing_come_back(text in text()) {
        let query = Query::parse(&text).unwrap();
        let printed = query.to_string();
        prop_assert_eq!(&Query::parse(&printed).unwrap(), &query, "{}", printed);
        prop_assert_eq!(Query::parse(&printed).unwrap().to_string(), printed);
    }

    #[test]
    fn printing_is_never_longer(text in text()) {
        let printed = Query::parse(&text).unwrap().to_string();
        prop_assert!(printed.len() <= text.len(), "{} from {}", printed, text);
    }

    #[test]
    fn no_text_brings_it_down(text in any::<String>(), cursor in 0_usize..40) {
        survives(&text, cursor)?;
    }

    #[test]
    fn no_text_of_signs_brings_it_down(
        text in "([-():,<>=\"*\\\\ a\u{e4}\u{0}\u{a0}\n]|tag:|os:|seen|severity>|patch:){0,30}",
        cursor in 0_usize..40,
    ) {
        survives(&text, cursor)?;
    }

    #[test]
    fn a_broken_query_points_inside_the_text(text in text(), at in any::<prop::sample::Index>()) {
        // A character taken out breaks most queries somewhere in the middle.
        let mut chars: Vec<char> = text.chars().collect();
        chars.remove(at.index(chars.len()));
        survives(&chars.into_iter().collect::<String>(), 7)?;
    }

    #[test]
    fn negation_and_conjunction_follow_de_morgan(a in truth(), b in truth()) {
        prop_assert_eq!(!(a.and(b)), (!a).or(!b));
        prop_assert_eq!(!(a.or(b)), (!a).and(!b));
        prop_assert_eq!(!!a, a);
    }

    #[test]
    fn a_comma_is_a_negated_group_of_negations(a in "[a-c*]{1,3}", b in "[a-c*]{1,3}", patch in patch()) {
        let comma = Query::parse(&format!("product:{a},{b}")).unwrap();
        let group = Query::parse(&format!("-(-product:{a} -product:{b})")).unwrap();
        prop_assert_eq!(comma.evaluate(&patch, now()), group.evaluate(&patch, now()));
    }

    #[test]
    fn the_whole_evaluates_as_its_parts(a in text(), b in text(), patch in patch()) {
        let (a, b) = (Query::parse(&a).unwrap(), Query::parse(&b).unwrap());
        let value = |query: &Query| query.evaluate(&patch, now());
        prop_assert_eq!(value(&a.and(&b).unwrap()), value(&a).and(value(&b)));
        prop_assert_eq!(value(&a.negated().unwrap()), !value(&a));
    }

    /// Learning what was unknown never turns a yes into a no, or a no into a yes.
    #[test]
    fn learning_more_never_overturns(text in text(), patch in patch()) {
        let query = Query::parse(&text).unwrap();
        let before = query.evaluate(&patch, now());
        let mut learned = patch;
        for field in [Field::Product, Field::Severity, Field::Package, Field::Kev] {
            if learned.texts.iter().all(|(known, ..)| *known != field) {
                let value = if field.choices().is_empty() { "b" } else { field.choices()[0].name };
                learned = learned.with(field, &[value]);
            }
        }
        if before != Truth::Unknown {
            prop_assert_eq!(query.evaluate(&learned, now()), before);
        }
    }

    /// A star stands for any run of characters: checked against a search without any cleverness.
    #[test]
    fn stars_match_as_a_plain_search_does(pattern in "[ab*]{1,6}", text in "[ab]{0,8}") {
        let card = Card::new(SubjectKind::Patch)
            .with(Field::Product, &[Box::leak(text.clone().into_boxed_str())]);
        let query = Query::parse(&format!("product:{pattern}")).unwrap();
        let expected = plain(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(query.matches(&card, now()), expected, "{} on {}", pattern, text);
    }
}

fn plain(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
        [first, rest @ ..] => text.first() == Some(first) && plain(rest, &text[1..]),
    }
}

/// Parses, explains, completes; checks that a mistake lies inside the text.
fn survives(text: &str, cursor: usize) -> Result<(), TestCaseError> {
    for completion in completions(text, cursor, SubjectKind::Finding) {
        prop_assert!(text.get(completion.replaces).is_some());
    }
    match Query::parse(text) {
        Ok(query) => prop_assert_eq!(&Query::parse(&query.to_string()).unwrap(), &query),
        Err(error) => {
            let end = error.position + error.length;
            prop_assert_eq!(text.get(error.position..end), Some(error.found.as_str()));
            prop_assert!(!error.to_string().contains(char::is_control));
            prop_assert!(error.pointer(text).lines().count() == 2);
        }
    }
    Ok(())
}
