//! Folders made by hand, and the sample documents.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use super::*;
use crate::samples;

const OSV: &str = r#"{"id":"X-1","modified":"2024-01-02T03:04:05Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2"}]}]}]}"#;

#[test]
fn a_folder_that_is_not_there_is_a_problem_and_no_definition() {
    let loaded = load(Path::new("/nonexistent/definitions"));
    assert_eq!(loaded.definitions, Definitions::default());
    assert_eq!(loaded.problems.len(), 1);
}

#[test]
fn facts_know_their_document_and_the_same_bytes_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("deb")).unwrap();
    std::fs::write(at("deb/a"), OSV).unwrap();
    std::fs::write(at("deb/b.json"), OSV).unwrap();
    std::fs::write(
        at("z.json.zst"),
        zstd::encode_all(OSV.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    std::fs::write(at("revised.json"), OSV.replace("1.2", "1.3")).unwrap();
    std::fs::write(at("notes.md"), "# Notes\n\nnothing").unwrap();
    std::fs::write(at("cut.json"), &OSV[..90]).unwrap();
    std::os::unix::fs::symlink("/etc", at("link")).unwrap();
    let loaded = load(folder.path());
    let definitions = &loaded.definitions;
    let files: Vec<_> = definitions
        .documents
        .iter()
        .map(|document| document.file.as_str())
        .collect();
    assert_eq!(files, ["deb/a", "revised.json"]);
    assert_eq!(definitions.documents[0].document, "X-1");
    // Both revisions are kept.
    assert_eq!(definitions.advisories.len(), 2);
    assert_eq!(definitions.advisories[1].document, 1);
    let problems: Vec<_> = loaded
        .problems
        .iter()
        .map(|problem| {
            (
                problem.path.file_name().unwrap().to_str().unwrap(),
                problem.kind,
            )
        })
        .collect();
    assert_eq!(
        problems,
        [
            ("link", ProblemKind::Refused),
            ("cut.json", ProblemKind::Refused)
        ]
    );
    assert_eq!(loaded.others.len(), 1);
}

#[test]
fn a_damaged_archive_contributes_nothing() {
    use std::io::Write as _;
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(OSV.len() as u64);
    archive
        .append_data(&mut header, "a.json", OSV.as_bytes())
        .unwrap();
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&archive.into_inner().unwrap()).unwrap();
    let packed = writer.finish().unwrap();
    let mut loader = Loader::new();
    loader.bytes(&packed[..packed.len() - 2], "cut.tar.gz", None);
    let loaded = loader.finish();
    assert_eq!(loaded.definitions, Definitions::default());
    assert_eq!(loaded.problems.len(), 1);
    let mut loader = Loader::new();
    loader.bytes(&packed, "whole.tar.gz", None);
    let loaded = loader.finish();
    assert_eq!(loaded.definitions.documents[0].file, "whole.tar.gz!a.json");
    assert_eq!(loaded.problems, []);
}

#[test]
fn the_last_catalogue_of_each_kind_counts() {
    let Some(folder) = samples::folder() else {
        return;
    };
    let loaded = load(&folder.join("kev"));
    let kev = loaded.definitions.catalogues.kev.unwrap();
    assert_eq!(
        (kev.document.dated.to_string().as_str(), kev.len()),
        ("2025-08-25", 1404)
    );
    let loaded = load(&folder.join("epss"));
    let epss = loaded.definitions.catalogues.epss.unwrap();
    assert_eq!(epss.document.dated.to_string(), "2026-08-16");
    // The manifest counts 360,142 scores.
    assert_eq!(epss.len(), 360_142);
    assert_eq!(
        epss.millionths("CVE-1999-0001".parse().unwrap()),
        Some(33_510)
    );
}
