//! One OSV record: decoded, and turned into an advisory.
//!
//! A module's stream (`php:7.2`) stands nowhere in OSV; builds of modules carry `.module` in their
//! release, and whoever judges must compare them with such builds only. So `module` stays `None`.

use std::fmt;

use domain::advisory::{Advisory, AfterInstall, Rating, Says, Statement, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::severity::{Classification, Severity};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::Value;

use super::ecosystems::{self, Ecosystem};
use super::ranges::Range;
use crate::cvss;
use crate::fields::{self, Ids};
use crate::words;

/// Most packages of one record; kernels of one vendor reach some thousands.
const AFFECTED_MAX: usize = 100_000;
/// How many statements about one package are compared to find repeats.
const COMPARED_MAX: usize = 64;
/// Most versions of one list.
const VERSIONS_MAX: usize = 100_000;

/// A text, or a whole number where a writer of YAML left the quotes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A record as it stands in the document.
#[derive(Debug, Deserialize)]
pub struct Raw {
    id: String,
    modified: Option<String>,
    published: Option<String>,
    withdrawn: Option<String>,
    aliases: Option<Vec<String>>,
    related: Option<Vec<String>>,
    upstream: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<RawSeverity>>,
    affected: Option<Vec<Affected>>,
    database_specific: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct RawSeverity {
    #[serde(rename = "type")]
    kind: String,
    score: Text,
}

#[derive(Debug, Deserialize)]
struct Affected {
    package: Option<Package>,
    ranges: Option<Vec<Range>>,
    versions: Option<Vec<Text>>,
    severity: Option<Vec<RawSeverity>>,
    ecosystem_specific: Option<Value>,
    database_specific: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

/// A record, read.
pub struct Read {
    /// Whose.
    pub feed: Feed,
    /// What it says.
    pub advisory: Advisory,
    /// The first part that could not be read.
    pub fault: Option<String>,
}

impl Raw {
    /// Reads the record. Errors: without an id or a date it is none.
    pub fn read(self) -> Result<Read, String> {
        let id = fields::id(&self.id)?.to_owned();
        let modified = self.modified.as_deref().unwrap_or_default();
        let modified = fields::timestamp(modified)
            .ok_or_else(|| format!("{id}: `modified` is no point in time"))?;
        let mut fault = None;
        let mut advisory = Advisory::new(id.as_str());
        let title = self.summary.as_deref().or(self.details.as_deref());
        advisory.title = fields::title(title.unwrap_or_default());
        advisory.modified = Some(modified);
        advisory.published = self.published.as_deref().and_then(fields::timestamp);
        advisory.withdrawn = self.withdrawn.is_some();
        let affected = self.affected.as_deref().unwrap_or_default();
        if affected.len() > AFFECTED_MAX {
            return Err(format!("more than {AFFECTED_MAX} packages"));
        }
        let mut ids = Ids::default();
        let mut feed = None;
        let mut related = affected.is_empty() && ecosystems::feed_of_id(&id) != Feed::Osv;
        for (at, affected) in affected.iter().enumerate() {
            let Some(package) = &affected.package else {
                continue;
            };
            let read = ecosystems::read(&package.ecosystem).and_then(|ecosystem| {
                // Of a record about several systems the first says whose it is.
                feed.get_or_insert(ecosystem.feed);
                related |= ecosystem.related;
                affected.statements(&id, &ecosystem, &mut ids)
            });
            match read {
                Ok(statements) => advisory.statements.extend(statements),
                Err(why) => {
                    fault.get_or_insert(format!("package {}: {why}", at + 1));
                }
            }
        }
        let feed = feed.unwrap_or_else(|| ecosystems::feed_of_id(&id));
        self.ids(related, &mut ids);
        advisory.cves = ids.cve_list();
        advisory.aliases = ids.alias_list();
        advisory.rating = self.rating(feed);
        advisory.classification = classification(&id);
        if id.starts_with("LSN-") {
            // A live patch takes effect in the running kernel.
            advisory.after = AfterInstall::Nothing;
        }
        without_repeats(&mut advisory.statements);
        Ok(Read {
            feed,
            advisory,
            fault,
        })
    }

    fn ids(&self, related: bool, ids: &mut Ids) {
        let aliases = self.aliases.iter().flatten();
        for id in aliases.chain(self.upstream.iter().flatten()) {
            take(ids, id);
        }
        if let Some(cve) = cve_of(&self.id) {
            ids.cves.insert(cve);
        }
        if related {
            ids.cves
                .extend(self.related.iter().flatten().filter_map(|id| cve_of(id)));
        }
        ids.aliases.remove(self.id.trim());
    }

    /// The vendor's word before everything, then the score of a vector.
    fn rating(&self, feed: Feed) -> Option<Rating> {
        let top = self.severity.as_deref().unwrap_or_default();
        let affected = self.affected.as_deref().unwrap_or_default();
        let of_packages: Vec<&RawSeverity> = affected
            .iter()
            .flat_map(|affected| affected.severity.iter().flatten())
            .collect();
        let vector = top
            .iter()
            .filter_map(RawSeverity::derived)
            .max_by_key(|rating| rating.cvss_tenths)
            .or_else(|| {
                of_packages
                    .iter()
                    .filter_map(|severity| severity.derived())
                    .max_by_key(|rating| rating.cvss_tenths)
            });
        let tenths = vector.as_ref().and_then(|rating| rating.cvss_tenths);
        let of_record = self.database_specific.as_ref().and_then(severity_word);
        let of_summary = self
            .summary
            .as_deref()
            .filter(|_| matches!(feed, Feed::AlmaOsv | Feed::RockyOsv))
            .and_then(|summary| summary.split_once(':'))
            .map(|(word, _)| word);
        let written = top
            .iter()
            .chain(of_packages)
            .filter_map(RawSeverity::vendor_word)
            .chain(of_record)
            .chain(of_summary);
        let of_affected = affected.iter().flat_map(Affected::severity_words);
        written
            .chain(of_affected)
            .filter_map(|word| words::rating(word, tenths))
            .filter(|rating| rating.severity != Severity::Unrated || vector.is_none())
            .max_by_key(|rating| rating.severity)
            .or(vector.clone())
    }
}

/// The word of `{"severity": "HIGH"}`.
fn severity_word(specific: &Value) -> Option<&str> {
    specific.get("severity")?.as_str()
}

impl RawSeverity {
    fn derived(&self) -> Option<Rating> {
        matches!(self.kind.as_str(), "CVSS_V2" | "CVSS_V3" | "CVSS_V4")
            .then(|| cvss::rating(&self.score.0))?
    }

    /// A distribution's own word, as Ubuntu's priority.
    fn vendor_word(&self) -> Option<&str> {
        (!self.kind.starts_with("CVSS")).then_some(self.score.0.as_str())
    }
}

impl Affected {
    fn statements(
        &self,
        id: &str,
        ecosystem: &Ecosystem,
        ids: &mut Ids,
    ) -> Result<Vec<Statement>, String> {
        let package = self.package.as_ref().ok_or("no package")?;
        let name = fields::package(&package.name)?;
        let target = if ecosystem.sources {
            Target::Source(name)
        } else {
            Target::Binary(name)
        };
        let cves = self.cves_of_package();
        ids.cves.extend(&cves);
        let statement = |target: Target, says: Says| Statement {
            system: ecosystem.system.clone(),
            target,
            architectures: Vec::new(),
            module: None,
            cves: (!cves.is_empty()).then(|| cves.clone()),
            subscription: self.subscription(id, ecosystem),
            says,
        };
        let says = self.says(ecosystem)?;
        let binaries = self.binaries(ecosystem, &says)?;
        if !binaries.is_empty() {
            return Ok(binaries
                .into_iter()
                .map(|(target, says)| statement(target, says))
                .collect());
        }
        Ok(says
            .into_iter()
            .map(|says| statement(target.clone(), says))
            .collect())
    }

    fn says(&self, ecosystem: &Ecosystem) -> Result<Vec<Says>, String> {
        let ranges = self.ranges.as_deref().unwrap_or_default();
        let mut says = Vec::new();
        let mut decided = false;
        for range in ranges.iter().filter(|range| !range.is_git()) {
            says.extend(range.says(ecosystem.scheme)?);
            decided = true;
        }
        if decided {
            return Ok(says);
        }
        let listed = self.versions.as_deref().unwrap_or_default();
        if listed.len() > VERSIONS_MAX {
            return Err(format!("more than {VERSIONS_MAX} versions"));
        }
        if listed.is_empty() {
            // Ranges of commits only: nothing is known of package versions.
            return Ok(vec![Says::Undetermined {
                word: "no package versions named".to_owned(),
            }]);
        }
        let mut versions = Vec::with_capacity(listed.len());
        for text in listed {
            versions.push(fields::version(None, &text.0)?);
        }
        versions.sort();
        versions.dedup();
        Ok(vec![Says::AffectedExactly {
            versions,
            fixed: None,
        }])
    }

    /// SUSE names the source package, and beside it the binary packages with a version each: those
    /// are what a device lists.
    fn binaries(
        &self,
        ecosystem: &Ecosystem,
        says: &[Says],
    ) -> Result<Vec<(Target, Says)>, String> {
        let ([Says::FixedIn { introduced, .. }], Feed::SuseOsv) = (says, ecosystem.feed) else {
            return Ok(Vec::new());
        };
        let listed = self
            .ecosystem_specific
            .as_ref()
            .and_then(|specific| specific.get("binaries"))
            .and_then(Value::as_array);
        let mut binaries = Vec::new();
        for (name, version) in listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flatten()
        {
            let version = version.as_str().ok_or("a binary package without version")?;
            let fixed = fields::version(ecosystem.scheme, version)?;
            let introduced = introduced.clone();
            binaries.push((
                Target::Binary(fields::package(name)?),
                Says::FixedIn { introduced, fixed },
            ));
        }
        Ok(binaries)
    }

    /// The CVEs that Ubuntu's notices name per package.
    fn cves_of_package(&self) -> Vec<CveId> {
        let mut cves: Vec<CveId> = self
            .cves_map()
            .filter_map(|cve| cve.get("id")?.as_str()?.parse().ok())
            .collect();
        cves.sort_unstable();
        cves.dedup();
        cves
    }

    fn cves_map(&self) -> impl Iterator<Item = &Value> {
        self.database_specific
            .as_ref()
            .and_then(|specific| specific.get("cves_map"))
            .and_then(|map| map.get("cves"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }

    fn severity_words(&self) -> impl Iterator<Item = &str> {
        let of_cves = self
            .cves_map()
            .filter_map(|cve| cve.get("severity"))
            .filter_map(Value::as_array)
            .flatten()
            .filter(|severity| severity.get("type").and_then(Value::as_str) == Some("Ubuntu"))
            .filter_map(|severity| severity.get("score")?.as_str());
        let of_ecosystem = self.ecosystem_specific.iter().filter_map(|specific| {
            severity_word(specific).or_else(|| specific.get("ubuntu_priority")?.as_str())
        });
        let of_database = self.database_specific.iter().filter_map(severity_word);
        of_cves.chain(of_ecosystem).chain(of_database)
    }

    /// Extended LTS and live patches are channels of their own, whatever the ecosystem's name says.
    fn subscription(&self, id: &str, ecosystem: &Ecosystem) -> Option<String> {
        let availability = self
            .ecosystem_specific
            .as_ref()
            .and_then(|specific| specific.get("availability"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        if id.starts_with("LSN-") || availability.starts_with("Livepatch") {
            return Some("Livepatch".to_owned());
        }
        if id.starts_with("ELA-") {
            return Some("Debian Extended LTS".to_owned());
        }
        if ecosystem.subscription.is_none() && availability.starts_with("Available with Ubuntu Pro")
        {
            return Some("Ubuntu Pro".to_owned());
        }
        ecosystem.subscription.clone()
    }
}

/// The CVE of an id: `CVE-2024-1`, and with the prefix that distributions put before it.
fn cve_of(id: &str) -> Option<CveId> {
    const PREFIXES: [&str; 4] = ["UBUNTU-", "DEBIAN-", "ALPINE-", "CURL-"];
    let id = id.trim();
    let bare = PREFIXES
        .into_iter()
        .find_map(|prefix| id.strip_prefix(prefix))
        .unwrap_or(id);
    bare.parse().ok()
}

fn take(ids: &mut Ids, id: &str) {
    match cve_of(id) {
        Some(cve) => {
            ids.cves.insert(cve);
        }
        None => ids.take(id),
    }
}

/// What kind of patch, by the id: the rebuilds and SUSE say it there.
fn classification(id: &str) -> Option<Classification> {
    const KINDS: &[(&str, Classification)] = &[
        ("ALBA-", Classification::Hotfix),
        ("ALEA-", Classification::Feature),
        ("RLBA-", Classification::Hotfix),
        ("RLEA-", Classification::Feature),
        ("RHBA-", Classification::Hotfix),
        ("RHEA-", Classification::Feature),
        ("SUSE-RU-", Classification::Hotfix),
        ("SUSE-FU-", Classification::Feature),
        ("openSUSE-RU-", Classification::Hotfix),
    ];
    let found = KINDS.iter().find(|(prefix, _)| id.starts_with(prefix));
    Some(found.map_or(Classification::Security, |(_, kind)| *kind))
}

/// The same statement for several products of one system stands once.
fn without_repeats(statements: &mut Vec<Statement>) {
    let mut kept: Vec<Statement> = Vec::with_capacity(statements.len());
    let mut keys = std::collections::BTreeMap::<(String, String), Vec<usize>>::new();
    for statement in statements.drain(..) {
        let key = (
            statement.system.as_str().to_owned(),
            statement.target.name().as_str().to_owned(),
        );
        let same = keys.entry(key).or_default();
        if !same
            .iter()
            .rev()
            .take(COMPARED_MAX)
            .any(|&at| kept[at] == statement)
        {
            same.push(kept.len());
            kept.push(statement);
        }
    }
    *statements = kept;
}
