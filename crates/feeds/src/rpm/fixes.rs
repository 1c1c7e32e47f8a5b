//! Fixed versions of one advisory, gathered over architectures.
//!
//! A vendor lists a package once per architecture; one statement says the same of all of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::advisory::{Says, Statement, Target};
use domain::name::{Architecture, Version};
use domain::release::SystemId;

/// One fixed version as a document lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fix {
    pub system: SystemId,
    pub target: Target,
    pub module: Option<String>,
    pub subscription: Option<String>,
    pub fixed: Version,
}

/// The fixed versions so far, each with its architectures; an empty set: all.
#[derive(Debug, Default)]
pub(crate) struct Fixes {
    fixes: BTreeMap<Fix, Option<BTreeSet<Architecture>>>,
}

impl Fixes {
    /// Adds a fix for one architecture; `None` and `noarch`: for all.
    pub fn add(&mut self, fix: Fix, architecture: Option<Architecture>) {
        let architecture = architecture.filter(|name| name.as_str() != "noarch");
        let of = self
            .fixes
            .entry(fix)
            .or_insert_with(|| Some(BTreeSet::new()));
        match (architecture, &mut *of) {
            (Some(architecture), Some(some)) => {
                some.insert(architecture);
            }
            (Some(_), None) => {}
            (None, _) => *of = None,
        }
    }

    /// The statements, sorted.
    pub fn into_statements(self) -> Vec<Statement> {
        let statement = |(fix, architectures): (Fix, Option<BTreeSet<Architecture>>)| Statement {
            system: fix.system,
            target: fix.target,
            architectures: architectures.into_iter().flatten().collect(),
            module: fix.module,
            cves: None,
            subscription: fix.subscription,
            says: Says::FixedIn {
                introduced: None,
                fixed: fix.fixed,
            },
        };
        self.fixes.into_iter().map(statement).collect()
    }
}

/// `epoch:version-release` from its parts; why not, where a part cannot be one.
pub(crate) fn full_version(
    epoch: Option<&str>,
    version: &str,
    release: &str,
) -> Result<Version, String> {
    let epoch = match epoch.map(str::trim) {
        None | Some("" | "(none)" | "None") => "0",
        Some(epoch) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => epoch,
        Some(epoch) => return Err(format!("{:?} is no epoch", short(epoch))),
    };
    for (what, text) in [("version", version), ("release", release)] {
        if text.is_empty() || text.contains('-') || text.contains(char::is_whitespace) {
            return Err(format!("{:?} is no {what}", short(text)));
        }
    }
    format!("{epoch}:{version}-{release}")
        .parse()
        .map_err(|error| format!("{error}"))
}

/// The first characters of an untrusted text, for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
