//! Module streams, ksplice and fips.

use domain::advisory::{NoFixReason, Says};
use domain::definitions::ModuleStream;
use domain::finding::FindingState::{self, Fixed, Missing, NoFix, NotAffected, Unknown};

use super::*;

const PHP_72_FIX: &str = "7.2.11-1.1.module+el8.0.0+4664+17bd8d65";
const PHP_72_OLD: &str = "7.2.10-1.module_el8.2.0+313+b04d0a66";

fn php(module: Option<&str>, fixed: &str) -> Statement {
    Statement {
        module: module.map(str::to_owned),
        ..binary("rhel:8", "php", fixed_in(fixed))
    }
}

fn of(statement: Statement, label: Option<&str>, installed: &str) -> FindingState {
    let mut package = rpm("php", installed);
    package.module = label.map(str::to_owned);
    only(statement, package).state
}

#[test]
fn versions_compare_within_one_stream_only() {
    let statement = || php(Some("php:7.2"), PHP_72_FIX);
    assert_eq!(of(statement(), Some("php:7.2"), PHP_72_OLD), Missing);
    assert_eq!(
        of(statement(), Some("php:7.2:8020:abc"), PHP_72_OLD),
        Missing
    );
    assert_eq!(
        of(statement(), Some("php:7.1"), "7.1.1-1.module+el8.0.0+1+aa"),
        NotAffected
    );
    assert_eq!(of(statement(), Some("php:7.2"), PHP_72_FIX), Fixed);
}

#[test]
fn a_package_of_no_module_is_not_met_by_a_stream_and_the_other_way_round() {
    assert_eq!(
        of(php(Some("php:7.2"), PHP_72_FIX), None, "7.1.0-1.el8"),
        NotAffected
    );
    assert_eq!(of(php(None, "7.2.24-1.el8"), None, PHP_72_OLD), NotAffected);
    assert_eq!(of(php(None, "7.2.24-1.el8"), None, "7.2.1-1.el8"), Missing);
    let no_fix = Says::NoFix {
        reason: NoFixReason::WillNotFix,
        word: "will_not_fix".to_owned(),
    };
    let plain = binary("rhel:8", "php", no_fix);
    assert_eq!(of(plain.clone(), None, PHP_72_OLD), NotAffected);
    assert_eq!(of(plain, None, "7.2.1-1.el8"), NoFix);
}

#[test]
fn a_stream_that_cannot_be_told_is_unknown() {
    // php-pear's versions do not follow the stream's name.
    let statement = Statement {
        module: Some("php:7.2".to_owned()),
        ..binary(
            "rhel:8",
            "php-pear",
            fixed_in("1:1.10.5-9.module+el8.0.0+4664+17bd8d65"),
        )
    };
    let old = rpm("php-pear", "1:1.10.4-1.module+el8.1.0+1+aabb");
    let judgement = only(statement.clone(), old);
    assert_eq!(judgement.state, Unknown);
    assert!(
        judgement.because.contains("cannot be told"),
        "{}",
        judgement.because
    );
    // The same module build as the fix.
    let same = rpm("php-pear", "1:1.10.5-8.module+el8.0.0+4664+17bd8d65");
    assert_eq!(only(statement, same).state, Missing);
}

#[test]
fn a_module_list_tells_the_stream_of_a_build() {
    let installed = "1:1.10.4-1.module+el8.1.0+1+aabb";
    let statement = Statement {
        module: Some("php:7.2".to_owned()),
        ..binary(
            "rhel:8",
            "php-pear",
            fixed_in("1:1.10.5-9.module+el8.0.0+4664+17bd8d65"),
        )
    };
    let mut definitions = definitions(vec![advisory("RHSA-1", &[], vec![statement])]);
    let device = device("rhel:8", vec![rpm("php-pear", installed)]);
    for (stream, state) in [("php:7.2", Missing), ("php:7.3", NotAffected)] {
        definitions.modules = sourced(vec![ModuleStream {
            stream: stream.to_owned(),
            artifacts: vec![format!("php-pear-{installed}.x86_64")],
        }]);
        assert_eq!(judged(&definitions, &device)[0].state, state, "{stream}");
    }
}

#[test]
fn versions_that_begin_with_their_streams_name_tell_it() {
    let statement = || php(Some("php:7.2"), PHP_72_FIX);
    assert_eq!(of(statement(), None, PHP_72_OLD), Missing);
    // 7.20 is of no stream that a document names.
    assert_eq!(
        of(statement(), None, "7.20.1-1.module+el8.0.0+9+cc"),
        Unknown
    );
    let later = Statement {
        module: Some("php:7.4".to_owned()),
        ..php(None, "7.4.6-4.module+el8.3.0+7685+72d70b58")
    };
    let both = definitions(vec![
        advisory("RHSA-72", &[], vec![statement()]),
        advisory("RHSA-74", &[], vec![later]),
    ]);
    let of_74 = rpm("php", "7.4.5-1.module+el8.0.0+9+cc");
    let judgements = judged(&both, &device("rhel:8", vec![of_74]));
    let states: Vec<_> = judgements.iter().map(|judgement| judgement.state).collect();
    assert_eq!(states, [NotAffected, Missing]);
}

#[test]
fn a_stream_that_a_document_leaves_out_is_told_by_label_or_else_by_its_range() {
    // AlmaLinux: ALSA-2026:19371 fixes nginx 1.24, ALSA-2026:19372 nginx 1.26, without saying so.
    let later = || {
        let fixed = "2:1.26.3-9.module_el9.8.0+247+aa936373";
        binary("almalinux:9", "nginx", fixed_in(fixed))
    };
    let installed = "1:1.24.0-7.module_el9.8.0+246+ef96a02d.1.alma.1";
    let with = |label: Option<&str>, name: &str| {
        let mut package = rpm(name, installed);
        package.module = label.map(str::to_owned);
        package
    };
    assert_eq!(only(later(), with(None, "nginx")).state, Missing);
    assert_eq!(
        only(later(), with(Some("nginx:1.24"), "nginx")).state,
        NotAffected
    );
    assert_eq!(
        only(later(), with(Some("nginx:mainline"), "nginx")).state,
        Unknown
    );
    assert_eq!(
        only(later(), rpm("nginx", "1:1.20.1-14.el9")).state,
        NotAffected
    );
}

#[test]
fn ksplice_and_fips_builds_are_lines_of_their_own() {
    let of = |installed: &str, fixed: &str| {
        only(
            binary("ol:7", "glibc", fixed_in(fixed)),
            rpm("glibc", installed),
        )
        .state
    };
    let ksplice = "2:2.17-157.ksplice1.el7_3.4";
    assert_eq!(of("2:2.17-105.ksplice1.el7", ksplice), Missing);
    assert_eq!(of("2:2.17-105.ksplice2.el7", ksplice), NotAffected);
    assert_eq!(of("2.17-105.el7", ksplice), NotAffected);
    assert_eq!(of("2:2.17-105.ksplice1.el7", "2.17-157.el7"), NotAffected);
    let fips = "10:3.6.16-4.0.1.el8_fips";
    assert_eq!(of("10:3.6.15-4.0.1.el8_fips", fips), Missing);
    assert_eq!(of("3.6.15-4.el8", fips), NotAffected);
    assert_eq!(of("10:3.6.15-4.0.1.el8_fips", "3.6.16-4.el8"), NotAffected);
}
