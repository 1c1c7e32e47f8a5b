//! What is installed on a device: a package, a Windows update, or an application.
//!
//! Nothing here assumes one system: the kinds are an enum, and every reader names each of them.
//! Errors: an unknown ecosystem or state is refused, never guessed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{Architecture, PackageName, Version};

/// The family of packages whose rules for versions apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ecosystem {
    /// Debian and Ubuntu packages.
    Deb,
    /// Red Hat, SUSE and their relatives.
    Rpm,
    /// Alpine and Wolfi.
    Apk,
    /// Arch.
    Pacman,
    /// Windows updates, named by KB.
    Windows,
    /// Windows applications, named as winget does.
    Winget,
}

/// A word that names no ecosystem, state or kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a known {what}: expected one of {expected}")]
pub struct UnknownWord {
    /// What was wanted.
    pub what: &'static str,
    /// What was given.
    pub word: String,
    /// What would be understood.
    pub expected: &'static str,
}

macro_rules! words {
    ($type:ident $what:literal $expected:literal { $($variant:ident $word:literal,)* }) => {
        impl $type {
            /// All values, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word used everywhere: wire, database, command line.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::package::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err($crate::package::UnknownWord {
                        what: $what,
                        word: word.chars().take(64).collect(),
                        expected: $expected,
                    }),
                }
            }
        }
    };
}
pub(crate) use words;

words!(Ecosystem "ecosystem" "deb, rpm, apk, pacman, windows, winget" {
    Deb "deb", Rpm "rpm", Apk "apk", Pacman "pacman", Windows "windows", Winget "winget",
});

impl Ecosystem {
    /// How versions of the ecosystem are ordered.
    pub fn scheme(self) -> versions::Scheme {
        match self {
            Self::Deb => versions::Scheme::Deb,
            Self::Rpm => versions::Scheme::Rpm,
            Self::Apk => versions::Scheme::Apk,
            Self::Pacman => versions::Scheme::Pacman,
            Self::Windows => versions::Scheme::Windows,
            Self::Winget => versions::Scheme::Winget,
        }
    }
}

/// How an item stands on the device.
///
/// The words are dpkg's where it has them, because it tells the most; other systems use
/// `installed` and `broken`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// Installed and in order (dpkg `ii`).
    Installed,
    /// Installed, and the device's administrator forbids changes (dpkg `hi`).
    Held,
    /// Unpacking was begun and not finished.
    HalfInstalled,
    /// Unpacked, not configured.
    Unpacked,
    /// Configuring failed or was interrupted.
    HalfConfigured,
    /// Waits for another package's trigger.
    TriggersAwaited,
    /// A trigger is due.
    TriggersPending,
    /// Removed, its configuration files are still there.
    ConfigFiles,
    /// Marked for removal or reinstallation, or in another state that asks for hands.
    Broken,
}

words!(PackageState "package state"
    "installed, held, half-installed, unpacked, half-configured, triggers-awaited, triggers-pending, config-files, broken" {
    Installed "installed", Held "held", HalfInstalled "half-installed", Unpacked "unpacked",
    HalfConfigured "half-configured", TriggersAwaited "triggers-awaited",
    TriggersPending "triggers-pending", ConfigFiles "config-files", Broken "broken",
});

impl PackageState {
    /// Whether the item's files are there and configured (held ones too).
    pub fn is_usable(self) -> bool {
        match self {
            Self::Installed | Self::Held => true,
            Self::HalfInstalled
            | Self::Unpacked
            | Self::HalfConfigured
            | Self::TriggersAwaited
            | Self::TriggersPending
            | Self::ConfigFiles
            | Self::Broken => false,
        }
    }

    /// Whether an interrupted transaction left the item like this.
    pub fn is_unfinished(self) -> bool {
        match self {
            Self::HalfInstalled
            | Self::Unpacked
            | Self::HalfConfigured
            | Self::TriggersAwaited
            | Self::TriggersPending
            | Self::Broken => true,
            Self::Installed | Self::Held | Self::ConfigFiles => false,
        }
    }
}

/// The source package that a binary package was built from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: PackageName,
    /// Its version; may differ from the binary's.
    pub version: Version,
}

/// One installed package of a package manager.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    /// Whose rules apply.
    pub ecosystem: Ecosystem,
    /// As the ecosystem spells it.
    pub name: PackageName,
    /// `amd64`, `all`, …
    pub architecture: Architecture,
    /// As installed.
    pub version: Version,
    /// How it stands.
    pub state: PackageState,
    /// What it was built from, where the ecosystem says.
    pub source: Option<SourcePackage>,
    /// `label:codename` of the archive it came from; `None` when no list names it any more.
    pub origin: Option<String>,
}

/// The number of a Windows update, without the letters: `5044285`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kb(pub u32);

impl fmt::Display for Kb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KB{}", self.0)
    }
}

impl FromStr for Kb {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let digits = text
            .strip_prefix("KB")
            .or_else(|| text.strip_prefix("kb"))
            .unwrap_or(text);
        digits.parse().map(Self).map_err(|_| UnknownWord {
            what: "KB",
            word: text.chars().take(64).collect(),
            expected: "KB and a number",
        })
    }
}

/// One installed item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Item {
    /// A package with a version.
    Package(Package),
    /// A Windows update: there or not there, it has no version of its own.
    Update {
        /// Its number.
        kb: Kb,
        /// How it stands.
        state: PackageState,
    },
    /// An application outside the system's package manager.
    Application {
        /// Its id, as winget spells it.
        id: PackageName,
        /// As installed.
        version: Version,
    },
}

impl Item {
    /// Whose rules apply.
    pub fn ecosystem(&self) -> Ecosystem {
        match self {
            Self::Package(package) => package.ecosystem,
            Self::Update { .. } => Ecosystem::Windows,
            Self::Application { .. } => Ecosystem::Winget,
        }
    }

    /// How it stands.
    pub fn state(&self) -> PackageState {
        match self {
            Self::Package(package) => package.state,
            Self::Update { state, .. } => *state,
            Self::Application { .. } => PackageState::Installed,
        }
    }

    /// The package, where it is one.
    pub fn package(&self) -> Option<&Package> {
        match self {
            Self::Package(package) => Some(package),
            Self::Update { .. } | Self::Application { .. } => None,
        }
    }

    /// Appends `ecosystem TAB name TAB architecture TAB version TAB state`, without a line end.
    ///
    /// What a kind does not have is written as `-`.
    pub fn push_line(&self, out: &mut String) {
        let parts: [&str; 5] = match self {
            Self::Package(p) => [
                p.ecosystem.word(),
                p.name.as_str(),
                p.architecture.as_str(),
                p.version.as_str(),
                p.state.word(),
            ],
            Self::Update { kb, state } => {
                out.push_str(&format!("windows\t{kb}\t-\t-\t{state}"));
                return;
            }
            Self::Application { id, version } => {
                ["winget", id.as_str(), "-", version.as_str(), "installed"]
            }
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                out.push('\t');
            }
            out.push_str(part);
        }
    }
}
