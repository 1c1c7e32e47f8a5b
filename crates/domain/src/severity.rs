//! How bad a patch's faults are, and what kind of patch it is: the trade's words.
//!
//! Four steps plus `unrated`, which is a real value with its own rules and never a step. A severity
//! that was not looked up is not `unrated` but absent, with a reason.

use serde::{Deserialize, Serialize};

use crate::package::words;

/// The four-step scale and `unrated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nobody rated it.
    Unrated,
    /// Low.
    Low,
    /// Moderate.
    Moderate,
    /// Important.
    Important,
    /// Critical.
    Critical,
}

words!(Severity "severity" "critical, important, moderate, low, unrated" {
    Unrated "unrated", Low "low", Moderate "moderate", Important "important", Critical "critical",
});

/// Where a severity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeveritySource {
    /// The vendor rated it.
    Vendor,
    /// Derived from a changelog's urgency by the written table.
    Derived,
}

/// What kind of patch it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classification {
    /// A hotfix for security.
    Security,
    /// A hotfix that is not for security.
    Hotfix,
    /// Many fixes in one.
    RollUp,
    /// A service pack or a distribution's point release.
    ServicePack,
    /// Definitions of a scanner.
    Definition,
    /// A driver.
    Driver,
    /// New function.
    Feature,
    /// An application or archive that is not the system vendor's.
    ThirdParty,
}

words!(Classification "classification"
    "security, hotfix, roll-up, service-pack, definition, driver, feature, third-party" {
    Security "security", Hotfix "hotfix", RollUp "roll-up", ServicePack "service-pack",
    Definition "definition", Driver "driver", Feature "feature", ThirdParty "third-party",
});
