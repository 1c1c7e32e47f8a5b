//! The policy as people read it: every object that stands as one sentence, with its owner and its
//! age; what cannot be read, and what is probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{self, ClientScope, Permission, Principal};
use domain::decision::Level;
use domain::id::ClientId;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::policy::{Policy, PolicyKind, Unreadable};
use domain::query::Query;
use engine::lint;
use engine::policy_file::{self, PolicyFiles, Problem};
use engine::written::{self, ClientAsked, Entry};
use jiff::Timestamp;
use store::Tx;

use super::standing::{self, StandingPolicy, Stands};
use super::{PolicyProblem, PolicyVersionItem, export, number};
use crate::{Result, Service, naming};

/// Which objects are looked for.
#[derive(Debug, Clone, Default)]
pub struct PolicyLook {
    /// Only this kind.
    pub kind: Option<PolicyKind>,
    /// Only what can concern this client (name or id).
    pub client: Option<String>,
    /// Only what holds this text in its name, its query or its sentences.
    pub text: Option<String>,
}

/// When an object was made, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMade {
    /// When.
    pub at: Timestamp,
    /// By whom, where that was recorded.
    pub by: Option<String>,
    /// With which version of the files; `None`: by hand, or whoever asks may not see versions.
    pub version: Option<u64>,
}

/// An object that stands, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLine {
    /// Its id.
    pub id: String,
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its name; for a decision without one, what it says.
    pub name: String,
    /// Of a rule: as which one it is asked, from 1.
    pub order: Option<u32>,
    /// Which devices, as a query.
    pub devices: String,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// How close it is.
    pub level: Level,
    /// What it says.
    pub sentences: Vec<String>,
    /// The queries behind the words: what each selects, and the query.
    pub queries: Vec<(String, String)>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it was made; `None`: that cannot be read.
    pub made: Option<PolicyMade>,
    /// Its file; `None`: it was made by hand.
    pub file: Option<String>,
    /// Why it cannot be read; then all that it covers is closed.
    pub unreadable: Option<String>,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyOverview {
    /// The objects that were looked for: rules first, in the order in which they are asked.
    pub lines: Vec<PolicyLine>,
    /// How many objects of each kind stand in all.
    pub counts: Vec<(PolicyKind, u32)>,
    /// What cannot be read, whatever was looked for.
    pub unreadable: Vec<PolicyLine>,
    /// What is probably not meant, with its place in the export; only for those who may see all.
    pub warnings: Vec<PolicyProblem>,
    /// The last time that files were applied; only for those who may see all.
    pub version: Option<PolicyVersionItem>,
}

/// The order in which kinds are shown.
pub const KINDS_SHOWN: [PolicyKind; 8] = [
    PolicyKind::Rule,
    PolicyKind::Window,
    PolicyKind::Freeze,
    PolicyKind::Decision,
    PolicyKind::Exclude,
    PolicyKind::Reboot,
    PolicyKind::Rings,
    PolicyKind::Group,
];

/// What is known beside the objects: who made them, and in which version.
#[derive(Debug, Default)]
struct Beside {
    made: BTreeMap<String, PolicyMade>,
    /// Number and author of each version, by when it was applied.
    versions: BTreeMap<Timestamp, (u64, String)>,
    clients: BTreeMap<ClientId, String>,
}

/// What stands, with what is known beside it.
pub(super) struct Told {
    pub standing: StandingPolicy,
    beside: Beside,
    entries: BTreeMap<String, (Entry, Option<String>)>,
}

impl Told {
    /// Reads what stands now and concerns those in the scope.
    pub fn read(
        tx: &mut Tx<'_>,
        who: &Principal,
        scope: &ClientScope,
        now: Timestamp,
    ) -> Result<Self> {
        let standing = standing::load(tx, scope, now)?;
        let beside = beside(tx, who, scope, &standing, now)?;
        let entries = entries(&standing.policy);
        Ok(Self {
            standing,
            beside,
            entries,
        })
    }

    /// Who applied the files at an instant, where whoever asks may know.
    pub fn applied_by(&self, at: Timestamp) -> Option<String> {
        self.beside.versions.get(&at).map(|(_, by)| by.clone())
    }

    /// One object as a line.
    pub fn line(&self, stands: &Stands) -> PolicyLine {
        let devices = Query::parse(&stands.devices).unwrap_or_else(|_| Query::everything());
        let (entry, owner) = match (&stands.says, self.entries.get(&stands.id)) {
            (Ok(_), Some((entry, owner))) => (entry.clone(), owner.clone()),
            (says, _) => (unreadable(stands, says, &devices), None),
        };
        let rules = self.standing.policy.rules.iter();
        let order = rules
            .enumerate()
            .find(|(_, rule)| rule.id.to_string() == stands.id)
            .map(|(at, _)| number(at + 1));
        let decisions = self.standing.policy.decisions.iter();
        let decided = decisions
            .filter(|_| stands.kind == PolicyKind::Decision)
            .find(|decision| decision.id.to_string() == stands.id);
        let made = self.beside.made.get(&stands.id).cloned();
        let owner = owner.or_else(|| made.as_ref().and_then(|made| made.by.clone()));
        PolicyLine {
            id: stands.id.clone(),
            kind: stands.kind,
            name: match &stands.name {
                Some(name) => name.clone(),
                None => entry.name,
            },
            order,
            devices: stands.devices.clone(),
            client: stands
                .client
                .and_then(|id| self.beside.clients.get(&id).cloned()),
            level: decided.map_or_else(|| Level::of_query(&devices), |one| one.level),
            sentences: entry.sentences,
            queries: entry
                .queries
                .into_iter()
                .map(|one| (one.of, one.query))
                .collect(),
            owner,
            made,
            file: stands.place.file.clone(),
            unreadable: stands.says.as_ref().err().cloned(),
        }
    }
}

fn unreadable(stands: &Stands, says: &Result<String, String>, devices: &Query) -> Entry {
    written::unreadable(&Unreadable {
        kind: stands.kind,
        name: stands.name.clone().unwrap_or_else(|| stands.id.clone()),
        devices: devices.clone(),
        client: stands.client,
        why: match says {
            Err(why) => why.clone(),
            Ok(_) => "its text holds no object".to_owned(),
        },
    })
}

/// What every object says, by its id, with its owner where it names one.
fn entries(policy: &Policy) -> BTreeMap<String, (Entry, Option<String>)> {
    let named = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let mut all = BTreeMap::new();
    let mut put = |id: String, entry: Entry, owner: Option<String>| {
        all.insert(id, (entry, owner));
    };
    for one in &policy.groups {
        put(one.id.to_string(), written::group(one), None);
    }
    for one in &policy.windows {
        put(one.id.to_string(), written::window(one), None);
    }
    for one in &policy.freezes {
        put(one.id.to_string(), written::freeze(one), None);
    }
    for one in &policy.rules {
        let entry = written::rule(one, policy);
        put(one.id.to_string(), entry, named(&one.owner));
    }
    for one in &policy.decisions {
        let entry = written::decision(one);
        put(one.id.to_string(), entry, named(&one.decided_by_name));
    }
    for one in &policy.reboots {
        put(one.id.to_string(), written::reboot(one, policy), None);
    }
    for one in &policy.rings {
        put(one.id.to_string(), written::rings(one), None);
    }
    for one in &policy.exclusions {
        put(one.id.to_string(), written::exclusion(one), None);
    }
    all
}

/// Who made what stands, when, and in which version.
fn beside(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    standing: &StandingPolicy,
    now: Timestamp,
) -> Result<Beside> {
    let mut beside = Beside::default();
    for client in standing.objects.iter().filter_map(|one| one.client) {
        if let std::collections::btree_map::Entry::Vacant(free) = beside.clients.entry(client)
            && let Some(found) = tx.client_get(scope, client)?
        {
            free.insert(found.name.to_string());
        }
    }
    // Versions are of the whole provider.
    let mut versions: BTreeMap<Timestamp, (u64, String)> = BTreeMap::new();
    if access::check(who, Permission::WholeProvider).is_ok() {
        let newest = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        let found = tx.policy_version_list(&newest)?.items.into_iter();
        versions.extend(found.map(|one| (one.applied_at, (one.number, one.applied_by_name))));
    }
    let made = |at: Timestamp, by: Option<String>| {
        let version = versions.get(&at);
        PolicyMade {
            at,
            by: by.or_else(|| version.map(|(_, by)| by.clone())),
            version: version.map(|(number, _)| *number),
        }
    };
    for one in &standing.policy.windows {
        beside
            .made
            .insert(one.id.to_string(), made(one.valid_from, None));
    }
    for one in &standing.policy.decisions {
        let by = Some(one.decided_by_name.clone());
        beside
            .made
            .insert(one.id.to_string(), made(one.decided_at, by));
    }
    for row in tx.policy_standing(scope, now)? {
        let by = Some(row.made_by_name);
        beside
            .made
            .insert(row.id.to_string(), made(row.valid_from, by));
    }
    beside.versions = versions;
    Ok(beside)
}

/// The ids of everything that can be read in a policy, and kind and name of what cannot.
fn ids(policy: &Policy) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    macro_rules! each {
        ($($list:ident),*) => {$( ids.extend(policy.$list.iter().map(|one| one.id.to_string())); )*};
    }
    each!(
        groups, windows, freezes, rules, decisions, reboots, rings, exclusions
    );
    let broken = policy.unreadable.iter();
    ids.extend(broken.map(|one| format!("{} {}", one.kind, one.name)));
    ids
}

fn is_in(ids: &BTreeSet<String>, stands: &Stands) -> bool {
    let name = stands.name.as_ref().unwrap_or(&stands.id);
    ids.contains(&stands.id) || ids.contains(&format!("{} {name}", stands.kind))
}

fn holds_text(line: &PolicyLine, text: &str) -> bool {
    let text = text.to_lowercase();
    let queries = line.queries.iter().map(|(_, query)| query);
    [&line.name, &line.devices]
        .into_iter()
        .chain(&line.owner)
        .chain(&line.file)
        .chain(&line.sentences)
        .chain(queries)
        .any(|one| one.to_lowercase().contains(&text))
}

/// The files of what stands and can be read; or what is wrong with them all the same.
pub(super) fn sound_files(
    tx: &mut Tx<'_>,
    standing: &StandingPolicy,
) -> Result<std::result::Result<PolicyFiles, Vec<Problem>>> {
    let sound = standing.objects.iter().filter(|one| one.says.is_ok());
    let files = export::files(sound.cloned().collect(), export::preambles(tx)?);
    let texts: Vec<(String, String)> = files.into_iter().map(|one| (one.file, one.text)).collect();
    Ok(policy_file::read(&texts))
}

/// What is probably not meant in what stands; objects that cannot be read are told elsewhere.
fn warnings(
    tx: &mut Tx<'_>,
    standing: &StandingPolicy,
    now: Timestamp,
) -> Result<Vec<PolicyProblem>> {
    let problems = match sound_files(tx, standing)? {
        Ok(read) => {
            let mut told = read.warnings.clone();
            told.extend(lint::lint(&read, now));
            told
        }
        Err(problems) => problems,
    };
    Ok(problems.into_iter().map(Into::into).collect())
}

impl Service {
    /// The policy in force, for those whom it concerns.
    pub fn policy_overview(&self, who: &Principal, look: &PolicyLook) -> Result<PolicyOverview> {
        let scope = access::check(who, Permission::Read)?;
        let (now, person, look) = (self.now(), who.clone(), look.clone());
        let mut overview = self.read(move |tx| {
            let told = Told::read(tx, &person, &scope, now)?;
            let mut overview = overview(tx, &told, &scope, &look)?;
            if access::check(&person, Permission::WholeProvider).is_ok() {
                overview.warnings = warnings(tx, &told.standing, now)?;
            }
            Ok(overview)
        })?;
        // By kind, and within it as it stands: rules in the order in which they are asked.
        overview.lines.sort_by_key(|line| {
            let kind = KINDS_SHOWN.iter().position(|kind| *kind == line.kind);
            (kind, line.order)
        });
        overview.version = self.policy_version(who)?;
        Ok(overview)
    }

    /// How many objects that concern those in reach cannot be read; what they cover is closed.
    pub fn policy_unreadable(&self, who: &Principal) -> Result<usize> {
        let scope = access::check(who, Permission::Read)?;
        let policy = self.rules()?;
        let broken = policy.unreadable.iter();
        Ok(broken
            .filter(|one| one.client.is_none_or(|client| scope.contains(client)))
            .count())
    }

    /// The last time that files were applied; `None`: never, or whoever asks may not know.
    pub fn policy_version(&self, who: &Principal) -> Result<Option<PolicyVersionItem>> {
        if access::check(who, Permission::WholeProvider).is_err() {
            return Ok(None);
        }
        let last = PageRequest {
            cursor: None,
            limit: 1,
        };
        Ok(self.policy_history(who, &last)?.items.into_iter().next())
    }
}

fn overview(
    tx: &mut Tx<'_>,
    told: &Told,
    scope: &ClientScope,
    look: &PolicyLook,
) -> Result<PolicyOverview> {
    let concerns = match look.client.as_deref() {
        None => None,
        Some(name) => {
            let client = naming::client(tx, scope, name)?;
            let asked = ClientAsked {
                name: client.name.to_string(),
                id: Some(client.id),
            };
            Some(ids(&written::limited_to(&told.standing.policy, &asked)))
        }
    };
    let mut overview = PolicyOverview::default();
    for kind in KINDS_SHOWN {
        let of_kind = told.standing.objects.iter().filter(|one| one.kind == kind);
        overview.counts.push((kind, number(of_kind.count())));
    }
    for stands in &told.standing.objects {
        let line = told.line(stands);
        if line.unreadable.is_some() {
            overview.unreadable.push(line.clone());
        }
        let text = look.text.as_deref().map(str::trim).unwrap_or_default();
        let wanted = look.kind.is_none_or(|kind| kind == line.kind)
            && concerns.as_ref().is_none_or(|ids| is_in(ids, stands))
            && (text.is_empty() || holds_text(&line, text));
        if wanted {
            overview.lines.push(line);
        }
    }
    Ok(overview)
}
