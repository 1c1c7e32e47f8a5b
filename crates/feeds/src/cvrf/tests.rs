//! Documents of SUSE, Red Hat and Cisco from the samples, and hand-made faults.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use super::*;
use crate::format::Collect;
use crate::samples;
use domain::advisory::{Advisory, Says, Target};
use domain::severity::Severity;

fn read_all(bytes: &[u8]) -> (Result<Parsed, Refusal>, Collect) {
    let mut collect = Collect::default();
    (parse(bytes, &mut collect), collect)
}

fn advisory(path: &str) -> Option<(Parsed, Advisory)> {
    let bytes = samples::read(path)?;
    assert!(recognise(&Probe::new(&bytes)), "{path}");
    let (parsed, collect) = read_all(&bytes);
    assert_eq!(collect.broken, [], "{path}");
    let advisory = collect.advisories().next().cloned().unwrap();
    Some((parsed.unwrap(), advisory))
}

#[test]
fn a_document_of_suse_is_read_with_its_packages() {
    let Some((parsed, rt)) = advisory("suse/cvrf/cvrf-suse-su-2019-3294-1.xml") else {
        return;
    };
    // Counted with `grep -c '<Vulnerability '`.
    assert_eq!((parsed.feed, parsed.records), (Feed::SuseCvrf, 16));
    assert_eq!(parsed.document.as_deref(), Some("SUSE-SU-2019:3294-1"));
    let kernel = rt
        .statements
        .iter()
        .find(|s| s.target.name().as_str() == "kernel-rt")
        .unwrap();
    assert_eq!(kernel.system.as_str(), "sles:12.4");
    assert!(kernel.architectures.is_empty());
    let fixed = "0:4.12.14-8.9.3".parse().unwrap();
    let introduced = None;
    assert_eq!(kernel.says, Says::FixedIn { introduced, fixed });
    assert_eq!(rt.rating.unwrap().severity, Severity::Important);
    let (parsed, leap) = advisory("suse/cvrf/cvrf-opensuse-su-2016-3233-1.xml").unwrap();
    assert_eq!(parsed.records, 5);
    assert_eq!(leap.statements[0].system.as_str(), "opensuse:13.2");
}

#[test]
fn documents_of_red_hat_and_cisco_are_read() {
    let Some((parsed, openshift)) = advisory("cvrf-standard/cvrf-rhba-2018-0489.xml") else {
        return;
    };
    assert_eq!((parsed.feed, parsed.records), (Feed::Cvrf, 2));
    let v8 = openshift
        .statements
        .iter()
        .find(|s| s.target.name().as_str() == "v8")
        .unwrap();
    assert_eq!(v8.target, Target::Source("v8".parse().unwrap()));
    assert_eq!(v8.system.as_str(), "openshift:3.9");
    let (parsed, cisco) = advisory("cvrf-standard/cisco-sa-20180328-smi2_cvrf.xml").unwrap();
    assert_eq!(parsed.records, 1);
    assert_eq!(parsed.dated.unwrap().to_string(), "2018-05-03T19:35:38Z");
    assert!(cisco.statements.is_empty());
    assert_eq!(cisco.rating.unwrap().cvss_tenths, Some(98));
}

fn made(vulnerabilities: &str) -> String {
    format!(
        "<cvrfdoc><DocumentTitle>t</DocumentTitle><DocumentTracking><Identification><ID>X-1</ID>\
         </Identification><Status>Final</Status><Version>1</Version>\
         <InitialReleaseDate>2020-01-01T00:00:00Z</InitialReleaseDate>\
         <CurrentReleaseDate>2020-01-02T00:00:00Z</CurrentReleaseDate></DocumentTracking>\
         <ProductTree><FullProductName ProductID=\"p\">P</FullProductName></ProductTree>\
         {vulnerabilities}</cvrfdoc>"
    )
}

#[test]
fn bad_vulnerabilities_are_broken_and_the_rest_is_read() {
    let one =
        |cve: &str, rest: &str| format!("<Vulnerability><CVE>{cve}</CVE>{rest}</Vulnerability>");
    let score = |score: &str| {
        format!(
            "<CVSSScoreSets><ScoreSet><BaseScore>{score}</BaseScore></ScoreSet></CVSSScoreSets>"
        )
    };
    let status = |word: &str, id: &str| {
        format!(
            "<ProductStatuses><Status Type=\"{word}\"><ProductID>{id}</ProductID></Status></ProductStatuses>"
        )
    };
    let all = [
        one("CVE-2020-0001", &status("Fixed", "p")),
        one("CVE-2020-0002", &score("11")),
        one("CVE-2020-0003", &score("NaN")),
        one("CVE-2020-0001", ""),
        one("CVE-2020-0004", &status("Fixed", "q")),
        one("CVE-2020-0005", &status("Perhaps", "p")),
        one("CVE-2020-0006", &score("7.5")),
    ];
    let (parsed, collect) = read_all(made(&all.join("")).as_bytes());
    assert_eq!(parsed.unwrap().records, 2);
    let places: Vec<_> = collect
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    let expected = [
        "Vulnerability 2",
        "Vulnerability 3",
        "Vulnerability 4 CVE-2020-0001",
        "Vulnerability 5 CVE-2020-0004",
        "Vulnerability 6",
    ];
    assert_eq!(places, expected);
}

#[test]
fn what_lacks_tracking_data_or_ends_early_is_refused() {
    let whole = made("");
    assert!(read_all(whole.as_bytes()).0.is_ok());
    for gone in [
        "<Identification><ID>X-1</ID></Identification>",
        "<CurrentReleaseDate>2020-01-02T00:00:00Z</CurrentReleaseDate>",
        "<Version>1</Version>",
        " ProductID=\"p\"",
    ] {
        assert!(whole.contains(gone));
        let refused = read_all(whole.replace(gone, "").as_bytes()).0;
        assert!(matches!(refused, Err(Refusal::Missing { .. })), "{gone}");
    }
    for cut in [20, whole.len() / 2, whole.len() - 3] {
        assert!(read_all(&whole.as_bytes()[..cut]).0.is_err(), "{cut}");
    }
}
