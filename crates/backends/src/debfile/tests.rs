use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::*;

const LOG: &str = "labsvc (2.0) unstable; urgency=high\n\n  * Fixes CVE-2026-1.\n\n -- Lab <lab@example.test>  Mon, 01 Jun 2026 00:00:00 +0000\n";

fn gz(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Builds a real package with Debian's own tool; `None` where it is not there.
fn deb(packing: &str, lay: impl Fn(&Path)) -> Option<Vec<u8>> {
    if !Path::new("/usr/bin/dpkg-deb").exists() {
        eprintln!("SKIPPED: no dpkg-deb here to build a package");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::write(
        tree.join("DEBIAN/control"),
        "Package: labsvc\nVersion: 2.0\nArchitecture: all\nMaintainer: Lab <lab@example.test>\nDescription: lab\n",
    )
    .unwrap();
    std::fs::create_dir_all(tree.join("usr/share/doc")).unwrap();
    lay(&tree.join("usr/share/doc"));
    let file = folder.path().join("x.deb");
    let built = Command::new("/usr/bin/dpkg-deb")
        .args(["--root-owner-group", packing, "-b"])
        .arg(&tree)
        .arg(&file)
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    Some(std::fs::read(file).unwrap())
}

fn plain(doc: &Path) {
    std::fs::create_dir(doc.join("labsvc")).unwrap();
    std::fs::write(doc.join("labsvc/changelog.gz"), gz(LOG)).unwrap();
    std::fs::write(doc.join("labsvc/copyright"), "free").unwrap();
}

fn changelog(deb: &[u8]) -> Place {
    documents(deb, "labsvc")
        .unwrap()
        .changelog("labsvc", "amd64", 10_000)
        .unwrap()
}

#[test]
fn every_packing_of_debian_is_read() {
    for packing in ["-Zgzip", "-Zxz", "-Znone", "-Zzstd"] {
        let built = std::panic::catch_unwind(|| deb(packing, plain));
        match built {
            Ok(Some(bytes)) => {
                assert_eq!(changelog(&bytes), Place::Here(LOG.into()), "{packing}");
            }
            Ok(None) => return,
            // dpkg-deb before 1.21.18 cannot write zstd.
            Err(_) => assert_eq!(packing, "-Zzstd"),
        }
    }
}

#[test]
fn debians_own_changelog_wins_and_a_rebuild_stands_first() {
    let Some(bytes) = deb("-Zgzip", |doc| {
        plain(doc);
        std::fs::write(
            doc.join("labsvc/changelog.Debian.gz"),
            gz("labsvc (1.0-1) x; urgency=low\n"),
        )
        .unwrap();
        std::fs::write(
            doc.join("labsvc/changelog.Debian.amd64.gz"),
            gz("labsvc (1.0-1+b2) x; urgency=low\n"),
        )
        .unwrap();
    }) else {
        return;
    };
    assert_eq!(
        changelog(&bytes),
        Place::Here(
            b"labsvc (1.0-1+b2) x; urgency=low\n\nlabsvc (1.0-1) x; urgency=low\n".to_vec()
        )
    );
}

#[test]
fn links_are_followed_inside_and_named_outside() {
    use std::os::unix::fs::symlink;
    let Some(outside) = deb("-Zgzip", |doc| {
        symlink("labcommon", doc.join("labsvc")).unwrap()
    }) else {
        return;
    };
    assert_eq!(changelog(&outside), Place::In("labcommon".to_owned()));
    let inside = deb("-Zgzip", |doc| {
        symlink("real", doc.join("labsvc")).unwrap();
        std::fs::create_dir(doc.join("real")).unwrap();
        std::fs::write(doc.join("real/changelog.gz"), gz(LOG)).unwrap();
    });
    assert_eq!(changelog(&inside.unwrap()), Place::Here(LOG.into()));
    let file = deb("-Zgzip", |doc| {
        std::fs::create_dir(doc.join("labsvc")).unwrap();
        symlink(
            "../libx1/changelog.Debian.gz",
            doc.join("labsvc/changelog.Debian.gz"),
        )
        .unwrap();
    });
    assert_eq!(changelog(&file.unwrap()), Place::In("libx1".to_owned()));
    let circle = deb("-Zgzip", |doc| {
        std::fs::create_dir(doc.join("labsvc")).unwrap();
        symlink("changelog.gz", doc.join("labsvc/changelog")).unwrap();
        symlink("changelog", doc.join("labsvc/changelog.gz")).unwrap();
    });
    assert_eq!(changelog(&circle.unwrap()), Place::Nowhere);
}

#[test]
fn a_changelog_is_read_as_far_as_the_limit() {
    let Some(bytes) = deb("-Zgzip", |doc| {
        std::fs::create_dir(doc.join("labsvc")).unwrap();
        std::fs::write(doc.join("labsvc/changelog.gz"), gz(&"x".repeat(3_000_000))).unwrap();
    }) else {
        return;
    };
    let Place::Here(text) = changelog(&bytes) else {
        panic!()
    };
    assert_eq!(text.len(), 10_000);
}

#[test]
fn a_damaged_package_is_an_error_wherever_it_is_cut_or_changed() {
    let Some(bytes) = deb("-Zxz", plain) else {
        return;
    };
    assert!(matches!(documents(&b"no"[..], "a"), Err(BadDeb::NotAr)));
    assert!(matches!(
        documents(&b"!<arch>\n"[..], "a"),
        Err(BadDeb::NoData)
    ));
    let mut header = bytes.clone();
    header[8 + 58] = b'x';
    assert!(matches!(
        documents(&header[..], "labsvc"),
        Err(BadDeb::Header { at: 8 })
    ));
    let mut size = bytes.clone();
    size[8 + 48..8 + 58].copy_from_slice(b"9999999999");
    assert!(documents(&size[..], "labsvc").is_err());
    for end in (0..bytes.len()).step_by(7) {
        let whole = documents(&bytes[..end], "labsvc")
            .map(|found| found.changelog("labsvc", "all", 100).unwrap());
        // What was not cut off yet is right; what is missing is never made up.
        assert!(
            matches!(whole, Err(_) | Ok(Place::Here(_) | Place::Nowhere)),
            "{end}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn whatever_the_bytes_are_reading_ends(bytes in proptest::collection::vec(0_u8.., 0..400)) {
        let mut deb = b"!<arch>\ndata.tar.gz     0           0     0     100644  400       `\n".to_vec();
        deb.extend_from_slice(&bytes);
        let _ = documents(&deb[..], "a");
        deb[8..24].copy_from_slice(b"data.tar        ");
        let _ = documents(&deb[..], "a");
    }
}
