#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use domain::advisory::ApplicationVersion;
use domain::feed::Feed;

use crate::format::{Collect, Parsed, Record};
use crate::refusal::Refusal;
use crate::{formats, samples};

fn read(bytes: &[u8]) -> Result<(Parsed, Collect), Refusal> {
    let format = formats::recognise(bytes).expect("a form knows it");
    let mut sink = Collect::default();
    let parsed = (format.parse)(bytes, &mut sink)?;
    Ok((parsed, sink))
}

fn only(sink: &Collect) -> &ApplicationVersion {
    match &sink.records[..] {
        [Record::Application(application)] => application,
        other => panic!("{other:?}"),
    }
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, into),
            false => into.push(path),
        }
    }
}

#[test]
fn every_manifest_and_nuspec_of_the_samples_is_one_record() {
    let Some(folder) = samples::folder() else {
        return;
    };
    for (name, feed, count) in [
        ("winget/manifests", Feed::Winget, 745),
        ("chocolatey/nuspec", Feed::Chocolatey, 30),
    ] {
        let mut all = Vec::new();
        files(&folder.join(name), &mut all);
        assert_eq!(all.len(), count);
        for path in all {
            let bytes = std::fs::read(&path).unwrap();
            let (parsed, sink) = read(&bytes).unwrap();
            let path = path.display();
            assert_eq!((parsed.feed, parsed.records), (feed, 1), "{path}");
            assert!(sink.broken.is_empty(), "{path}: {:?}", sink.broken);
        }
    }
}

#[test]
fn the_index_is_one_record_a_row() {
    let Some(bytes) = samples::read("winget/index.v2.csv.gz") else {
        return;
    };
    let mut plain = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&bytes[..]);
    reader.read_to_end(&mut plain).unwrap();
    let (parsed, sink) = read(&plain).unwrap();
    // The manifest says 14,586: it counts the empty last line. Another CSV reader finds 14,585 ids.
    assert_eq!((parsed.records, sink.broken.len()), (14_585, 0));
    assert_eq!(parsed.feed, Feed::WingetIndex);
    let cut = &plain[..plain.len() - 30];
    let (parsed, sink) = read(cut).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (14_584, 1));
}

const INSTALLER: &str = "\u{feff}# a comment\r\nPackageIdentifier: Example.App\r\n\
    PackageVersion: 1.10\r\nReleaseDate: 2024-06-11\r\nAppsAndFeaturesEntries:\r\n\
    - DisplayName: App 1.10\r\n  DisplayVersion: 1.10.0\r\n  ProductCode: '{A}'\r\n\
    Installers:\r\n- Architecture: x64\r\n  ProductCode: '{A}'\r\n- Architecture: x86\r\n  \
    ProductCode: '{B}'\r\n  UpgradeCode: '{C}'\r\n- PackageFamilyName: Example_abc\r\n\
    ManifestType: installer\r\nManifestVersion: 1.12.0\r\n";

#[test]
fn an_installer_tells_how_its_copies_are_recognised() {
    let (parsed, sink) = read(INSTALLER.as_bytes()).unwrap();
    let application = only(&sink);
    assert_eq!(application.version.as_str(), "1.10");
    assert_eq!(application.released, Some("2024-06-11".parse().unwrap()));
    let ways: Vec<_> = application
        .installed_as
        .iter()
        .map(|way| {
            let text = |part: &Option<String>| part.clone().unwrap_or_default();
            format!(
                "{}|{}|{}|{}",
                text(&way.display_name),
                text(&way.display_version),
                text(&way.product_code),
                text(&way.upgrade_code)
            )
        })
        .collect();
    let expected = [
        "App 1.10|1.10.0|{A}|",
        "||{A}|",
        "||{B}|{C}",
        "||Example_abc|",
    ];
    assert_eq!(ways, expected);
    assert!(parsed.notes.is_empty());
}

#[test]
fn a_locale_names_application_and_publisher_and_a_word_as_version_is_noted() {
    let text = "PackageIdentifier: Example.App\nPackageVersion: latest\nPackageName: The App\n\
                Publisher: Example\nManifestType: defaultLocale\nManifestVersion: 1.6.0\n";
    let (parsed, sink) = read(text.as_bytes()).unwrap();
    let application = only(&sink);
    assert_eq!(application.name.as_deref(), Some("The App"));
    assert_eq!(application.publisher.as_deref(), Some("Example"));
    assert_eq!(parsed.notes.len(), 1);
}

#[test]
fn manifests_cut_short_are_refused_and_ids_that_cannot_be_are_broken() {
    let cut = &INSTALLER.as_bytes()[..INSTALLER.len() - 30];
    assert!(matches!(read(cut), Err(Refusal::Missing { .. })));
    let odd = INSTALLER.replace("Example.App", "Example App");
    let (parsed, sink) = read(odd.as_bytes()).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (0, 1));
    let nuspec = "<package><metadata><id>x</id><version></version></metadata></package>";
    let (parsed, sink) = read(nuspec.as_bytes()).unwrap();
    assert_eq!((parsed.records, sink.broken.len()), (0, 1));
}
