//! What the lab needs of the machine: root, and a few tools, which are installed when missing.
//!
//! Errors name what is missing. Nothing that is installed here is left running as a service.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::command::{checked, command, run};

/// Each tool with the Debian package that brings it.
const TOOLS: [(&str, &str); 21] = [
    ("apt-ftparchive", "apt-utils"),
    ("chroot", "coreutils"),
    ("curl", "curl"),
    ("dpkg-deb", "dpkg"),
    ("gpg", "gnupg"),
    ("gpgconf", "gnupg"),
    ("ip", "iproute2"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nginx", "nginx-light"),
    ("nsenter", "util-linux"),
    ("pivot_root", "util-linux"),
    ("setpriv", "util-linux"),
    ("socat", "socat"),
    ("systemd-nspawn", "systemd-container"),
    ("tar", "tar"),
    ("timeout", "coreutils"),
    ("umount", "mount"),
    ("unshare", "util-linux"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];

/// Folders searched for tools: a test may run with a `PATH` that leaves out the `sbin` ones.
pub(crate) const TOOL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Asked first by Debian's packages before they start a service; 101 means "may not".
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Checks for root and installs the tools that are missing.
pub fn ensure() -> Result<()> {
    let missing = missing_packages(|tool| find(tool).is_some());
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the lab needs root{}\nhint: run it again as root, in a container or a spare machine",
            if missing.is_empty() {
                String::new()
            } else {
                format!(" and lacks {}", missing.join(", "))
            }
        );
    }
    let namespaces = ["mnt", "pid", "net", "uts", "ipc"];
    if let Some(kind) = namespaces
        .iter()
        .find(|kind| !Path::new(&format!("/proc/self/ns/{kind}")).exists())
    {
        bail!("this kernel has no {kind} namespaces, and the lab needs them");
    }
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("lab: installing {}", missing.join(" "));
    install(&missing).with_context(|| format!("the lab lacks {}", missing.join(", ")))?;
    let still = missing_packages(|tool| find(tool).is_some());
    if !still.is_empty() {
        bail!(
            "installed, but their tools are not there: {}",
            still.join(", ")
        );
    }
    Ok(())
}

/// The packages whose tools are not there, each once, in order.
fn missing_packages(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let missing = TOOLS
        .iter()
        .filter(|(tool, _)| !is_there(tool))
        .map(|(_, package)| *package);
    missing.collect::<BTreeSet<_>>().into_iter().collect()
}

fn find(tool: &str) -> Option<PathBuf> {
    TOOL_PATH
        .split(':')
        .map(|folder| Path::new(folder).join(tool))
        .find(|path| path.is_file())
}

fn install(packages: &[&str]) -> Result<()> {
    let _no_starts = NoServiceStarts::begin()?;
    let mut argv = vec![
        "apt-get",
        "-q",
        "-y",
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
    ];
    argv.push("--no-install-recommends");
    argv.extend(packages);
    let apt = |argv: &[&str]| checked(command(argv).env("DEBIAN_FRONTEND", "noninteractive"));
    if apt(&argv).is_err() {
        // Most often the lists are absent or older than the mirror: fetch them and try once more.
        apt(&["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"])?;
        apt(&argv)?;
    }
    if packages.contains(&"nginx-light") {
        keep_nginx_off();
    }
    Ok(())
}

/// Keeps the nginx that was installed for the lab from being started at the next boot either.
fn keep_nginx_off() {
    let outcome = if Path::new("/run/systemd/system").is_dir() {
        run(&["systemctl", "disable", "--now", "nginx.service"])
    } else {
        run(&["update-rc.d", "nginx", "disable"])
    };
    if let Err(error) = outcome {
        eprintln!("lab: the machine's own nginx may start at boot: {error}");
    }
}

/// While this lives, packages may not start services. A policy that was there before stays.
struct NoServiceStarts {
    is_ours: bool,
}

impl NoServiceStarts {
    fn begin() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { is_ours: false });
        }
        let mut file = fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).mode(0o755).open(POLICY)?;
        std::io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n")?;
        Ok(Self { is_ours: true })
    }
}

impl Drop for NoServiceStarts {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_package_is_named_once() {
        let missing = missing_packages(|tool| !tool.starts_with("gpg") && tool != "socat");
        assert_eq!(missing, ["gnupg", "socat"]);
        assert!(missing_packages(|_| true).is_empty());
    }

    #[test]
    fn tools_are_found_by_name_not_by_folder() {
        assert!(find("sh").is_some());
        assert!(find("a-tool-nobody-has").is_none());
    }
}
