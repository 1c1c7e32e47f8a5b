//! Systems as documents name them in words: `Oracle Linux 7`, `rhel-9-for-x86_64-baseos-rpms`.
//!
//! One reader for platform names of OVAL, names of repositories and publishers' marks. What names no
//! distribution and release that can be told for certain is `None`, never a guess. Sources: the
//! `os-release` ids of the distributions, and the names in their own documents.

use domain::release::SystemId;

/// A system, and the paid channel of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// The system.
    pub system: SystemId,
    /// The paid channel (`LTSS`), where one is named.
    pub subscription: Option<String>,
}

impl Platform {
    fn new(distribution: &str, release: &str) -> Self {
        Self {
            system: SystemId::new(distribution, release),
            subscription: None,
        }
    }
}

/// Longest name that is looked at.
const NAME_BYTES_MAX: usize = 512;

/// Distributions whose releases are counted by the first number alone, by the words that name them.
const BY_MAJOR: &[(&[&str], &str)] = &[
    (&["almalinux"], "almalinux"),
    (&["rocky", "linux"], "rocky"),
    (&["rocky"], "rocky"),
    (&["oracle", "linux"], "ol"),
    (&["ol"], "ol"),
    (&["red", "hat", "enterprise", "linux"], "rhel"),
    (&["rhel"], "rhel"),
    (&["centos", "stream"], "centos"),
    (&["centos", "linux"], "centos"),
    (&["centos"], "centos"),
    (&["fedora", "epel"], "epel"),
    (&["epel"], "epel"),
    (&["fedora", "linux"], "fedora"),
    (&["fedora"], "fedora"),
    (&["amazon", "linux"], "amzn"),
    (&["amzn"], "amzn"),
];

/// Distributions whose releases have two numbers, by the words that name them.
const BY_MAJOR_MINOR: &[(&[&str], &str)] = &[
    (&["opensuse", "leap", "micro"], "opensuse-leap-micro"),
    (&["opensuse", "leap"], "opensuse-leap"),
    (&["opensuse", "sle"], "opensuse-leap"),
    (&["opensuse"], "opensuse-leap"),
    (&["ubuntu"], "ubuntu"),
    (&["suse", "linux", "enterprise", "micro"], "sle-micro"),
    (&["suse", "linux", "micro"], "sle-micro"),
    (&["suse", "sle", "micro"], "sle-micro"),
];

/// Extended channels of Red Hat Enterprise Linux, each with lower fixed versions of its own.
const RED_HAT_CHANNELS: &[&str] = &["eus", "aus", "tus", "e4s"];

/// Paid channels of SUSE Linux Enterprise.
const SUSE_CHANNELS: &[&str] = &["LTSS", "ESPOS", "TERADATA", "BCL", "CLIENT"];

/// The system that a name in words means; `None`: none that can be told.
pub fn named(name: &str) -> Option<Platform> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.starts_with(&["amazon", "linux", "ami"]) {
        // The last release of the first Amazon Linux, as its os-release gives it.
        return Some(Platform::new("amzn", "2018.03"));
    }
    if let Some(rest) = after(&words, &["opensuse", "tumbleweed"]) {
        return rest
            .is_empty()
            .then(|| Platform::new("opensuse-tumbleweed", ""));
    }
    if let Some(platform) = suse_enterprise(&words) {
        return platform;
    }
    if let Some(rest) = after(&words, &["debian"]) {
        let release = rest
            .iter()
            .find(|word| !matches!(**word, "gnu" | "linux"))?;
        let system = SystemId::debian(release);
        return Some(Platform {
            system,
            subscription: None,
        });
    }
    for (marks, distribution) in BY_MAJOR_MINOR {
        if let Some(rest) = after(&words, marks) {
            let release = rest.first().filter(|word| is_release(word))?;
            return Some(Platform::new(distribution, release));
        }
    }
    by_major(&words)
}

fn by_major(words: &[&str]) -> Option<Platform> {
    for (marks, distribution) in BY_MAJOR {
        let Some(rest) = after(words, marks) else {
            continue;
        };
        let release = rest.first().filter(|word| is_release(word))?;
        if *distribution == "rhel"
            && let Some(channel) = RED_HAT_CHANNELS.iter().find(|mark| rest.contains(mark))
        {
            // `…-eus-rpms__9_DOT_2`: the minor release stands last.
            let minor = rest
                .iter()
                .rev()
                .find(|word| is_release(word) && word.contains('.'))?;
            return Some(Platform::new(&format!("rhel-{channel}"), minor));
        }
        let major = release.split('.').next().unwrap_or_default();
        return Some(Platform::new(distribution, major));
    }
    None
}

/// SUSE Linux Enterprise in all its products; the outer `None`: not one of them.
fn suse_enterprise(words: &[&str]) -> Option<Option<Platform>> {
    let rest = after(words, &["suse", "linux", "enterprise"])
        .or_else(|| after(words, &["suse", "sle"]))
        .or_else(|| after(words, &["sles"]).map(|_| words))
        .or_else(|| after(words, &["sled"]).map(|_| words))?;
    if rest.first() == Some(&"micro") {
        return None;
    }
    let distribution = match rest.first().copied() {
        Some("high") | Some("hpc") => "sle_hpc",
        Some("real") | Some("rt") => "sle_rt",
        // Server, Desktop, Server for SAP and the modules share the packages of one service pack.
        _ => "sles",
    };
    let at = rest.iter().position(|word| is_release(word))?;
    let pack = rest
        .get(at + 1)
        .and_then(|word| word.strip_prefix("sp"))
        .filter(|pack| is_release(pack));
    let release = match pack {
        Some(pack) => format!("{}.{pack}", rest[at]),
        None => rest[at].to_owned(),
    };
    let subscription = SUSE_CHANNELS
        .iter()
        .find(|channel| rest.contains(&channel.to_ascii_lowercase().as_str()))
        .map(|channel| (*channel).to_owned());
    Some(Some(Platform {
        system: SystemId::new(distribution, &release),
        subscription,
    }))
}

/// The words of a name: lower case, parted at everything but letters, digits and points, and
/// between letters and a number at the end (`rhel8`, `epel9`).
fn words(name: &str) -> Vec<String> {
    let name = name.replace("_DOT_", ".").to_ascii_lowercase();
    let mut words = Vec::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
        let word = word.trim_matches('.');
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = &word[letters.len()..];
        let parted = matches!(letters, "rhel" | "epel" | "ol" | "el" | "amzn" | "sles");
        if parted && is_release(number) {
            words.extend([letters.to_owned(), number.to_owned()]);
        } else if !word.is_empty() {
            words.push(word.to_owned());
        }
    }
    words
}

/// What stands behind these words, wherever they stand.
fn after<'a>(words: &'a [&'a str], marks: &[&str]) -> Option<&'a [&'a str]> {
    let at = words
        .windows(marks.len())
        .position(|window| window == marks)?;
    words.get(at + marks.len()..)
}

fn is_release(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && word.len() <= 16
}

/// Whose advisory an id is, by its mark: the distribution as its `os-release` names it.
///
/// Sources: errata.almalinux.org (ALSA, ALBA, ALEA), errata.rockylinux.org (RLSA, RLBA, RLEA, and RX
/// for what Rocky alone changes), linux.oracle.com/errata (ELSA, ELBA, ELEA), access.redhat.com
/// (RHSA, RHBA, RHEA), bodhi.fedoraproject.org (FEDORA, FEDORA-EPEL), alas.aws.amazon.com (ALAS),
/// suse.com/support/update (SUSE), lists.opensuse.org (openSUSE).
pub fn publisher(id: &str) -> Option<&'static str> {
    const MARKS: &[(&str, &str)] = &[
        ("ALSA-", "almalinux"),
        ("ALBA-", "almalinux"),
        ("ALEA-", "almalinux"),
        ("RLSA-", "rocky"),
        ("RLBA-", "rocky"),
        ("RLEA-", "rocky"),
        ("RXSA-", "rocky"),
        ("RXBA-", "rocky"),
        ("RXEA-", "rocky"),
        ("ELSA-", "ol"),
        ("ELBA-", "ol"),
        ("ELEA-", "ol"),
        ("RHSA-", "rhel"),
        ("RHBA-", "rhel"),
        ("RHEA-", "rhel"),
        ("FEDORA-EPEL-", "epel"),
        ("FEDORA-", "fedora"),
        ("ALAS", "amzn"),
        ("openSUSE-", "opensuse-leap"),
        ("SUSE-", "sles"),
    ];
    let found = MARKS.iter().find(|(mark, _)| id.starts_with(mark))?;
    Some(found.1)
}

/// The system that an rpm release's dist tag means for one publisher (`None`: unknown publisher).
///
/// `.el9` is the tag of Red Hat and of all its rebuilds, so without a publisher it says nothing.
pub fn of_dist_tag(release: &str, publisher: Option<&str>) -> Option<SystemId> {
    for part in release.split(['.', '+', '~', '_']) {
        let tag = |mark: &str| {
            let number = part.strip_prefix(mark)?;
            (is_release(number) && !number.contains('.')).then_some(number)
        };
        if let Some(number) = tag("fc") {
            return Some(SystemId::new("fedora", number));
        }
        if let Some(number) = tag("amzn") {
            let number = if number == "1" { "2018.03" } else { number };
            return Some(SystemId::new("amzn", number));
        }
        if let Some(number) = tag("el") {
            let publisher = publisher?;
            let known = ["almalinux", "rocky", "ol", "rhel", "epel", "centos"];
            return known
                .contains(&publisher)
                .then(|| SystemId::new(publisher, number));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> String {
        named(name).map_or("-".to_owned(), |platform| {
            let paid = platform.subscription.unwrap_or_default();
            format!("{} {paid}", platform.system).trim().to_owned()
        })
    }

    #[test]
    fn names_of_platforms_and_repositories_become_systems() {
        for (name, expected) in [
            ("Oracle Linux 5", "ol:5"),
            ("ol8_baseos_latest", "ol:8"),
            ("AlmaLinux 9", "almalinux:9"),
            (
                "almalinux-9-for-x86_64-baseos-rpms__9_1_default",
                "almalinux:9",
            ),
            ("Rocky Linux 10 aarch64", "rocky:10"),
            ("rocky-linux-9-x86-64-appstream-rpms", "rocky:9"),
            ("Red Hat Enterprise Linux 9", "rhel:9"),
            ("rhel-8-for-x86_64-baseos-rpms__8", "rhel:8"),
            ("rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2", "rhel-eus:9.2"),
            ("Fedora 27", "fedora:27"),
            ("Fedora EPEL 9", "epel:9"),
            ("amazon-linux-2", "amzn:2"),
            ("Amazon Linux 2023", "amzn:2023"),
            ("Amazon Linux AMI", "amzn:2018.03"),
            ("openSUSE 11.0", "opensuse-leap:11.0"),
            ("openSUSE Leap 15.5", "opensuse-leap:15.5"),
            ("openSUSE Tumbleweed", "opensuse-tumbleweed"),
            ("SUSE Linux Enterprise Server 15", "sles:15"),
            ("SUSE Linux Enterprise Server 15 SP1-LTSS", "sles:15.1 LTSS"),
            (
                "SUSE Linux Enterprise Module for Basesystem 15 SP3",
                "sles:15.3",
            ),
            ("SUSE-SLE-Module-Basesystem-15-SP5-2023-123", "sles:15.5"),
            ("SUSE Linux Enterprise Micro 5.2", "sle-micro:5.2"),
            ("Ubuntu 22.04 LTS", "ubuntu:22.04"),
            ("Debian GNU/Linux 11", "debian:bullseye"),
            ("SUSE Manager Proxy 4.3", "-"),
            ("foo.component", "-"),
            ("", "-"),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn a_dist_tag_of_rebuilds_needs_the_publisher() {
        let of = |release: &str, id: &str| {
            of_dist_tag(release, publisher(id)).map(|system| system.to_string())
        };
        assert_eq!(
            of("8.el9_0", "ALSA-2022:4940").as_deref(),
            Some("almalinux:9")
        );
        assert_eq!(of("8.el9_0", "RLSA-2022:4940").as_deref(), Some("rocky:9"));
        assert_eq!(of("1.module_el8.5.0+2632", "x"), None);
        assert_eq!(of("8.el9_0", "foo"), None);
        assert_eq!(of("1.fc43", "foo").as_deref(), Some("fedora:43"));
        assert_eq!(
            of("141.amzn2.5.3", "ALAS2-2018-942").as_deref(),
            Some("amzn:2")
        );
        assert_eq!(of("1", "RHSA-2012:0055"), None);
    }
}
