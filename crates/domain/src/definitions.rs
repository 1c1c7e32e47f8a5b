//! Everything that definitions say, with the document behind each fact.

use jiff::civil::Date;

use crate::advisory::{Advisory, ApplicationVersion, Lifecycle, Notice};
use crate::cve::Catalogues;
use crate::feed::Provenance;
use crate::name::{PackageName, Version};
use crate::release::SystemId;

/// A fact and the document that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// Index into [`Definitions::documents`].
    pub document: u32,
    /// The fact.
    pub value: T,
}

/// A package whose security support in a system ended or is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportEnd {
    /// The release; `None`: in every release of the distribution.
    pub system: Option<SystemId>,
    /// The source package.
    pub source: PackageName,
    /// The last version with support, where it is named.
    pub last: Option<Version>,
    /// Since when; `None`: limited, not ended.
    pub ended: Option<Date>,
    /// Why, in the source's words.
    pub why: String,
}

/// A stream of an rpm module, and the packages that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleStream {
    /// `php:7.2`.
    pub stream: String,
    /// `name-epoch:version-release.arch`.
    pub artifacts: Vec<String>,
}

/// A repository and the platforms (CPE) whose packages it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPlatforms {
    /// The repository's id.
    pub id: String,
    /// The platforms.
    pub cpes: Vec<String>,
}

/// All definitions at hand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definitions {
    /// The documents, each once.
    pub documents: Vec<Provenance>,
    /// What advisories say. Of several revisions of one document all are kept: what a later one
    /// leaves out is not deleted by that.
    pub advisories: Vec<Sourced<Advisory>>,
    /// What is known of CVEs beside versions.
    pub cve_facts: Vec<Sourced<Advisory>>,
    /// Support dates.
    pub lifecycles: Vec<Sourced<Lifecycle>>,
    /// Packages without support.
    pub support: Vec<Sourced<SupportEnd>>,
    /// Applications that can be installed.
    pub applications: Vec<Sourced<ApplicationVersion>>,
    /// News.
    pub notices: Vec<Sourced<Notice>>,
    /// Repositories and their platforms.
    pub repositories: Vec<Sourced<RepositoryPlatforms>>,
    /// Module streams.
    pub modules: Vec<Sourced<ModuleStream>>,
    /// Names of products by the vendor's id (Microsoft).
    pub products: Vec<Sourced<(String, String)>>,
    /// Ids of documents that their publisher declared gone.
    pub deleted: Vec<Sourced<String>>,
    /// KEV and EPSS.
    pub catalogues: Catalogues,
}
