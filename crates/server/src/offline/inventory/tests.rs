//! Tests of reading inventories.

use domain::judgement::{JudgedPackage, WindowsState};
use domain::package::{Ecosystem, Kb};

use super::{OsRelease, read};

const BOOKWORM: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";

fn packages(text: &str) -> Vec<JudgedPackage> {
    read("web-1", text.as_bytes(), None).unwrap().packages
}

fn refusal(text: &str) -> String {
    read("web-1", text.as_bytes(), None)
        .unwrap_err()
        .to_string()
}

fn shown(package: &JudgedPackage) -> String {
    let maybe = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {} {} {} {}",
        package.ecosystem,
        package.name,
        package.version,
        maybe(package.architecture.as_ref().map(ToString::to_string)),
        maybe(package.source.as_ref().map(ToString::to_string)),
        maybe(package.source_version.as_ref().map(ToString::to_string)),
        maybe(package.module.clone()),
    )
}

#[test]
fn a_listing_of_dpkg_is_read() {
    let text = "libgcc-s1\t12.2.0-14+b1\tamd64\tgcc-12\t12.2.0-14\nremoved\t\tamd64\tremoved\t\nbase-files\t12.4+deb12u8\tamd64\tbase-files\t12.4+deb12u8\r\n";
    let packages = packages(text);
    assert_eq!(
        packages.iter().map(shown).collect::<Vec<_>>(),
        [
            "deb libgcc-s1 12.2.0-14+b1 amd64 gcc-12 12.2.0-14 -",
            "deb base-files 12.4+deb12u8 amd64 base-files 12.4+deb12u8 -",
        ]
    );
}

#[test]
fn a_listing_of_rpm_is_read_and_nones_are_left_out() {
    let text = "openssl-libs\t1:1.1.1k-7.el8_6\tx86_64\topenssl-1.1.1k-7.el8_6.src.rpm\t(none)\n\
        php-cli\t0:7.2.24-1.module+el8.2.0+4601+7c76a223\tx86_64\tphp-7.2.24-1.module+el8.2.0+4601+7c76a223.src.rpm\tphp:7.2:8020020191108065827:76554e01\n\
        gpg-pubkey\t(none):fd431d51-4ae0493b\t(none)\t(none)\t(none)\n";
    assert_eq!(
        packages(text).iter().map(shown).collect::<Vec<_>>(),
        [
            "rpm openssl-libs 1:1.1.1k-7.el8_6 x86_64 openssl 1.1.1k-7.el8_6 -",
            "rpm php-cli 7.2.24-1.module+el8.2.0+4601+7c76a223 x86_64 php 7.2.24-1.module+el8.2.0+4601+7c76a223 php:7.2",
            "rpm gpg-pubkey fd431d51-4ae0493b - - - -",
        ]
    );
}

#[test]
fn a_listing_of_apk_is_read() {
    let text = "alpine-baselayout-data-3.4.3-r2 x86_64 {alpine-baselayout} (GPL-2.0-only) [installed]\nlibcrypto3-3.1.4-r5 x86_64 {openssl} (Apache-2.0) [upgradable from: libcrypto3-3.1.4-r1]\n";
    assert_eq!(
        packages(text).iter().map(shown).collect::<Vec<_>>(),
        [
            "apk alpine-baselayout-data 3.4.3-r2 x86_64 alpine-baselayout - -",
            "apk libcrypto3 3.1.4-r5 x86_64 openssl - -",
        ]
    );
}

#[test]
fn a_bad_line_is_refused_with_its_number() {
    assert_eq!(
        refusal("curl\t7.88\tamd64\tcurl\t7.88\n\nwget\t1.21\tamd64\n"),
        "line 3: `wget 1.21 amd64`: it has 3 fields between TABs instead of 5"
    );
    assert_eq!(refusal(""), "it is empty: it lists no package");
    assert!(refusal("hello world\n").starts_with("line 1: `hello world` is of no known listing"));
    assert!(refusal("a b\t1\tamd64\ta\t1\n").starts_with("line 1: "));
    let error = read("web-1", b"curl\t7\tamd64\tcurl\t7\n\xff\n", None).unwrap_err();
    assert_eq!(error.to_string(), "line 2: it is not UTF-8");
}

#[test]
fn a_listing_has_the_system_of_the_os_release_and_else_none() {
    let text = b"curl\t7.88.1-10\tamd64\tcurl\t7.88.1-10\n";
    let device = read("web-1", text, None).unwrap();
    assert!(device.systems.is_empty() && device.os.is_none());
    let release = OsRelease::parse(BOOKWORM).unwrap();
    let device = read("web-1", text, Some(&release)).unwrap();
    assert_eq!(device.name, "web-1");
    assert_eq!(device.systems[0].as_str(), "debian:bookworm");
    assert_eq!(device.os, Some(("debian".to_owned(), "12".to_owned())));
    assert!(OsRelease::parse("hello").is_err());
}

#[test]
fn our_json_is_read_whole() {
    let text = r#"{"v":1,"device":"srv-9","os":{"id":"rhel","version":"8.9","architecture":"x86_64","kernel":"4.18.0-513.el8.x86_64"},
        "packages":[{"ecosystem":"rpm","name":"php","version":"7.2.24-1","source":"php","module":"php:7.2:8020:abc"},
                    {"name":"tzdata","version":"2024a-1.el8","architecture":"noarch"}],
        "windows":{"product_id":"11923","build":"10.0.20348.2700","kbs":["5044285",5031364,"KB5044285"]},
        "applications":[{"ecosystem":"winget","id":"Mozilla.Firefox","version":"127.0"}]}"#;
    let device = read("file", text.as_bytes(), None).unwrap();
    assert_eq!(device.name, "srv-9");
    assert_eq!(device.systems[0].as_str(), "rhel:8");
    assert_eq!(device.kernel.as_deref(), Some("4.18.0-513.el8.x86_64"));
    assert_eq!(
        device.packages.iter().map(shown).collect::<Vec<_>>(),
        [
            "rpm php 7.2.24-1 x86_64 php - php:7.2",
            "rpm tzdata 2024a-1.el8 noarch - - -"
        ]
    );
    assert_eq!(
        device.windows,
        Some(WindowsState {
            product_id: Some("11923".to_owned()),
            build: Some("10.0.20348.2700".parse().unwrap()),
            kbs: vec![Kb(5_031_364), Kb(5_044_285)],
        })
    );
    assert_eq!(device.applications[0].id.as_str(), "Mozilla.Firefox");
}

#[test]
fn absent_fields_are_allowed() {
    let device = read("web-1", b"{}", None).unwrap();
    assert_eq!((device.name.as_str(), device.packages.len()), ("web-1", 0));
    let release = OsRelease::parse(BOOKWORM).unwrap();
    let text = br#"{"packages":[{"name":"curl","version":"7","source":null}]}"#;
    let device = read("web-1", text, Some(&release)).unwrap();
    assert_eq!(device.packages[0].ecosystem, Ecosystem::Deb);
}

#[test]
fn unknown_fields_are_refused_with_their_path() {
    for (text, place) in [
        (r#"{"pakages":[]}"#, "pakages"),
        (r#"{"os":{"name":"x"}}"#, "os.name"),
        (
            r#"{"packages":[{"ecosystem":"deb","name":"a","version":"1"},{"ecosystem":"deb","name":"a","version":"1","arch":"x"}]}"#,
            "packages[1].arch",
        ),
        (r#"{"windows":{"kb":[]}}"#, "windows.kb"),
        (r#"{"applications":[{"name":"x"}]}"#, "applications[0].name"),
        (r#"{"v":2}"#, "v"),
        (r#"{"packages":{}}"#, "packages"),
        (
            r#"{"packages":[{"ecosystem":"dep","name":"a","version":"1"}]}"#,
            "packages[0].ecosystem",
        ),
        (
            r#"{"packages":[{"ecosystem":"deb","name":"a"}]}"#,
            "packages[0].version",
        ),
        (
            r#"{"packages":[{"name":"a","version":"1"}]}"#,
            "packages[0].ecosystem",
        ),
        (r#"{"windows":{"kbs":["x"]}}"#, "windows.kbs[0]"),
        (r#"{"device":7}"#, "device"),
        ("{\n\"v\":1,", "line 2 column 6"),
    ] {
        let refused = read("web-1", text.as_bytes(), None).unwrap_err();
        assert_eq!(refused.place, place, "{text}: {refused}");
    }
}
