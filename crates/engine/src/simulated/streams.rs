//! The patches that come for a simulated fleet: streams of releases of products over months.

use domain::severity::{Classification, Severity};
use domain::snapshot::{SnapshotFinding, SnapshotState};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::random::Random;

/// When a product's releases come.
#[derive(Debug, Clone, Copy)]
enum Rhythm {
    /// On the second Tuesday of every month, at 17:00 UTC.
    SecondTuesday,
    /// Every so many days, with a shift of up to a third of that.
    Days(u64),
}

/// One product that patches come for.
#[derive(Debug, Clone, Copy)]
struct Stream {
    product: &'static str,
    /// What the patches' names begin with.
    prefix: &'static str,
    rhythm: Rhythm,
    classification: Classification,
    /// How many in a hundred are critical, and how many are important.
    severe: (u64, u64),
    /// Whether every release carries all fixes of those before.
    cumulative: bool,
}

const fn stream(
    product: &'static str,
    prefix: &'static str,
    rhythm: Rhythm,
    classification: Classification,
    severe: (u64, u64),
) -> Stream {
    Stream {
        product,
        prefix,
        rhythm,
        classification,
        severe,
        cumulative: matches!(classification, Classification::RollUp),
    }
}

use Classification::{Definition, Driver, Hotfix, RollUp, Security, ThirdParty};
use Rhythm::{Days, SecondTuesday};

const WINDOWS_CLIENT: &[Stream] = &[
    stream("windows-11", "w11-lcu", SecondTuesday, RollUp, (50, 45)),
    stream("dotnet", "dotnet", SecondTuesday, RollUp, (0, 60)),
    stream("office", "office", SecondTuesday, Security, (10, 70)),
    stream("browser", "browser", Days(10), ThirdParty, (15, 60)),
    stream("graphics-driver", "graphics", Days(75), Driver, (0, 0)),
    stream("scanner", "definitions", Days(30), Definition, (0, 0)),
];
const WINDOWS_SERVER: &[Stream] = &[
    stream("windows-server", "ws-lcu", SecondTuesday, RollUp, (50, 45)),
    stream("dotnet", "dotnet", SecondTuesday, RollUp, (0, 60)),
    stream("sql-server", "sql", Days(60), Security, (10, 60)),
    stream("scanner", "definitions", Days(30), Definition, (0, 0)),
];
const DEBIAN: &[Stream] = &[
    stream("linux", "linux", Days(24), Security, (10, 70)),
    stream("openssl", "openssl", Days(55), Security, (20, 50)),
    stream("openssh", "openssh", Days(80), Security, (20, 50)),
    stream("glibc", "glibc", Days(70), Security, (10, 60)),
    stream("curl", "curl", Days(40), Security, (0, 40)),
    stream("nginx", "nginx", Days(65), Security, (0, 60)),
    stream("tzdata", "tzdata", Days(60), Hotfix, (0, 0)),
];
const ROCKY: &[Stream] = &[
    stream("kernel", "kernel", Days(21), Security, (10, 70)),
    stream("openssl", "openssl-libs", Days(60), Security, (20, 50)),
    stream("sudo", "sudo", Days(90), Security, (0, 80)),
    stream("httpd", "httpd", Days(50), Security, (0, 60)),
];

/// The patches of one family of systems, by product; each product's in the order of release.
#[derive(Debug, Clone)]
pub(super) struct Catalogue {
    pub(super) products: Vec<Vec<SnapshotFinding>>,
}

/// The families of systems, and what their devices say they run.
pub(super) const FAMILIES: [&[&str]; 4] = [
    &["windows 11", "windows 10"],
    &["windows-server 2022", "windows-server 2019"],
    &["debian 12", "debian 11", "ubuntu 24.04"],
    &["rocky 9"],
];

/// What comes for every family in the `months` before `until`.
pub(super) fn catalogues(random: &mut Random, months: u32, until: Timestamp) -> Vec<Catalogue> {
    let families: [&[Stream]; 4] = [WINDOWS_CLIENT, WINDOWS_SERVER, DEBIAN, ROCKY];
    let since = until
        .checked_sub(SignedDuration::from_hours(i64::from(months) * 30 * 24))
        .unwrap_or(Timestamp::MIN);
    families
        .iter()
        .enumerate()
        .map(|(family, streams)| Catalogue {
            products: streams
                .iter()
                .map(|stream| releases(stream, family, random, since, until))
                .collect(),
        })
        .collect()
}

fn releases(
    stream: &Stream,
    family: usize,
    random: &mut Random,
    since: Timestamp,
    until: Timestamp,
) -> Vec<SnapshotFinding> {
    let times = match stream.rhythm {
        SecondTuesday => second_tuesdays(since, until),
        Days(days) => every(days, random, since, until),
    };
    let mut patches: Vec<SnapshotFinding> = Vec::with_capacity(times.len());
    for (number, released_at) in times.into_iter().enumerate() {
        let patch = format!("{}-{family}-{}", stream.prefix, number + 1);
        if let Some(before) = patches.last_mut() {
            before.superseded_by = Some(patch.clone());
        }
        let severity = severity(stream, random);
        let exploited = severity == Some(Severity::Critical) && random.chance(15);
        let seen = SignedDuration::from_mins(i64::try_from(random.below(1440)).unwrap_or(0));
        let fix = if stream.cumulative {
            Some(format!("{}-{family}", stream.prefix))
        } else {
            None
        };
        let rated = !matches!(stream.classification, Definition | Driver);
        patches.push(SnapshotFinding {
            product: Some(stream.product.to_owned()),
            severity,
            classification: Some(stream.classification),
            cves: Some(if rated {
                vec![format!("CVE-2026-{:05}", random.below(100_000))]
            } else {
                Vec::new()
            }),
            kev: Some(exploited),
            fix,
            released_at: Some(released_at),
            first_seen_at: released_at.checked_add(seen).ok(),
            state: SnapshotState::Missing,
            patch,
            ..SnapshotFinding::default()
        });
    }
    patches
}

fn severity(stream: &Stream, random: &mut Random) -> Option<Severity> {
    let (critical, important) = stream.severe;
    let dice = random.below(100);
    Some(if critical + important == 0 {
        Severity::Unrated
    } else if dice < critical {
        Severity::Critical
    } else if dice < critical + important {
        Severity::Important
    } else if dice < 95 {
        Severity::Moderate
    } else {
        Severity::Low
    })
}

fn every(days: u64, random: &mut Random, since: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let mut times = Vec::new();
    let hours = |count: u64| SignedDuration::from_hours(i64::try_from(count).unwrap_or(0));
    let mut at = since.checked_add(hours(random.below(days * 24)));
    while let Ok(time) = at {
        if time >= until {
            break;
        }
        times.push(time);
        at = time.checked_add(hours(days * 24 - days * 8 + random.below(days * 16 + 1)));
    }
    times
}

fn second_tuesdays(since: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let first: Date = since.to_zoned(TimeZone::UTC).date().first_of_month();
    let mut times = Vec::new();
    let mut month = Ok(first);
    while let Ok(first) = month {
        let tuesday = first.nth_weekday_of_month(2, Weekday::Tuesday);
        let at = tuesday.and_then(|day| day.at(17, 0, 0, 0).to_zoned(TimeZone::UTC));
        match at.map(|zoned| zoned.timestamp()) {
            Ok(at) if at < until => times.extend((at >= since).then_some(at)),
            _ => break,
        }
        month = first.checked_add(1.month());
    }
    times
}
