use domain::advisory::RemedyKind as Kind;
use domain::cve::{Document, EpssCatalogue, KevCatalogue};
use domain::finding::FindingState;
use proptest::prelude::*;

use super::{Line, Made, SERVER_2022, cumulative};

/// Three months, each replacing the one before.
fn three_months() -> Made {
    Made::default().month(
        "2024-Aug",
        "2024-08-13",
        &[
            cumulative(101, "10.0.20348.100", &[], &[1, 2]),
            cumulative(102, "10.0.20348.200", &[101], &[3]),
            cumulative(103, "10.0.20348.300", &[102], &[4, 5]),
        ],
    )
}

#[test]
fn of_one_line_only_the_newest_is_missing_and_shows_every_open_cve() {
    let lines = three_months().judged(Some(SERVER_2022), Some("10.0.20348.150"), &[]);
    assert_eq!(
        lines,
        [
            "KB101 fixed [1 2] build 10.0.20348.150 is 10.0.20348.100 or later",
            "KB102 not-affected [3] superseded by KB103, which is missing",
            "KB103 missing [3 4 5] build 10.0.20348.150 is lower than 10.0.20348.300; it takes the \
             place of KB102, which is missing too",
        ]
    );
}

#[test]
fn a_newer_update_that_is_installed_fixes_the_older_ones() {
    let lines = three_months().judged(Some(SERVER_2022), None, &[103]);
    assert_eq!(
        lines,
        [
            "KB101 fixed [1 2] replaced by KB103, which is installed",
            "KB102 fixed [3] replaced by KB103, which is installed",
            "KB103 fixed [4 5] KB103 is recorded as installed",
        ]
    );
    // Also where the build alone tells it.
    let lines = three_months().judged(Some(SERVER_2022), Some("10.0.20348.300"), &[]);
    assert_eq!(
        lines[0],
        "KB101 fixed [1 2] replaced by KB103, which is installed; build 10.0.20348.300 is \
         10.0.20348.100 or later"
    );
    let without_builds = Made::default().month(
        "2024-Aug",
        "2024-08-13",
        &[
            cumulative(101, "", &[], &[1]),
            cumulative(102, "", &[101], &[2]),
            cumulative(103, "", &[102], &[3]),
        ],
    );
    assert_eq!(
        without_builds.judged(Some(SERVER_2022), Some("10.0.20348.1"), &[102]),
        [
            "KB101 fixed [1] replaced by KB102, which is installed",
            "KB102 fixed [2] KB102 is recorded as installed",
            "KB103 missing [3] not among the 1 updates that the device records, and none of them \
             replaces it",
        ]
    );
}

#[test]
fn builds_decide_by_number_within_one_line() {
    let states = |build: &str| three_months().states(Some(build), &[]);
    assert_eq!(
        states("10.0.20348.99"),
        ["101 not-affected", "102 not-affected", "103 missing"]
    );
    assert_eq!(
        states("10.0.20348.100"),
        ["101 fixed", "102 not-affected", "103 missing"]
    );
    assert_eq!(
        states("10.0.20348.1000"),
        ["101 fixed", "102 fixed", "103 fixed"]
    );
    // Another line: nothing can be compared, also not where the number is higher.
    assert_eq!(
        states("10.0.26100.1"),
        ["101 unknown", "102 unknown", "103 unknown"]
    );
    assert_eq!(
        states("10.0.17763.999"),
        ["101 unknown", "102 unknown", "103 unknown"]
    );
    assert_eq!(
        states("10.0.20348"),
        ["101 unknown", "102 unknown", "103 unknown"]
    );
}

#[test]
fn an_update_that_is_known_only_as_replaced_counts_when_it_is_installed() {
    let made = Made::default().month(
        "2024-Aug",
        "2024-08-13",
        &[
            cumulative(101, "10.0.20348.100", &[], &[1]),
            // 150 is a preview that no document lists as a remedy.
            cumulative(103, "10.0.20348.300", &[150], &[2]),
            cumulative(104, "", &[], &[3]).kind(Kind::Update),
            cumulative(150, "", &[104], &[9]).of("other", "Windows 11"),
        ],
    );
    assert_eq!(
        made.states(None, &[150]),
        ["101 not-affected", "103 missing", "104 missing"]
    );
    let linked = made.month(
        "2024-Sep",
        "2024-09-10",
        &[cumulative(150, "", &[101], &[4])],
    );
    assert_eq!(linked.states(None, &[150])[0], "101 fixed");
}

#[test]
fn a_break_in_the_chain_does_not_demand_two_cumulative_updates() {
    // 105 replaces 104, which no document has.
    let made = three_months().month(
        "2024-Oct",
        "2024-10-08",
        &[cumulative(105, "10.0.20348.500", &[104], &[6])],
    );
    assert_eq!(
        made.states(Some("10.0.20348.200"), &[]),
        ["101 fixed", "102 fixed", "103 not-affected", "105 missing"]
    );
    let missing = &made.judged(Some(SERVER_2022), Some("10.0.20348.200"), &[])[3];
    assert!(missing.starts_with("KB105 missing [4 5 6]"), "{missing}");
    assert_eq!(
        made.judged(Some(SERVER_2022), None, &[105])[..3],
        [
            "KB101 fixed [1 2] replaced by KB103, which is installed",
            "KB102 fixed [3] replaced by KB103, which is installed",
            "KB103 fixed [4 5] contained in KB105, which is installed and brings build \
             10.0.20348.500",
        ]
    );
}

#[test]
fn a_later_update_with_a_lower_build_is_missing_all_the_same() {
    // The feed's build falls from 102 to 103.
    let made = Made::default().month(
        "2024-Aug",
        "2024-08-13",
        &[
            cumulative(101, "10.0.20348.100", &[], &[1]),
            cumulative(102, "10.0.20348.300", &[101], &[2]),
            cumulative(103, "10.0.20348.250", &[102], &[3]),
            cumulative(104, "10.0.20348.270", &[], &[4]),
        ],
    );
    assert_eq!(
        made.states(Some("10.0.20348.200"), &[]),
        [
            "101 fixed",
            "102 not-affected",
            "103 missing",
            "104 not-affected"
        ]
    );
    // Exactly its build: it is there, and what it replaces too.
    assert_eq!(
        made.states(Some("10.0.20348.250"), &[]),
        ["101 fixed", "102 fixed", "103 fixed", "104 missing"]
    );
}

/// Server 2012 R2: a roll-up and a security-only update a month, and a browser update.
fn two_forms() -> Made {
    let of = |line: Line| line.of(SERVER_2022, "Windows Server 2012 R2");
    let rollup = |kb, build, replaces, cves| of(cumulative(kb, build, replaces, cves));
    let only = |kb, build, cves| of(cumulative(kb, build, &[], cves)).kind(Kind::SecurityOnly);
    Made::default()
        .month(
            "2023-Jan",
            "2023-01-10",
            &[
                rollup(201, "6.3.9600.20100", &[], &[11, 12, 13]),
                only(202, "6.3.9600.20100", &[11, 12, 13]),
            ],
        )
        .month(
            "2023-Feb",
            "2023-02-14",
            &[
                rollup(301, "6.3.9600.20200", &[201], &[21, 22, 23]),
                only(302, "6.3.9600.20200", &[21, 23]),
                of(cumulative(303, "", &[], &[22])).kind(Kind::BrowserCumulative),
            ],
        )
}

#[test]
fn never_both_of_roll_up_and_security_only() {
    let lines = two_forms().judged(Some(SERVER_2022), Some("6.3.9600.20000"), &[1]);
    assert_eq!(
        lines,
        [
            "KB201 not-affected [11 12 13] superseded by KB301, which is missing",
            "KB202 not-affected [11 12 13] KB201, the cumulative update of the same month, fixes \
             the same and is superseded by KB301, which is missing",
            "KB301 missing [11 12 13 21 22 23] build 6.3.9600.20000 is lower than 6.3.9600.20200; it \
             takes the place of KB202, KB201, which are missing too; KB302 is the security-only \
             update of the same month; KB303 is the browser update of the same month",
            "KB302 not-affected [21 23] KB301, the cumulative update of the same month, is missing \
             and fixes the same",
            "KB303 not-affected [22] KB301, the cumulative update of the same month, is missing \
             and fixes the same",
        ]
    );
    let there = two_forms().states(None, &[301]);
    assert!(
        there.iter().all(|line| line.ends_with("fixed")),
        "{there:?}"
    );
}

#[test]
fn a_security_only_update_fixes_its_month_and_no_earlier_one() {
    // All before February is there, February by its security-only form and the browser update.
    let lines = two_forms().judged(Some(SERVER_2022), Some("6.3.9600.20200"), &[201, 302, 303]);
    assert_eq!(
        lines,
        [
            "KB201 fixed [11 12 13] KB201 is recorded as installed",
            "KB202 fixed [11 12 13] contained in KB201, which is installed and brings build \
             6.3.9600.20100",
            "KB301 fixed [21 22 23] KB302, the security-only update of the same month, is installed \
             and fixes the same",
            "KB302 fixed [21 23] KB302 is recorded as installed",
            "KB303 fixed [22] KB303 is recorded as installed",
        ]
    );
    // Without the browser update its CVE is open, and the roll-up brings it.
    let lines = two_forms().judged(Some(SERVER_2022), Some("6.3.9600.20200"), &[201, 302]);
    assert_eq!(
        lines[2],
        "KB301 missing [22] not among the 2 updates that the device records, and none of them \
         replaces it; KB302, the security-only update of the same month, is installed and fixes a \
         part of it; KB303 is the browser update of the same month"
    );
    // January is open: the roll-up of February brings it, and only January's CVEs and the browser's are open.
    let made = two_forms();
    for build in [None, Some("6.3.9600.20200")] {
        let lines = made.judged(Some(SERVER_2022), build, &[302]);
        assert!(
            lines[0].starts_with("KB201 not-affected [11 12 13]"),
            "{lines:#?}"
        );
        assert!(
            lines[2].starts_with("KB301 missing [11 12 13 22] "),
            "{lines:#?}"
        );
        assert!(
            lines[2].contains("KB302, the security-only update of the same month, is installed"),
            "{lines:#?}"
        );
    }
    // Month by month by security-only updates: nothing of the roll-ups is missing.
    assert_eq!(
        made.states(None, &[202, 302, 303])[..4],
        ["201 fixed", "202 fixed", "301 fixed", "302 fixed"]
    );
    // A build above the security-only update's came from something newer.
    assert_eq!(made.states(Some("6.3.9600.20300"), &[302])[0], "201 fixed");
}

#[test]
fn a_hotpatched_device_does_not_miss_the_cumulative_update_of_the_month() {
    let hotpatch = |kb, build, cves| cumulative(kb, build, &[], cves).kind(Kind::Hotpatch);
    let made = three_months().month(
        "2024-Sep",
        "2024-09-10",
        &[
            hotpatch(113, "10.0.20348.295", &[4, 5]),
            cumulative(103, "10.0.20348.300", &[102], &[4, 5]),
        ],
    );
    let all_fixed = ["101 fixed", "102 fixed", "103 fixed", "113 fixed"];
    assert_eq!(made.states(None, &[113]), all_fixed);
    assert_eq!(made.states(Some("10.0.20348.295"), &[]), all_fixed);
    assert_eq!(made.states(Some("10.0.20348.300"), &[]), all_fixed);
    assert_eq!(made.states(None, &[103]), all_fixed);
    // With neither, one is demanded and the other named.
    let lines = made.judged(Some(SERVER_2022), Some("10.0.20348.200"), &[]);
    assert_eq!(
        lines[2..],
        [
            "KB103 missing [4 5] build 10.0.20348.200 is lower than 10.0.20348.300; KB113 is the \
             hotpatch of the same month",
            "KB113 not-affected [4 5] KB103, the cumulative update of the same month, is missing \
             and fixes the same",
        ]
    );
}

#[test]
fn other_lines_of_a_product_stand_for_themselves() {
    let made = three_months().month(
        "2024-Sep",
        "2024-09-10",
        &[
            cumulative(401, "", &[], &[31]).kind(Kind::ServicingStack),
            cumulative(402, "", &[401], &[32]).kind(Kind::ServicingStack),
            cumulative(501, "", &[], &[41]).kind(Kind::BrowserCumulative),
            cumulative(601, "V1.003", &[], &[51]).kind(Kind::Update),
        ],
    );
    assert_eq!(
        made.states(Some("10.0.20348.300"), &[103])[3..],
        [
            "401 not-affected",
            "402 missing",
            "501 missing",
            "601 missing"
        ]
    );
    // Without a list of installed updates nothing can be said of what has no build.
    assert_eq!(
        made.states(Some("10.0.20348.300"), &[])[3..],
        ["401 unknown", "402 unknown", "501 unknown", "601 unknown"]
    );
}

#[test]
fn old_cumulative_updates_without_builds_are_contained_in_later_ones() {
    let made = three_months().month(
        "2021-Jan",
        "2021-01-12",
        &[
            cumulative(91, "", &[], &[61]),
            cumulative(190, "", &[], &[62]),
        ],
    );
    let lines = made.judged(Some(SERVER_2022), None, &[103]);
    assert_eq!(
        lines[0],
        "KB91 fixed [61] contained in KB103, a later cumulative update, which is installed"
    );
    // A higher number is not certainly contained.
    assert!(lines[4].starts_with("KB190 missing"), "{lines:#?}");
    let lines = made.judged(Some(SERVER_2022), None, &[7]);
    assert_eq!(
        lines[0],
        "KB91 not-affected [61] superseded by KB103, which is missing"
    );
    assert!(
        lines[3].starts_with("KB103 missing [1 2 3 4 5 61] "),
        "{lines:#?}"
    );
}

#[test]
fn what_was_not_reported_is_unknown_and_said() {
    let made = three_months();
    let one = |product: Option<&str>, build: Option<&str>| made.judged(product, build, &[]);
    assert_eq!(
        one(None, Some("10.0.20348.300")),
        ["- unknown [] no product id was reported, so it cannot be said which updates are meant"]
    );
    assert_eq!(
        one(Some("99999"), Some("10.0.20348.300")),
        ["- unknown [] no document at hand holds an update for product 99999"]
    );
    for line in one(Some(SERVER_2022), None) {
        assert!(line.contains("unknown"), "{line}");
        assert!(
            line.ends_with("neither a build nor installed updates were reported"),
            "{line}"
        );
    }
    let other = one(Some(SERVER_2022), Some("10.0.26100.1"));
    assert!(
        other[0].ends_with(
            "its build 10.0.20348.100 is of another line than the device's 10.0.26100.1, and such \
             builds cannot be compared"
        ),
        "{other:?}"
    );
}

#[test]
fn a_recorded_update_whose_build_is_not_reached_says_so() {
    let lines = three_months().judged(Some(SERVER_2022), Some("10.0.20348.200"), &[103]);
    assert_eq!(
        lines[2],
        "KB103 fixed [4 5] KB103 is recorded as installed; build 10.0.20348.200 is still lower \
         than 10.0.20348.300, so a reboot may be due"
    );
}

#[test]
fn a_judgement_has_its_product_build_document_and_catalogues() {
    let mut made = three_months().month(
        "2024-Aug",
        "2025-01-01",
        &[cumulative(103, "10.0.20348.300", &[102], &[4])
            .of(SERVER_2022, "Windows Server 2022 (renamed)")],
    );
    let document = |name: &str| Document {
        name: name.to_owned(),
        dated: "2025-01-01".parse().unwrap(),
    };
    let cve = |number: &str| format!("CVE-2026-{number}").parse().unwrap();
    let added = "2024-09-01".parse().unwrap();
    let catalogues = &mut made.definitions.catalogues;
    catalogues.kev = Some(KevCatalogue::new(
        document("kev"),
        vec![(cve("0004"), added)],
    ));
    let scores = vec![(cve("0004"), 10), (cve("0005"), 900_000)];
    catalogues.epss = Some(EpssCatalogue::new(document("epss"), None, scores));
    let judgements = made.judgements(Some(SERVER_2022), Some("10.0.20348.200"), &[]);
    let newest = &judgements[2];
    assert_eq!(newest.package, "Windows Server 2022 (renamed)");
    assert_eq!(newest.advisory.as_deref(), Some("KB103"));
    assert_eq!(newest.fixed.as_deref(), Some("10.0.20348.300"));
    assert_eq!(newest.installed.as_deref(), Some("10.0.20348.200"));
    assert_eq!(newest.document, Some(1));
    assert_eq!(newest.exploited, Some(added));
    assert_eq!(newest.epss_millionths, Some(900_000));
    assert_eq!(judgements[0].exploited, None);
}

/// A made-up update: KB, kind, build or none, what it replaces, its CVEs.
type AnyUpdate = (u32, u8, Option<u32>, Vec<u32>, Vec<u32>);

fn any_product() -> impl Strategy<Value = Vec<AnyUpdate>> {
    let update = (
        0_u8..6,
        prop::option::of(1_u32..9),
        prop::collection::vec(1_u32..12, 0..3),
        prop::collection::vec(1_u32..6, 1..4),
    );
    prop::collection::vec(update, 1..11).prop_map(|updates| {
        let numbered = (1_u32..).zip(updates);
        numbered
            .map(|(kb, (kind, build, replaces, cves))| (kb, kind, build, replaces, cves))
            .collect()
    })
}

fn made_of(updates: &[AnyUpdate]) -> Made {
    let kinds = [
        Kind::Cumulative,
        Kind::SecurityOnly,
        Kind::Hotpatch,
        Kind::BrowserCumulative,
        Kind::ServicingStack,
        Kind::Update,
    ];
    // Tests may leak: names are borrowed for the whole run.
    let lines: Vec<Line> = updates
        .iter()
        .map(|(kb, kind, build, replaces, cves)| {
            let build = build.map_or(String::new(), |build| format!("10.0.20348.{build}"));
            cumulative(
                *kb,
                build.leak(),
                replaces.clone().leak(),
                cves.clone().leak(),
            )
            .kind(kinds[usize::from(*kind)])
        })
        .collect();
    Made::default().month("2024-Aug", "2024-08-13", &lines)
}

proptest! {
    #[test]
    fn whatever_is_open_stands_on_a_missing_line(
        updates in any_product(),
        build in 0_u32..9,
        kbs in prop::collection::vec(1_u32..12, 1..4)
    ) {
        let made = made_of(&updates);
        let build = format!("10.0.20348.{build}");
        let judgements = made.judgements(Some(SERVER_2022), Some(&build), &kbs);
        prop_assert_eq!(judgements.len(), updates.len());
        let of = |state| judgements.iter().filter(move |judgement| judgement.state == state);
        let shown: Vec<_> = of(FindingState::Missing).flat_map(|j| &j.cves).collect();
        let there: Vec<_> = of(FindingState::Fixed).flat_map(|j| &j.cves).collect();
        for open in of(FindingState::NotAffected) {
            // What it names is missing.
            prop_assert!(open.because.contains("which is missing") || open.because.contains("is missing and"), "{}", open.because);
            for cve in &open.cves {
                prop_assert!(shown.contains(&cve) || there.contains(&cve), "{cve} of {open:?}");
            }
        }
        // What is installed is never demanded.
        for missing in of(FindingState::Missing) {
            let kb: u32 = missing.advisory.as_deref().unwrap()[2..].parse().unwrap();
            prop_assert!(!kbs.contains(&kb));
        }
    }

    #[test]
    fn a_higher_build_never_makes_an_update_missing(
        updates in any_product(),
        low in 0_u32..9,
        more in 0_u32..9
    ) {
        let made = made_of(&updates);
        let judged = |build: u32| {
            made.judgements(Some(SERVER_2022), Some(&format!("10.0.20348.{build}")), &[77])
        };
        let before = judged(low);
        let after = judged(low + more);
        for (before, after) in before.iter().zip(&after) {
            if before.state == FindingState::Fixed {
                prop_assert_eq!(after.state, FindingState::Fixed, "{:?}", before);
            }
        }
    }

    #[test]
    fn the_same_documents_twice_change_nothing(
        updates in any_product(),
        build in 0_u32..9,
        kbs in prop::collection::vec(1_u32..12, 0..4)
    ) {
        let once = made_of(&updates);
        let mut twice = made_of(&updates);
        twice.definitions.advisories.extend(once.definitions.advisories.clone());
        let build = format!("10.0.20348.{build}");
        prop_assert_eq!(
            once.judgements(Some(SERVER_2022), Some(&build), &kbs),
            twice.judgements(Some(SERVER_2022), Some(&build), &kbs)
        );
    }
}
