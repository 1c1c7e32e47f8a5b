//! What a vendor releases together and a person approves, named so that it can be typed.
//!
//! `deb:bookworm/openssl@3.0.22-1~deb12u2` is a source package version in a release; `kb:5044285`
//! a Windows update; `app:Mozilla.Firefox@130.0` an application version.
//! Errors: any other text is refused with what was expected.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{InvalidName, PackageName, Release, Version};
use crate::package::{Ecosystem, Kb, UnknownWord};

/// The id of a patch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PatchId {
    /// A source package version in a release (deb, rpm, apk, pacman).
    Source {
        /// Whose rules apply.
        ecosystem: Ecosystem,
        /// The release by codename.
        release: Release,
        /// The source package.
        source: PackageName,
        /// Its version.
        version: Version,
    },
    /// A Windows update.
    Update(Kb),
    /// An application version.
    Application {
        /// Its id.
        id: PackageName,
        /// The version.
        version: Version,
    },
}

/// A text that is not the id of a patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPatchId {
    /// Its shape is wrong.
    #[error(
        "`{text}` is not the id of a patch: expected `deb:RELEASE/SOURCE@VERSION`, `kb:NUMBER` or `app:ID@VERSION`"
    )]
    Shape {
        /// What was given.
        text: String,
    },
    /// A part is wrong.
    #[error("the id of a patch has a bad part")]
    Part(#[from] InvalidName),
    /// The ecosystem or number is wrong.
    #[error("the id of a patch has a bad word")]
    Word(#[from] UnknownWord),
}

impl PatchId {
    /// What the patch changes: the source package, the update or the application.
    pub fn product(&self) -> String {
        match self {
            Self::Source { source, .. } => source.to_string(),
            Self::Update(kb) => kb.to_string(),
            Self::Application { id, .. } => id.to_string(),
        }
    }

    /// The version, where the patch has one.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Source { version, .. } | Self::Application { version, .. } => Some(version),
            Self::Update(_) => None,
        }
    }
}

impl fmt::Display for PatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source {
                ecosystem,
                release,
                source,
                version,
            } => {
                write!(f, "{ecosystem}:{release}/{source}@{version}")
            }
            Self::Update(kb) => write!(f, "kb:{}", kb.0),
            Self::Application { id, version } => write!(f, "app:{id}@{version}"),
        }
    }
}

impl FromStr for PatchId {
    type Err = InvalidPatchId;

    fn from_str(text: &str) -> Result<Self, InvalidPatchId> {
        let shape = || InvalidPatchId::Shape {
            text: text.chars().take(200).collect(),
        };
        let (kind, rest) = text.split_once(':').ok_or_else(shape)?;
        match kind {
            "kb" => Ok(Self::Update(rest.parse()?)),
            "app" => {
                let (id, version) = rest.rsplit_once('@').ok_or_else(shape)?;
                Ok(Self::Application {
                    id: id.parse()?,
                    version: version.parse()?,
                })
            }
            ecosystem => {
                let (release, rest) = rest.split_once('/').ok_or_else(shape)?;
                let (source, version) = rest.split_once('@').ok_or_else(shape)?;
                Ok(Self::Source {
                    ecosystem: ecosystem.parse()?,
                    release: release.parse()?,
                    source: source.parse()?,
                    version: version.parse()?,
                })
            }
        }
    }
}

impl TryFrom<String> for PatchId {
    type Error = InvalidPatchId;
    fn try_from(text: String) -> Result<Self, InvalidPatchId> {
        text.parse()
    }
}
impl From<PatchId> for String {
    fn from(id: PatchId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_can_be_typed_and_read_back() {
        for text in [
            "deb:bookworm/openssl@3.0.22-1~deb12u2",
            "deb:bookworm/bash@5.2.15-2",
            "kb:5044285",
            "app:Mozilla.Firefox@130.0",
        ] {
            assert_eq!(text.parse::<PatchId>().unwrap().to_string(), text);
        }
        for bad in [
            "openssl",
            "deb:openssl@1",
            "deb:bookworm/openssl",
            "kb:x",
            "zzz:a/b@1",
            "deb:a/b c@1",
        ] {
            assert!(bad.parse::<PatchId>().is_err(), "{bad}");
        }
    }
}
