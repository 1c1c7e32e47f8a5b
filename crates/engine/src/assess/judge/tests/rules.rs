//! Which statement meets which package, and what it says of its version.

use domain::advisory::{Ends, Lifecycle, NoFixReason, Says};
use domain::cve::{Catalogues, Document, EpssCatalogue, KevCatalogue};
use domain::definitions::{Definitions, Sourced};
use domain::finding::FindingState::{self, Fixed, Missing, NoFix, NotAffected, Unknown};
use domain::package::Ecosystem;
use domain::severity::{Severity, SeveritySource};

use super::*;

fn state(says: Says, installed: &str) -> FindingState {
    only(
        source("debian:bookworm", "curl", says),
        deb("curl", installed, "curl"),
    )
    .state
}

#[test]
fn a_source_is_met_through_every_binary_with_the_source_version() {
    let statement = || source("debian:bookworm", "gcc-12", fixed_in("12.2.0-14+deb12u1"));
    // libgcc's own version is the source's here; a rebuild without change adds +b1 to the binary's.
    let old = only(
        statement(),
        deb("libgcc-s1", "12.2.0-14+b1", "gcc-12=12.2.0-14"),
    );
    assert_eq!(old.state, Missing);
    assert_eq!(
        old.because,
        "12.2.0-14 is before 12.2.0-14+deb12u1, the first version with the fix"
    );
    // The binary's version is far above the source's, and says nothing of it.
    let epoch = only(
        statement(),
        deb("gcc-12-base", "99:1-1", "gcc-12=12.2.0-14"),
    );
    assert_eq!(epoch.state, Missing);
    // Without a source the package's own name is the source's.
    assert_eq!(
        only(statement(), deb("gcc-12", "12.2.0-14+deb12u1", "")).state,
        Fixed
    );
}

#[test]
fn a_binary_of_the_same_name_from_another_source_is_not_met() {
    let definitions = definitions(vec![advisory(
        "DSA-1-1",
        &["CVE-2026-0001"],
        vec![source("debian:bookworm", "apache2", fixed_in("2.4.59-1"))],
    )]);
    let device = device("debian:bookworm", vec![deb("apache2", "1.0", "other")]);
    let judgements = judged(&definitions, &device);
    assert_eq!(lines(&judgements), ["apache2 - - not-affected"]);
    assert_eq!(
        judgements[0].because,
        "no advisory at hand of osv for debian:bookworm names it"
    );
}

#[test]
fn a_fixed_version_decides_by_the_order_of_its_ecosystem() {
    assert_eq!(
        state(fixed_in("7.88.1-10+deb12u5"), "7.88.1-10+deb12u4"),
        Missing
    );
    assert_eq!(
        state(fixed_in("7.88.1-10+deb12u5"), "7.88.1-10+deb12u5"),
        Fixed
    );
    assert_eq!(
        state(fixed_in("7.88.1-10+deb12u5"), "7.88.1-10+deb12u12"),
        Fixed
    );
    assert_eq!(state(fixed_in("1.0"), "1.0~rc1"), Missing);
    let alpine = only(
        source("alpine:3.10", "jq", fixed_in("1.6_rc2")),
        package(Ecosystem::Apk, "jq", "1.6-r0"),
    );
    assert_eq!(alpine.state, Fixed);
}

#[test]
fn a_version_before_the_first_affected_one_is_not_affected() {
    let says = || Says::FixedIn {
        introduced: Some("8.0-1".parse().unwrap()),
        fixed: "8.4-2".parse().unwrap(),
    };
    assert_eq!(state(says(), "7.88.1-10"), NotAffected);
    assert_eq!(state(says(), "8.0-1"), Missing);
    assert_eq!(state(says(), "8.4-2"), Fixed);
}

#[test]
fn a_version_that_cannot_be_ordered_is_unknown() {
    let judgement = only(
        source("debian:bookworm", "curl", fixed_in("a:1")),
        deb("curl", "7.88.1-10", "curl"),
    );
    assert_eq!(judgement.state, Unknown);
    assert!(judgement.because.contains("a:1"), "{}", judgement.because);
}

#[test]
fn the_last_affected_version_ends_a_range_and_arch_says_nothing_of_later_ones() {
    let says = || Says::AffectedUpTo {
        introduced: None,
        last: "1.2-1".parse().unwrap(),
    };
    assert_eq!(state(says(), "1.2-1"), NoFix);
    assert_eq!(state(says(), "1.3-1"), NotAffected);
    let arch = |installed| {
        only(
            binary("arch", "curl", says()),
            package(Ecosystem::Pacman, "curl", installed),
        )
        .state
    };
    assert_eq!((arch("1.2-1"), arch("1.3-1")), (NoFix, Unknown));
}

#[test]
fn versions_named_one_by_one_say_nothing_of_others() {
    let says = |fixed: Option<&str>| Says::AffectedExactly {
        versions: vec!["1.0-1".parse().unwrap(), "1.1-1".parse().unwrap()],
        fixed: fixed.map(|fixed| fixed.parse().unwrap()),
    };
    assert_eq!(state(says(Some("1.2-1")), "1.1-1"), Missing);
    assert_eq!(state(says(None), "1.1-1"), NoFix);
    assert_eq!(state(says(Some("1.2-1")), "1.2-1"), Fixed);
    assert_eq!(state(says(Some("1.2-1")), "0.9-1"), Unknown);
    assert_eq!(state(says(None), "1.2-1"), Unknown);
}

#[test]
fn the_vendors_word_is_kept() {
    let refused = only(
        source(
            "debian:bookworm",
            "curl",
            Says::NoFix {
                reason: NoFixReason::Postponed,
                word: "postponed".to_owned(),
            },
        ),
        deb("curl", "7.88.1-10", "curl"),
    );
    assert_eq!((refused.state, refused.fixed), (NoFix, None));
    assert_eq!(
        refused.because,
        "affected, and the fix is put off: `postponed`"
    );
    let open = Says::Undetermined {
        word: "needs-triage".to_owned(),
    };
    assert_eq!(state(open, "7.88.1-10"), Unknown);
    let never = Says::NotAffected {
        why: "Vulnerable code not present".to_owned(),
    };
    assert_eq!(state(never, "7.88.1-10"), NotAffected);
}

#[test]
fn a_fix_for_subscribers_is_no_fix_until_the_subscription_is_known() {
    let mut statement = source("ubuntu:18.04", "curl", fixed_in("7.58.0-2ubuntu3.24+esm2"));
    statement.subscription = Some("Ubuntu Pro".to_owned());
    let package = deb("curl", "7.58.0-2ubuntu3.24", "curl");
    let judgement = only(statement.clone(), package.clone());
    assert_eq!(judgement.state, NoFix);
    assert!(
        judgement.because.contains("only with Ubuntu Pro"),
        "{}",
        judgement.because
    );
    let mut device = device("ubuntu:18.04", vec![package]);
    device.repositories = Some(vec!["https://esm.ubuntu.com/infra/ubuntu".to_owned()]);
    let definitions = definitions(vec![advisory("USN-1", &[], vec![statement])]);
    assert_eq!(judged(&definitions, &device)[0].state, Missing);
}

#[test]
fn statements_of_one_system_never_decide_for_another() {
    let definitions = definitions(vec![advisory(
        "DSA-1-1",
        &["CVE-2026-0001"],
        vec![source("debian:trixie", "curl", fixed_in("8.14.1-2"))],
    )]);
    let device = device("debian:bookworm", vec![deb("curl", "7.88.1-10", "curl")]);
    let judgements = judged(&definitions, &device);
    assert_eq!(lines(&judgements), ["curl - - unknown"]);
    assert_eq!(
        judgements[0].because,
        "no definitions for debian:bookworm at hand"
    );
}

#[test]
fn without_a_system_everything_is_unknown() {
    let mut device = device("debian:bookworm", vec![deb("curl", "7.88.1-10", "curl")]);
    device.systems.clear();
    let definitions = definitions(vec![advisory(
        "DSA-1-1",
        &[],
        vec![source("debian:bookworm", "curl", fixed_in("8"))],
    )]);
    let judgements = judged(&definitions, &device);
    assert_eq!(lines(&judgements), ["curl - - unknown"]);
    assert!(judgements[0].because.starts_with("the system is not known"));
}

#[test]
fn architectures_are_respected() {
    let mut statement = binary("ol:7", "rsyslog", fixed_in("8.24.0-57.0.4.el7_9.3"));
    statement.architectures = vec!["aarch64".parse().unwrap()];
    let of = |architecture: Option<&str>, version: &str| {
        let mut package = rpm("rsyslog", version);
        package.architecture = architecture.map(|name| name.parse().unwrap());
        only(statement.clone(), package).state
    };
    let old = "8.24.0-57.0.0.el7";
    assert_eq!(of(Some("aarch64"), old), Missing);
    assert_eq!(of(Some("x86_64"), old), NotAffected);
    assert_eq!(of(Some("noarch"), old), Missing);
    // As Debian spells it.
    assert_eq!(of(Some("arm64"), old), Missing);
    assert_eq!(of(None, old), Unknown);
    assert_eq!(of(None, "8.24.0-57.0.4.el7_9.3"), Fixed);
}

#[test]
fn an_absent_epoch_is_nought_on_both_sides() {
    let of = |installed, fixed| {
        only(
            binary("rhel:8", "curl", fixed_in(fixed)),
            rpm("curl", installed),
        )
        .state
    };
    assert_eq!(of("(none):7.61.1-30.el8", "0:7.61.1-30.el8"), Fixed);
    assert_eq!(of("0:7.61.1-22.el8", "7.61.1-30.el8"), Missing);
    assert_eq!(of("7.61.1-30.el8", "1:7.0-1.el8"), Missing);
}

#[test]
fn an_rpm_source_version_has_no_epoch() {
    let of = |fixed: &str, source_version: &str| {
        let mut package = rpm("perl-Encode", "4:2.97-3.el8");
        package.source = Some("perl".parse().unwrap());
        package.source_version = Some(source_version.parse().unwrap());
        only(source("rhel:8", "perl", fixed_in(fixed)), package).state
    };
    assert_eq!(of("4:2.97-4.el8", "2.97-3.el8"), Missing);
    assert_eq!(of("4:5.26.3-422.el8", "5.26.3-416.el8"), Unknown);
    assert_eq!(of("5.26.3-422.el8", "5.26.3-416.el8"), Missing);
}

#[test]
fn one_line_for_every_advisory_and_fixed_version() {
    let two = |fixed: &str, id: &str| {
        let mut statement = binary("rhel:8", "curl", fixed_in(fixed));
        statement.cves = Some(vec![cve(id)]);
        statement
    };
    let definitions = definitions(vec![
        advisory(
            "RHSA-1",
            &["CVE-2026-0001", "CVE-2026-0002"],
            vec![
                two("7.61.1-30.el8", "CVE-2026-0002"),
                two("0:7.61.1-30.el8", "CVE-2026-0001"),
                two("7.61.1-33.el8", "CVE-2026-0002"),
            ],
        ),
        // Superseded by the one above, and a line all the same.
        advisory(
            "RHSA-0",
            &[],
            vec![binary("rhel:8", "curl", fixed_in("7.61.1-25.el8"))],
        ),
    ]);
    let device = device("rhel:8", vec![rpm("curl", "7.61.1-30.el8")]);
    let judgements = judged(&definitions, &device);
    assert_eq!(
        lines(&judgements),
        [
            "curl RHSA-0 7.61.1-25.el8 fixed",
            "curl RHSA-1 7.61.1-30.el8 fixed",
            "curl RHSA-1 7.61.1-33.el8 missing",
        ]
    );
    assert_eq!(
        judgements[1].cves,
        [cve("CVE-2026-0001"), cve("CVE-2026-0002")]
    );
    assert_eq!(judgements[2].cves, [cve("CVE-2026-0002")]);
}

#[test]
fn a_withdrawn_advisory_is_never_a_finding() {
    let mut withdrawn = advisory(
        "A-1",
        &[],
        vec![source("debian:bookworm", "curl", fixed_in("9"))],
    );
    withdrawn.withdrawn = true;
    let device = device("debian:bookworm", vec![deb("curl", "7.88.1-10", "curl")]);
    let judgements = judged(&definitions(vec![withdrawn]), &device);
    assert_eq!(lines(&judgements), ["curl A-1 9 not-affected"]);
    assert_eq!(judgements[0].because, "the vendor withdrew the advisory");
}

#[test]
fn a_document_that_its_publisher_deleted_is_never_a_finding() {
    let mut definitions = definitions(vec![advisory(
        "RHSA-2023:3821",
        &[],
        vec![binary("rhel:8", "ruby", fixed_in("3.0"))],
    )]);
    definitions.documents = vec![document("RHSA-2023:3821")];
    definitions.deleted = sourced(vec!["2023/rhsa-2023_3821.json".to_owned()]);
    let judgements = judged(&definitions, &device("rhel:8", vec![rpm("ruby", "2.7-1")]));
    assert_eq!(lines(&judgements), ["ruby RHSA-2023:3821 3.0 not-affected"]);
}

#[test]
fn a_newer_revision_of_a_document_replaces_what_it_repeats_and_nothing_else() {
    let no_fix = || Says::NoFix {
        reason: NoFixReason::NotYet,
        word: "affected".to_owned(),
    };
    let mut old = document("CVE-2026-0001");
    old.dated = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let mut new = document("CVE-2026-0001");
    new.dated = Some("2026-02-01T00:00:00Z".parse().unwrap());
    let first = vec![
        binary("rhel:8", "curl", no_fix()),
        binary("rhel:8", "zlib", no_fix()),
    ];
    let second = vec![binary("rhel:8", "curl", fixed_in("7.61.1-30.el8"))];
    let definitions = Definitions {
        documents: vec![new, old],
        advisories: vec![
            Sourced {
                document: 0,
                value: advisory("CVE-2026-0001", &["CVE-2026-0001"], second),
            },
            Sourced {
                document: 1,
                value: advisory("CVE-2026-0001", &["CVE-2026-0001"], first),
            },
        ],
        ..Definitions::default()
    };
    let device = device(
        "rhel:8",
        vec![rpm("curl", "7.61.1-30.el8"), rpm("zlib", "1.2.11-1.el8")],
    );
    assert_eq!(
        lines(&judged(&definitions, &device)),
        [
            "curl CVE-2026-0001 7.61.1-30.el8 fixed",
            "zlib CVE-2026-0001 - no-fix",
        ]
    );
}

#[test]
fn a_severity_of_the_cve_is_marked_as_derived() {
    let statement = || source("debian:bookworm", "curl", fixed_in("9"));
    let mut definitions = definitions(vec![
        advisory(
            "A-1",
            &["CVE-2026-0001", "CVE-2026-0002"],
            vec![statement()],
        ),
        Advisory {
            rating: Some(rating(Severity::Unrated)),
            ..advisory("A-2", &["CVE-2026-0001"], vec![statement()])
        },
        advisory("A-3", &["CVE-2026-0009"], vec![statement()]),
    ]);
    definitions.cve_facts = sourced(vec![
        Advisory {
            rating: Some(rating(Severity::Moderate)),
            ..advisory("CVE-2026-0001", &["CVE-2026-0001"], vec![])
        },
        Advisory {
            rating: Some(rating(Severity::Critical)),
            ..advisory("CVE-2026-0002", &["CVE-2026-0002"], vec![])
        },
    ]);
    let judgements = judged(
        &definitions,
        &device("debian:bookworm", vec![deb("curl", "7.88.1-10", "curl")]),
    );
    let ratings: Vec<_> = judgements
        .iter()
        .map(|judgement| {
            let rating = judgement.rating.as_ref()?;
            Some((rating.severity, rating.source))
        })
        .collect();
    assert_eq!(
        ratings,
        [
            Some((Severity::Critical, SeveritySource::Derived)),
            Some((Severity::Unrated, SeveritySource::Vendor)),
            None,
        ]
    );
}

#[test]
fn what_was_listed_as_exploited_after_the_day_in_question_was_not_known_then() {
    let document = || Document {
        name: "kev".to_owned(),
        dated: "2026-05-01".parse().unwrap(),
    };
    let mut definitions = definitions(vec![advisory(
        "A-1",
        &["CVE-2026-0001", "CVE-2026-0002"],
        vec![source("debian:bookworm", "curl", fixed_in("9"))],
    )]);
    definitions.catalogues = Catalogues {
        kev: Some(KevCatalogue::new(
            document(),
            vec![(cve("CVE-2026-0002"), "2026-04-30".parse().unwrap())],
        )),
        epss: Some(EpssCatalogue::new(
            document(),
            None,
            vec![(cve("CVE-2026-0001"), 20), (cve("CVE-2026-0002"), 940_000)],
        )),
    };
    let device = device("debian:bookworm", vec![deb("curl", "7.88.1-10", "curl")]);
    let judge = Judge::new(&definitions);
    let on = |at: &str| judge.device(&device, at.parse().unwrap()).remove(0);
    let before = on("2026-04-29T23:59:59Z");
    assert_eq!(
        (before.exploited, before.epss_millionths),
        (None, Some(940_000))
    );
    let after = on("2026-04-30T00:00:00Z");
    assert_eq!(after.exploited, Some("2026-04-30".parse().unwrap()));
}

#[test]
fn the_same_input_gives_the_same_lines_in_any_order_of_packages() {
    let definitions = definitions(vec![
        advisory(
            "B",
            &[],
            vec![source("debian:bookworm", "curl", fixed_in("9"))],
        ),
        advisory(
            "A",
            &[],
            vec![source("debian:bookworm", "curl", fixed_in("8"))],
        ),
    ]);
    let mut device = device(
        "debian:bookworm",
        vec![deb("libcurl4", "7", "curl"), deb("curl", "7", "curl")],
    );
    let first = judged(&definitions, &device);
    device.packages.reverse();
    assert_eq!(first, judged(&definitions, &device));
    assert_eq!(
        lines(&first),
        [
            "curl A 8 missing",
            "curl B 9 missing",
            "libcurl4 A 8 missing",
            "libcurl4 B 9 missing"
        ]
    );
}

#[test]
fn a_red_hat_device_is_judged_by_the_stream_of_its_repositories() {
    let mut definitions = definitions(vec![
        advisory(
            "RHSA-EUS",
            &[],
            vec![binary(
                "rhel-eus:9.2",
                "curl",
                fixed_in("7.76.1-23.el9_2.4"),
            )],
        ),
        advisory(
            "RHSA-MAIN",
            &[],
            vec![binary("rhel:9", "curl", fixed_in("7.76.1-26.el9_3.2"))],
        ),
    ]);
    definitions.repositories = sourced(vec![domain::definitions::RepositoryPlatforms {
        id: "rhel-9-for-x86_64-baseos-eus-rpms".to_owned(),
        cpes: vec!["cpe:/o:redhat:rhel_eus:9.2::baseos".to_owned()],
    }]);
    let mut device = device("rhel:9", vec![rpm("curl", "7.76.1-23.el9_2.4")]);
    assert_eq!(
        lines(&judged(&definitions, &device)),
        ["curl RHSA-MAIN 7.76.1-26.el9_3.2 missing"]
    );
    device.repositories = Some(vec!["rhel-9-for-x86_64-baseos-eus-rpms".to_owned()]);
    assert_eq!(
        lines(&judged(&definitions, &device)),
        ["curl RHSA-EUS 7.76.1-23.el9_2.4 fixed"]
    );
    device.repositories = Some(vec!["something-else".to_owned()]);
    assert_eq!(
        lines(&judged(&definitions, &device)),
        ["curl RHSA-MAIN 7.76.1-26.el9_3.2 missing"]
    );
}

#[test]
fn an_ended_system_is_a_finding_of_its_own() {
    let lifecycle = |life_ends: &str| Lifecycle {
        product: "debian".to_owned(),
        cycle: "9".to_owned(),
        codename: Some("Stretch".to_owned()),
        latest: None,
        released: None,
        support_ends: Ends::Unknown,
        life_ends: Ends::On(life_ends.parse().unwrap()),
        extended_ends: Ends::On("2027-06-30".parse().unwrap()),
    };
    let mut definitions = definitions(vec![]);
    definitions.lifecycles = sourced(vec![lifecycle("2020-07-18")]);
    let mut device = device("debian:stretch", vec![]);
    device.os = Some(("debian".to_owned(), "9".to_owned()));
    let judge = Judge::new(&definitions);
    assert!(
        judge
            .device(&device, "2020-07-18T23:00:00Z".parse().unwrap())
            .is_empty()
    );
    let judgements = judge.device(&device, AT.parse().unwrap());
    assert_eq!(
        lines(&judgements),
        ["debian:stretch endoflife:debian/9 - no-fix"]
    );
    assert_eq!(
        judgements[0].because,
        "end of life since 2020-07-18; extended support until 2027-06-30, where it was taken out"
    );
    device.os = Some(("debian".to_owned(), "10".to_owned()));
    device.systems = vec![system("debian:buster")];
    assert!(judge.device(&device, AT.parse().unwrap()).is_empty());
}
