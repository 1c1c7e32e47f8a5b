use super::*;
use crate::testing::{at, facts, inventory, monday, offer, package, patch, source};
use domain::changelog::ChangelogEntry;
use domain::cve::{Document, EpssCatalogue, KevCatalogue};
use domain::offer::{Needs, NeedsOutcome, OldCode, Publisher, Withheld, WithheldReason};
use domain::severity::{Classification, Severity, SeveritySource};

struct World {
    inventory: Inventory,
    facts: Facts,
    changelogs: BTreeMap<SourcePackage, ChangelogFacts>,
    catalogues: Catalogues,
    judgements: Vec<Judgement>,
    previous: Vec<DatedFinding>,
}

impl World {
    fn new(packages: &[Package]) -> Self {
        Self {
            inventory: inventory(packages),
            facts: facts(),
            changelogs: BTreeMap::new(),
            catalogues: Catalogues::default(),
            judgements: vec![],
            previous: vec![],
        }
    }

    fn assess(&self) -> Assessment {
        findings(AssessInput {
            inventory: &self.inventory,
            facts: &self.facts,
            changelogs: &self.changelogs,
            catalogues: &self.catalogues,
            judgements: &self.judgements,
            previous: &self.previous,
            now: monday(),
        })
    }

    /// Assesses, and keeps what came of it as the next previous.
    fn turn(&mut self) -> Vec<FindingTransition> {
        let transitions = changes(&self.previous, &self.assess().findings, monday());
        self.previous = after_changes(&self.previous, &transitions);
        transitions
    }

    fn changelog(&mut self, name: &str, version: &str, entries: &[(&str, &str, &[&str])]) {
        let entries = entries
            .iter()
            .map(|(version, urgency, cves)| ChangelogEntry {
                version: version.parse().unwrap(),
                urgency: (*urgency).into(),
                cves: cves.iter().map(|cve| (*cve).to_owned()).collect(),
                written_at: None,
            })
            .collect();
        let source = source(name, version);
        let facts = ChangelogFacts {
            source: source.name.clone(),
            version: source.version.clone(),
            entries: Ok(entries),
            read_at: monday(),
        };
        self.changelogs.insert(source, facts);
    }
}

/// What a person reads: one line a finding.
fn lines(assessment: &Assessment) -> String {
    assessment
        .findings
        .iter()
        .map(|f| format!("{} {}: {}\n", f.state, f.patch, f.why))
        .collect()
}

fn offered() -> World {
    let mut world = World::new(&[package("openssl", "3.0.15-1"), package("bash", "5.2-1")]);
    world.facts.offers.offers = vec![offer("openssl", Some("3.0.15-1"), "3.0.17-1")];
    world
}

#[test]
fn an_offer_is_a_missing_patch_with_what_is_not_known_said() {
    let assessment = offered().assess();
    assert_eq!(assessment.packages, 2);
    assert_eq!(assessment.pending, Some(1));
    let finding = &assessment.findings[0];
    assert_eq!(finding.state, FindingState::Missing);
    assert_eq!(finding.patch, patch("openssl", "3.0.17-1"));
    assert_eq!(finding.classification, Classification::Security);
    assert_eq!(
        (finding.facts.severity, finding.facts.cves.clone()),
        (None, None)
    );
    assert_eq!(
        assessment.unknown[0].what,
        "severity and CVEs of deb:bookworm/openssl@3.0.17-1"
    );
    let wanted = &assessment.changelogs_wanted[0];
    assert_eq!(wanted.installed.as_ref().unwrap().as_str(), "3.0.15-1");
}

#[test]
fn absent_or_failed_lists_give_unknown_and_never_nought() {
    let mut world = offered();
    world.turn();
    world.facts.offers.lists = Lists::Absent;
    world.facts.offers.offers.clear();
    let assessment = world.assess();
    assert_eq!(assessment.pending, None);
    assert_eq!(assessment.findings[0].state, FindingState::Unknown);
    assert_eq!(assessment.unknown[0].what, "pending patches");
    let mut world = offered();
    world.facts.offers.failed = Some("unmet dependencies".into());
    assert_eq!(world.assess().pending, None);
    assert_eq!(world.assess().unknown[0].why, "unmet dependencies");
}

#[test]
fn old_lists_are_said_to_be_old() {
    let mut world = offered();
    let fetched_at = at("2026-02-01T00:00:00Z");
    world.facts.offers.lists = Lists::Present {
        fetched_at,
        failed: vec![],
    };
    let unknown = world.assess().unknown;
    assert_eq!(unknown[0].since, Some(fetched_at));
    assert_eq!(unknown[0].why, "the package lists are older than 7 days");
}

#[test]
fn severity_is_the_highest_between_installed_and_offered_and_marked_derived() {
    let mut world = offered();
    world.changelog(
        "openssl",
        "3.0.17-1",
        &[
            ("3.0.17-1", "medium", &["CVE-2026-0002"]),
            ("3.0.16-1", "high", &["CVE-2026-0001", "CVE-2026-0002"]),
            ("3.0.15-1", "emergency", &["CVE-2025-0001"]),
        ],
    );
    let facts = world.assess().findings.remove(0).facts;
    assert_eq!(facts.severity, Some(Severity::Important));
    assert_eq!(facts.severity_source, Some(SeveritySource::Derived));
    assert_eq!(facts.cves.unwrap(), ["CVE-2026-0001", "CVE-2026-0002"]);
    assert_eq!((facts.kev, facts.epss_millionths), (None, None));
    world.facts.offers.offers[0].origin.security = false;
    let finding = world.assess().findings.remove(0);
    assert_eq!(finding.facts.severity, Some(Severity::Unrated));
    assert_eq!(finding.facts.severity_source, None);
    assert_eq!(finding.classification, Classification::Hotfix);
    world.facts.offers.offers[0].origin.publisher = Publisher::ThirdParty;
    let finding = world.assess().findings.remove(0);
    assert_eq!(finding.classification, Classification::ThirdParty);
}

#[test]
fn the_catalogues_speak_of_the_patches_cves() {
    let mut world = offered();
    world.changelog(
        "openssl",
        "3.0.17-1",
        &[("3.0.17-1", "low", &["CVE-2026-0002"])],
    );
    let document = Document {
        name: "x".into(),
        dated: "2026-03-01".parse().unwrap(),
    };
    let cve = "CVE-2026-0002".parse().unwrap();
    let kev = vec![(cve, "2026-02-28".parse().unwrap())];
    world.catalogues.kev = Some(KevCatalogue::new(document.clone(), kev));
    world.catalogues.epss = Some(EpssCatalogue::new(document, None, vec![(cve, 425_000)]));
    let findings = world.assess().findings;
    assert_eq!(findings[0].facts.kev, Some(true));
    assert_eq!(findings[0].facts.epss_millionths, Some(425_000));
    assert_eq!(
        by_risk(&findings)[0].1,
        "a CVE of it is known to be exploited, likelihood of exploitation 42.5 %, severity low, \
         from an archive for security"
    );
}

#[test]
fn held_and_kept_back_are_no_fix_with_the_reason() {
    let mut world = offered();
    let withheld = |name: &str, reason| Withheld {
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        installed: "5.2-1".parse().unwrap(),
        candidate: "5.2-2".parse().unwrap(),
        source: source(name, "5.2-2"),
        origin: crate::testing::security(),
        reason,
    };
    world.facts.offers.withheld = vec![
        withheld("bash", WithheldReason::Held),
        withheld("linux", WithheldReason::KeptBack),
    ];
    let assessment = world.assess();
    insta::assert_snapshot!(lines(&assessment));
    assert_eq!(assessment.pending, Some(1));
    assert!(
        assessment.findings[0]
            .packages
            .iter()
            .all(|p| p.candidate.is_none())
    );
}

#[test]
fn needs_become_patches_and_a_refusal_is_kept() {
    let mut world = offered();
    world
        .facts
        .offers
        .offers
        .push(offer("zlib", Some("1"), "2"));
    world.facts.offers.needs = vec![
        Needs {
            source: source("openssl", "3.0.17-1"),
            outcome: NeedsOutcome::With {
                sources: vec![source("zlib", "2")],
            },
        },
        Needs {
            source: source("zlib", "2"),
            outcome: NeedsOutcome::Refused {
                reason: "it would remove curl".into(),
            },
        },
    ];
    let findings = world.assess().findings;
    assert_eq!(findings[0].needs, [patch("zlib", "2")]);
    assert_eq!(findings[1].refused.as_deref(), Some("it would remove curl"));
}

/// The life of one patch, told by the transitions that the store would write.
#[test]
fn a_patch_lives_from_missing_to_fixed_and_nothing_vanishes() {
    let mut world = offered();
    let mut story = String::new();
    let mut tell = |world: &mut World, what: &str| {
        story.push_str(&format!("{what}\n"));
        for t in world.turn() {
            let from = t.from.map_or("new", |state| state.word());
            let f = &t.to.finding;
            story.push_str(&format!("  {from} -> {} {}: {}\n", f.state, f.patch, f.why));
        }
    };
    tell(&mut world, "offered");
    tell(&mut world, "the same again");
    world.facts.offers.offers = vec![offer("openssl", Some("3.0.15-1"), "3.0.18-1")];
    tell(&mut world, "a newer version replaces it");
    world.facts.offers.offers.clear();
    world.inventory = inventory(&[package("openssl", "3.0.18-1")]);
    world.facts.old_code = Some(vec![OldCode {
        service: Some("nginx.service".into()),
        program: "/usr/sbin/nginx".into(),
        process: 7,
        files: vec!["/usr/lib/libssl.so.3".into()],
        packages: vec!["openssl".parse().unwrap()],
    }]);
    tell(&mut world, "installed, nginx not restarted");
    world.facts.old_code = Some(vec![]);
    tell(&mut world, "restarted");
    world.inventory = inventory(&[package("openssl", "3.0.15-1")]);
    tell(&mut world, "somebody went back, and the sources are gone");
    world.inventory = inventory(&[]);
    tell(&mut world, "removed");
    insta::assert_snapshot!(story);
}

#[test]
fn a_library_that_somebody_else_updated_is_a_finding_while_its_old_code_runs() {
    let mut world = World::new(&[package("libssl3", "3.0.17-1")]);
    world.facts.old_code = Some(vec![OldCode {
        service: None,
        program: "/usr/bin/app".into(),
        process: 9,
        files: vec![],
        packages: vec!["libssl3".parse().unwrap()],
    }]);
    insta::assert_snapshot!(lines(&world.assess()));
}

#[test]
fn the_order_of_risk_is_exploited_likely_severe_security() {
    let finding = |name: &str, kev, epss, severity, security| {
        let mut dated = crate::testing::missing(name, "1");
        dated.finding.facts.kev = Some(kev);
        dated.finding.facts.epss_millionths = epss;
        dated.finding.facts.severity = Some(severity);
        dated.finding.origin.as_mut().unwrap().security = security;
        dated.finding
    };
    let findings = [
        finding("low", false, None, Severity::Low, true),
        finding("critical", false, Some(4_000), Severity::Critical, true),
        finding("moderate-other", false, None, Severity::Moderate, false),
        finding("likely", false, Some(900_000), Severity::Low, true),
        finding("exploited", true, None, Severity::Low, true),
        finding("moderate", false, None, Severity::Moderate, true),
    ];
    let order: Vec<String> = by_risk(&findings)
        .iter()
        .map(|(f, _)| f.patch.product())
        .collect();
    assert_eq!(
        order,
        [
            "exploited",
            "likely",
            "critical",
            "moderate",
            "moderate-other",
            "low"
        ]
    );
}

#[test]
fn binaries_rebuilt_without_a_new_source_are_judged_by_their_source() {
    let mut rebuilt = package("libfoo1", "1.2-3+b1");
    rebuilt.source = Some(source("foo", "1.2-3"));
    let mut world = World::new(&[rebuilt]);
    let mut before = crate::testing::missing("libfoo1", "1.2-3");
    before.finding.patch = patch("foo", "1.2-3");
    world.previous = vec![before];
    assert_eq!(world.assess().findings[0].state, FindingState::Fixed);
}

#[test]
fn a_rebuild_of_the_installed_source_fixes_no_cve() {
    let mut installed = package("libfoo1", "1.2-3");
    installed.source = Some(source("foo", "1.2-3"));
    let mut world = World::new(&[installed]);
    let mut rebuilt = offer("libfoo1", Some("1.2-3"), "1.2-3+b1");
    rebuilt.source = source("foo", "1.2-3");
    world.facts.offers.offers = vec![rebuilt];
    world.changelog("foo", "1.2-3", &[("1.2-3", "high", &["CVE-2020-0001"])]);
    let facts = world.assess().findings.remove(0).facts;
    assert_eq!(facts.cves, Some(vec![]));
    assert_eq!((facts.severity, facts.kev), (Some(Severity::Unrated), None));
}

#[test]
fn every_urgency_of_the_table_has_its_severity() {
    for (urgency, severity) in [
        ("emergency", Some(Severity::Critical)),
        ("critical", Some(Severity::Critical)),
        ("high", Some(Severity::Important)),
        ("high (security fixes)", Some(Severity::Important)),
        ("medium", Some(Severity::Moderate)),
        ("low", Some(Severity::Low)),
        ("whatever", None),
        ("", None),
    ] {
        assert_eq!(rating::of_urgency(urgency), severity, "{urgency}");
    }
}

fn judgement(package: &str, advisory: &str, fixed: &str, cve: &str) -> Judgement {
    Judgement {
        package: package.into(),
        installed: Some("1.0-1".into()),
        architecture: None,
        advisory: Some(advisory.into()),
        cves: vec![cve.parse().unwrap()],
        fixed: Some(fixed.into()),
        state: FindingState::Missing,
        rating: None,
        because: format!("1.0-1 is older than {fixed}"),
        document: Some(0),
        exploited: None,
        epss_millionths: None,
    }
}

fn rated(mut judgement: Judgement, severity: Severity, source: SeveritySource) -> Judgement {
    judgement.rating = Some(domain::advisory::Rating {
        severity,
        source,
        word: severity.word().into(),
        cvss_tenths: None,
    });
    judgement
}

#[test]
fn advisories_add_to_what_the_changelog_says_and_the_vendors_severity_counts() {
    let mut world = World::new(&[package("curl", "1.0-1")]);
    world.facts.offers.offers = vec![offer("curl", Some("1.0-1"), "1.0-2")];
    world.judgements = vec![
        rated(
            judgement("curl", "DSA-1-1", "1.0-2", "CVE-2026-0001"),
            Severity::Low,
            SeveritySource::Vendor,
        ),
        // Not reached by what is offered.
        judgement("curl", "DSA-2-1", "1.0-3", "CVE-2026-0002"),
    ];
    let facts = |world: &World| {
        let found = world.assess().findings;
        let patch = patch("curl", "1.0-2");
        found
            .into_iter()
            .find(|one| one.patch == patch)
            .unwrap()
            .facts
    };
    let before = facts(&world);
    assert_eq!(before.cves, Some(vec!["CVE-2026-0001".to_owned()]));
    let assessment = world.assess();
    assert_eq!(assessment.changelogs_wanted.len(), 1);
    world.changelog("curl", "1.0-2", &[("1.0-2", "high", &["CVE-2026-0009"])]);
    let after = facts(&world);
    assert_eq!(
        after.cves,
        Some(vec!["CVE-2026-0001".into(), "CVE-2026-0009".into()])
    );
    // The urgency would say important; the vendor's own low goes before it.
    assert_eq!(
        (after.severity, after.severity_source),
        (Some(Severity::Low), Some(SeveritySource::Vendor))
    );
}

#[test]
fn a_fix_that_the_sources_do_not_carry_is_a_patch_without_a_fix() {
    let mut world = World::new(&[package("curl", "1.0-1")]);
    world.judgements = vec![
        judgement("curl", "DSA-1-1", "1.0-2", "CVE-2026-0001"),
        judgement("curl", "DSA-2-1", "1.0-10", "CVE-2026-0002"),
        judgement("notinstalled", "DSA-3-1", "9", "CVE-2026-0003"),
    ];
    let found = world.assess().findings;
    // One patch, of the highest version by the rules of deb: it contains the other.
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].patch, patch("curl", "1.0-10"));
    assert_eq!(found[0].state, FindingState::NoFix);
    assert_eq!(
        found[0].why,
        "a fix exists in DSA-1-1, DSA-2-1 (1.0-10), but this device's sources do not carry it"
    );
    assert_eq!(found[0].facts.cves.as_ref().unwrap().len(), 2);
    assert_eq!(found[0].packages.len(), 1);
    world.facts.offers.lists = Lists::Absent;
    let found = world.assess().findings;
    assert_eq!(found[0].state, FindingState::Unknown);
    assert!(found[0].why.contains("not known"), "{}", found[0].why);
}

#[test]
fn evidence_names_document_rule_and_versions() {
    let mut world = World::new(&[package("curl", "1.0-1")]);
    world.facts.offers.offers = vec![offer("curl", Some("1.0-1"), "1.0-2")];
    world.changelog("curl", "1.0-2", &[("1.0-2", "high", &["CVE-2026-0009"])]);
    world.judgements = vec![judgement("curl", "DSA-1-1", "1.0-2", "CVE-2026-0001")];
    let document = domain::feed::Provenance {
        feed: domain::feed::Feed::DebianDsa,
        document: "DSA list".into(),
        file: "list".into(),
        dated: None,
        fetched_at: Some(monday()),
        sha256: [7; 32],
    };
    let assessment = world.assess();
    let input = AssessInput {
        inventory: &world.inventory,
        facts: &world.facts,
        changelogs: &world.changelogs,
        catalogues: &world.catalogues,
        judgements: &world.judgements,
        previous: &world.previous,
        now: monday(),
    };
    let all = evidence(&input, &[document], &assessment.findings);
    let [(_, found)] = all.as_slice() else {
        panic!("{all:?}");
    };
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.document.as_str(),
                one.says.as_str(),
                one.sha256.is_some(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("DSA list", "DSA-1-1", true),
            ("changelog of curl 1.0-2", "1.0-2", false)
        ]
    );
    assert_eq!(found[0].rule, "1.0-1 is older than 1.0-2");
    assert_eq!(found[1].installed.as_deref(), Some("1.0-1"));
}
