//! OpenVEX documents; Ubuntu publishes one for each CVE.
//!
//! Products are package URLs with the version that the archive holds now. `fixed` says that this
//! version has the fix, not that it was the first: the statement names it as fixed and no version as
//! affected, so that older ones stay unknown. `affected` counts up to that version, or, where
//! the vendor says that support has ended, for all. Where a statement names source packages only those
//! are read. Records: vulnerabilities. A statement or product that cannot be read makes its
//! vulnerability's record broken; what it says otherwise is handed over.
//! Source: OpenVEX specification 0.2.0; the package URL specification, type `deb`.

use std::collections::{BTreeMap, BTreeSet};

use domain::advisory::{Advisory, NoFixReason, Says, Statement, SystemId, Target};
use domain::feed::Feed;
use domain::name::Architecture;
use domain::severity::Classification;
use serde::Deserialize;
use versions::Scheme;

use crate::fields::{self, Ids};
use crate::format::{Format, Parsed, Probe, Record, Sink};
use crate::json;
use crate::refusal::Refusal;
use crate::ubuntu::releases;

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "ubuntu-vex",
    recognise,
    parse,
}];

/// Most products of a document of which something is stated.
const STATEMENTS_MAX: usize = 100_000;

fn recognise(probe: &Probe<'_>) -> bool {
    probe.head.starts_with('{') && probe.has_key("@context") && probe.head.contains("openvex")
}

#[derive(Deserialize)]
struct RawStatement {
    vulnerability: Vulnerability,
    #[serde(default)]
    products: Vec<Product>,
    status: String,
    status_notes: Option<String>,
    justification: Option<String>,
    impact_statement: Option<String>,
    action_statement: Option<String>,
}

/// An object since 0.2.0, a text before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Named {
        name: Option<String>,
        #[serde(rename = "@id")]
        id: Option<String>,
        description: Option<String>,
        aliases: Option<Vec<String>>,
    },
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Named {
        #[serde(rename = "@id")]
        id: String,
    },
    Text(String),
}

impl Product {
    fn url(&self) -> &str {
        match self {
            Self::Named { id } | Self::Text(id) => id,
        }
    }
}

/// What a package URL names.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    system: SystemId,
    subscription: Option<String>,
    name: String,
    version: Option<String>,
    architecture: Option<String>,
    scheme: Option<Scheme>,
}

struct Open {
    advisory: Advisory,
    ids: Ids,
    fault: Option<String>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::UbuntuVex);
    let mut statements = None;
    let mut author = String::new();
    for member in json::members(bytes) {
        let member = member?;
        let text = || json::record::<String>(member.value).unwrap_or_default();
        match member.key().as_ref() {
            "@id" => parsed.document = fields::id(&text()).ok().map(str::to_owned),
            "author" => author = text(),
            "timestamp" => parsed.dated = fields::timestamp(&text()),
            "statements" => statements = Some(member.value),
            _ => {}
        }
    }
    let statements = statements.ok_or_else(|| Refusal::Missing {
        place: "the document".to_owned(),
        what: "`statements`".to_owned(),
    })?;
    if !author.contains("Canonical") {
        parsed.feed = Feed::Csaf;
        parsed
            .notes
            .push(format!("OpenVEX of {}", fields::word(&author)));
    }
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    let mut kept = 0;
    for (at, member) in json::members(statements).enumerate() {
        let member = member?;
        let place = format!("statement {}", at + 1);
        let raw: RawStatement = match json::record(member.value) {
            Ok(raw) => raw,
            Err(why) => {
                sink.broken(&place, &why);
                continue;
            }
        };
        if kept > STATEMENTS_MAX {
            return Err(Refusal::TooMany {
                what: "products",
                limit: STATEMENTS_MAX as u64,
            });
        }
        match raw.vulnerability.id() {
            Ok(id) => {
                let open = open.entry(id.clone()).or_insert_with(|| Open::new(&id));
                kept += open.take(&raw, &place);
            }
            Err(why) => sink.broken(&place, &why),
        }
    }
    for (id, open) in open {
        let mut advisory = open.advisory;
        advisory.modified = parsed.dated;
        advisory.cves = open.ids.cve_list();
        advisory.aliases = open.ids.alias_list();
        advisory.aliases.retain(|alias| *alias != id);
        match open.fault {
            None => parsed.records += 1,
            Some(why) => sink.broken(&id, &why),
        }
        sink.record(Record::Advisory(Box::new(advisory)));
    }
    Ok(parsed)
}

impl Vulnerability {
    fn id(&self) -> Result<String, String> {
        let text = match self {
            Self::Named { name, id, .. } => name.as_deref().or(id.as_deref()),
            Self::Text(text) => Some(text.as_str()),
        };
        fields::id(text.unwrap_or_default()).map(str::to_owned)
    }
}

impl Open {
    fn new(id: &str) -> Self {
        let mut advisory = Advisory::new(id);
        advisory.classification = Some(Classification::Security);
        let mut ids = Ids::default();
        ids.take(id);
        Self {
            advisory,
            ids,
            fault: None,
        }
    }

    /// Gives how many statements were added.
    fn take(&mut self, raw: &RawStatement, place: &str) -> usize {
        if let Vulnerability::Named {
            description,
            aliases,
            ..
        } = &raw.vulnerability
        {
            if self.advisory.title.is_empty() {
                self.advisory.title = fields::title(description.as_deref().unwrap_or_default());
            }
            // Ubuntu puts addresses here, which name no other id.
            for alias in aliases
                .iter()
                .flatten()
                .filter(|alias| !alias.contains("://"))
            {
                self.ids.take(alias);
            }
        }
        match raw.statements() {
            Ok(statements) => {
                let count = statements.len();
                self.advisory.statements.extend(statements);
                count
            }
            Err(why) => {
                self.fault.get_or_insert(format!("{place}: {why}"));
                0
            }
        }
    }
}

impl RawStatement {
    fn statements(&self) -> Result<Vec<Statement>, String> {
        let mut packages = Vec::with_capacity(self.products.len());
        for product in &self.products {
            packages.push(package(product.url())?);
        }
        let is_source = |package: &Package| package.architecture.as_deref() == Some("source");
        // Releases whose source package is named: their binary packages say the same.
        let sources: BTreeSet<(SystemId, Option<String>)> = packages
            .iter()
            .filter(|package| is_source(package))
            .map(|package| (package.system.clone(), package.subscription.clone()))
            .collect();
        let mut statements = Vec::new();
        for package in &packages {
            let key = (package.system.clone(), package.subscription.clone());
            if is_source(package) || !sources.contains(&key) {
                statements.push(self.statement(package, is_source(package))?);
            }
        }
        Ok(statements)
    }

    fn statement(&self, package: &Package, source: bool) -> Result<Statement, String> {
        let name = fields::package(&package.name)?;
        let architecture = package
            .architecture
            .as_deref()
            .filter(|architecture| !matches!(*architecture, "source" | "all" | "noarch"))
            .map(|architecture| architecture.parse::<Architecture>())
            .transpose()
            .map_err(|error| error.to_string())?;
        Ok(Statement {
            system: package.system.clone(),
            target: if source {
                Target::Source(name)
            } else {
                Target::Binary(name)
            },
            architectures: architecture.into_iter().collect(),
            module: None,
            cves: None,
            subscription: package.subscription.clone(),
            says: self.says(package)?,
        })
    }

    fn says(&self, package: &Package) -> Result<Says, String> {
        let version = package
            .version
            .as_deref()
            .map(|version| fields::version(package.scheme, version))
            .transpose()?;
        let notes = |texts: [&Option<String>; 2]| {
            let text = texts.into_iter().flatten().next();
            fields::title(text.map_or("", String::as_str))
        };
        match self.status.as_str() {
            "not_affected" => {
                let why = notes([&self.impact_statement, &self.justification]);
                Ok(Says::NotAffected { why })
            }
            "under_investigation" => Ok(Says::Undetermined {
                word: self.status.clone(),
            }),
            // This version has the fix; which was the first, and so what of older ones, is not said.
            "fixed" => Ok(match version {
                Some(version) => Says::AffectedExactly {
                    versions: Vec::new(),
                    fixed: Some(version),
                },
                None => Says::Undetermined {
                    word: "fixed, without a version".to_owned(),
                },
            }),
            "affected" => {
                let word = notes([&self.action_statement, &self.status_notes]);
                let lower = word.to_ascii_lowercase();
                let reason = if lower.contains("no longer supported") {
                    NoFixReason::EndOfLife
                } else if lower.contains("will not") || lower.contains("won't") {
                    NoFixReason::WillNotFix
                } else if lower.contains("deferred") || lower.contains("postponed") {
                    NoFixReason::Postponed
                } else {
                    NoFixReason::NotYet
                };
                Ok(match (reason, version) {
                    (NoFixReason::NotYet, Some(last)) if word.is_empty() => Says::AffectedUpTo {
                        introduced: None,
                        last,
                    },
                    _ => Says::NoFix {
                        reason,
                        word: fields::word(if word.is_empty() { "affected" } else { &word }),
                    },
                })
            }
            other => Err(format!("`{}` is no status", fields::word(other))),
        }
    }
}

/// Reads `pkg:deb/ubuntu/curl@7.81.0-1ubuntu1.24?arch=source&distro=esm-infra/xenial`.
fn package(url: &str) -> Result<Package, String> {
    let bad = || format!("`{}` is no package URL", fields::word(url));
    let rest = url.trim().strip_prefix("pkg:").ok_or_else(bad)?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, version) = match path.rsplit_once('@') {
        Some((path, version)) => (path, Some(decoded(version).ok_or_else(bad)?)),
        None => (path, None),
    };
    let mut parts = path.splitn(3, '/');
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (namespace, name) = match (parts.next(), parts.next()) {
        (Some(namespace), Some(name)) => (namespace, name),
        (Some(name), None) => ("", name),
        _ => return Err(bad()),
    };
    let name = decoded(name)
        .filter(|name| !name.is_empty())
        .ok_or_else(bad)?;
    let qualifier = |key: &str| {
        qualifiers
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == key)
            .and_then(|(_, value)| decoded(value))
    };
    let distro = qualifier("distro").unwrap_or_default();
    let (system, subscription) = match (kind.as_str(), namespace) {
        ("deb", "ubuntu") => releases::of_pocket(distro.trim_start_matches("ubuntu-")),
        ("deb", "debian") => (SystemId::debian(distro.trim_start_matches("debian-")), None),
        _ => {
            let distribution = if namespace.is_empty() {
                &kind
            } else {
                namespace
            };
            let release = distro
                .strip_prefix(distribution)
                .map_or(distro.as_str(), |rest| rest.trim_start_matches('-'));
            (SystemId::new(distribution, release), None)
        }
    };
    Ok(Package {
        system,
        subscription,
        name,
        version,
        architecture: qualifier("arch"),
        scheme: match kind.as_str() {
            "deb" => Some(Scheme::Deb),
            "rpm" => Some(Scheme::Rpm),
            "apk" => Some(Scheme::Apk),
            _ => None,
        },
    })
}

/// Undoes `%2B`; `None`: what stands there is no text.
fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
