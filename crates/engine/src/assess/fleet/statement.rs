//! Statements of advisories, compiled, and what one says of one package row.
//!
//! | statement | version of the row | state |
//! | --- | --- | --- |
//! | fixed in F, introduced in I | I ≤ v < F | missing; no fix where F is for subscribers only |
//! | affected from I up to L | I ≤ v ≤ L | no fix |
//! | | v > L | nothing is open; unknown for Arch, whose lists say nothing of later versions |
//! | affected exactly, perhaps fixed in F | v ≥ F | nothing is open |
//! | | one of them | missing where F is named, else no fix |
//! | | any other | unknown |
//! | no fix, undetermined | any | no fix, unknown |
//! | not affected | any | nothing is open |
//!
//! These are the rules of [`crate::assess::judge`] as far as they ask for the row alone. A statement
//! about a source looks at the row's source version, one about a binary at its own. A version that
//! the ecosystem's own tool would not order leaves the state unknown, never "not affected". So does
//! an architecture that was not reported where the statement is about one alone, unless the fix is
//! there already. The source version of an rpm has no epoch: where it is not the row's own, a fixed
//! version with an epoch cannot be held against it.
//!
//! | statement | package | |
//! | --- | --- | --- |
//! | of a stream | of the same stream | compared |
//! | | a module build, stream not told | unknown |
//! | | anything else | not about it |
//! | of no stream, its fix a module build | a module build without label | compared |
//! | | a module build with label | unknown |
//! | | no module build | not about it |
//! | of no stream | a module build | not about it |

use std::cmp::Ordering;
use std::collections::HashMap;

use domain::advisory::{Advisory, Says, Statement, Target};
use domain::name::Version;
use domain::package::Ecosystem;

use super::package::Package;
use super::text::{NONE, Texts};
use crate::assess::judge::one_spelling;
use crate::assess::scheme;

/// What is open between an advisory and a package row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Open {
    /// Affected, and the vendor has published a fix.
    Missing,
    /// Affected, and no fix is published.
    NoFix,
    /// Cannot be said.
    Unknown,
}

impl Open {
    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Missing, Self::NoFix, Self::Unknown];
}

/// Which packages of which system a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct About {
    pub(super) system: u32,
    pub(super) is_source: bool,
    pub(super) name: u32,
}

/// What is said of versions; texts are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Condition {
    FixedIn {
        introduced: u32,
        fixed: u32,
        open: Open,
    },
    UpTo {
        introduced: u32,
        last: u32,
    },
    Exactly {
        versions: Box<[u32]>,
        fixed: u32,
        open: Open,
    },
    All(Open),
    /// Not affected: only of use where it cannot be told whether a row is meant.
    Never,
}

/// How a row of its system and name stands to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fit {
    /// The statement's versions are held against the row's.
    Comparable,
    /// Of which architecture the row is was not reported.
    ArchitectureUntold,
    /// Of which stream the row is, or of which epoch its source, cannot be told.
    StreamUntold,
}

/// What a condition says of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Open(Open),
    Fixed,
    NotAffected,
}

/// One statement.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) advisory: u32,
    pub(super) about: About,
    /// Number of a set of architectures; 0 is "all".
    pub(super) architectures: u32,
    /// The stream, without context and architecture of the module.
    pub(super) stream: u32,
    /// Its fixed version is a module build.
    pub(super) fix_is_module: bool,
    /// Its fixed version has an epoch that is not nought.
    pub(super) fix_has_epoch: bool,
    pub(super) condition: Condition,
}

/// All statements, by what they are about.
#[derive(Debug, Clone, Default)]
pub(super) struct Statements {
    all: Vec<Option<Compiled>>,
    free: Vec<u32>,
    about: HashMap<About, Vec<u32>>,
    architecture_ids: HashMap<Box<[u32]>, u32>,
    architectures: Vec<Box<[u32]>>,
}

impl Statements {
    /// Takes in what an advisory states; gives the numbers of its statements.
    pub(super) fn add(
        &mut self,
        texts: &mut Texts,
        number: u32,
        advisory: &Advisory,
    ) -> Box<[u32]> {
        let mut ids = Vec::new();
        if advisory.withdrawn {
            return Box::default();
        }
        for statement in &advisory.statements {
            let condition = condition(texts, statement);
            let compiled = Compiled {
                advisory: number,
                about: about(texts, statement),
                architectures: self.architecture_set(texts, statement),
                stream: texts.intern_some(statement.module.as_deref().map(stream_of)),
                fix_is_module: fixed(&statement.says).is_some_and(is_module_build),
                fix_has_epoch: fixed(&statement.says).is_some_and(has_epoch),
                condition,
            };
            ids.push(self.keep(compiled));
        }
        ids.into_boxed_slice()
    }

    fn keep(&mut self, compiled: Compiled) -> u32 {
        let about = compiled.about;
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.all.push(None);
                u32::try_from(self.all.len() - 1).expect("fewer than 2^32 statements fit")
            }
        };
        self.all[id as usize] = Some(compiled);
        self.about.entry(about).or_default().push(id);
        id
    }

    /// Forgets statements.
    pub(super) fn remove(&mut self, ids: &[u32]) {
        for &id in ids {
            if let Some(compiled) = self.all[id as usize].take() {
                if let Some(list) = self.about.get_mut(&compiled.about) {
                    list.retain(|&other| other != id);
                }
                self.free.push(id);
            }
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<&Compiled> {
        self.all.get(id as usize)?.as_ref()
    }

    /// The statements about these packages.
    pub(super) fn about(&self, about: About) -> &[u32] {
        self.about.get(&about).map_or(&[], Vec::as_slice)
    }

    fn architecture_set(&mut self, texts: &mut Texts, statement: &Statement) -> u32 {
        if self.architectures.is_empty() {
            self.architectures.push(Box::default());
            self.architecture_ids.insert(Box::default(), 0);
        }
        let mut set: Vec<u32> = statement
            .architectures
            .iter()
            .map(|architecture| texts.intern(one_spelling(architecture.as_str())))
            .collect();
        if statement
            .architectures
            .iter()
            .any(|name| is_for_all(name.as_str()))
        {
            set.clear();
        }
        set.sort_unstable();
        set.dedup();
        let next = self.architectures.len() as u32;
        let set = set.into_boxed_slice();
        let id = *self.architecture_ids.entry(set.clone()).or_insert(next);
        if id == next {
            self.architectures.push(set);
        }
        id
    }

    /// How a row of its system and name stands to a statement; `None`: it is not about the row.
    pub(super) fn fit(&self, compiled: &Compiled, package: &Package) -> Option<Fit> {
        let set = self.architectures.get(compiled.architectures as usize);
        let told = match set {
            None => true,
            Some(set) if set.is_empty() || package.is_for_all => true,
            // An advisory for several architectures is one for all on which the package is built.
            Some(set) if package.architecture == NONE => set.len() > 1,
            Some(set) if set.binary_search(&package.architecture).is_ok() => true,
            Some(_) => return None,
        };
        let labelled = package.stream != NONE;
        let untold = match (compiled.stream, package.is_module) {
            (NONE, false) if compiled.fix_is_module => return None,
            (NONE, false) => false,
            (NONE, true) if compiled.fix_is_module => labelled,
            (NONE, true) => return None,
            (_, false) => return None,
            (stream, true) if labelled && stream != package.stream => return None,
            (_, true) => !labelled,
        };
        let epoch_untold =
            compiled.about.is_source && compiled.fix_has_epoch && package.source_epoch_untold;
        Some(match (untold || epoch_untold, told) {
            (true, _) => Fit::StreamUntold,
            (false, false) => Fit::ArchitectureUntold,
            (false, true) => Fit::Comparable,
        })
    }

    /// What a statement leaves open for a row of its system and name, by comparing texts.
    pub(super) fn judge(
        &self,
        texts: &Texts,
        compiled: &Compiled,
        package: &Package,
    ) -> Option<Open> {
        let fit = self.fit(compiled, package)?;
        let version = if compiled.about.is_source {
            package.source_version
        } else {
            package.version
        };
        let order = |other: u32| {
            versions::order(
                scheme(package.ecosystem),
                plain(package.ecosystem, texts.get(version)),
                plain(package.ecosystem, texts.get(other)),
            )
        };
        let stands = stands(&compiled.condition, package.ecosystem, order)
            .unwrap_or(Stands::Open(Open::Unknown));
        match (fit, stands) {
            (Fit::StreamUntold, _) => Some(Open::Unknown),
            (_, Stands::Fixed) => None,
            (Fit::ArchitectureUntold, _) => Some(Open::Unknown),
            (Fit::Comparable, Stands::Open(open)) => Some(open),
            (Fit::Comparable, Stands::NotAffected) => None,
        }
    }
}

/// What a condition says of a version that `order` holds against others.
fn stands<E>(
    condition: &Condition,
    ecosystem: Ecosystem,
    order: impl Fn(u32) -> Result<Ordering, E>,
) -> Result<Stands, E> {
    let too_old = |introduced: u32| {
        if introduced == NONE {
            Ok(false)
        } else {
            order(introduced).map(Ordering::is_lt)
        }
    };
    Ok(match condition {
        Condition::FixedIn { fixed, .. } if order(*fixed)?.is_ge() => Stands::Fixed,
        Condition::FixedIn { introduced, .. } if too_old(*introduced)? => Stands::NotAffected,
        Condition::FixedIn { open, .. } => Stands::Open(*open),
        Condition::UpTo { last, .. } if order(*last)?.is_gt() => match ecosystem {
            Ecosystem::Pacman => Stands::Open(Open::Unknown),
            _ => Stands::NotAffected,
        },
        Condition::UpTo { introduced, .. } if too_old(*introduced)? => Stands::NotAffected,
        Condition::UpTo { .. } => Stands::Open(Open::NoFix),
        Condition::Exactly { fixed, .. } if *fixed != NONE && order(*fixed)?.is_ge() => {
            Stands::Fixed
        }
        Condition::Exactly { versions, open, .. } => {
            let mut named = false;
            for version in versions {
                named |= order(*version)?.is_eq();
            }
            Stands::Open(if named { *open } else { Open::Unknown })
        }
        Condition::All(open) => Stands::Open(*open),
        Condition::Never => Stands::NotAffected,
    })
}

fn about(texts: &mut Texts, statement: &Statement) -> About {
    About {
        system: texts.intern(statement.system.as_str()),
        is_source: matches!(statement.target, Target::Source(_)),
        name: texts.intern(statement.target.name().as_str()),
    }
}

fn condition(texts: &mut Texts, statement: &Statement) -> Condition {
    let open = match &statement.subscription {
        // Whether a device has the subscription, its row does not tell.
        Some(_) => Open::NoFix,
        None => Open::Missing,
    };
    // OSV writes 0 for "before every version".
    let from = |introduced: &Option<Version>| {
        let introduced = introduced.as_ref().map(|version| version.as_str());
        introduced.filter(|text| *text != "0").map(str::to_owned)
    };
    match &statement.says {
        Says::FixedIn { introduced, fixed } => Condition::FixedIn {
            introduced: texts.intern_some(from(introduced).as_deref()),
            fixed: texts.intern(fixed.as_str()),
            open,
        },
        Says::AffectedUpTo { introduced, last } => Condition::UpTo {
            introduced: texts.intern_some(from(introduced).as_deref()),
            last: texts.intern(last.as_str()),
        },
        Says::AffectedExactly { versions, fixed } => Condition::Exactly {
            versions: versions
                .iter()
                .map(|version| texts.intern(version.as_str()))
                .collect(),
            fixed: texts.intern_some(fixed.as_ref().map(|fixed| fixed.as_str())),
            open: if fixed.is_some() { open } else { Open::NoFix },
        },
        Says::NoFix { .. } => Condition::All(Open::NoFix),
        Says::Undetermined { .. } => Condition::All(Open::Unknown),
        Says::NotAffected { .. } => Condition::Never,
    }
}

fn fixed(says: &Says) -> Option<&str> {
    match says {
        Says::FixedIn { fixed, .. } => Some(fixed.as_str()),
        Says::AffectedExactly { fixed, .. } => fixed.as_ref().map(|fixed| fixed.as_str()),
        Says::AffectedUpTo { .. }
        | Says::NoFix { .. }
        | Says::NotAffected { .. }
        | Says::Undetermined { .. } => None,
    }
}

/// Whether a name of an architecture stands for all of them.
pub(super) fn is_for_all(name: &str) -> bool {
    matches!(name, "all" | "noarch" | "any")
}

/// A version without the `(none):` that rpm's queries write for an absent epoch.
pub(super) fn plain(ecosystem: Ecosystem, version: &str) -> &str {
    match ecosystem {
        Ecosystem::Rpm => version.strip_prefix("(none):").unwrap_or(version),
        _ => version,
    }
}

/// Whether a version names an epoch that is not nought.
pub(super) fn has_epoch(version: &str) -> bool {
    let epoch = version.split_once(':').map(|(epoch, _)| epoch);
    epoch.is_some_and(|epoch| epoch != "0" && epoch != "(none)")
}

/// Whether a version is that of a module build: `8.0-1.module+el8.1.0+123+abc`.
pub(super) fn is_module_build(version: &str) -> bool {
    version.contains(".module+") || version.contains(".module_")
}

/// `php:7.2` of `php:7.2:8010020190806:8a2b0d5c`.
pub(super) fn stream_of(label: &str) -> &str {
    let mut colons = label.match_indices(':').map(|(at, _)| at);
    match (colons.next(), colons.next()) {
        (Some(_), Some(second)) => &label[..second],
        _ => label,
    }
}
