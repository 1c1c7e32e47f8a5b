//! The package lists on disk: whether they are there, how old they are, what failed last time.
//!
//! The time of a list is the time that the archive gave it, or that of apt's own stamp of a success.
//! A failed refresh is remembered in a file of ours until the lists become newer than it.

use std::path::Path;

use domain::Timestamp;
use domain::offer::Lists;
use serde::{Deserialize, Serialize};

use crate::backend::{BackendError, Refreshed};
use crate::command::Finished;

/// Name of the file that remembers a refresh, in our cache folder.
const MEMORY: &str = "refresh.json";

#[derive(Serialize, Deserialize)]
struct Memory {
    failed: Vec<String>,
}

/// Says how the lists in `folder` stand; `stamp` is apt's mark of a success, `cache` our own folder.
pub(crate) fn state(folder: &Path, stamp: &Path, cache: &Path) -> Result<Lists, BackendError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lists::Absent),
        Err(source) => {
            return Err(BackendError::Read {
                path: folder.to_owned(),
                source,
            });
        }
    };
    let mut there = false;
    let mut newest: Option<Timestamp> = None;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let packages = is_packages(&name);
        there |= packages;
        if packages || name.ends_with("InRelease") || name.ends_with("_Release") {
            newest = newest.max(changed_at(&entry.path()));
        }
    }
    let Some(lists_at) = newest.filter(|_| there) else {
        return Ok(Lists::Absent);
    };
    let memory = cache.join(MEMORY);
    let remembered = std::fs::read(&memory)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Memory>(&bytes).ok())
        .zip(changed_at(&memory));
    let mut fetched_at = lists_at.max(changed_at(stamp).unwrap_or(lists_at));
    let failed = match remembered {
        Some((memory, at)) if memory.failed.is_empty() => {
            fetched_at = fetched_at.max(at);
            Vec::new()
        }
        // A success of somebody else's after our failure makes the failure history.
        Some((memory, at)) if at >= fetched_at => memory.failed,
        Some(_) | None => Vec::new(),
    };
    Ok(Lists::Present { fetched_at, failed })
}

/// `…_Packages`, also packed: `…_Packages.lz4`.
fn is_packages(name: &str) -> bool {
    name.rsplit_once("_Packages")
        .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('.'))
}

/// When a file was last changed, by the device's own clock.
pub(crate) fn changed_at(path: &Path) -> Option<Timestamp> {
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    Timestamp::try_from(changed).ok()
}

/// Reads what `apt-get update` said.
pub(crate) fn refreshed(finished: &Finished) -> Refreshed {
    let mut failed: Vec<String> = Vec::new();
    let (text, complaints) = (finished.text(), finished.complaints());
    for line in text.lines().chain(complaints.lines()) {
        let failure = line
            .strip_prefix("E: ")
            .or_else(|| line.strip_prefix("W: ").filter(|rest| is_failure(rest)));
        if let Some(failure) = failure {
            failed.push(super::simulation::one_line(failure.trim()));
        }
    }
    if failed.is_empty() && !finished.succeeded() {
        failed.push(super::simulation::refusal(finished));
    }
    failed.sort();
    failed.dedup();
    failed.truncate(20);
    Refreshed { failed }
}

fn is_failure(warning: &str) -> bool {
    [
        "Failed to fetch",
        "GPG error",
        "An error occurred during",
        "Some index files failed",
    ]
    .iter()
    .any(|begin| warning.starts_with(begin))
}

/// Remembers how a refresh went.
pub(crate) fn remember(refreshed: &Refreshed, cache: &Path) -> Result<(), BackendError> {
    let path = cache.join(MEMORY);
    let memory = Memory {
        failed: refreshed.failed.clone(),
    };
    let bytes = serde_json::to_vec(&memory).expect("a list of texts is always JSON");
    std::fs::create_dir_all(cache)
        .and_then(|()| std::fs::write(&path, bytes))
        .map_err(|source| BackendError::Write { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn write(path: &Path, seconds: u64) {
        let file = std::fs::File::create(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .unwrap();
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn no_list_is_absent_and_partial_ones_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let state = || state(here, &here.join("stamp"), &here.join("cache")).unwrap();
        assert_eq!(state(), Lists::Absent);
        std::fs::create_dir(here.join("partial")).unwrap();
        write(&here.join("partial/x_Packages"), 900);
        write(&here.join("x_InRelease"), 100);
        assert_eq!(state(), Lists::Absent);
        write(&here.join("x_main_binary-amd64_Packages.lz4"), 200);
        assert_eq!(
            state(),
            Lists::Present {
                fetched_at: at(200),
                failed: vec![]
            }
        );
        write(&here.join("stamp"), 300);
        assert_eq!(
            state(),
            Lists::Present {
                fetched_at: at(300),
                failed: vec![]
            }
        );
        let gone = super::state(&here.join("nowhere"), here, here).unwrap();
        assert_eq!(gone, Lists::Absent);
    }

    #[test]
    fn a_failure_is_remembered_until_the_lists_are_newer() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let list = here.join("x_Packages");
        write(&list, 1_000);
        let failed = vec!["Failed to fetch http://mirror.example/x".to_owned()];
        remember(
            &Refreshed {
                failed: failed.clone(),
            },
            here,
        )
        .unwrap();
        let state = || state(here, &here.join("stamp"), here).unwrap();
        assert_eq!(
            state(),
            Lists::Present {
                fetched_at: at(1_000),
                failed
            }
        );
        write(&list, 10_000_000_000);
        assert_eq!(
            state(),
            Lists::Present {
                fetched_at: at(10_000_000_000),
                failed: vec![]
            }
        );
    }

    #[test]
    fn failures_of_an_update_are_found_though_apt_ends_with_zero() {
        // From apt 2.6.2 with an unreachable mirror.
        let finished = Finished {
            code: Some(0),
            stdout: b"Ign:1 http://mirror.example/debian bookworm InRelease\n".to_vec(),
            stderr: b"W: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example'\nW: Some index files failed to download. They have been ignored, or old ones used instead.\nW: Target Packages is configured multiple times\n".to_vec(),
        };
        assert_eq!(refreshed(&finished).failed.len(), 2);
    }
}
