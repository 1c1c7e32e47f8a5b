//! Packages without support, applications, risk.

use domain::advisory::ApplicationVersion;
use domain::definitions::SupportEnd;
use domain::finding::FindingState::{Fixed, Missing, NoFix, Unknown};
use domain::judgement::JudgedApplication;

use super::super::{Exposure, risk};
use super::*;

fn ended(last: Option<&str>, date: Option<&str>) -> SupportEnd {
    SupportEnd {
        system: Some(system("debian:bookworm")),
        source: "chromium".parse().unwrap(),
        last: last.map(|last| last.parse().unwrap()),
        ended: date.map(|date| date.parse().unwrap()),
        why: "see the release notes".to_owned(),
    }
}

fn with(entry: SupportEnd) -> Vec<Judgement> {
    let mut definitions = definitions(vec![]);
    definitions.support = sourced(vec![entry]);
    let packages = vec![deb("chromium-common", "120.0-1", "chromium")];
    judged(&definitions, &device("debian:bookworm", packages))
        .into_iter()
        .filter(|judgement| judgement.advisory.is_some())
        .collect()
}

#[test]
fn a_package_without_security_support_is_no_fix_from_its_day_on() {
    let found = with(ended(Some("120.0-1"), Some("2026-05-31")));
    assert_eq!(
        lines(&found),
        ["chromium-common debian-security-support - no-fix"]
    );
    assert_eq!(
        found[0].because,
        "security support ended on 2026-05-31: see the release notes"
    );
    assert!(with(ended(Some("120.0-1"), Some("2026-06-02"))).is_empty());
    assert!(
        with(ended(Some("119.0-1"), Some("2026-05-31"))).is_empty(),
        "a later version came back"
    );
    assert_eq!(with(ended(None, Some("2026-05-31")))[0].state, NoFix);
}

#[test]
fn limited_support_promises_nothing() {
    assert_eq!(with(ended(None, None))[0].state, Unknown);
    for (system_id, lines) in [
        (Some("debian"), 1),
        (None, 1),
        (Some("debian:trixie"), 0),
        (Some("ubuntu"), 0),
    ] {
        let mut entry = ended(None, None);
        entry.system = system_id.map(system);
        assert_eq!(with(entry).len(), lines, "{system_id:?}");
    }
}

#[test]
fn a_newer_application_is_missing_and_an_unnamed_one_unknown() {
    let offered = |version: &str| ApplicationVersion {
        id: "Mozilla.Firefox".parse().unwrap(),
        version: version.parse().unwrap(),
        name: None,
        publisher: None,
        installed_as: Vec::new(),
        released: None,
    };
    let mut definitions = definitions(vec![]);
    definitions.applications = sourced(vec![offered("127.0"), offered("127.0.2"), offered("9.0")]);
    let mut device = JudgedDevice::default();
    let mut of = |id: &str, version: &str| {
        device.applications = vec![JudgedApplication {
            id: id.parse().unwrap(),
            version: version.parse().unwrap(),
        }];
        judged(&definitions, &device).remove(0)
    };
    let old = of("mozilla.firefox", "126.0.1");
    assert_eq!(
        lines(std::slice::from_ref(&old)),
        ["mozilla.firefox Mozilla.Firefox@127.0.2 127.0.2 missing"]
    );
    assert_eq!(of("Mozilla.Firefox", "127.0.2").state, Fixed);
    assert_eq!(of("Mozilla.Firefox", "128.0").state, Fixed);
    assert_eq!(of("Mozilla.Thunderbird", "1").state, Unknown);
    assert_eq!(old.state, Missing);
}

#[test]
fn the_score_explains_itself_and_exploited_comes_first() {
    let statement = source("debian:bookworm", "curl", fixed_in("9"));
    let mut judgement = only(statement, deb("curl", "7", "curl"));
    judgement.rating = Some(rating(Severity::Important));
    judgement.epss_millionths = Some(943_210);
    let plain = risk(&judgement, Exposure::default());
    assert_eq!(plain.score, 188 + 140);
    assert_eq!(
        plain.because,
        [
            "probability of exploitation 94.3 %: 188",
            "severity important: 140"
        ]
    );
    let everything = Exposure::of_tags(["exposed", "server", "critical", "floor-2"]);
    let exposed = risk(&judgement, everything);
    assert_eq!(exposed.score, plain.score + 150);
    judgement.epss_millionths = None;
    judgement.exploited = Some("2026-01-01".parse().unwrap());
    assert!(risk(&judgement, Exposure::default()).score > exposed.score);
    judgement.epss_millionths = Some(1_000_000);
    judgement.rating = Some(rating(Severity::Critical));
    assert_eq!(risk(&judgement, everything).score, 1000);
    judgement.state = Unknown;
    assert_eq!(risk(&judgement, everything).score, 500);
    judgement.state = Fixed;
    assert_eq!(risk(&judgement, everything).score, 0);
}
