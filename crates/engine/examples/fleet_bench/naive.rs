//! The reference: every package of a device against every statement, by comparing version strings.
//!
//! It shares nothing with the index but the words of `domain` and the comparator of `versions`.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use super::Open;
use super::scheme;
use domain::advisory::{Advisory, Says, Statement, Target};
use domain::judgement::JudgedPackage;
use domain::name::Version;
use domain::package::Ecosystem;
use domain::release::SystemId;

/// Statements by the name they are about, so that a device costs minutes and not hours.
pub struct Reference<'a> {
    by_name: HashMap<&'a str, Vec<(&'a str, &'a Statement)>>,
}

impl<'a> Reference<'a> {
    /// Of all advisories, each with its key.
    pub fn new(advisories: impl IntoIterator<Item = (&'a str, &'a Advisory)>) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for (key, advisory) in advisories {
            if advisory.withdrawn {
                continue;
            }
            for statement in &advisory.statements {
                let name = statement.target.name().as_str();
                by_name.entry(name).or_default().push((key, statement));
            }
        }
        Self { by_name }
    }

    /// What is open: number of the package, key of the advisory, what.
    pub fn open(
        &self,
        systems: &[SystemId],
        packages: &[&JudgedPackage],
    ) -> BTreeSet<(usize, &'a str, Open)> {
        let mut found = BTreeSet::new();
        for (at, package) in packages.iter().enumerate() {
            let source = package.source.as_ref().unwrap_or(&package.name);
            let mut names = vec![package.name.as_str(), source.as_str()];
            names.dedup();
            for (key, statement) in names
                .iter()
                .filter_map(|name| self.by_name.get(name))
                .flatten()
            {
                if systems.contains(&statement.system)
                    && let Some(open) = judge(statement, package)
                {
                    found.insert((at, *key, open));
                }
            }
        }
        found
    }
}

/// What one statement of its system leaves open for one package.
fn judge(statement: &Statement, package: &JudgedPackage) -> Option<Open> {
    let version = match &statement.target {
        Target::Binary(name) if *name == package.name => &package.version,
        Target::Source(name) if name == package.source.as_ref().unwrap_or(&package.name) => {
            let given = package.source_version.as_ref();
            let other = given.filter(|source| !is_own_build(package, source));
            other.unwrap_or(&package.version)
        }
        Target::Binary(_) | Target::Source(_) => return None,
    };
    let module_build = |version: &str| version.contains(".module+") || version.contains(".module_");
    let is_module = package.module.is_some() || module_build(package.version.as_str());
    let fix = match &statement.says {
        Says::FixedIn { fixed, .. } => Some(fixed),
        Says::AffectedExactly { fixed, .. } => fixed.as_ref(),
        _ => None,
    };
    let fix_is_module = fix.is_some_and(|fix| module_build(fix.as_str()));
    match (&statement.module, &package.module) {
        (Some(stream), Some(label)) if !same_stream(stream, label) => return None,
        (Some(_), None) if is_module => {
            return Some(Open::Unknown).filter(|_| named(statement, package));
        }
        (Some(_), None) => return None,
        (None, _) if is_module != fix_is_module => return None,
        (None, Some(_)) if is_module => {
            return Some(Open::Unknown).filter(|_| named(statement, package));
        }
        _ => {}
    }
    if !named(statement, package) {
        return None;
    }
    if epoch_untold(statement, package, fix) {
        return Some(Open::Unknown);
    }
    let untold = package.architecture.is_none()
        && matches!(statement.architectures.as_slice(), [one] if !matches!(one.as_str(), "all" | "noarch" | "any"));
    match (stands(statement, package.ecosystem, version), untold) {
        (None, _) => None,
        (Some(_), true) => Some(Open::Unknown),
        (Some(open), false) => open,
    }
}

/// Whether a fixed version with an epoch meets the version of an rpm's source, which has none.
fn epoch_untold(statement: &Statement, package: &JudgedPackage, fix: Option<&Version>) -> bool {
    let has = |text: &str| {
        let epoch = text.split(':').next().unwrap_or_default();
        text.contains(':') && !["0", "(none)"].contains(&epoch)
    };
    let Some(source) = &package.source_version else {
        return false;
    };
    package.ecosystem == Ecosystem::Rpm
        && matches!(statement.target, Target::Source(_))
        && !is_own_build(package, source)
        && !has(source.as_str())
        && fix.is_some_and(|fix| has(fix.as_str()))
}

/// Whether an rpm's source version is the package's own, which may have an epoch.
fn is_own_build(package: &JudgedPackage, source: &Version) -> bool {
    let own = package.version.as_str();
    package.ecosystem == Ecosystem::Rpm
        && own
            .rsplit(':')
            .next()
            .is_some_and(|build| build == source.as_str())
}

fn same_stream(a: &str, b: &str) -> bool {
    let stream = |label: &str| label.split(':').take(2).collect::<Vec<_>>().join(":");
    stream(a) == stream(b)
}

/// Whether the statement's architectures hold the package's, or may.
fn named(statement: &Statement, package: &JudgedPackage) -> bool {
    let all = |name: &str| matches!(name, "all" | "noarch" | "any");
    let spelled = |name: &str| match name {
        "x86_64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        name => name.to_owned(),
    };
    let list = &statement.architectures;
    match &package.architecture {
        Some(own) => {
            list.is_empty()
                || all(own.as_str())
                || list.iter().any(|name| {
                    all(name.as_str()) || spelled(name.as_str()) == spelled(own.as_str())
                })
        }
        None => true,
    }
}

/// `None`: the fix is there. `Some(None)`: not affected.
fn stands(statement: &Statement, ecosystem: Ecosystem, version: &Version) -> Option<Option<Open>> {
    let plain = |version: &Version| match ecosystem {
        Ecosystem::Rpm => version.as_str().trim_start_matches("(none):").to_owned(),
        _ => version.to_string(),
    };
    let order =
        |other: &Version| versions::order(scheme(ecosystem), &plain(version), &plain(other)).ok();
    let unknown = Some(Some(Open::Unknown));
    let begun = |introduced: &Option<Version>, open: Open| match introduced {
        Some(introduced) if introduced.as_str() != "0" => match order(introduced) {
            None => unknown,
            Some(Ordering::Less) => Some(None),
            Some(_) => Some(Some(open)),
        },
        _ => Some(Some(open)),
    };
    let fixable = if statement.subscription.is_some() {
        Open::NoFix
    } else {
        Open::Missing
    };
    match &statement.says {
        Says::FixedIn { introduced, fixed } => match order(fixed) {
            None => unknown,
            Some(Ordering::Less) => begun(introduced, fixable),
            Some(_) => None,
        },
        Says::AffectedUpTo { introduced, last } => match order(last) {
            None => unknown,
            Some(Ordering::Greater) if ecosystem == Ecosystem::Pacman => unknown,
            Some(Ordering::Greater) => Some(None),
            Some(_) => begun(introduced, Open::NoFix),
        },
        Says::AffectedExactly { versions, fixed } => {
            if let Some(fixed) = fixed {
                match order(fixed) {
                    None => return unknown,
                    Some(Ordering::Less) => {}
                    Some(_) => return None,
                }
            }
            let orders: Option<Vec<Ordering>> = versions.iter().map(order).collect();
            let open = if fixed.is_some() {
                fixable
            } else {
                Open::NoFix
            };
            match orders {
                Some(orders) if orders.contains(&Ordering::Equal) => Some(Some(open)),
                _ => unknown,
            }
        }
        Says::NoFix { .. } => Some(Some(Open::NoFix)),
        Says::Undetermined { .. } => unknown,
        Says::NotAffected { .. } => Some(None),
    }
}
