//! Advisories: what a feed says of versions, in one shape for all feeds.
//!
//! An [`Advisory`] has ids, a rating and [`Statement`]s; each statement is about one package in one
//! system. Windows updates are [`Remedy`]s instead, because there the unit is the KB and what it
//! replaces. Nothing here decides: `engine::assess` holds statements against inventories. Versions
//! are as the vendor wrote them; an unknown value stays unknown and never means "not affected".

use jiff::Timestamp;

use crate::cve::CveId;
use crate::name::{Architecture, PackageName, Version};
use crate::package::Kb;
use crate::severity::{Classification, Severity, SeveritySource};

pub use crate::release::SystemId;

/// One advisory of one feed, with everything it states.
#[derive(Debug, Clone, PartialEq)]
pub struct Advisory {
    /// The feed's own id: `DSA-5020-1`, `RHSA-2023:3821`, `CVE-2024-1234`. Printable, may hold blanks.
    pub id: String,
    /// One line; may be empty.
    pub title: String,
    /// The CVEs it is about, sorted, each once. Ids that are no CVE ids stand in `aliases`.
    pub cves: Vec<CveId>,
    /// Other ids of the same thing (`TEMP-…`, `GHSA-…`, `ADV220002`).
    pub aliases: Vec<String>,
    /// How bad; `None`: the document does not say.
    pub rating: Option<Rating>,
    /// What kind of patch it announces; `None`: the document does not say.
    pub classification: Option<Classification>,
    /// First published.
    pub published: Option<Timestamp>,
    /// Last changed, as it says itself; never trusted to rise.
    pub modified: Option<Timestamp>,
    /// Withdrawn by an explicit word of the vendor: kept, and never a finding.
    pub withdrawn: bool,
    /// What has to follow the installation.
    pub after: AfterInstall,
    /// What it states of packages.
    pub statements: Vec<Statement>,
    /// What it states of Windows updates.
    pub remedies: Vec<Remedy>,
}

impl Advisory {
    /// An advisory that states nothing yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: String::new(),
            cves: Vec::new(),
            aliases: Vec::new(),
            rating: None,
            classification: None,
            published: None,
            modified: None,
            withdrawn: false,
            after: AfterInstall::Unknown,
            statements: Vec::new(),
            remedies: Vec::new(),
        }
    }
}

/// A severity and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// On the four steps, or unrated.
    pub severity: Severity,
    /// The vendor's own, or derived (from CVSS or an urgency).
    pub source: SeveritySource,
    /// The vendor's word or the vector that it was read from.
    pub word: String,
    /// CVSS base score in tenths, 0 to 100, where the document has one.
    pub cvss_tenths: Option<u8>,
}

/// What has to follow an installation, as the vendor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AfterInstall {
    /// The vendor does not say.
    #[default]
    Unknown,
    /// Nothing.
    Nothing,
    /// The user signs in anew.
    Relogin,
    /// The program or service restarts.
    Restart,
    /// Perhaps a reboot.
    MaybeReboot,
    /// A reboot.
    Reboot,
}

/// Which package names a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Every binary package built from this source (Debian, Ubuntu, Alpine).
    Source(PackageName),
    /// The binary package of this name (rpm, Arch).
    Binary(PackageName),
}

impl Target {
    /// The name, of a source or of a binary.
    pub fn name(&self) -> &PackageName {
        match self {
            Self::Source(name) | Self::Binary(name) => name,
        }
    }
}

/// What an advisory says of one package in one system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// In which system.
    pub system: SystemId,
    /// Which packages.
    pub target: Target,
    /// On which architectures only, sorted; empty: on all.
    pub architectures: Vec<Architecture>,
    /// Module and stream (`php:7.2`) whose packages it is about. `None`: packages of no module.
    pub module: Option<String>,
    /// The CVEs that this statement is about; `None`: all of the advisory.
    pub cves: Option<Vec<CveId>>,
    /// Only with a subscription or a paid channel (Ubuntu Pro, LTSS): its name.
    pub subscription: Option<String>,
    /// What it says of versions.
    pub says: Says,
}

/// What a statement says of a package's versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    /// Versions from `introduced` (`None`: the first) and before `fixed` are affected.
    FixedIn {
        /// The first affected version.
        introduced: Option<Version>,
        /// The first version with the fix.
        fixed: Version,
    },
    /// Versions from `introduced` up to and with `last` are affected; no fixed version is named.
    AffectedUpTo {
        /// The first affected version.
        introduced: Option<Version>,
        /// The last affected version.
        last: Version,
    },
    /// Exactly these versions are affected, sorted as text.
    AffectedExactly {
        /// Which.
        versions: Vec<Version>,
        /// The version with the fix, where one is named.
        fixed: Option<Version>,
    },
    /// Every version is affected and no fix is offered.
    NoFix {
        /// Why, in our words.
        reason: NoFixReason,
        /// The vendor's own word: `will_not_fix`, `postponed`, `needed`.
        word: String,
    },
    /// Not affected, for a reason in the vendor's words.
    NotAffected {
        /// Why.
        why: String,
    },
    /// The vendor has not decided: neither affected nor not.
    Undetermined {
        /// The vendor's word: `undetermined`, `needs-triage`, `under_investigation`.
        word: String,
    },
}

/// Why no fix is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoFixReason {
    /// None yet; one may come.
    NotYet,
    /// Put off to a later advisory or point release.
    Postponed,
    /// The vendor will not fix it.
    WillNotFix,
    /// The package or release is out of support.
    EndOfLife,
}

/// One Windows update (KB) as the remedy of an advisory for one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// Microsoft's id of the product, stable over the years (`11568`).
    pub product_id: String,
    /// The product's name, as this document spells it.
    pub product: String,
    /// The update.
    pub kb: Kb,
    /// What kind of update.
    pub kind: RemedyKind,
    /// The vendor's word for the kind.
    pub sub_type: String,
    /// The build that a device has once it is installed; `None`: absent or not four numbers.
    pub fixed_build: Option<Version>,
    /// The updates that it replaces for this product, directly.
    pub replaces: Vec<Kb>,
    /// What has to follow.
    pub after: AfterInstall,
    /// How bad for this product; `None`: the advisory's rating.
    pub rating: Option<Rating>,
}

/// What kind of Windows update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemedyKind {
    /// A cumulative update, also called monthly rollup: contains all earlier ones of its line.
    Cumulative,
    /// The security-only update of one month: contains no earlier month.
    SecurityOnly,
    /// A hotpatch, beside the cumulative update of its product.
    Hotpatch,
    /// The cumulative update of a browser.
    BrowserCumulative,
    /// The servicing stack, a prerequisite.
    ServicingStack,
    /// An update of one product that says no more (Office, SQL Server, .NET).
    Update,
}

/// One line of support of a system or application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// The product, as its source names it: `debian`, `windows`, `nodejs`.
    pub product: String,
    /// The cycle: `12`, `22.04`, `22h2-e`.
    pub cycle: String,
    /// Its code name.
    pub codename: Option<String>,
    /// The latest version of the cycle, where it is named.
    pub latest: Option<String>,
    /// First released.
    pub released: Option<jiff::civil::Date>,
    /// End of active support.
    pub support_ends: Ends,
    /// End of security support: end of life.
    pub life_ends: Ends,
    /// End of extended, mostly paid, support.
    pub extended_ends: Ends,
}

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ends {
    /// Not said.
    #[default]
    Unknown,
    /// On this day.
    On(jiff::civil::Date),
    /// It has ended, on a day that is not said.
    Already,
    /// Not yet, and no day is set.
    NotSet,
}

/// One version of an application that can be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationVersion {
    /// Its id: `Mozilla.Firefox`.
    pub id: PackageName,
    /// The version.
    pub version: Version,
    /// Its name for people.
    pub name: Option<String>,
    /// Its publisher.
    pub publisher: Option<String>,
    /// How an installed copy is recognised.
    pub installed_as: Vec<InstalledAs>,
    /// When it was released.
    pub released: Option<jiff::civil::Date>,
}

/// How an installed copy of an application shows itself on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstalledAs {
    /// The name in the list of programs.
    pub display_name: Option<String>,
    /// The publisher there.
    pub publisher: Option<String>,
    /// The version there, where it differs from the package's.
    pub display_version: Option<String>,
    /// The product code.
    pub product_code: Option<String>,
    /// The upgrade code.
    pub upgrade_code: Option<String>,
}

/// News that nothing can be matched with exactly: shown beside patches, never deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The id that it gives itself (guid, Message-ID), else its title.
    pub id: String,
    /// One line.
    pub title: String,
    /// Where it can be read.
    pub link: Option<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// The CVEs that it names, sorted.
    pub cves: Vec<CveId>,
    /// The KBs that it names, sorted.
    pub kbs: Vec<Kb>,
    /// Products that it names, as far as they can be read.
    pub products: Vec<String>,
}
