//! Order of package versions.
//!
//! Two questions are kept apart. [`parse`] is strict: what an ecosystem's grammar forbids is refused
//! with the reason; it is for what people type and for orders. [`order`] answers for whatever the
//! ecosystem's own tool would order, because versions outside the grammar are installed in the
//! field; it is for inventory and assessment.
//!
//! For deb and rpm there is also an order-preserving byte key ([`deb::sort_key`],
//! [`rpm::sort_key`]): comparing two keys with `memcmp` gives the same answer as comparing the
//! versions, so that a database can sort and search by version.
//!
//! Pure: no clock, file or process. Errors: [`InvalidVersion`] and [`Unorderable`], each with the
//! text and the [`Fault`]. The source of the rules stands at the top of each module.

pub mod apk;
pub mod deb;
mod fault;
mod key;
mod number;
pub mod pacman;
pub mod rpm;
pub mod semver;
pub mod windows;
pub mod winget;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

pub use fault::{Fault, InvalidVersion, Unorderable};

/// An ecosystem's way of writing and ordering versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Debian and Ubuntu: `[epoch:]upstream[-revision]`.
    Deb,
    /// Red Hat, SUSE and their kin: `[epoch:]version[-release]`.
    Rpm,
    /// Alpine.
    Apk,
    /// Arch: `[epoch:]pkgver[-pkgrel]`.
    Pacman,
    /// Semantic Versioning 2.0.0.
    Semver,
    /// Four-part file and build numbers of Windows.
    Windows,
    /// Windows applications as winget orders them.
    Winget,
}

impl Scheme {
    /// Every scheme, in the order in which they are listed to people.
    pub const ALL: [Self; 7] = [
        Self::Deb,
        Self::Rpm,
        Self::Apk,
        Self::Pacman,
        Self::Semver,
        Self::Windows,
        Self::Winget,
    ];

    /// Returns the name that is typed and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Semver => "semver",
            Self::Windows => "windows",
            Self::Winget => "winget",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A word that names no scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a version scheme")]
pub struct UnknownScheme {
    /// The word as it was given.
    pub word: String,
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.name() == word)
            .ok_or_else(|| UnknownScheme {
                word: word.to_owned(),
            })
    }
}

/// Checks `version` against the grammar of its ecosystem.
///
/// # Errors
/// [`InvalidVersion`] with the first thing that the grammar forbids.
pub fn parse(scheme: Scheme, version: &str) -> Result<(), InvalidVersion> {
    let checked = match scheme {
        Scheme::Deb => deb::parse(version),
        Scheme::Rpm => rpm::parse(version),
        Scheme::Apk => apk::parse(version),
        Scheme::Pacman => pacman::parse(version),
        Scheme::Semver => semver::parse(version),
        Scheme::Windows => windows::parse(version),
        Scheme::Winget => winget::parse(version),
    };
    checked.map_err(|fault| InvalidVersion {
        scheme,
        version: version.to_owned(),
        fault,
    })
}

/// Orders two versions as the ecosystem's own tool does.
///
/// # Errors
/// [`Unorderable`] for the text that the tool itself would refuse; the left one is looked at first.
pub fn order(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, Unorderable> {
    order_bytes(scheme, a.as_bytes(), b.as_bytes())
}

/// Orders two versions that may not be UTF-8, as package databases can hold them.
///
/// # Errors
/// As [`order`]; semver, windows and winget also refuse bytes that are not UTF-8.
pub fn order_bytes(scheme: Scheme, a: &[u8], b: &[u8]) -> Result<Ordering, Unorderable> {
    match scheme {
        Scheme::Deb => {
            orderable(a, deb::orderable)?;
            orderable(b, deb::orderable)?;
            Ok(deb::compare_bytes(a, b))
        }
        Scheme::Rpm => Ok(rpm::compare_bytes(a, b)),
        Scheme::Apk => Ok(apk::compare_bytes(a, b)),
        Scheme::Pacman => Ok(pacman::compare_bytes(a, b)),
        Scheme::Semver => Ok(orderable(a, semver::read)?.cmp(&orderable(b, semver::read)?)),
        Scheme::Windows => Ok(orderable(a, windows::read)?.cmp(&orderable(b, windows::read)?)),
        Scheme::Winget => Ok(orderable(a, winget::read)?.cmp(&orderable(b, winget::read)?)),
    }
}

/// Reads one side and names it when it is refused.
fn orderable<'a, T>(
    version: &'a [u8],
    read: impl Fn(&'a [u8]) -> Result<T, Fault>,
) -> Result<T, Unorderable> {
    read(version).map_err(|fault| Unorderable {
        version: String::from_utf8_lossy(version).into_owned(),
        fault,
    })
}
