#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Read as _;

use domain::advisory::{AfterInstall, Says};
use domain::severity::{Classification, Severity};

use super::*;
use crate::format::{Collect, Parsed, Record};
use crate::refusal::Refusal;
use crate::{formats, samples};

/// A sample, unpacked by the libraries themselves.
fn sample(path: &str) -> Option<Vec<u8>> {
    let bytes = samples::read(path)?;
    let mut plain = Vec::new();
    if path.ends_with(".gz") {
        let mut reader = flate2::read::GzDecoder::new(&bytes[..]);
        reader.read_to_end(&mut plain).unwrap();
    } else if path.ends_with(".zst") {
        plain = zstd::decode_all(&bytes[..]).unwrap();
    } else {
        plain = bytes;
    }
    Some(plain)
}

fn read(bytes: &[u8]) -> Result<(Parsed, Collect), Refusal> {
    let format = formats::recognise(bytes).expect("a form knows it");
    let mut sink = Collect::default();
    let parsed = (format.parse)(bytes, &mut sink)?;
    Ok((parsed, sink))
}

/// Statements as one line each.
fn lines(sink: &Collect) -> Vec<String> {
    let mut all = Vec::new();
    for advisory in sink.advisories() {
        for statement in &advisory.statements {
            let Says::FixedIn { fixed, .. } = &statement.says else {
                panic!("{statement:?}");
            };
            let architectures: Vec<_> =
                statement.architectures.iter().map(|a| a.as_str()).collect();
            all.push(format!(
                "{} {} {} {} {fixed} [{}]",
                advisory.id,
                statement.system,
                statement.target.name(),
                statement.module.as_deref().unwrap_or("-"),
                architectures.join(" "),
            ));
        }
    }
    all
}

#[test]
fn every_sample_holds_as_many_records_as_the_manifest_says() {
    for (path, records) in [
        ("updateinfo/alma9/AppStream-updateinfo.xml.gz", 1),
        ("updateinfo/alma9/BaseOS-updateinfo.xml.gz", 2),
        ("updateinfo/amazon-updateinfo_2_items.xml.gz", 2),
        ("updateinfo/createrepo_c-updateinfo_00.xml", 0),
        ("updateinfo/createrepo_c-updateinfo_01.xml", 1),
        ("updateinfo/createrepo_c-updateinfo_03.xml", 6),
        // The manifest counts none, but one `update` stands in the unpacked document.
        ("updateinfo/fedora43/updateinfo.xml.zst", 1),
        ("updateinfo/opensuse-11.0-update-updateinfo.xml.gz", 164),
        ("updateinfo/vmaas-updateinfo.xml", 9),
        ("updateinfo/alma9/AppStream-modules.yaml.gz", 1),
        ("updateinfo/alma9/AppStream-repomd.xml", 3),
        ("updateinfo/alma9/BaseOS-repomd.xml", 2),
        ("alma/errata.full.json", 2),
        ("rocky/errata-page1.json", 1),
    ] {
        let Some(bytes) = sample(path) else { return };
        let (parsed, sink) = read(&bytes).unwrap();
        assert_eq!(
            (parsed.records, sink.broken),
            (records, Vec::new()),
            "{path}"
        );
    }
}

#[test]
fn the_system_is_told_by_collection_release_or_mark() {
    for (path, line) in [
        (
            "updateinfo/alma9/BaseOS-updateinfo.xml.gz",
            "ALSA-2022:4940 almalinux:9 xz - 0:5.2.5-8.el9_0 [x86_64]",
        ),
        (
            "updateinfo/amazon-updateinfo_2_items.xml.gz",
            "ALAS2-2018-942 amzn:2 qemu-img - 10:1.5.3-141.amzn2.5.3 [x86_64]",
        ),
        (
            "updateinfo/opensuse-11.0-update-updateinfo.xml.gz",
            "xorg-x11-Xvnc opensuse-leap:11.0 xorg-x11-Xvnc - 0:7.3-110.2 [i586 ppc x86_64]",
        ),
        (
            "updateinfo/vmaas-updateinfo.xml",
            "FEDORA-2017-85b23ed72d fedora:27 golang-github-xeipuuv-gojsonschema-devel - \
             0:0-0.5.20171003git6b67b3f.fc27 []",
        ),
        (
            "updateinfo/fedora43/updateinfo.xml.zst",
            "FEDORA-2025-4a08954c02 fedora:43 python3-boto3 - 0:1.42.0-1.fc43 []",
        ),
        (
            "updateinfo/createrepo_c-updateinfo_03.xml",
            "RHEA-2012:0059 rpm:unnamed kangaroo kangaroo:0 0:0.3-1 []",
        ),
        (
            "alma/errata.full.json",
            "ALSA-2019:3708 almalinux:8 Judy mariadb:10.3 \
             0:1.0.5-18.module_el8.5.0+2632+14ced695 [x86_64]",
        ),
        (
            "rocky/errata-page1.json",
            "RLSA-2025:21816 rocky:10 delve - 0:1.25.2-1.el10_1 [aarch64 ppc64le x86_64]",
        ),
    ] {
        let Some(bytes) = sample(path) else { return };
        let (_, sink) = read(&bytes).unwrap();
        let lines = lines(&sink);
        assert!(
            lines.iter().any(|found| found == line),
            "{path}: {line}\n{lines:#?}"
        );
        let sources = lines.iter().filter(|line| line.contains(" python-boto3 "));
        assert_eq!(sources.count(), 0, "{path}: sources beside binaries");
    }
}

const UPDATE: &str = r#"<updates>
<update type="security" version="1" status="final">
 <id>RLSA-2024:0001</id><title>Important: php:7.2 security update</title>
 <severity>Important</severity><issued date="2024-01-02 03:04:05"/>
 <references><reference id="CVE-2024-0002" type="bugzilla"/><reference id="1493960" type="cve"/></references>
 <pkglist><collection><name>x</name>
  <package name="php" version="7.2.11" release="1.module+el8.0.0+4664+17bd8d65" arch="x86_64">
   <reboot_suggested>False</reboot_suggested><restart_suggested>1</restart_suggested></package>
  <package name="php" epoch="0" version="7.2.11" release="1.module+el8.0.0+4664+17bd8d65" arch="src"/>
 </collection></pkglist>
</update></updates>"#;

#[test]
fn an_update_tells_severity_references_flags_and_module() {
    let (parsed, sink) = read(UPDATE.as_bytes()).unwrap();
    assert!(parsed.notes.is_empty(), "{:?}", parsed.notes);
    let advisory = sink.advisories().next().unwrap();
    assert_eq!(advisory.cves, ["CVE-2024-0002".parse().unwrap()]);
    assert_eq!(advisory.after, AfterInstall::Restart);
    assert_eq!(advisory.classification, Some(Classification::Security));
    let rating = advisory.rating.as_ref().unwrap();
    assert_eq!(rating.severity, Severity::Important);
    assert_eq!(
        advisory.published.unwrap().to_string(),
        "2024-01-02T03:04:05Z"
    );
    let expected =
        "RLSA-2024:0001 rocky:8 php php:7.2 0:7.2.11-1.module+el8.0.0+4664+17bd8d65 [x86_64]";
    assert_eq!(lines(&sink), [expected]);
}

#[test]
fn a_mark_against_the_collection_names_no_system() {
    let text = UPDATE.replace("<name>x</name>", "<name>AlmaLinux 8</name>");
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert!(lines(&sink)[0].contains(" rpm:unnamed "));
    assert_eq!(parsed.notes.len(), 1);
}

#[test]
fn a_module_whose_stream_is_not_named_says_nothing() {
    let text = UPDATE.replace("php:7.2", "php");
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert!(lines(&sink).is_empty());
    assert_eq!(parsed.notes.len(), 1);
}

#[test]
fn broken_and_double_updates_are_counted_and_the_rest_is_read() {
    let one = UPDATE
        .strip_prefix("<updates>")
        .and_then(|text| text.strip_suffix("</updates>"))
        .unwrap();
    let without_id = one.replace("RLSA-2024:0001", "");
    let bad_version = one
        .replace("RLSA-2024:0001", "RLSA-2024:0003")
        .replace("7.2.11", "7-2");
    let bad_epoch = one
        .replace("RLSA-2024:0001", "RLSA-2024:0004")
        .replace("epoch=\"0\"", "epoch=\"x\"")
        .replace("\"src\"", "\"i686\"");
    let other = one.replace("RLSA-2024:0001", "RLSA-2024:0005");
    let text = format!("<updates>{one}{one}{without_id}{bad_version}{bad_epoch}{other}</updates>");
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    let places: Vec<_> = sink
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(parsed.records, 2);
    let expected = [
        "RLSA-2024:0001",
        "update 3",
        "RLSA-2024:0003",
        "RLSA-2024:0004",
    ];
    assert_eq!(places, expected);
}

#[test]
fn truncated_documents_are_refused() {
    let cut = &UPDATE.as_bytes()[..UPDATE.len() - 20];
    assert!(matches!(read(cut), Err(Refusal::Truncated { .. })));
    for path in ["alma/errata.full.json", "rocky/errata-page1.json"] {
        let Some(bytes) = sample(path) else { return };
        let cut = &bytes[..bytes.len() - 30];
        assert!(
            matches!(read(cut), Err(Refusal::Truncated { .. })),
            "{path}"
        );
    }
}

#[test]
fn module_streams_list_their_packages() {
    let Some(bytes) = sample("updateinfo/alma9/AppStream-modules.yaml.gz") else {
        return;
    };
    let (_, sink) = read(&bytes).unwrap();
    let Record::Module(stream) = &sink.records[0] else {
        panic!("{:?}", sink.records)
    };
    assert_eq!(stream.stream, "mariadb:10.11");
    assert_eq!(
        stream.artifacts,
        ["mariadb-0:10.11.13-1.module_el9+123+abcdef.x86_64"]
    );
}

#[test]
fn the_names_of_packages_may_hold_hyphens_and_points() {
    let found = errata::Nevra::parse("kernel-rt-core-4.18.0-348.rt7.130.el8.x86_64.rpm").unwrap();
    assert_eq!((found.name, found.epoch), ("kernel-rt-core", None));
    assert_eq!(
        (found.version, found.release),
        ("4.18.0", "348.rt7.130.el8")
    );
    let found = errata::Nevra::parse("delve-0:1.25.2-1.el10_1.aarch64.rpm").unwrap();
    assert_eq!((found.epoch, found.version), (Some("0"), "1.25.2"));
    assert_eq!(errata::Nevra::parse("delve"), None);
}
