//! Systems as definitions name them: a distribution with its release.
//!
//! One spelling for what feeds and devices spell in many ways: `debian:bookworm`, `ubuntu:22.04`,
//! `rhel:9`, `rhel-eus:9.2`, `almalinux:9`, `rocky:9`, `ol:9`, `sles:15.5`, `opensuse-leap:15.5`,
//! `alpine:3.20`, `arch`, `fedora:43`, `amzn:2023`, `wolfi`. Debian by code name, because its tracker
//! does so; everything else by the version that `os-release` gives.

use std::fmt;

/// A distribution and its release, in the one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemId(String);

/// Debian's releases: version and code name. Source: debian.org, release history.
pub const DEBIAN_RELEASES: &[(&str, &str)] = &[
    ("3.0", "woody"),
    ("3.1", "sarge"),
    ("4", "etch"),
    ("5", "lenny"),
    ("6", "squeeze"),
    ("7", "wheezy"),
    ("8", "jessie"),
    ("9", "stretch"),
    ("10", "buster"),
    ("11", "bullseye"),
    ("12", "bookworm"),
    ("13", "trixie"),
    ("14", "forky"),
    ("15", "duke"),
];

impl SystemId {
    /// A distribution with a release; both are put into lower case, a release may be empty.
    pub fn new(distribution: &str, release: &str) -> Self {
        let distribution = distribution.trim().to_ascii_lowercase();
        let release = release.trim().to_ascii_lowercase();
        if release.is_empty() {
            Self(distribution)
        } else {
            Self(format!("{distribution}:{release}"))
        }
    }

    /// A Debian release, by version or code name.
    pub fn debian(release: &str) -> Self {
        let release = release.trim().to_ascii_lowercase();
        let major = release.split('.').next().unwrap_or_default();
        let codename = DEBIAN_RELEASES
            .iter()
            .find(|(version, _)| *version == release || *version == major)
            .map_or(release.as_str(), |(_, codename)| codename);
        Self::new("debian", codename)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The distribution: what stands before the colon.
    pub fn distribution(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The release: what stands behind the colon; empty for a rolling system.
    pub fn release(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, release)| release)
    }

    /// The systems whose statements count for a device with this `os-release`.
    ///
    /// Rebuilds of one vendor's system are systems of their own: an advisory of Red Hat says nothing
    /// certain of AlmaLinux. CentOS Linux (not Stream) shipped Red Hat's packages unchanged in name
    /// and version, so Red Hat's statements count there.
    pub fn of_os_release(id: &str, version: &str, codename: Option<&str>) -> Vec<Self> {
        let id = id.trim().to_ascii_lowercase();
        let version = version.trim();
        let major = version.split('.').next().unwrap_or_default();
        let major_minor = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        match id.as_str() {
            "debian" => {
                let release = codename.filter(|name| !name.is_empty()).unwrap_or(version);
                vec![Self::debian(release)]
            }
            "ubuntu" => vec![Self::new("ubuntu", &major_minor)],
            "rhel" | "redhat" => vec![Self::new("rhel", major)],
            "centos" if !version.contains('-') && major_is_centos_linux(major) => {
                vec![Self::new("centos", major), Self::new("rhel", major)]
            }
            "almalinux" | "alma" => vec![Self::new("almalinux", major)],
            "rocky" => vec![Self::new("rocky", major)],
            "ol" | "oracle" => vec![Self::new("ol", major)],
            "sles" | "sled" | "sles_sap" => vec![Self::new("sles", &major_minor)],
            "sle-micro" | "sl-micro" | "sle_micro" => vec![Self::new("sle-micro", &major_minor)],
            "opensuse-leap" | "opensuse" => vec![Self::new("opensuse-leap", &major_minor)],
            "opensuse-tumbleweed" => vec![Self::new("opensuse-tumbleweed", "")],
            "alpine" => vec![Self::new("alpine", &major_minor)],
            "arch" | "archarm" | "wolfi" | "chainguard" => vec![Self::new(&id, "")],
            "amzn" | "amazon" => vec![Self::new("amzn", version)],
            "mariner" | "azurelinux" => vec![Self::new(&id, major)],
            _ => vec![Self::new(&id, version)],
        }
    }
}

/// CentOS Linux ended with 8; 9 and later are Stream, whose packages are others.
fn major_is_centos_linux(major: &str) -> bool {
    major.parse::<u32>().is_ok_and(|major| major <= 8)
}

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_many() {
        let of = |id: &str, version: &str, codename: Option<&str>| {
            SystemId::of_os_release(id, version, codename)
                .iter()
                .map(SystemId::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("debian", "12", None), "debian:bookworm");
        assert_eq!(of("debian", "", Some("bullseye")), "debian:bullseye");
        assert_eq!(of("debian", "11.7", None), "debian:bullseye");
        assert_eq!(of("ubuntu", "22.04", Some("jammy")), "ubuntu:22.04");
        assert_eq!(of("rhel", "8.9", None), "rhel:8");
        assert_eq!(of("centos", "7", None), "centos:7 rhel:7");
        assert_eq!(of("centos", "9", None), "centos:9");
        assert_eq!(of("alpine", "3.20.2", None), "alpine:3.20");
        assert_eq!(of("sles", "15.5", None), "sles:15.5");
        assert_eq!(of("arch", "", None), "arch");
        assert_eq!(of("mariner", "2.0.20240223", None), "mariner:2");
        assert_eq!(of("azurelinux", "3.0.20250102", None), "azurelinux:3");
    }
}
