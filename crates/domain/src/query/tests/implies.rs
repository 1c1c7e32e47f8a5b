//! That a query which is said to imply another really does, and that the useful cases are said.

use proptest::prelude::*;

use crate::query::{Fact, Field, Query, SubjectKind};

use super::{Card, now, query};

#[test]
fn a_narrower_query_implies_a_wider_one() {
    for (narrow, wide) in [
        ("tag:a", ""),
        ("", ""),
        ("tag:a tag:b", "tag:b"),
        ("tag:b tag:a", "tag:a tag:b"),
        ("tag:a", "tag:b,a"),
        ("tag:a,b", "tag:c,b,a"),
        ("tag:a", "tag:*"),
        ("tag:web-1", "tag:web-*"),
        ("tag:WEB-1", "tag:web*"),
        ("tag:web-*-x", "tag:w*"),
        ("product:a*b*c", "product:a*c"),
        ("client:acme", "client:*"),
        ("site:acme/berlin", "site:acme/*"),
        ("client:cli_1", "client:cli_1,beta"),
        ("severity:critical", "severity>=important"),
        ("severity>important", "severity:critical"),
        ("severity>=moderate", "severity:*"),
        ("severity:low,moderate", "severity<important"),
        ("seen<1d", "seen<7d"),
        ("seen<24h", "seen<=1d"),
        ("seen<1d", "-seen>7d"),
        ("seen>=14d", "seen>1w"),
        ("released>7d", "released:*"),
        ("os:debian>=12", "os:debian"),
        ("os:debian>=12.5", "os:debian>12,ubuntu"),
        ("os:debian>=12", "-os:debian<12"),
        ("os:debian<12", "os:*"),
        ("package:openssl<3.0", "package:open*<=3.0"),
        ("-tag:a,b", "-tag:a"),
        ("-tag:a*", "-tag:ab"),
        ("-severity>=low", "-severity:critical"),
        ("-tag:*", "-tag:a"),
        ("-tag:a", "-(tag:a tag:b)"),
        ("-(tag:a seen<7d)", "-(seen<1d tag:a tag:b)"),
        ("tag:a", "-(-tag:a -tag:b)"),
        ("-(-tag:a -tag:b)", "tag:a,b"),
        ("tag:x -(-tag:a -(tag:b os:debian))", "tag:a,b"),
        ("web-db", "web"),
        ("web", "web,db"),
        ("web*", "web"),
    ] {
        assert!(
            query(narrow).implies(&query(wide)),
            "{narrow} implies {wide}"
        );
    }
}

#[test]
fn what_only_seems_narrower_implies_nothing() {
    for (one, other) in [
        ("", "tag:a"),
        ("tag:a,b", "tag:a"),
        ("tag:*", "tag:a"),
        ("tag:a*", "tag:ab*"),
        ("tag:ab*b", "tag:ab"),
        ("patch:A", "patch:a"),
        ("tag:a", "site:a"),
        // There may be no severity at all, or one that is not known.
        ("-severity:low", "severity>=moderate"),
        ("severity:*", "severity>=low"),
        ("severity:unrated", "severity>=low"),
        // Never seen: neither.
        ("-seen<7d", "seen>=7d"),
        ("seen<7d", "seen<1d"),
        ("seen<=1d", "seen<1d"),
        ("-tag:a", "-tag:a,b"),
        ("-(tag:a tag:b)", "-tag:a"),
        // Several values may be there.
        ("missing:critical", "-missing:low"),
        ("tag:a", "-tag:b"),
        ("os:debian", "os:debian>=12"),
        ("os:debian>=12", "-os:debian<13"),
        // An id is found whole, and without a name.
        ("client:cli_1", "client:cli_*"),
        ("client:cli_1", "client:*"),
        ("client:cli_A", "client:cli_a"),
        // Without a slash a name is not looked for below its client.
        ("site:acme/berlin", "site:*berlin"),
        ("package:openssl<3.0", "package:openssl<3.1"),
        ("web", "web*"),
        ("web", "device:web"),
    ] {
        assert!(!query(one).implies(&query(other)), "{one} implies {other}");
    }
}

#[test]
fn queries_at_their_limits_are_compared_in_bounded_time() {
    let deep = |word: &str| {
        (0..15).fold(format!("tag:{word}"), |inner, level| {
            format!("-(tag:x{level} tag:y{level} -({inner} tag:z{level}))")
        })
    };
    let (one, other) = (query(&deep("a")), query(&deep("b")));
    assert!(one.implies(&one));
    assert!(!one.implies(&other));
    let many = |last: &str| format!("{}{last}", "tag:a*b*c,".repeat(250));
    assert!(query(&many("q")).implies(&query(&many("q,r"))));
}

/// Terms over words so few that one often implies the other.
fn term() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a", "A", "b", "ab", "a*", "*a", "*b*", "*", "c/a", "c/*", "*/a", "*a/*", "cli_a", "cli_*",
        "cli_A",
    ]);
    let field = prop::sample::select(vec![
        "client:", "site:", "device:", "tag:", "group:", "patch:", "fix:", "package:", "",
    ]);
    let sign = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let severity = prop::sample::select(vec!["critical", "important", "moderate", "low"]);
    let words = prop::collection::vec(word, 1..3);
    let system = prop::sample::select(vec!["os:a", "os:b", "os:a*", "os:*"]);
    let version = prop::sample::select(vec!["11", "12", "12.0", "12.5", "13"]);
    let plain = prop::sample::select(vec![
        "kev:yes",
        "kev:no",
        "kev:*",
        "class:driver",
        "class:*",
        "mode:managed",
        "state:missing",
        "severity:unrated",
        "severity:*",
        "severity:low,moderate",
        "missing:critical,unrated",
        "seen:*",
        "age:*",
        "-kev:no",
        "os:*",
    ]);
    prop_oneof![
        4 => (field, words).prop_map(|(field, words)| format!("{field}{}", words.join(","))),
        2 => (prop::sample::select(vec!["severity", "missing"]), sign.clone(), severity)
            .prop_map(|(field, sign, word)| format!("{field}{sign}{word}")),
        2 => (prop::sample::select(vec!["seen", "age", "released"]), sign.clone(), 0_u32..4)
            .prop_map(|(field, sign, days)| format!("{field}{sign}{days}d")),
        2 => (system, sign.clone(), version.clone())
            .prop_map(|(system, sign, version)| format!("{system}{sign}{version}")),
        1 => (prop::sample::select(vec!["package:a", "package:a*", "package:b"]), sign, version)
            .prop_map(|(package, sign, version)| format!("{package}{sign}{version}")),
        2 => plain.prop_map(str::to_owned),
    ]
}

fn text() -> impl Strategy<Value = String> {
    term().prop_recursive(4, 12, 3, |inner| {
        (prop::collection::vec(inner, 1..4), 0_u8..3).prop_map(|(parts, shape)| match shape {
            0 => format!("-({})", parts.join(" ")),
            1 => {
                let parts: Vec<String> = parts.iter().map(|part| format!("-({part})")).collect();
                format!("-({})", parts.join(" "))
            }
            _ => parts.join(" "),
        })
    })
}

/// What is known of one field: nothing, some values, all values.
type Known = Option<(Vec<&'static str>, bool)>;

fn known(words: Vec<&'static str>) -> impl Strategy<Value = Known> {
    let most = words.len().min(3);
    prop::option::of((prop::sample::subsequence(words, 0..=most), any::<bool>()))
}

fn instant() -> impl Strategy<Value = Fact<jiff::Timestamp>> {
    prop_oneof![
        Just(Fact::Unknown),
        Just(Fact::Absent),
        (0_i64..100).prop_map(|hours| Fact::Known(now() - jiff::SignedDuration::from_hours(hours))),
    ]
}

/// Subjects of every kind over the same words, with every field perhaps unknown.
fn subject() -> impl Strategy<Value = Card> {
    let kind = prop::sample::select(vec![
        SubjectKind::Device,
        SubjectKind::Patch,
        SubjectKind::Finding,
    ]);
    let names = || {
        known(vec![
            "a", "A", "b", "ab", "ba", "c", "c/a", "x/b/a", "cli_a",
        ])
    };
    let name_fields = [
        Field::Client,
        Field::Site,
        Field::Device,
        Field::Tag,
        Field::Group,
        Field::Patch,
        Field::Fix,
        Field::Package,
    ];
    let ratings = vec![
        "critical",
        "important",
        "moderate",
        "low",
        "unrated",
        "new-word",
    ];
    let choices = (
        known(ratings.clone()),
        known(ratings),
        known(vec!["yes", "no"]),
        known(vec!["driver", "security"]),
        known(vec!["managed", "observe"]),
        known(vec!["missing", "fixed"]),
    );
    let versions =
        prop::sample::select(vec![None, Some("11"), Some("12"), Some("12.5"), Some("?")]);
    let system = prop::option::of((
        prop::sample::select(vec!["a", "b", "ab"]),
        versions,
        prop::sample::select(vec![None, Some("a"), Some("b")]),
    ));
    let ids = prop::option::of(prop::sample::select(vec!["cli_a", "cli_b"]));
    let instants = (instant(), instant(), instant());
    (
        kind,
        prop::collection::vec(names(), 8),
        choices,
        system,
        ids,
        instants,
    )
        .prop_map(move |(kind, names, choices, system, id, instants)| {
            let mut card = Card::new(kind);
            let (severity, missing, kev, class, mode, state) = choices;
            let words = [
                (Field::Severity, severity),
                (Field::Missing, missing),
                (Field::Kev, kev),
                (Field::Class, class),
                (Field::Mode, mode),
                (Field::State, state),
            ];
            for (field, values) in name_fields.into_iter().zip(names).chain(words) {
                if let Some((values, complete)) = values {
                    card.texts.push((field, values, complete));
                }
            }
            if let Some(id) = id {
                card = card.with_id(Field::Client, id);
            }
            if let Some((id, version, codename)) = system {
                card = card.running(id, version, codename);
            }
            card.at(Field::Seen, instants.0)
                .at(Field::Age, instants.1)
                .at(Field::Released, instants.2)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn what_is_implied_is_matched(
        texts in prop::collection::vec(text(), 6),
        subjects in prop::collection::vec(subject(), 24),
    ) {
        let queries: Vec<Query> = texts.iter().map(|text| query(text)).collect();
        for one in &queries {
            for other in queries.iter().filter(|other| one.implies(other)) {
                for subject in &subjects {
                    prop_assert!(
                        !one.matches(subject, now()) || other.matches(subject, now()),
                        "`{}` does not imply `{}` of {:?}", one, other, subject
                    );
                }
            }
        }
    }

    #[test]
    fn a_query_implies_itself_and_its_parts(a in text(), b in text()) {
        let (a, b) = (query(&a), query(&b));
        let both = a.and(&b).unwrap();
        prop_assert!(a.implies(&a), "{}", a);
        prop_assert!(both.implies(&a) && both.implies(&b), "{}", both);
        let (no_a, no_both) = (a.negated().unwrap(), both.negated().unwrap());
        prop_assert!(no_a.implies(&no_both), "{}", no_a);
    }
}
