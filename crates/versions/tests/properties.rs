//! What must hold for every version: the orders are total, and keys order as the comparators do.

use std::cmp::Ordering;

use proptest::prelude::*;
use versions::{Scheme, deb, order, parse, rpm};

/// Texts near each other, so that equal prefixes, zeros and separators meet often.
const DEB: &str =
    "((0|00|1|2|10):)?[0-2](([.~+a-c0-2]|00|[0-9]{30}|rc|-){0,5})(-([0-2~a.]{1,4}|0|00))?";
const DEB_REAL: &str = "([1-3]:)?[0-9]{1,2}(\\.[0-9]{1,3}){0,3}(~rc[1-3]|\\+dfsg[12]?)?(-[0-9]{1,2}(\\.[0-9])?(\\+deb12u[0-9]{1,2}|~bpo12\\+[12]|ubuntu[0-9](\\.[0-9]{1,2})?)?)?";
const RPM: &str = "((0|00|1|2):)?([.~^_a-c0-2]|00|[0-9]{30}|rc){0,6}(-([0-2~^a.]{0,4}|0|00))?";
const RPM_REAL: &str = "([1-3]:)?[0-9]{1,2}(\\.[0-9]{1,3}){0,3}(~rc[1-3]|\\^git[0-9a-f]{4})?(-[0-9]{1,3}(\\.[0-9]{1,2})?\\.(el9(_[0-4])?|fc4[0-2]))?";
const APK: &str = "[0-2]{0,2}(\\.[0-2]{0,2}){0,3}[a-c]?[0-2]?(_(alpha|pre|rc|p|git|foo)[0-2]?){0,2}(~[0-2a]{1,2})?(-r?[0-2]{0,2}){0,2}";
const WINGET: &str =
    "([<>] )?(v|Version )?([0-2]|0|-?[a-bA-B]|latest)(\\.([0-2]|0-rc|0| 1|[aB])){0,3}";
const ANY: &str = "[ -~é]{0,8}";

fn deb_version() -> impl Strategy<Value = String> {
    prop_oneof![DEB, DEB_REAL, ANY]
}

fn rpm_version() -> impl Strategy<Value = String> {
    prop_oneof![RPM, RPM_REAL, ANY]
}

/// Checks the laws of a total order on three texts: what is equal, below and above agrees both ways
/// round and through the third.
fn check_order(
    compare: impl Fn(&str, &str) -> Ordering,
    [a, b, c]: [&str; 3],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(compare(a, a), Ordering::Equal);
    prop_assert_eq!(compare(a, b), compare(b, a).reverse(), "{} and {}", a, b);
    let (ab, bc, ac) = (compare(a, b), compare(b, c), compare(a, c));
    if ab == bc || bc == Ordering::Equal {
        prop_assert_eq!(ac, ab, "{} {} {}", a, b, c);
    } else if ab == Ordering::Equal {
        prop_assert_eq!(ac, bc, "{} {} {}", a, b, c);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn debian_versions_have_a_total_order(
        (a, b, c) in (deb_version(), deb_version(), deb_version())
    ) {
        check_order(deb::compare, [&a, &b, &c])?;
    }

    #[test]
    fn debian_keys_order_as_the_comparator(a in deb_version(), b in deb_version()) {
        prop_assert_eq!(deb::sort_key(&a).cmp(&deb::sort_key(&b)), deb::compare(&a, &b));
    }

    #[test]
    fn rpm_versions_have_a_total_order(
        (a, b, c) in (rpm_version(), rpm_version(), rpm_version())
    ) {
        check_order(rpm::compare, [&a, &b, &c])?;
    }

    #[test]
    fn rpm_keys_order_as_the_comparator(a in rpm_version(), b in rpm_version()) {
        prop_assert_eq!(rpm::sort_key(&a).cmp(&rpm::sort_key(&b)), rpm::compare(&a, &b));
    }

    #[test]
    fn alpine_versions_have_a_total_order((a, b, c) in (APK, APK, APK)) {
        check_order(|a, b| order(Scheme::Apk, a, b).unwrap(), [&a, &b, &c])?;
    }

    #[test]
    fn winget_versions_have_a_total_order((a, b, c) in (WINGET, WINGET, WINGET)) {
        check_order(|a, b| order(Scheme::Winget, a, b).unwrap(), [&a, &b, &c])?;
    }

    #[test]
    fn what_parses_can_be_ordered(a in prop_oneof![DEB, RPM, APK, WINGET, ANY]) {
        for scheme in Scheme::ALL {
            if parse(scheme, &a).is_ok() {
                prop_assert_eq!(order(scheme, &a, &a), Ok(Ordering::Equal), "{} {}", scheme, a);
            }
        }
    }

    #[test]
    fn no_bytes_make_an_order_panic(a: Vec<u8>, b: Vec<u8>) {
        for scheme in Scheme::ALL {
            let _ = versions::order_bytes(scheme, &a, &b);
        }
    }

    #[test]
    fn keys_hold_for_any_bytes(a: Vec<u8>, b: Vec<u8>) {
        prop_assert_eq!(
            deb::sort_key_bytes(&a).cmp(&deb::sort_key_bytes(&b)),
            deb::compare_bytes(&a, &b)
        );
        prop_assert_eq!(
            rpm::sort_key_bytes(&a).cmp(&rpm::sort_key_bytes(&b)),
            rpm::compare_bytes(&a, &b)
        );
    }
}

#[test]
fn keys_hold_for_numbers_longer_than_a_length_byte() {
    let lengths = [1, 2, 253, 254, 255, 256, 257, 70_000];
    for shorter in lengths {
        for longer in lengths {
            let (a, b) = ("9".repeat(shorter), "1".repeat(longer));
            let wanted = shorter.cmp(&longer).then(9.cmp(&1));
            assert_eq!(deb::compare(&a, &b), wanted);
            assert_eq!(deb::sort_key(&a).cmp(&deb::sort_key(&b)), wanted);
            assert_eq!(rpm::sort_key(&a).cmp(&rpm::sort_key(&b)), wanted);
        }
    }
}

#[test]
fn equal_debian_versions_have_one_key() {
    for (a, b) in [
        ("1.0", "0:1.0-0"),
        ("1a", "1a0"),
        ("00:1-00", "1"),
        ("007", "7"),
    ] {
        assert_eq!(deb::sort_key(a), deb::sort_key(b), "{a} {b}");
    }
}
