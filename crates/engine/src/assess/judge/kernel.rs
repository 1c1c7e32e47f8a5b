//! Kernels: what runs decides "vulnerable now", the newest installed one decides "fixed on disk".
//!
//! Several kernels stay installed at once. Packages are put into groups (one a flavour), and a group
//! is judged as one: running version fixed → `fixed`; the newest fixed, the running one not →
//! `old-code-running`; else as the running one. Where the running kernel is not known, or is of none
//! of the installed packages (a container), the newest decides and the reason says so.
//!
//! How `uname -r` maps to packages:
//! - deb: the package `linux-image-RELEASE` or `linux-image-unsigned-RELEASE`; a group is a flavour
//!   (`amd64`, `cloud-amd64`, `generic`). A kernel that was upgraded within one ABI name cannot be
//!   told from the running one by `uname -r`.
//! - rpm: `VERSION-RELEASE.ARCH`, a variant behind `+` (`+debug`) taken off; SUSE's
//!   `VERSION-RELEASE-FLAVOUR` matches a package whose release goes on with a rebuild count. A group
//!   is a package name and architecture, and is one line, since all its packages share their name.
//!
//! Source packages of signed images: Debian's `linux-signed-amd64` and Ubuntu's `linux-signed` carry
//! images of the source `linux`, `linux-signed-aws` those of `linux-aws`; their binary packages keep
//! the version of that source. Sources: Debian kernel handbook, section 2; `uname(2)`; dnf.conf(5),
//! `installonlypkgs`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use domain::judgement::{JudgedDevice, JudgedPackage};
use domain::name::Version;
use domain::package::Ecosystem;

use super::compare::order;

/// How a package is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// By its own version.
    Plain,
    /// As a kernel.
    Kernel(Kernel<'a>),
    /// Not at all: another package of its group stands for it.
    Represented,
}

/// A group of kernels, as one of its packages sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kernel<'a> {
    /// The newest installed version.
    pub newest: &'a Version,
    /// The running one; the error says why it is not known.
    pub running: Result<&'a Version, String>,
}

/// The role of each package, in the order of the device's packages.
pub(super) fn roles(device: &JudgedDevice) -> Vec<Role<'_>> {
    let mut groups: BTreeMap<(Ecosystem, String), Vec<usize>> = BTreeMap::new();
    for (at, package) in device.packages.iter().enumerate() {
        if let Some(group) = group(package) {
            groups
                .entry((package.ecosystem, group))
                .or_default()
                .push(at);
        }
    }
    let mut roles = vec![Role::Plain; device.packages.len()];
    for ((ecosystem, _), members) in groups {
        let newest = newest(device, &members);
        let running = running(device, &members);
        let kernel = Kernel {
            newest: &device.packages[newest].version,
            running: running.clone().map(|at| &device.packages[at].version),
        };
        let shown = running.unwrap_or(newest);
        for at in members {
            roles[at] = if ecosystem == Ecosystem::Deb || at == shown {
                Role::Kernel(kernel.clone())
            } else {
                Role::Represented
            };
        }
    }
    roles
}

fn newest(device: &JudgedDevice, members: &[usize]) -> usize {
    let mut best = members[0];
    for &at in members {
        let (a, b) = (&device.packages[at], &device.packages[best]);
        let order = order(a.ecosystem, a.version.as_str(), b.version.as_str());
        if order == Ok(Ordering::Greater) {
            best = at;
        }
    }
    best
}

fn running(device: &JudgedDevice, members: &[usize]) -> Result<usize, String> {
    let Some(release) = device.kernel.as_deref() else {
        return Err("the running kernel is not known".to_owned());
    };
    members
        .iter()
        .copied()
        .find(|&at| is_running(&device.packages[at], release))
        .ok_or_else(|| format!("the running kernel {release} is none of these packages"))
}

fn is_running(package: &JudgedPackage, release: &str) -> bool {
    if package.ecosystem == Ecosystem::Deb {
        return image_release(package.name.as_str()) == Some(release);
    }
    let version = package.version.as_str();
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let release = release
        .split_once('+')
        .map_or(release, |(release, _)| release);
    let Some(rest) = release.strip_prefix(version) else {
        return is_running_suse(version, release);
    };
    match (rest.strip_prefix('.'), &package.architecture) {
        (Some(rest), Some(architecture)) => rest == architecture.as_str(),
        (Some(rest), None) => !rest.contains('.'),
        (None, _) => rest.starts_with('-'),
    }
}

/// `5.3.18-150300.59.93-default` runs from version `5.3.18-150300.59.93.1`.
fn is_running_suse(version: &str, release: &str) -> bool {
    let Some((release, flavour)) = release.rsplit_once('-') else {
        return false;
    };
    if flavour.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    version
        .strip_prefix(release)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The `uname -r` that a Debian or Ubuntu image package boots; `None`: no image, or a metapackage.
fn image_release(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    rest.starts_with(|c: char| c.is_ascii_digit())
        .then_some(rest)
}

/// The group that a package is judged with.
fn group(package: &JudgedPackage) -> Option<String> {
    match package.ecosystem {
        Ecosystem::Deb => {
            let release = image_release(package.name.as_str())?;
            let flavour: Vec<&str> = release
                .split('-')
                .skip_while(|part| part.starts_with(|c: char| c.is_ascii_digit()))
                .collect();
            let source = package
                .source
                .as_ref()
                .map_or("linux", |source| source.as_str());
            Some(format!("{} {}", unsigned(source), flavour.join("-")))
        }
        Ecosystem::Rpm if boots(package.name.as_str()) => {
            let architecture = package
                .architecture
                .as_ref()
                .map_or("", |architecture| architecture.as_str());
            Some(format!("{} {architecture}", package.name))
        }
        Ecosystem::Rpm
        | Ecosystem::Apk
        | Ecosystem::Pacman
        | Ecosystem::Windows
        | Ecosystem::Winget => None,
    }
}

/// Parts of rpm names that stand behind `kernel` and hold no code that runs as the kernel.
const BESIDE: &[&str] = &[
    "headers",
    "tools",
    "doc",
    "docs",
    "abi",
    "abi-stablelists",
    "abi-whitelists",
    "srpm-macros",
    "rpm-macros",
    "cross-headers",
    "macros",
    "source",
    "firmware",
    "livepatch",
    "syms",
];

/// Whether an rpm package of this name holds a kernel or its modules, or is installed beside it.
fn boots(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("kernel") else {
        return false;
    };
    let Some(rest) = rest.strip_prefix('-') else {
        return rest.is_empty();
    };
    !BESIDE
        .iter()
        .any(|beside| rest == *beside || rest.starts_with(&format!("{beside}-")))
        && !rest.ends_with("-headers")
        && !rest.ends_with("-doc")
}

/// The source that signed kernel images carry: `linux` for `linux-signed-amd64`.
pub(super) fn unsigned(source: &str) -> String {
    let Some(at) = source.find("linux-signed") else {
        return source.to_owned();
    };
    if at != 0 {
        return source.to_owned();
    }
    let rest = &source["linux-signed".len()..];
    let rest = ["-amd64", "-arm64", "-i386"]
        .iter()
        .find_map(|suffix| rest.strip_suffix(suffix))
        .unwrap_or(rest);
    format!("linux{rest}")
}
