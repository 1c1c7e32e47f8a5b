//! Changelogs that the server wants: read from inside the packages that are offered, within a budget.

use std::time::{Duration, Instant};

use backends::{Backend, ChangelogError};
use domain::name::PackageName;
use domain::package::SourcePackage;
use protocol::limits::CHANGELOG_BYTES_MAX;
use protocol::sync::{Changelog, ChangelogText, WantedChangelog};

use super::collect::Snapshot;
use crate::failure::chain;
use crate::folder::StateFolder;

/// Changelogs read for one message: few, so that an order is not kept waiting.
const ROUND: usize = 8;
/// Downloads in a row that may fail before the network is taken to be away.
const FAILURES_MAX: u32 = 3;
/// Bytes taken from the budget when nobody says how large a package is.
const SIZE_BYTES_GUESSED: u64 = 2 * 1024 * 1024;

/// How much may be spent on changelogs.
#[derive(Debug, Clone)]
pub struct Budget {
    until: Instant,
    bytes: u64,
    failures: u32,
}

impl Budget {
    /// A budget that begins now.
    pub fn new(time: Duration, bytes: u64) -> Self {
        Self {
            until: Instant::now() + time,
            bytes,
            failures: 0,
        }
    }

    /// Whether anything is left.
    pub fn is_used_up(&self) -> bool {
        self.bytes == 0 || self.failures >= FAILURES_MAX || self.left().is_zero()
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// Reads the changelogs that are wanted, in the server's order, as far as the budget goes.
pub fn read(
    backend: &dyn Backend,
    folder: &StateFolder,
    snapshot: &Snapshot,
    wanted: &[WantedChangelog],
    budget: &mut Budget,
    progress: &mut dyn FnMut(&str),
) -> Vec<Changelog> {
    let mut found = vec![];
    for (at, want) in wanted.iter().take(ROUND).enumerate() {
        if budget.is_used_up() {
            break;
        }
        progress(&format!(
            "changelog {} of {}: {} {}",
            at + 1,
            wanted.len(),
            want.source,
            want.version
        ));
        let text = match one(
            backend,
            folder,
            snapshot,
            want,
            &want.package,
            budget,
            Follow::Once,
        ) {
            Ok(text) => {
                budget.failures = 0;
                ChangelogText::Found(cut(text))
            }
            Err(ChangelogError::Download { name, reason }) => {
                budget.failures += 1;
                if budget.failures >= FAILURES_MAX {
                    // Not a fact about this package: it is asked for again next time.
                    progress(&format!("downloads fail, the rest waits: {reason}"));
                    break;
                }
                ChangelogText::Missing(format!("cannot download {name}: {reason}"))
            }
            Err(problem) => ChangelogText::Missing(chain(&problem)),
        };
        found.push(Changelog {
            source: want.source.clone(),
            version: want.version.clone(),
            text,
        });
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    Once,
    No,
}

fn one(
    backend: &dyn Backend,
    folder: &StateFolder,
    snapshot: &Snapshot,
    want: &WantedChangelog,
    name: &PackageName,
    budget: &mut Budget,
    follow: Follow,
) -> Result<String, ChangelogError> {
    let offer = snapshot
        .facts
        .offers
        .offers
        .iter()
        .find(|offer| &offer.name == name);
    let installed = snapshot.inventory.packages().find(|p| &p.name == name);
    let (architecture, candidate) = if name == &want.package {
        (want.architecture.clone(), want.candidate.clone())
    } else if let Some(offer) = offer {
        (offer.architecture.clone(), offer.candidate.clone())
    } else if let Some(package) = installed {
        (package.architecture.clone(), package.version.clone())
    } else {
        (want.architecture.clone(), want.candidate.clone())
    };
    let size_bytes = offer.and_then(|offer| offer.size_bytes);
    let ask = backends::WantedChangelog {
        name: name.clone(),
        architecture,
        candidate,
        source: SourcePackage {
            name: want.source.clone(),
            version: want.version.clone(),
        },
        installed_source: want.installed.clone(),
        download_bytes_max: budget.bytes,
        size_bytes,
        seconds_max: u32::try_from(budget.left().as_secs().max(1)).unwrap_or(u32::MAX),
    };
    let answer = backend.changelog(&ask, &folder.cache());
    if !matches!(answer, Err(ChangelogError::TooLarge { .. })) {
        budget.bytes = budget
            .bytes
            .saturating_sub(size_bytes.unwrap_or(SIZE_BYTES_GUESSED));
    }
    match answer {
        Err(ChangelogError::InOtherPackage { other, .. }) if follow == Follow::Once => {
            one(backend, folder, snapshot, want, &other, budget, Follow::No)
        }
        answer => answer,
    }
}

fn cut(mut text: String) -> String {
    if text.len() > CHANGELOG_BYTES_MAX {
        let mut at = CHANGELOG_BYTES_MAX;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
    }
    text
}
