//! OSV's ecosystems: which system they mean, whose feed they are, how their versions are ordered.
//!
//! Source: the OSV schema's list of ecosystems, and the records that the databases publish.

use domain::advisory::SystemId;
use domain::feed::Feed;
use versions::Scheme;

use crate::fields;

/// What an ecosystem means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ecosystem {
    /// The system.
    pub system: SystemId,
    /// Whose records these are.
    pub feed: Feed,
    /// Names are source packages; else binary ones.
    pub sources: bool,
    /// How versions are ordered; `None`: not known here, kept as written.
    pub scheme: Option<Scheme>,
    /// The channel that must be paid for.
    pub subscription: Option<String>,
    /// Whether its records name the CVEs that they fix in `related`.
    pub related: bool,
}

/// Distributions: OSV's name, ours, feed, names are sources, order, CVEs in `related`.
///
/// `related` as the databases use it: AlmaLinux and Rocky Linux name the fixed CVEs nowhere else,
/// Debian's advisories, SUSE and Ubuntu's older records (schema 1.6) likewise; Red Hat, Mageia and
/// openEuler follow them. Everywhere else `related` means what the schema says, and is not read.
const DISTRIBUTIONS: &[(&str, &str, Feed, bool, Scheme, bool)] = &[
    ("Debian", "debian", Feed::DebianOsv, true, Scheme::Deb, true),
    ("Ubuntu", "ubuntu", Feed::UbuntuOsv, true, Scheme::Deb, true),
    (
        "AlmaLinux",
        "almalinux",
        Feed::AlmaOsv,
        false,
        Scheme::Rpm,
        true,
    ),
    (
        "Rocky Linux",
        "rocky",
        Feed::RockyOsv,
        false,
        Scheme::Rpm,
        true,
    ),
    ("SUSE", "suse", Feed::SuseOsv, false, Scheme::Rpm, true),
    (
        "openSUSE",
        "opensuse",
        Feed::SuseOsv,
        false,
        Scheme::Rpm,
        true,
    ),
    ("Red Hat", "redhat", Feed::Osv, false, Scheme::Rpm, true),
    ("Mageia", "mageia", Feed::Osv, true, Scheme::Rpm, true),
    ("openEuler", "openeuler", Feed::Osv, true, Scheme::Rpm, true),
    ("Photon OS", "photon", Feed::Osv, false, Scheme::Rpm, false),
    (
        "Azure Linux",
        "azurelinux",
        Feed::Osv,
        false,
        Scheme::Rpm,
        false,
    ),
    (
        "Alpine",
        "alpine",
        Feed::AlpineOsv,
        true,
        Scheme::Apk,
        false,
    ),
    (
        "Alpaquita",
        "alpaquita",
        Feed::Osv,
        true,
        Scheme::Apk,
        false,
    ),
    ("Wolfi", "wolfi", Feed::Osv, true, Scheme::Apk, false),
    (
        "Chainguard",
        "chainguard",
        Feed::Osv,
        true,
        Scheme::Apk,
        false,
    ),
    ("MinimOS", "minimos", Feed::Osv, true, Scheme::Apk, false),
];

/// Language ecosystems whose versions are ordered as Semantic Versioning says.
const SEMVER: &[&str] = &["npm", "crates.io", "Go", "Hex", "Pub", "SwiftURL"];

/// Reads `Ubuntu:Pro:18.04:LTS`. Errors: no ecosystem.
pub fn read(text: &str) -> Result<Ecosystem, String> {
    let text = fields::id(text)?;
    let (name, suffix) = text.split_once(':').unwrap_or((text, ""));
    let Some((_, ours, feed, sources, scheme, related)) = DISTRIBUTIONS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
    else {
        return Ok(language(name, suffix));
    };
    let (system, subscription) = match *ours {
        "debian" => (SystemId::debian(suffix), None),
        "ubuntu" => ubuntu(suffix),
        "suse" | "opensuse" => suse(ours, suffix),
        "redhat" => (red_hat(suffix), None),
        "alpine" => (SystemId::new("alpine", alpine(suffix)), None),
        _ => (SystemId::new(ours, suffix), None),
    };
    Ok(Ecosystem {
        system,
        feed: *feed,
        sources: *sources,
        scheme: Some(*scheme),
        subscription,
        related: *related,
    })
}

fn language(name: &str, suffix: &str) -> Ecosystem {
    let scheme = SEMVER
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
        .then_some(Scheme::Semver);
    Ecosystem {
        system: SystemId::new(&name.replace(char::is_whitespace, "-"), suffix),
        feed: Feed::Osv,
        sources: false,
        scheme,
        subscription: None,
        related: false,
    }
}

/// `22.04:LTS`, `Pro:18.04:LTS`, `Pro:FIPS-updates:20.04:LTS`.
fn ubuntu(suffix: &str) -> (SystemId, Option<String>) {
    let is_release = |part: &str| {
        part.split_once('.').is_some_and(|(year, month)| {
            let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            digits(year) && digits(month)
        })
    };
    let mut release = "";
    let mut channel = Vec::new();
    for part in suffix.split(':') {
        if is_release(part) {
            release = part;
        } else if !part.is_empty() && part != "LTS" {
            channel.push(part);
        }
    }
    let subscription = (!channel.is_empty()).then(|| format!("Ubuntu {}", channel.join(" ")));
    (SystemId::new("ubuntu", release), subscription)
}

fn alpine(suffix: &str) -> &str {
    suffix.strip_prefix('v').unwrap_or(suffix)
}

/// `Linux Enterprise Server 15 SP5-LTSS`, `Leap 15.5`, `Tumbleweed`.
///
/// Modules and extensions belong to the service pack that they are for: their packages are installed
/// on that system. Products that stand on top of it (OpenStack Cloud, Manager) keep a system of their
/// own, which no device reports.
fn suse(ours: &str, suffix: &str) -> (SystemId, Option<String>) {
    let suffix = suffix.trim();
    if ours == "opensuse" {
        if let Some(release) = suffix.strip_prefix("Leap Micro ") {
            return (SystemId::new("opensuse-leap-micro", release), None);
        }
        if let Some(release) = suffix.strip_prefix("Leap ") {
            return (SystemId::new("opensuse-leap", release), None);
        }
        if suffix == "Tumbleweed" {
            return (SystemId::new("opensuse-tumbleweed", ""), None);
        }
        return (own("opensuse", suffix), None);
    }
    let enterprise = suffix
        .strip_prefix("Linux Enterprise ")
        .or_else(|| suffix.starts_with("Package Hub ").then_some(suffix));
    let micro = suffix
        .strip_prefix("Linux Enterprise Micro ")
        .or_else(|| suffix.strip_prefix("Linux Micro "));
    if let Some(release) = micro {
        let (release, paid) = release.split_once('-').unwrap_or((release, ""));
        return (SystemId::new("sle-micro", release), channel(paid));
    }
    let Some((release, paid)) = enterprise.and_then(service_pack) else {
        return (own("suse", suffix), None);
    };
    (SystemId::new("sles", &release), channel(paid))
}

fn channel(word: &str) -> Option<String> {
    (!word.is_empty()).then(|| word.to_owned())
}

fn own(distribution: &str, name: &str) -> SystemId {
    SystemId::new(distribution, &name.replace(char::is_whitespace, "-"))
}

/// `Server 12 SP1-LTSS` is 12.1 with LTSS; `Server 15` is 15.
fn service_pack(product: &str) -> Option<(String, &str)> {
    let (product, paid) = match product.rsplit_once('-') {
        Some((product, paid)) if product.contains(|c: char| c.is_ascii_digit()) => (product, paid),
        _ => (product, ""),
    };
    let mut words = product.rsplit(' ').filter(|word| !word.is_empty());
    let last = words.next()?;
    let number = |word: &str| {
        !word.is_empty() && word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    // From 16 on there are minor versions in place of service packs.
    let dotted = last
        .split_once('.')
        .is_some_and(|(major, minor)| number(major) && number(minor));
    if number(last) || dotted {
        return Some((last.to_owned(), paid));
    }
    let pack = last.strip_prefix("SP").filter(|pack| number(pack))?;
    let major = words.next().filter(|word| number(word))?;
    Some((format!("{major}.{pack}"), paid))
}

/// The end of a CPE: `enterprise_linux:9::baseos`, `rhel_eus:8.6::appstream`.
fn red_hat(suffix: &str) -> SystemId {
    let mut parts = suffix.split(':');
    let product = parts.next().unwrap_or_default();
    let release = parts.next().unwrap_or_default();
    let major = release.split('.').next().unwrap_or_default();
    match product {
        "enterprise_linux" => SystemId::new("rhel", major),
        _ if product.starts_with("rhel_") => SystemId::new(&product.replacen('_', "-", 1), release),
        _ => own("redhat", suffix),
    }
}

/// The feed of a record by its id; for records without a package.
pub fn feed_of_id(id: &str) -> Feed {
    const PREFIXES: &[(&str, Feed)] = &[
        ("DSA-", Feed::DebianOsv),
        ("DLA-", Feed::DebianOsv),
        ("ELA-", Feed::DebianOsv),
        ("DTSA-", Feed::DebianOsv),
        ("DEBIAN-CVE-", Feed::DebianOsv),
        ("USN-", Feed::UbuntuOsv),
        ("LSN-", Feed::UbuntuOsv),
        ("UBUNTU-CVE-", Feed::UbuntuOsv),
        ("ALSA-", Feed::AlmaOsv),
        ("ALBA-", Feed::AlmaOsv),
        ("ALEA-", Feed::AlmaOsv),
        ("RLSA-", Feed::RockyOsv),
        ("RXSA-", Feed::RockyOsv),
        ("SUSE-", Feed::SuseOsv),
        ("openSUSE-", Feed::SuseOsv),
        ("ALPINE-CVE-", Feed::AlpineOsv),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| id.starts_with(prefix))
        .map_or(Feed::Osv, |(_, feed)| *feed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_are_systems_in_our_one_spelling() {
        for (text, system, subscription) in [
            ("Debian:12", "debian:bookworm", None),
            ("Debian:4.0", "debian:etch", None),
            ("Ubuntu:22.04:LTS", "ubuntu:22.04", None),
            ("Ubuntu:24.10", "ubuntu:24.10", None),
            ("Ubuntu:Pro:18.04:LTS", "ubuntu:18.04", Some("Ubuntu Pro")),
            (
                "Ubuntu:Pro:FIPS-updates:20.04:LTS",
                "ubuntu:20.04",
                Some("Ubuntu Pro FIPS-updates"),
            ),
            ("AlmaLinux:8", "almalinux:8", None),
            ("Rocky Linux:9", "rocky:9", None),
            ("SUSE:Linux Enterprise Server 15 SP5", "sles:15.5", None),
            ("SUSE:Linux Enterprise Server 12", "sles:12", None),
            ("SUSE:Linux Enterprise Server 16.0", "sles:16.0", None),
            (
                "SUSE:Linux Enterprise Server 15 SP2-LTSS",
                "sles:15.2",
                Some("LTSS"),
            ),
            (
                "SUSE:Linux Enterprise Module for Basesystem 15 SP5",
                "sles:15.5",
                None,
            ),
            ("SUSE:Linux Enterprise Micro 5.3", "sle-micro:5.3", None),
            ("SUSE:Package Hub 12", "sles:12", None),
            ("SUSE:OpenStack Cloud 7", "suse:openstack-cloud-7", None),
            ("openSUSE:Leap 15.5", "opensuse-leap:15.5", None),
            ("openSUSE:Tumbleweed", "opensuse-tumbleweed", None),
            ("Alpine:v3.19", "alpine:3.19", None),
            ("Red Hat:enterprise_linux:9::baseos", "rhel:9", None),
            ("Red Hat:rhel_eus:8.6::appstream", "rhel-eus:8.6", None),
            ("PyPI", "pypi", None),
            ("crates.io", "crates.io", None),
        ] {
            let found = read(text).unwrap();
            assert_eq!(found.system.as_str(), system, "{text}");
            assert_eq!(found.subscription.as_deref(), subscription, "{text}");
        }
        assert!(read("").is_err());
    }
}
