//! Builds that must not be compared by version: rpm modules, Oracle's ksplice and fips builds.
//!
//! Versions of a module's packages compare only within one stream (`php:7.2`). Which stream a package
//! is of is told by, in this order: its module label; a module list (`modules.yaml`) that names its
//! build; its module build tag (`.module+el8.0.0+4664+17bd8d65`) where a document gives that tag to
//! exactly one stream. Where all fixed versions of a package that documents give begin with their
//! stream's name (`nodejs:18`: 18.18.2), the installed version tells which of the streams that the
//! documents name it is of. Else it is unknown.
//!
//! | statement | package | |
//! | --- | --- | --- |
//! | of a stream | of the same stream | compared |
//! | of a stream | of another stream or module | not about it |
//! | of a stream | a module build, stream not told | unknown |
//! | of a stream | no module build | not about it |
//! | of no module | a module build | not about it |
//! | stream not named, its fix is a module build | no module build | not about it |
//! | stream not named, its fix is a module build | a module build | compared where both streams are told to be one, or neither the package's label nor a list says its stream: then the document's own range decides; unknown where the label is known and the document's stream cannot be told |
//!
//! The last row is how AlmaLinux and Rocky publish OSV: the stream is visible in the release only.
//!
//! Oracle's `ksplice` builds are lines of their own, one per generation (`ksplice1`, `ksplice2`), and
//! so are `_fips` builds, with epoch 10: they compare only with builds of their own line.
//!
//! Sources: Fedora modularity, `Modularity Label`; AlmaLinux OSV records; linux.oracle.com, ELSA of
//! ksplice and fips packages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::advisory::{Statement, SystemId, Target};
use domain::definitions::Definitions;
use domain::judgement::JudgedPackage;
use domain::name::PackageName;
use domain::package::Ecosystem;

use super::compare::{fixed, plain};

/// Whether a statement's versions can be held against a package's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// They can.
    Comparable,
    /// The statement is about other builds, as the sentence says.
    NotAbout(String),
    /// It cannot be told, as the sentence says.
    Untold(String),
}

/// What is known of modules and their streams.
#[derive(Debug, Default)]
pub(super) struct Modules<'d> {
    /// Streams by `name-epoch:version-release.architecture`.
    by_artifact: HashMap<&'d str, BTreeSet<&'d str>>,
    /// Streams by module build tag.
    by_build: HashMap<String, BTreeSet<&'d str>>,
    /// The streams that documents name for a package in a system, and whether versions tell them.
    by_package: HashMap<(&'d SystemId, &'d PackageName), Streams<'d>>,
}

#[derive(Debug, Default)]
struct Streams<'d> {
    names: BTreeSet<&'d str>,
    /// A fixed version that does not begin with its stream's name was seen.
    unlike: bool,
}

impl<'d> Modules<'d> {
    /// Reads what the definitions say of modules.
    pub fn new(definitions: &'d Definitions) -> Self {
        let mut modules = Self::default();
        for list in &definitions.modules {
            for artifact in &list.value.artifacts {
                let stream = list.value.stream.as_str();
                modules
                    .by_artifact
                    .entry(artifact)
                    .or_default()
                    .insert(stream);
                if let Some(tag) = build_tag(artifact) {
                    modules.by_build.entry(tag).or_default().insert(stream);
                }
            }
        }
        let statements = definitions
            .advisories
            .iter()
            .flat_map(|advisory| &advisory.value.statements);
        for statement in statements {
            modules.learn(statement);
        }
        modules
    }

    fn learn(&mut self, statement: &'d Statement) {
        let (Some(stream), Some(fixed)) = (statement.module.as_deref(), fixed(statement)) else {
            return;
        };
        let stream = label_stream(stream);
        if let Some(tag) = build_tag(fixed) {
            self.by_build.entry(tag).or_default().insert(stream);
        }
        if let Target::Binary(name) = &statement.target {
            let streams = self
                .by_package
                .entry((&statement.system, name))
                .or_default();
            streams.names.insert(stream);
            streams.unlike |= !follows(fixed, stream);
        }
    }

    /// The stream that a package is of, where label, list or build tag tell one.
    fn told(&self, package: &JudgedPackage) -> Option<String> {
        if let Some(label) = &package.module {
            return Some(label_stream(label).to_owned());
        }
        let version = plain(Ecosystem::Rpm, package.version.as_str());
        let version = if version.contains(':') {
            version.to_owned()
        } else {
            format!("0:{version}")
        };
        let architecture = package
            .architecture
            .as_ref()
            .map_or("noarch", |architecture| architecture.as_str());
        let artifact = format!("{}-{version}.{architecture}", package.name);
        one(self.by_artifact.get(artifact.as_str()))
            .or_else(|| self.of_build(package.version.as_str()))
    }

    fn of_build(&self, version: &str) -> Option<String> {
        one(self.by_build.get(&build_tag(version)?))
    }

    /// Whether `statement` can be held against `package`.
    pub fn relation(&self, package: &JudgedPackage, statement: &'d Statement) -> Relation {
        if package.ecosystem != Ecosystem::Rpm {
            return Relation::Comparable;
        }
        let installed = package.version.as_str();
        if let Some(fixed) = fixed(statement)
            && let Some(other) = other_line(installed, fixed)
        {
            return Relation::NotAbout(other);
        }
        let built = is_module_build(installed) || package.module.is_some();
        match &statement.module {
            Some(stream) => self.with_stream(package, statement, label_stream(stream), built),
            None => self.without_stream(package, statement, built),
        }
    }

    fn with_stream(
        &self,
        package: &JudgedPackage,
        statement: &'d Statement,
        stream: &str,
        built: bool,
    ) -> Relation {
        let installed = package.version.as_str();
        if !built {
            return match fixed(statement) {
                Some(fixed) if !is_module_build(fixed) => Relation::Untold(format!(
                    "the statement is about {stream}, and neither label nor release say whether {installed} is of it"
                )),
                Some(_) | None => Relation::NotAbout(format!(
                    "the statement is about {stream}, and {installed} is no module build"
                )),
            };
        }
        let told = self
            .told(package)
            .or_else(|| self.by_version(package, statement, stream));
        match told {
            Some(told) if told == stream => Relation::Comparable,
            Some(told) => Relation::NotAbout(format!(
                "the statement is about {stream}, another stream than {told}, which is installed"
            )),
            None => Relation::Untold(format!(
                "the statement is about {stream}; of which stream {installed} is cannot be told without its module label or a module list"
            )),
        }
    }

    /// The stream by the installed version, where all documents' versions begin with their streams.
    fn by_version(
        &self,
        package: &JudgedPackage,
        statement: &'d Statement,
        stream: &str,
    ) -> Option<String> {
        let streams = self
            .by_package
            .get(&(&statement.system, statement.target.name()))?;
        if streams.unlike {
            return None;
        }
        let installed = package.version.as_str();
        if follows(installed, stream) {
            return Some(stream.to_owned());
        }
        // A stream that no document names may be affected all the same: it stays unknown.
        let named = streams.names.iter().find(|name| follows(installed, name))?;
        Some((*named).to_owned())
    }

    fn without_stream(
        &self,
        package: &JudgedPackage,
        statement: &'d Statement,
        built: bool,
    ) -> Relation {
        let installed = package.version.as_str();
        let Some(fixed) = fixed(statement).filter(|fixed| is_module_build(fixed)) else {
            return if built {
                Relation::NotAbout(format!(
                    "the statement is about packages of no module, and {installed} is a module build"
                ))
            } else {
                Relation::Comparable
            };
        };
        if !built {
            return Relation::NotAbout(format!(
                "the fix {fixed} is a module build, and {installed} is none"
            ));
        }
        match (self.told(package), self.of_build(fixed)) {
            (Some(ours), Some(theirs)) if ours == theirs => Relation::Comparable,
            (Some(ours), Some(theirs)) => Relation::NotAbout(format!(
                "the fix {fixed} is of {theirs}, another stream than {ours}, which is installed"
            )),
            (Some(ours), None) if follows(installed, &ours) => {
                if follows(fixed, &ours) {
                    Relation::Comparable
                } else {
                    Relation::NotAbout(format!(
                        "versions of {ours} begin with its name, as {installed} does, and the fix {fixed} does not"
                    ))
                }
            }
            (Some(ours), None) => Relation::Untold(format!(
                "{installed} is of {ours}; the document does not say of which stream its fix {fixed} is"
            )),
            (None, _) => Relation::Comparable,
        }
    }
}

fn one(streams: Option<&BTreeSet<&str>>) -> Option<String> {
    let streams = streams?;
    let mut all = streams.iter();
    match (all.next(), all.next()) {
        (Some(stream), None) => Some((*stream).to_owned()),
        _ => None,
    }
}

/// `php:7.2` of `php:7.2:8020020190:abc`.
fn label_stream(label: &str) -> &str {
    match label.match_indices(':').nth(1) {
        Some((at, _)) => &label[..at],
        None => label,
    }
}

/// Whether a version's release says that it was built for a module.
pub(super) fn is_module_build(version: &str) -> bool {
    version.contains(".module+") || version.contains(".module_")
}

/// `el8.0.0+4664+17bd8d65` of a version with `.module+el8.0.0+4664+17bd8d65`: one build of a module.
fn build_tag(version: &str) -> Option<String> {
    let at = version
        .find(".module+")
        .or_else(|| version.find(".module_"))?;
    let mut parts = version[at + ".module+".len()..].split('+');
    let (platform, build, context) = (parts.next()?, parts.next()?, parts.next()?);
    let context: String = context
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    if build.is_empty() || !build.bytes().all(|byte| byte.is_ascii_digit()) || context.is_empty() {
        return None;
    }
    Some(format!("{platform}+{build}+{context}"))
}

/// The version without epoch and release.
fn upstream(version: &str) -> &str {
    let version = plain(Ecosystem::Rpm, version);
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream)
}

/// Whether a version begins with its stream's name, part by part.
fn follows(version: &str, stream: &str) -> bool {
    let name = stream.split_once(':').map_or(stream, |(_, name)| name);
    if !name.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    upstream(version)
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Why two builds are of different lines of Oracle's: ksplice by generation, fips.
fn other_line(installed: &str, fixed: &str) -> Option<String> {
    let (ours, theirs) = (line_of(installed), line_of(fixed));
    (ours != theirs).then(|| {
        let word = |line: &BTreeMap<&str, String>| {
            if line.is_empty() {
                "a normal build".to_owned()
            } else {
                let words: Vec<&str> = line.values().map(String::as_str).collect();
                format!("a build of the line {}", words.join(" "))
            }
        };
        format!(
            "the fix {fixed} is {}, and {installed} is {}; they are never compared",
            word(&theirs),
            word(&ours)
        )
    })
}

fn line_of(version: &str) -> BTreeMap<&'static str, String> {
    let mut line = BTreeMap::new();
    if let Some(at) = version.find("ksplice") {
        let generation: String = version[at + "ksplice".len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        line.insert("ksplice", format!("ksplice{generation}"));
    }
    if version.contains("_fips") {
        line.insert("fips", "fips".to_owned());
    }
    line
}
