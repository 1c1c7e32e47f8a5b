use super::*;
use crate::format::Collect;
use crate::formats;
use crate::samples;

fn document(statements: &str) -> String {
    format!(
        r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x/CVE-2023-38545",
        "author":"Canonical Ltd.","timestamp":"2026-05-20T15:02:47Z","version":5,
        "statements":[{statements}]}}"#
    )
}

fn read(statements: &str) -> (Parsed, Collect) {
    let mut sink = Collect::default();
    let parsed = parse(document(statements).as_bytes(), &mut sink).unwrap();
    (parsed, sink)
}

fn statement(status: &str, product: &str) -> String {
    format!(
        r#"{{"vulnerability":{{"name":"CVE-2023-38545"}},"status":"{status}",
        "products":[{{"@id":"{product}"}}]}}"#
    )
}

const CURL: &str = "pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.24?arch=source&distro=jammy";

#[test]
fn a_package_url_names_system_channel_and_version() {
    let found = package("pkg:deb/ubuntu/libstdc%2B%2B6@1%3A2.0?arch=amd64&distro=esm-infra/xenial")
        .unwrap();
    assert_eq!(found.system.as_str(), "ubuntu:16.04");
    assert_eq!(found.subscription.as_deref(), Some("Ubuntu Pro"));
    assert_eq!(found.name, "libstdc++6");
    assert_eq!(found.version.as_deref(), Some("1:2.0"));
    assert_eq!(found.architecture.as_deref(), Some("amd64"));
    for bad in [
        "",
        "curl",
        "pkg:deb",
        "pkg:deb/ubuntu/",
        "pkg:deb/ubuntu/a%2",
    ] {
        assert!(package(bad).is_err(), "{bad}");
    }
}

#[test]
fn fixed_says_nothing_of_older_versions() {
    let (_, sink) = read(&statement("fixed", CURL));
    let advisory = sink.advisories().next().unwrap();
    assert_eq!(
        advisory.statements[0].says,
        Says::AffectedExactly {
            versions: Vec::new(),
            fixed: Some("7.81.0-1ubuntu1.24".parse().unwrap())
        }
    );
}

#[test]
fn affected_not_affected_and_unknown_stay_apart() {
    let says = |status: &str| {
        let (parsed, sink) = read(&statement(status, CURL));
        assert_eq!((parsed.records, sink.broken.len()), (1, 0), "{status}");
        sink.advisories().next().unwrap().statements[0].says.clone()
    };
    assert!(matches!(says("affected"), Says::AffectedUpTo { .. }));
    assert!(matches!(says("not_affected"), Says::NotAffected { .. }));
    assert!(matches!(
        says("under_investigation"),
        Says::Undetermined { .. }
    ));
}

#[test]
fn broken_statements_are_counted_and_hide_nothing() {
    let text = [
        statement("fixed", CURL),
        statement("perhaps", CURL),
        "7".to_owned(),
        statement("fixed", "curl").replace("38545", "38546"),
        statement("affected", CURL).replace("38545", "38547"),
    ]
    .join(",");
    let (parsed, sink) = read(&text);
    assert_eq!(
        (parsed.records, sink.broken.len()),
        (1, 3),
        "{:?}",
        sink.broken
    );
    assert_eq!(sink.advisories().count(), 3);
    let whole = document(&text);
    let cut = parse(
        &whole.as_bytes()[..whole.len() - 4],
        &mut Collect::default(),
    );
    assert!(matches!(cut, Err(Refusal::Truncated { .. })));
}

#[test]
fn the_real_document_is_read() {
    let Some(bytes) = samples::read("ubuntu/vex/CVE-2023-38545.json") else {
        return;
    };
    assert_eq!(formats::recognise(&bytes).unwrap().name, "ubuntu-vex");
    let mut sink = Collect::default();
    let parsed = parse(&bytes, &mut sink).unwrap();
    assert_eq!((parsed.records, parsed.feed), (1, Feed::UbuntuVex));
    assert_eq!(sink.broken, []);
    let advisory = sink.advisories().next().unwrap();
    // By hand: 2 sources fixed, 1 affected without support, 4 not affected.
    let count = |is: fn(&Says) -> bool| {
        advisory
            .statements
            .iter()
            .filter(|statement| is(&statement.says))
            .count()
    };
    let fixed = |says: &Says| matches!(says, Says::AffectedExactly { .. });
    assert_eq!(count(fixed), 2);
    assert_eq!(count(|says| matches!(says, Says::NotAffected { .. })), 4);
    let ended = |says: &Says| {
        matches!(
            says,
            Says::NoFix {
                reason: NoFixReason::EndOfLife,
                ..
            }
        )
    };
    assert_eq!(count(ended), 1);
    assert_eq!(advisory.statements.len(), 7);
}
