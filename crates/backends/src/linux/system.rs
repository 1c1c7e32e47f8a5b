//! What system this is: release, kernel, name, boot, zone. Source: os-release(5), proc(5), localtime(5).

use std::collections::BTreeMap;
use std::path::Path;

use domain::name::Architecture;
use domain::offer::System;

use crate::backend::BackendError;

/// Reads the system below `root`.
pub(crate) fn read(root: &Path, architecture: Architecture) -> Result<System, BackendError> {
    let release = os_release(root)?;
    let value = |name: &str| release.get(name).cloned();
    Ok(System {
        id: value("ID").unwrap_or_else(|| "linux".to_owned()),
        version: value("VERSION_ID").unwrap_or_default(),
        // Testing and unstable name no version, but do name their codename.
        codename: value("VERSION_CODENAME").and_then(|name| name.parse().ok()),
        architecture,
        kernel: line(root, "proc/sys/kernel/osrelease")?,
        hostname: line(root, "proc/sys/kernel/hostname")?,
        boot_id: line(root, "proc/sys/kernel/random/boot_id")?,
        zone: zone(root),
    })
}

/// The first line of a file, printable characters only.
pub(crate) fn line(root: &Path, path: &str) -> Result<String, BackendError> {
    let path = root.join(path);
    let bytes = std::fs::read(&path).map_err(|source| BackendError::Read { path, source })?;
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .next()
        .unwrap_or("")
        .trim()
        .chars()
        .filter(|&c| domain::name::printable(c))
        .collect())
}

fn os_release(root: &Path) -> Result<BTreeMap<String, String>, BackendError> {
    let first = root.join("etc/os-release");
    let text = std::fs::read_to_string(&first)
        .or_else(|_| std::fs::read_to_string(root.join("usr/lib/os-release")))
        .map_err(|source| BackendError::Read {
            path: first,
            source,
        })?;
    Ok(text
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(name, _)| !name.starts_with('#'))
        .map(|(name, value)| {
            let value = value.trim_matches(|c| c == '"' || c == '\'');
            (
                name.to_owned(),
                value
                    .chars()
                    .filter(|&c| domain::name::printable(c))
                    .collect(),
            )
        })
        .collect())
}

fn zone(root: &Path) -> String {
    let link = std::fs::read_link(root.join("etc/localtime")).unwrap_or_default();
    let from_link = link
        .to_string_lossy()
        .split_once("zoneinfo/")
        .map(|(_, name)| name.to_owned());
    from_link
        .or_else(|| line(root, "etc/timezone").ok())
        .map(|name| name.trim_start_matches("posix/").to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "Etc/UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_debian_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            "etc/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
        );
        write(root, "proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
        write(root, "proc/sys/kernel/hostname", "web1\n");
        write(root, "proc/sys/kernel/random/boot_id", "3f2c\n");
        let amd64: Architecture = "amd64".parse().unwrap();
        let system = read(root, amd64.clone()).unwrap();
        assert_eq!(
            (
                system.id.as_str(),
                system.version.as_str(),
                system.zone.as_str()
            ),
            ("debian", "12", "Etc/UTC")
        );
        assert_eq!(system.codename.unwrap().as_str(), "bookworm");
        write(root, "etc/timezone", "Europe/Vienna\n");
        assert_eq!(read(root, amd64.clone()).unwrap().zone, "Europe/Vienna");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Asia/Tokyo", root.join("etc/localtime"))
            .unwrap();
        assert_eq!(read(root, amd64.clone()).unwrap().zone, "Asia/Tokyo");
        std::fs::remove_file(root.join("etc/os-release")).unwrap();
        assert!(
            read(root, amd64)
                .unwrap_err()
                .to_string()
                .contains("os-release")
        );
    }
}
