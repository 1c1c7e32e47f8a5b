//! What a backend can be asked, in words that hold for every package manager.
//!
//! Asking never changes the device, apart from the methods that say so. Sizes are bytes.

use std::path::{Path, PathBuf};

use domain::Timestamp;
use domain::inventory::Inventory;
use domain::name::{Architecture, PackageName, Version};
use domain::offer::{OfferReport, OldCode, RebootNeed, System};
use domain::order::OrderItem;
use domain::package::SourcePackage;

use crate::command::{Command, RunError};

/// A package manager of a device.
pub trait Backend: Send + Sync {
    /// Reads what is installed. Cheap: no process is started. Origins are not filled in.
    ///
    /// # Errors
    /// When the package database cannot be read at all; single bad records are reported in the result.
    fn inventory(&self) -> Result<InventoryRead, BackendError>;

    /// Returns `inventory` with the origin of each installed version, where a list names it.
    ///
    /// Costs about as much as one simulation; worth repeating only when the lists changed.
    ///
    /// # Errors
    /// When the package manager does not answer.
    fn fill_origins(&self, inventory: &Inventory) -> Result<Inventory, BackendError>;

    /// Says what the package manager would install now, what it would not, and what each source needs.
    ///
    /// Lists that are absent and a package manager that is not in order are answers, not errors.
    /// `progress` gets one short sentence before each longer step.
    ///
    /// # Errors
    /// When a program cannot be run or prints something that cannot be understood.
    fn offers(&self, progress: &mut dyn FnMut(&str)) -> Result<OfferReport, BackendError>;

    /// Fetches the package lists anew. Changes the lists, no package. Needs the right to do so.
    ///
    /// # Errors
    /// When it could not be tried; sources that failed are in the result, and are remembered for
    /// [`Backend::offers`].
    fn refresh_index(&self) -> Result<Refreshed, BackendError>;

    /// Says what system this is.
    ///
    /// # Errors
    /// When the system does not name itself.
    fn system(&self) -> Result<System, BackendError>;

    /// Finds processes that run files which were replaced; `None` when this process may not look.
    ///
    /// # Errors
    /// When the list of processes cannot be read.
    fn old_code(&self, inventory: &Inventory) -> Result<Option<Vec<OldCode>>, BackendError>;

    /// Says whether a reboot is due.
    fn reboot_need(&self, inventory: &Inventory) -> RebootNeed;

    /// Asks the package manager what it would do if exactly these items were installed.
    ///
    /// Compare the answer with [`crate::differences`], and look at [`Simulation::refused`] too: a
    /// refusal need not be a difference.
    ///
    /// # Errors
    /// When the package manager does not answer.
    fn simulate(&self, items: &[OrderItem]) -> Result<Simulation, BackendError>;

    /// Says how much room installing exactly these items needs; `None` where it cannot be known.
    ///
    /// # Errors
    /// When the package manager does not answer.
    fn room(&self, items: &[OrderItem]) -> Result<Option<Room>, BackendError>;

    /// Fetches what installing these items needs into the package manager's own cache.
    ///
    /// # Errors
    /// [`BackendError::Failed`] with the package manager's words.
    fn download(&self, items: &[OrderItem], terms: &InstallTerms) -> Result<(), BackendError>;

    /// Builds the command that installs exactly these items.
    ///
    /// The caller runs it outside its own process group. Its result says nothing about the device:
    /// read the inventory again.
    ///
    /// # Errors
    /// [`BackendError::BadArgument`] for a name or version that the package manager could read as
    /// something else than one exact version of one package.
    fn install_command(
        &self,
        items: &[OrderItem],
        terms: &InstallTerms,
    ) -> Result<Command, BackendError>;

    /// Builds the command that puts these items back to exactly the versions in their `from`.
    ///
    /// Only for the repair of a transaction of our own that left them half installed. `None` where the
    /// package manager cannot do it, or an item has no `from`.
    fn restore_command(&self, items: &[OrderItem], terms: &InstallTerms) -> Option<Command> {
        let _ = (items, terms);
        None
    }

    /// Finds in the output of the install command why it failed, in one line.
    fn failure_reason(&self, output: &str) -> Option<String>;

    /// Lists new versions of configuration files that were put beside the old ones.
    ///
    /// Ask before and after a transaction: what is new, or has another time, was set aside by it.
    ///
    /// # Errors
    /// When the package database cannot be read.
    fn set_aside(&self, items: &[OrderItem]) -> Result<Vec<SetAside>, BackendError>;

    /// Finishes an interrupted transaction. Changes packages, but never removes one.
    ///
    /// # Errors
    /// [`BackendError::Locked`] when another program works, or when a program cannot be run. What
    /// could not be repaired is in the result.
    fn repair(&self, terms: &InstallTerms) -> Result<Repaired, BackendError>;

    /// Names the packages that an interrupted transaction left unfinished.
    ///
    /// # Errors
    /// When the package database cannot be read.
    fn unfinished(&self) -> Result<Vec<PackageName>, BackendError>;

    /// Whether the package manager was stopped in the middle and notes work that it did not finish.
    /// While it runs this is true as well: ask for the lock's holder first.
    fn interrupted(&self) -> bool {
        false
    }

    /// Compares the files of packages with the vendor's checksums, configuration files apart.
    ///
    /// # Errors
    /// When the tool cannot be run.
    fn verify_files(&self, packages: &[PackageKey]) -> Result<Vec<VerifiedFiles>, BackendError>;

    /// Restarts a service. Changes the device.
    ///
    /// # Errors
    /// When the name is not one of a service, or the service manager refuses.
    fn restart_service(&self, name: &str) -> Result<(), BackendError>;

    /// Asks whether a service runs.
    ///
    /// # Errors
    /// When the name is not one of a service, or the service manager cannot be asked.
    fn service_running(&self, name: &str) -> Result<bool, BackendError>;

    /// Says who holds the package manager's lock now, if anybody does.
    fn lock_holder(&self) -> Option<Holder>;

    /// Reads the changelog out of the package that is offered, newest entry first.
    ///
    /// `cache` is a folder of ours: what was read once is kept there by source version. The text is cut
    /// before the entry of the installed source version, or at 128 kB.
    ///
    /// # Errors
    /// [`ChangelogError::InOtherPackage`] names a package to ask instead.
    fn changelog(&self, wanted: &WantedChangelog, cache: &Path) -> Result<String, ChangelogError>;

    /// Names settings that switch off the check of signatures, one line each; empty when there are none.
    ///
    /// # Errors
    /// When the settings cannot be read.
    fn unsafe_sources(&self) -> Result<Vec<String>, BackendError>;

    /// Whether this process has the right to change packages.
    fn privileged(&self) -> bool;
}

/// What is installed, and what could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryRead {
    /// All that could be read.
    pub inventory: Inventory,
    /// Records that could not be read, one sentence each.
    pub unreadable: Vec<String>,
}

/// A package by name and architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
}

impl From<&OrderItem> for PackageKey {
    fn from(item: &OrderItem) -> Self {
        Self {
            name: item.name.clone(),
            architecture: item.architecture.clone(),
        }
    }
}

/// What came of fetching the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refreshed {
    /// Sources that could not be fetched, each with the reason; empty when all went well.
    pub failed: Vec<String>,
}

/// How the package manager is to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallTerms {
    /// How long to wait for another program to let go of the lock.
    pub lock_wait_seconds: u32,
    /// How long the whole step may take before it is ended. Only for steps that change no package.
    pub download_seconds_max: u32,
}

impl Default for InstallTerms {
    fn default() -> Self {
        Self {
            lock_wait_seconds: 120,
            download_seconds_max: 3600,
        }
    }
}

/// What the package manager would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simulation {
    /// What it would install or upgrade (or take back), in its order.
    pub installs: Vec<SimulatedInstall>,
    /// What it would remove.
    pub removals: Vec<SimulatedRemoval>,
    /// What it would keep back although a newer version is known: `name` or `name:architecture`.
    pub kept_back: Vec<String>,
    /// Ordered versions that no list names any more.
    pub not_offered: Vec<NotOffered>,
    /// Why it would do nothing, in its own words in one line.
    pub refused: Option<String>,
}

/// How much room an installation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes that are still to be fetched into the package manager's cache.
    pub download_bytes: u64,
    /// By how many bytes what is installed grows.
    pub growth_bytes: u64,
}

/// One package that would be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedInstall {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What is installed now.
    pub from: Option<Version>,
    /// What would be installed.
    pub to: Version,
}

/// One package that would be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedRemoval {
    /// Its name.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
}

/// An ordered version that is gone from the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOffered {
    /// The package.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What was ordered.
    pub ordered: Version,
    /// What is offered now, if anything newer than what is installed.
    pub offered: Option<Version>,
}

/// A new version of a configuration file that was put beside the old one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetAside {
    /// Path of the new version: `/etc/nginx/nginx.conf.dpkg-dist`.
    pub path: String,
    /// When it was put there, by the device's own clock.
    pub changed_at: Timestamp,
}

/// What a repair did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// What was done, one line each; empty when nothing was needed.
    pub done: Vec<String>,
    /// Packages that are still unfinished.
    pub unfinished: Vec<PackageName>,
    /// Why it could not be repaired and what to do next; `None` when all is in order.
    pub problem: Option<String>,
}

/// A package's files against the vendor's checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFiles {
    /// The package.
    pub package: PackageKey,
    /// Files that differ or are missing, configuration files apart; `None`: could not be checked.
    pub differing: Option<Vec<String>>,
}

/// Who holds the package manager's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The program's name, as short as the system knows it: `unattended-upgr`.
    pub name: String,
    /// The process; 0 when it lives outside of what we can see.
    pub pid: u32,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// Which changelog is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedChangelog {
    /// The binary package to read it from.
    pub name: PackageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// Its candidate.
    pub candidate: Version,
    /// The candidate's source.
    pub source: SourcePackage,
    /// The installed source version: entries from there on are not wanted.
    pub installed_source: Option<Version>,
    /// Bytes that may be downloaded for it.
    pub download_bytes_max: u64,
    /// The candidate's size, where the offer names it.
    pub size_bytes: Option<u64>,
    /// Seconds that the download may take.
    pub seconds_max: u32,
}

/// Why there is no changelog.
#[derive(Debug, thiserror::Error)]
pub enum ChangelogError {
    /// Its folder is a link into another package.
    #[error("the changelog of {name} is in the package {other}")]
    InOtherPackage {
        /// The package that was asked.
        name: PackageName,
        /// The package that has it.
        other: PackageName,
    },
    /// The package brings none.
    #[error("{name} brings no changelog")]
    None {
        /// The package.
        name: PackageName,
    },
    /// It is larger than may be downloaded.
    #[error("{name} has {size_bytes} bytes, {limit_bytes} may be downloaded")]
    TooLarge {
        /// The package.
        name: PackageName,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// It could not be fetched.
    #[error("cannot download {name}: {reason}")]
    Download {
        /// The package.
        name: PackageName,
        /// In the package manager's words.
        reason: String,
    },
    /// The package is damaged or not understood.
    #[error("cannot read the package {name}: {reason}")]
    Damaged {
        /// The package.
        name: PackageName,
        /// What is wrong.
        reason: String,
    },
    /// A file of ours could not be read or written.
    #[error("cannot use {path}")]
    Cache {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program could not be run.
    #[error("cannot ask the package manager")]
    Run(#[from] RunError),
}

/// Why a backend has no answer.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A program could not be run.
    #[error("cannot ask the package manager")]
    Run(#[from] RunError),
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of ours could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another program holds the package manager's lock.
    #[error("{what}: the package manager is locked by {holder}; wait for it to end, or end it")]
    Locked {
        /// What was wanted.
        what: String,
        /// Who holds it.
        holder: Holder,
    },
    /// This process lacks the right.
    #[error(
        "{what} needs root: run the agent as root, or leave this to the device's administrator"
    )]
    NotPermitted {
        /// What was wanted.
        what: String,
    },
    /// The package manager failed.
    #[error("{what} failed: {reason}; next: {next}")]
    Failed {
        /// What was tried.
        what: String,
        /// In the package manager's words, one line.
        reason: String,
        /// What a person can do.
        next: String,
    },
    /// Something was printed or stands in a file that cannot be understood.
    #[error("{place}: cannot understand {text:?}: expected {expected}")]
    Unreadable {
        /// Where it was found.
        place: String,
        /// What it says, shortened.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A name or version that is not exactly one version of one package.
    #[error("{text:?} is not a {what} that the package manager can be given")]
    BadArgument {
        /// What it should be.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// Not the name of a service.
    #[error("{name:?} is not the name of a service")]
    BadService {
        /// What was given.
        name: String,
    },
}
