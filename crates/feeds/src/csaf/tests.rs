//! Documents of every provider in the samples, counted and looked into.
//!
//! Counts are those of the samples' manifest; versions and modules were read from the documents by
//! hand.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use super::*;
use crate::format::Collect;
use crate::samples;
use domain::advisory::{NoFixReason, Statement};
use std::io::Read;

fn read(bytes: &[u8]) -> (Result<Parsed, Refusal>, Collect) {
    let mut collect = Collect::default();
    (parse(bytes, &mut collect), collect)
}

fn advisory(path: &str) -> Option<(Parsed, Advisory)> {
    let mut bytes = samples::read(path)?;
    if path.ends_with(".gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        bytes = plain;
    }
    let (parsed, collect) = read(&bytes);
    assert!(collect.broken.is_empty(), "{path}: {:?}", collect.broken);
    let advisory = collect.advisories().next().unwrap().clone();
    Some((parsed.unwrap(), advisory))
}

fn of<'a>(advisory: &'a Advisory, system: &str, package: &str) -> Vec<&'a Statement> {
    advisory
        .statements
        .iter()
        .filter(|s| s.system.as_str() == system && s.target.name().as_str() == package)
        .collect()
}

fn fixed(statement: &Statement) -> &str {
    match &statement.says {
        Says::FixedIn { fixed, .. } => fixed.as_str(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn red_hat_documents_hold_as_many_vulnerabilities_as_the_manifest_says() {
    for (path, feed, records) in [
        ("redhat/csaf/RHBA-2024_1440.json", Feed::RedhatCsaf, 2),
        ("redhat/csaf/rhsa-2023_3821.json", Feed::RedhatCsaf, 3),
        ("redhat/csaf/rhsa-2023_5835.json", Feed::RedhatCsaf, 2),
        ("redhat/csaf/rhsa-2024_0010.json", Feed::RedhatCsaf, 3),
        ("redhat/csaf/rhsa-2024_0811.json", Feed::RedhatCsaf, 3),
        ("redhat/csaf/rhsa-2024_3351.json", Feed::RedhatCsaf, 1),
        ("redhat/csaf/rhsa-2024_3666.json", Feed::RedhatCsaf, 2),
        ("redhat/csaf/rhsa-2024_6163.json", Feed::RedhatCsaf, 1),
        ("redhat/csaf/rhsa-2025_23414.json", Feed::RedhatCsaf, 2),
        ("redhat/vex/cve-2023-0044.json", Feed::RedhatVex, 1),
        ("redhat/vex/cve-2023-38545.json.gz", Feed::RedhatVex, 1),
        ("redhat/vex/cve-2023-4154.json", Feed::RedhatVex, 1),
        ("redhat/vex/cve-2024-24786-simple.json", Feed::RedhatVex, 1),
        ("redhat/vex/cve-2026-2673.json", Feed::RedhatVex, 1),
        ("msrc/csaf/msrc_cve-2025-29795.json", Feed::MsrcCsaf, 1),
        ("msrc/vex/msrc_cve-2025-25186.json", Feed::MsrcVex, 1),
    ] {
        let Some((parsed, _)) = advisory(path) else {
            return;
        };
        assert_eq!((parsed.feed, parsed.records), (feed, records), "{path}");
    }
}

#[test]
fn packages_of_a_module_carry_its_stream_and_all_architectures() {
    let Some((parsed, advisory)) = advisory("redhat/csaf/rhsa-2023_3821.json") else {
        return;
    };
    assert_eq!(parsed.document.as_deref(), Some("RHSA-2023:3821"));
    assert_eq!(advisory.cves.len(), 3);
    assert_eq!(advisory.classification, Some(Classification::Security));
    let ruby = of(&advisory, "rhel:8", "ruby");
    let [ruby] = ruby.as_slice() else {
        panic!("{ruby:?}")
    };
    assert_eq!(ruby.module.as_deref(), Some("ruby:2.7"));
    assert_eq!(fixed(ruby), "0:2.7.8-139.module+el8.8.0+18745+f1bef313");
    let architectures: Vec<_> = ruby.architectures.iter().map(|a| a.as_str()).collect();
    assert_eq!(
        architectures,
        ["aarch64", "i686", "ppc64le", "s390x", "x86_64"]
    );
    assert_eq!(ruby.cves, None, "it is about all of the advisory's CVEs");
    // rubygem-abrt is noarch, and its source package is not stated beside it.
    let [abrt] = of(&advisory, "rhel:8", "rubygem-abrt")[..] else {
        panic!()
    };
    assert!(abrt.architectures.is_empty());
}

#[test]
fn an_epoch_is_kept_and_streams_of_support_are_systems_of_their_own() {
    let Some((_, tomcat)) = advisory("redhat/csaf/rhsa-2024_3666.json") else {
        return;
    };
    assert_eq!(
        fixed(of(&tomcat, "rhel:8", "tomcat")[0]),
        "1:9.0.87-1.el8_10.1"
    );
    let (_, curl) = advisory("redhat/vex/cve-2023-38545.json.gz").unwrap();
    let versions =
        |system| -> Vec<_> { of(&curl, system, "curl").into_iter().map(fixed).collect() };
    assert_eq!(
        versions("rhel:9"),
        ["0:7.76.1-23.el9_2.4", "0:7.76.1-26.el9_3.2"]
    );
    assert_eq!(versions("rhel-eus:9.0"), ["0:7.76.1-14.el9_0.9"]);
    let [not] = of(&curl, "rhel:8", "libcurl-minimal")[..] else {
        panic!()
    };
    let why = "vulnerable_code_not_present".to_owned();
    assert_eq!(not.says, Says::NotAffected { why });
}

#[test]
fn affected_without_a_fix_keeps_the_vendors_word() {
    let Some((_, openssl)) = advisory("redhat/vex/cve-2026-2673.json") else {
        return;
    };
    let [libs] = of(&openssl, "rhel:9", "openssl-libs")[..] else {
        panic!()
    };
    let word = "Fix deferred".to_owned();
    let reason = NoFixReason::Postponed;
    assert_eq!(libs.says, Says::NoFix { reason, word });
    let rating = openssl.rating.clone().unwrap();
    assert_eq!(
        (rating.word.as_str(), rating.cvss_tenths),
        ("Low", Some(31))
    );
}

#[test]
fn azure_linux_is_stated_by_source_package() {
    let Some((_, ruby)) = advisory("msrc/vex/msrc_cve-2025-25186.json") else {
        return;
    };
    assert_eq!(ruby.id, "CVE-2025-25186");
    let found: Vec<_> = of(&ruby, "azurelinux:3", "ruby")
        .into_iter()
        .map(fixed)
        .collect();
    assert_eq!(found, ["0:3.3.5-2", "0:3.3.5-3"]);
}

/// Tests whose failure means that product data is lacking: the document is refused.
const REFUSED: &[&str] = &[
    "6.1.1",
    "6.1.2",
    "6.1.3",
    "6.1.4",
    "6.1.5",
    "6.1.8",
    "6.1.27.4",
    "6.1.27.6",
    "6.1.27.7",
    "6.1.27.11",
];
/// Mandatory tests that are not decided here: names of weaknesses.
const NOT_CHECKED: &[&str] = &["6.1.11"];

#[test]
fn the_standards_own_test_documents_are_told_apart() {
    let Some(folder) = samples::folder() else {
        return;
    };
    let folder = folder.join("csaf-standard/validator");
    let cases: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("testcases.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let (mut refused, mut noted, mut read_all) = (0, 0, 0);
    for test in cases["tests"].as_array().unwrap() {
        let id = test["id"].as_str().unwrap();
        for (list, fails) in [("failures", true), ("valid", false)] {
            for case in test[list].as_array().into_iter().flatten() {
                let name = case["name"].as_str().unwrap();
                let bytes = std::fs::read(folder.join(name)).unwrap();
                let (parsed, collect) = read(&bytes);
                read_all += 1;
                let mandatory = id.starts_with("6.1.") && fails;
                let expected = match &parsed {
                    Err(refusal) => {
                        refused += 1;
                        let named = refusal.to_string().contains(&format!("({id})"));
                        // Three documents of other tests have no product tree either.
                        let tree = String::from_utf8_lossy(&bytes).contains("\"product_tree\"");
                        let also = !tree && refusal.to_string().contains("(6.1.27.4)");
                        mandatory && (also || REFUSED.contains(&id) && (named || id == "6.1.8"))
                    }
                    Ok(parsed) => {
                        let mark = format!("{id} ");
                        let named = parsed.notes.iter().any(|note| note.starts_with(&mark));
                        noted += usize::from(named);
                        let known = NOT_CHECKED.contains(&id);
                        if mandatory {
                            (named || known) && !REFUSED.contains(&id)
                        } else {
                            !named
                        }
                    }
                };
                if !expected {
                    wrong.push(format!("{name}: {parsed:?} {:?}", collect.broken));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All of the folder but its template are named, each once.
    assert_eq!(read_all, 239);
    println!("refused {refused}, noted {noted}");
}

#[test]
fn providers_feeds_and_lists_are_recognised_and_counted() {
    for (path, name, feed, records) in [
        (
            "csaf-standard/examples/ROLIE/example-01-feed-tlp-white.json",
            "csaf-rolie-feed",
            Feed::CsafProvider,
            1,
        ),
        (
            "csaf-standard/examples/ROLIE/example-01-service.json",
            "csaf-rolie-service",
            Feed::CsafProvider,
            1,
        ),
        (
            "csaf-standard/examples/ROLIE/example-02-service.json",
            "csaf-rolie-service",
            Feed::CsafProvider,
            3,
        ),
        (
            "csaf-standard/examples/ROLIE/example-01-category.json",
            "csaf-rolie-service",
            Feed::CsafProvider,
            2,
        ),
        (
            "csaf-standard/examples/aggregator/example-01-aggregator.json",
            "csaf-aggregator",
            Feed::CsafProvider,
            2,
        ),
        (
            "csaf-standard/examples/provider-metadata/example-01-provider-metadata.json",
            "csaf-provider",
            Feed::CsafProvider,
            1,
        ),
        (
            "redhat/oval/feed.json",
            "csaf-rolie-feed",
            Feed::RedhatOval,
            2,
        ),
        ("msrc/csaf/index.txt", "csaf-index", Feed::CsafChanges, 2),
        (
            "redhat/csaf/archive_latest.txt",
            "csaf-archive-latest",
            Feed::CsafChanges,
            1,
        ),
    ] {
        let Some(bytes) = samples::read(path) else {
            return;
        };
        let format = crate::formats::recognise(&bytes).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(format.name, name, "{path}");
        let mut collect = Collect::default();
        let parsed = (format.parse)(&bytes, &mut collect).unwrap();
        assert_eq!((parsed.feed, parsed.records), (feed, records), "{path}");
        assert_eq!(collect.broken, [], "{path}");
    }
}

#[test]
fn the_standards_examples_are_read() {
    let Some(folder) = samples::folder() else {
        return;
    };
    let mut read_all = 0;
    for folder in
        ["examples/csaf", "examples/csaf/csaf_vex"].map(|f| folder.join("csaf-standard").join(f))
    {
        for file in std::fs::read_dir(folder).unwrap().flatten() {
            if file.path().extension().is_none_or(|e| e != "json") {
                continue;
            }
            let bytes = std::fs::read(file.path()).unwrap();
            let (parsed, collect) = read(&bytes);
            assert!(
                parsed.is_ok(),
                "{:?} {parsed:?} {:?}",
                file.path(),
                collect.broken
            );
            read_all += 1;
        }
    }
    assert_eq!(read_all, 19);
}

#[test]
fn schemas_and_lists_of_tests_are_no_feed_documents() {
    for path in [
        "csaf-standard/csaf_json_schema.json",
        "csaf-standard/validator/testcases.json",
    ] {
        let Some(bytes) = samples::read(path) else {
            return;
        };
        let probe = Probe::new(&bytes);
        let known: Vec<_> = FORMATS
            .iter()
            .filter(|f| (f.recognise)(&probe))
            .map(|f| f.name)
            .collect();
        assert_eq!(known, [""; 0], "{path}");
    }
}

/// A document with these vulnerabilities, of Red Hat's shape.
fn made(vulnerabilities: &str) -> String {
    format!(
        r#"{{"document":{{"category":"csaf_vex","csaf_version":"2.0","title":"t",
        "publisher":{{"category":"vendor","name":"n","namespace":"https://www.redhat.com"}},
        "tracking":{{"id":"CVE-2024-1111","current_release_date":"2024-01-02T00:00:00Z",
        "initial_release_date":"2024-01-01T00:00:00Z","status":"final","version":"1",
        "revision_history":[{{"date":"2024-01-01T00:00:00Z","number":"1","summary":"s"}}]}}}},
        "product_tree":{{"full_product_names":[
        {{"name":"p","product_id":"p","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}}},
        {{"name":"curl","product_id":"curl-0:8-1.x86_64"}},{{"name":"m","product_id":"m-1-2.module+el9.noarch"}}],
        "relationships":[
        {{"category":"default_component_of","full_product_name":{{"name":"x","product_id":"p:curl"}},
        "product_reference":"curl-0:8-1.x86_64","relates_to_product_reference":"p"}},
        {{"category":"default_component_of","full_product_name":{{"name":"y","product_id":"p:m"}},
        "product_reference":"m-1-2.module+el9.noarch","relates_to_product_reference":"p"}}]}},
        "vulnerabilities":[{vulnerabilities}]}}"#
    )
}

#[test]
fn one_broken_vulnerability_does_not_stop_the_rest() {
    let good = r#"{"cve":"CVE-2024-1111","product_status":{"fixed":["p:curl"]}}"#;
    let score = |cve: &str, score: &str| {
        format!(
            r#"{{"cve":"{cve}","product_status":{{"fixed":["p:curl"]}},"scores":[{{"products":["p:curl"],
            "cvss_v3":{{"version":"3.1","vectorString":"x","baseScore":{score},"baseSeverity":"LOW"}}}}]}}"#
        )
    };
    let bad = [
        score("CVE-2024-0002", "10.1"),
        score("CVE-2024-0003", "NaN"),
        score("CVE-2024-0004", "\"9\""),
        good.to_owned(),
        r#"{"cve":"CVE-2024-0005","product_status":{"fixed":["p:none"]}}"#.to_owned(),
        r#"{"cve":"CVE-2024-0006"}"#.to_owned(),
    ];
    let (parsed, collect) = read(made(&format!("{good},{}", bad.join(","))).as_bytes());
    assert_eq!(parsed.unwrap().records, 1);
    assert_eq!(collect.broken.len(), bad.len(), "{:?}", collect.broken);
    let advisory = collect.advisories().next().unwrap();
    assert_eq!(advisory.cves, ["CVE-2024-1111".parse().unwrap()]);
    // Where none is left, the fault of product data refuses the document.
    let (parsed, _) = read(made(&bad[4]).as_bytes());
    assert!(matches!(parsed, Err(Refusal::Invalid { .. })));
    // A score out of its range alone is a broken record, not a broken document.
    let (parsed, collect) = read(made(&bad[0]).as_bytes());
    assert_eq!((parsed.unwrap().records, collect.broken.len()), (0, 1));
}

#[test]
fn contradicting_status_states_nothing_and_is_reported() {
    let text = made(
        r#"{"cve":"CVE-2024-1111","product_status":{"fixed":["p:curl"],"known_not_affected":["p:curl"]}}"#,
    );
    let (parsed, collect) = read(text.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!(parsed.records, 1);
    assert!(parsed.notes.iter().any(|note| note.starts_with("6.1.6 ")));
    assert_eq!(collect.broken.len(), 1);
    assert!(collect.advisories().next().unwrap().statements.is_empty());
}

#[test]
fn a_module_build_without_its_module_is_left_out() {
    let text = made(r#"{"cve":"CVE-2024-1111","product_status":{"fixed":["p:curl","p:m"]}}"#);
    let (_, collect) = read(text.as_bytes());
    let statements = &collect.advisories().next().unwrap().statements;
    let names: Vec<_> = statements
        .iter()
        .map(|s| s.target.name().as_str())
        .collect();
    assert_eq!(names, ["curl"]);
    assert_eq!(fixed(&statements[0]), "0:8-1");
}

#[test]
fn what_lacks_tracking_data_or_ends_early_is_refused() {
    let whole = made(r#"{"cve":"CVE-2024-1111","product_status":{"fixed":["p:curl"]}}"#);
    assert!(read(whole.as_bytes()).0.is_ok());
    for (from, to) in [
        ("\"id\":\"CVE-2024-1111\",", ""),
        ("\"2024-01-02T00:00:00Z\"", "\"soon\""),
        ("\"status\":\"final\",", "\"status\":\"odd\","),
        ("\"csaf_version\":\"2.0\"", "\"csaf_version\":\"1.9\""),
        (
            "\"product_reference\":\"curl-0:8-1.x86_64\"",
            "\"product_reference\":\"none\"",
        ),
    ] {
        let (parsed, collect) = read(whole.replacen(from, to, 1).as_bytes());
        assert!(parsed.is_err(), "{from}");
        assert!(collect.records.is_empty());
    }
    for cut in [whole.len() / 4, whole.len() / 2, whole.len() - 1] {
        let parsed = read(&whole.as_bytes()[..cut]).0;
        assert!(
            matches!(parsed, Err(Refusal::Truncated { .. })),
            "{cut} {parsed:?}"
        );
    }
}
