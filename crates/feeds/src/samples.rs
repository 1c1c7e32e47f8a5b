//! The shared sample documents, for tests: `PATCHLOOP_DATA`, or `../shared/data` beside the
//! repository. Where they are not, the test says so and is skipped; with `CI` set that is a failure.

use std::path::PathBuf;

pub fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("PATCHLOOP_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "the sample documents are not there; set PATCHLOOP_DATA"
    );
    eprintln!("SKIPPED: no sample documents; set PATCHLOOP_DATA to run this test");
    None
}

pub fn read(path: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(path);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
