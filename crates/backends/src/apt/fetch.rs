//! Fetches one offered package into a folder of ours and reads its changelog.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::{Apt, arguments, commands, simulation};
use crate::backend::{ChangelogError, WantedChangelog};
use crate::changelog::{TEXT_BYTES_MAX, is_changelog, newer_than};
use crate::debfile::{self, Place};

/// Returns the changelog above the installed source version; see [`crate::Backend::changelog`].
pub(super) fn changelog(
    apt: &Apt,
    wanted: &WantedChangelog,
    cache: &Path,
) -> Result<String, ChangelogError> {
    let kept = cache.join("changelogs").join(kept_name(wanted));
    let text = match std::fs::read_to_string(&kept) {
        Ok(text) => text,
        Err(_) => {
            let text = fetched(apt, wanted, cache)?;
            let error = |source| ChangelogError::Cache {
                path: kept.clone(),
                source,
            };
            std::fs::create_dir_all(cache.join("changelogs")).map_err(error)?;
            // Written aside and moved, so that a half-written text is never taken for a whole one.
            let aside = kept.with_extension("new");
            std::fs::write(&aside, &text).map_err(error)?;
            std::fs::rename(&aside, &kept).map_err(error)?;
            text
        }
    };
    if !is_changelog(&text) {
        return Err(ChangelogError::None {
            name: wanted.name.clone(),
        });
    }
    let installed = wanted
        .installed_source
        .as_ref()
        .map(|version| version.as_str());
    Ok(newer_than(&text, installed).to_owned())
}

/// A file name by source and source version; a rebuild (`+b1`) has a text of its own.
fn kept_name(wanted: &WantedChangelog) -> String {
    let source_version = wanted.source.version.as_str();
    let rebuild = wanted
        .candidate
        .as_str()
        .strip_prefix(source_version)
        .filter(|rest| rest.starts_with("+b"))
        .unwrap_or("");
    let mut name = String::new();
    for c in format!("{}_{source_version}{rebuild}", wanted.source.name).chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | '~') {
            name.push(c);
        } else {
            name.push_str(&format!("%{:x}", u32::from(c)));
        }
    }
    // Longer than a file system takes: such versions do not exist in archives.
    name.truncate(200);
    name.push_str(".txt");
    name
}

fn fetched(apt: &Apt, wanted: &WantedChangelog, cache: &Path) -> Result<String, ChangelogError> {
    let name = || wanted.name.clone();
    let (architecture, candidate) = (wanted.architecture.as_str(), wanted.candidate.as_str());
    if !arguments::is_pin(wanted.name.as_str(), architecture, candidate) {
        return Err(ChangelogError::Download {
            name: name(),
            reason: "its name, architecture or version cannot be given to apt".to_owned(),
        });
    }
    let too_large = |size_bytes| ChangelogError::TooLarge {
        name: name(),
        size_bytes,
        limit_bytes: wanted.download_bytes_max,
    };
    if let Some(size) = wanted
        .size_bytes
        .filter(|&size| size > wanted.download_bytes_max)
    {
        return Err(too_large(size));
    }
    let folder = Folder::new(cache.join(format!("fetch-{}", wanted.name)))?;
    let command = commands::fetch(
        apt.package_cache().as_deref(),
        (&wanted.name, &wanted.architecture, &wanted.candidate),
        &folder.path,
        wanted.seconds_max,
    );
    let finished = apt.runner.run(&command)?;
    if !finished.succeeded() {
        return Err(ChangelogError::Download {
            name: name(),
            reason: simulation::refusal(&finished),
        });
    }
    let (path, size) = folder.deb()?.ok_or_else(|| ChangelogError::Download {
        name: name(),
        reason: "apt-get ended well and left no file".to_owned(),
    })?;
    if size > wanted.download_bytes_max {
        return Err(too_large(size));
    }
    let damaged = |error: debfile::BadDeb| ChangelogError::Damaged {
        name: name(),
        reason: error.to_string(),
    };
    let file = File::open(&path).map_err(|source| ChangelogError::Cache { path, source })?;
    let documents =
        debfile::documents(BufReader::new(file), wanted.name.as_str()).map_err(damaged)?;
    // Twice the limit: what is cut later is cut at a line.
    let limit = u64::try_from(TEXT_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_mul(2);
    let architecture = match architecture {
        "all" => apt.native().map_or("all", |native| native.as_str()),
        other => other,
    };
    match documents
        .changelog(wanted.name.as_str(), architecture, limit)
        .map_err(damaged)?
    {
        Place::Here(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Place::In(other) => match other.parse() {
            Ok(other) => Err(ChangelogError::InOtherPackage {
                name: name(),
                other,
            }),
            Err(_) => Err(ChangelogError::None { name: name() }),
        },
        Place::Nowhere => Ok(String::new()),
    }
}

/// A folder for one download; it is removed in the end, whatever happened.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(path: PathBuf) -> Result<Self, ChangelogError> {
        // What an earlier run that was killed left here is not ours to read.
        let _ = std::fs::remove_dir_all(&path);
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(ChangelogError::Cache { path, source }),
        }
    }

    fn deb(&self) -> Result<Option<(PathBuf, u64)>, ChangelogError> {
        let entries = std::fs::read_dir(&self.path).map_err(|source| ChangelogError::Cache {
            path: self.path.clone(),
            source,
        })?;
        Ok(entries
            .flatten()
            .find(|entry| entry.path().extension().is_some_and(|end| end == "deb"))
            .and_then(|entry| Some((entry.path(), entry.metadata().ok()?.len()))))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::package::SourcePackage;

    #[test]
    fn kept_texts_have_names_that_leave_no_folder() {
        let wanted = |source: &str, version: &str, candidate: &str| WantedChangelog {
            name: "a".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            candidate: candidate.parse().unwrap(),
            source: SourcePackage {
                name: source.parse().unwrap(),
                version: version.parse().unwrap(),
            },
            installed_source: None,
            download_bytes_max: 1,
            size_bytes: None,
            seconds_max: 1,
        };
        assert_eq!(
            kept_name(&wanted("openssl", "1:3.0-1", "1:3.0-1")),
            "openssl_1%3a3.0-1.txt"
        );
        assert_eq!(
            kept_name(&wanted("bash", "5.2-2", "5.2-2+b13")),
            "bash_5.2-2+b13.txt"
        );
        assert_eq!(kept_name(&wanted("../../x", "1", "9")), "..%2f..%2fx_1.txt");
    }
}
