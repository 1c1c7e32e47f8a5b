//! Package managers of devices: what is installed, what would be installed, and how it is done.
//!
//! [`Backend`] is what the agent sees; it knows nothing of Linux. [`Apt`] is the backend of Debian and
//! Ubuntu. Every adapter has three parts: pure functions that build a [`Command`], one [`Runner`] that
//! runs it, and pure functions that read what it printed. No shell is ever used.

mod backend;
mod changelog;
mod command;
mod debfile;
mod difference;

#[cfg(target_os = "linux")]
mod apt;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod system_runner;

pub use backend::{
    Backend, BackendError, ChangelogError, Holder, InstallTerms, InventoryRead, NotOffered,
    PackageKey, Refreshed, Repaired, Room, SetAside, SimulatedInstall, SimulatedRemoval,
    Simulation, VerifiedFiles, WantedChangelog,
};
pub use command::{Command, Finished, RunError, Runner};
pub use difference::differences;

#[cfg(target_os = "linux")]
pub use apt::{Apt, Places};
#[cfg(target_os = "linux")]
pub use system_runner::SystemRunner;
