//! CSAF 2.0 of any provider: advisories and VEX, provider metadata, ROLIE, lists of changes.
//!
//! A document becomes one advisory: its statements name packages of systems where the publisher's
//! products can be told as such (Red Hat, SUSE, Azure Linux), its remedies Windows updates
//! (Microsoft). Records are vulnerabilities. What breaks the schema, or lacks product or tracking
//! data, is refused; a single vulnerability of that kind is broken and the rest is read, unless none
//! is left. What breaks finer tests of the standard is read with a note that names the test.
//!
//! Oracle's critical patch updates are read as any other document (feed `oracle-csaf`); no document
//! of Oracle could be had, so that is written from the standard alone. Its products are patched by
//! hand behind a support login: no statements are made of them.
//!
//! Source: Common Security Advisory Framework 2.0, OASIS Standard, 18 November 2022.

mod changes;
pub(crate) mod component;
mod microsoft;
#[allow(dead_code, reason = "the schema requires more than is used")]
pub(crate) mod model;
mod provider;
mod publisher;
mod purl;
pub(crate) mod rating;
mod redhat;
mod redhat_api;
pub(crate) mod rules;
mod statements;
mod suse;
pub(crate) mod tree;

use std::collections::{BTreeSet, HashMap};

use domain::advisory::{Advisory, AfterInstall, Remedy, Says};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::severity::Classification;

use crate::fields::{self, Ids};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json;
use crate::refusal::Refusal;
use component::Component;
use model::{Document, ProductTree, RestartCategory, Vulnerability};
use statements::{Gathered, Reasons, Status};
use tree::Tree;

pub use changes::deletions;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "csaf",
        recognise,
        parse,
    },
    provider::AGGREGATOR,
    provider::PROVIDER,
    provider::ROLIE_SERVICE,
    provider::ROLIE_FEED,
    redhat_api::API,
    redhat_api::REPOSITORIES,
    changes::INDEX,
    changes::CHANGES,
    changes::ARCHIVE,
];

/// A CSAF document has its version, or at least the parts that only it has, in `document`.
fn recognise(probe: &Probe<'_>) -> bool {
    let schema = probe.has_key("$defs") || probe.has_key("$id") || probe.has_key("definitions");
    probe.is_json()
        && !schema
        && probe.has_key("document")
        && (probe.has_key("tracking")
            || probe.has_key("publisher")
            || probe.has_key_anywhere("csaf_version"))
}

/// The top level, raw.
#[derive(Default)]
struct Parts<'a> {
    document: Option<&'a [u8]>,
    product_tree: Option<&'a [u8]>,
    vulnerabilities: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut parts = Self::default();
        for member in json::members(bytes) {
            let member = member?;
            let place = match member.raw_key {
                b"document" => &mut parts.document,
                b"product_tree" => &mut parts.product_tree,
                b"vulnerabilities" => &mut parts.vulnerabilities,
                _ => continue,
            };
            if place.replace(member.value).is_some() {
                return Err(Refusal::Invalid {
                    place: member.key().into_owned(),
                    why: "it is there twice".to_owned(),
                });
            }
        }
        Ok(parts)
    }
}

/// Reads one part of the document; what breaks the schema is a refusal.
fn part<'a, T: serde::Deserialize<'a>>(raw: &'a [u8], place: &str) -> Result<T, Refusal> {
    serde_json::from_slice(raw).map_err(|error| {
        let why = json::why(&error);
        let place = place.to_owned();
        match why.strip_prefix("missing field ") {
            Some(what) => Refusal::Missing {
                place,
                what: what.to_owned(),
            },
            None if error.is_data() => Refusal::Invalid { place, why },
            None => Refusal::Syntax {
                syntax: "JSON",
                place,
                why,
            },
        }
    })
}

pub(crate) fn refused(fault: &tree::Fault) -> Refusal {
    Refusal::Invalid {
        place: fault.place.clone(),
        why: format!("{} ({})", fault.why, fault.test),
    }
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let parts = Parts::split(bytes)?;
    let missing = |what: &str| Refusal::Missing {
        place: "the document".to_owned(),
        what: what.to_owned(),
    };
    let document: Document = part(
        parts.document.ok_or_else(|| missing("`document`"))?,
        "document",
    )?;
    if document.csaf_version != "2.0" {
        return Err(Refusal::Invalid {
            place: "document/csaf_version".to_owned(),
            why: format!(
                "version {} is not read, only 2.0",
                tree::short(&document.csaf_version)
            ),
        });
    }
    let product_tree: ProductTree = match parts.product_tree {
        Some(raw) => part(raw, "product_tree")?,
        None => ProductTree::default(),
    };
    let tree = Tree::new(&product_tree).map_err(|fault| refused(&fault))?;
    let mut notes = rules::Notes::default();
    let has = rules::Has {
        product_tree: parts.product_tree.is_some(),
        vulnerabilities: parts.vulnerabilities.is_some(),
    };
    rules::document(&document, has, &mut notes).map_err(|fault| refused(&fault))?;
    rules::products(&tree, &mut notes);
    let feed = publisher::feed(&document);
    let mut reading = Reading::new(&document, &tree, feed, notes)?;
    if let Some(raw) = parts.vulnerabilities {
        for (number, member) in json::members(raw).enumerate() {
            if reading.records >= RECORDS_MAX {
                return Err(Refusal::TooMany {
                    what: "vulnerabilities",
                    limit: RECORDS_MAX,
                });
            }
            reading.vulnerability(number, member?.value);
        }
    }
    reading.finish(sink)
}

/// A document being read.
pub(crate) struct Reading<'d> {
    document: &'d Document,
    tree: &'d Tree<'d>,
    feed: Feed,
    id: String,
    records: u64,
    broken: Vec<(String, String)>,
    /// The first fault of schema or product data, where a vulnerability is broken by one.
    fault: Option<Refusal>,
    notes: rules::Notes,
    ids: Ids,
    seen: BTreeSet<CveId>,
    worst: rating::Worst,
    after: AfterInstall,
    gathered: Gathered,
    remedies: Vec<Remedy>,
    components: HashMap<String, Option<Component>>,
}

impl<'d> Reading<'d> {
    /// Begins. Errors: the document lacks tracking data.
    pub(crate) fn new(
        document: &'d Document,
        tree: &'d Tree<'d>,
        feed: Feed,
        notes: rules::Notes,
    ) -> Result<Self, Refusal> {
        let tracking = &document.tracking;
        let id = fields::id(&tracking.id).map_err(|why| Refusal::Invalid {
            place: "document/tracking/id".to_owned(),
            why,
        })?;
        for (name, date) in [
            ("current_release_date", &tracking.current_release_date),
            ("initial_release_date", &tracking.initial_release_date),
        ] {
            if fields::timestamp(date).is_none() {
                return Err(Refusal::Invalid {
                    place: format!("document/tracking/{name}"),
                    why: format!("`{}` is no date with time", tree::short(date)),
                });
            }
        }
        let mut ids = Ids::default();
        for alias in &tracking.aliases {
            ids.take(alias);
        }
        Ok(Self {
            document,
            tree,
            feed,
            id: id.to_owned(),
            records: 0,
            broken: Vec::new(),
            fault: None,
            notes,
            ids,
            seen: BTreeSet::new(),
            worst: rating::Worst::default(),
            after: AfterInstall::Unknown,
            gathered: Gathered::default(),
            remedies: Vec::new(),
            components: HashMap::new(),
        })
    }

    /// Reads one vulnerability, or notes why it is broken.
    fn vulnerability(&mut self, number: usize, raw: &[u8]) {
        let place = format!("vulnerabilities/{number}");
        let vulnerability: Vulnerability = match serde_json::from_slice(raw) {
            Ok(vulnerability) => vulnerability,
            Err(error) => {
                let why = json::why(&error);
                if error.is_data() {
                    self.fault.get_or_insert(Refusal::Invalid {
                        place: place.clone(),
                        why: why.clone(),
                    });
                }
                self.broken.push((place, why));
                return;
            }
        };
        let place = match &vulnerability.cve {
            Some(cve) => format!("{place} {}", tree::short(cve)),
            None => place,
        };
        let profile = rules::profile(&self.document.category);
        let notes = &mut self.notes;
        let tested = rules::vulnerability(&vulnerability, self.tree, profile, &place, notes);
        self.judge(&vulnerability, tested, &place);
    }

    /// Takes a vulnerability whose tests came to `tested`, or notes why it is broken.
    pub(crate) fn judge(
        &mut self,
        vulnerability: &Vulnerability,
        tested: Result<(), tree::Fault>,
        place: &str,
    ) {
        if let Err(fault) = tested {
            let why = format!("{} ({})", fault.why, fault.test);
            self.fault.get_or_insert(refused(&fault));
            self.broken(place.to_owned(), why);
            return;
        }
        let cve = vulnerability.cve.as_deref();
        let cve = cve.and_then(|cve| cve.parse().ok());
        if let Err(why) = self.take(vulnerability, cve, place) {
            self.broken(place.to_owned(), why);
        }
    }

    /// Takes note of a record that could not be read.
    pub(crate) fn broken(&mut self, place: String, why: String) {
        self.broken.push((place, why));
    }

    /// Takes a vulnerability that the schema allows. Errors: why it is broken.
    fn take(
        &mut self,
        vulnerability: &Vulnerability,
        cve: Option<CveId>,
        place: &str,
    ) -> Result<(), String> {
        if cve.is_some_and(|cve| self.seen.contains(&cve)) {
            let why = "the CVE was read already";
            self.notes.note("6.1.23", place, || why.to_owned());
            return Err(why.to_owned());
        }
        self.worst.take(vulnerability)?;
        self.seen.extend(cve);
        self.records += 1;
        match (&vulnerability.cve, cve) {
            (Some(_), Some(cve)) => {
                self.ids.cves.insert(cve);
            }
            (Some(other), None) => self.ids.take(other),
            (None, _) => {
                for id in &vulnerability.ids {
                    self.ids.take(&id.text);
                }
            }
        }
        for remediation in &vulnerability.remediations {
            let text = remediation.details.to_ascii_lowercase();
            let restart = remediation.restart_required.as_ref().map(|r| r.category);
            let after = match restart {
                Some(RestartCategory::Machine | RestartCategory::System) => AfterInstall::Reboot,
                _ if text.contains("must be rebooted") => AfterInstall::Reboot,
                Some(RestartCategory::None) | None => AfterInstall::Unknown,
                Some(_) => AfterInstall::Restart,
            };
            self.after = self.after.max(after);
        }
        self.state(vulnerability, cve, place);
        Ok(())
    }

    /// Gathers what a vulnerability states of products.
    fn state(&mut self, vulnerability: &Vulnerability, cve: Option<CveId>, place: &str) {
        let (statuses, contradicting) = statements::statuses(vulnerability);
        for id in contradicting {
            self.broken
                .push((place.to_owned(), statements::contradiction(id)));
        }
        if matches!(self.feed, Feed::MsrcCsaf | Feed::MsrcVex) {
            self.remedies
                .extend(microsoft::remedies(vulnerability, self.tree));
        }
        if matches!(self.feed, Feed::Csaf | Feed::OracleCsaf) {
            return;
        }
        let reasons = Reasons::of(vulnerability, self.tree);
        for (id, status) in statuses {
            if !self.components.contains_key(id) {
                let component = self.component(id);
                self.components.insert(id.to_owned(), component);
            }
            let Some(Some(component)) = self.components.get(id) else {
                continue;
            };
            let says = match (status, &component.version) {
                (Status::Affected, Some(fixed)) if self.is_range(id) => Some(Says::FixedIn {
                    introduced: None,
                    fixed: fixed.clone(),
                }),
                _ => reasons.says(id, status, component),
            };
            if let Some(says) = says {
                self.gathered.add(cve, component, &says);
            }
        }
    }

    fn is_range(&self, id: &str) -> bool {
        let parts = self.tree.parts(id);
        self.feed == Feed::MsrcVex
            && parts
                .first()
                .is_some_and(|first| microsoft::is_range(first))
    }

    fn component(&self, id: &str) -> Option<Component> {
        let parts = self.tree.parts(id);
        match self.feed {
            Feed::RedhatCsaf | Feed::RedhatVex => redhat::component(&parts),
            Feed::SuseCsaf | Feed::SuseCvrf => suse::component(&parts),
            Feed::Cvrf => redhat::source_component(&parts),
            Feed::MsrcCsaf | Feed::MsrcVex => microsoft::component(&parts),
            _ => None,
        }
    }

    /// Hands over the advisory. Errors: no vulnerability was left.
    pub(crate) fn finish(self, sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
        if let Some(fault) = self.fault
            && self.records == 0
        {
            return Err(fault);
        }
        for (place, why) in &self.broken {
            sink.broken(place, why);
        }
        let tracking = &self.document.tracking;
        let id = match self.feed {
            Feed::MsrcCsaf | Feed::MsrcVex => self.id.trim_start_matches("msrc_").to_owned(),
            _ => self.id.clone(),
        };
        let mut advisory = Advisory::new(id);
        advisory.title = fields::title(&self.document.title);
        advisory.cves = self.ids.cve_list();
        advisory.aliases = self.ids.alias_list();
        advisory.rating = self.worst.rating(self.document);
        advisory.classification = classification(self.feed, &self.document.tracking.id);
        advisory.published = fields::timestamp(&tracking.initial_release_date);
        advisory.modified = fields::timestamp(&tracking.current_release_date);
        advisory.after = self.after;
        advisory.statements = self.gathered.into_statements(&advisory.cves);
        advisory.remedies = self.remedies;
        let mut parsed = Parsed::new(self.feed);
        parsed.document = Some(self.id);
        parsed.dated = advisory.modified;
        parsed.records = self.records;
        parsed.notes = self.notes.sentences();
        sink.record(Record::Advisory(Box::new(advisory)));
        Ok(parsed)
    }
}

/// What an advisory announces; `None`: it is about vulnerabilities, not patches.
fn classification(feed: Feed, id: &str) -> Option<Classification> {
    match feed {
        Feed::RedhatVex | Feed::MsrcVex | Feed::Csaf => None,
        Feed::Cvrf if !publisher::is_redhat_advisory(id) => None,
        Feed::RedhatCsaf | Feed::Cvrf if id.starts_with("RHBA-") => Some(Classification::Hotfix),
        Feed::RedhatCsaf | Feed::Cvrf if id.starts_with("RHEA-") => Some(Classification::Feature),
        Feed::SuseCsaf | Feed::SuseCvrf if id.contains("-RU-") => Some(Classification::Hotfix),
        Feed::SuseCsaf | Feed::SuseCvrf if id.contains("-FU-") || id.contains("-OU-") => {
            Some(Classification::Feature)
        }
        _ => Some(Classification::Security),
    }
}

#[cfg(test)]
mod tests;
