//! Where one device's package stands with one advisory, and what that rests on.
//!
//! A judgement is finer than a finding: one for every (package, advisory, fixed version) that was
//! considered. Findings per patch are made from them.

use jiff::civil::Date;

use crate::advisory::Rating;
use crate::cve::CveId;
use crate::finding::FindingState;
use crate::name::{Architecture, PackageName, Version};
use crate::package::{Ecosystem, Kb};
use crate::release::SystemId;

/// A device as an assessment sees it. Everything that was not reported is `None` or empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JudgedDevice {
    /// Its name.
    pub name: String,
    /// The systems whose statements count; empty: the system is not known.
    pub systems: Vec<SystemId>,
    /// The system in words, for reasons: `debian 12`.
    pub system_words: String,
    /// `os-release` id and version, for end of life.
    pub os: Option<(String, String)>,
    /// The running kernel (`uname -r`).
    pub kernel: Option<String>,
    /// The installed packages.
    pub packages: Vec<JudgedPackage>,
    /// What is known of a Windows system.
    pub windows: Option<WindowsState>,
    /// Applications beside the package manager.
    pub applications: Vec<JudgedApplication>,
    /// Ids of the repositories that the device uses; `None`: not known.
    pub repositories: Option<Vec<String>>,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedPackage {
    /// Whose rules apply.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its architecture.
    pub architecture: Option<Architecture>,
    /// Its source package.
    pub source: Option<PackageName>,
    /// The source's version, where it differs from its own.
    pub source_version: Option<Version>,
    /// Module and stream that it was installed from (`php:7.2`); `None`: of no module, or not said.
    pub module: Option<String>,
}

/// What is known of a Windows system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WindowsState {
    /// Microsoft's id of the product.
    pub product_id: Option<String>,
    /// Build with revision: `10.0.20348.2700`.
    pub build: Option<Version>,
    /// The updates that the system records as installed.
    pub kbs: Vec<Kb>,
}

/// An installed application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedApplication {
    /// Its id.
    pub id: PackageName,
    /// Its version.
    pub version: Version,
}

/// Where a package, update or application stands with one advisory.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The package's name; for Windows the product's name.
    pub package: String,
    /// What is installed.
    pub installed: Option<String>,
    /// Its architecture.
    pub architecture: Option<Architecture>,
    /// The feed's own id; `KB` and the number for Windows; `None`: no advisory was at hand.
    pub advisory: Option<String>,
    /// The CVEs.
    pub cves: Vec<CveId>,
    /// The first version with the fix.
    pub fixed: Option<String>,
    /// Where it stands.
    pub state: FindingState,
    /// How bad; `None`: not rated by any document at hand.
    pub rating: Option<Rating>,
    /// The rule that decided, in one sentence with the versions.
    pub because: String,
    /// Index into `Definitions::documents`.
    pub document: Option<u32>,
    /// The earliest day on which one of the CVEs was listed as exploited; `None`: none is, or no
    /// catalogue is at hand.
    pub exploited: Option<Date>,
    /// The highest probability of exploitation in millionths.
    pub epss_millionths: Option<u32>,
}
