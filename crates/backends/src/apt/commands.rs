//! The commands of apt and dpkg, built from checked arguments. Pure.
//!
//! Names and versions come last, after `--`, so that none of them can be taken for an option. What
//! decides the result of apt's resolver is the same for simulating, downloading and installing.

use std::path::Path;
use std::time::Duration;

use domain::name::{Architecture, PackageName, Version};
use domain::order::OrderItem;

use crate::backend::{InstallTerms, PackageKey};
use crate::command::Command;

const APT_GET: &str = "/usr/bin/apt-get";
const APT_CACHE: &str = "/usr/bin/apt-cache";
const APT_CONFIG: &str = "/usr/bin/apt-config";
const DPKG: &str = "/usr/bin/dpkg";
/// An installation is not ended by us: killing dpkg half-way is worse than waiting.
const NO_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 3600);
const SIMULATE_TIMEOUT: Duration = Duration::from_secs(300);

/// Where apt keeps the digest of the lists that makes it start quickly.
///
/// `None` leaves apt's own. With a path, that file is used instead: an agent without privileges cannot
/// write apt's own, and some systems delete theirs after each run.
pub(crate) type PackageCache<'a> = Option<&'a Path>;

fn cache_options(cache: PackageCache<'_>) -> Vec<String> {
    match cache {
        None => Vec::new(),
        Some(path) => vec![
            "-o".to_owned(),
            format!("Dir::Cache::pkgcache={}", path.display()),
            "-o".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
        ],
    }
}

fn apt_get(cache: PackageCache<'_>, rest: &[&str], names: Vec<String>) -> Command {
    let mut args = cache_options(cache);
    args.extend(rest.iter().map(|&arg| arg.to_owned()));
    if !names.is_empty() {
        args.push("--".to_owned());
        args.extend(names);
    }
    Command::new(APT_GET, args)
}

const SIMULATE: [&str; 3] = ["-s", "-o", "APT::Get::Show-User-Simulation-Note=false"];

fn pin(name: &PackageName, architecture: &Architecture, version: &Version) -> String {
    format!("{name}:{architecture}={version}")
}

/// `name:architecture=version` of each item.
pub(crate) fn pins(items: &[OrderItem]) -> Vec<String> {
    items
        .iter()
        .map(|item| pin(&item.name, &item.architecture, &item.to))
        .collect()
}

/// What a full upgrade would do.
pub(crate) fn simulate_upgrade(cache: PackageCache<'_>) -> Command {
    apt_get(cache, &[&SIMULATE[..], &["dist-upgrade"]].concat(), vec![]).timeout(SIMULATE_TIMEOUT)
}

/// What installing exactly these would do.
pub(crate) fn simulate_install(cache: PackageCache<'_>, pins: Vec<String>) -> Command {
    apt_get(cache, &[&SIMULATE[..], &["install"]].concat(), pins).timeout(SIMULATE_TIMEOUT)
}

/// What repairing broken dependencies would do.
pub(crate) fn simulate_fix(cache: PackageCache<'_>) -> Command {
    apt_get(cache, &[&SIMULATE[..], &["-f", "install"]].concat(), vec![]).timeout(SIMULATE_TIMEOUT)
}

/// Options of everything that takes the lock and may change packages.
///
/// Configuration files that were changed are kept and the new ones put beside them. `--no-remove`
/// makes apt stop where it would remove a package, whatever the simulation said a moment ago.
fn changing(terms: &InstallTerms) -> Vec<String> {
    [
        "-y",
        "-q",
        "--no-remove",
        "-o",
        "Dpkg::Options::=--force-confdef",
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        "Dpkg::Use-Pty=0",
        "-o",
        "APT::Get::AllowUnauthenticated=false",
        "-o",
    ]
    .iter()
    .map(|&arg| arg.to_owned())
    .chain([format!("DPkg::Lock::Timeout={}", terms.lock_wait_seconds)])
    .collect()
}

fn changing_command(terms: &InstallTerms, rest: &[&str], names: Vec<String>) -> Command {
    let mut args = changing(terms);
    args.extend(rest.iter().map(|&arg| arg.to_owned()));
    if !names.is_empty() {
        args.push("--".to_owned());
        args.extend(names);
    }
    Command::new(APT_GET, args)
}

/// What fetching these would fetch, and how much larger the system would be; fetches nothing.
pub(crate) fn plan_download(cache: PackageCache<'_>, pins: Vec<String>) -> Command {
    let rest = [
        "-q",
        "-y",
        "--no-remove",
        "--download-only",
        "--print-uris",
        "install",
    ];
    apt_get(cache, &rest, pins).timeout(SIMULATE_TIMEOUT)
}

/// Fetches what installing these needs; changes no package.
pub(crate) fn download(pins: Vec<String>, terms: &InstallTerms) -> Command {
    changing_command(terms, &["--download-only", "install"], pins)
        .timeout(Duration::from_secs(u64::from(terms.download_seconds_max)))
}

/// Installs exactly these.
pub(crate) fn install(pins: Vec<String>, terms: &InstallTerms) -> Command {
    changing_command(terms, &["install"], pins).timeout(NO_TIMEOUT)
}

/// Puts exactly these back: the one command that may go down, to what an order of ours found. A package
/// that is half unpacked still carries that version, so it is unpacked again.
pub(crate) fn restore(pins: Vec<String>, terms: &InstallTerms) -> Command {
    let rest = ["--allow-downgrades", "--reinstall", "install"];
    changing_command(terms, &rest, pins).timeout(NO_TIMEOUT)
}

/// What unpacking one package again, at the version that it has, would do.
pub(crate) fn simulate_unpack_again(
    cache: PackageCache<'_>,
    package: (&PackageName, &Architecture, &Version),
) -> Command {
    let rest = [&SIMULATE[..], &["--reinstall", "install"]].concat();
    let pin = pin(package.0, package.1, package.2);
    apt_get(cache, &rest, vec![pin]).timeout(SIMULATE_TIMEOUT)
}

/// Unpacks one package again, at the version that it has.
pub(crate) fn unpack_again(
    package: (&PackageName, &Architecture, &Version),
    terms: &InstallTerms,
) -> Command {
    let pin = pin(package.0, package.1, package.2);
    changing_command(terms, &["--reinstall", "install"], vec![pin]).timeout(NO_TIMEOUT)
}

/// Repairs broken dependencies.
pub(crate) fn fix(terms: &InstallTerms) -> Command {
    changing_command(terms, &["-f", "install"], vec![]).timeout(NO_TIMEOUT)
}

/// Finishes what was unpacked.
pub(crate) fn configure_all() -> Command {
    Command::new(
        DPKG,
        ["--force-confdef", "--force-confold", "--configure", "-a"],
    )
    .timeout(NO_TIMEOUT)
}

/// Fetches the lists.
pub(crate) fn update(terms: &InstallTerms) -> Command {
    let wait = format!("DPkg::Lock::Timeout={}", terms.lock_wait_seconds);
    Command::new(
        APT_GET,
        ["-q", "-o", &wait, "-o", "Acquire::Retries=2", "update"],
    )
    .timeout(Duration::from_secs(900))
}

/// Fetches one package into the folder that the command runs in.
pub(crate) fn fetch(
    cache: PackageCache<'_>,
    package: (&PackageName, &Architecture, &Version),
    folder: &Path,
    seconds_max: u32,
) -> Command {
    let pin = pin(package.0, package.1, package.2);
    apt_get(
        cache,
        &[
            "-q",
            "-o",
            "APT::Get::AllowUnauthenticated=false",
            "download",
        ],
        vec![pin],
    )
    .directory(folder)
    .timeout(Duration::from_secs(u64::from(seconds_max)))
}

/// The archives that the lists come from, with their labels and codenames.
pub(crate) fn archives(cache: PackageCache<'_>) -> Command {
    let mut args = cache_options(cache);
    args.push("policy".to_owned());
    Command::new(APT_CACHE, args)
}

/// Versions of packages (`name` or `name:architecture`), and the archives that have them.
pub(crate) fn policy(cache: PackageCache<'_>, names: Vec<String>) -> Command {
    let mut args = cache_options(cache);
    args.extend(["policy".to_owned(), "--".to_owned()]);
    args.extend(names);
    Command::new(APT_CACHE, args)
}

/// The records of exact versions.
pub(crate) fn show(cache: PackageCache<'_>, pins: Vec<String>) -> Command {
    let mut args = cache_options(cache);
    args.extend(["show".to_owned(), "--".to_owned()]);
    args.extend(pins);
    Command::new(APT_CACHE, args)
}

/// apt's settings.
pub(crate) fn settings() -> Command {
    Command::new(APT_CONFIG, ["dump"])
}

/// The system's own architecture.
pub(crate) fn architecture() -> Command {
    Command::new(DPKG, ["--print-architecture"])
}

/// Compares a package's files with its checksums.
pub(crate) fn verify(package: &PackageKey) -> Command {
    // A package for all architectures is known by its bare name only.
    let name = match package.architecture.as_str() {
        "all" => package.name.to_string(),
        architecture => format!("{}:{architecture}", package.name),
    };
    Command::new(DPKG, ["--verify".to_owned(), "--".to_owned(), name])
        .timeout(Duration::from_secs(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> OrderItem {
        OrderItem {
            ecosystem: domain::package::Ecosystem::Deb,
            name: "openssl".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            from: None,
            to: "1:3.0~deb12u2".parse().unwrap(),
            patch: "deb:bookworm/openssl@1:3.0~deb12u2".parse().unwrap(),
        }
    }

    #[test]
    fn an_installation_is_exact_keeps_files_and_allows_nothing() {
        let terms = InstallTerms {
            lock_wait_seconds: 7,
            ..InstallTerms::default()
        };
        insta::assert_snapshot!(install(pins(&[item()]), &terms).shown(), @"/usr/bin/apt-get -y -q --no-remove -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o APT::Get::AllowUnauthenticated=false -o DPkg::Lock::Timeout=7 install -- openssl:amd64=1:3.0~deb12u2");
        insta::assert_snapshot!(plan_download(None, pins(&[item()])).shown(), @"/usr/bin/apt-get -q -y --no-remove --download-only --print-uris install -- openssl:amd64=1:3.0~deb12u2");
        insta::assert_snapshot!(simulate_install(None, pins(&[item()])).shown(), @"/usr/bin/apt-get -s -o APT::Get::Show-User-Simulation-Note=false install -- openssl:amd64=1:3.0~deb12u2");
        for command in [
            install(pins(&[item()]), &terms),
            download(pins(&[item()]), &terms),
            plan_download(None, pins(&[item()])),
            fix(&terms),
            configure_all(),
            update(&terms),
        ] {
            let line = command.shown();
            assert!(!line.contains("--allow"), "{line}");
            assert!(
                !line.contains("--force-yes") && !line.contains("unauthenticated=true"),
                "{line}"
            );
            assert!(command.program.is_absolute());
        }
    }

    #[test]
    fn only_putting_back_may_go_down_and_only_to_exact_versions() {
        let terms = InstallTerms::default();
        insta::assert_snapshot!(restore(pins(&[item()]), &terms).shown(), @"/usr/bin/apt-get -y -q --no-remove -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o APT::Get::AllowUnauthenticated=false -o DPkg::Lock::Timeout=120 --allow-downgrades --reinstall install -- openssl:amd64=1:3.0~deb12u2");
    }

    #[test]
    fn a_name_that_looks_like_an_option_stands_after_the_end_of_options() {
        let mut odd = item();
        odd.name = "--allow-unauthenticated".parse().unwrap();
        for command in [
            install(pins(&[odd.clone()]), &InstallTerms::default()),
            restore(pins(&[odd.clone()]), &InstallTerms::default()),
            plan_download(None, pins(&[odd.clone()])),
            simulate_install(None, pins(&[odd.clone()])),
            show(None, pins(&[odd.clone()])),
            verify(&PackageKey::from(&odd)),
        ] {
            let end = command.args.iter().position(|arg| arg == "--").unwrap();
            let name = command
                .args
                .iter()
                .position(|arg| arg.starts_with("--allow-unauthenticated"))
                .unwrap();
            assert!(end < name, "{}", command.shown());
        }
    }
}
