//! The criteria of a definition: which versions, in which system, on what, of which module.
//!
//! Criteria are a tree of AND and OR. What only narrows (platforms, architectures, modules) is the
//! scope of everything that stands beside it under the same AND; the rest are findings. Conditions
//! that an inventory cannot answer (keys, the running kernel) are left out, which can only widen.

use std::collections::BTreeSet;

use domain::name::Architecture;

use super::tests_of::{Bound, Library, Resolved, each_child};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::xml::{Element, Xml};

/// A node of the tree.
#[derive(Debug)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Test { id: String, comment: String },
}

/// What surrounds a finding.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    /// The systems; `None`: not said, an empty set: none that is known here.
    pub platforms: Option<BTreeSet<Platform>>,
    /// The architectures; `None`: all.
    pub architectures: Option<BTreeSet<Architecture>>,
    /// The module's stream.
    pub module: Option<String>,
}

/// What is said of one package.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub scope: Scope,
    pub package: String,
    pub finding: Kind,
    /// The comment of its criterion, which names the CVE in Ubuntu's package form.
    pub comment: String,
}

/// What is said of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Versions before this one are affected.
    Before(String),
    /// The installed package is affected, without a version.
    Installed,
    /// It is not affected.
    NotAffected,
}

/// What came of the criteria.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub findings: Vec<Finding>,
    /// A platform was named that is no system known here.
    pub unknown_platform: bool,
    /// A test was not in the document.
    pub missing_test: bool,
    /// It says more than is read.
    pub too_large: bool,
}

/// Most findings of one definition.
const FINDINGS_MAX: usize = 100_000;
/// Most platforms around one finding.
const PLATFORMS_MAX: usize = 1_000;

impl Node {
    /// Reads the tree of the `criteria` element that just began.
    ///
    /// `items` counts nodes; those over [`super::definition::ITEMS_MAX`] are passed over.
    pub fn read(
        xml: &mut Xml<'_>,
        element: &Element<'_>,
        items: &mut usize,
    ) -> Result<Self, Refusal> {
        let any = element.attribute("operator").as_deref() == Some("OR");
        let negated = is_negated(element);
        let mut children = Vec::new();
        each_child(xml, &mut |xml, element| {
            *items += 1;
            match element.name() {
                _ if *items > super::definition::ITEMS_MAX => xml.skip()?,
                "criteria" => children.push(Self::read(xml, element, items)?),
                "criterion" | "extend_definition" => {
                    let id = element.attribute("test_ref").unwrap_or_default();
                    let comment = element.attribute("comment").unwrap_or_default();
                    if !is_negated(element) {
                        children.push(Self::Test { id, comment });
                    }
                    xml.skip()?;
                }
                _ => xml.skip()?,
            }
            Ok(())
        })?;
        // What must not be the case says nothing that could be turned into a fixed version.
        if negated {
            children.clear();
        }
        Ok(match any {
            true => Self::Or(children),
            false => Self::And(children),
        })
    }

    /// Everything that the tree says of packages.
    pub fn findings(&self, library: &Library) -> Outcome {
        let mut outcome = Outcome::default();
        self.walk(library, &Scope::default(), &mut outcome);
        outcome
    }

    fn walk(&self, library: &Library, outer: &Scope, outcome: &mut Outcome) {
        match self {
            Self::And(children) => {
                let mut scope = outer.clone();
                let mut rest = Vec::new();
                for child in children {
                    match child.scope(library, outcome) {
                        Narrow::Scope(inner) => scope.narrow(&inner),
                        Narrow::Nothing => {}
                        Narrow::NoScope => rest.push(child),
                    }
                }
                let platforms = scope.platforms.as_ref().map_or(0, BTreeSet::len);
                outcome.too_large |= platforms > PLATFORMS_MAX;
                for child in rest {
                    if outcome.too_large {
                        return;
                    }
                    child.walk(library, &scope, outcome);
                }
            }
            Self::Or(children) => {
                for child in children {
                    if let Narrow::NoScope = child.scope(library, outcome) {
                        child.walk(library, outer, outcome);
                    }
                }
            }
            Self::Test { id, comment } => {
                let resolved = library.resolve(id);
                outcome.missing_test |= resolved.is_none();
                let found = findings(resolved.as_ref(), comment, outer);
                outcome.too_large |= outcome.findings.len() + found.len() > FINDINGS_MAX;
                if !outcome.too_large {
                    outcome.findings.extend(found);
                }
            }
        }
    }

    /// What the node narrows, if it does nothing else.
    fn scope(&self, library: &Library, outcome: &mut Outcome) -> Narrow {
        match self {
            Self::Test { id, comment } => scope_of_test(library, id, comment, outcome),
            Self::And(children) => {
                let mut all = Narrow::Nothing;
                for child in children {
                    match (child.scope(library, outcome), &mut all) {
                        (Narrow::NoScope, _) => return Narrow::NoScope,
                        (Narrow::Nothing, _) => {}
                        (Narrow::Scope(inner), Narrow::Scope(scope)) => scope.narrow(&inner),
                        (inner @ Narrow::Scope(_), all) => *all = inner,
                    }
                }
                all
            }
            Self::Or(children) => {
                let mut all = Narrow::Nothing;
                for child in children {
                    match (child.scope(library, outcome), &mut all) {
                        (Narrow::NoScope, _) => return Narrow::NoScope,
                        (Narrow::Nothing, _) => {}
                        (Narrow::Scope(inner), Narrow::Scope(scope)) => scope.widen(&inner),
                        (inner @ Narrow::Scope(_), all) => *all = inner,
                    }
                }
                all
            }
        }
    }
}

fn is_negated(element: &Element<'_>) -> bool {
    matches!(element.attribute("negate").as_deref(), Some("true" | "1"))
}

/// What a node narrows.
enum Narrow {
    /// It is no scope: it holds findings.
    NoScope,
    /// It is passed over.
    Nothing,
    /// It narrows to this.
    Scope(Scope),
}

impl Scope {
    /// Both hold.
    fn narrow(&mut self, other: &Self) {
        both(&mut self.platforms, other.platforms.as_ref());
        both(&mut self.architectures, other.architectures.as_ref());
        if self.module.is_none() {
            self.module.clone_from(&other.module);
        }
    }

    /// Either holds.
    fn widen(&mut self, other: &Self) {
        either(&mut self.platforms, other.platforms.as_ref());
        either(&mut self.architectures, other.architectures.as_ref());
        if self.module.is_none() {
            self.module.clone_from(&other.module);
        }
    }
}

fn both<T: Ord + Clone>(one: &mut Option<BTreeSet<T>>, other: Option<&BTreeSet<T>>) {
    match (one.as_mut(), other) {
        (Some(one), Some(other)) => one.retain(|item| other.contains(item)),
        (None, Some(other)) => *one = Some(other.clone()),
        (_, None) => {}
    }
}

fn either<T: Ord + Clone>(one: &mut Option<BTreeSet<T>>, other: Option<&BTreeSet<T>>) {
    match (one.as_mut(), other) {
        (Some(one), Some(other)) => one.extend(other.iter().cloned()),
        (None, Some(other)) => *one = Some(other.clone()),
        (_, None) => {}
    }
}

fn scope_of_test(library: &Library, id: &str, comment: &str, outcome: &mut Outcome) -> Narrow {
    let comment = comment.trim();
    let ignored = comment.contains(" is signed with ")
        || comment.ends_with(" must be installed")
        || comment.ends_with(" is not installed")
        || comment.ends_with(" is currently running")
        || comment.contains(" is set to boot up")
        || comment == "all architecture";
    if ignored {
        return Narrow::Nothing;
    }
    if let Some(stream) = comment.strip_prefix("Module ")
        && let Some(stream) = stream.strip_suffix(" is enabled")
    {
        return Narrow::Scope(Scope {
            module: Some(stream.to_owned()),
            ..Scope::default()
        });
    }
    if let Some((_, architecture)) = comment.split_once(" arch is ") {
        let resolved = library.resolve(id);
        let pattern = resolved.and_then(|test| test.architecture);
        let of_system = patterns(pattern.unwrap_or(architecture));
        return Narrow::Scope(Scope {
            architectures: of_system.map(with_multilib),
            ..Scope::default()
        });
    }
    // Names of packages hold no blanks, names of platforms do.
    match comment.trim_end_matches('.').strip_suffix(" is installed") {
        Some(name) if name.contains(' ') => {
            let named = library.platform(name);
            outcome.unknown_platform |= named.is_none();
            Narrow::Scope(Scope {
                platforms: Some(named.into_iter().collect()),
                ..Scope::default()
            })
        }
        _ => Narrow::NoScope,
    }
}

/// A pattern such as `aarch64|x86_64` as architectures; `None`: it is something else.
fn patterns(pattern: &str) -> Option<BTreeSet<Architecture>> {
    let plain = pattern.trim_matches(['^', '$', '(', ')', ' ']);
    let parts: Result<BTreeSet<Architecture>, _> = plain.split('|').map(str::parse).collect();
    parts.ok()
}

/// The architectures of packages on a system of these architectures.
fn with_multilib(of_system: BTreeSet<Architecture>) -> BTreeSet<Architecture> {
    const X86: &[&str] = &["i386", "i486", "i586", "i686"];
    let mut all = of_system.clone();
    let with = |name: &str| of_system.iter().any(|one| one.as_str() == name);
    if with("x86_64") || X86.iter().any(|name| with(name)) {
        all.extend(X86.iter().flat_map(|name| name.parse()));
    }
    all
}

/// What a criterion says of packages.
fn findings(test: Option<&Resolved<'_>>, comment: &str, scope: &Scope) -> Vec<Finding> {
    let comment = comment.trim();
    let (names, kind, architecture) = match test {
        Some(test) => match (test.none, test.bound) {
            (true, _) | (_, Bound::Other) => return Vec::new(),
            (_, Bound::Before(version)) => {
                let kind = Kind::Before(version.to_owned());
                (test.names.clone(), kind, test.architecture)
            }
            (_, Bound::Any | Bound::AboveZero) => {
                (test.names.clone(), Kind::Installed, test.architecture)
            }
            (_, Bound::Zero) => (test.names.clone(), Kind::NotAffected, test.architecture),
        },
        None => match by_comment(comment) {
            Some((name, kind)) => (vec![name], kind, None),
            None => return Vec::new(),
        },
    };
    let mut scope = scope.clone();
    if let Some(architectures) = architecture.and_then(patterns) {
        both(&mut scope.architectures, Some(&architectures));
    }
    let finding = |package: String| Finding {
        scope: scope.clone(),
        package,
        finding: kind.clone(),
        comment: comment.to_owned(),
    };
    names.into_iter().map(finding).collect()
}

/// What the words of a criterion say, where its test is not in the document.
fn by_comment(comment: &str) -> Option<(String, Kind)> {
    let (name, kind) = if let Some((name, version)) = comment.split_once(" is earlier than ") {
        (name, Kind::Before(version.to_owned()))
    } else if let Some(name) = comment.strip_suffix(" is not affected") {
        (name, Kind::NotAffected)
    } else if let Some(name) = comment.strip_suffix(" is affected") {
        (name, Kind::Installed)
    } else {
        return None;
    };
    // Debian writes `php7.4 DPKG is earlier than`.
    let name = name.strip_suffix(" DPKG").unwrap_or(name);
    (!name.contains(' ')).then(|| (name.to_owned(), kind))
}
