//! Documents one after the other into definitions.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use domain::advisory::{Advisory, ApplicationVersion, Lifecycle, Notice};
use domain::cve::{CveId, Document, EpssCatalogue, KevCatalogue};
use domain::definitions::{Definitions, ModuleStream, RepositoryPlatforms, Sourced, SupportEnd};
use domain::feed::{Feed, Provenance};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{Loaded, Problem, ProblemKind};
use crate::format::{Parsed, Record, Sink};
use crate::formats;
use crate::inspect;
use crate::packed;
use crate::refusal::Refusal;

/// How many reasons are told of one file.
const REASONS_TOLD_MAX: usize = 5;
/// The day of a table of scores that names none: older than any that does.
const NO_DAY: Date = Date::MIN;

/// Builds definitions from documents.
#[derive(Default)]
pub struct Loader {
    loaded: Loaded,
    files_seen: HashSet<[u8; 32]>,
    documents_seen: HashSet<[u8; 32]>,
}

/// How long each list was before a document, to take it back if it is refused.
struct Mark {
    documents: usize,
    advisories: usize,
    cve_facts: usize,
    lifecycles: usize,
    support: usize,
    applications: usize,
    notices: usize,
    repositories: usize,
    modules: usize,
    products: usize,
    deleted: usize,
}

/// Catalogues that the documents of one file brought; they count once the file is whole.
type Catalogues = (Vec<KevCatalogue>, Vec<EpssCatalogue>);

/// One file being read.
struct Reading<'l> {
    definitions: &'l mut Definitions,
    documents_seen: &'l HashSet<[u8; 32]>,
    new_documents: Vec<[u8; 32]>,
    name: &'l str,
    sha256: [u8; 32],
    fetched_at: Option<Timestamp>,
    catalogues: Catalogues,
    documents_read: u64,
    bystanders: u64,
    refusals: Vec<String>,
    broken: Vec<String>,
    broken_count: u64,
}

impl Loader {
    /// Begins with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was read.
    pub fn finish(self) -> Loaded {
        self.loaded
    }

    /// Takes note of a problem.
    pub fn problem(&mut self, path: &Path, kind: ProblemKind, why: String) {
        self.loaded.problems.push(Problem {
            path: path.to_owned(),
            kind,
            why,
        });
    }

    /// Reads a file, packed or not; `name` is what facts say where they are from.
    pub fn file(&mut self, file: &mut File, path: &Path, name: &str) {
        let hashed = inspect::sha256_of(file).and_then(|sha256| {
            file.seek(SeekFrom::Start(0))?;
            Ok(sha256)
        });
        match hashed {
            Err(error) => {
                let why = format!("cannot be read: {error}");
                self.problem(path, ProblemKind::Refused, why);
            }
            Ok(sha256) => self.read(path, name, sha256, None, |visit| {
                packed::open_file(file, visit).map(|_| ())
            }),
        }
    }

    /// Reads bytes that were fetched, packed or not.
    pub fn bytes(&mut self, bytes: &[u8], name: &str, fetched_at: Option<Timestamp>) {
        let sha256 = Sha256::digest(bytes).into();
        self.read(Path::new(name), name, sha256, fetched_at, |visit| {
            packed::open_bytes(bytes, visit).map(|_| ())
        });
    }

    fn read(
        &mut self,
        path: &Path,
        name: &str,
        sha256: [u8; 32],
        fetched_at: Option<Timestamp>,
        open: impl FnOnce(&mut packed::Visit<'_>) -> Result<(), Refusal>,
    ) {
        if !self.files_seen.insert(sha256) {
            return;
        }
        let before = Mark::of(&self.loaded.definitions);
        let mut reading = Reading {
            definitions: &mut self.loaded.definitions,
            documents_seen: &self.documents_seen,
            new_documents: Vec::new(),
            name,
            sha256,
            fetched_at,
            catalogues: (Vec::new(), Vec::new()),
            documents_read: 0,
            bystanders: 0,
            refusals: Vec::new(),
            broken: Vec::new(),
            broken_count: 0,
        };
        let result = open(&mut |member, bytes| reading.take(member, bytes));
        let Reading {
            new_documents,
            catalogues,
            documents_read,
            bystanders,
            refusals,
            broken,
            broken_count,
            ..
        } = reading;
        if let Err(refusal) = result {
            before.take_back(&mut self.loaded.definitions);
            return self.problem(path, ProblemKind::Refused, refusal.to_string());
        }
        self.documents_seen.extend(new_documents);
        self.take_catalogues(catalogues);
        if documents_read == 0 && refusals.is_empty() && bystanders > 0 {
            let why = "it is no feed document".to_owned();
            self.loaded.others.push(Problem {
                path: path.to_owned(),
                kind: ProblemKind::Refused,
                why,
            });
            return;
        }
        if !refusals.is_empty() || broken_count > 0 {
            let kind = if documents_read == 0 {
                ProblemKind::Refused
            } else {
                ProblemKind::Broken
            };
            let mut reasons = refusals;
            if broken_count > 0 {
                reasons.push(format!(
                    "{broken_count} records could not be read, among them {}",
                    broken.join("; ")
                ));
            }
            let more = reasons.len().saturating_sub(REASONS_TOLD_MAX);
            reasons.truncate(REASONS_TOLD_MAX);
            if more > 0 {
                reasons.push(format!("and {more} more members are refused"));
            }
            self.problem(path, kind, reasons.join("; "));
        }
    }

    fn take_catalogues(&mut self, (kev, epss): Catalogues) {
        let catalogues = &mut self.loaded.definitions.catalogues;
        for new in kev {
            let newer = |old: &KevCatalogue| old.document.dated <= new.document.dated;
            if catalogues.kev.as_ref().is_none_or(newer) {
                catalogues.kev = Some(new);
            }
        }
        for new in epss {
            let newer = |old: &EpssCatalogue| old.document.dated <= new.document.dated;
            if catalogues.epss.as_ref().is_none_or(newer) {
                catalogues.epss = Some(new);
            }
        }
    }
}

impl Mark {
    fn of(definitions: &Definitions) -> Self {
        Self {
            documents: definitions.documents.len(),
            advisories: definitions.advisories.len(),
            cve_facts: definitions.cve_facts.len(),
            lifecycles: definitions.lifecycles.len(),
            support: definitions.support.len(),
            applications: definitions.applications.len(),
            notices: definitions.notices.len(),
            repositories: definitions.repositories.len(),
            modules: definitions.modules.len(),
            products: definitions.products.len(),
            deleted: definitions.deleted.len(),
        }
    }

    fn take_back(&self, definitions: &mut Definitions) {
        definitions.documents.truncate(self.documents);
        definitions.advisories.truncate(self.advisories);
        definitions.cve_facts.truncate(self.cve_facts);
        definitions.lifecycles.truncate(self.lifecycles);
        definitions.support.truncate(self.support);
        definitions.applications.truncate(self.applications);
        definitions.notices.truncate(self.notices);
        definitions.repositories.truncate(self.repositories);
        definitions.modules.truncate(self.modules);
        definitions.products.truncate(self.products);
        definitions.deleted.truncate(self.deleted);
    }
}

impl Reading<'_> {
    /// Takes a document or member, or the reason why it could not be opened.
    fn take(&mut self, member: &str, bytes: Result<&[u8], Refusal>) {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(refusal) => return self.refused(member, &refusal),
        };
        let unpacked: [u8; 32] = Sha256::digest(bytes).into();
        if self.documents_seen.contains(&unpacked) {
            self.documents_read += 1;
            return;
        }
        let before = Mark::of(self.definitions);
        let document = u32::try_from(before.documents).unwrap_or(u32::MAX);
        let mut taking = Taking {
            definitions: self.definitions,
            document,
            exploited: Vec::new(),
            scores: Vec::new(),
            broken: Vec::new(),
            broken_count: 0,
        };
        let read = formats::read(bytes, &mut taking);
        let Taking {
            exploited,
            scores,
            broken,
            broken_count,
            ..
        } = taking;
        match read {
            Err(unread) => {
                before.take_back(self.definitions);
                if unread.bystander {
                    self.bystanders += 1;
                } else {
                    self.refused(member, &unread.refusal);
                }
            }
            Ok(parsed) => {
                self.documents_read += 1;
                self.new_documents.push(unpacked);
                self.broken.extend(broken);
                self.broken.truncate(REASONS_TOLD_MAX);
                self.broken_count = self.broken_count.saturating_add(broken_count);
                self.catalogues(&parsed, exploited, scores);
                let provenance = self.provenance(member, parsed);
                self.definitions.documents.push(provenance);
            }
        }
    }

    fn refused(&mut self, member: &str, refusal: &Refusal) {
        self.refusals.push(if member.is_empty() {
            refusal.to_string()
        } else {
            format!("{member}: {refusal}")
        });
    }

    fn catalogues(
        &mut self,
        parsed: &Parsed,
        exploited: Vec<(CveId, Date)>,
        scores: Vec<(CveId, u32)>,
    ) {
        let name = self.name.rsplit('/').next().unwrap_or(self.name);
        let day = parsed
            .dated
            .map(|dated| dated.to_zoned(TimeZone::UTC).date())
            .or_else(|| day_in(name))
            .unwrap_or(NO_DAY);
        let document = Document {
            name: name.to_owned(),
            dated: day,
        };
        if !exploited.is_empty() {
            let catalogue = KevCatalogue::new(document.clone(), exploited);
            self.catalogues.0.push(catalogue);
        }
        if !scores.is_empty() {
            let model = parsed
                .document
                .as_ref()
                .filter(|_| parsed.feed == Feed::Epss)
                .cloned();
            let catalogue = EpssCatalogue::new(document, model, scores);
            self.catalogues.1.push(catalogue);
        }
    }

    fn provenance(&self, member: &str, parsed: Parsed) -> Provenance {
        let file = if member.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}!{member}", self.name)
        };
        let own_name = || {
            file.rsplit(['/', '!'])
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        Provenance {
            feed: parsed.feed,
            document: parsed.document.unwrap_or_else(own_name),
            file,
            dated: parsed.dated,
            fetched_at: self.fetched_at,
            sha256: self.sha256,
        }
    }
}

/// The first `YYYY-MM-DD` of a file's name.
fn day_in(name: &str) -> Option<Date> {
    (0..name.len()).find_map(|at| name.get(at..at + 10)?.parse().ok())
}

/// Records of one document on their way into definitions.
struct Taking<'d> {
    definitions: &'d mut Definitions,
    document: u32,
    exploited: Vec<(CveId, Date)>,
    scores: Vec<(CveId, u32)>,
    broken: Vec<String>,
    broken_count: u64,
}

impl Taking<'_> {
    fn sourced<T>(&self, value: T) -> Sourced<T> {
        Sourced {
            document: self.document,
            value,
        }
    }

    fn push<T>(&mut self, value: T)
    where
        T: Kept,
    {
        let fact = self.sourced(value);
        T::list(self.definitions).push(fact);
    }
}

/// A fact that has a list of its own.
trait Kept: Sized {
    fn list(definitions: &mut Definitions) -> &mut Vec<Sourced<Self>>;
}

macro_rules! kept {
    ($($fact:ty => $list:ident),* $(,)?) => {
        $(impl Kept for $fact {
            fn list(definitions: &mut Definitions) -> &mut Vec<Sourced<Self>> {
                &mut definitions.$list
            }
        })*
    };
}

kept! {
    Advisory => advisories,
    Lifecycle => lifecycles,
    SupportEnd => support,
    ApplicationVersion => applications,
    Notice => notices,
    RepositoryPlatforms => repositories,
    ModuleStream => modules,
    (String, String) => products,
    String => deleted,
}

impl Sink for Taking<'_> {
    fn record(&mut self, record: Record) {
        match record {
            Record::Advisory(advisory) => self.push(*advisory),
            Record::Cve(advisory) => {
                let fact = self.sourced(*advisory);
                self.definitions.cve_facts.push(fact);
            }
            Record::Exploited { cve, added, .. } => self.exploited.push((cve, added)),
            Record::Score { cve, millionths } => self.scores.push((cve, millionths)),
            Record::Lifecycle(lifecycle) => self.push(lifecycle),
            Record::Support(support) => self.push(*support),
            Record::Application(application) => self.push(*application),
            Record::Product { id, name } => self.push((id, name)),
            Record::Deleted { document, .. } => self.push(document),
            Record::Repository(repository) => self.push(repository),
            Record::Module(module) => self.push(module),
            Record::Notice(notice) => self.push(*notice),
            // What could be fetched, and what a repository offers, decides nothing here.
            Record::Listed { .. } | Record::Offered { .. } => {}
        }
    }

    fn broken(&mut self, place: &str, why: &str) {
        self.broken_count = self.broken_count.saturating_add(1);
        if self.broken.len() < REASONS_TOLD_MAX {
            self.broken.push(format!("{place}: {why}"));
        }
    }
}
