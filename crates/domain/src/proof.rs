//! What a second look found after an order.
//!
//! A proof names facts, not the tools that found them. It never reuses what the install step said.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::OrderId;
use crate::inventory::Digest;
use crate::name::{Architecture, PackageName, Version};
use crate::package::words;

/// Whether the second look agrees with the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofState {
    /// No second look yet.
    Pending,
    /// It is as ordered.
    Proven,
    /// It is not.
    NotProven,
}

words!(ProofState "proof state" "pending, proven, not-proven" {
    Pending "pending", Proven "proven", NotProven "not-proven",
});

/// One observation of the second look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// The version that the device's package database names.
    Installed {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// The version found; `None`: not there.
        version: Option<Version>,
        /// Whether it is in order.
        usable: bool,
    },
    /// The package's files against the vendor's checksums.
    Files {
        /// The package.
        name: PackageName,
        /// Its architecture.
        architecture: Architecture,
        /// Files that differ, configuration files apart; `None`: could not be checked.
        differing: Option<Vec<String>>,
    },
    /// Whether processes still run what the order replaced.
    OldCode {
        /// What still runs, one line each; `None`: could not be seen.
        running: Option<Vec<String>>,
    },
    /// A service that was asked after the order.
    Service {
        /// Its name.
        name: String,
        /// Whether it answers as running.
        running: bool,
    },
    /// Whether the package manager has unfinished work.
    Unfinished {
        /// Packages that are half installed.
        packages: Vec<PackageName>,
    },
    /// The boot that the look was made in.
    Boot {
        /// Its id.
        boot_id: String,
    },
}

/// What the device saw when it looked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondLook {
    /// The order it is about.
    pub order: OrderId,
    /// When the look was made.
    pub looked_at: Timestamp,
    /// The inventory that this look read.
    pub inventory: Digest,
    /// What was seen.
    pub facts: Vec<Fact>,
}

/// The verdict over a second look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Whether it agrees.
    pub state: ProofState,
    /// When the second look was made.
    pub checked_at: Option<Timestamp>,
    /// Sentences that a person can read, one a fact.
    pub facts: Vec<String>,
}

impl Proof {
    /// No second look yet.
    pub fn pending() -> Self {
        Self {
            state: ProofState::Pending,
            checked_at: None,
            facts: Vec::new(),
        }
    }
}
