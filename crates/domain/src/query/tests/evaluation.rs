//! What matches what: expected values are a hand count over two written subjects.

use crate::query::{Fact, Field, SubjectKind, Truth};

use super::{Card, at, finding, now, openssl, query, truth, web1};

fn check(subject: &dyn crate::query::Subject, cases: &[(&str, Truth)]) {
    for (text, expected) in cases {
        assert_eq!(truth(text, subject), *expected, "{text}");
    }
}

#[test]
fn what_has_no_device_is_certainly_not_below_a_client() {
    let nameless = Card::new(SubjectKind::Finding).with(Field::Device, &[]);
    assert_eq!(truth("device:acme/web1", &nameless), Truth::No);
    assert_eq!(truth("-device:acme/web1", &nameless), Truth::Yes);
}

#[test]
fn devices_match_by_names_ids_tags_and_packages() {
    use Truth::{No, Yes};
    check(
        &web1(),
        &[
            ("", Yes),
            ("client:acme", Yes),
            ("client:ACME,other", Yes),
            ("client:acm", No),
            ("client:ac*", Yes),
            ("client:cli_01j9aaaa", Yes),
            // A wildcard never meets an id: every client's id begins so.
            ("client:c*", No),
            ("client:cli_*", No),
            ("device:d*", No),
            ("device:dev_01j9cccc", Yes),
            ("device:DEV_01J9CCCC", No),
            ("device:web1", Yes),
            ("site:berlin", Yes),
            ("site:acme/berlin", Yes),
            ("site:acme/*", Yes),
            ("site:*/berlin", Yes),
            ("site:other/berlin", No),
            ("device:acme/web1", Yes),
            ("device:other/web1", No),
            // Names of sites, not of their clients.
            ("site:ac*", No),
            ("site:sit_01j9bbbb", Yes),
            ("tag:dmz", Yes),
            ("tag:dmz tag:server", Yes),
            ("tag:dmz -tag:server", No),
            ("tag:laptop,dmz", Yes),
            ("-tag:laptop", Yes),
            ("tag:*", Yes),
            ("package:nginx", Yes),
            ("package:lib*3", Yes),
            ("package:lib*4", No),
            ("web", Yes),
            ("EB", Yes),
            ("web*", Yes),
            ("eb*", No),
            ("nginx", No),
            ("db,web", Yes),
            ("-(tag:dmz tag:laptop)", Yes),
            ("-(tag:dmz tag:server)", No),
        ],
    );
}

#[test]
fn a_tag_that_is_not_there_is_not_present() {
    let bare = web1_without_tags();
    check(
        &bare,
        &[
            ("tag:*", Truth::No),
            ("-tag:*", Truth::Yes),
            ("tag:a", Truth::No),
        ],
    );
}

fn web1_without_tags() -> Card {
    let mut device = web1();
    device.texts.retain(|(field, ..)| *field != Field::Tag);
    device.with(Field::Tag, &[])
}

#[test]
fn systems_compare_by_parts() {
    use Truth::{No, Unknown, Yes};
    // 12.5 lies between 12 and 13.
    check(
        &web1(),
        &[
            ("os:debian", Yes),
            ("os:Debian", Yes),
            ("os:bookworm", Yes),
            ("os:deb*", Yes),
            ("os:ubuntu", No),
            ("os:debian>=12", Yes),
            ("os:debian>12", Yes),
            ("os:debian<=12", No),
            ("os:debian<13", Yes),
            ("os:debian>=12.5", Yes),
            ("os:debian>12.5", No),
            ("os:debian>12.4.9", Yes),
            ("os:debian<12.10", Yes),
            ("os:debian<=12.5.0", Yes),
            ("os:bookworm>=12", Yes),
            ("os:ubuntu>=9", No),
            ("os:ubuntu>=9,debian>=12", Yes),
            ("os:*", Yes),
        ],
    );
    let sid = Card::new(SubjectKind::Device).running("debian", None, Some("sid"));
    check(
        &sid,
        &[
            ("os:debian", Yes),
            ("os:sid", Yes),
            ("os:debian>=12", Unknown),
            ("-os:debian>=12", Unknown),
            ("os:ubuntu>=12", No),
        ],
    );
    check(
        &Card::new(SubjectKind::Device),
        &[("os:*", Unknown), ("-os:debian", Unknown)],
    );
}

#[test]
fn elapsed_time_is_counted_in_hours() {
    use Truth::{No, Unknown, Yes};
    // Seen exactly 24 hours ago.
    check(
        &web1(),
        &[
            ("seen<1d", No),
            ("seen<=1d", Yes),
            ("seen>=24h", Yes),
            ("seen>1440m", No),
            ("seen>23h", Yes),
            ("seen<1w", Yes),
            ("seen:*", Yes),
        ],
    );
    // Released exactly 14 days ago.
    check(
        &openssl(),
        &[
            ("age>14d", No),
            ("age>=2w", Yes),
            ("age>2w", No),
            ("age<15d", Yes),
        ],
    );
    let device = || Card::new(SubjectKind::Device);
    let ahead = device().at(Field::Seen, at("2026-03-10T13:00:00Z"));
    check(
        &ahead,
        &[("seen<1m", Yes), ("seen>=0m", Yes), ("seen>0m", No)],
    );
    let never = device().at(Field::Seen, Fact::Absent);
    check(
        &never,
        &[
            ("seen<7d", No),
            ("seen>7d", No),
            ("-seen<7d", Yes),
            ("-seen:*", Yes),
        ],
    );
    check(
        &device(),
        &[
            ("seen<7d", Unknown),
            ("-seen<7d", Unknown),
            ("seen:*", Unknown),
        ],
    );
}

#[test]
fn severities_are_ordered_and_unrated_is_outside() {
    let rated = |severity| Card::new(SubjectKind::Patch).with(Field::Severity, &[severity]);
    let matched = |text: &str| {
        ["critical", "important", "moderate", "low", "unrated"]
            .into_iter()
            .filter(|severity| query(text).matches(&rated(severity), now()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(matched("severity>=important"), "critical important");
    assert_eq!(matched("severity>important"), "critical");
    assert_eq!(matched("severity<important"), "moderate low");
    assert_eq!(
        matched("severity<=critical"),
        "critical important moderate low"
    );
    assert_eq!(matched("severity>=low"), "critical important moderate low");
    assert_eq!(matched("-severity>=low"), "unrated");
    assert_eq!(matched("severity:unrated,low"), "low unrated");
    assert_eq!(
        matched("-severity:unrated"),
        "critical important moderate low"
    );
    assert_eq!(
        matched("severity:*"),
        "critical important moderate low unrated"
    );
}

#[test]
fn what_is_not_known_matches_neither_way() {
    use Truth::{No, Unknown, Yes};
    let patch = Card::new(SubjectKind::Patch).with(Field::Product, &["openssl"]);
    for text in [
        "severity:low",
        "-severity:low",
        "severity>=low",
        "severity:*",
        "-kev:yes",
    ] {
        assert_eq!(truth(text, &patch), Unknown, "{text}");
        assert!(!query(text).matches(&patch, now()), "{text}");
    }
    check(
        &patch,
        &[
            ("product:openssl severity:low", Unknown),
            ("product:nginx severity:low", No),
            ("-(product:nginx severity:low)", Yes),
            ("-(product:openssl severity:low)", Unknown),
        ],
    );
    // A word that this version does not know says nothing about the ones it knows.
    let newer = Card::new(SubjectKind::Patch).with(Field::State, &["rolled-back"]);
    check(
        &newer,
        &[
            ("state:missing", Unknown),
            ("-state:missing", Unknown),
            ("state:*", Yes),
        ],
    );
    // The value is called so, and is known.
    let state = Card::new(SubjectKind::Patch).with(Field::State, &["unknown"]);
    check(
        &state,
        &[
            ("state:unknown", Yes),
            ("-state:unknown", No),
            ("state:missing", No),
        ],
    );
}

#[test]
fn a_list_that_may_be_longer_says_yes_but_never_no() {
    use Truth::{Unknown, Yes};
    check(
        &openssl(),
        &[
            ("cve:cve-2024-5535", Yes),
            ("cve:CVE-2024-9143", Unknown),
            ("-cve:CVE-2024-9143", Unknown),
            ("cve:*", Yes),
            ("cve:CVE-2023-*", Unknown),
        ],
    );
}

#[test]
fn patches_match_by_their_fields() {
    use Truth::{No, Yes};
    check(
        &openssl(),
        &[
            (
                "severity>=important kev:no product:openssl -origin:debian age>13d",
                Yes,
            ),
            ("origin:debian-security", Yes),
            ("package:libssl3", Yes),
            ("package:nginx", No),
            ("ssl", Yes),
            ("LIBSSL", Yes),
            ("deb12u1", Yes),
            ("\"deb:bookworm\"", Yes),
            ("nginx", No),
            ("state:missing,fixed", Yes),
            ("patch:deb:bookworm/openssl@*", Yes),
            // Versions may differ in letter case alone.
            ("patch:deb:bookworm/OpenSSL@3.0.15-1~deb12u1", No),
        ],
    );
}

/// A decision on an id is about that version; one on the product is about the next ones too.
#[test]
fn an_id_does_not_cover_the_successor_and_a_product_does() {
    let approved = openssl();
    let mut successor = openssl();
    successor.texts.retain(|(field, ..)| *field != Field::Patch);
    let successor = successor.with(Field::Patch, &["deb:bookworm/openssl@3.0.15-1~deb12u2"]);
    let exact = query("patch:deb:bookworm/openssl@3.0.15-1~deb12u1");
    assert!(exact.matches(&approved, now()));
    assert_eq!(exact.evaluate(&successor, now()), Truth::No);
    let product = query("product:openssl");
    assert!(product.matches(&approved, now()));
    assert!(product.matches(&successor, now()));
}

#[test]
fn a_field_of_another_subject_says_nothing() {
    use Truth::Unknown;
    check(
        &web1(),
        &[("severity:low", Unknown), ("-severity:low", Unknown)],
    );
    check(
        &openssl(),
        &[("tag:a", Unknown), ("-tag:a", Unknown), ("seen:*", Unknown)],
    );
    // Not even where the subject has an answer.
    let odd = web1().with(Field::Severity, &["low"]);
    check(
        &odd,
        &[("severity:low", Unknown), ("-severity:low", Unknown)],
    );
}

#[test]
fn findings_have_both_sides() {
    use Truth::{No, Yes};
    let (device, patch) = (web1(), openssl());
    check(
        &finding(&device, &patch),
        &[
            ("site:acme/berlin severity>=important state:missing", Yes),
            ("device:dev_01j9cccc", Yes),
            ("os:debian>=12 seen<7d age>7d", Yes),
            // On a finding, packages are those of the patch, not all of the device.
            ("package:libssl3", Yes),
            ("package:nginx", No),
            ("web", Yes),
            ("openssl", Yes),
            ("apache", No),
        ],
    );
}

#[test]
fn a_device_is_found_by_what_it_misses() {
    use Truth::{No, Yes};
    check(
        &web1(),
        &[
            ("missing:moderate", Yes),
            ("missing:critical", No),
            ("missing>=moderate", Yes),
            ("missing>moderate", No),
            ("missing:unrated", Yes),
            ("missing:*", Yes),
        ],
    );
}
