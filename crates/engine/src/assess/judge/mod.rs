//! Statements of advisories held against the packages of one device.
//!
//! [`Judge::new`] reads definitions once; [`Judge::device`] judges any number of devices by them. It is
//! pure and its answer is ordered, so that the same input gives the same lines.
//!
//! Which statements meet which package:
//! - Only statements of the device's own systems count ([`systems`]).
//! - A statement about a source meets every package built from it: what the package says its source
//!   is, else a package of that name (dpkg: no `Source` field means that both are the same; apk:
//!   origin). Compared is the source's version where it is given, else the package's own. Signed
//!   kernel images belong to the source of their kernel ([`kernel`]).
//! - A statement about a binary meets the package of that name.
//! - An rpm's source version has no epoch: where version and release are the package's own, the
//!   package's epoch is the source's; else a fixed version with an epoch cannot be compared.
//! - A list of architectures is respected; packages for all architectures (`all`, `noarch`) meet every
//!   list, one whose architecture was not reported meets lists of several.
//! - Builds of modules and of Oracle's lines: [`module`]. Versions: [`compare`].
//!
//! What comes of it: one judgement for every (package, advisory, fixed version). Where several
//! statements of an advisory name the same fixed version, or none, what affects is said before what
//! is unknown, that before what is fixed, and what is about something else comes last.
//!
//! Without any statement about the device's systems every package is unknown. A package that no
//! statement names, in a system that definitions cover, is one `not-affected` line without advisory.
//!
//! Windows is judged by [`windows`](super::windows), applications by [`applications`].
//!
//! Severity: the advisory's own, else the highest that is known of its CVEs (NVD), marked as derived.

mod applications;
mod compare;
mod index;
mod kernel;
mod module;
mod risk;
mod support;
mod systems;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::advisory::{Rating, SystemId};
use domain::cve::CveId;
use domain::definitions::Definitions;
use domain::feed::Feed;
use domain::finding::FindingState;
use domain::judgement::{JudgedDevice, JudgedPackage, Judgement};
use domain::name::{Architecture, PackageName};
use domain::package::Ecosystem;
use domain::severity::SeveritySource;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::windows::{self, KbGraph};

use applications::Applications;
use compare::Outcome;
use index::{Gone, Index, OfSystem, Said};
use kernel::{Kernel, Role};
use module::{Modules, Relation};

pub use risk::{Exposure, Risk, reading_order, risk};

/// Definitions, ready to judge devices.
#[derive(Debug)]
pub struct Judge<'d> {
    definitions: &'d Definitions,
    index: Index<'d>,
    modules: Modules<'d>,
    applications: Applications<'d>,
    ratings: HashMap<CveId, &'d Rating>,
    updates: KbGraph,
}

impl<'d> Judge<'d> {
    /// Reads definitions once.
    pub fn new(definitions: &'d Definitions) -> Self {
        let mut ratings: HashMap<CveId, &'d Rating> = HashMap::new();
        for fact in &definitions.cve_facts {
            let Some(rating) = &fact.value.rating else {
                continue;
            };
            for cve in &fact.value.cves {
                let known = ratings.entry(*cve).or_insert(rating);
                if rating.severity > known.severity {
                    *known = rating;
                }
            }
        }
        Self {
            definitions,
            index: Index::new(definitions),
            modules: Modules::new(definitions),
            applications: Applications::new(definitions),
            ratings,
            updates: KbGraph::build(definitions),
        }
    }

    /// Judges one device; `at` decides what is past its end of life and what is known as exploited.
    pub fn device(&self, device: &JudgedDevice, at: Timestamp) -> Vec<Judgement> {
        let day = at.to_zoned(TimeZone::UTC).date();
        let of_device = OfDevice {
            judge: self,
            device,
            systems: systems::of(device, self.definitions),
            subscribed: systems::is_subscribed(device),
            day,
        };
        let mut judgements = of_device.packages();
        judgements.extend(support::system(device, self.definitions, day));
        judgements.extend(windows::judge(device, self.definitions, &self.updates));
        let applications = device.applications.iter();
        judgements.extend(applications.map(|application| self.applications.judge(application)));
        judgements.sort_by(|a, b| key(a).cmp(&key(b)));
        judgements.dedup();
        judgements
    }

    /// The rating of an advisory, or what is known of its CVEs.
    fn rating(&self, said: &Said<'_>, cves: &[CveId]) -> Option<Rating> {
        if let Some(rating) = &said.advisory.rating {
            return Some(rating.clone());
        }
        let worst = cves
            .iter()
            .filter_map(|cve| self.ratings.get(cve))
            .max_by_key(|rating| (rating.severity, rating.cvss_tenths))?;
        Some(Rating {
            source: SeveritySource::Derived,
            ..(*worst).clone()
        })
    }

    fn exploited(&self, cves: &[CveId], day: Date) -> Option<Date> {
        let kev = self.definitions.catalogues.kev.as_ref()?;
        let added = cves.iter().filter_map(|cve| kev.added(*cve));
        added.filter(|added| *added <= day).min()
    }

    fn epss(&self, cves: &[CveId]) -> Option<u32> {
        let epss = self.definitions.catalogues.epss.as_ref()?;
        cves.iter().filter_map(|cve| epss.millionths(*cve)).max()
    }
}

/// The order of a device's judgements: package, what is installed, advisory, fixed version, state.
fn key(judgement: &Judgement) -> impl Ord + '_ {
    (
        judgement.package.as_str(),
        judgement.architecture.as_ref(),
        judgement.installed.as_deref(),
        judgement.advisory.as_deref(),
        judgement.fixed.as_deref(),
        judgement.state,
        judgement.because.as_str(),
    )
}

/// One device under judgement.
struct OfDevice<'j, 'd> {
    judge: &'j Judge<'d>,
    device: &'j JudgedDevice,
    systems: Vec<SystemId>,
    subscribed: bool,
    day: Date,
}

/// A statement's word about a package.
struct Word<'d> {
    said: Said<'d>,
    outcome: Outcome,
}

impl<'d> OfDevice<'_, 'd> {
    fn packages(&self) -> Vec<Judgement> {
        let covered: Vec<&OfSystem<'d>> = self
            .systems
            .iter()
            .filter_map(|system| self.judge.index.system(system))
            .collect();
        let mut judgements = Vec::new();
        if covered.is_empty() {
            let because = self.not_covered();
            for package in &self.device.packages {
                judgements.push(alone(package, FindingState::Unknown, because.clone()));
                judgements.extend(self.unsupported(package));
            }
            return judgements;
        }
        for (package, role) in self.device.packages.iter().zip(kernel::roles(self.device)) {
            if role == Role::Represented {
                continue;
            }
            let words = self.words(package, &role, &covered);
            let support = self.unsupported(package);
            if words.is_empty() && support.is_none() {
                let because = not_named(&covered, &self.systems);
                judgements.push(alone(package, FindingState::NotAffected, because));
            }
            self.merge(package, words, &mut judgements);
            judgements.extend(support);
        }
        judgements
    }

    fn not_covered(&self) -> String {
        if self.systems.is_empty() {
            return if self.device.system_words.is_empty() {
                "the system is not known: neither the inventory nor an os-release says which it is"
                    .to_owned()
            } else {
                format!("the system is not known: {}", self.device.system_words)
            };
        }
        let names: Vec<&str> = self.systems.iter().map(SystemId::as_str).collect();
        format!("no definitions for {} at hand", names.join(", "))
    }

    fn unsupported(&self, package: &JudgedPackage) -> Option<Judgement> {
        support::package(self.device, package, self.judge.definitions, self.day)
    }

    fn words(
        &self,
        package: &JudgedPackage,
        role: &Role<'_>,
        covered: &[&OfSystem<'d>],
    ) -> Vec<Word<'d>> {
        let sources = sources(package);
        let mut words = Vec::new();
        for system in covered {
            for source in &sources {
                for said in system.by_source.get(source).into_iter().flatten() {
                    let outcome = self.outcome(package, role, said, true);
                    words.push(Word {
                        said: *said,
                        outcome,
                    });
                }
            }
            for said in system.by_binary.get(&package.name).into_iter().flatten() {
                let outcome = self.outcome(package, role, said, false);
                words.push(Word {
                    said: *said,
                    outcome,
                });
            }
        }
        words
    }

    fn outcome(
        &self,
        package: &JudgedPackage,
        role: &Role<'_>,
        said: &Said<'d>,
        by_source: bool,
    ) -> Outcome {
        let statement = said.statement;
        match said.gone {
            Some(Gone::Withdrawn) => {
                let why = "the vendor withdrew the advisory";
                return Outcome::new(FindingState::NotAffected, why);
            }
            Some(Gone::Deleted) => {
                let why = "the publisher lists the document as deleted";
                return Outcome::new(FindingState::NotAffected, why);
            }
            None => {}
        }
        let unsure = match architecture(package, &statement.architectures) {
            Fit::Yes => None,
            Fit::No(why) => return Outcome::new(FindingState::NotAffected, why),
            Fit::Untold(why) => Some(why),
        };
        match self.judge.modules.relation(package, statement) {
            Relation::Comparable => {}
            Relation::NotAbout(why) => return Outcome::new(FindingState::NotAffected, why),
            Relation::Untold(why) => return Outcome::new(FindingState::Unknown, why),
        }
        let judged = |installed: &str| {
            compare::judge(package.ecosystem, installed, statement, self.subscribed)
        };
        let outcome = match role {
            Role::Kernel(kernel) => of_kernel(kernel, judged),
            Role::Plain | Role::Represented => {
                match compared_version(package, by_source, compare::fixed(statement)) {
                    Ok(version) => judged(version),
                    Err(why) => Outcome::new(FindingState::Unknown, why),
                }
            }
        };
        match unsure {
            Some(why) if outcome.state != FindingState::Fixed => {
                Outcome::new(FindingState::Unknown, why)
            }
            Some(_) | None => outcome,
        }
    }

    /// One judgement for every advisory and fixed version.
    fn merge(&self, package: &JudgedPackage, words: Vec<Word<'d>>, into: &mut Vec<Judgement>) {
        let mut groups: BTreeMap<(&str, Option<&str>), Vec<Word<'d>>> = BTreeMap::new();
        for word in words {
            let fixed = compare::fixed(word.said.statement);
            // One document writes an rpm epoch of 0, another leaves it out.
            let one_spelling = fixed.map(|fixed| fixed.strip_prefix("0:").unwrap_or(fixed));
            let group = (word.said.advisory.id.as_str(), one_spelling);
            groups.entry(group).or_default().push(word);
        }
        for words in groups.into_values() {
            let fixed = compare::fixed(words[0].said.statement);
            let mut by_state: BTreeMap<u8, Vec<Word<'d>>> = BTreeMap::new();
            for word in words {
                let weight = weight(word.outcome.state);
                by_state.entry(weight).or_default().push(word);
            }
            let mut covered: BTreeSet<CveId> = BTreeSet::new();
            for (at, alike) in by_state.into_values().enumerate() {
                let own: BTreeSet<CveId> = alike.iter().flat_map(cves).copied().collect();
                // Of one fixed version there is one line; without one, what was said of the same
                // CVEs already is not said again more weakly.
                let says_more = fixed.is_none() && own.iter().any(|cve| !covered.contains(cve));
                if at == 0 || says_more {
                    into.push(self.judgement(package, &alike[0], fixed, own.clone()));
                }
                covered.extend(own);
            }
        }
    }

    fn judgement(
        &self,
        package: &JudgedPackage,
        word: &Word<'d>,
        fixed: Option<&str>,
        cves: BTreeSet<CveId>,
    ) -> Judgement {
        let cves: Vec<CveId> = cves.into_iter().collect();
        Judgement {
            package: package.name.to_string(),
            installed: Some(package.version.to_string()),
            architecture: package.architecture.clone(),
            advisory: Some(word.said.advisory.id.clone()),
            fixed: fixed.map(str::to_owned),
            state: word.outcome.state,
            rating: self.judge.rating(&word.said, &cves),
            because: word.outcome.because.clone(),
            document: Some(word.said.document),
            exploited: self.judge.exploited(&cves, self.day),
            epss_millionths: self.judge.epss(&cves),
            cves,
        }
    }
}

/// Which of several words on one fixed version is the line: the smaller first.
fn weight(state: FindingState) -> u8 {
    match state {
        FindingState::Missing => 0,
        FindingState::NoFix => 1,
        FindingState::OldCodeRunning => 2,
        FindingState::Unknown => 3,
        FindingState::Fixed => 4,
        FindingState::NotAffected => 5,
    }
}

/// The CVEs that a word is about.
fn cves<'a>(word: &'a Word<'_>) -> &'a [CveId] {
    match &word.said.statement.cves {
        Some(cves) => cves,
        None => &word.said.advisory.cves,
    }
}

/// Why a package has no advisory, with the feeds that were asked.
fn not_named(covered: &[&OfSystem<'_>], systems: &[SystemId]) -> String {
    let feeds: BTreeSet<Feed> = covered
        .iter()
        .flat_map(|system| system.feeds.iter().copied())
        .collect();
    let feeds: Vec<&str> = feeds.into_iter().map(Feed::word).collect();
    let systems: Vec<&str> = systems.iter().map(SystemId::as_str).collect();
    format!(
        "no advisory at hand of {} for {} names it",
        feeds.join(", "),
        systems.join(", ")
    )
}

/// A judgement that rests on no advisory.
fn alone(package: &JudgedPackage, state: FindingState, because: String) -> Judgement {
    Judgement {
        package: package.name.to_string(),
        installed: Some(package.version.to_string()),
        architecture: package.architecture.clone(),
        advisory: None,
        cves: Vec::new(),
        fixed: None,
        state,
        rating: None,
        because,
        document: None,
        exploited: None,
        epss_millionths: None,
    }
}

/// The names under which statements about sources meet a package.
fn sources(package: &JudgedPackage) -> Vec<PackageName> {
    let own = package.source.as_ref().unwrap_or(&package.name);
    let mut names = vec![own.clone()];
    if package.ecosystem == Ecosystem::Deb
        && let Ok(kernel) = kernel::unsigned(own.as_str()).parse::<PackageName>()
        && kernel != *own
    {
        names.push(kernel);
    }
    names
}

/// The version that a statement is held against; the error says why none can be.
fn compared_version<'p>(
    package: &'p JudgedPackage,
    by_source: bool,
    fixed: Option<&str>,
) -> Result<&'p str, String> {
    let own = package.version.as_str();
    let Some(source) = package.source_version.as_ref().filter(|_| by_source) else {
        return Ok(own);
    };
    match package.ecosystem {
        Ecosystem::Deb => {
            let signed = package
                .source
                .as_ref()
                .is_some_and(|source| kernel::unsigned(source.as_str()) != source.as_str());
            Ok(if signed { own } else { source.as_str() })
        }
        Ecosystem::Rpm => {
            let own_build = compare::plain(Ecosystem::Rpm, own);
            let own_build = own_build
                .split_once(':')
                .map_or(own_build, |(_, rest)| rest);
            if source.as_str() == own_build {
                return Ok(own);
            }
            let has_epoch = |version: &str| {
                version
                    .split_once(':')
                    .is_some_and(|(epoch, _)| epoch != "0" && epoch != "(none)")
            };
            if !has_epoch(source.as_str()) && fixed.is_some_and(has_epoch) {
                return Err(format!(
                    "the epoch of the source version {source} is not known, and the fixed version has one"
                ));
            }
            Ok(source.as_str())
        }
        Ecosystem::Apk | Ecosystem::Pacman | Ecosystem::Windows | Ecosystem::Winget => {
            Ok(source.as_str())
        }
    }
}

/// Whether a list of architectures holds a package's.
enum Fit {
    Yes,
    No(String),
    Untold(String),
}

fn architecture(package: &JudgedPackage, list: &[Architecture]) -> Fit {
    let is_any = |name: &str| matches!(name, "all" | "noarch" | "any");
    if list.is_empty() || list.iter().any(|name| is_any(name.as_str())) {
        return Fit::Yes;
    }
    let names = || {
        let names: Vec<&str> = list.iter().map(Architecture::as_str).collect();
        names.join(", ")
    };
    match &package.architecture {
        Some(own) if is_any(own.as_str()) => Fit::Yes,
        Some(own)
            if list
                .iter()
                .any(|name| one_spelling(name.as_str()) == one_spelling(own.as_str())) =>
        {
            Fit::Yes
        }
        Some(own) => Fit::No(format!("the statement is about {}, not {own}", names())),
        // An advisory for several architectures is one for all on which the package is built.
        None if list.len() > 1 => Fit::Yes,
        None => Fit::Untold(format!(
            "the statement is about {}; of which architecture the package is was not reported",
            names()
        )),
    }
}

/// Debian's, rpm's and Alpine's names of one architecture, as one.
pub(super) fn one_spelling(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i486" | "i586" | "i686" | "x86" => "i386",
        "ppc64le" => "ppc64el",
        "armv7hl" | "armv7" | "armv7l" => "armhf",
        other => other,
    }
}

/// A kernel's state: what runs decides, and what is on disk says whether a reboot would do.
fn of_kernel(kernel: &Kernel<'_>, judged: impl Fn(&str) -> Outcome) -> Outcome {
    let on_disk = judged(kernel.newest.as_str());
    let running = match &kernel.running {
        Ok(running) => *running,
        Err(why) => {
            return Outcome {
                because: format!(
                    "{}; {why}, the newest installed kernel decides",
                    on_disk.because
                ),
                ..on_disk
            };
        }
    };
    let now = judged(running.as_str());
    let is_affected = matches!(now.state, FindingState::Missing | FindingState::NoFix);
    if is_affected && on_disk.state == FindingState::Fixed {
        return Outcome::new(
            FindingState::OldCodeRunning,
            format!(
                "kernel {running} is running and affected; {}: a reboot is due",
                on_disk.because
            ),
        );
    }
    Outcome {
        because: format!("{}; it is the running kernel", now.because),
        ..now
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
