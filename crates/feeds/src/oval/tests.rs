#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Read as _;

use domain::advisory::Says;

use super::*;
use crate::format::Collect;
use crate::{formats, samples};

fn sample(path: &str) -> Option<Vec<u8>> {
    let bytes = samples::read(path)?;
    let mut plain = Vec::new();
    if path.ends_with(".bz2") {
        let mut reader = bzip2::read::MultiBzDecoder::new(&bytes[..]);
        reader.read_to_end(&mut plain).unwrap();
    } else if path.ends_with(".gz") {
        let mut reader = flate2::read::GzDecoder::new(&bytes[..]);
        reader.read_to_end(&mut plain).unwrap();
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
            let says = match &statement.says {
                Says::FixedIn { fixed, .. } => format!("< {fixed}"),
                Says::NoFix { reason, word } => format!("{reason:?} {word}"),
                Says::NotAffected { .. } => "not affected".to_owned(),
                other => format!("{other:?}"),
            };
            let architectures: Vec<_> =
                statement.architectures.iter().map(|a| a.as_str()).collect();
            all.push(format!(
                "{} {}{} {} {} {says} [{}]",
                advisory.id,
                statement.system,
                statement.subscription.as_deref().unwrap_or_default(),
                statement.target.name(),
                statement.module.as_deref().unwrap_or("-"),
                architectures.join(" "),
            ));
        }
    }
    all
}

#[test]
fn every_sample_holds_as_many_definitions_as_the_manifest_says() {
    for (path, feed, records) in [
        ("oracle/ELSA-2007-0057.xml", Feed::OracleOval, 1),
        ("oracle/com.oracle.elsa-all.xml.bz2", Feed::OracleOval, 2),
        // Two by hand: the manifest gives no count.
        ("alma/org.almalinux.alsa-9.xml.bz2", Feed::AlmaOval, 2),
        (
            "redhat/oval/rhel-9-including-unpatched.oval.xml.bz2",
            Feed::RedhatOval,
            4,
        ),
        (
            "debian/oval/oval-definitions-bullseye.xml.bz2",
            Feed::DebianOval,
            4,
        ),
        (
            "suse/oval/suse.linux.enterprise.15-affected.xml.gz",
            Feed::SuseOval,
            2,
        ),
        (
            "ubuntu/oci.com.ubuntu.jammy.pkg.oval.xml.bz2",
            Feed::UbuntuOval,
            2,
        ),
        (
            "ubuntu/oci.com.ubuntu.jammy.usn.oval.xml.bz2",
            Feed::UbuntuOval,
            1,
        ),
    ] {
        let Some(bytes) = sample(path) else { return };
        let (parsed, sink) = read(&bytes).unwrap();
        assert_eq!(
            (parsed.feed, parsed.records, sink.broken),
            (feed, records, Vec::new()),
            "{path}"
        );
        assert!(parsed.dated.is_some(), "{path}");
        let cut = &bytes[..bytes.len() * 2 / 3];
        assert!(
            matches!(
                read(cut),
                Err(Refusal::Truncated { .. } | Refusal::Syntax { .. })
            ),
            "{path}"
        );
    }
}

#[test]
fn fixed_versions_come_with_system_module_and_architecture() {
    for (path, count, line) in [
        (
            "oracle/ELSA-2007-0057.xml",
            8,
            "ELSA-2007-0057 ol:5 bind-libs - < 30:9.3.3-8.el5 []",
        ),
        (
            "oracle/com.oracle.elsa-all.xml.bz2",
            9,
            "ELSA-2023-12342 ol:8 hivex virt:kvm_utils \
             < 0:1.3.18-21.module+el8.7.0+21037+8ee66348 [aarch64]",
        ),
        (
            "alma/org.almalinux.alsa-9.xml.bz2",
            9,
            "ALSA-2022:7071 almalinux:9 firefox - < 0:102.4.0-1.el9_0.alma \
             [aarch64 ppc64le s390x x86_64]",
        ),
        (
            "alma/org.almalinux.alsa-9.xml.bz2",
            9,
            "ALSA-2023:5363 almalinux:9 nodejs-docs nodejs:18 \
             < 1:18.17.1-1.module_el9.2.0+36+853e48f5 []",
        ),
        (
            "redhat/oval/rhel-9-including-unpatched.oval.xml.bz2",
            7,
            "CVE-2005-2541 rhel:9 tar - WillNotFix Will not fix []",
        ),
        (
            "redhat/oval/rhel-9-including-unpatched.oval.xml.bz2",
            7,
            "CVE-2002-0059 rhel:9 zlib-devel - not affected []",
        ),
        (
            "debian/oval/oval-definitions-bullseye.xml.bz2",
            4,
            "DSA-5179-1 debian:bullseye php7.4 - < 7.4.30-1+deb11u1 []",
        ),
        (
            "debian/oval/oval-definitions-bullseye.xml.bz2",
            4,
            "CVE-2016-5416 debian:bullseye 389-ds-base - not affected []",
        ),
        (
            "ubuntu/oci.com.ubuntu.jammy.pkg.oval.xml.bz2",
            8,
            "CVE-2023-48795 ubuntu:22.04 ssh - < 1:8.9p1-3ubuntu0.5 []",
        ),
        (
            "ubuntu/oci.com.ubuntu.jammy.usn.oval.xml.bz2",
            5,
            "USN-6561-1 ubuntu:22.04 libssh-4 - < 0.9.6-2ubuntu0.22.04.2 []",
        ),
    ] {
        let Some(bytes) = sample(path) else { return };
        let (_, sink) = read(&bytes).unwrap();
        let lines = lines(&sink);
        assert!(
            lines.iter().any(|found| found == line),
            "{path}: {line}\n{lines:#?}"
        );
        assert_eq!(lines.len(), count, "{path}\n{lines:#?}");
    }
}

#[test]
fn platforms_that_share_packages_are_one_system_and_paid_channels_stay_apart() {
    let Some(bytes) = sample("suse/oval/suse.linux.enterprise.15-affected.xml.gz") else {
        return;
    };
    let (parsed, sink) = read(&bytes).unwrap();
    let lines = lines(&sink);
    for line in [
        "CVE-1999-0077 sles:15.1 kernel-default - not affected []",
        "CVE-1999-0077 sles:15.1LTSS kernel-default - not affected []",
        "CVE-1999-0195 sles:15.4 rpcbind - not affected []",
    ] {
        let found = lines.iter().filter(|found| *found == line).count();
        assert_eq!(found, 1, "{line}\n{lines:#?}");
    }
    assert_eq!(parsed.notes.len(), 2, "{:?}", parsed.notes);
}

#[test]
fn the_list_of_documents_says_what_to_fetch() {
    let Some(bytes) = samples::read("redhat/oval/feed.json") else {
        return;
    };
    let (parsed, sink) = read(&bytes).unwrap();
    assert_eq!((parsed.feed, parsed.records), (Feed::RedhatOval, 2));
    let expected = Record::Listed {
        document: "oval:/RHEL9/jboss-ws-5-including-unpatched.oval.xml.bz2".to_owned(),
        address: Some(
            "https://security.access.redhat.com/data/oval/v2/RHEL9/\
             jboss-ws-5-including-unpatched.oval.xml.bz2"
                .to_owned(),
        ),
        changed: Some("2023-10-30T20:50:40Z".parse().unwrap()),
    };
    assert_eq!(sink.records[0], expected);
}

fn document(definitions: &str) -> String {
    format!(
        "<oval_definitions><generator><product_name>Red Hat</product_name></generator>\
         <definitions>{definitions}</definitions></oval_definitions>"
    )
}

#[test]
fn definitions_without_or_with_a_known_id_are_broken() {
    let one = r#"<definition class="patch" id="oval:com.redhat.rhsa:def:1"><metadata>
        <title>RHSA-2024:0001</title><reference source="RHSA" ref_id="RHSA-2024:0001"/></metadata>
        <criteria><criterion comment="Red Hat Enterprise Linux 9 is installed" test_ref="a"/>
        <criterion comment="xz is earlier than 0:1-2.el9" test_ref="b"/></criteria></definition>"#;
    let without = one.replace("oval:com.redhat.rhsa:def:1", "");
    let bad = one
        .replace("def:1", "def:2")
        .replace("0:1-2.el9", "0:1\u{202e}-2.el9");
    let text = document(&format!("{one}{one}{without}{bad}"));
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert_eq!(lines(&sink), ["RHSA-2024:0001 rhel:9 xz - < 0:1-2.el9 []"]);
    assert_eq!((parsed.records, sink.broken.len()), (1, 3));
    assert_eq!(parsed.notes.len(), 1, "{:?}", parsed.notes);
}

#[test]
fn documents_of_unknown_publishers_are_refused_and_empty_ones_are_read() {
    let unknown = document(r#"<definition id="oval:org.example:def:1"/>"#);
    assert!(matches!(
        read(unknown.as_bytes()),
        Err(Refusal::Unrecognised { .. })
    ));
    let (parsed, _) = read(document("").as_bytes()).unwrap();
    assert_eq!((parsed.feed, parsed.records), (Feed::RedhatOval, 0));
}

#[test]
fn an_extended_channel_is_a_system_of_its_own() {
    let text = document(
        r#"<definition class="patch" id="oval:com.redhat.rhsa:def:1"><metadata>
        <title>RHSA-2024:0001</title><reference source="RHSA" ref_id="RHSA-2024:0001"/><advisory>
        <affected_cpe_list><cpe>cpe:/o:redhat:rhel_eus:9.2::baseos</cpe></affected_cpe_list>
        </advisory></metadata>
        <criteria><criterion comment="Red Hat Enterprise Linux 9 is installed" test_ref="a"/>
        <criterion comment="xz is earlier than 0:1-2.el9" test_ref="b"/></criteria></definition>"#,
    );
    let (_, sink) = read(text.as_bytes()).unwrap();
    assert_eq!(
        lines(&sink),
        ["RHSA-2024:0001 rhel-eus:9.2 xz - < 0:1-2.el9 []"]
    );
}

#[test]
fn a_definition_with_too_many_criteria_is_broken_and_the_rest_is_read() {
    let criterion = r#"<criterion comment="xz is earlier than 0:1-2.el9" test_ref="b"/>"#;
    let many = criterion.repeat(super::definition::ITEMS_MAX + 1);
    let text = document(&format!(
        r#"<definition id="oval:com.redhat.rhsa:def:1"><criteria>{many}</criteria></definition>
        <definition id="oval:com.redhat.rhsa:def:2"/>"#
    ));
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (1, 1));
    assert_eq!(sink.broken[0].0, "oval:com.redhat.rhsa:def:1");
}
