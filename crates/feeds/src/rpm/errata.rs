//! Errata of AlmaLinux (`errata.full.json`) and Rocky Linux (a page of the errata API), JSON.
//!
//! Records are advisories. One that cannot be read is broken, the rest is read.

use domain::advisory::{Advisory, AfterInstall, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::name::Architecture;
use domain::release::SystemId;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::fixes::{Fix, Fixes, full_version, short};
use super::updateinfo::{Module, Notes, UNNAMED, module_by_title};
use crate::format::{Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json::{self, Member};
use crate::refusal::Refusal;
use crate::seen::SeenIds;
use crate::{platform, when, words};

/// Most bytes of one advisory; the largest that are known have some hundred thousand.
const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Whether it is AlmaLinux's list.
pub(super) fn is_alma(probe: &Probe<'_>) -> bool {
    let keys = ["data", "issued_date", "packages"];
    probe.head.starts_with('{') && keys.iter().all(|key| probe.has_key_anywhere(key))
}

/// Whether it is a page of Rocky's API.
pub(super) fn is_rocky(probe: &Probe<'_>) -> bool {
    let keys = ["advisories", "affected_products"];
    probe.head.starts_with('{') && keys.iter().all(|key| probe.has_key_anywhere(key))
}

/// Reads AlmaLinux's list.
pub(super) fn parse_alma(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let (mut parsed, mut notes) = (Parsed::new(Feed::AlmaErrata), Notes::default());
    each(bytes, "data", &mut parsed, sink, &mut |value| {
        alma(value, &mut notes)
    })?;
    parsed.notes = notes.sentences();
    Ok(parsed)
}

/// Reads a page of Rocky's API.
pub(super) fn parse_rocky(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let (mut parsed, mut notes) = (Parsed::new(Feed::RockyErrata), Notes::default());
    each(bytes, "advisories", &mut parsed, sink, &mut |value| {
        rocky(value, &mut notes)
    })?;
    if let Some(raw) = json::get(bytes, "last_updated_at")?
        && let Ok(text) = serde_json::from_slice::<String>(raw)
    {
        parsed.dated = when::timestamp(&text);
    }
    parsed.notes = notes.sentences();
    Ok(parsed)
}

/// Reads one record; why not, with its id as far as it has one.
type ReadOne<'a> = dyn FnMut(&[u8]) -> Result<Advisory, (String, String)> + 'a;

/// Reads the records of the list under `key`.
fn each(
    bytes: &[u8],
    key: &str,
    parsed: &mut Parsed,
    sink: &mut dyn Sink,
    read: &mut ReadOne<'_>,
) -> Result<(), Refusal> {
    let mut list = None;
    for member in json::members(bytes) {
        let member: Member<'_> = member?;
        if member.key() == key {
            list = Some(member);
        }
    }
    let list = list.ok_or_else(|| Refusal::Missing {
        place: "the document".to_owned(),
        what: key.to_owned(),
    })?;
    let mut seen = SeenIds::default();
    for (number, member) in json::members(list.value).enumerate() {
        let member = member?;
        if number as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "advisories",
                limit: RECORDS_MAX,
            });
        }
        if member.value.len() > RECORD_BYTES_MAX {
            let why = format!("it is larger than {RECORD_BYTES_MAX} bytes");
            sink.broken(&format!("{key}[{number}]"), &why);
            continue;
        }
        match read(member.value) {
            Ok(advisory) if !seen.first(&[&advisory.id]) => {
                sink.broken(&advisory.id, "an advisory with this id was read already");
            }
            Ok(advisory) => {
                parsed.records += 1;
                sink.record(Record::Advisory(Box::new(advisory)));
            }
            Err((id, why)) => {
                let place = match id.is_empty() {
                    true => format!("{key}[{number}]"),
                    false => short(&id),
                };
                sink.broken(&place, &why);
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Alma {
    id: String,
    issued_date: Option<Value>,
    updated_date: Option<Value>,
    severity: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    packages: Vec<AlmaPackage>,
    #[serde(default)]
    references: Vec<AlmaReference>,
}

#[derive(Deserialize)]
struct AlmaPackage {
    name: String,
    epoch: Option<Value>,
    version: String,
    release: String,
    arch: String,
    module: Option<String>,
    reboot_suggested: Option<Value>,
}

#[derive(Deserialize)]
struct AlmaReference {
    #[serde(default)]
    id: String,
}

fn alma(bytes: &[u8], notes: &mut Notes) -> Result<Advisory, (String, String)> {
    let alma: Alma =
        serde_json::from_slice(bytes).map_err(|error| (String::new(), json::why(&error)))?;
    let broken = |why: String| (alma.id.clone(), why);
    let mut advisory = Advisory::new(words::id(&alma.id).map_err(broken)?);
    let references = alma.references.iter().map(|reference| &reference.id);
    advisory.cves = sorted(references.flat_map(|id| id.parse()).collect());
    advisory.title = words::line(&alma.title);
    rate(&mut advisory, alma.severity.as_deref(), None, notes);
    advisory.classification = alma.kind.as_deref().and_then(words::classification);
    advisory.published = alma.issued_date.as_ref().and_then(instant);
    advisory.modified = alma.updated_date.as_ref().and_then(instant);
    let mut lines = Vec::with_capacity(alma.packages.len());
    for package in &alma.packages {
        if is_yes(package.reboot_suggested.as_ref()) {
            advisory.after = AfterInstall::Reboot;
        }
        let system = platform::of_dist_tag(&package.release, Some("almalinux"));
        let module = match package.module.as_deref().filter(|text| !text.is_empty()) {
            // `name:stream:version:context:architecture`
            Some(label) => {
                Module::Stream(label.splitn(3, ':').take(2).collect::<Vec<_>>().join(":"))
            }
            None => module_by_title(&package.release, &alma.title),
        };
        lines.push(Line {
            name: &package.name,
            epoch: package.epoch.as_ref().map(plain),
            version: &package.version,
            release: &package.release,
            architecture: &package.arch,
            system,
            module,
        });
    }
    advisory.statements = state(&lines, notes).map_err(broken)?;
    Ok(advisory)
}

#[derive(Deserialize)]
struct Rocky {
    name: String,
    #[serde(default)]
    synopsis: String,
    kind: Option<String>,
    severity: Option<String>,
    published_at: Option<String>,
    updated_at: Option<String>,
    #[serde(default)]
    cves: Vec<RockyCve>,
    packages: Vec<RockyPackage>,
}

#[derive(Deserialize)]
struct RockyCve {
    #[serde(default)]
    cve: String,
    cvss3_base_score: Option<Value>,
}

#[derive(Deserialize)]
struct RockyPackage {
    nevra: String,
    module_name: Option<String>,
    module_stream: Option<String>,
    #[serde(default)]
    product_name: String,
}

fn rocky(bytes: &[u8], notes: &mut Notes) -> Result<Advisory, (String, String)> {
    let rocky: Rocky =
        serde_json::from_slice(bytes).map_err(|error| (String::new(), json::why(&error)))?;
    let broken = |why: String| (rocky.name.clone(), why);
    let mut advisory = Advisory::new(words::id(&rocky.name).map_err(broken)?);
    advisory.cves = sorted(rocky.cves.iter().flat_map(|of| of.cve.parse()).collect());
    advisory.title = words::line(&rocky.synopsis);
    let scores = rocky
        .cves
        .iter()
        .filter_map(|of| of.cvss3_base_score.as_ref());
    let score = scores
        .filter_map(|score| words::tenths(&plain(score)))
        .max();
    rate(&mut advisory, rocky.severity.as_deref(), score, notes);
    let kind = rocky.kind.as_deref().unwrap_or_default();
    advisory.classification = words::classification(&kind.replace([' ', '_'], ""));
    advisory.published = rocky.published_at.as_deref().and_then(when::timestamp);
    advisory.modified = rocky.updated_at.as_deref().and_then(when::timestamp);
    let mut lines = Vec::with_capacity(rocky.packages.len());
    for package in &rocky.packages {
        let nevra = Nevra::parse(&package.nevra)
            .ok_or_else(|| broken(format!("{:?} is no package", short(&package.nevra))))?;
        let named = platform::named(&package.product_name);
        let system = match named {
            Some(named) => {
                let rocky = named.system.distribution() == "rocky";
                rocky.then_some(named.system)
            }
            None => platform::of_dist_tag(nevra.release, Some("rocky")),
        };
        let module = match (&package.module_name, &package.module_stream) {
            (Some(name), Some(stream)) if !name.is_empty() => {
                Module::Stream(format!("{name}:{stream}"))
            }
            _ => module_by_title(nevra.release, &rocky.synopsis),
        };
        lines.push(Line {
            name: nevra.name,
            epoch: nevra.epoch.map(str::to_owned),
            version: nevra.version,
            release: nevra.release,
            architecture: nevra.architecture,
            system,
            module,
        });
    }
    advisory.statements = state(&lines, notes).map_err(broken)?;
    Ok(advisory)
}

/// One package as an erratum lists it.
struct Line<'a> {
    name: &'a str,
    epoch: Option<String>,
    version: &'a str,
    release: &'a str,
    architecture: &'a str,
    system: Option<SystemId>,
    module: Module,
}

fn state(
    lines: &[Line<'_>],
    notes: &mut Notes,
) -> Result<Vec<domain::advisory::Statement>, String> {
    let is_source = |line: &Line<'_>| matches!(line.architecture, "src" | "nosrc");
    let only_sources = lines.iter().all(is_source);
    let mut fixes = Fixes::default();
    let mut unnamed = false;
    for line in lines {
        let source = is_source(line);
        if source && !only_sources {
            continue;
        }
        let name = line.name.parse().map_err(|error| format!("{error}"))?;
        let fixed = full_version(line.epoch.as_deref(), line.version, line.release)
            .map_err(|why| format!("package {name}: {why}"))?;
        let architecture: Option<Architecture> = match source {
            true => None,
            false => {
                let parsed = line.architecture.parse();
                Some(parsed.map_err(|error| format!("package {name}: {error}"))?)
            }
        };
        let module = match &line.module {
            Module::No => None,
            Module::Stream(stream) => Some(words::id(stream)?),
            Module::Unnamed => {
                notes.streams += 1;
                continue;
            }
        };
        unnamed |= line.system.is_none();
        let system = line.system.clone();
        let fix = Fix {
            system: system.unwrap_or_else(|| SystemId::new(UNNAMED.0, UNNAMED.1)),
            target: if source {
                Target::Source(name)
            } else {
                Target::Binary(name)
            },
            module,
            subscription: None,
            fixed,
        };
        fixes.add(fix, architecture);
    }
    notes.unnamed += u64::from(unnamed);
    Ok(fixes.into_statements())
}

/// The parts of `name-epoch:version-release.architecture.rpm`; the epoch may be left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nevra<'a> {
    pub name: &'a str,
    pub epoch: Option<&'a str>,
    pub version: &'a str,
    pub release: &'a str,
    pub architecture: &'a str,
}

impl<'a> Nevra<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_suffix(".rpm").unwrap_or(text);
        let (rest, architecture) = text.rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let (epoch, version) = match version.split_once(':') {
            Some((epoch, version)) => (Some(epoch), version),
            None => (None, version),
        };
        Some(Self {
            name,
            epoch,
            version,
            release,
            architecture,
        })
    }
}

fn rate(advisory: &mut Advisory, word: Option<&str>, cvss_tenths: Option<u8>, notes: &mut Notes) {
    let word = word.unwrap_or_default();
    advisory.rating = words::rating(word, cvss_tenths);
    if advisory.rating.is_none() && !word.is_empty() {
        notes.severity += 1;
    }
}

fn sorted(mut cves: Vec<CveId>) -> Vec<CveId> {
    cves.sort_unstable();
    cves.dedup();
    cves
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        other => when::timestamp(other.as_str()?),
    }
}

fn is_yes(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_i64() != Some(0),
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "0" | "false" | "False"),
        _ => false,
    }
}
