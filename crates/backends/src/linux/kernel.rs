//! Whether a reboot is due: the running kernel against the installed ones, and the system's own mark.
//!
//! Source: needrestart's idea of comparing; Debian's and Ubuntu's `/run/reboot-required`.

use std::cmp::Ordering;
use std::path::Path;

use domain::inventory::Inventory;
use domain::name::PackageName;
use domain::offer::RebootNeed;

use super::system::line;

/// Looks below `root`.
pub(crate) fn reboot_need(root: &Path, inventory: &Inventory) -> RebootNeed {
    let mut reasons = Vec::new();
    let mut packages: Vec<PackageName> = Vec::new();
    if root.join("run/reboot-required").exists() {
        let names =
            std::fs::read_to_string(root.join("run/reboot-required.pkgs")).unwrap_or_default();
        packages.extend(names.lines().filter_map(|name| name.trim().parse().ok()));
        packages.sort();
        packages.dedup();
        let by: Vec<&str> = packages.iter().map(PackageName::as_str).collect();
        reasons.push(if by.is_empty() {
            "the system asks for it".to_owned()
        } else {
            format!("the system asks for it because of {}", by.join(", "))
        });
    }
    if !in_container(root) {
        match kernel(root, inventory) {
            Ok(None) => {}
            Ok(Some((reason, package))) => {
                reasons.push(reason);
                packages.extend(package);
            }
            Err(reason) if reasons.is_empty() => return RebootNeed::Unknown { reason },
            Err(_) => {}
        }
    }
    packages.sort();
    packages.dedup();
    if reasons.is_empty() {
        RebootNeed::No
    } else {
        RebootNeed::Yes { reasons, packages }
    }
}

/// A container shares the kernel of a system that is not this one's business.
fn in_container(root: &Path) -> bool {
    root.join("run/systemd/container").exists()
        || root.join(".dockerenv").exists()
        || root.join("run/.containerenv").exists()
}

type Due = Option<(String, Option<PackageName>)>;

fn kernel(root: &Path, inventory: &Inventory) -> Result<Due, String> {
    let mut installed: Vec<String> = std::fs::read_dir(root.join("boot"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_prefix("vmlinuz-").map(str::to_owned))
        .collect();
    installed.sort_by(|a, b| order(a, b));
    let Some(newest) = installed.last() else {
        return Ok(None);
    };
    let running = line(root, "proc/sys/kernel/osrelease").map_err(|error| error.to_string())?;
    let package = |kernel: &str| {
        inventory.packages().find(|package| {
            package.state.is_usable()
                && package
                    .name
                    .as_str()
                    .strip_prefix("linux-image-")
                    .is_some_and(|rest| {
                        rest == kernel || rest.strip_prefix("unsigned-") == Some(kernel)
                    })
        })
    };
    if order(newest, &running) == Ordering::Greater {
        return Ok(Some((
            format!("kernel {newest} is installed, {running} is running"),
            package(newest).map(|package| package.name.clone()),
        )));
    }
    // The same name again with fixes inside: the running one says its package version.
    let banner = line(root, "proc/version").unwrap_or_default();
    let Some(own) = package(&running) else {
        return Ok(None);
    };
    match debian_version(&banner) {
        Some(booted)
            if versions::order(versions::Scheme::Deb, own.version.as_str(), booted)
                == Ok(Ordering::Greater) =>
        {
            Ok(Some((
                format!(
                    "kernel {running} is installed as {}, {booted} is running",
                    own.version
                ),
                Some(own.name.clone()),
            )))
        }
        Some(_) | None => Ok(None),
    }
}

fn order(a: &str, b: &str) -> Ordering {
    versions::order(versions::Scheme::Deb, a, b).unwrap_or_else(|_| a.cmp(b))
}

/// `6.1.170-1` of `Linux version 6.1.0-56-amd64 (…) … Debian 6.1.170-1 (2026-…)`.
fn debian_version(banner: &str) -> Option<&str> {
    banner
        .rsplit_once(" Debian ")?
        .1
        .split(' ')
        .next()
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::package::{Ecosystem, Item, Package, PackageState};

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn image(name: &str, version: &str) -> Inventory {
        Inventory::new(vec![Item::Package(Package {
            ecosystem: Ecosystem::Deb,
            name: name.parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            version: version.parse().unwrap(),
            state: PackageState::Installed,
            source: None,
            origin: None,
        })])
    }

    #[test]
    fn a_newer_kernel_and_a_newer_build_of_the_running_one_ask_for_a_reboot() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let inventory = image("linux-image-6.1.0-56-amd64", "6.1.176-1");
        write(root, "proc/sys/kernel/osrelease", "6.1.0-9-amd64\n");
        write(
            root,
            "proc/version",
            "Linux version 6.1.0-9-amd64 (x@y) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)\n",
        );
        assert_eq!(reboot_need(root, &inventory), RebootNeed::No);
        write(root, "boot/vmlinuz-6.1.0-9-amd64", "");
        assert_eq!(reboot_need(root, &inventory), RebootNeed::No);
        write(root, "boot/vmlinuz-6.1.0-56-amd64", "");
        let RebootNeed::Yes { reasons, packages } = reboot_need(root, &inventory) else {
            panic!()
        };
        assert_eq!(
            reasons,
            ["kernel 6.1.0-56-amd64 is installed, 6.1.0-9-amd64 is running"]
        );
        assert_eq!(packages[0].as_str(), "linux-image-6.1.0-56-amd64");
        write(root, "proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
        write(
            root,
            "proc/version",
            "Linux version 6.1.0-56-amd64 (x@y) #1 SMP Debian 6.1.175-1 (2026-05-08)\n",
        );
        let RebootNeed::Yes { reasons, .. } = reboot_need(root, &inventory) else {
            panic!()
        };
        assert_eq!(
            reasons,
            ["kernel 6.1.0-56-amd64 is installed as 6.1.176-1, 6.1.175-1 is running"]
        );
        write(root, "run/systemd/container", "lxc");
        assert_eq!(reboot_need(root, &inventory), RebootNeed::No);
    }

    #[test]
    fn a_kernel_from_outside_that_is_newer_than_all_asks_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "boot/vmlinuz-6.1.0-56-amd64", "");
        write(root, "proc/sys/kernel/osrelease", "6.18.44\n");
        assert_eq!(reboot_need(root, &Inventory::default()), RebootNeed::No);
    }

    #[test]
    fn the_systems_own_mark_names_its_packages() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            "run/reboot-required",
            "*** System restart required ***\n",
        );
        write(
            root,
            "run/reboot-required.pkgs",
            "libc6\nlinux-base\nlibc6\n",
        );
        let RebootNeed::Yes { reasons, packages } = reboot_need(root, &Inventory::default()) else {
            panic!()
        };
        assert_eq!(packages.len(), 2);
        assert_eq!(
            reasons,
            ["the system asks for it because of libc6, linux-base"]
        );
    }
}
