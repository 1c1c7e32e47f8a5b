use super::*;
use crate::format::Collect;
use crate::formats;
use crate::samples;

fn document(packages: &str) -> String {
    format!(
        r#"{{"apkurl":"x","reponame":"main","urlprefix":"https://dl-cdn.alpinelinux.org/alpine",
        "distroversion":"v3.20","packages":[{packages}]}}"#
    )
}

fn read(packages: &str) -> (Parsed, Collect) {
    let mut sink = Collect::default();
    let parsed = parse(document(packages).as_bytes(), &mut sink).unwrap();
    (parsed, sink)
}

const PACKAGE: &str = r#"{"pkg":{"name":"xen","secfixes":{
    "4.9.0-r1":["CVE-2017-12122 TALOS-2017-0488","XSA-207"],
    "0":["CVE-2016-2781"]}}}"#;

#[test]
fn each_id_of_each_fixed_version_is_an_advisory() {
    let (parsed, sink) = read(PACKAGE);
    assert_eq!((parsed.records, sink.broken.len()), (1, 0));
    assert_eq!(parsed.document.as_deref(), Some("alpine:3.20 main"));
    let mut found: Vec<_> = sink
        .advisories()
        .map(|advisory| {
            let statement = &advisory.statements[0];
            assert_eq!(statement.system.as_str(), "alpine:3.20");
            assert!(matches!(&statement.target, Target::Source(name) if name.as_str() == "xen"));
            let says = match &statement.says {
                Says::FixedIn { fixed, .. } => fixed.to_string(),
                Says::NotAffected { .. } => "never".to_owned(),
                other => panic!("{other:?}"),
            };
            format!("{} {says} {}", advisory.id, advisory.aliases.join(" "))
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "CVE-2016-2781 never ",
            "CVE-2017-12122 4.9.0-r1 TALOS-2017-0488",
            "XSA-207 4.9.0-r1 ",
        ]
    );
}

#[test]
fn ids_written_by_hand_are_read() {
    let of = |text: &str| {
        let ids = ids(text);
        let cves: Vec<String> = ids.cves.iter().map(ToString::to_string).collect();
        format!("{} | {}", cves.join(" "), ids.alias_list().join(" "))
    };
    // All of these stand in Alpine's documents of 2020.
    for (text, expected) in [
        ("CVE-2019-1234 (+ more)", "CVE-2019-1234 | "),
        ("CVE-2018-12126  XSA-297", "CVE-2018-12126 | XSA-297"),
        ("CVE-2018-16227 (802.11)", "CVE-2018-16227 | "),
        (
            "CVE-2018-10103 (SMB - partially fixed)",
            "CVE-2018-10103 | ",
        ),
        ("CVE_2019-2426", "CVE-2019-2426 | "),
        ("CVE-2017-17434-1", "CVE-2017-17434 | "),
        ("CVE-2019-19451.patch", "CVE-2019-19451 | "),
        ("CVE-????-?????  XSA-295", " | XSA-295"),
        (
            "CVE-2018-1 CVE-2018-10105,CVE-2018-10106",
            "CVE-2018-10105 CVE-2018-10106 | CVE-2018-1",
        ),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn a_broken_part_breaks_its_package_and_hides_nothing_else() {
    for bad in [
        r#""1 2":["CVE-2020-1234"]"#,
        r#""":["CVE-2020-1234"]"#,
        r#""unknown":["CVE-2020-1234"]"#,
        r#""1.0":"CVE-2020-1234""#,
        r#""1.0":[{}]"#,
        r#""1.0":[""]"#,
    ] {
        let text = PACKAGE.replace(r#""0":["CVE-2016-2781"]"#, bad);
        let (parsed, sink) = read(&text);
        assert_eq!((parsed.records, sink.broken.len()), (0, 1), "{bad}");
        assert_eq!(sink.advisories().count(), 2, "{bad}");
    }
    let nan = r#"{"pkg":{"name":"x","secfixes":{"1":[NaN]}}}"#;
    let (parsed, sink) = read(&format!("{PACKAGE},{nan},{PACKAGE},7,{{}}"));
    assert_eq!((parsed.records, sink.broken.len()), (1, 4));
}

#[test]
fn a_package_without_fixes_counts() {
    for fixes in ["{}", "[]", "null"] {
        let (parsed, _) = read(&format!(r#"{{"pkg":{{"name":"a","secfixes":{fixes}}}}}"#));
        assert_eq!(parsed.records, 1, "{fixes}");
    }
}

#[test]
fn without_a_system_or_an_end_it_is_refused() {
    let text = document(PACKAGE);
    let parse_text = |text: &str| parse(text.as_bytes(), &mut Collect::default());
    let nameless = text.replace("v3.20", "");
    assert!(matches!(
        parse_text(&nameless),
        Err(Refusal::Missing { .. })
    ));
    let blank = text.replace("v3.20", "v3 20");
    assert!(matches!(parse_text(&blank), Err(Refusal::Invalid { .. })));
    assert!(matches!(
        parse_text(&text[..text.len() - 3]),
        Err(Refusal::Truncated { .. })
    ));
}

#[test]
fn the_real_documents_are_read() {
    // Packages counted with another reader of JSON and YAML.
    for (path, document, records) in [
        ("wolfi/security.json", "wolfi os", 27),
        ("alpine/secdb-json/edge-main.json", "alpine:edge main", 1),
        (
            "alpine/secdb-json/edge-community.json",
            "alpine:edge community",
            1,
        ),
        ("alpine/secdb-yaml/v3.10-main.yaml", "alpine:3.10 main", 166),
        (
            "alpine/secdb-yaml/v3.11-community.yaml",
            "alpine:3.11 community",
            85,
        ),
        ("alpine/secdb-yaml/v3.11-main.yaml", "alpine:3.11 main", 175),
    ] {
        let Some(bytes) = samples::read(path) else {
            return;
        };
        let format = formats::recognise(&bytes).unwrap();
        assert!(
            format.name.starts_with("alpine-secdb"),
            "{path}: {}",
            format.name
        );
        let mut sink = Collect::default();
        let parsed = (format.parse)(&bytes, &mut sink).unwrap();
        assert_eq!(sink.broken, [], "{path}");
        assert_eq!(parsed.document.as_deref(), Some(document));
        assert_eq!(parsed.records, records, "{path}");
    }
}
