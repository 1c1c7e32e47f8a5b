//! End of life of the system, and packages whose security support ended before it.
//!
//! A system past its end of life at the given instant is one judgement: `package` is the system,
//! `advisory` is `endoflife:PRODUCT/CYCLE`, state no-fix. An extended (mostly paid) support that still
//! runs is named in the reason. Where several documents give a date for one cycle, the latest counts.
//!
//! Debian's lists of packages without support: one whose support ended is no-fix, one with limited
//! support is unknown: nobody promises that its faults are fixed. An entry that names the last
//! supported version counts up to that version. Source: debian-security-support,
//! `check-support-status`; endoflife.date; distro-info-data.

use std::cmp::Ordering;

use domain::advisory::{Ends, Lifecycle};
use domain::definitions::{Definitions, Sourced, SupportEnd};
use domain::finding::FindingState;
use domain::judgement::{JudgedDevice, JudgedPackage, Judgement};
use domain::package::Ecosystem;
use domain::release::SystemId;
use jiff::civil::Date;

use super::compare::order;

/// The advisory of packages without security support.
pub(super) const SUPPORT: &str = "debian-security-support";

/// `os-release` ids and the product names of endoflife.date, where they differ.
const PRODUCTS: &[(&str, &[&str])] = &[
    ("rocky", &["rocky-linux"]),
    ("ol", &["oracle-linux"]),
    ("alpine", &["alpine-linux", "alpine"]),
    ("amzn", &["amazon-linux"]),
    ("opensuse-leap", &["opensuse"]),
    ("redhat", &["rhel"]),
    ("sled", &["sles"]),
    ("sles_sap", &["sles"]),
];

/// The judgement of the system itself, if it is past its end of life on `day`.
pub(super) fn system(
    device: &JudgedDevice,
    definitions: &Definitions,
    day: Date,
) -> Option<Judgement> {
    let mut latest: Option<(&Sourced<Lifecycle>, LifeEnd)> = None;
    for sourced in &definitions.lifecycles {
        if !is_of(device, &sourced.value) {
            continue;
        }
        let Some(end) = LifeEnd::of(sourced.value.life_ends) else {
            continue;
        };
        if latest.as_ref().is_none_or(|(_, known)| end > *known) {
            latest = Some((sourced, end));
        }
    }
    let (sourced, end) = latest?;
    if !end.is_past(day) {
        return None;
    }
    let lifecycle = &sourced.value;
    let mut because = match end {
        LifeEnd::On(date) => format!("end of life since {date}"),
        LifeEnd::Already | LifeEnd::Never => "end of life".to_owned(),
    };
    match lifecycle.extended_ends {
        Ends::On(date) if date >= day => {
            because.push_str(&format!(
                "; extended support until {date}, where it was taken out"
            ));
        }
        Ends::On(date) => because.push_str(&format!("; extended support ended on {date}")),
        Ends::Unknown | Ends::Already | Ends::NotSet => {}
    }
    let package = device.systems.first().map_or_else(
        || format!("{}:{}", lifecycle.product, lifecycle.cycle),
        ToString::to_string,
    );
    let installed = device.os.as_ref().map(|(_, version)| version.clone());
    let mut judgement = bare(package, installed.filter(|version| !version.is_empty()));
    judgement.advisory = Some(format!(
        "endoflife:{}/{}",
        lifecycle.product, lifecycle.cycle
    ));
    judgement.state = FindingState::NoFix;
    judgement.because = because;
    judgement.document = Some(sourced.document);
    Some(judgement)
}

fn bare(package: String, installed: Option<String>) -> Judgement {
    Judgement {
        package,
        installed,
        architecture: None,
        advisory: None,
        cves: Vec::new(),
        fixed: None,
        state: FindingState::Unknown,
        rating: None,
        because: String::new(),
        document: None,
        exploited: None,
        epss_millionths: None,
    }
}

/// When the life of a cycle ends; ordered so that the latest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LifeEnd {
    Already,
    On(Date),
    Never,
}

impl LifeEnd {
    fn of(ends: Ends) -> Option<Self> {
        match ends {
            Ends::Unknown => None,
            Ends::On(date) => Some(Self::On(date)),
            Ends::Already => Some(Self::Already),
            Ends::NotSet => Some(Self::Never),
        }
    }

    /// The last day of support is still one of support.
    fn is_past(self, day: Date) -> bool {
        match self {
            Self::Already => true,
            Self::On(date) => date < day,
            Self::Never => false,
        }
    }
}

fn is_of(device: &JudgedDevice, lifecycle: &Lifecycle) -> bool {
    let Some((id, version)) = &device.os else {
        return false;
    };
    let id = id.to_ascii_lowercase();
    let product = lifecycle.product.as_str();
    let named = PRODUCTS
        .iter()
        .find(|(known, _)| *known == id)
        .is_some_and(|(_, products)| products.contains(&product));
    let named = named
        || product == id
        // Stream's packages have dates of their own.
        || (id == "centos" && product == "centos-stream" && device.systems.len() == 1);
    if !named || (id == "centos" && product == "centos" && device.systems.len() == 1) {
        return false;
    }
    let mut cycles = vec![version.as_str()];
    cycles.extend(version.match_indices('.').map(|(at, _)| &version[..at]));
    if !version.is_empty() && cycles.contains(&lifecycle.cycle.as_str()) {
        return true;
    }
    let release = device.systems.first().map_or("", |system| system.release());
    lifecycle
        .codename
        .as_ref()
        .is_some_and(|codename| !release.is_empty() && codename.eq_ignore_ascii_case(release))
}

/// The judgements of packages without security support.
pub(super) fn package(
    device: &JudgedDevice,
    package: &JudgedPackage,
    definitions: &Definitions,
    day: Date,
) -> Option<Judgement> {
    if package.ecosystem != Ecosystem::Deb {
        return None;
    }
    let source = package.source.as_ref().unwrap_or(&package.name);
    let (entry, state, because) = definitions
        .support
        .iter()
        .filter(|entry| is_about(device, &entry.value, source.as_str()))
        .filter_map(|entry| {
            let (state, because) = unsupported(&entry.value, package, day)?;
            Some((entry, state, because))
        })
        // An end says more than a limit.
        .min_by_key(|(_, state, _)| *state)?;
    let mut judgement = bare(package.name.to_string(), Some(package.version.to_string()));
    judgement.architecture.clone_from(&package.architecture);
    judgement.advisory = Some(SUPPORT.to_owned());
    judgement.state = state;
    judgement.because = because;
    judgement.document = Some(entry.document);
    Some(judgement)
}

/// Lists that name no release are about every release of their distribution.
fn is_about(device: &JudgedDevice, entry: &SupportEnd, source: &str) -> bool {
    let distribution = entry
        .system
        .as_ref()
        .map_or("debian", SystemId::distribution);
    let release = entry.system.as_ref().map_or("", SystemId::release);
    entry.source.as_str() == source
        && device.systems.iter().any(|system| {
            system.distribution() == distribution
                && (release.is_empty() || system.release() == release)
        })
}

fn unsupported(
    entry: &SupportEnd,
    package: &JudgedPackage,
    day: Date,
) -> Option<(FindingState, String)> {
    let installed = package.source_version.as_ref().unwrap_or(&package.version);
    if let Some(last) = &entry.last
        && order(Ecosystem::Deb, installed.as_str(), last.as_str()) == Ok(Ordering::Greater)
    {
        return None;
    }
    let why = if entry.why.is_empty() {
        String::new()
    } else {
        format!(": {}", entry.why)
    };
    match entry.ended {
        Some(date) if date <= day => Some((
            FindingState::NoFix,
            format!("security support ended on {date}{why}"),
        )),
        Some(_) => None,
        None => Some((
            FindingState::Unknown,
            format!("security support is limited{why}"),
        )),
    }
}
