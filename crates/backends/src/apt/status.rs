//! Reads dpkg's database: what is installed and how it stands.
//!
//! `status` holds a paragraph per package; `updates/` holds paragraphs that dpkg has not merged yet,
//! in files named by digits, applied in their order. Reading both gives what `dpkg-query -W` prints
//! (a test compares them), without starting a process.
//! Source: dpkg(1), dpkg-query(1), and a comparison with dpkg 1.21.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::inventory::Inventory;
use domain::name::{Architecture, PackageName, Version};
use domain::package::{Ecosystem, Item, Package, PackageState, SourcePackage};

use super::stanza::{Stanza, stanzas};
use crate::backend::{BackendError, InventoryRead};

/// Most bytes of one file of the database.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The database as bytes.
pub(crate) struct Database {
    status: Vec<u8>,
    updates: Vec<Vec<u8>>,
}

/// Reads a file of the package manager, with a limit.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, BackendError> {
    use std::io::Read as _;
    let error = |source| BackendError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(error)?;
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    Ok(bytes)
}

/// The files of `updates/` that are not merged yet, in their order.
pub(crate) fn unmerged(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join("updates")) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()))
        })
        .collect();
    paths.sort();
    paths
}

impl Database {
    /// Reads the database in `folder` (`/var/lib/dpkg`).
    pub(crate) fn read(folder: &Path) -> Result<Self, BackendError> {
        let status = read_file(&folder.join("status"))?;
        let mut updates = Vec::new();
        for path in unmerged(folder) {
            match read_file(&path) {
                Ok(bytes) => updates.push(bytes),
                // dpkg merges and removes them while it works; then `status` is read again.
                Err(BackendError::Read { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    return Ok(Self {
                        status: read_file(&folder.join("status"))?,
                        updates: Vec::new(),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Self { status, updates })
    }

    /// Its paragraphs, later ones in place of earlier ones of the same package.
    pub(crate) fn stanzas(&self) -> Vec<Stanza<'_>> {
        let mut all: Vec<Stanza<'_>> = stanzas(&self.status).collect();
        if self.updates.is_empty() {
            return all;
        }
        let key = |stanza: &Stanza<'_>| {
            (
                stanza.field("Package").map(<[u8]>::to_vec),
                stanza.field("Architecture").map(<[u8]>::to_vec),
            )
        };
        let mut places: BTreeMap<_, usize> = all
            .iter()
            .enumerate()
            .map(|(at, stanza)| (key(stanza), at))
            .collect();
        for stanza in self.updates.iter().flat_map(|bytes| stanzas(bytes)) {
            match places.get(&key(&stanza)) {
                Some(&at) => all[at] = stanza,
                None => {
                    places.insert(key(&stanza), all.len());
                    all.push(stanza);
                }
            }
        }
        all
    }

    /// Everything installed, and what could not be understood.
    pub(crate) fn inventory(&self) -> InventoryRead {
        let mut items = Vec::with_capacity(1024);
        let mut unreadable = Vec::new();
        for stanza in self.stanzas() {
            match package(stanza) {
                Ok(Some(package)) => items.push(Item::Package(package)),
                Ok(None) => {}
                Err(reason) => unreadable.push(reason),
            }
        }
        if items.len() > domain::inventory::ITEMS_MAX {
            unreadable.push(format!(
                "{} packages are installed, only the first {} are reported",
                items.len(),
                domain::inventory::ITEMS_MAX
            ));
            items.truncate(domain::inventory::ITEMS_MAX);
        }
        InventoryRead {
            inventory: Inventory::new(items),
            unreadable,
        }
    }

    /// Packages that dpkg has begun with and not finished.
    pub(crate) fn unfinished(&self) -> Vec<PackageName> {
        let mut names: Vec<PackageName> = self
            .stanzas()
            .into_iter()
            .filter(|stanza| {
                let mut words = stanza.text("Status").split_ascii_whitespace();
                let flag = words.nth(1).unwrap_or("ok");
                let status = words.next().unwrap_or("not-installed");
                flag != "ok" || !matches!(status, "installed" | "config-files" | "not-installed")
            })
            .filter_map(|stanza| stanza.text("Package").parse().ok())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Packages that shall be there and are only half unpacked, with the version that was there before:
    /// configuring passes them over.
    pub(crate) fn half_unpacked(&self) -> Vec<(PackageName, Architecture, Version)> {
        let mut torn = Vec::new();
        for stanza in self.stanzas() {
            let words: Vec<&str> = stanza.text("Status").split_ascii_whitespace().collect();
            let (["install" | "hold", "reinstreq", _] | ["install" | "hold", _, "half-installed"]) =
                words[..]
            else {
                continue;
            };
            let parsed = (
                stanza.text("Package").parse(),
                stanza.text("Architecture").parse(),
                stanza.text("Version").parse(),
            );
            if let (Ok(name), Ok(architecture), Ok(version)) = parsed {
                torn.push((name, architecture, version));
            }
        }
        torn
    }
}

/// Only the fields that an inventory needs, found in one pass.
#[derive(Default)]
struct Fields<'a> {
    name: &'a [u8],
    status: &'a [u8],
    architecture: &'a [u8],
    version: &'a [u8],
    source: &'a [u8],
}

fn package(stanza: Stanza<'_>) -> Result<Option<Package>, String> {
    let mut fields = Fields::default();
    for (name, value) in stanza.fields() {
        match name {
            b"Package" => fields.name = value,
            b"Status" => fields.status = value,
            b"Architecture" => fields.architecture = value,
            b"Version" => fields.version = value,
            b"Source" => fields.source = value,
            _ => {}
        }
    }
    let shown = String::from_utf8_lossy(&fields.name[..fields.name.len().min(80)])
        .escape_debug()
        .to_string();
    let text = |what: &str, bytes| {
        std::str::from_utf8(bytes)
            .map_err(|_| format!("package `{shown}`: its {what} is not UTF-8"))
    };
    let Some(state) = state(text("status", fields.status)?)
        .map_err(|word| format!("package `{shown}`: dpkg's status `{word}` is not known"))?
    else {
        return Ok(None);
    };
    let bad = |reason: domain::name::InvalidName| format!("package `{shown}`: {reason}");
    let name: PackageName = text("name", fields.name)?.parse().map_err(bad)?;
    let version: domain::name::Version = text("version", fields.version)?.parse().map_err(bad)?;
    let source = source(text("source", fields.source)?, &name, &version).map_err(bad)?;
    Ok(Some(Package {
        ecosystem: Ecosystem::Deb,
        architecture: text("architecture", fields.architecture)?
            .parse()
            .map_err(bad)?,
        name,
        version,
        state,
        source: Some(source),
        origin: None,
    }))
}

/// Reads `Source: NAME (VERSION)`; what is not said is as the binary package's.
pub(crate) fn source(
    field: &str,
    name: &PackageName,
    version: &domain::name::Version,
) -> Result<SourcePackage, domain::name::InvalidName> {
    let (own, rest) = match field.split_once('(') {
        Some((own, rest)) => (
            own.trim(),
            Some(rest.trim_end().trim_end_matches(')').trim()),
        ),
        None => (field.trim(), None),
    };
    Ok(SourcePackage {
        name: if own.is_empty() {
            name.clone()
        } else {
            own.parse()?
        },
        version: match rest {
            Some(rest) => rest.parse()?,
            None => version.clone(),
        },
    })
}

/// Reads the three words of a status; `None` when the package is not installed at all.
fn state(words: &str) -> Result<Option<PackageState>, String> {
    let mut parts = words.split_ascii_whitespace();
    let (Some(want), Some(flag), Some(status), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(words.chars().take(60).collect());
    };
    let status = match status {
        "not-installed" => return Ok(None),
        "config-files" => PackageState::ConfigFiles,
        "half-installed" => PackageState::HalfInstalled,
        "unpacked" => PackageState::Unpacked,
        "half-configured" => PackageState::HalfConfigured,
        "triggers-awaited" => PackageState::TriggersAwaited,
        "triggers-pending" => PackageState::TriggersPending,
        "installed" => match want {
            "install" => PackageState::Installed,
            "hold" => PackageState::Held,
            // Marked for removal, or never selected: installed, and not as it should be.
            _ => PackageState::Broken,
        },
        other => return Err(other.chars().take(60).collect()),
    };
    Ok(Some(if flag == "ok" {
        status
    } else {
        PackageState::Broken
    }))
}

#[cfg(test)]
mod tests;
