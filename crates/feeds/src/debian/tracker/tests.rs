use super::*;
use crate::format::Collect;
use crate::formats;
use crate::samples;

fn read(text: &str) -> Result<(Parsed, Collect), Refusal> {
    let mut sink = Collect::default();
    let parsed = parse(text.as_bytes(), &mut sink)?;
    Ok((parsed, sink))
}

/// One issue of one package with these releases.
fn one(releases: &str) -> String {
    format!(r#"{{"qemu":{{"CVE-2024-1234":{{"description":"x","releases":{{{releases}}}}}}}}}"#)
}

fn says(release: &str) -> Says {
    let (parsed, sink) = read(&one(&format!(r#""bookworm":{release}"#))).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (1, 0), "{release}");
    let advisory = sink.advisories().next().unwrap();
    assert_eq!(advisory.statements[0].system.as_str(), "debian:bookworm");
    advisory.statements[0].says.clone()
}

#[test]
fn resolved_names_the_fix_and_nought_says_never_affected() {
    assert_eq!(
        says(r#"{"status":"resolved","fixed_version":"1:7.2+dfsg-7+deb12u3","urgency":"low"}"#),
        Says::FixedIn {
            introduced: None,
            fixed: "1:7.2+dfsg-7+deb12u3".parse().unwrap()
        }
    );
    let never = says(r#"{"status":"resolved","fixed_version":"0"}"#);
    assert!(matches!(never, Says::NotAffected { .. }));
}

#[test]
fn open_stays_affected_whatever_the_reason() {
    let no_fix = |release: &str| match says(release) {
        Says::NoFix { reason, word } => (reason, word),
        other => panic!("{other:?}"),
    };
    for (release, reason, word) in [
        (r#"{"status":"open"}"#, NoFixReason::NotYet, "open"),
        (
            r#"{"status":"open","nodsa":"Minor issue","nodsa_reason":""}"#,
            NoFixReason::Postponed,
            "no-dsa (Minor issue)",
        ),
        (
            r#"{"status":"open","nodsa":"Next time","nodsa_reason":"postponed"}"#,
            NoFixReason::Postponed,
            "postponed (Next time)",
        ),
        (
            r#"{"status":"open","nodsa":"Too hard","nodsa_reason":"ignored"}"#,
            NoFixReason::WillNotFix,
            "ignored (Too hard)",
        ),
        (
            r#"{"status":"open","urgency":"unimportant"}"#,
            NoFixReason::NotYet,
            "open, unimportant",
        ),
        (
            r#"{"status":"open","urgency":"end-of-life"}"#,
            NoFixReason::EndOfLife,
            "end-of-life",
        ),
    ] {
        assert_eq!(no_fix(release), (reason, word.to_owned()));
    }
    let unknown = says(r#"{"status":"undetermined"}"#);
    assert!(matches!(unknown, Says::Undetermined { .. }));
}

#[test]
fn an_urgency_is_no_severity() {
    let text = one(r#""sid":{"status":"open","urgency":"high"}"#);
    let (_, sink) = read(&text).unwrap();
    assert_eq!(sink.advisories().next().unwrap().rating, None);
}

#[test]
fn issues_without_a_cve_keep_their_own_id() {
    let text = one("").replace("CVE-2024-1234", "TEMP-0841856-B18BAF");
    let (parsed, sink) = read(&text).unwrap();
    assert_eq!(parsed.records, 1);
    let advisory = sink.advisories().next().unwrap();
    assert_eq!(advisory.id, "TEMP-0841856-B18BAF");
    assert_eq!(advisory.aliases, ["TEMP-0841856-B18BAF"]);
    assert!(advisory.cves.is_empty());
}

#[test]
fn a_broken_release_hides_no_other() {
    for bad in [
        r#"{"status":"resolved","fixed_version":"x:1"}"#,
        r#"{"status":"resolved"}"#,
        r#"{"status":"fixed?"}"#,
        r#"{"status":7}"#,
        r#"{"status":NaN}"#,
        "null",
    ] {
        let text = one(&format!(r#""sid":{bad},"bullseye":{{"status":"open"}}"#));
        let (parsed, sink) = read(&text).unwrap();
        assert_eq!((parsed.records, sink.broken.len()), (0, 1), "{bad}");
        let advisory = sink.advisories().next().unwrap();
        assert_eq!(advisory.statements.len(), 1, "{bad}");
    }
}

#[test]
fn repeated_and_misnamed_issues_and_packages_are_broken_once_each() {
    let text = r#"{"a":{"CVE-2024-1234":{"releases":{}},"CVE-2024-1234":{"releases":{}},
        "CVE-2024-1":{"releases":{}},"CVE-2024-1235":7},
        "a":{"CVE-2024-9999":{"releases":{}}},
        "b b":{"CVE-2024-9999":{"releases":{}}},"c":3,
        "d":{"CVE-2024-1234":{"releases":[]}}}"#;
    let (parsed, sink) = read(text).unwrap();
    assert_eq!(
        (parsed.records, sink.broken.len()),
        (2, 6),
        "{:?}",
        sink.broken
    );
}

#[test]
fn a_truncated_document_is_refused_and_known_all_the_same() {
    let text = one(r#""sid":{"status":"open","urgency":"high"}"#);
    for end in 1..text.len() {
        assert!(
            matches!(read(&text[..end]), Err(Refusal::Truncated { .. })),
            "{end}"
        );
    }
    let cut = &text[..text.len() - 3];
    assert_eq!(
        formats::recognise(cut.as_bytes()).unwrap().name,
        FORMAT.name
    );
}

#[test]
fn the_real_cut_out_is_read() {
    let Some(bytes) = samples::read("debian/tracker-data-json/debian-vunnel.json") else {
        return;
    };
    assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
    let mut sink = Collect::default();
    // The manifest: 6 source packages, 7 issues.
    assert_eq!(parse(&bytes, &mut sink).unwrap().records, 7);
    assert_eq!(sink.broken, []);
    let of = |id: &str| {
        sink.advisories()
            .find(|advisory| advisory.id == id)
            .unwrap()
            .statements
            .clone()
    };
    assert!(
        of("CVE-2007-2383")
            .iter()
            .all(|statement| { matches!(statement.says, Says::NotAffected { .. }) })
    );
    let ended = of("CVE-2022-0456");
    let ended = ended
        .iter()
        .filter(|statement| {
            matches!(
                statement.says,
                Says::NoFix {
                    reason: NoFixReason::EndOfLife,
                    ..
                }
            )
        })
        .count();
    assert_eq!(ended, 2);
    assert!(of("CVE-2022-0358").is_empty());
}
