//! What a product of the tree is: a package of a system, told from names, package URLs and CPEs.

use domain::advisory::SystemId;
use domain::name::{Architecture, PackageName, Version};

/// A package of one or more systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The systems; more than one where a product serves several releases.
    pub systems: Vec<SystemId>,
    /// The package.
    pub name: PackageName,
    /// Whether it is a source package.
    pub source: bool,
    /// Its architecture; `None`: any, or not said.
    pub architecture: Option<Architecture>,
    /// Its version with epoch; `None`: the product is the package at any version.
    pub version: Option<Version>,
    /// Module and stream.
    pub module: Option<String>,
    /// Only with this subscription.
    pub subscription: Option<String>,
}

/// Name, epoch, version with release, and architecture of an rpm, as far as they are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nevra<'a> {
    /// The name.
    pub name: &'a str,
    /// The epoch, where it is written.
    pub epoch: Option<&'a str>,
    /// Version and release.
    pub version: &'a str,
    /// The architecture.
    pub architecture: &'a str,
}

/// Architectures of rpm packages. Source: rpm, `rpmrc.in`; those that the vendors here build.
const ARCHITECTURES: &[&str] = &[
    "noarch",
    "src",
    "nosrc",
    "x86_64",
    "i386",
    "i486",
    "i586",
    "i686",
    "athlon",
    "ia32e",
    "ia64",
    "ppc",
    "ppc64",
    "ppc64le",
    "s390",
    "s390x",
    "aarch64",
    "armv5tel",
    "armv6hl",
    "armv7hl",
    "armv7l",
    "riscv64",
    "loongarch64",
];

/// Whether the word is an architecture of rpm packages.
pub fn is_architecture(word: &str) -> bool {
    ARCHITECTURES.contains(&word)
}

/// Takes `name-[epoch:]version-release.architecture` apart; `None`: it is something else.
pub fn nevra(text: &str) -> Option<Nevra<'_>> {
    let (rest, architecture) = text.rsplit_once('.')?;
    if !is_architecture(architecture) {
        return None;
    }
    let (front, release) = rest.rsplit_once('-')?;
    let (name, version) = front.rsplit_once('-')?;
    let from = name.len() + 1;
    let (epoch, from) = match version.split_once(':') {
        Some((epoch, _)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(epoch), from + epoch.len() + 1)
        }
        Some(_) => return None,
        None => (None, from),
    };
    let version = rest.get(from..)?;
    (!name.is_empty() && !release.is_empty() && !version.starts_with('-')).then_some(Nevra {
        name,
        epoch,
        version,
        architecture,
    })
}

/// Takes `name-[epoch:]version-release` apart, without an architecture; `None`: something else.
pub fn nvr(text: &str) -> Option<Nevra<'_>> {
    let (front, release) = text.rsplit_once('-')?;
    let (name, version) = front.rsplit_once('-')?;
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || !digit(version) || release.is_empty() {
        return None;
    }
    let (epoch, from) = match version.split_once(':') {
        Some((epoch, _)) if epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(epoch), name.len() + 1 + epoch.len() + 1)
        }
        Some(_) => return None,
        None => (None, name.len() + 1),
    };
    Some(Nevra {
        name,
        epoch,
        version: text.get(from..)?,
        architecture: "",
    })
}

/// A version with its epoch, 0 where none is said; `None`: it is no version.
pub fn with_epoch(epoch: Option<&str>, version: &str) -> Option<Version> {
    let epoch = epoch.filter(|epoch| !epoch.is_empty()).unwrap_or("0");
    let number = epoch.bytes().all(|b| b.is_ascii_digit()) && epoch.len() <= 10;
    let plain = !version.is_empty() && !version.contains(char::is_whitespace);
    if !number || !plain {
        return None;
    }
    format!("{epoch}:{version}").parse().ok()
}

/// The architecture as a statement has it: `None` for what runs on any, and for sources.
pub fn architecture(word: &str) -> Option<Architecture> {
    match word {
        "" | "noarch" | "src" | "nosrc" => None,
        word => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpm_is_taken_apart_from_the_right() {
        let text = "python3-samba-dc-0:4.17.5-4.el8_8.x86_64";
        assert_eq!(
            nevra(text),
            Some(Nevra {
                name: "python3-samba-dc",
                epoch: Some("0"),
                version: "4.17.5-4.el8_8",
                architecture: "x86_64"
            })
        );
        let old = nevra("libImlib2-1-1.4.5-5.1.x86_64").map(|n| (n.name, n.epoch, n.version));
        assert_eq!(old, Some(("libImlib2-1", None, "1.4.5-5.1")));
        for other in ["samba", "openssl.src", "a-b.x86_64", "x-1:y:2-3.noarch", ""] {
            let parsed = nevra(other);
            assert!(parsed.is_none() || other.starts_with("x-"), "{other}");
        }
        assert_eq!(nevra("quarkus-vertx-http"), None);
    }

    #[test]
    fn without_an_architecture_version_and_release_are_the_last_two() {
        let parts = |text| nvr(text).map(|n| (n.name, n.epoch, n.version));
        let kernel = Some(("kernel-rt", None, "4.12.14-8.9.3"));
        assert_eq!(parts("kernel-rt-4.12.14-8.9.3"), kernel);
        let v8 = Some(("v8", Some("1"), "3.14.5.10-25.el7"));
        assert_eq!(parts("v8-1:3.14.5.10-25.el7"), v8);
        assert_eq!(parts("samba-client"), None);
        assert_eq!(parts("a-b-c"), None);
    }

    #[test]
    fn the_epoch_is_always_written() {
        let text = |epoch, version| with_epoch(epoch, version).map(String::from);
        assert_eq!(text(None, "1-2").as_deref(), Some("0:1-2"));
        assert_eq!(
            text(Some("32"), "9.8-1.el6").as_deref(),
            Some("32:9.8-1.el6")
        );
        assert_eq!(text(Some("x"), "1-2"), None);
        assert_eq!(text(None, "1 2"), None);
    }
}
