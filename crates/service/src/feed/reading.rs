//! Reads kept documents: what one holds before it is taken, and all of them as definitions.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use domain::cve::{CveId, Document, EpssCatalogue, KevCatalogue};
use domain::definitions::{Definitions, Sourced};
use domain::feed::{Feed, Provenance};
use feeds::format::{Collect, Record, Sink};
use feeds::packed::Opened;
use feeds::refusal::Refusal;
use feeds::{formats, packed};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Broken records that are told one by one.
const BROKEN_TOLD_MAX: usize = 5;
/// Most characters of a name or reason that a document gives.
const TEXT_MAX: usize = 300;

/// What a document holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Whose its documents are, each once.
    pub feeds: Vec<Feed>,
    /// The id that it gives itself; empty: none, or an archive.
    pub own_id: String,
    /// When it was made, as it says itself; of an archive the latest of its members.
    pub dated: Option<Timestamp>,
    /// Records read.
    pub records: u64,
    /// Records that could not be read, and members that were refused.
    pub broken: u64,
    /// The first of them, each with its place and reason.
    pub broken_told: Vec<String>,
    /// The advisories that it states, or the documents that it lists, by a hash of the id.
    pub advisories: HashSet<u64>,
}

/// Looks at a file. Errors: why it is not taken as a whole.
pub fn look(path: &Path, name: &str) -> Result<Looked, String> {
    let mut file = File::open(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let mut looked = Looked::default();
    let mut refused: Option<Refusal> = None;
    let opened = packed::open_file(&mut file, &mut |inside, bytes| {
        let told = if inside.is_empty() { name } else { inside };
        match bytes.and_then(|bytes| read(bytes, &mut looked)) {
            Ok(()) => {}
            Err(Refusal::Unrecognised { .. }) if !inside.is_empty() => {}
            Err(refusal) => {
                looked.tell_broken(told, &refusal.to_string());
                refused.get_or_insert(refusal);
            }
        }
    })
    .map_err(|refusal| refusal.to_string())?;
    match (opened, refused) {
        (Opened::Document, Some(refusal)) => return Err(refusal.to_string()),
        (Opened::Archive, Some(refusal)) if looked.feeds.is_empty() => {
            return Err(refusal.to_string());
        }
        (Opened::Document | Opened::Archive, _) => {}
    }
    if opened == Opened::Archive {
        looked.own_id.clear();
    }
    if looked.feeds.is_empty() {
        return Err("it holds no feed document".to_owned());
    }
    Ok(looked)
}

fn read(bytes: &[u8], looked: &mut Looked) -> Result<(), Refusal> {
    let format = formats::recognise(bytes).ok_or_else(|| Refusal::Unrecognised {
        why: "no feed publishes anything of this form".to_owned(),
    })?;
    let parsed = (format.parse)(feeds::format::without_mark(bytes), looked)?;
    if !looked.feeds.contains(&parsed.feed) {
        looked.feeds.push(parsed.feed);
    }
    looked.records = looked.records.saturating_add(parsed.records);
    looked.dated = looked.dated.max(parsed.dated);
    looked.own_id = parsed
        .document
        .unwrap_or_default()
        .chars()
        .take(TEXT_MAX)
        .collect();
    Ok(())
}

impl Looked {
    fn tell_broken(&mut self, place: &str, why: &str) {
        self.broken = self.broken.saturating_add(1);
        if self.broken_told.len() < BROKEN_TOLD_MAX {
            let told = format!("{place}: {why}");
            self.broken_told.push(told.chars().take(TEXT_MAX).collect());
        }
    }
}

impl Sink for Looked {
    fn record(&mut self, record: Record) {
        let id = match &record {
            Record::Advisory(advisory) => &advisory.id,
            Record::Listed { document, .. } => document,
            _ => return,
        };
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.advisories.insert(hasher.finish());
    }

    fn broken(&mut self, place: &str, why: &str) {
        self.tell_broken(place, why);
    }
}

/// A document to be put into the definitions.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its file.
    pub path: PathBuf,
    /// The name that people know it by.
    pub name: String,
    /// When it was fetched; `None`: it lies in a folder.
    pub fetched_at: Option<Timestamp>,
}

/// Everything that documents say, and what could not be read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The definitions.
    pub definitions: Definitions,
    /// Documents that were not read, or not whole: which, and why.
    pub problems: Vec<(String, String)>,
}

/// Reads documents into definitions. A document that cannot be read is a problem and no more.
pub fn gather(given: &[Given]) -> Gathered {
    let mut gathered = Gathered::default();
    for one in given {
        let sha256 = match hash_of(&one.path) {
            Ok(sha256) => sha256,
            Err(error) => {
                gathered.problem(&one.name, format!("it cannot be read: {error}"));
                continue;
            }
        };
        let mut file = match File::open(&one.path) {
            Ok(file) => file,
            Err(error) => {
                gathered.problem(&one.name, format!("it cannot be read: {error}"));
                continue;
            }
        };
        let opened = packed::open_file(&mut file, &mut |inside, bytes| {
            let told = match inside {
                "" => one.name.clone(),
                inside => format!("{}!{inside}", one.name),
            };
            let read = bytes.and_then(|bytes| gathered.document(bytes, &told, one, sha256));
            match read {
                Ok(()) | Err(Refusal::Unrecognised { .. }) => {}
                Err(refusal) => gathered.problem(&told, refusal.to_string()),
            }
        });
        if let Err(refusal) = opened {
            gathered.problem(&one.name, refusal.to_string());
        }
    }
    gathered
}

fn hash_of(path: &Path) -> std::io::Result<[u8; 32]> {
    use sha2::Digest as _;
    use std::io::Read as _;
    let (mut file, mut hash) = (File::open(path)?, sha2::Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

impl Gathered {
    fn problem(&mut self, name: &str, why: String) {
        self.problems.push((name.to_owned(), why));
    }

    fn document(
        &mut self,
        bytes: &[u8],
        told: &str,
        given: &Given,
        sha256: [u8; 32],
    ) -> Result<(), Refusal> {
        let format = formats::recognise(bytes).ok_or_else(|| Refusal::Unrecognised {
            why: "no feed publishes anything of this form".to_owned(),
        })?;
        let mut records = Collect::default();
        let parsed = (format.parse)(feeds::format::without_mark(bytes), &mut records)?;
        if !records.broken.is_empty() {
            let (place, why) = &records.broken[0];
            let count = records.broken.len();
            self.problem(
                told,
                format!("{count} records cannot be read, the first is {place}: {why}"),
            );
        }
        let document = u32::try_from(self.definitions.documents.len()).unwrap_or(u32::MAX);
        self.definitions.documents.push(Provenance {
            feed: parsed.feed,
            document: parsed.document.unwrap_or_else(|| given.name.clone()),
            file: told.to_owned(),
            dated: parsed.dated,
            fetched_at: given.fetched_at,
            sha256,
        });
        let (mut kev, mut epss) = (Vec::new(), Vec::new());
        for record in records.records {
            self.record(record, document, &mut kev, &mut epss);
        }
        self.catalogues(document, parsed.dated, kev, epss);
        Ok(())
    }

    fn record(
        &mut self,
        record: Record,
        document: u32,
        kev: &mut Vec<(CveId, Date)>,
        epss: &mut Vec<(CveId, u32)>,
    ) {
        let all = &mut self.definitions;
        match record {
            Record::Advisory(value) => all.advisories.push(sourced(document, *value)),
            Record::Cve(value) => all.cve_facts.push(sourced(document, *value)),
            Record::Lifecycle(value) => all.lifecycles.push(sourced(document, value)),
            Record::Support(value) => all.support.push(sourced(document, *value)),
            Record::Application(value) => all.applications.push(sourced(document, *value)),
            Record::Notice(value) => all.notices.push(sourced(document, *value)),
            Record::Repository(value) => all.repositories.push(sourced(document, value)),
            Record::Module(value) => all.modules.push(sourced(document, value)),
            Record::Product { id, name } => all.products.push(sourced(document, (id, name))),
            Record::Deleted { document: gone, .. } => all.deleted.push(sourced(document, gone)),
            Record::Exploited { cve, added, .. } => kev.push((cve, added)),
            Record::Score { cve, millionths } => epss.push((cve, millionths)),
            Record::Listed { .. } | Record::Offered { .. } => {}
        }
    }

    /// Of several catalogues the last by its own date counts.
    fn catalogues(
        &mut self,
        document: u32,
        dated: Option<Timestamp>,
        kev: Vec<(CveId, Date)>,
        epss: Vec<(CveId, u32)>,
    ) {
        let Some(provenance) = self.definitions.documents.get(document as usize) else {
            return;
        };
        let day = dated.map_or(Date::MIN, |at| at.to_zoned(TimeZone::UTC).date());
        let named = Document {
            name: provenance.file.clone(),
            dated: day,
        };
        let catalogues = &mut self.definitions.catalogues;
        let newer = |old: Option<Date>| old.is_none_or(|old| old <= day);
        if !kev.is_empty() && newer(catalogues.kev.as_ref().map(|kev| kev.document.dated)) {
            catalogues.kev = Some(KevCatalogue::new(named.clone(), kev));
        }
        if !epss.is_empty() && newer(catalogues.epss.as_ref().map(|epss| epss.document.dated)) {
            catalogues.epss = Some(EpssCatalogue::new(named, None, epss));
        }
    }
}

fn sourced<T>(document: u32, value: T) -> Sourced<T> {
    Sourced { document, value }
}
