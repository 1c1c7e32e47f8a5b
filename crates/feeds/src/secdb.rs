//! Alpine's secdb, JSON and the older YAML; Wolfi and Chainguard use the same form.
//!
//! A source package (origin) names fixed versions, each with ids. One advisory for each id of each
//! fixed version; version `0` says that the package was never affected. Only fixed faults are listed:
//! what is not there is unknown. The system is `distroversion` (`v3.20`, `edge`); without one the
//! address says whose it is. Records: packages. A package with a part that cannot be read is broken;
//! what it says otherwise is handed over.
//! Source: the documents, and Alpine's `secfixes` comments in its build recipes.

use domain::advisory::{Advisory, Says, Statement, SystemId, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::name::PackageName;
use domain::severity::Classification;
use serde_json::Value;
use versions::Scheme;

use crate::fields::{self, Ids, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json;
use crate::refusal::Refusal;
use crate::yaml;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "alpine-secdb",
        recognise,
        parse,
    },
    Format {
        name: "alpine-secdb-yaml",
        recognise: recognise_yaml,
        parse: parse_yaml,
    },
];

/// Most ids of one fixed version.
const IDS_MAX: usize = 10_000;

fn recognise(probe: &Probe<'_>) -> bool {
    probe.head.starts_with('{')
        && ["apkurl", "urlprefix", "reponame", "distroversion"]
            .into_iter()
            .filter(|key| probe.has_key(key))
            .count()
            >= 2
        && (probe.has_key("secfixes") || probe.has_key("packages"))
}

fn recognise_yaml(probe: &Probe<'_>) -> bool {
    if probe.is_json() || probe.is_xml() {
        return false;
    }
    let has = |key: &str| probe.head.lines().any(|line| line.starts_with(key));
    has("packages:") && (has("distroversion:") || has("apkurl:") || has("reponame:"))
}

/// Whose packages these are.
struct Origin {
    system: SystemId,
    repository: String,
}

impl Origin {
    /// Reads the fields before the packages.
    fn read(field: impl Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        let text = |key: &str| field(key).unwrap_or_default();
        let release = text("distroversion");
        let addresses = format!("{} {}", text("urlprefix"), text("apkurl"));
        let system = match release.trim().strip_prefix('v').unwrap_or(release.trim()) {
            "" if addresses.contains("wolfi") => SystemId::new("wolfi", ""),
            "" if addresses.contains("chainguard") || addresses.contains("cgr.dev") => {
                SystemId::new("chainguard", "")
            }
            "" => {
                return Err(Refusal::Missing {
                    place: "the head of the document".to_owned(),
                    what: "`distroversion`".to_owned(),
                });
            }
            release => {
                let readable = fields::id(release).is_ok_and(|release| {
                    release.len() <= 32 && !release.contains(char::is_whitespace)
                });
                if !readable {
                    return Err(Refusal::Invalid {
                        place: "distroversion".to_owned(),
                        why: format!("`{}` is no release", fields::word(release)),
                    });
                }
                SystemId::new("alpine", release)
            }
        };
        Ok(Self {
            system,
            repository: fields::word(&text("reponame")),
        })
    }

    fn document(&self) -> String {
        format!("{} {}", self.system, self.repository)
            .trim_end()
            .to_owned()
    }
}

struct Reader<'s> {
    sink: &'s mut dyn Sink,
    parsed: Parsed,
    origin: Origin,
    seen: Seen,
    walked: u64,
}

impl<'s> Reader<'s> {
    fn new(origin: Origin, sink: &'s mut dyn Sink) -> Self {
        let mut parsed = Parsed::new(Feed::AlpineSecdb);
        parsed.document = Some(origin.document());
        Self {
            sink,
            parsed,
            origin,
            seen: Seen::default(),
            walked: 0,
        }
    }

    fn entry(&mut self, at: usize, entry: Result<Value, String>) -> Result<(), Refusal> {
        let place = format!("package {}", at + 1);
        let package = entry.and_then(|entry| {
            let package = entry.get("pkg").cloned().ok_or("an entry without `pkg`")?;
            let name = package.get("name").and_then(yaml::text);
            let name = fields::package(&name.ok_or("a package without a name")?)?;
            self.seen.first(name.as_str())?;
            Ok((name, package))
        });
        let (name, package) = match package {
            Ok(read) => read,
            Err(why) => {
                self.sink.broken(&place, &why);
                return Ok(());
            }
        };
        match self.package(&name, package.get("secfixes"))? {
            None => self.parsed.records += 1,
            Some(why) => self.sink.broken(name.as_str(), &why),
        }
        Ok(())
    }

    /// Hands over what the package says; gives the first part that could not be read.
    fn package(
        &mut self,
        name: &PackageName,
        fixes: Option<&Value>,
    ) -> Result<Option<String>, Refusal> {
        let fixes = match fixes {
            Some(Value::Object(fixes)) => fixes,
            // A package without any fix: the list is empty in one way or another.
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) if list.is_empty() => return Ok(None),
            Some(_) => return Ok(Some("`secfixes` is no object".to_owned())),
        };
        let mut fault = None;
        for (version, ids) in fixes {
            let says = match says(version) {
                Ok(says) => says,
                Err(why) => {
                    fault.get_or_insert(why);
                    continue;
                }
            };
            let ids = match ids {
                Value::Array(ids) if ids.len() <= IDS_MAX => ids.as_slice(),
                Value::Null => &[],
                _ => {
                    fault.get_or_insert(format!("{version}: no list of ids"));
                    continue;
                }
            };
            for id in ids {
                let Some(text) = yaml::text(id).filter(|text| !text.trim().is_empty()) else {
                    fault.get_or_insert(format!("{version}: an id that is no text"));
                    continue;
                };
                self.fix(name, &says, &text)?;
            }
        }
        Ok(fault)
    }

    /// One advisory for each CVE of the text; where it names none, one for its first other id.
    fn fix(&mut self, name: &PackageName, says: &Says, text: &str) -> Result<(), Refusal> {
        let ids = ids(text);
        let aliases = ids.alias_list();
        let mut made: Vec<(String, Vec<CveId>)> = ids
            .cves
            .iter()
            .map(|cve| (cve.to_string(), vec![*cve]))
            .collect();
        if made.is_empty() {
            let id = aliases.first().cloned();
            made.push((id.unwrap_or_else(|| fields::word(text)), Vec::new()));
        }
        for (id, cves) in made {
            self.walked += 1;
            if self.walked > RECORDS_MAX {
                return Err(Refusal::TooMany {
                    what: "fixes",
                    limit: RECORDS_MAX,
                });
            }
            let mut advisory = Advisory::new(id);
            advisory.title = fields::title(&format!("{name} ({})", self.origin.repository));
            advisory.cves = cves;
            advisory.aliases.clone_from(&aliases);
            advisory.aliases.retain(|alias| *alias != advisory.id);
            advisory.classification = Some(Classification::Security);
            advisory.statements.push(Statement {
                system: self.origin.system.clone(),
                target: Target::Source(name.clone()),
                architectures: Vec::new(),
                module: None,
                cves: None,
                subscription: None,
                says: says.clone(),
            });
            self.sink.record(Record::Advisory(Box::new(advisory)));
        }
        Ok(())
    }
}

fn says(version: &str) -> Result<Says, String> {
    if version.trim() == "0" {
        return Ok(Says::NotAffected {
            why: "the package was never affected".to_owned(),
        });
    }
    let fixed = fields::version(Some(Scheme::Apk), version)?;
    if !version.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{}` is not a version", fields::word(version)));
    }
    Ok(Says::FixedIn {
        introduced: None,
        fixed,
    })
}

/// The ids of a text such as `CVE-2017-12122 TALOS-2017-0488` or `CVE-2019-1234 (+ more)`.
///
/// Recipes are written by hand: `CVE_2019-2426`, `CVE-2017-17434-1` and `CVE-2019-19451.patch` occur.
/// A remark in brackets names no other id than a CVE.
fn ids(text: &str) -> Ids {
    let mut ids = Ids::default();
    let mut depth = 0_usize;
    for word in text.split([' ', '\t', ',', ';', '/']) {
        let opened = word.matches('(').count();
        let inside = depth > 0 || opened > 0;
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if let Some(cve) = cve_at_start(bare) {
            ids.cves.insert(cve);
        } else if !inside && is_other_id(bare) {
            ids.take(bare);
        }
        depth = (depth + opened).saturating_sub(word.matches(')').count());
    }
    ids
}

/// The CVE that a word begins with, where what follows is no digit.
fn cve_at_start(word: &str) -> Option<CveId> {
    let rest = word
        .strip_prefix("CVE-")
        .or_else(|| word.strip_prefix("CVE_"))?;
    let (year, rest) = rest.split_once('-')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    format!("CVE-{year}-{}", &rest[..digits]).parse().ok()
}

/// `XSA-207`, `TALOS-2017-0488`, `GHSA-…`: capitals, a hyphen, and more.
fn is_other_id(word: &str) -> bool {
    let Some((start, rest)) = word.split_once('-') else {
        return false;
    };
    let capitals = start.len() >= 2 && start.bytes().all(|b| b.is_ascii_uppercase());
    capitals
        && rest.bytes().any(|byte| byte.is_ascii_digit())
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut head = Vec::new();
    let mut packages = None;
    for member in json::members(bytes) {
        let member = member?;
        match member.key().as_ref() {
            "packages" => packages = Some(member.value),
            key @ ("distroversion" | "reponame" | "urlprefix" | "apkurl") => {
                let text = json::record::<String>(member.value).ok();
                head.extend(text.map(|text| (key.to_owned(), text)));
            }
            _ => {}
        }
    }
    let field = |key: &str| {
        let found = head.iter().find(|(known, _)| known == key)?;
        Some(found.1.clone())
    };
    let packages = packages.ok_or_else(no_packages)?;
    let mut reader = Reader::new(Origin::read(field)?, sink);
    for (at, member) in json::members(packages).enumerate() {
        let entry = json::record(member?.value);
        reader.entry(at, entry)?;
    }
    Ok(reader.parsed)
}

fn parse_yaml(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let value = yaml::value(bytes)?;
    let field = |key: &str| Some(yaml::text(value.get(key)?)?.into_owned());
    let origin = Origin::read(field)?;
    let packages = value.get("packages").and_then(Value::as_array);
    let packages = packages.ok_or_else(no_packages)?;
    let mut reader = Reader::new(origin, sink);
    for (at, entry) in packages.iter().enumerate() {
        reader.entry(at, Ok(entry.clone()))?;
    }
    Ok(reader.parsed)
}

fn no_packages() -> Refusal {
    Refusal::Missing {
        place: "the document".to_owned(),
        what: "`packages`, a list".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
