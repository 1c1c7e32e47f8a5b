//! Statements by system and package name, built once for all devices.
//!
//! Of several revisions of one document the newest by its own date decides what it says of a
//! package; what a newer revision leaves out still stands in the older one, since nothing is deleted
//! because it is missing. Where no date tells which is newer, both count.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::advisory::{Advisory, Statement, SystemId, Target};
use domain::definitions::Definitions;
use domain::feed::Feed;
use domain::name::PackageName;
use jiff::Timestamp;

/// A statement with the advisory and document that it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'d> {
    /// The advisory.
    pub advisory: &'d Advisory,
    /// The statement.
    pub statement: &'d Statement,
    /// Index into the definitions' documents.
    pub document: u32,
    /// Withdrawn by the advisory's own word, or its document was declared gone.
    pub gone: Option<Gone>,
}

/// Why an advisory does not count any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// The advisory says so.
    Withdrawn,
    /// The publisher lists the document as deleted.
    Deleted,
}

type ByName<'d> = HashMap<&'d PackageName, Vec<Said<'d>>>;

/// Statements of one system.
#[derive(Debug, Default)]
pub(super) struct OfSystem<'d> {
    /// About source packages.
    pub by_source: ByName<'d>,
    /// About binary packages.
    pub by_binary: ByName<'d>,
    /// The feeds that say anything of it.
    pub feeds: BTreeSet<Feed>,
}

/// All statements.
#[derive(Debug, Default)]
pub(super) struct Index<'d> {
    systems: HashMap<&'d SystemId, OfSystem<'d>>,
}

/// What makes two statements of two revisions the same one.
#[derive(PartialEq, Eq, Hash)]
struct Same<'d> {
    feed: Feed,
    document: &'d str,
    advisory: &'d str,
    system: &'d SystemId,
    target: &'d Target,
    module: Option<&'d str>,
    subscription: Option<&'d str>,
}

impl<'d> Index<'d> {
    /// Reads all advisories.
    pub fn new(definitions: &'d Definitions) -> Self {
        let revised = revised(definitions);
        let newest = newest(definitions, &revised);
        let deleted = deleted(definitions);
        let mut index = Self::default();
        for sourced in &definitions.advisories {
            let advisory = &sourced.value;
            let document = usize::try_from(sourced.document)
                .ok()
                .and_then(|at| definitions.documents.get(at));
            let gone = if advisory.withdrawn {
                Some(Gone::Withdrawn)
            } else {
                document
                    .filter(|document| deleted.contains(&file_stem(&document.document)))
                    .map(|_| Gone::Deleted)
            };
            for statement in &advisory.statements {
                let superseded = document
                    .filter(|document| revised.contains(&(document.feed, &document.document)))
                    .is_some_and(|document| {
                        let same = same(document.feed, &document.document, advisory, statement);
                        newest
                            .get(&same)
                            .is_some_and(|newest| *newest > document.dated)
                    });
                if !superseded {
                    let said = Said {
                        advisory,
                        statement,
                        document: sourced.document,
                        gone,
                    };
                    index.insert(said, document.map(|document| document.feed));
                }
            }
        }
        index
    }

    fn insert(&mut self, said: Said<'d>, feed: Option<Feed>) {
        let system = self.systems.entry(&said.statement.system).or_default();
        system.feeds.extend(feed);
        let by_name = match &said.statement.target {
            Target::Source(_) => &mut system.by_source,
            Target::Binary(_) => &mut system.by_binary,
        };
        by_name
            .entry(said.statement.target.name())
            .or_default()
            .push(said);
    }

    /// The statements about a system; `None`: no document says anything of it.
    pub fn system(&self, system: &SystemId) -> Option<&OfSystem<'d>> {
        self.systems.get(system)
    }
}

fn same<'d>(
    feed: Feed,
    document: &'d str,
    advisory: &'d Advisory,
    statement: &'d Statement,
) -> Same<'d> {
    Same {
        feed,
        document,
        advisory: &advisory.id,
        system: &statement.system,
        target: &statement.target,
        module: statement.module.as_deref(),
        subscription: statement.subscription.as_deref(),
    }
}

/// Documents of which more than one revision is at hand.
fn revised(definitions: &Definitions) -> HashSet<(Feed, &String)> {
    let mut seen = HashSet::new();
    definitions
        .documents
        .iter()
        .map(|document| (document.feed, &document.document))
        .filter(|document| !seen.insert(*document))
        .collect()
}

fn newest<'d>(
    definitions: &'d Definitions,
    revised: &HashSet<(Feed, &String)>,
) -> HashMap<Same<'d>, Option<Timestamp>> {
    let mut newest: HashMap<Same<'d>, Option<Timestamp>> = HashMap::new();
    if revised.is_empty() {
        return newest;
    }
    for sourced in &definitions.advisories {
        let Some(document) = usize::try_from(sourced.document)
            .ok()
            .and_then(|at| definitions.documents.get(at))
            .filter(|document| revised.contains(&(document.feed, &document.document)))
        else {
            continue;
        };
        for statement in &sourced.value.statements {
            let same = same(document.feed, &document.document, &sourced.value, statement);
            let dated = newest.entry(same).or_default();
            *dated = (*dated).max(document.dated);
        }
    }
    newest
}

/// The documents that their publishers declared gone, as [`file_stem`]s.
fn deleted(definitions: &Definitions) -> HashSet<String> {
    definitions
        .deleted
        .iter()
        .map(|deleted| file_stem(&deleted.value))
        .collect()
}

/// A document's id as CSAF providers make file names of it: `rhsa-2023_3821` of `RHSA-2023:3821` and
/// of `2023/rhsa-2023_3821.json`. Source: CSAF 2.0, section 5.1.
fn file_stem(document: &str) -> String {
    let name = document.rsplit('/').next().unwrap_or(document);
    let name = name.strip_suffix(".json").unwrap_or(name);
    name.chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || matches!(c, '+' | '-') => c,
            _ => '_',
        })
        .collect()
}
