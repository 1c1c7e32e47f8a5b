use super::*;
use crate::format::Collect;
use crate::formats;
use crate::samples;
use domain::advisory::{Advisory, AfterInstall, NoFixReason, Says, Target};
use domain::severity::{Classification, Severity, SeveritySource};

fn read(text: &str) -> Result<(Parsed, Collect), Refusal> {
    let mut sink = Collect::default();
    let parsed = parse(text.as_bytes(), &mut sink)?;
    Ok((parsed, sink))
}

fn only(text: &str) -> Advisory {
    let (parsed, sink) = read(text).unwrap();
    assert_eq!((parsed.records, sink.broken.as_slice()), (1, [].as_slice()));
    sink.advisories().next().unwrap().clone()
}

const ALMA: &str = r#"{"id":"ALSA-2025:10630","summary":"Important: libxml2 security update",
  "modified":"2025-07-10T13:05:05Z","published":"2025-07-08T00:00:00Z",
  "affected":[{"package":{"ecosystem":"AlmaLinux:10","name":"libxml2"},
    "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.12.5-7.el10_0"}]}]}],
  "related":["CVE-2025-6021","CVE-2025-49794","RHSA-2025:10630"]}"#;

#[test]
fn a_rebuilds_record_states_binary_packages_and_its_related_cves() {
    let (parsed, _) = read(ALMA).unwrap();
    assert_eq!(parsed.feed, Feed::AlmaOsv);
    assert_eq!(parsed.document.as_deref(), Some("ALSA-2025:10630"));
    let advisory = only(ALMA);
    assert_eq!(advisory.cves.len(), 2);
    let rating = advisory.rating.unwrap();
    assert_eq!(
        (rating.severity, rating.source),
        (Severity::Important, SeveritySource::Vendor)
    );
    let statement = &advisory.statements[0];
    assert_eq!(statement.system.as_str(), "almalinux:10");
    assert!(matches!(&statement.target, Target::Binary(name) if name.as_str() == "libxml2"));
    assert_eq!(
        statement.says,
        Says::FixedIn {
            introduced: None,
            fixed: "2.12.5-7.el10_0".parse().unwrap()
        }
    );
}

#[test]
fn related_records_of_other_databases_are_not_the_same_thing() {
    let text = r#"{"id":"GHSA-2ccf-ffrj-m4qw","modified":"2023-04-24T15:56:27Z",
      "aliases":["CVE-2023-29020"],"related":["CVE-2023-1"," CVE-2023-29019"],
      "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:N"}],
      "affected":[{"package":{"ecosystem":"npm","name":"@fastify/passport"},
        "ranges":[{"type":"GIT","events":[{"introduced":"0"}]},
          {"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"2.3.0"},
           {"introduced":"0"},{"fixed":"1.1.0"}]}]}]}"#;
    let advisory = only(text);
    assert_eq!(advisory.cves, ["CVE-2023-29020".parse().unwrap()]);
    // NVD and the CVSS calculator give 6.5.
    let rating = advisory.rating.unwrap();
    assert_eq!(rating.cvss_tenths, Some(65));
    assert_eq!(
        (rating.severity, rating.source),
        (Severity::Moderate, SeveritySource::Derived)
    );
    assert_eq!(advisory.statements.len(), 2);
    assert_eq!(advisory.statements[0].system.as_str(), "npm");
}

#[test]
fn suse_states_the_binary_packages_beside_the_source() {
    let text = r#"{"id":"SUSE-SU-2023:1-1","modified":"2023-01-01T00:00:00Z","affected":[
      {"package":{"ecosystem":"SUSE:Linux Enterprise Server 12 SP1","name":"libqt4"},
       "ecosystem_specific":{"binaries":[{"libqt4-x11":"4.8.6-7.1","libqt4-devel-doc":"4.8.6-7.3"}]},
       "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4.8.6-7.1"}]}]},
      {"package":{"ecosystem":"SUSE:Linux Enterprise Desktop 12 SP1","name":"libqt4"},
       "ecosystem_specific":{"binaries":[{"libqt4-x11":"4.8.6-7.1"}]},
       "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4.8.6-7.1"}]}]}]}"#;
    let advisory = only(text);
    let mut found: Vec<String> = advisory
        .statements
        .iter()
        .map(|statement| match &statement.says {
            Says::FixedIn { fixed, .. } => {
                format!("{} {} {fixed}", statement.system, statement.target.name())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort();
    // The server and the desktop of one service pack say the same thing once.
    assert_eq!(
        found,
        [
            "sles:12.1 libqt4-devel-doc 4.8.6-7.3",
            "sles:12.1 libqt4-x11 4.8.6-7.1"
        ]
    );
}

#[test]
fn only_where_no_range_decides_the_listed_versions_do() {
    let record = |inner: &str| {
        format!(
            r#"{{"id":"X-1","modified":"2023-01-01T00:00:00Z","affected":[
            {{"package":{{"ecosystem":"PyPI","name":"x"}},{inner}}}]}}"#
        )
    };
    let says = |inner: &str| only(&record(inner)).statements[0].says.clone();
    assert_eq!(
        says(r#""versions":["1.2","1.1","1.2"]"#),
        Says::AffectedExactly {
            versions: vec!["1.1".parse().unwrap(), "1.2".parse().unwrap()],
            fixed: None
        }
    );
    let both =
        r#""versions":["1.2"],"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]"#;
    assert!(matches!(
        says(both),
        Says::NoFix {
            reason: NoFixReason::NotYet,
            ..
        }
    ));
    let git = r#""ranges":[{"type":"GIT","events":[{"introduced":"0"},{"fixed":"abc"}]}]"#;
    assert!(matches!(says(git), Says::Undetermined { .. }));
}

#[test]
fn a_withdrawn_record_is_kept_as_withdrawn() {
    let text = ALMA.replace(
        r#""related""#,
        r#""withdrawn":"2025-08-01T00:00:00Z","related""#,
    );
    assert!(only(&text).withdrawn);
    assert!(!only(ALMA).withdrawn);
}

#[test]
fn a_list_goes_on_behind_broken_and_repeated_records() {
    let nan = ALMA
        .replace("ALSA-2025:10630", "A-2")
        .replace("\"0\"", "NaN");
    let version = ALMA
        .replace("ALSA-2025:10630", "A-3")
        .replace("2.12.5-7.el10_0", "2 12");
    let undated = ALMA
        .replace("ALSA-2025:10630", "A-4")
        .replace("2025-07-10T13:05:05Z", "today");
    let last = ALMA.replace("ALSA-2025:10630", "A-5");
    let text = format!("[{ALMA},{nan},{ALMA},{version},{undated},7,{last}]");
    let (parsed, sink) = read(&text).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (2, 5));
    let places: Vec<&str> = sink
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(
        places,
        ["entry 2", "entry 3", "A-3 entry 4", "entry 5", "entry 6"]
    );
}

#[test]
fn a_truncated_or_deep_document_is_refused() {
    for end in [ALMA.len() - 1, ALMA.len() / 2, ALMA.len() - 40] {
        let cut = &ALMA[..end];
        assert!(matches!(read(cut), Err(Refusal::Truncated { .. })));
        assert_eq!(formats::recognise(cut.as_bytes()).unwrap().name, "osv");
    }
    let deep = format!(
        r#"{{"id":"X","modified":"2023-01-01T00:00:00Z","affected":{}"#,
        "[".repeat(200)
    );
    assert!(matches!(read(&deep), Err(Refusal::TooDeep { .. })));
}

#[test]
fn a_document_whose_one_record_cannot_be_read_is_refused() {
    for (from, to) in [
        ("\"0\"", "NaN"),
        ("2025-07-10T13:05:05Z", "today"),
        ("ALSA-2025:10630", ""),
    ] {
        let refused = read(&ALMA.replace(from, to));
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{to}");
    }
    // One package of it: broken, and the rest is handed over.
    let (parsed, sink) = read(&ALMA.replace("2.12.5-7.el10_0", "2 12")).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (0, 1));
    assert_eq!(sink.advisories().count(), 1);
}

#[test]
fn an_index_lists_and_records_nothing() {
    let text = r#"[{"id":"SUSE-SU-2015:0011-2","modified":"2014-01-27T18:38:10Z"},
        {"id":"SUSE-SU-403","modified":"2014-10-24T22:07:03Z"}]"#;
    let (parsed, sink) = read(text).unwrap();
    assert_eq!((parsed.records, sink.records.len()), (0, 2));
    assert_eq!(parsed.feed, Feed::SuseOsv);
    assert!(matches!(&sink.records[0], Record::Listed { document, .. }
        if document == "SUSE-SU-2015:0011-2"));
}

fn sample(path: &str) -> Option<(Parsed, Collect)> {
    let bytes = samples::read(path)?;
    let format = formats::recognise(&bytes).unwrap();
    assert!(format.name.starts_with("osv"), "{path}: {}", format.name);
    let mut sink = Collect::default();
    let parsed = (format.parse)(&bytes, &mut sink).unwrap();
    assert_eq!(sink.broken, [], "{path}");
    Some((parsed, sink))
}

#[test]
fn an_ubuntu_notice_names_the_cves_per_package_and_the_priority() {
    let Some((parsed, sink)) = sample("ubuntu/osv/USN-5614-1.json") else {
        return;
    };
    assert_eq!(parsed.feed, Feed::UbuntuOsv);
    let advisory = sink.advisories().next().unwrap();
    let cve = "CVE-2021-3782".parse().unwrap();
    assert_eq!(advisory.cves, [cve]);
    assert_eq!(advisory.statements[0].cves, Some(vec![cve]));
    let rating = advisory.rating.clone().unwrap();
    assert_eq!(
        (rating.severity, rating.word.as_str()),
        (Severity::Moderate, "medium")
    );
}

#[test]
fn paid_channels_of_ubuntu_are_marked() {
    let Some((_, sink)) = sample("ubuntu/osv-esm-cases/UBUNTU-CVE-2022-24823.json") else {
        return;
    };
    let advisory = sink.advisories().next().unwrap();
    assert_eq!(advisory.cves, ["CVE-2022-24823".parse().unwrap()]);
    let of = |system: &str| {
        advisory
            .statements
            .iter()
            .find(|statement| statement.system.as_str() == system)
            .unwrap()
    };
    assert_eq!(
        of("ubuntu:18.04").subscription.as_deref(),
        Some("Ubuntu Pro")
    );
    // Affected, and nothing offered for it.
    assert!(matches!(of("ubuntu:25.10").says, Says::NoFix { .. }));
    assert_eq!(of("ubuntu:25.10").subscription, None);
    let Some((_, sink)) = sample("ubuntu/osv/UBUNTU-CVE-2020-36325.json") else {
        return;
    };
    assert!(sink.advisories().all(|advisory| advisory.withdrawn));
}

#[test]
fn every_loose_sample_is_one_record() {
    let Some(folder) = samples::folder() else {
        return;
    };
    let mut counts = std::collections::BTreeMap::new();
    for name in [
        "alma/osv",
        "rocky/osv",
        "ubuntu/osv",
        "debian/osv-elts",
        "osv/pypa",
        "osv/ghsa-rustsec",
    ] {
        for entry in std::fs::read_dir(folder.join(name)).unwrap() {
            let path = format!("{name}/{}", entry.unwrap().file_name().to_str().unwrap());
            let (parsed, sink) = sample(&path).unwrap();
            assert_eq!(parsed.records, 1, "{path}");
            let advisory = sink.advisories().next().unwrap();
            if advisory.cves.is_empty() {
                *counts.entry((name, "without CVE")).or_insert(0) += 1;
            }
            *counts.entry((name, parsed.feed.word())).or_insert(0) += 1;
        }
    }
    let count = |name, word| counts.get(&(name, word)).copied().unwrap_or(0);
    // The notes on the data: 141 records of AlmaLinux, 5 of them without a CVE.
    assert_eq!(count("alma/osv", "alma-osv"), 141);
    assert_eq!(count("alma/osv", "without CVE"), 5);
    assert_eq!(count("rocky/osv", "rocky-osv"), 2);
    assert_eq!(count("debian/osv-elts", "debian-osv"), 20);
    assert_eq!(
        count("osv/pypa", "osv") + count("osv/ghsa-rustsec", "osv"),
        54
    );
}

#[test]
fn kinds_of_patches_are_read_from_the_id() {
    let of = |id: &str| only(&ALMA.replace("ALSA-2025:10630", id)).classification;
    assert_eq!(of("ALSA-2025:1"), Some(Classification::Security));
    assert_eq!(of("ALBA-2025:1"), Some(Classification::Hotfix));
    let after = only(&ALMA.replace("ALSA-2025:10630", "LSN-0108-1")).after;
    assert_eq!(after, AfterInstall::Nothing);
}
