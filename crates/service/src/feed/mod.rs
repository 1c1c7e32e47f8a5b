//! Feeds: definitions that are kept, in force, and how old each is.
//!
//! Documents stand on the shelf ([`shelf`]), what they are stands in the store, and what they say is
//! in memory: [`InForce`], swapped as a whole after every change, so that whoever reads it sees one
//! state of things. [`accept`] says whether a document counts, [`take`](Service::feed_take) does so.
//! Definitions are public and belong to no client: who may read anything may read them; changing them
//! is the owner's. A document that is damaged on the shelf is reported, and the rest counts.

pub mod accept;
pub mod bundle;
pub mod document;
mod judging;
pub mod reading;
pub mod refresh;
pub mod shelf;
mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::access::{self, Permission, Principal};
use domain::definitions::Definitions;
use domain::document::{DocumentStanding, FeedCount, FeedState, KeptDocument};
use domain::feed::Feed;
use domain::inventory::Inventory;
use domain::judgement::Judgement;
use domain::offer::Facts;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use feeds::sources::{self, Form, Source};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::Tx;
use utoipa::ToSchema;

use crate::loops::{Look, Signal};
use crate::{Result, Service, ServiceError, audit};
use judging::Judging;
use reading::Given;
use shelf::Shelf;

/// Most files of the folder of definitions that are read.
const FOLDER_FILES_MAX: usize = 20_000;
/// How deep that folder is read.
const FOLDER_DEPTH_MAX: usize = 4;
/// Most problems that are told.
const PROBLEMS_TOLD_MAX: usize = 100;

/// Definitions in force, as one state of things.
#[derive(Debug, Default)]
pub struct InForce {
    /// What documents say.
    pub definitions: Arc<Definitions>,
    /// Documents that could not be read, or not whole: which, and why.
    pub problems: Vec<(String, String)>,
    judging: Option<Judging>,
}

impl InForce {
    fn new(definitions: Definitions, problems: Vec<(String, String)>) -> Self {
        let definitions = Arc::new(definitions);
        Self {
            judging: Judging::start(&definitions),
            definitions,
            problems,
        }
    }

    /// What advisories say of a device's packages; empty: none is at hand.
    pub(crate) fn judgements(
        &self,
        inventory: &Inventory,
        facts: &Facts,
        at: Timestamp,
    ) -> Vec<Judgement> {
        let Some(judging) = &self.judging else {
            return Vec::new();
        };
        let device = judging::judged_device(inventory, facts);
        judging.device(device, at).unwrap_or_default()
    }
}

/// The server's feeds: where documents are, and what is in force.
pub struct Feeds {
    shelf: Option<Shelf>,
    folder: Option<PathBuf>,
    sources: &'static [Source],
    force: RwLock<Arc<InForce>>,
    /// Held by whoever changes documents: one change at a time.
    changing: Mutex<()>,
    asked: Mutex<BTreeSet<Feed>>,
    refresher: Signal,
}

impl Feeds {
    /// Without a shelf: nothing is kept. For tests of what has nothing to do with feeds.
    pub fn none() -> Self {
        Self {
            shelf: None,
            folder: None,
            sources: sources::SOURCES,
            force: RwLock::default(),
            changing: Mutex::new(()),
            asked: Mutex::default(),
            refresher: Signal::new(),
        }
    }

    /// Over the shelf of a state folder, and a folder of a person's own documents beside it. Errors:
    /// the shelf cannot be made.
    pub fn open(state: &Path, folder: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self {
            shelf: Some(Shelf::open(state)?),
            folder: folder.map(Path::to_owned),
            ..Self::none()
        })
    }

    /// With another table of feeds: for tests, whose servers are elsewhere.
    #[must_use]
    pub fn with_sources(mut self, sources: &'static [Source]) -> Self {
        self.sources = sources;
        self
    }

    /// What is in force now.
    pub fn in_force(&self) -> Arc<InForce> {
        let force = self.force.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&force)
    }

    pub(crate) fn shelf(&self) -> Result<&Shelf> {
        self.shelf.as_ref().ok_or_else(|| ServiceError::Internal {
            what: "this server keeps no documents".to_owned(),
        })
    }

    pub(crate) fn sources(&self) -> &'static [Source] {
        self.sources
    }

    pub(crate) fn source(&self, feed: Feed) -> Option<&'static Source> {
        self.sources.iter().find(|source| source.feed == feed)
    }

    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has feeds fetched at once.
    pub(crate) fn ask(&self, feeds: &[Feed]) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.extend(feeds);
        self.refresher.ring();
    }

    pub(crate) fn take_asked(&self) -> BTreeSet<Feed> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut asked)
    }

    /// Waits until somebody asks.
    pub(crate) async fn rung(&self) {
        self.refresher.rung().await;
    }

    fn swap(&self, force: InForce) {
        let mut slot = self.force.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Arc::new(force);
    }
}

/// How old what a feed says is, against its own rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Younger than the age at which it is called old.
    Fresh,
    /// Older than that.
    Stale,
    /// Documents are at hand whose age is not known.
    Unknown,
    /// Nothing of it was ever at hand.
    Never,
}

impl Freshness {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Never => "never",
        }
    }
}

/// One feed with how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedItem {
    /// Its name.
    #[schema(value_type = String)]
    pub feed: Feed,
    /// Who publishes it.
    pub publisher: String,
    /// What it holds.
    pub what: String,
    /// Where it is fetched; empty: it comes from devices, folders or bundles.
    pub addresses: Vec<String>,
    /// The publisher's terms.
    pub licence: String,
    /// Minutes between two looks.
    pub rhythm_minutes: u32,
    /// Hours after which what it says is called old.
    pub stale_hours: u32,
    /// Whether this server fetches it.
    pub enabled: bool,
    /// How old it is against its own rhythm.
    pub freshness: Freshness,
    /// As of when what it says holds; `None`: not known, or nothing is at hand.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
    /// When it was last tried.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tried_at: Option<Timestamp>,
    /// When fetching last went well.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub succeeded_at: Option<Timestamp>,
    /// What went wrong last; `None`: nothing since the last success.
    pub error: Option<String>,
    /// Documents in force; `None`: none at hand, so nothing can be said.
    pub documents: Option<u64>,
    /// Their records; `None` as above, or not counted (documents of a folder).
    pub records: Option<u64>,
    /// Their records that could not be read.
    pub broken: u64,
    /// Documents that are kept for a person to look at.
    pub quarantined: u64,
}

/// A document that could not be read where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedProblem {
    /// Which.
    pub document: String,
    /// Why, in one sentence.
    pub why: String,
}

/// All feeds with how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedStatus {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// One sentence: what is at hand, and what that means.
    pub sentence: String,
    /// Whether any advisories are at hand. Without, what is missing is only known from the devices'
    /// own package managers and changelogs.
    pub advisories: Option<u64>,
    /// The feeds, in the order of the table.
    pub feeds: Vec<FeedItem>,
    /// The newest documents in quarantine.
    pub quarantined: Vec<document::DocumentItem>,
    /// What cannot be read of what is in force.
    pub problems: Vec<FeedProblem>,
}

/// What is known of a feed beside its source.
struct Known {
    states: BTreeMap<Feed, FeedState>,
    counts: Vec<FeedCount>,
    changelogs: (u64, Option<Timestamp>),
    quarantined: Vec<KeptDocument>,
}

impl Service {
    /// The feeds.
    pub fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// All feeds with how they stand.
    pub fn feed_status(&self, who: &Principal) -> Result<FeedStatus> {
        access::check(who, Permission::Read)?;
        let now = self.now();
        let known = self.read(known)?;
        let force = self.feeds.in_force();
        let mut items: Vec<FeedItem> = self
            .feeds
            .sources()
            .iter()
            .map(|source| item(source, &known, &force.definitions, now))
            .collect();
        // What came by folder or bundle and is in no table.
        let others = known.counts.iter().map(|count| count.feed);
        let in_folder = force.definitions.documents.iter().map(|one| one.feed);
        for feed in others.chain(in_folder) {
            if !items.iter().any(|item| item.feed == feed) {
                let source = of_no_table(feed);
                items.push(item(&source, &known, &force.definitions, now));
            }
        }
        let advisories = force.definitions.advisories.len() as u64;
        Ok(FeedStatus {
            at: now,
            sentence: sentence(advisories, &items),
            advisories: (advisories > 0).then_some(advisories),
            feeds: items,
            quarantined: known.quarantined.iter().map(document::item).collect(),
            problems: force
                .problems
                .iter()
                .take(PROBLEMS_TOLD_MAX)
                .map(|(document, why)| FeedProblem {
                    document: document.clone(),
                    why: why.clone(),
                })
                .collect(),
        })
    }

    /// Chooses whether a feed is fetched.
    pub fn feed_enable(&self, who: &Principal, feed: Feed, enabled: bool) -> Result<FeedItem> {
        access::check(who, Permission::ManageFeed)?;
        let now = self.now();
        let source = self
            .feeds
            .source(feed)
            .ok_or_else(|| ServiceError::NotFound {
                what: "feed",
                name: feed.to_string(),
            })?;
        if source.form == Form::Given {
            return Err(ServiceError::Invalid {
                field: "feed",
                reason: format!("{feed} is not fetched: it comes from devices, folders or bundles"),
            });
        }
        let who = who.clone();
        self.write(move |tx| {
            let mut state = state_of(tx, source)?;
            if state.enabled != enabled {
                state.enabled = enabled;
                tx.feed_put(&state)?;
                let word = if enabled {
                    "feed.enable"
                } else {
                    "feed.disable"
                };
                tx.audit_add(&audit::by(&who, now, word, feed).0)?;
            }
            Ok(())
        })?;
        let known = self.read(known)?;
        let force = self.feeds.in_force();
        Ok(item(source, &known, &force.definitions, now))
    }

    /// Reads what is in force, at the start of whoever holds the state folder's lock.
    pub fn feeds_start(&self) -> Result<()> {
        if let Ok(shelf) = self.feeds.shelf()
            && let Err(error) = shelf.sweep()
        {
            tracing::warn!(%error, "leftovers of the definitions cannot be removed");
        }
        self.feeds_reload()
    }

    /// Reads everything in force anew and swaps it; then every device is assessed again.
    pub fn feeds_reload(&self) -> Result<()> {
        let mut given = Vec::new();
        let (mut damaged, mut lost) = (Vec::new(), BTreeSet::new());
        if let Ok(shelf) = self.feeds.shelf() {
            for kept in self.documents_in_force()? {
                match shelf.check(kept.sha256) {
                    Ok(()) => given.push(Given {
                        path: shelf.path(kept.sha256),
                        name: kept.document.clone(),
                        fetched_at: Some(kept.fetched_at),
                    }),
                    Err(error) => {
                        let told = format!("{} {}", kept.feed, kept.document);
                        damaged.push((told, error.to_string()));
                        lost.insert(kept.feed);
                    }
                }
            }
        }
        // What is damaged is fetched again, whatever the addresses answered before.
        if !lost.is_empty() {
            self.write(move |tx| {
                lost.iter()
                    .try_for_each(|feed| Ok(tx.feed_validators_forget(*feed)?))
            })?;
        }
        if let Some(folder) = &self.feeds.folder {
            of_folder(folder, 0, &mut given, &mut damaged);
        }
        let gathered = reading::gather(&given);
        damaged.extend(gathered.problems);
        for (document, why) in damaged.iter().take(PROBLEMS_TOLD_MAX) {
            tracing::warn!(document, why, "definitions");
        }
        self.feeds.swap(InForce::new(gathered.definitions, damaged));
        self.due.everything(Look::Assess);
        self.planner.ring();
        Ok(())
    }

    /// All documents in force, in the order in which they came.
    fn documents_in_force(&self) -> Result<Vec<KeptDocument>> {
        let mut all = Vec::new();
        for standing in [DocumentStanding::Beside, DocumentStanding::Good] {
            let mut cursor = None;
            loop {
                let page = PageRequest {
                    cursor: cursor.take(),
                    limit: PAGE_ITEMS_MAX,
                };
                let found =
                    self.read(move |tx| Ok(tx.feed_document_list(None, Some(standing), &page)?))?;
                all.extend(found.items);
                match found.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
        Ok(all)
    }
}

/// The state of a feed: as it is kept, else as the table begins.
pub(crate) fn state_of(tx: &mut Tx<'_>, source: &Source) -> Result<FeedState> {
    let kept = tx.feed_get(source.feed)?;
    Ok(kept.unwrap_or_else(|| FeedState::new(source.feed, source.enabled)))
}

fn known(tx: &mut Tx<'_>) -> Result<Known> {
    let page = PageRequest {
        cursor: None,
        limit: PAGE_ITEMS_MAX,
    };
    let quarantined = tx.feed_document_list(None, Some(DocumentStanding::Quarantined), &page)?;
    Ok(Known {
        states: tx
            .feed_list()?
            .into_iter()
            .map(|state| (state.feed, state))
            .collect(),
        counts: tx.feed_document_counts()?,
        changelogs: tx.changelog_count()?,
        quarantined: quarantined.items,
    })
}

/// A feed that is in no table.
fn of_no_table(feed: Feed) -> Source {
    Source {
        feed,
        publisher: "",
        what: "from a folder or bundle",
        addresses: &[],
        mirror: None,
        form: Form::Given,
        rhythm_minutes: 24 * 60,
        stale_hours: 14 * 24,
        licence: "not known",
        enabled: false,
        checksums: false,
    }
}

fn item(source: &Source, known: &Known, definitions: &Definitions, now: Timestamp) -> FeedItem {
    let feed = source.feed;
    let state = known.states.get(&feed);
    let (mut documents, mut records, mut broken, mut quarantined) = (0, 0, 0, 0);
    let mut as_of = state.and_then(|state| state.succeeded_at);
    for count in known.counts.iter().filter(|count| count.feed == feed) {
        if count.standing.in_force() {
            documents += count.documents;
            records += count.records;
            broken += count.broken;
            as_of = as_of.max(Some(count.newest));
        } else if count.standing == DocumentStanding::Quarantined {
            quarantined += count.documents;
        }
    }
    // Documents of a folder were fetched by somebody else: only they themselves say when.
    let mut folder = 0;
    for document in &definitions.documents {
        if document.feed == feed && document.fetched_at.is_none() {
            folder += 1;
            as_of = as_of.max(document.dated);
        }
    }
    if feed == Feed::DebChangelog {
        (documents, records) = (known.changelogs.0, known.changelogs.0);
        as_of = known.changelogs.1;
    }
    let at_hand = documents + folder;
    let as_of = as_of.filter(|_| at_hand > 0);
    let stale = SignedDuration::from_hours(i64::from(source.stale_hours));
    let freshness = match (at_hand, as_of) {
        (0, _) => Freshness::Never,
        (_, None) => Freshness::Unknown,
        (_, Some(as_of)) if now.duration_since(as_of) > stale => Freshness::Stale,
        (_, Some(_)) => Freshness::Fresh,
    };
    FeedItem {
        feed,
        publisher: source.publisher.to_owned(),
        what: source.what.to_owned(),
        addresses: source.addresses.iter().map(|&a| a.to_owned()).collect(),
        licence: source.licence.to_owned(),
        rhythm_minutes: source.rhythm_minutes,
        stale_hours: source.stale_hours,
        enabled: state.map_or(source.enabled, |state| state.enabled),
        freshness,
        as_of,
        tried_at: state.and_then(|state| state.tried_at),
        succeeded_at: state.and_then(|state| state.succeeded_at),
        error: state.and_then(|state| state.error.clone()),
        documents: (at_hand > 0).then_some(at_hand),
        records: (documents > 0).then_some(records),
        broken,
        quarantined,
    }
}

fn sentence(advisories: u64, items: &[FeedItem]) -> String {
    let stale = items
        .iter()
        .filter(|item| item.freshness == Freshness::Stale)
        .map(|item| item.feed.word())
        .collect::<Vec<_>>();
    let mut text = match advisories {
        0 => "No advisories are at hand: CVEs and severities come from changelogs alone, and what no changelog names is unknown.".to_owned(),
        count => format!("{count} advisories are at hand."),
    };
    if !stale.is_empty() {
        text.push_str(&format!(
            " Older than their own rhythm: {}.",
            stale.join(", ")
        ));
    }
    text
}

/// The files of a person's own folder, by path.
fn of_folder(
    folder: &Path,
    depth: usize,
    given: &mut Vec<Given>,
    problems: &mut Vec<(String, String)>,
) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let why = format!("the folder cannot be read: {error}");
            return problems.push((folder.display().to_string(), why));
        }
    };
    let mut paths: Vec<(PathBuf, bool)> = entries
        .flatten()
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            (kind.is_dir() || kind.is_file()).then(|| (entry.path(), kind.is_dir()))
        })
        .collect();
    paths.sort();
    for (path, is_folder) in paths {
        if is_folder {
            if depth < FOLDER_DEPTH_MAX {
                of_folder(&path, depth + 1, given, problems);
            }
        } else if given.len() >= FOLDER_FILES_MAX {
            let why = format!("there are more than {FOLDER_FILES_MAX} files; the rest is not read");
            return problems.push((folder.display().to_string(), why));
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            given.push(Given {
                name: name.into_owned(),
                path,
                fetched_at: None,
            });
        }
    }
}
