//! Against the real apt and dpkg of the system that the tests run on.
//!
//! Nothing is changed: only reading, simulating, and one download into a folder of the test. Where apt
//! or its lists are missing, the tests say so; with `CI` set or as root that is a failure.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use backends::{Apt, Backend, ChangelogError, PackageKey, Places, SystemRunner, WantedChangelog};
use domain::name::Version;
use domain::offer::{Lists, NeedsOutcome, Offer, OfferReport};
use domain::order::OrderItem;
use domain::package::{Ecosystem, PackageState, SourcePackage};
use domain::patch::PatchId;

fn apt(cache: &Path) -> Apt {
    Apt::new(Arc::new(SystemRunner), Places::system(), cache)
}

fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program)
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Whether a skip is a failure.
fn must() -> bool {
    std::env::var_os("CI").is_some() || apt(Path::new("/nowhere")).privileged()
}

/// Whether there is something to compare with; fails where there must be.
fn has(path: &str) -> bool {
    let there = Path::new(path).exists();
    assert!(
        there || !must(),
        "{path} is missing, and it must be here with CI set or as root"
    );
    if !there {
        eprintln!("SKIPPED: {path} is missing here, nothing was compared with the real apt");
    }
    there
}

fn report(apt: &Apt) -> Option<OfferReport> {
    if !has("/usr/bin/apt-get") {
        return None;
    }
    let report = apt.offers(&mut |_| {}).unwrap();
    if report.lists == Lists::Absent {
        assert!(
            !must(),
            "the package lists are absent, and they must be here with CI set or as root"
        );
        eprintln!(
            "SKIPPED: the package lists are absent here, nothing was compared with the real apt"
        );
        return None;
    }
    Some(report)
}

#[test]
fn the_inventory_is_what_dpkg_query_prints() {
    if !has("/usr/bin/dpkg-query") {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let format = "${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\t${source:Package}\t${source:Version}\n";
    let text = output("/usr/bin/dpkg-query", &["-W", "-f", format]);
    let mut expected: Vec<String> = text.lines().map(str::to_owned).collect();
    expected.sort();
    let read = apt(cache.path()).inventory().unwrap();
    let mut found: Vec<String> = read
        .inventory
        .packages()
        .map(|package| {
            let state = match package.state {
                PackageState::Installed => "ii ",
                PackageState::Held => "hi ",
                PackageState::ConfigFiles => "rc ",
                PackageState::HalfInstalled => "iH ",
                PackageState::Unpacked => "iU ",
                PackageState::HalfConfigured => "iF ",
                PackageState::TriggersAwaited => "iW ",
                PackageState::TriggersPending => "it ",
                PackageState::Broken => "?? ",
            };
            let source = package.source.as_ref().unwrap();
            format!(
                "{state}\t{}\t{}\t{}\t{}\t{}",
                package.name, package.architecture, package.version, source.name, source.version
            )
        })
        .collect();
    found.sort();
    assert_eq!(read.unreadable, Vec::<String>::new());
    assert_eq!(found, expected);
    let installed = text.lines().filter(|line| line.starts_with("ii")).count();
    assert_eq!(read.inventory.installed_count(), installed);
}

#[test]
fn offers_are_exactly_what_apt_would_install() {
    let cache = tempfile::tempdir().unwrap();
    let Some(report) = report(&apt(cache.path())) else {
        return;
    };
    assert_eq!(report.failed, None);
    // `Inst NAME [OLD] (NEW …`: cut by hand, not with the code under test.
    let expected: BTreeSet<(String, String)> = output("/usr/bin/apt-get", &["-s", "dist-upgrade"])
        .lines()
        .filter(|line| line.starts_with("Inst "))
        .map(|line| {
            let name = line.split(' ').nth(1).unwrap().split(':').next().unwrap();
            let new = line.split_once('(').unwrap().1.split(' ').next().unwrap();
            (name.to_owned(), new.to_owned())
        })
        .collect();
    let found: BTreeSet<(String, String)> = report
        .offers
        .iter()
        .map(|offer| (offer.name.to_string(), offer.candidate.to_string()))
        .collect();
    assert_eq!(found, expected);
    assert!(
        report
            .offers
            .iter()
            .all(|offer| offer.size_bytes.is_some_and(|size| size > 0))
    );
    // apt's own words for the archive of each candidate must hold the label that we read.
    let text = output("/usr/bin/apt-get", &["-s", "dist-upgrade"]);
    for offer in &report.offers {
        let start = format!("Inst {} ", offer.name);
        let line = text.lines().find(|line| line.starts_with(&start));
        if let Some(line) = line {
            assert!(
                line.contains(&format!("{}:", offer.origin.label)),
                "{line} {:?}",
                offer.origin
            );
            assert_eq!(line.contains("-Security:"), offer.origin.security, "{line}");
        }
    }
}

/// Asks apt about pending sources and compares with what the report says, also where the report took
/// the short way. Every sixth source, because apt takes more than a second each; all of them with
/// `PATCHLOOP_TEST_LONG` set.
#[test]
fn the_short_way_to_needs_gives_the_same_answer_as_apt() {
    let cache = tempfile::tempdir().unwrap();
    let Some(report) = report(&apt(cache.path())) else {
        return;
    };
    let mut by_source: BTreeMap<&SourcePackage, Vec<&Offer>> = BTreeMap::new();
    for offer in &report.offers {
        by_source.entry(&offer.source).or_default().push(offer);
    }
    assert_eq!(by_source.len(), report.needs.len());
    let pkgcache = format!(
        "Dir::Cache::pkgcache={}",
        cache.path().join("pkgcache.bin").display()
    );
    let step = match std::env::var_os("PATCHLOOP_TEST_LONG") {
        Some(_) => 1,
        None => 6,
    };
    for (source, own) in by_source.into_iter().step_by(step) {
        let pins: Vec<String> = own
            .iter()
            .map(|offer| format!("{}:{}={}", offer.name, offer.architecture, offer.candidate))
            .collect();
        let mut args = vec!["-s", "-o", &pkgcache, "install", "--"];
        args.extend(pins.iter().map(String::as_str));
        let text = output("/usr/bin/apt-get", &args);
        let others: BTreeSet<&SourcePackage> = text
            .lines()
            .filter(|line| line.starts_with("Inst "))
            .map(|line| {
                let name = line.split(' ').nth(1).unwrap().split(':').next().unwrap();
                let offer = report
                    .offers
                    .iter()
                    .find(|offer| offer.name.as_str() == name);
                &offer
                    .expect("apt took along what a full upgrade would not")
                    .source
            })
            .filter(|other| *other != source)
            .collect();
        let needs = report
            .needs
            .iter()
            .find(|needs| needs.source == *source)
            .unwrap();
        match &needs.outcome {
            NeedsOutcome::With { sources } => {
                assert_eq!(
                    sources.iter().collect::<BTreeSet<_>>(),
                    others,
                    "{source:?}\n{text}"
                );
                assert!(
                    !text.lines().any(|line| line.starts_with("Remv ")),
                    "{text}"
                );
            }
            NeedsOutcome::Refused { reason } => {
                assert!(
                    text.contains("Remv ") || text.contains("unmet") || text.is_empty(),
                    "{reason}\n{text}"
                );
            }
        }
    }
}

fn item(offer: &Offer) -> OrderItem {
    OrderItem {
        ecosystem: Ecosystem::Deb,
        name: offer.name.clone(),
        architecture: offer.architecture.clone(),
        from: offer.installed.clone(),
        to: offer.candidate.clone(),
        patch: PatchId::Source {
            ecosystem: Ecosystem::Deb,
            release: "x".parse().unwrap(),
            source: offer.source.name.clone(),
            version: offer.source.version.clone(),
        },
    }
}

#[test]
fn an_order_of_everything_pending_does_not_differ_and_a_wrong_one_does() {
    let cache = tempfile::tempdir().unwrap();
    let apt = apt(cache.path());
    let Some(report) = report(&apt) else { return };
    if report.offers.is_empty() {
        eprintln!("SKIPPED: nothing is pending here");
        return;
    }
    let inventory = apt.inventory().unwrap().inventory;
    let mut order: Vec<OrderItem> = report.offers.iter().map(item).collect();
    let simulation = apt.simulate(&order).unwrap();
    assert_eq!(simulation.refused, None);
    assert_eq!(
        backends::differences(&order, &simulation, &inventory),
        vec![]
    );
    let gone: Version = "0~gone".parse().unwrap();
    order.truncate(1);
    order[0].to = gone.clone();
    let simulation = apt.simulate(&order).unwrap();
    assert!(simulation.refused.unwrap().contains("not found"));
    assert_eq!(simulation.not_offered.len(), 1);
    assert_eq!(
        simulation.not_offered[0].offered.as_ref(),
        Some(&report.offers[0].candidate)
    );
}

#[test]
fn origins_of_what_is_installed_are_labels_and_codenames() {
    let cache = tempfile::tempdir().unwrap();
    let apt = apt(cache.path());
    if report(&apt).is_none() {
        return;
    }
    let inventory = apt.inventory().unwrap().inventory;
    let filled = apt.fill_origins(&inventory).unwrap();
    assert_eq!(filled.digest(), inventory.digest());
    let known: BTreeSet<String> = output("/usr/bin/apt-cache", &["policy"])
        .lines()
        .filter_map(|line| line.trim().strip_prefix("release "))
        .filter_map(|line| {
            let value = |key: &str| line.split(',').find_map(|part| part.strip_prefix(key));
            Some(format!("{}:{}", value("l=")?, value("n=")?))
        })
        .collect();
    let origins: BTreeSet<String> = filled.packages().filter_map(|p| p.origin.clone()).collect();
    assert!(
        !origins.is_empty() && origins.is_subset(&known),
        "{origins:?} {known:?}"
    );
}

#[test]
fn the_changelog_comes_out_of_the_offered_package() {
    let cache = tempfile::tempdir().unwrap();
    let apt = apt(cache.path());
    let Some(report) = report(&apt) else { return };
    let small = report
        .offers
        .iter()
        .filter(|offer| offer.installed.is_some() && offer.source.version == offer.candidate)
        .min_by_key(|offer| offer.size_bytes);
    let Some(offer) = small else {
        eprintln!("SKIPPED: nothing fit is pending here");
        return;
    };
    let mut wanted = WantedChangelog {
        name: offer.name.clone(),
        architecture: offer.architecture.clone(),
        candidate: offer.candidate.clone(),
        source: offer.source.clone(),
        installed_source: offer.installed.clone(),
        download_bytes_max: 50_000_000,
        size_bytes: offer.size_bytes,
        seconds_max: 120,
    };
    let first = match apt.changelog(&wanted, cache.path()) {
        Ok(text) => text,
        Err(ChangelogError::Download { reason, .. }) => {
            eprintln!("SKIPPED: the archive cannot be reached from here: {reason}");
            return;
        }
        Err(ChangelogError::InOtherPackage { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let header = format!("{} ({})", offer.source.name, offer.source.version);
    assert!(first.starts_with(&header), "{header}\n{first}");
    let installed = format!(
        "{} ({})",
        offer.source.name,
        offer.installed.as_ref().unwrap()
    );
    assert!(!first.contains(&installed), "{first}");
    // Kept: the second time nothing is downloaded, so a limit of nothing does not matter.
    wanted.download_bytes_max = 0;
    assert_eq!(apt.changelog(&wanted, cache.path()).unwrap(), first);
}

#[test]
fn this_system_can_be_asked_everything() {
    if !has("/usr/bin/dpkg") {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let apt = apt(cache.path());
    let inventory = apt.inventory().unwrap().inventory;
    let system = apt.system().unwrap();
    assert_eq!(system.kernel, output("/bin/uname", &["-r"]).trim());
    assert_eq!(
        system.architecture.as_str(),
        output("/usr/bin/dpkg", &["--print-architecture"]).trim()
    );
    assert_eq!(
        apt.old_code(&inventory).unwrap().is_some(),
        apt.privileged()
    );
    let _ = apt.reboot_need(&inventory);
    let keys: Vec<PackageKey> = inventory
        .packages()
        .filter(|package| matches!(package.name.as_str(), "dpkg" | "tzdata" | "coreutils"))
        .map(|package| PackageKey {
            name: package.name.clone(),
            architecture: package.architecture.clone(),
        })
        .collect();
    for verified in apt.verify_files(&keys).unwrap() {
        assert!(verified.differing.is_some(), "{verified:?}");
    }
    assert!(
        apt.service_running("patchloop-no-such-service")
            .is_ok_and(|running| !running)
    );
    assert!(apt.service_running("--help").is_err());
    apt.unsafe_sources().unwrap();
}
