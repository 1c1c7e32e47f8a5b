//! “Why not patched?”.

use super::*;

fn evidence() -> FindingEvidence {
    let says = |feed, says: &str, sha256: Option<&str>| EvidenceItem {
        feed,
        says: says.into(),
        package: "libssl3".into(),
        installed: Some("3.0.15-1~deb12u1".into()),
        fixed: Some("3.0.22-1~deb12u2".into()),
        rule: "3.0.15-1~deb12u1 is older than the fixed version 3.0.22-1~deb12u2".into(),
        cves: vec!["CVE-2025-15467".into()],
        severity: Some(Severity::Important),
        derived: sha256.is_none(),
        document: "a document of <the> vendor".into(),
        dated: sha256.map(|_| at("2026-02-26T10:00:00Z")),
        fetched_at: Some(at("2026-03-02T06:00:00Z")),
        sha256: sha256.map(str::to_owned),
    };
    FindingEvidence {
        patch: "deb:bookworm/openssl@3.0.22-1~deb12u2".parse().unwrap(),
        state: FindingState::Missing,
        why: "it is offered".into(),
        evidence: vec![
            says(Feed::DebianDsa, "DSA-6100-1", Some("2cf24dba5fb0a30e")),
            says(Feed::DebChangelog, "3.0.22-1~deb12u2", None),
        ],
        unknown: None,
    }
}

#[test]
fn why_shows_every_gate_and_marks_the_first_closed_one() {
    let page = why::WhyPage::new(
        &owner(),
        &detail(),
        "deb:bookworm/openssl@3.0.22-1~deb12u2",
        verdict(),
        Some(evidence()),
        now(),
    );
    assert_eq!(page.render().unwrap().matches("class=\"first\"").count(), 1);
    look("why", &page);
}
